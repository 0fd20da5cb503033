#include "base/clock.h"
#include "command.h"
#include "operation/exec.h"
#include "operation/internals.h"

Suite *exec_suite(void);

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
        "sleep 1000 & echo $! >&2; echo hi",
        "sleep 1000 >/dev/null & echo hi",
        "(sleep 0.3; echo lo; sleep 1000) & echo hi",
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
    ck_assert_int_lt(clock_now_ns() - before_ns, SUPPORT_HANG_MS * 1000000);
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
    {"{#}/{%}/{threads}", "a", "7/1/1"},
    {"-j{threads}", "a", "-j1"},
    {"{{#}}{{%}}{{threads}}", "a", "{#}{%}{threads}"},
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
        {NULL}, {"", NULL}, {"{}", NULL}, {"bin/{/}", NULL}, {"bin/{%}", NULL}, {"{out}", NULL},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct mr_operation *operation = NULL;
        void *config = NULL;
        struct mr_error err = {0};
        ck_assert_int_eq(exec_create(wrong[i], NULL, &operation, &config, &err), MR_E_USAGE);
        ck_assert_int_eq(err.status, MR_E_USAGE);
        ck_assert_str_ne(err.text, "");
    }
}
END_TEST

START_TEST(sets_the_environment)
{
    setenv("MILLRACE_PATH", "wrong", 1);
    setenv("MILLRACE_SIZE", "wrong", 1);
    setenv("MILLRACE_SEQ", "wrong", 1);
    setenv("MR_TEST_VARIABLE", "kept", 1);
    static const char *const argv[] = {
        "sh", "-c",
        "echo \"$MILLRACE_PATH|${MILLRACE_SIZE-unset}|${MILLRACE_MTIME-unset}|$MR_TEST_VARIABLE\"; "
        "echo \"$MILLRACE_SEQ $MILLRACE_WORKER\"; "
        "env | grep -c ^MILLRACE_",
        NULL};
    expect_output(argv, "a b", "a b|2|1700000000|kept\n7 1\n5\n", 28);
    void *config;
    struct drive drive = make_drive(&config, argv);
    struct mr_entry entry = drive_entry("a", 0);
    entry.size_bytes = MR_SIZE_UNKNOWN;
    entry.has_mtime = false;
    ck_assert_int_eq(drive_run(&drive, &entry, "", 0), MR_DONE);
    ck_assert_out(&drive, "a|||kept\n7 1\n5\n", 15);
    free(drive.out);
    end_drive(&drive, config);
}
END_TEST

/* Numbers of commands that run at the same time differ; one that is free again is taken first. */
START_TEST(numbers_running_commands)
{
    struct mr_error err = {0};
    const struct mr_operation *operation;
    void *config, *states[3];
    const struct exec_options options = {.mode = EXEC_AUTO, .threads_each = 3};
    ck_assert_ok(exec_create(SHELL("cat; echo {%} $MILLRACE_WORKER {threads}"), &options,
                             &operation, &config, &err),
                 err);
    struct mr_entry entry = drive_entry("a", 0);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_ok(operation->state_create(config, &states[i], &err), err);
        ck_assert_ok(operation->start(states[i], &entry, &err), err);
    }
    operation->stop(states[1]);
    ck_assert_ok(operation->start(states[1], &entry, &err), err);
    for (unsigned i = 0; i < 3; i++) {
        unsigned char room[100];
        struct mr_io io = {.is_last = true, .out = room, .out_bytes = sizeof(room)};
        ck_assert_int_eq(operation->process(states[i], &io, &err), MR_DONE);
        const char expected[] = {(char)('1' + i), ' ', (char)('1' + i), ' ', '3', '\n'};
        ck_assert_uint_eq(sizeof(room) - io.out_bytes, sizeof(expected));
        ck_assert_mem_eq(room, expected, sizeof(expected));
        operation->state_destroy(states[i]);
    }
    operation->config_destroy(config);
    check_no_children();
}
END_TEST

START_TEST(takes_other_statuses)
{
    static const struct {
        const char *list;
        int good[3], bad[3];
    } cases[] = {
        {"0", {0, 0, 0}, {1, 2, 255}},
        {"0,1", {0, 1, 0}, {2, 3, 255}},
        {"1-3,255", {1, 3, 255}, {0, 4, 254}},
        {"63-64,128", {63, 64, 128}, {62, 65, 0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exec_options options = {.mode = EXEC_AUTO};
        struct mr_error err = {0};
        ck_assert_ok(exec_statuses_parse(cases[i].list, &options.ok_statuses, &err), err);
        const struct mr_operation *operation;
        struct drive drive = {.drops_input = true};
        void *config;
        ck_assert_ok(exec_create(SHELL("printf x; exit {}"), &options, &operation, &config, &err),
                     err);
        drive.operation = operation;
        ck_assert_ok(operation->state_create(config, &drive.state, &err), err);
        for (int j = 0; j < 6; j++) {
            char path[8];
            snprintf(path, sizeof(path), "%d", j < 3 ? cases[i].good[j] : cases[i].bad[j - 3]);
            struct mr_entry entry = drive_entry(path, 0);
            ck_assert_int_eq(drive_run(&drive, &entry, "", 0), j < 3 ? MR_DONE : MR_E_CHILD);
            ck_assert_out(&drive, "x", 1);
            free(drive.out);
        }
        end_drive(&drive, config);
    }
    static const char *const wrong[] = {"",   ",",  "1,", "256", "3-1",
                                        "1-", "-1", "x",  "1 2", "0001"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct exec_statuses statuses = {{0}};
        struct mr_error err = {0};
        ck_assert_int_eq(exec_statuses_parse(wrong[i], &statuses, &err), MR_E_USAGE);
        ck_assert_uint_eq(statuses.bits[0], 0);
    }
}
END_TEST

/* Starts the command, waits until it has written something, and gives it 200 ms more. */
static void expect_timeout(const char *script, struct mr_error *err)
{
    void *config;
    size_t fd_count = count_fds();
    struct drive drive = make_drive(&config, SHELL(script));
    struct mr_entry entry = drive_entry("a", 0);
    ck_assert_ok(drive.operation->start(drive.state, &entry, err), *err);
    static unsigned char room[100000];
    struct mr_io io = {.is_last = true, .out = room, .out_bytes = 1};
    enum mr_status status = drive.operation->process(drive.state, &io, err);
    ck_assert_int_eq(status, MR_OK);
    ck_assert_uint_eq(io.out_bytes, 0);
    int64_t begin_ns = clock_now_ns();
    while (status == MR_OK) {
        io = (struct mr_io){.is_last = true,
                            .out = room,
                            .out_bytes = sizeof(room),
                            .deadline_ns = begin_ns + INT64_C(200000000)};
        status = drive.operation->process(drive.state, &io, err);
    }
    int64_t took_ms = (clock_now_ns() - begin_ns) / 1000000;
    ck_assert_int_eq(status, MR_E_TIMEOUT);
    ck_assert_int_ge(took_ms, 200);
    ck_assert_int_lt(took_ms, SUPPORT_HANG_MS);
    end_drive(&drive, config);
    check_no_children();
    ck_assert_uint_eq(count_fds(), fd_count);
}

/* One that hears SIGTERM ends at once, one that does not, or is stopped, half a second later: where
 * the processors are busy one that would hear it may not have come to that by then. */
START_TEST(gives_up_at_the_deadline)
{
    static const struct {
        const char *script, *text;
    } cases[] = {
        {"echo; exec sleep 1000", "sh was ended"},
        {"trap 'echo bye >&2; exit 0' TERM; echo; while :; do sleep 0.01; done",
         "sh was ended: bye"},
        {"trap '' TERM; echo no >&2; echo; sleep 1000 & wait; sleep 1000", "sh was ended: no"},
        {"echo; kill -STOP $$", "sh was ended"},
        {"trap '' TERM; yes & yes >&2", NULL},
        {"trap '' TERM; echo; cat >/dev/null; while :; do :; done", "sh was ended"},
    };
    struct mr_error err = {0};
    expect_timeout(cases[_i].script, &err);
    if (!cases[_i].text)
        return;
    for (int i = 0; i < 5 && strcmp(err.text, cases[_i].text) != 0; i++)
        expect_timeout(cases[_i].script, &err);
    ck_assert_str_eq(err.text, cases[_i].text);
}
END_TEST

static bool is_over(void *ctx)
{
    return clock_now_ns() > *(const int64_t *)ctx;
}

/* Nor is one killed unheard whose item is not wanted any more. */
START_TEST(asks_before_it_kills)
{
    unsigned char room[10];
    bool is_heard = false;
    for (int i = 0; i < 5 && !is_heard; i++) { /* where the processors are busy it has no time */
        void *config;
        struct mr_error err = {0};
        struct drive drive = make_drive(
            &config, SHELL("trap 'echo bye >&2; exit 0' TERM; echo; while :; do sleep 0.01; done"));
        struct mr_entry entry = drive_entry("a", 0);
        ck_assert_ok(drive.operation->start(drive.state, &entry, &err), err);
        struct mr_io io = {.is_last = true, .out = room, .out_bytes = 1};
        ck_assert_ok(drive.operation->process(drive.state, &io, &err), err);
        int64_t end_ns = clock_now_ns();
        io = (struct mr_io){.is_last = true,
                            .out = room,
                            .out_bytes = sizeof(room),
                            .is_cancelled = is_over,
                            .cancel_ctx = &end_ns};
        ck_assert_int_eq(drive.operation->process(drive.state, &io, &err), MR_CANCELLED);
        char *said = drive.operation->internals->details(drive.state);
        is_heard = said && strcmp(said, "bye\n") == 0;
        free(said);
        check_no_children();
        end_drive(&drive, config);
    }
    ck_assert(is_heard);
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
    tcase_add_test(tcase, reports_failures);
    tcase_add_test(tcase, keeps_the_end_of_stderr);
    tcase_add_test(tcase, stops_an_endless_command);
    tcase_add_loop_test(tcase, does_not_wait_for_grandchildren, 0, 4);
    tcase_add_test(tcase, leaves_nothing_behind);
    tcase_add_test(tcase, passes_arguments_as_they_are);
    tcase_add_loop_test(tcase, replaces_placeholders, 0,
                        (int)(sizeof(placeholder_cases) / sizeof(placeholder_cases[0])));
    tcase_add_test(tcase, refuses_what_cannot_be);
    tcase_add_test(tcase, sets_the_environment);
    tcase_add_test(tcase, numbers_running_commands);
    tcase_add_test(tcase, takes_other_statuses);
    tcase_add_loop_test(tcase, gives_up_at_the_deadline, 0, 6);
    tcase_add_test(tcase, asks_before_it_kills);
    suite_add_tcase(suite, tcase);
    return suite;
}
