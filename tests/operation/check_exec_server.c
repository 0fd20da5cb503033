#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "command.h"
#include "operation/exec_server.h"

Suite *exec_server_suite(void);

#define NS_PER_MS INT64_C(1000000)

struct post {
    struct drive drive;
    void *config;
    size_t fd_count;
};

static struct post open_post(const char *const *argv, bool smudges)
{
    struct mr_error err = {0};
    struct post post = {.fd_count = count_fds()};
    post.drive.in_chunk_bytes = post.drive.out_chunk_bytes = 65536;
    const struct exec_options options = {
        .mode = EXEC_SERVER, .smudges = smudges, .threads_each = 3};
    ck_assert_ok(exec_server_create(argv, &options, &post.drive.operation, &post.config, &err),
                 err);
    ck_assert_ok(post.drive.operation->state_create(post.config, &post.drive.state, &err), err);
    return post;
}

/* Nothing is left behind: no process, no descriptor. */
static void close_post(struct post *post)
{
    end_drive(&post->drive, post->config);
    check_no_children();
    ck_assert_uint_eq(count_fds(), post->fd_count);
}

static struct post open_worker(const char *how)
{
    return open_post(ARGV(MR_WORKER, how), false);
}

/* Runs an item that comes back with large letters. */
static void expect_good(struct post *post, const char *path, size_t bytes)
{
    unsigned char *content = support_text(bytes + 1, bytes);
    struct mr_entry entry = drive_entry(path, bytes);
    enum mr_status status = drive_run(&post->drive, &entry, content, bytes);
    ck_assert_msg(status == MR_DONE, "%s: %s", path, post->drive.err.text);
    ck_assert_uint_eq(post->drive.used_bytes, bytes);
    for (size_t i = 0; i < bytes; i++)
        if (content[i] >= 'a' && content[i] <= 'z')
            content[i] = (unsigned char)(content[i] - 32);
    ck_assert_out(&post->drive, content, bytes);
    free(post->drive.out);
    free(content);
}

/* MR_WORKER's path is of no interest in an error: "filter_worker" stands for it. */
static void expect_bad(struct post *post, const char *path, size_t bytes, enum mr_status expected,
                       const char *text)
{
    unsigned char *content = support_text(bytes + 1, bytes);
    struct mr_entry entry = drive_entry(path, bytes);
    enum mr_status status = drive_run(&post->drive, &entry, content, bytes);
    free(post->drive.out);
    free(content);
    ck_assert_msg(status == expected, "%s: %s: %s", path, mr_status_text(status),
                  post->drive.err.text);
    const char *told = strstr(post->drive.err.text, "filter_worker");
    ck_assert_msg(told && strcmp(told, text) == 0, "%s: \"%s\" instead of \"%s\"", path,
                  post->drive.err.text, text);
}

/* The processes that there are. */
static size_t count_children(void)
{
    size_t count = 0;
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    for (int pid; fscanf(file, "%d", &pid) == 1;)
        count++;
    fclose(file);
    return count;
}

START_TEST(serves_one_item_after_the_other)
{
    static const size_t sizes[] = {0, 1, 5, 65000, 65516, 65517, 65536, 131072, 5000000};
    struct post post = open_worker("");
    ck_assert_uint_eq(count_children(), 0); /* none before the first item */
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            if (round == 0 || sizes[i] < 100000) {
                expect_good(&post, "a.txt", sizes[i]);
                ck_assert_uint_eq(count_children(), 1);
            }
    close_post(&post);
}
END_TEST

/* 8 MB interleaved or not: rooms and chunks much smaller, and much larger, than the pipes. */
START_TEST(takes_every_cut)
{
    static const size_t cuts[][2] = {{1 << 20, 512}, {700, 1 << 22}, {1 << 25, 1 << 25}, {0, 0}};
    struct post post = open_worker("");
    post.drive.in_chunk_bytes = cuts[_i % 4][0];
    post.drive.out_chunk_bytes = cuts[_i % 4][1];
    expect_good(&post, _i < 4 ? "a" : "a.early.txt", _i % 4 == 3 ? 200000 : 8000000);
    expect_good(&post, "b", 100);
    ck_assert_uint_eq(count_children(), 1);
    close_post(&post);
}
END_TEST

/* Once the whole input is given, a call that does not end the item fills its room. */
START_TEST(fills_its_room)
{
    struct post post = open_worker("");
    struct drive *drive = &post.drive;
    struct mr_entry entry = drive_entry("a.slow.txt", 12);
    struct mr_error err = {0};
    ck_assert_ok(drive->operation->start(drive->state, &entry, &err), err);
    unsigned char room[5];
    struct mr_io io = {.in = (const unsigned char *)"abcdefghijkl",
                       .in_bytes = 6,
                       .out = room,
                       .out_bytes = sizeof(room)};
    ck_assert_ok(drive->operation->process(drive->state, &io, &err), err);
    io.in_bytes = 6;
    io.is_last = true;
    for (int i = 0; i < 2; i++) {
        io.out = room;
        io.out_bytes = sizeof(room);
        ck_assert_ok(drive->operation->process(drive->state, &io, &err), err);
        ck_assert_uint_eq(io.out_bytes, 0);
    }
    io.out = room;
    io.out_bytes = sizeof(room);
    ck_assert_int_eq(drive->operation->process(drive->state, &io, &err), MR_DONE);
    ck_assert_uint_eq(io.out_bytes, 3);
    ck_assert_int_eq(memcmp(room, "KL", 2), 0);
    close_post(&post);
}
END_TEST

START_TEST(hands_names_over_as_they_are)
{
    static const char *const names[] = {
        "a b.name.",    "-rf.name.",         ".name.\n",   "a\n.name.\n\nb",
        "\xff.name.",   "$(x) 'y'.name.\"z", "a=.name.=c", "pathname=x\n0000.name.",
        "\\.name./\x01"};
    struct post post = open_worker("");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct mr_entry entry = drive_entry(names[i], 1);
        ck_assert_int_eq(drive_run(&post.drive, &entry, "x", 1), MR_DONE);
        ck_assert_out(&post.drive, names[i], strlen(names[i]));
        free(post.drive.out);
    }
    close_post(&post);
}
END_TEST

START_TEST(smudges)
{
    struct post post = open_post(ARGV(MR_WORKER), true);
    struct mr_entry entry = drive_entry("a.smudged.txt", 3);
    ck_assert_int_eq(drive_run(&post.drive, &entry, "abc", 3), MR_DONE);
    ck_assert_out(&post.drive, "abc", 3);
    free(post.drive.out);
    close_post(&post);
}
END_TEST

static const struct {
    const char *path;
    size_t bytes;
    const char *error;
} bad_items[] = {
    {"a.die.txt", 1000, "filter_worker exited with status 3 before it had answered: out of ideas"},
    {"a.half.txt", 5000000, "filter_worker exited with status 3 before it had answered"},
    {"a.segv.txt", 10, "filter_worker was killed by signal 11 (SEGV) before it had answered"},
    {"a.bad.txt", 10,
     "filter_worker broke the protocol: its stdout has \"Traceback: no\" where a packet of git's "
     "protocol "
     "should begin"},
    {"a.bad.txt", 5000000,
     "filter_worker broke the protocol: its stdout has \"Traceback: no\" where a packet of git's "
     "protocol "
     "should begin"},
    {"a.delayed.txt", 10,
     "filter_worker broke the protocol: it answered \"status=delayed\", which has no meaning here"},
    {"a.nothing.txt", 10, "filter_worker broke the protocol: it answered without a status"},
    {"a.endless.txt", 10,
     "filter_worker broke the protocol: it sent more than 1000 lines in one list"},
    {"a.close.txt", 5000000, "filter_worker closed its stdin before it had answered"},
};

/* The process is ended, and there is a new one for the next item. */
START_TEST(replaces_what_misbehaves)
{
    struct post post = open_worker("");
    for (size_t i = 0; i < sizeof(bad_items) / sizeof(bad_items[0]); i++) {
        expect_good(&post, "good", 5);
        expect_bad(&post, bad_items[i].path, bad_items[i].bytes, MR_E_CHILD, bad_items[i].error);
        check_no_children();
        expect_bad(&post, bad_items[i].path, bad_items[i].bytes, MR_E_CHILD, bad_items[i].error);
    }
    expect_good(&post, "good", 70000);
    close_post(&post);
}
END_TEST

/* These fail their item alone: the process goes on. */
START_TEST(goes_on_after_an_error)
{
    struct post post = open_worker("");
    static const char refusal[] = "filter_worker refused the item (status=error)";
    for (int i = 0; i < 3; i++) {
        expect_bad(&post, "a.error.txt", 10, MR_E_CHILD,
                   "filter_worker refused the item (status=error): not this one");
        expect_good(&post, "a.txt", 10);
        expect_bad(&post, "a.late-error.txt", 300000, MR_E_CHILD, refusal);
        expect_bad(&post, "a.error.txt", 300000, MR_E_CHILD,
                   "filter_worker refused the item (status=error): not this one");
        /* Answered before it was sent: it is sent all the same. */
        expect_bad(&post, "a.early-error.txt", 3000000, MR_E_CHILD, refusal);
        expect_good(&post, "a.early.txt", 3000000);
        expect_good(&post, "a.crumbs.txt", 3000);
        expect_good(&post, "a.flood.txt", 3000);
    }
    ck_assert_uint_eq(count_children(), 1);
    close_post(&post);
}
END_TEST

/* All workers of the run are told. */
START_TEST(aborts_for_all)
{
    struct post post = open_worker("");
    struct drive other = post.drive;
    struct mr_error err = {0};
    ck_assert_ok(other.operation->state_create(post.config, &other.state, &err), err);
    expect_good(&post, "a.txt", 10);
    expect_bad(&post, _i == 0 ? "a.abort.txt" : "a.late-abort.txt", 10, MR_E_CHILD,
               "filter_worker refused the item, and wants no others (status=abort)");
    expect_bad(&post, "a.txt", 10, MR_E_CHILD,
               "filter_worker wants no more items: it has refused one with status=abort");
    struct mr_entry entry = drive_entry("a", 3);
    ck_assert_int_eq(drive_run(&other, &entry, "abc", 3), MR_E_CHILD);
    free(other.out);
    ck_assert_uint_eq(count_children(), 1);
    other.operation->state_destroy(other.state);
    close_post(&post);
}
END_TEST

/* An answer too many, or an end before the next item, costs no item. */
START_TEST(keeps_items_apart)
{
    struct post post = open_worker("");
    for (int i = 0; i < 20; i++) {
        expect_good(&post, "a.last.txt", 10);
        siginfo_t info;
        ck_assert_int_eq(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
        expect_good(&post, "a.twice.txt", 10);
    }
    expect_good(&post, "a.txt", 1000);
    close_post(&post);
}
END_TEST

/* Neither does an end when the next item is sent already. One that ends because of the item fails
 * it: a new process does, too. */
START_TEST(gives_an_item_to_another)
{
    struct post post = open_worker("");
    for (int i = 0; i < 5; i++) {
        expect_good(&post, "a.leaving.txt", 10);
        expect_good(&post, "a.leaving.txt", i % 2 == 0 ? 0 : 50000);
        expect_bad(&post, "a.die.txt", 10, MR_E_CHILD,
                   "filter_worker exited with status 3 before it had answered: out of ideas");
    }
    close_post(&post);
}
END_TEST

static const struct {
    const char *how, *error;
} bad_greetings[] = {
    {"no-start",
     "filter_worker exited with status 4 before it had greeted as a filter process: no such model"},
    {"text", "filter_worker is no filter process: its stdout has \"Loading model...\" where a "
             "packet of git's "
             "protocol should begin"},
    {"other", "filter_worker is no filter process: it said \"git-other-server\" instead of "
              "git-filter-server"},
    {"version-3", "filter_worker is no filter process: it said \"version=3\" instead of version=2"},
    {"version-end", "filter_worker is no filter process: it said \"version=1\" instead of the end "
                    "of its greeting"},
    {"no-clean", "filter_worker is no filter process: it does not offer the command clean"},
};

/* Three times, and then it is not started any more. */
START_TEST(gives_up_after_bad_greetings)
{
    struct post post = open_worker(bad_greetings[_i].how);
    for (int i = 0; i < 3; i++)
        expect_bad(&post, "a.txt", 200000, MR_E_CHILD, bad_greetings[_i].error);
    for (int i = 0; i < 1000; i++)
        expect_bad(&post, "a.txt", 10, MR_E_CHILD,
                   "filter_worker is not started again: 3 times in a row it did not get through "
                   "its greeting");
    close_post(&post);
}
END_TEST

START_TEST(speaks_out_of_turn)
{
    struct post post = open_worker("speaks");
    struct mr_entry entry = drive_entry("a", 3);
    /* With the greeting, or when the item was on its way: then it is half an answer. */
    ck_assert_int_eq(drive_run(&post.drive, &entry, "abc", 3), MR_E_CHILD);
    free(post.drive.out);
    close_post(&post);
}
END_TEST

START_TEST(is_no_filter_process)
{
    const struct {
        const char *const *argv;
        const char *error;
    } commands[] = {
        {ARGV("cat"), "cat is no filter process: it said \"git-filter-client\" instead of "
                      "git-filter-server"},
        {ARGV("true"), "true exited with status 0 before it had greeted as a filter process"},
        {ARGV("no-such-command"), "cannot run no-such-command: No such file or directory"},
        {SHELL("exec >&-; sleep 100"),
         "sh closed its stdout before it had greeted as a filter process"},
        {SHELL("sleep 100 & exit 5"), "sh exited with status 5 before it had greeted as a filter "
                                      "process"},
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct post post = open_post(commands[i].argv, false);
        struct mr_entry entry = drive_entry("a", 3);
        ck_assert_int_eq(drive_run(&post.drive, &entry, "abc", 3), MR_E_CHILD);
        ck_assert_str_eq(post.drive.err.text, commands[i].error);
        free(post.drive.out);
        close_post(&post);
    }
}
END_TEST

static bool is_cancelled(void *ctx)
{
    return clock_now_ns() >= *(int64_t *)ctx;
}

/* One that never answers, one that ignores SIGTERM, one that never greets, and one that answers
 * with nothing for ever. */
START_TEST(ends_what_does_not_answer)
{
    static const char *const paths[] = {"a.mute.txt", "a.deaf.txt", "a.txt", "a.hollow.txt"};
    struct post post = open_worker(_i % 4 == 2 ? "mute" : "");
    struct drive *drive = &post.drive;
    struct mr_entry entry = drive_entry(paths[_i % 4], 3);
    struct mr_error err = {0};
    ck_assert_ok(drive->operation->start(drive->state, &entry, &err), err);
    unsigned char room[5];
    int64_t begin_ns = clock_now_ns(), end_ns = begin_ns + 300 * NS_PER_MS;
    struct mr_io io = {.in = (const unsigned char *)"abc",
                       .in_bytes = 3,
                       .is_last = true,
                       .out = room,
                       .out_bytes = sizeof(room)};
    if (_i < 4) {
        io.deadline_ns = end_ns;
    } else {
        io.is_cancelled = is_cancelled;
        io.cancel_ctx = &end_ns;
    }
    ck_assert_int_eq(drive->operation->process(drive->state, &io, &err),
                     _i < 4 ? MR_E_TIMEOUT : MR_CANCELLED);
    if (_i < 4)
        ck_assert_ptr_nonnull(strstr(err.text, "filter_worker was ended"));
    int64_t lasted_ms = (clock_now_ns() - begin_ns) / NS_PER_MS;
    ck_assert_int_ge(lasted_ms, 300);
    ck_assert_int_lt(lasted_ms, SUPPORT_HANG_MS);
    check_no_children();
    drive->operation->stop(drive->state);
    if (_i % 4 != 2)
        expect_good(&post, "a.txt", 3);
    close_post(&post);
}
END_TEST

static enum mr_status run_for_ms(struct post *post, const char *path, int limit_ms)
{
    struct mr_error err = {0};
    struct mr_entry entry = drive_entry(path, 3);
    const struct mr_operation *operation = post->drive.operation;
    ck_assert_ok(operation->start(post->drive.state, &entry, &err), err);
    unsigned char room[5];
    struct mr_io io = {.in = (const unsigned char *)"abc",
                       .in_bytes = 3,
                       .is_last = true,
                       .out = room,
                       .out_bytes = sizeof(room),
                       .deadline_ns = clock_now_ns() + limit_ms * NS_PER_MS};
    enum mr_status status = operation->process(post->drive.state, &io, &err);
    if (status != MR_DONE)
        operation->stop(post->drive.state);
    return status;
}

/* An item with less time than a start takes gets a new process and comes through, in one of some
 * attempts: a busy machine may keep it for longer. */
static void expect_in_time(struct post *post)
{
    enum mr_status status = MR_E_TIMEOUT;
    for (int i = 0; i < 8 && status == MR_E_TIMEOUT; i++)
        status = run_for_ms(post, "a.txt", 300);
    ck_assert_int_eq(status, MR_DONE);
}

/* A start of half a second, and items with less: the first start has to keep to that, those after
 * one that went well do not. */
START_TEST(does_not_count_later_starts)
{
    struct post post = open_worker("slow");
    ck_assert_int_eq(run_for_ms(&post, "a.txt", 100), MR_E_TIMEOUT);
    expect_good(&post, "a.txt", 3);
    ck_assert_int_eq(run_for_ms(&post, "a.mute.txt", 100), MR_E_TIMEOUT);
    check_no_children();
    for (int i = 0; i < 3; i++)
        expect_in_time(&post);
    ck_assert_int_eq(run_for_ms(&post, "a.mute.txt", 100), MR_E_TIMEOUT);
    expect_in_time(&post);
    close_post(&post);
}
END_TEST

/* Items that are cut short cost their process, whatever it is doing. */
START_TEST(stops_in_the_middle)
{
    struct post post = open_worker("");
    struct drive *drive = &post.drive;
    struct mr_error err = {0};
    unsigned char room[100];
    static const char *const paths[] = {"a.huge.txt", "a.txt", "a.early.txt"};
    for (size_t i = 0; i < 9; i++) {
        struct mr_entry entry = drive_entry(paths[i % 3], 3);
        ck_assert_ok(drive->operation->start(drive->state, &entry, &err), err);
        struct mr_io io = {.in = (const unsigned char *)"abc",
                           .in_bytes = 3,
                           .is_last = i % 3 == 0,
                           .out = room,
                           .out_bytes = sizeof(room)};
        ck_assert_ok(drive->operation->process(drive->state, &io, &err), err);
        if (i < 6) {
            drive->operation->stop(drive->state);
            check_no_children();
        }
        if (i < 3)
            expect_good(&post, "good", 10);
    }
    close_post(&post);
}
END_TEST

/* 100 MiB out of nothing, in a room of 64 KiB. */
START_TEST(takes_a_huge_answer)
{
    struct post post = open_worker("");
    struct drive *drive = &post.drive;
    struct mr_error err = {0};
    struct mr_entry entry = drive_entry("a.huge.txt", 0);
    ck_assert_ok(drive->operation->start(drive->state, &entry, &err), err);
    static unsigned char room[65536];
    size_t total = 0;
    enum mr_status status = MR_OK;
    while (status == MR_OK) {
        struct mr_io io = {.is_last = true, .out = room, .out_bytes = sizeof(room)};
        status = drive->operation->process(drive->state, &io, &err);
        total += sizeof(room) - io.out_bytes;
    }
    ck_assert_int_eq(status, MR_DONE);
    ck_assert_uint_eq(total, (size_t)1600 * 65516);
    expect_good(&post, "a.txt", 10);
    close_post(&post);
}
END_TEST

/* The end of the run: the end of stdin, and time to save something; all leave together: none of
 * these ends before all were told to. */
START_TEST(lets_go)
{
    enum { COUNT = 4 };
    char *directory = support_temp_directory();
    char script[300];
    snprintf(script, sizeof(script),
             "\"$0\"; cd %s; : >told.$$; until [ $(ls | grep -c told) = %d ]; do sleep 0.05; done; "
             ": >saved.$$",
             directory, COUNT);
    struct post post = open_post(ARGV("sh", "-c", script, MR_WORKER), false);
    struct mr_error err = {0};
    struct drive others[COUNT];
    struct mr_entry entry = drive_entry("a", 3);
    for (int i = 0; i < COUNT; i++) {
        others[i] = post.drive;
        ck_assert_ok(others[i].operation->state_create(post.config, &others[i].state, &err), err);
        ck_assert_ok(others[i].operation->start(others[i].state, &entry, &err), err);
    }
    for (int i = 0; i < COUNT; i++) {
        unsigned char room[10];
        struct mr_io io = {.in = (const unsigned char *)"abc",
                           .in_bytes = 3,
                           .is_last = true,
                           .out = room,
                           .out_bytes = sizeof(room)};
        ck_assert_int_eq(others[i].operation->process(others[i].state, &io, &err), MR_DONE);
    }
    /* None more is started: each state takes one that is idle. */
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(drive_run(&others[i], &entry, "abc", 3), MR_DONE);
        free(others[i].out);
    }
    ck_assert_uint_eq(count_children(), COUNT);
    for (int i = 0; i < COUNT; i++)
        others[i].operation->state_destroy(others[i].state);
    ck_assert_uint_eq(count_children(), COUNT);
    close_post(&post);
    char command[200];
    snprintf(command, sizeof(command), "test $(ls %s | grep -c saved) = %d", directory, COUNT);
    ck_assert_int_eq(system(command), 0);
    support_remove(directory);
}
END_TEST

/* What does not end by itself is ended: after 5 s, and half a second more when it ignores SIGTERM.
 */
START_TEST(does_not_wait_for_ever)
{
    struct post post = open_post(
        ARGV("sh", "-c", "trap '' TERM; \"$0\"; while :; do sleep 0.1; done", MR_WORKER), false);
    expect_good(&post, "a", 10);
    int64_t begin_ns = clock_now_ns();
    close_post(&post);
    int64_t lasted_ms = (clock_now_ns() - begin_ns) / NS_PER_MS;
    ck_assert_int_ge(lasted_ms, 5000);
    ck_assert_int_lt(lasted_ms, SUPPORT_HANG_MS);
}
END_TEST

START_TEST(replaces_placeholders_of_workers)
{
    struct post post = open_post(ARGV("sh", "-c", "echo $1 $2 $3 >&2; exec \"$0\" no-start",
                                      MR_WORKER, "{%}", "{threads}", "{{in}}"),
                                 false);
    struct mr_entry entry = drive_entry("a", 3);
    ck_assert_int_eq(drive_run(&post.drive, &entry, "abc", 3), MR_E_CHILD);
    free(post.drive.out);
    close_post(&post);
    static const char *const words[] = {"{}",   "a{.}", "{/}",  "{//}",
                                        "{/.}", "{#}",  "{in}", "{out}"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const struct mr_operation *operation;
        void *config;
        struct mr_error err = {0};
        const struct exec_options options = {.mode = EXEC_SERVER};
        ck_assert_int_eq(
            exec_server_create(ARGV("x", words[i]), &options, &operation, &config, &err),
            MR_E_USAGE);
        ck_assert_ptr_nonnull(strstr(err.text, "in server mode the command is started for many"));
    }
}
END_TEST

Suite *exec_server_suite(void)
{
    Suite *suite = suite_create("exec_server");
    TCase *cases = tcase_create("exec_server");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, serves_one_item_after_the_other);
    tcase_add_loop_test(cases, takes_every_cut, 0, 8);
    tcase_add_test(cases, fills_its_room);
    tcase_add_test(cases, hands_names_over_as_they_are);
    tcase_add_test(cases, smudges);
    tcase_add_test(cases, replaces_what_misbehaves);
    tcase_add_test(cases, goes_on_after_an_error);
    tcase_add_loop_test(cases, aborts_for_all, 0, 2);
    tcase_add_test(cases, keeps_items_apart);
    tcase_add_test(cases, gives_an_item_to_another);
    tcase_add_loop_test(cases, gives_up_after_bad_greetings, 0,
                        sizeof(bad_greetings) / sizeof(bad_greetings[0]));
    tcase_add_test(cases, speaks_out_of_turn);
    tcase_add_test(cases, is_no_filter_process);
    tcase_add_loop_test(cases, ends_what_does_not_answer, 0, 8);
    tcase_add_test(cases, does_not_count_later_starts);
    tcase_add_test(cases, stops_in_the_middle);
    tcase_add_test(cases, takes_a_huge_answer);
    tcase_add_test(cases, lets_go);
    tcase_add_test(cases, does_not_wait_for_ever);
    tcase_add_test(cases, replaces_placeholders_of_workers);
    suite_add_tcase(suite, cases);
    return suite;
}
