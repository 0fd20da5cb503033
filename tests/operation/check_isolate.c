#include "operation/exec.h"
#include "operation/isolate.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "command.h"
#include "config.h"
#include "operation/chain_links.h"
#include "operation/internals.h"
#include "operation/worker.h"
#include "run_chain.h"

#define EVIL MR_PLUGINS "/evil.so:"
#define LIAR MR_PLUGINS "/liar.so:"

Suite *isolate_suite(void);

/* ---- chains in worker processes ---- */

struct isolated {
    struct chain *chain, *inner; /* as it runs, and what it is made of */
    struct chain_state *state;
    size_t fd_count; /* before */
};

static struct isolated isolate(const char *specs)
{
    struct isolated made = {.fd_count = count_fds()};
    struct mr_error err = {0};
    ck_assert_ok(chain_create(&made.inner, &err), err);
    ck_assert_ok(chain_create(&made.chain, &err), err);
    char *copy = strdup(specs), *rest = NULL;
    for (char *spec = strtok_r(copy, " ", &rest); spec; spec = strtok_r(NULL, " ", &rest))
        ck_assert_ok(isolate_add(made.inner, spec, &err), err);
    free(copy);
    ck_assert_ok(isolate_borrow(made.chain, made.inner, 0, chain_count(made.inner), &err), err);
    ck_assert_ok(chain_state_create(made.chain, &made.state, &err), err);
    return made;
}

static void end(struct isolated *isolated)
{
    chain_state_destroy(isolated->state);
    chain_destroy(isolated->chain);
    chain_destroy(isolated->inner);
    check_no_children();
    ck_assert_uint_eq(count_fds(), isolated->fd_count);
}

/* One item called path, all of it at once. */
static enum mr_status run_path(struct isolated *isolated, const char *path, struct mr_io *io,
                               struct mr_error *err)
{
    struct mr_entry entry = {.path = (char *)(uintptr_t)path, .size_bytes = (int64_t)io->in_bytes};
    *err = (struct mr_error){0};
    enum mr_status status = chain_start(isolated->state, &entry, err);
    if (status == MR_OK)
        status = chain_process(isolated->state, io, err);
    if (status != MR_DONE)
        chain_stop(isolated->state);
    return status;
}

static enum mr_status run_text(struct isolated *isolated, const char *path, const char *text,
                               char *out, size_t room_bytes, struct mr_error *err)
{
    struct mr_io io = {.in = (const unsigned char *)text,
                       .in_bytes = strlen(text),
                       .is_last = true,
                       .out = (unsigned char *)out,
                       .out_bytes = room_bytes - 1};
    enum mr_status status = run_path(isolated, path, &io, err);
    *(char *)io.out = '\0';
    return status;
}

/* A good item still goes through, as it is. */
static void expect_good(struct isolated *isolated)
{
    struct mr_error err;
    char out[200];
    enum mr_status status = run_text(isolated, "good", "content", out, sizeof(out), &err);
    ck_assert_msg(status == MR_DONE, "%s", err.text);
    ck_assert_str_eq(out, "content");
}

static void expect_bad(struct isolated *isolated, enum mr_status expected, const char *text)
{
    struct mr_error err;
    char out[200];
    ck_assert_int_eq(run_text(isolated, "a/bad", "content", out, sizeof(out), &err), expected);
    ck_assert_msg(strcmp(err.text, text) == 0, "\"%s\" instead of \"%s\"", err.text, text);
}

/* The last one that was started. */
static pid_t process_of(void)
{
    char line[100] = "", path[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    size_t length = strlen(line);
    while (length > 0 && line[length - 1] == ' ')
        line[--length] = '\0';
    const char *last = strrchr(line, ' ');
    return (pid_t)atoi(last ? last + 1 : line);
}

/* ---- tests ---- */

static void compare(const char *specs, const unsigned char *content, size_t bytes,
                    size_t in_chunk_bytes, size_t out_chunk_bytes)
{
    struct run expected = {0},
               run = {.in_chunk_bytes = in_chunk_bytes, .out_chunk_bytes = out_chunk_bytes};
    ck_assert_int_eq(run_chain(&expected, specs, content, bytes), MR_DONE);
    struct isolated isolated = isolate(specs);
    for (int i = 0; i < 2; i++) { /* one process, one item after the other */
        enum mr_status status = run_item(&run, isolated.state, content, bytes);
        ck_assert_msg(status == MR_DONE, "%s: %s", specs, run.err.text);
        ck_assert_bytes(&run, expected.out, expected.out_bytes);
        free(run.out);
    }
    free(expected.out);
    end(&isolated);
}

START_TEST(makes_the_same)
{
    static const char *const specs[] = {"gzip", "crlf gzip:1 gunzip lf", "copy", "zlib unzlib crlf",
                                        "charset:from=latin1"};
    static const size_t sizes[] = {0, 1, 4097, CHAIN_BUFFER_BYTES, CHAIN_BUFFER_BYTES + 1};
    for (size_t s = 0; s < sizeof(specs) / sizeof(specs[0]); s++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            unsigned char *content = support_text(i + 1, sizes[i]);
            compare(specs[s], content, sizes[i], 0, 0);
            free(content);
        }
        unsigned char *content = support_text(9, 2500000);
        compare(specs[s], content, 100000, 7001, 1009);
        /* More than there is room for in the window. */
        compare(specs[s], content, 2500000, 2500000, (size_t)6 << 20);
        free(content);
    }
}
END_TEST

/* Errors have the texts that they have in threads; the process goes on. */
START_TEST(fails_alike)
{
    struct isolated isolated = isolate("copy gunzip");
    struct run here = {0}, there = {0};
    ck_assert_int_eq(run_chain(&here, "copy gunzip", "no gzip data", 12), MR_E_DATA);
    pid_t pid = process_of();
    ck_assert_int_eq(run_item(&there, isolated.state, "no gzip data", 12), MR_E_DATA);
    ck_assert_str_eq(there.err.text, here.err.text);
    ck_assert_int_eq(process_of(), pid);
    free(here.out);
    free(there.out);
    end(&isolated);
}
END_TEST

START_TEST(gives_notes)
{
    struct isolated isolated = isolate("copy hash:list=list");
    struct mr_error err;
    char out[200], here[400];
    ck_assert_str_eq(chain_notes_path(isolated.chain), "list");
    struct chain *chain = run_chain_create("copy hash:list=list");
    struct chain_state *state;
    ck_assert_ok(chain_state_create(chain, &state, &err), err);
    struct isolated plain = {.state = state};
    ck_assert_int_eq(run_text(&plain, "dir/a name", "content", out, sizeof(out), &err), MR_DONE);
    snprintf(here, sizeof(here), "%s", chain_note(state));
    ck_assert_int_eq(run_text(&isolated, "dir/a name", "content", out, sizeof(out), &err), MR_DONE);
    ck_assert_str_eq(chain_note(isolated.state), here);
    chain_state_destroy(state);
    chain_destroy(chain);
    end(&isolated);
}
END_TEST

/* Also what does not fit a small place, nor a message, nor all of the window. */
START_TEST(tells_extended_attributes)
{
    static const size_t sizes[] = {0, 5, 20000, 200000, 5, 4000000, 20000};
    const size_t room_bytes = 4000100;
    char name[] = "user.note", other_name[] = "user.b", other_value[] = "b";
    char *value = malloc(room_bytes), *out = malloc(room_bytes), *expected = malloc(room_bytes);
    for (size_t i = 0; i < room_bytes; i++)
        value[i] = (char)('a' + i % 23);
    struct mr_xattr xattrs[] = {
        {.name = name, .value = value},
        {.name = other_name, .value = other_value, .value_bytes = 1},
    };
    const struct mr_entry entry = {
        .path = (char *)(uintptr_t) "a", .xattrs = xattrs, .xattr_count = 2};
    const struct operation_ahead item = {
        .entry = &entry, .in = (const unsigned char *)"", .room_bytes = 100};
    struct isolated isolated = isolate(MR_PLUGINS "/teller.so");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct mr_error err = {0};
        xattrs[0].value_bytes = sizes[i];
        snprintf(expected, room_bytes, "user.note=%.*s\nuser.b=b\n", (int)sizes[i], value);
        chain_ahead(isolated.state, &item, 1);
        ck_assert_ok(chain_start(isolated.state, &entry, &err), err);
        struct mr_io io = {.in = item.in,
                           .is_last = true,
                           .out = (unsigned char *)out,
                           .out_bytes = room_bytes - 1};
        enum mr_status status = MR_OK;
        while (status == MR_OK)
            status = chain_process(isolated.state, &io, &err);
        *io.out = '\0';
        ck_assert_msg(status == MR_DONE, "%s", err.text);
        ck_assert(strcmp(out, expected) == 0);
    }
    free(value);
    free(out);
    free(expected);
    end(&isolated);
}
END_TEST

/* What was added ready made stays where it is. */
START_TEST(leaves_commands_here)
{
    struct mr_error err = {0};
    struct chain *inner = run_chain_create("copy lf"), *chain;
    const struct mr_operation *exec;
    void *config;
    ck_assert_ok(exec_create(ARGV("cat"), NULL, &exec, &config, &err), err);
    ck_assert_ok(chain_add_operation(inner, exec, config, &err), err);
    ck_assert_ok(chain_add(inner, "crlf", &err), err);
    ck_assert_ok(chain_create(&chain, &err), err);
    ck_assert_ok(isolate_borrow(chain, inner, 0, 4, &err), err);
    ck_assert_uint_eq(chain_count(chain), 3);
    ck_assert_str_eq(chain_operation(chain, 0, NULL)->name, "");
    ck_assert_ptr_eq(chain_operation(chain, 1, NULL), exec);
    ck_assert_str_eq(chain_operation(chain, 2, NULL)->name, "");
    ck_assert_uint_eq(chain_bound(chain, NULL, 10), SIZE_MAX);
    struct chain_state *state;
    ck_assert_ok(chain_state_create(chain, &state, &err), err);
    struct run run = {0};
    ck_assert_int_eq(run_item(&run, state, "a\r\nb\r\n", 6), MR_DONE);
    ck_assert_bytes(&run, "a\r\nb\r\n", 6);
    free(run.out);
    chain_state_destroy(state);
    chain_destroy(chain);
    chain_destroy(inner);
}
END_TEST

START_TEST(survives_evil)
{
    static const struct {
        const char *spec, *text;
        enum mr_status status;
    } rows[] = {
        {EVIL "abort", "abort: the worker process was killed by signal 6 (ABRT)", MR_E_CHILD},
        {EVIL "exit", "exit: the worker process exited with status 0", MR_E_CHILD},
        {EVIL "change", "change: the worker process exited with status 68", MR_E_CHILD},
        {EVIL "babble", "babble: the operation gave status 24301, which it must not", MR_E_STEP},
#if !defined(__SANITIZE_ADDRESS__)
        {EVIL "segv", "segv: the worker process was killed by signal 11 (SEGV)", MR_E_CHILD},
        {"copy " EVIL "segv lf",
         "copy, segv, lf: the worker process was killed by signal 11 (SEGV)", MR_E_CHILD},
        {EVIL "overflow", "overflow: the worker process was killed by signal 11 (SEGV)",
         MR_E_CHILD},
        {EVIL "eat", "eat: there are no 100 GB", MR_E_MEMORY},
        {EVIL "hoard", "hoard: there are no 100 GB", MR_E_MEMORY},
#endif
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct isolated isolated = isolate(rows[i].spec);
        expect_good(&isolated);
        pid_t pid = process_of();
        expect_bad(&isolated, rows[i].status, rows[i].text);
        expect_bad(&isolated, rows[i].status, rows[i].text);
        expect_good(&isolated);
        ck_assert_int_ne(process_of(), pid);
        expect_good(&isolated);
        end(&isolated);
    }
}
END_TEST

/* What makes more than the window holds, and never ends. */
START_TEST(stops_a_flood)
{
    struct isolated isolated = isolate(EVIL "flood");
    expect_good(&isolated);
    struct mr_error err;
    size_t room_bytes = (size_t)4 << 20;
    unsigned char *room = malloc(room_bytes);
    struct mr_io io = {.in = room, .in_bytes = 10, .out = room, .out_bytes = room_bytes};
    ck_assert_int_eq(run_path(&isolated, "bad", &io, &err), MR_OK);
    ck_assert_uint_eq(io.out_bytes, 0);
    ck_assert_uint_eq(room[room_bytes - 1], 'x');
    free(room);
    expect_good(&isolated);
    end(&isolated);
}
END_TEST

static void check_time(int64_t since_ns, int64_t least_ms)
{
    int64_t ms = (clock_now_ns() - since_ns) / 1000000;
    ck_assert_int_ge(ms, least_ms);
    ck_assert_int_lt(ms, SUPPORT_HANG_MS);
}

START_TEST(keeps_the_deadline)
{
    struct isolated isolated = isolate(EVIL "loop");
    struct mr_error err;
    unsigned char room[100];
    expect_good(&isolated);
    int64_t begin_ns = clock_now_ns();
    struct mr_io io = {.in = room,
                       .in_bytes = 10,
                       .is_last = true,
                       .out = room,
                       .out_bytes = 100,
                       .deadline_ns = begin_ns + 300000000};
    ck_assert_int_eq(run_path(&isolated, "bad", &io, &err), MR_E_TIMEOUT);
    check_time(begin_ns, 300);
    ck_assert_str_eq(err.text, "loop: out of time; its worker process was killed");
    expect_good(&isolated);
    end(&isolated);
}
END_TEST

/* A process that is to be started anew is not the next item's fault, however many calls that one
 * takes. */
START_TEST(excuses_the_start_of_a_process)
{
    enum { BYTES = 2500000, LIMIT_NS = 300000000 }; /* it takes longer */
    struct isolated isolated = isolate(MR_PLUGINS "/slow.so");
    unsigned char *content = support_text(1, BYTES), *room = malloc(BYTES);
    for (int is_last = 0; is_last < 2; is_last++) {
        struct mr_error err;
        int64_t excused_ns = 0;
        expect_bad(&isolated, MR_E_CHILD, "slow: the worker process was killed by signal 6 (ABRT)");
        struct mr_io io = {.in = content,
                           .in_bytes = BYTES,
                           .is_last = is_last,
                           .out = room,
                           .out_bytes = BYTES,
                           .excused_ns = &excused_ns,
                           .deadline_ns = clock_now_ns() + LIMIT_NS};
        enum mr_status status = run_path(&isolated, "good", &io, &err);
        ck_assert_msg(status == (is_last ? MR_DONE : MR_OK), "%s", err.text);
        ck_assert_uint_eq(io.out_bytes, 0);
        ck_assert_int_eq(memcmp(room, content, BYTES), 0);
        ck_assert_int_ge(excused_ns, LIMIT_NS);
    }
    free(content);
    free(room);
    end(&isolated);
}
END_TEST

static bool is_over(void *ctx)
{
    return clock_now_ns() > *(int64_t *)ctx;
}

START_TEST(can_be_cancelled)
{
    struct isolated isolated = isolate(EVIL "loop");
    struct mr_error err;
    unsigned char room[100];
    int64_t begin_ns = clock_now_ns(), end_ns = begin_ns + 200000000;
    struct mr_io io = {.in = room,
                       .in_bytes = 10,
                       .is_last = true,
                       .out = room,
                       .out_bytes = 100,
                       .is_cancelled = is_over,
                       .cancel_ctx = &end_ns};
    ck_assert_int_eq(run_path(&isolated, "bad", &io, &err), MR_CANCELLED);
    check_time(begin_ns, 200);
    end(&isolated);
}
END_TEST

/* An item that is the first to meet what another one left behind is not to blame. */
START_TEST(tries_again_in_a_new_process)
{
    struct isolated isolated = isolate("copy");
    expect_good(&isolated);
    for (int i = 0; i < 3; i++) {
        pid_t pid = process_of();
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        expect_good(&isolated);
        ck_assert_int_ne(process_of(), pid);
    }
    end(&isolated);
}
END_TEST

/* ---- several items together ---- */

#define TOGETHER_COUNT 6

/* Hands over items called names, then does one after the other. */
static void run_together(struct isolated *isolated, const char *const names[TOGETHER_COUNT],
                         enum mr_status statuses[TOGETHER_COUNT],
                         struct mr_error errs[TOGETHER_COUNT], int64_t limit_ns)
{
    struct mr_entry entries[TOGETHER_COUNT];
    struct operation_ahead items[TOGETHER_COUNT];
    for (int i = 0; i < TOGETHER_COUNT; i++) {
        entries[i] = (struct mr_entry){.path = (char *)(uintptr_t)names[i]};
        items[i] = (struct operation_ahead){.entry = &entries[i],
                                            .in = (const unsigned char *)names[i],
                                            .in_bytes = strlen(names[i]),
                                            .room_bytes = 100};
    }
    ck_assert(chain_goes_ahead(isolated->chain, 100));
    chain_ahead(isolated->state, items, TOGETHER_COUNT);
    for (int i = 0; i < TOGETHER_COUNT; i++) {
        char room[101] = "";
        int64_t excused_ns = 0;
        struct mr_io io = {.in = items[i].in,
                           .in_bytes = items[i].in_bytes,
                           .is_last = true,
                           .out = (unsigned char *)room,
                           .out_bytes = 100,
                           .excused_ns = &excused_ns,
                           .deadline_ns = limit_ns > 0 ? clock_now_ns() + limit_ns : 0};
        errs[i] = (struct mr_error){0};
        ck_assert_ok(chain_start(isolated->state, &entries[i], &errs[i]), errs[i]);
        statuses[i] = chain_process(isolated->state, &io, &errs[i]);
        if (statuses[i] == MR_DONE)
            ck_assert_str_eq(room, names[i]);
        else
            chain_stop(isolated->state);
    }
}

START_TEST(works_ahead)
{
    static const char *const names[TOGETHER_COUNT] = {"a", "bb", "c", "dddd", "", "f"};
    struct isolated isolated = isolate("copy");
    enum mr_status statuses[TOGETHER_COUNT];
    struct mr_error errs[TOGETHER_COUNT];
    pid_t pid = process_of();
    for (int round = 0; round < 3; round++) {
        run_together(&isolated, names, statuses, errs, 0);
        for (int i = 0; i < TOGETHER_COUNT; i++)
            ck_assert_msg(statuses[i] == MR_DONE, "%s", errs[i].text);
        expect_good(&isolated);
    }
    ck_assert_int_eq(process_of(), pid);
    end(&isolated);
}
END_TEST

/* The one that was being worked on pays, and nobody else. */
START_TEST(blames_the_one_at_work)
{
    static const char *const names[TOGETHER_COUNT] = {"good0", "good1", "bad2",
                                                      "good3", "bad4",  "good5"};
    static const struct {
        const char *spec, *text;
        enum mr_status status;
    } rows[] = {
        {EVIL "abort", "abort: the worker process was killed by signal 6 (ABRT)", MR_E_CHILD},
        {EVIL "exit", "exit: the worker process exited with status 0", MR_E_CHILD},
        {EVIL "babble", "babble: the operation gave status 24301, which it must not", MR_E_STEP},
        {EVIL "loop", "loop: out of time; its worker process was killed", MR_E_TIMEOUT},
    };
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        struct isolated isolated = isolate(rows[r].spec);
        enum mr_status statuses[TOGETHER_COUNT];
        struct mr_error errs[TOGETHER_COUNT];
        run_together(&isolated, names, statuses, errs, 300000000);
        for (int i = 0; i < TOGETHER_COUNT; i++) {
            bool is_bad = names[i][0] == 'b';
            ck_assert_msg(statuses[i] == (is_bad ? rows[r].status : MR_DONE), "%s, item %d: %s",
                          rows[r].spec, i, errs[i].text);
            ck_assert_str_eq(errs[i].text, is_bad ? rows[r].text : "");
        }
        expect_good(&isolated);
        end(&isolated);
    }
}
END_TEST

/* What was announced may stay away, or be done by itself after all. */
START_TEST(goes_by_what_comes)
{
    struct isolated isolated = isolate("copy");
    struct mr_entry entry = {.path = (char *)(uintptr_t) "a"};
    const struct operation_ahead item = {
        .entry = &entry, .in = (const unsigned char *)"xyz", .in_bytes = 3, .room_bytes = 2};
    chain_ahead(isolated.state, &item, 1);
    expect_good(&isolated); /* another one */
    chain_ahead(isolated.state, &item, 1);
    struct mr_error err = {0};
    char room[10] = "";
    ck_assert_ok(chain_start(isolated.state, &entry, &err), err);
    struct mr_io io = {.in = item.in,
                       .in_bytes = 3,
                       .is_last = true,
                       .out = (unsigned char *)room,
                       .out_bytes = 9};
    ck_assert_int_eq(chain_process(isolated.state, &io, &err), MR_DONE); /* there was no room */
    ck_assert_str_eq(room, "xyz");
    end(&isolated);
}
END_TEST

/* What becomes larger than there is room for in a small place goes on, in the same process, and so
 * do those behind it. */
START_TEST(goes_on_when_there_is_more)
{
    enum { COUNT = 6, LINES = 100000, ROOM = 300000 };
    static char lines[LINES + 1], room[ROOM + 1];
    memset(lines, '\n', LINES);
    const char *const contents[] = {"a\n", lines, "\n", "", lines, "b"};
    struct isolated isolated = isolate("crlf");
    struct mr_entry entries[COUNT];
    struct operation_ahead items[COUNT];
    pid_t pid = process_of();
    for (int i = 0; i < COUNT; i++) {
        entries[i] = (struct mr_entry){.path = (char *)(uintptr_t) "a"};
        items[i] = (struct operation_ahead){.entry = &entries[i],
                                            .in = (const unsigned char *)contents[i],
                                            .in_bytes = strlen(contents[i]),
                                            .room_bytes = ROOM};
    }
    for (int first = 0; first < COUNT; first++) {
        chain_ahead(isolated.state, items + first, (unsigned)(COUNT - first));
        for (int i = first; i < COUNT; i++) {
            struct mr_error err = {0};
            struct mr_io io = {.in = items[i].in,
                               .in_bytes = items[i].in_bytes,
                               .is_last = true,
                               .out = (unsigned char *)room,
                               .out_bytes = ROOM};
            ck_assert_ok(chain_start(isolated.state, &entries[i], &err), err);
            ck_assert_msg(chain_process(isolated.state, &io, &err) == MR_DONE, "%s", err.text);
            size_t made_bytes = ROOM - io.out_bytes, at = 0;
            for (size_t c = 0; c < items[i].in_bytes; c++) {
                if (contents[i][c] == '\n')
                    ck_assert_int_eq(room[at++], '\r');
                ck_assert_int_eq(room[at++], contents[i][c]);
            }
            ck_assert_uint_eq(made_bytes, at);
        }
        ck_assert_int_eq(process_of(), pid);
    }
    end(&isolated);
}
END_TEST

/* In the middle of an item, what has been given is gone. */
START_TEST(does_not_go_on_in_the_middle)
{
    struct isolated isolated = isolate("copy");
    struct mr_entry entry = {.path = (char *)(uintptr_t) "a"};
    struct mr_error err = {0};
    unsigned char room[10];
    ck_assert_ok(chain_start(isolated.state, &entry, &err), err);
    struct mr_io io = {.in = room, .in_bytes = 5, .out = room, .out_bytes = 10};
    ck_assert_ok(chain_process(isolated.state, &io, &err), err);
    ck_assert_int_eq(kill(process_of(), SIGKILL), 0);
    io = (struct mr_io){.in = room, .in_bytes = 5, .is_last = true, .out = room, .out_bytes = 10};
    ck_assert_int_eq(chain_process(isolated.state, &io, &err), MR_E_CHILD);
    ck_assert_str_eq(err.text, "copy: the worker process was killed by signal 9 (KILL)");
    chain_stop(isolated.state);
    expect_good(&isolated);
    end(&isolated);
}
END_TEST

/* A plugin is asked about, and is never loaded here. */
START_TEST(asks_about_plugins)
{
    struct isolated isolated = isolate(LIAR "rename-untidy");
    ck_assert_str_eq(chain_operation(isolated.inner, 0, NULL)->name, "rename-untidy");
    ck_assert(!chain_is_identity(isolated.inner));
    char *path = strdup("old");
    ck_assert_int_eq(chain_rename(isolated.inner, &path), MR_OK);
    ck_assert_str_eq(path, "new/name");
    free(path);
    end(&isolated);
    isolated = isolate(LIAR "rename-out");
    path = strdup("old");
    ck_assert_int_eq(chain_rename(isolated.inner, &path), MR_E_UNSAFE);
    ck_assert_str_eq(path, "old");
    free(path);
    end(&isolated);
    isolated = isolate(LIAR "identity");
    ck_assert(chain_is_identity(isolated.inner));
    char line[500];
    FILE *maps = fopen("/proc/self/maps", "r");
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof(line), maps))
        ck_assert_ptr_null(strstr(line, "liar.so"));
    fclose(maps);
    end(&isolated);
}
END_TEST

/* What a plugin promises is known in steps, so that small items can be handed over together; and
 * it is not asked for names that it leaves alone. */
START_TEST(knows_what_plugins_promise)
{
    static const struct {
        const char *specs;
        size_t in_bytes, bound_bytes;
        bool goes_ahead;
    } rows[] = {
        {EVIL "abort", 0, 4096, true},
        {EVIL "abort", 4096, 4096, true},
        {EVIL "abort", 4097, 8192, true},
        {EVIL "abort", 131072, 131072, true},
        {EVIL "abort", 131073, SIZE_MAX, false},
        {EVIL "abort copy", 100, 4096, true},
        {EVIL "abort gzip", 100000, 0, true}, /* as the codec says */
        {MR_PLUGINS "/teller.so", 1, SIZE_MAX, true},
        {MR_PLUGINS "/teller.so", 131073, SIZE_MAX, false},
    };
    const struct mr_entry entry = {.path = (char *)(uintptr_t) "a"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct isolated isolated = isolate(rows[i].specs);
        size_t bound_bytes = chain_bound(isolated.chain, &entry, rows[i].in_bytes);
        ck_assert_msg(rows[i].bound_bytes == 0 || bound_bytes == rows[i].bound_bytes,
                      "%s, %zu: %zu", rows[i].specs, rows[i].in_bytes, bound_bytes);
        ck_assert_int_eq(chain_goes_ahead(isolated.chain, rows[i].in_bytes), rows[i].goes_ahead);
        ck_assert(chain_operation(isolated.inner, 0, NULL)->rename == NULL);
        end(&isolated);
    }
}
END_TEST

START_TEST(refuses_what_it_cannot_set_up)
{
    static const struct {
        const char *spec, *text;
        enum mr_status status;
    } rows[] = {
        {"gzipp", "there is no operation \"gzipp\"; did you mean \"gzip\"?", MR_E_USAGE},
        {"gzip:99", NULL, MR_E_USAGE},
        {LIAR "nothing", NULL, MR_E_USAGE},
        {"./no/such/plugin.so", NULL, MR_E_SYSTEM},
        {LIAR "honest:x=1", "honest has no settings", MR_E_USAGE},
        {LIAR "refuses", NULL, MR_E_UNSUPPORTED},
    };
    size_t fd_count = count_fds();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mr_error err = {0}, here = {0};
        struct chain *chain, *plain;
        ck_assert_ok(chain_create(&chain, &err), err);
        ck_assert_ok(chain_create(&plain, &err), err);
        ck_assert_int_eq(isolate_add(chain, rows[i].spec, &err), rows[i].status);
        ck_assert_int_eq(chain_add(plain, rows[i].spec, &here), rows[i].status);
        ck_assert_str_eq(err.text, rows[i].text ? rows[i].text : here.text);
        ck_assert_uint_eq(chain_count(chain), 0);
        chain_destroy(chain);
        chain_destroy(plain);
    }
    ck_assert_uint_eq(count_fds(), fd_count);
    check_no_children();
}
END_TEST

/* A process that does as it likes: what it answers is what the test says. */
static void answer(struct worker *worker, const struct wire_answer *answer)
{
    struct wire_message *message = (struct wire_message *)worker->window.places[0].message;
    const uint64_t once = 1;
    memcpy(&message->answer, answer, sizeof(*answer));
    memset(message->texts, 'x', WIRE_TEXTS_BYTES);
    ck_assert_int_eq(write(worker->answer_fd, &once, sizeof(once)), sizeof(once));
}

START_TEST(checks_answers)
{
    static const struct wire_answer odd[] = {
        {.status = 4711},
        {.status = -1},
        {.status = MR_SKIPPED},
        {.number = 1},
        {.used_bytes = 1},
        {.made_bytes = UINT64_MAX},
        {.texts_bytes = WIRE_TEXTS_BYTES + 1},
        {.texts_bytes = UINT32_MAX},
        {.texts_bytes = 5},
    };
    static const char *const copy[] = {"copy"};
    size_t fd_count = count_fds();
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct worker worker;
        struct mr_error err = {0};
        worker_init(&worker);
        ck_assert_ok(worker_start(&worker, copy, 1, &err), err);
        ck_assert_int_eq(kill(worker.helper.pid, SIGSTOP), 0);
        worker_request(&worker, WIRE_PROCESS);
        struct wire_answer wrong = odd[i];
        wrong.number += worker.request.number;
        answer(&worker, &wrong);
        ck_assert_int_eq(worker_ask(&worker, NULL, &err), MR_E_CHILD);
        ck_assert_ptr_nonnull(strstr(err.text, "makes no sense"));
        ck_assert(!worker_is_there(&worker));
        worker_fini(&worker);
    }
    ck_assert_uint_eq(count_fds(), fd_count);
    check_no_children();
}
END_TEST

/* The bell alone says nothing, and nobody else can make this process wait at it. */
START_TEST(is_not_held_by_the_bell)
{
    static const char *const copy[] = {"copy"};
    struct worker worker;
    struct mr_error err = {0};
    worker_init(&worker);
    ck_assert_ok(worker_start(&worker, copy, 1, &err), err);
    ck_assert_int_eq(kill(worker.helper.pid, SIGSTOP), 0);
    worker_request(&worker, WIRE_PROCESS)->room_bytes = 1;
    int64_t begin_ns = clock_now_ns();
    const struct mr_io limits = {.deadline_ns = begin_ns + 200000000};
    ck_assert_int_eq(worker_ask(&worker, &limits, &err), MR_E_TIMEOUT);
    check_time(begin_ns, 200);
    worker_fini(&worker);
}
END_TEST

Suite *isolate_suite(void)
{
    Suite *suite = suite_create("isolate");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, makes_the_same);
    tcase_add_test(tests, fails_alike);
    tcase_add_test(tests, gives_notes);
    tcase_add_test(tests, tells_extended_attributes);
    tcase_add_test(tests, leaves_commands_here);
    tcase_add_test(tests, survives_evil);
    tcase_add_test(tests, stops_a_flood);
    tcase_add_test(tests, keeps_the_deadline);
    tcase_add_test(tests, excuses_the_start_of_a_process);
    tcase_add_test(tests, can_be_cancelled);
    tcase_add_test(tests, tries_again_in_a_new_process);
    tcase_add_test(tests, works_ahead);
    tcase_add_test(tests, blames_the_one_at_work);
    tcase_add_test(tests, goes_by_what_comes);
    tcase_add_test(tests, goes_on_when_there_is_more);
    tcase_add_test(tests, does_not_go_on_in_the_middle);
    tcase_add_test(tests, asks_about_plugins);
    tcase_add_test(tests, knows_what_plugins_promise);
    tcase_add_test(tests, refuses_what_it_cannot_set_up);
    tcase_add_test(tests, checks_answers);
    tcase_add_test(tests, is_not_held_by_the_bell);
    suite_add_tcase(suite, tests);
    return suite;
}
