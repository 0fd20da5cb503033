/*
 * Commands that behave badly, among many that do not: each ends as it should, in time and with the
 * reason, in filter and in file mode; the others do not notice, and nothing is left of any.
 */
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "command.h"

Suite *bad_commands_suite(void);

#define LIMIT_NS INT64_C(300000000)   /* what an item may take that does not end by itself */
#define AMPLE_NS INT64_C(30000000000) /* and any other, however busy the processors are */
#define MIB      ((size_t)1 << 20)

struct bad {
    const char *script;
    enum mr_status status;
    const char *text; /* what the error begins with; NULL: any */
    const char *out;  /* the result when there is no error */
};

static const struct bad cases[] = {
    {"exec sleep 1000", MR_E_TIMEOUT, "sh was ended", NULL}, /* never reads */
    {"exec <&-; sleep 0.05; echo ok", MR_DONE, NULL, "ok\n"},
    {"exit 0", MR_DONE, NULL, ""},
    {"exec cat /dev/zero", MR_E_TIMEOUT, "sh was ended", NULL}, /* writes for ever */
    {"while :; do cat /proc/self/maps; done >&2", MR_E_TIMEOUT, NULL, NULL},
    {"yes flood | head -c 30000000 >&2; exit 3", MR_E_CHILD, "sh exited with status 3: flood",
     NULL},
    {"trap '' TERM INT HUP; while :; do sleep 1000; done", MR_E_TIMEOUT, "sh was ended", NULL},
    {"sleep 1000 & (sleep 1000 | sleep 1000) & echo ok", MR_DONE, NULL, "ok\n"},
    {"kill -SEGV $$", MR_E_CHILD, "sh was killed by signal 11 (SEGV)", NULL},
    {"exit 3", MR_E_CHILD, "sh exited with status 3", NULL},
    {"kill -STOP $$", MR_E_TIMEOUT, "sh was ended", NULL},
    {"head -c 1500000 >/dev/null; echo ok; sleep 0.05; echo more", MR_DONE, NULL, "ok\nmore\n"},
};
#define CASE_COUNT (sizeof(cases) / sizeof(cases[0]))

/* A command that is good for all items but those with the name of a bad one. */
static void make_script(char *script, size_t cap_bytes, bool has_file)
{
    size_t at = 0;
    at += (size_t)snprintf(script, cap_bytes, "%scase $0 in ", has_file ? "exec >{out}; " : "");
    for (size_t i = 0; i < CASE_COUNT; i++) {
        at += (size_t)snprintf(script + at, cap_bytes - at, "%zu) %s;; ", i, cases[i].script);
        ck_assert_uint_lt(at, cap_bytes);
    }
    snprintf(script + at, cap_bytes - at, "*) exec tr a-z A-Z;; esac");
}

static void check_bad(struct drive *drive, const struct bad *bad, const unsigned char *content,
                      size_t bytes)
{
    struct mr_entry entry = drive_entry("", bytes);
    char name[16];
    snprintf(name, sizeof(name), "%zu", (size_t)(bad - cases));
    entry.path = name;
    int64_t begin_ns = clock_now_ns();
    bool is_late = bad->status == MR_E_TIMEOUT;
    drive->deadline_ns = begin_ns + (is_late ? LIMIT_NS : AMPLE_NS);
    drive->drops_output = !bad->out;
    enum mr_status status = drive_run(drive, &entry, content, bytes);
    int64_t took_ns = clock_now_ns() - begin_ns;
    ck_assert_msg(status == bad->status, "%s: %d, %s", bad->script, status, drive->err.text);
    if (bad->text)
        ck_assert_msg(strncmp(drive->err.text, bad->text, strlen(bad->text)) == 0, "%s: %s",
                      bad->script, drive->err.text);
    if (bad->out)
        ck_assert_out(drive, bad->out, strlen(bad->out));
    ck_assert_msg(!is_late || took_ns < LIMIT_NS + SUPPORT_HANG_MS * 1000000, "%s: %lld ms",
                  bad->script, (long long)(took_ns / 1000000));
    free(drive->out);
}

static void check_good(struct drive *drive, unsigned index)
{
    char name[32], content[64], expected[64];
    snprintf(name, sizeof(name), "good %u", index);
    snprintf(content, sizeof(content), "good item %u\n", index);
    snprintf(expected, sizeof(expected), "GOOD ITEM %u\n", index);
    struct mr_entry entry = drive_entry(name, strlen(content));
    drive->deadline_ns = clock_now_ns() + AMPLE_NS;
    drive->drops_output = false;
    enum mr_status status = drive_run(drive, &entry, content, strlen(content));
    ck_assert_msg(status == MR_DONE, "%s: %s", name, drive->err.text);
    ck_assert_out(drive, expected, strlen(expected));
    free(drive->out);
}

START_TEST(does_not_disturb_others)
{
    char script[4096];
    make_script(script, sizeof(script), _i == 1);
    size_t fd_count = count_fds();
    void *config;
    struct drive drive = make_drive(&config, ARGV("sh", "-c", script, "{}"));
    size_t bytes = 3 * MIB;
    unsigned char *content = support_text(1, bytes);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    for (unsigned i = 0; i < CASE_COUNT; i++) {
        check_good(&drive, i);
        check_bad(&drive, &cases[i], content, bytes);
        check_no_children();
    }
    check_good(&drive, 99);
    getrusage(RUSAGE_SELF, &after);
    ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 64 * 1024); /* a sanitizer keeps some */
    end_drive(&drive, config);
    free(content);
    ck_assert_uint_eq(count_fds(), fd_count);
    check_no_children();
}
END_TEST

/* What cannot be run at all: a file without the bit, a directory, a script of a missing shell. */
START_TEST(names_what_cannot_be_run)
{
    char path[] = "/tmp/millrace-check-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, "#!/no/such/shell\n", 17), 17);
    close(fd);
    struct drive drive;
    char text[128];
    for (int i = 0; i < 3; i++) {
        static const char *const reasons[] = {
            "Permission denied", "the interpreter that its first line names is not there",
            "Permission denied"};
        snprintf(text, sizeof(text), "cannot run %s: %s", i == 2 ? "/tmp" : path, reasons[i]);
        ck_assert_int_eq(run_once(&drive, ARGV(i == 2 ? "/tmp" : path), "a", "in", 2), MR_E_CHILD);
        ck_assert_str_eq(drive.err.text, text);
        free(drive.out);
        chmod(path, 0755);
    }
    unlink(path);
}
END_TEST

Suite *bad_commands_suite(void)
{
    Suite *suite = suite_create("bad_commands");
    TCase *tcase = tcase_create("bad_commands");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, does_not_disturb_others, 0, 2);
    tcase_add_test(tcase, names_what_cannot_be_run);
    suite_add_tcase(suite, tcase);
    return suite;
}
