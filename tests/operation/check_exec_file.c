/* File mode: what {in} and {out} are, and that nothing is left of them. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "command.h"
#include "operation/internals.h"

Suite *exec_file_suite(void);

/* A private tmpdir that must be empty at the end; "" for the default. */
struct room {
    char path[64];
};

static void make_room(struct room *room)
{
    strcpy(room->path, "/tmp/millrace-check-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(room->path));
}

/* rmdir() succeeds for an empty directory alone. */
static void end_room(struct room *room)
{
    ck_assert_msg(rmdir(room->path) == 0, "something is left in %s", room->path);
}

struct file_drive {
    struct drive drive;
    void *config;
    size_t fd_count;
};

static void begin(struct file_drive *file, const struct exec_options *options,
                  const char *const *argv)
{
    struct mr_error err = {0};
    file->fd_count = count_fds();
    file->drive =
        (struct drive){.drops_input = true, .in_chunk_bytes = 65536, .out_chunk_bytes = 65536};
    ck_assert_ok(exec_create(argv, options, &file->drive.operation, &file->config, &err), err);
    ck_assert_ok(file->drive.operation->state_create(file->config, &file->drive.state, &err), err);
}

static void end(struct file_drive *file)
{
    end_drive(&file->drive, file->config);
    ck_assert_uint_eq(count_fds(), file->fd_count);
    check_no_children();
}

/* Runs argv over content with a tmpdir of its own (or none), for good. */
static void expect_file_output(bool has_tmpdir, const char *const *argv,
                               const struct mr_entry *entry, const void *content, size_t bytes,
                               const void *expected, size_t expected_bytes)
{
    struct room room;
    make_room(&room);
    const struct exec_options options = {.mode = EXEC_AUTO,
                                         .tmpdir = has_tmpdir ? room.path : NULL};
    struct file_drive file;
    begin(&file, &options, argv);
    for (int i = 0; i < 2; i++) { /* a state is used again */
        enum mr_status status = drive_run(&file.drive, entry, content, bytes);
        ck_assert_msg(status == MR_DONE, "%s", file.drive.err.text);
        ck_assert_msg(file.drive.out_bytes == expected_bytes &&
                          memcmp(file.drive.out, expected, expected_bytes) == 0,
                      "got %.*s", (int)file.drive.out_bytes, (const char *)file.drive.out);
        ck_assert_uint_eq(file.drive.used_bytes, bytes);
        free(file.drive.out);
    }
    end(&file);
    end_room(&room);
}

static void expect_text_of(const char *const *argv, const struct mr_entry *entry, const char *text)
{
    expect_file_output(false, argv, entry, "content\n", 8, text, strlen(text));
    expect_file_output(true, argv, entry, "content\n", 8, text, strlen(text));
}

START_TEST(copies)
{
    static const size_t sizes[] = {0, 1, 65536, 65537, 3000000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned char *content = support_noise(i + 1, sizes[i]);
        struct mr_entry entry = drive_entry("a.bin", sizes[i]);
        for (int has_tmpdir = 0; has_tmpdir < 2; has_tmpdir++) {
            expect_file_output(has_tmpdir, ARGV("cp", "{in}", "{out}"), &entry, content, sizes[i],
                               content, sizes[i]);
            expect_file_output(has_tmpdir, ARGV("cat", "{in}"), &entry, content, sizes[i], content,
                               sizes[i]);
            expect_file_output(has_tmpdir, ARGV("dd", "status=none", "of={out}"), &entry, content,
                               sizes[i], content, sizes[i]);
        }
        free(content);
    }
}
END_TEST

/* Programs choose formats by extensions; the name in the output has the last word about {out}. */
START_TEST(keeps_extensions)
{
    static const struct {
        const char *path, *output, *later, *expected;
    } cases[] = {
        {"d/a.png", NULL, NULL, "in.png out.png\n"},
        {"d/a.png", "d/a.webp", NULL, "in.png out.webp\n"},
        {"d/a.png", "x/a.webp.gz", ".gz", "in.png out.webp\n"},
        {"d/a.png", "x/a.webp", ".gz", "in.png out.webp\n"},
        {"d/a.png", "a", NULL, "in.png out\n"},
        {"d.x/a", "d.y/a.gz", ".gz", "in out\n"},
        {".hidden", ".hidden", NULL, "in out\n"},
        {"a.tar.gz", "a.tar", NULL, "in.gz out.tar\n"},
        {"a.b c", "a.$(x)", NULL, "in.b c out.$(x)\n"},
        {"a.\xff\n", "a.\"'", NULL, "in.\xff\n out.\"'\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_entry entry = drive_entry(cases[i].path, 0);
        entry.output_path = cases[i].output;
        const struct exec_options options = {.mode = EXEC_FILE, .later_suffix = cases[i].later};
        struct file_drive file;
        begin(&file, &options,
              ARGV("sh", "-c", "echo \"${0##*/} ${1##*/}\" >\"$1\"", "{in}", "{out}"));
        ck_assert_int_eq(drive_run(&file.drive, &entry, "", 0), MR_DONE);
        ck_assert_out(&file.drive, cases[i].expected, strlen(cases[i].expected));
        free(file.drive.out);
        end(&file);
    }
}
END_TEST

START_TEST(puts_paths_into_arguments)
{
    struct mr_entry entry = drive_entry("a", 0);
    expect_text_of(ARGV("dd", "status=none", "if={in}", "of={out}"), &entry, "content\n");
    /* stdin is empty when the content is a file, stdout is not the result when the result is one.
     */
    expect_text_of(ARGV("sh", "-c", "cat; echo chatter; cat \"$0\" >\"$1\"", "{in}", "{out}"),
                   &entry, "content\n");
    expect_text_of(ARGV("sh", "-c", "test \"$(cat)\" = '' && cat \"$0\"", "{in}"), &entry,
                   "content\n");
    expect_text_of(ARGV("sh", "-c", "echo \"$0\"; echo \"{#} {%}\" >{out}", "{{out}}"), &entry,
                   "7 1\n");
    /* Only 0, 1 and 2 are open, also here. */
    expect_text_of(
        ARGV("sh", "-c",
             "exec >\"$1\"; i=3; while [ $i -lt 60 ]; do [ ! -e /proc/$$/fd/$i ] || echo $i; "
             "i=$((i + 1)); done; cat \"$0\"",
             "{in}", "{out}"),
        &entry, "content\n");
}
END_TEST

/* The command cannot change what is in memory, and can look around in it. */
START_TEST(gives_a_sealed_file)
{
    struct mr_entry entry = drive_entry("a", 0);
    static const char script[] = "test -L {in} && ! { echo x >>{in}; } 2>/dev/null && "
                                 "tail -c 3 {in} && stat -L -c %s {in}";
    expect_file_output(false, SHELL(script), &entry, "content\n", 8, "nt\n8\n", 5);
    expect_file_output(true,
                       SHELL("test ! -L {in} && stat -c '%s %a' {in}; stat -c %a $(dirname {in})"),
                       &entry, "content\n", 8, "8 600\n700\n", 10);
}
END_TEST

/* The file itself, also when its name has gone meanwhile: no copy, no other file in its place. */
START_TEST(takes_the_file_itself)
{
    struct room room;
    make_room(&room);
    char path[128];
    snprintf(path, sizeof(path), "%s/source", room.path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, "the file\n", 9), 9);
    unlink(path);
    struct file_drive file;
    begin(&file, NULL, ARGV("sh", "-c", "stat -L -c %i {in} >{out}; cat {in} >>{out}"));
    ck_assert(file.drive.operation->internals->takes_file(file.config));
    struct stat about;
    fstat(fd, &about);
    struct mr_error err = {0};
    struct mr_entry entry = drive_entry("a", 9);
    ck_assert_ok(file.drive.operation->start(file.drive.state, &entry, &err), err);
    file.drive.operation->internals->give_file(file.drive.state, fd);
    unsigned char out[100];
    char expected[100];
    struct mr_io io = {.is_last = true, .out = out, .out_bytes = sizeof(out)};
    ck_assert_int_eq(file.drive.operation->process(file.drive.state, &io, &err), MR_DONE);
    int length =
        snprintf(expected, sizeof(expected), "%llu\nthe file\n", (unsigned long long)about.st_ino);
    ck_assert_uint_eq(sizeof(out) - io.out_bytes, (size_t)length);
    ck_assert_mem_eq(out, expected, (size_t)length);
    /* The next item comes as bytes. */
    ck_assert_int_eq(drive_run(&file.drive, &entry, "x", 1), MR_DONE);
    ck_assert_ptr_nonnull(strstr((char *)file.drive.out, "\nx"));
    free(file.drive.out);
    close(fd);
    file.fd_count--;
    end(&file);
    end_room(&room);
    begin(&file, NULL, ARGV("cp", "/dev/stdin", "{out}"));
    ck_assert(!file.drive.operation->internals->takes_file(file.config));
    end(&file);
}
END_TEST

static const struct {
    const char *script, *text;
} failures[] = {
    {": {out}", "sh ended well, but made no file {out}"},
    {"echo x >{out}; exit 3", "sh exited with status 3"},
    {"echo oh; exit 3 # {out}", "sh exited with status 3: oh"}, /* stdout is for people then */
    {"ln -s /etc/passwd {out}", "what sh made as {out} is no regular file"},
    {"ln -s {in} {out}", "what sh made as {out} is no regular file"},
    {"mkdir {out}; mkdir -p {out}/a/b/c; touch {out}/a/x; chmod 0 {out}/a {out}",
     "what sh made as {out} is no regular file"},
    {"mkfifo {out}", "what sh made as {out} is no regular file"},
    {"echo x >{out}; kill -SEGV $$", "sh was killed by signal 11 (SEGV)"},
};

START_TEST(reports_failures)
{
    struct room room;
    make_room(&room);
    const struct exec_options options = {.mode = EXEC_FILE, .tmpdir = room.path};
    struct file_drive file;
    begin(&file, &options, SHELL(failures[_i].script));
    struct mr_entry entry = drive_entry("a", 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(drive_run(&file.drive, &entry, "in", 2), MR_E_CHILD);
        ck_assert_str_eq(file.drive.err.text, failures[_i].text);
        ck_assert_uint_eq(file.drive.out_bytes, 0);
        free(file.drive.out);
    }
    end(&file);
    end_room(&room);
}
END_TEST

/* What else it made goes, too: at once, not at the end of the run. */
START_TEST(removes_what_is_left)
{
    struct room room;
    make_room(&room);
    const struct exec_options options = {.mode = EXEC_FILE, .tmpdir = room.path};
    struct file_drive file;
    begin(&file, &options,
          SHELL("cd $(dirname {out}); ls -A | grep -v '^in' >&2; mkdir -p d/e/f g; touch d/x d/e/y "
                "d/e/f/z; ln -s / d/e/root; ln -s .. up; chmod 500 d/e; chmod 0 d; echo ok >{out}; "
                "! ls -A | grep -q zzz"));
    struct mr_entry entry = drive_entry("a", 2);
    char pattern[128];
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(drive_run(&file.drive, &entry, "in", 2), MR_DONE);
        ck_assert_out(&file.drive, "ok\n", 3);
        free(file.drive.out);
        snprintf(pattern, sizeof(pattern), "test $(find %s -mindepth 2 | wc -l) = 0", room.path);
        ck_assert_int_eq(system(pattern), 0);
    }
    end(&file);
    end_room(&room);
}
END_TEST

/* Stopped in each of its phases. */
START_TEST(stops)
{
    struct room room;
    make_room(&room);
    const struct exec_options options = {.mode = EXEC_FILE, .tmpdir = room.path};
    struct mr_error err = {0};
    struct mr_entry entry = drive_entry("a", 2);
    unsigned char out[10];
    struct file_drive file;
    begin(&file, &options, SHELL("cat {in} >{out}; echo 1234567890123 >>{out}"));
    const struct mr_operation *operation = file.drive.operation;
    for (int phase = 0; phase < 3; phase++) {
        ck_assert_ok(operation->start(file.drive.state, &entry, &err), err);
        for (int i = 0; i < phase; i++) {
            struct mr_io io = {.in = (const unsigned char *)"in",
                               .in_bytes = i == 0 ? 2 : 0,
                               .is_last = i == 1,
                               .out = out,
                               .out_bytes = sizeof(out)};
            ck_assert_ok(operation->process(file.drive.state, &io, &err), err);
        }
        if (phase < 2)
            operation->stop(file.drive.state);
    }
    end(&file); /* without stop() before it */
    begin(&file, &options, SHELL("echo x >{out}; exec sleep 1000"));
    ck_assert_ok(operation->start(file.drive.state, &entry, &err), err);
    struct mr_io io = {.is_last = true,
                       .out = out,
                       .out_bytes = sizeof(out),
                       .deadline_ns = clock_now_ns() + INT64_C(50000000)};
    ck_assert_int_eq(operation->process(file.drive.state, &io, &err), MR_E_TIMEOUT);
    end(&file);
    end_room(&room);
}
END_TEST

START_TEST(needs_a_directory)
{
    static const char *const wrong[] = {"/nowhere/at/all", "/dev/null", ""};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct exec_options options = {.mode = EXEC_FILE, .tmpdir = wrong[i]};
        struct mr_error err = {0};
        const struct mr_operation *operation;
        void *config;
        ck_assert_int_eq(
            exec_create(ARGV("cp", "{in}", "{out}"), &options, &operation, &config, &err),
            MR_E_SYSTEM);
        ck_assert_ptr_nonnull(strstr(err.text, "for temporary files"));
    }
    const struct exec_options filter = {.mode = EXEC_FILTER};
    struct mr_error err = {0};
    const struct mr_operation *operation;
    void *config;
    ck_assert_int_eq(exec_create(ARGV("cat", "x{in}"), &filter, &operation, &config, &err),
                     MR_E_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "{in} is a file, which only file mode has"));
}
END_TEST

Suite *exec_file_suite(void)
{
    Suite *suite = suite_create("exec_file");
    TCase *tcase = tcase_create("exec_file");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, copies);
    tcase_add_test(tcase, keeps_extensions);
    tcase_add_test(tcase, puts_paths_into_arguments);
    tcase_add_test(tcase, gives_a_sealed_file);
    tcase_add_test(tcase, takes_the_file_itself);
    tcase_add_loop_test(tcase, reports_failures, 0, (int)(sizeof(failures) / sizeof(failures[0])));
    tcase_add_test(tcase, removes_what_is_left);
    tcase_add_test(tcase, stops);
    tcase_add_test(tcase, needs_a_directory);
    suite_add_tcase(suite, tcase);
    return suite;
}
