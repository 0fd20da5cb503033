#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "drive.h"
#include "operation/registry.h"

Suite *exec_suite(void);

static struct drive make_drive(void **config, const char *const *argv)
{
    struct mr_error err = {0};
    struct drive drive = {.drops_input = true, .in_chunk_bytes = 65536, .out_chunk_bytes = 65536};
    ck_assert_ok(exec_filter_create(argv, &drive.operation, config, &err), err);
    ck_assert_ok(drive.operation->state_create(*config, &drive.state, &err), err);
    return drive;
}

static void end_drive(struct drive *drive, void *config)
{
    drive->operation->state_destroy(drive->state);
    drive->operation->config_destroy(config);
}

#define ARGV(...)   ((const char *const[]){__VA_ARGS__, NULL})
#define SHELL(text) ARGV("sh", "-c", text)

static size_t count_fds(void)
{
    DIR *fds = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(fds);
    size_t count = 0;
    while (readdir(fds))
        count++;
    closedir(fds);
    return count;
}

static void check_no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

/* Runs argv over content; the result is the caller's to free. */
static enum mr_status run_once(struct drive *drive, const char *const *argv, const char *path,
                               const void *content, size_t bytes)
{
    void *config;
    size_t fd_count = count_fds();
    *drive = make_drive(&config, argv);
    struct mr_entry entry = drive_entry(path, bytes);
    enum mr_status status = drive_run(drive, &entry, content, bytes);
    end_drive(drive, config);
    ck_assert_uint_eq(count_fds(), fd_count);
    check_no_children();
    return status;
}

static void expect_output(const char *const *argv, const char *path, const char *expected,
                          size_t expected_bytes)
{
    struct drive drive;
    enum mr_status status = run_once(&drive, argv, path, "in", 2);
    ck_assert_msg(status == MR_DONE, "%s", drive.err.text);
    ck_assert_msg(
        drive.out_bytes == expected_bytes && memcmp(drive.out, expected, expected_bytes) == 0,
        "\"%.*s\" instead of \"%s\"", (int)drive.out_bytes, (const char *)drive.out, expected);
    free(drive.out);
}

static void expect_failure(const char *const *argv, const char *text)
{
    struct drive drive;
    ck_assert_int_eq(run_once(&drive, argv, "a", "in", 2), MR_E_CHILD);
    ck_assert_str_eq(drive.err.text, text);
    free(drive.out);
}

START_TEST(filters)
{
    static const size_t sizes[] = {0, 1, 5, 65536, 65537, 5000000};
    void *config;
    struct drive drive = make_drive(&config, ARGV("tr", "a-z", "A-Z"));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t bytes = sizes[i];
        unsigned char *content = support_text(i + 1, bytes), *expected = malloc(bytes + 1);
        ck_assert_ptr_nonnull(expected);
        for (size_t j = 0; j < bytes; j++)
            expected[j] = content[j] >= 'a' && content[j] <= 'z' ? (unsigned char)(content[j] - 32)
                                                                 : content[j];
        struct mr_entry entry = drive_entry("a.txt", bytes);
        ck_assert_int_eq(drive_run(&drive, &entry, content, bytes), MR_DONE);
        ck_assert_out(&drive, expected, bytes);
        ck_assert_uint_eq(drive.used_bytes, bytes);
        free(drive.out);
        free(content);
        free(expected);
    }
    end_drive(&drive, config);
}
END_TEST

/* 20 MB through cat: rooms much smaller, and much larger, than the pipes. */
START_TEST(takes_every_cut)
{
    static const size_t cuts[][2] = {{1 << 20, 512}, {700, 1 << 22}, {1 << 25, 1 << 25}, {0, 0}};
    size_t bytes = _i == 3 ? 200000 : 20000000;
    unsigned char *content = support_noise(3, bytes);
    void *config;
    struct drive drive = make_drive(&config, ARGV("cat"));
    drive.in_chunk_bytes = cuts[_i][0];
    drive.out_chunk_bytes = cuts[_i][1];
    struct mr_entry entry = drive_entry("a", bytes);
    ck_assert_int_eq(drive_run(&drive, &entry, content, bytes), MR_DONE);
    ck_assert_out(&drive, content, bytes);
    free(drive.out);
    free(content);
    end_drive(&drive, config);
}
END_TEST

/* Once the whole input is given, a call that does not end the item fills its room, although the
 * child dawdles. */
START_TEST(fills_its_room)
{
    void *config;
    struct drive drive =
        make_drive(&config, SHELL("for i in 1 2 3 4; do sleep 0.03; printf abc; done"));
    struct mr_entry entry = drive_entry("a", 0);
    struct mr_error err = {0};
    ck_assert_ok(drive.operation->start(drive.state, &entry, &err), err);
    unsigned char room[5];
    struct mr_io io = {.is_last = true, .out = room, .out_bytes = sizeof(room)};
    ck_assert_ok(drive.operation->process(drive.state, &io, &err), err);
    ck_assert_uint_eq(io.out_bytes, 0);
    io = (struct mr_io){.is_last = true, .out = room, .out_bytes = sizeof(room)};
    ck_assert_ok(drive.operation->process(drive.state, &io, &err), err);
    ck_assert_uint_eq(io.out_bytes, 0);
    io = (struct mr_io){.is_last = true, .out = room, .out_bytes = sizeof(room)};
    ck_assert_int_eq(drive.operation->process(drive.state, &io, &err), MR_DONE);
    ck_assert_uint_eq(io.out_bytes, 3);
    end_drive(&drive, config);
}
END_TEST

START_TEST(may_leave_input_unread)
{
    size_t bytes = 8000000;
    unsigned char *content = support_text(1, bytes);
    struct drive drive;
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(run_once(&drive, ARGV("head", "-c1"), "a", content, bytes), MR_DONE);
        ck_assert_out(&drive, content, 1);
        free(drive.out);
    }
    ck_assert_int_eq(run_once(&drive, ARGV("true"), "a", content, bytes), MR_DONE);
    ck_assert_out(&drive, "", 0);
    free(drive.out);
    /* stdin closed at once, the result comes later. */
    ck_assert_int_eq(run_once(&drive, SHELL("exec <&-; sleep 0.1; echo late"), "a", content, bytes),
                     MR_DONE);
    ck_assert_out(&drive, "late\n", 5);
    free(drive.out);
    /* stdout closed at once, but it reads on: waited for, and its status counts. */
    ck_assert_int_eq(
        run_once(&drive, SHELL("exec >&- 2>&-; wc -c >/dev/null; exit 4"), "a", content, bytes),
        MR_E_CHILD);
    ck_assert_uint_eq(drive.used_bytes, bytes);
    free(drive.out);
    free(content);
}
END_TEST

/* With the default disposition, and unblocked: nothing dies, nothing stays pending. */
START_TEST(raises_no_sigpipe)
{
    sigset_t pending, all;
    sigfillset(&all);
    for (int is_blocked = 0; is_blocked < 2; is_blocked++) {
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(is_blocked ? SIG_BLOCK : SIG_UNBLOCK, &all, NULL);
        unsigned char *content = support_text(1, 1000000);
        struct drive drive;
        ck_assert_int_eq(run_once(&drive, ARGV("true"), "a", content, 1000000), MR_DONE);
        free(drive.out);
        free(content);
        ck_assert_int_eq(sigpending(&pending), 0);
        ck_assert_int_eq(sigismember(&pending, SIGPIPE), 0);
    }
    sigprocmask(SIG_UNBLOCK, &all, NULL);
}
END_TEST

START_TEST(reports_failures)
{
    expect_failure(ARGV("false"), "false exited with status 1");
    expect_failure(SHELL("echo one >&2; echo x >&2; exit 3"), "sh exited with status 3: x");
    expect_failure(SHELL("printf 'x: no\\n\\n' >&2; exit 3"), "sh exited with status 3: x: no");
    expect_failure(SHELL("printf 'a\\033[1m' >&2; exit 3"), "sh exited with status 3: a\\x1b[1m");
    expect_failure(SHELL("kill -9 $$"), "sh was killed by signal 9 (KILL)");
    expect_failure(SHELL("echo oh >&2; kill -TERM $$"), "sh was killed by signal 15 (TERM): oh");
    expect_failure(ARGV("no-such-command-at-all"),
                   "cannot run no-such-command-at-all: No such file or directory");
    expect_failure(ARGV("/"), "cannot run /: Permission denied");
    /* Output does not make up for a bad status. */
    expect_failure(SHELL("cat; exit 1"), "sh exited with status 1");
}
END_TEST

/* Much more on stderr than is kept, with results going on beside it; a last line that is too long
 * is cut. */
START_TEST(keeps_the_end_of_stderr)
{
    struct drive drive;
    ck_assert_int_eq(
        run_once(&drive, SHELL("cat; seq 1 300000 >&2; echo out; exit 2"), "a", "in", 2),
        MR_E_CHILD);
    ck_assert_str_eq(drive.err.text, "sh exited with status 2: 300000");
    ck_assert_out(&drive, "inout\n", 6);
    free(drive.out);
    ck_assert_int_eq(
        run_once(&drive, SHELL("yes x | head -c 200000 | tr -d '\\n' >&2; exit 2"), "a", "", 0),
        MR_E_CHILD);
    ck_assert_ptr_nonnull(strstr(drive.err.text, "status 2: xxxxxxxxxx"));
    free(drive.out);
    /* On success it is not looked at. */
    expect_output(SHELL("echo warning >&2; echo ok"), "a", "ok\n", 3);
}
END_TEST

START_TEST(stops_an_endless_command)
{
    size_t fd_count = count_fds();
    void *config;
    struct drive drive = make_drive(&config, SHELL("yes & yes"));
    struct mr_entry entry = drive_entry("a", 0);
    struct mr_error err = {0};
    unsigned char room[100000];
    for (int i = 0; i < 3; i++) {
        ck_assert_ok(drive.operation->start(drive.state, &entry, &err), err);
        struct mr_io io = {.is_last = true, .out = room, .out_bytes = sizeof(room)};
        ck_assert_ok(drive.operation->process(drive.state, &io, &err), err);
        ck_assert_uint_eq(io.out_bytes, 0);
        if (i == 2)
            break; /* its state is destroyed while it runs */
        drive.operation->stop(drive.state);
        check_no_children();
    }
    end_drive(&drive, config);
    check_no_children();
    ck_assert_uint_eq(count_fds(), fd_count);
}
END_TEST

/* What the command leaves behind holds the pipes: not waited for, and killed. */
START_TEST(does_not_wait_for_grandchildren)
{
    static const char *const scripts[] = {
        "sleep 30 & echo $! >&2; echo hi",
        "sleep 30 >/dev/null & echo hi",
        "(sleep 0.3; echo lo; sleep 30) & echo hi",
        "yes >&2 & echo hi",
    };
    struct drive drive;
    int64_t before_ns = clock_now_ns();
    ck_assert_int_eq(run_once(&drive, SHELL(scripts[_i]), "a", "in", 2), MR_DONE);
    if (_i == 2)
        ck_assert_out(&drive, "hi\nlo\n", 6);
    else
        ck_assert_out(&drive, "hi\n", 3);
    free(drive.out);
    ck_assert_int_lt(clock_now_ns() - before_ns, INT64_C(3000000000));
}
END_TEST

/* Also what holds no pipe is gone when the item is done. */
START_TEST(kills_the_group)
{
    struct drive drive;
    ck_assert_int_eq(run_once(&drive, SHELL("sleep 30 >/dev/null 2>&1 & echo $!"), "a", "", 0),
                     MR_DONE);
    ck_assert_uint_gt(drive.out_bytes, 0);
    pid_t grandchild = (pid_t)strtol((const char *)drive.out, NULL, 10);
    free(drive.out);
    ck_assert_int_gt(grandchild, 1);
    char name[64], state = 'R';
    snprintf(name, sizeof(name), "/proc/%d/stat", (int)grandchild);
    for (int i = 0; i < 200 && state != 'Z';
         i++) { /* gone, or a zombie that init has not taken yet */
        FILE *stat = fopen(name, "r");
        if (!stat)
            return;
        if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
            state = 'Z';
        fclose(stat);
        usleep(10000);
    }
    ck_assert_int_eq(state, 'Z');
}
END_TEST

START_TEST(leaves_nothing_behind)
{
    size_t fd_count = count_fds();
    void *config, *missing_config;
    struct drive drive = make_drive(&config, ARGV("cat"));
    struct drive missing = make_drive(&missing_config, ARGV("no-such-command-at-all"));
    for (int i = 0; i < 1000; i++) {
        struct mr_entry entry = drive_entry("a", 3);
        ck_assert_int_eq(drive_run(&drive, &entry, "abc", 3), MR_DONE);
        ck_assert_out(&drive, "abc", 3);
        free(drive.out);
        if (i % 10 == 0) {
            ck_assert_int_eq(drive_run(&missing, &entry, "abc", 3), MR_E_CHILD);
            free(missing.out);
        }
        ck_assert_uint_eq(count_fds(), fd_count);
        check_no_children();
    }
    end_drive(&drive, config);
    end_drive(&missing, missing_config);
}
END_TEST

/* Every byte of an argument arrives as it is: there is no shell. */
START_TEST(passes_arguments_as_they_are)
{
    static const char expected[] = "[a b]['\"][x\ny][$(x)][`x`][*][][\\n][-n][a;b|c&d]";
    expect_output(ARGV("printf", "[%s]", "a b", "'\"", "x\ny", "$(x)", "`x`", "*", "", "\\n", "-n",
                       "a;b|c&d"),
                  "a", expected, sizeof(expected) - 1);
    expect_output(ARGV("printf", "[%s]", "{}", "{/}"), "-rf", "[-rf][-rf]", 10);
    expect_output(ARGV("printf", "[%s]", "{}"), "a $(x)\n'\"", "[a $(x)\n'\"]", 11);
}
END_TEST

struct placeholder_case {
    const char *argument, *path, *expected;
};

static const struct placeholder_case placeholder_cases[] = {
    {"{}", "dir/sub/a.tar.gz", "dir/sub/a.tar.gz"},
    {"{.}", "dir/sub/a.tar.gz", "dir/sub/a.tar"},
    {"{/}", "dir/sub/a.tar.gz", "a.tar.gz"},
    {"{//}", "dir/sub/a.tar.gz", "dir/sub"},
    {"{/.}", "dir/sub/a.tar.gz", "a.tar"},
    {"{.}", "dir.d/file", "dir.d/file"},
    {"{.}", "dir/.hidden", "dir/.hidden"},
    {"{/.}", ".hidden.x", ".hidden"},
    {"{//}", "a", "."},
    {"{//}", "/a", "/"},
    {"--name={/.}.png", "x/a.jpg", "--name=a.png"},
    {"{}{}", "a", "aa"},
    {"{{}}", "a", "{}"},
    {"{{{}}}", "a", "{a}"},
    {"{{/}} {/}", "x/a", "{/} a"},
    {"{{in}}", "a", "{in}"},
    {"{xyz} {a:1} { } {", "a", "{xyz} {a:1} { } {"},
    {"{a:{b:1}}", "a", "{a:{b:1}}"},
    {"}} }", "a", "}} }"},
    {"{} is", "{/}", "{/} is"}, /* what was put in is not looked at again */
    {"", "a", ""},
};

START_TEST(replaces_placeholders)
{
    const struct placeholder_case *c = &placeholder_cases[_i];
    expect_output(ARGV("printf", "%s", c->argument), c->path, c->expected, strlen(c->expected));
}
END_TEST

START_TEST(refuses_what_cannot_be)
{
    static const char *const wrong[][3] = {
        {NULL},
        {"", NULL},
        {"cat", "{in}", NULL},
        {"cat", "x{out}y", NULL},
        {"cat", "{#}", NULL},
        {"cat", "{%}", NULL},
        {"cat", "-j{threads}", NULL},
        {"{}", NULL},
        {"bin/{/}", NULL},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct mr_operation *operation = NULL;
        void *config = NULL;
        struct mr_error err = {0};
        ck_assert_int_eq(exec_filter_create(wrong[i], &operation, &config, &err), MR_E_USAGE);
        ck_assert_int_eq(err.status, MR_E_USAGE);
        ck_assert_str_ne(err.text, "");
    }
}
END_TEST

START_TEST(sets_the_environment)
{
    setenv("MILLRACE_PATH", "wrong", 1);
    setenv("MILLRACE_SIZE", "wrong", 1);
    setenv("MR_TEST_VARIABLE", "kept", 1);
    static const char *const argv[] = {
        "sh", "-c",
        "echo \"$MILLRACE_PATH|${MILLRACE_SIZE-unset}|${MILLRACE_MTIME-unset}|$MR_TEST_VARIABLE\"; "
        "env | grep -c ^MILLRACE_",
        NULL};
    expect_output(argv, "a b", "a b|2|1700000000|kept\n3\n", 24);
    void *config;
    struct drive drive = make_drive(&config, argv);
    struct mr_entry entry = drive_entry("a", 0);
    entry.size_bytes = MR_SIZE_UNKNOWN;
    entry.has_mtime = false;
    ck_assert_int_eq(drive_run(&drive, &entry, "", 0), MR_DONE);
    ck_assert_out(&drive, "a|||kept\n3\n", 11);
    free(drive.out);
    end_drive(&drive, config);
}
END_TEST

/* The child: descriptors 0, 1, 2 alone, no signal blocked or ignored, a group of its own. */
START_TEST(gives_a_clean_start)
{
    int leaky = dup(1); /* not close-on-exec */
    ck_assert_int_gt(leaky, 2);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    /* 32 and 33 are the C library's own; it lets posix_spawn() ignore them. */
    expect_output(
        SHELL("sed -n 's/^Sig\\(Blk\\|Ign\\):[[:space:]]*0000000[01][08]/\\1 /p' /proc/self/status"
              " | grep ."),
        "a", "Blk 0000000\nIgn 0000000\n", 24);
    expect_output(SHELL("i=0; while [ $i -lt 60 ]; do [ -e /proc/$$/fd/$i ] && printf '%s ' $i; "
                        "i=$((i + 1)); done; :"),
                  "a", "0 1 2 ", 6);
    expect_output(SHELL("test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo own"), "a", "own\n", 4);
    close(leaky);
}
END_TEST

/* Also where 0, 1 and 2 are free and pipes would get these numbers. */
START_TEST(works_with_closed_standard_descriptors)
{
    int kept[3];
    for (int i = 0; i < 3; i++)
        kept[i] = dup(i);
    for (int i = 0; i < 3; i++)
        close(i);
    struct drive drive;
    enum mr_status good = run_once(&drive, SHELL("cat; echo e >&2"), "a", "in", 2);
    size_t bytes = drive.out_bytes;
    free(drive.out);
    enum mr_status bad = run_once(&drive, SHELL("echo e >&2; exit 1"), "a", "in", 2);
    for (int i = 0; i < 3; i++) {
        if (kept[i] < 0)
            continue;
        dup2(kept[i], i);
        close(kept[i]);
    }
    ck_assert_int_eq(good, MR_DONE);
    ck_assert_uint_eq(bytes, 2);
    ck_assert_int_eq(bad, MR_E_CHILD);
    ck_assert_str_eq(drive.err.text, "sh exited with status 1: e");
    free(drive.out);
}
END_TEST

/* A program that ignores SIGCHLD gets no statuses: said, not guessed. */
START_TEST(says_when_the_status_is_lost)
{
    signal(SIGCHLD, SIG_IGN);
    struct drive drive;
    ck_assert_int_eq(run_once(&drive, SHELL("echo hi"), "a", "", 0), MR_E_CHILD);
    ck_assert_ptr_nonnull(strstr(drive.err.text, "SIGCHLD"));
    free(drive.out);
}
END_TEST

Suite *exec_suite(void)
{
    Suite *suite = suite_create("exec");
    TCase *tcase = tcase_create("exec");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, filters);
    tcase_add_loop_test(tcase, takes_every_cut, 0, 4);
    tcase_add_test(tcase, fills_its_room);
    tcase_add_test(tcase, may_leave_input_unread);
    tcase_add_test(tcase, raises_no_sigpipe);
    tcase_add_test(tcase, reports_failures);
    tcase_add_test(tcase, keeps_the_end_of_stderr);
    tcase_add_test(tcase, stops_an_endless_command);
    tcase_add_loop_test(tcase, does_not_wait_for_grandchildren, 0, 4);
    tcase_add_test(tcase, kills_the_group);
    tcase_add_test(tcase, leaves_nothing_behind);
    tcase_add_test(tcase, passes_arguments_as_they_are);
    tcase_add_loop_test(tcase, replaces_placeholders, 0,
                        (int)(sizeof(placeholder_cases) / sizeof(placeholder_cases[0])));
    tcase_add_test(tcase, refuses_what_cannot_be);
    tcase_add_test(tcase, sets_the_environment);
    tcase_add_test(tcase, gives_a_clean_start);
    tcase_add_test(tcase, works_with_closed_standard_descriptors);
    tcase_add_test(tcase, says_when_the_status_is_lost);
    suite_add_tcase(suite, tcase);
    return suite;
}
