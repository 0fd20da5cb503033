/* Running a chain: what each operation is given, and what comes out. */
#include "operation/chain.h"
#include "run_chain.h"

Suite *chain_state_suite(void);

/*
 * An operation that copies and writes down what it was given. Its config says how it misbehaves;
 * several can be in a chain.
 */
struct spy {
    size_t bound_factor;     /* 0: no bound; else each byte comes out so many times */
    size_t done_after_bytes; /* ends early; SIZE_MAX: never */
    size_t fail_after_bytes; /* SIZE_MAX: never */
    bool fails_start, is_stuck;
    /* What it saw. */
    unsigned start_count, stop_count, call_count, last_count;
    size_t seen_bytes, largest_bytes, first_bytes, first_room_bytes, copies_left;
    bool was_first_last;
};

static size_t spy_bound(const void *config, size_t in_bytes)
{
    const struct spy *spy = config;
    return spy->bound_factor == 0 ? SIZE_MAX : spy->bound_factor * in_bytes;
}

static enum mr_status spy_state_create(const void *config, void **state, struct mr_error *err)
{
    (void)err;
    *state = (void *)(uintptr_t)config;
    return MR_OK;
}

static enum mr_status spy_start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    struct spy *spy = state;
    ck_assert_ptr_nonnull(entry);
    spy->start_count++;
    spy->call_count = spy->last_count = 0;
    spy->seen_bytes = spy->largest_bytes = spy->first_bytes = spy->copies_left = 0;
    return spy->fails_start ? mr_error_set(err, MR_E_SYSTEM, 0, "cannot start") : MR_OK;
}

static enum mr_status spy_process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct spy *spy = state;
    if (io->out_bytes == 0)
        ck_abort_msg("called without room");
    if (spy->call_count++ == 0) {
        spy->first_bytes = io->in_bytes;
        spy->was_first_last = io->is_last;
        spy->first_room_bytes = io->out_bytes;
    }
    spy->last_count += io->is_last;
    if (io->in_bytes > spy->largest_bytes)
        spy->largest_bytes = io->in_bytes;
    if (spy->is_stuck)
        return MR_OK;
    size_t factor = spy->bound_factor == 0 ? 1 : spy->bound_factor;
    while (io->in_bytes > 0 && io->out_bytes > 0) {
        if (spy->seen_bytes >= spy->fail_after_bytes)
            return mr_error_set(err, MR_E_DATA, 0, "enough of it");
        if (spy->seen_bytes >= spy->done_after_bytes)
            return MR_DONE;
        if (spy->copies_left == 0)
            spy->copies_left = factor;
        *io->out++ = *io->in;
        io->out_bytes--;
        if (--spy->copies_left == 0) {
            io->in++;
            io->in_bytes--;
            spy->seen_bytes++;
        }
    }
    return io->is_last && io->in_bytes == 0 ? MR_DONE : MR_OK;
}

static void spy_stop(void *state)
{
    ((struct spy *)state)->stop_count++;
}

static const struct mr_operation spy_operation = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "spy",
    .summary = "writes down what it sees",
    .bound = spy_bound,
    .state_create = spy_state_create,
    .start = spy_start,
    .process = spy_process,
    .stop = spy_stop,
};

static const struct spy plain_spy = {
    .bound_factor = 1, .done_after_bytes = SIZE_MAX, .fail_after_bytes = SIZE_MAX};

static struct chain *spy_chain(struct spy *spies, unsigned count)
{
    struct mr_error err = {0};
    struct chain *chain;
    ck_assert_ok(chain_create(&chain, &err), err);
    for (unsigned i = 0; i < count; i++)
        ck_assert_ok(chain_add_operation(chain, &spy_operation, &spies[i], &err), err);
    return chain;
}

/* Runs it once and leaves the result in *run. */
static enum mr_status spy_run(struct spy *spies, unsigned count, struct run *run,
                              const void *content, size_t content_bytes)
{
    struct mr_error err = {0};
    struct chain *chain = spy_chain(spies, count);
    struct chain_state *state;
    ck_assert_ok(chain_state_create(chain, &state, &err), err);
    enum mr_status status = run_item(run, state, content, content_bytes);
    chain_state_destroy(state);
    chain_destroy(chain);
    return status;
}

START_TEST(runs_without_operations)
{
    size_t sizes[] = {0, 1, CHAIN_BUFFER_BYTES + 5};
    for (size_t i = 0; i < 3; i++) {
        unsigned char *content = support_noise(i, sizes[i]);
        struct run run = {.out_chunk_bytes = i == 2 ? 1000 : 1};
        ck_assert_int_eq(run_chain(&run, "", content, sizes[i]), MR_DONE);
        ck_assert_bytes(&run, content, sizes[i]);
        free(run.out);
        free(content);
    }
}
END_TEST

START_TEST(long_chains_go_round)
{
    static const char *const chains[] = {
        "gzip:1 gunzip", "copy copy copy", "gzip:1 copy zlib:1 unzlib gunzip copy",
        "gzip:1 gzip:1 gzip:1 decompress decompress decompress",
        "recompress:gzip,level=1 recompress:zlib recompress:zlib unzlib unzlib"};
    static const size_t sizes[] = {
        0, 1, 70000, CHAIN_BUFFER_BYTES, CHAIN_BUFFER_BYTES + 1, (size_t)5 << 19};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned char *content = i % 2 ? support_noise(i, sizes[i]) : support_text(i, sizes[i]);
        for (size_t k = 0; k < 5; k++) {
            struct run run = {.in_chunk_bytes = k % 2 ? 4099 : 0,
                              .out_chunk_bytes = k > 2 ? 997 : 0};
            ck_assert_int_eq(run_chain(&run, chains[k], content, sizes[i]), MR_DONE);
            ck_assert_bytes(&run, content, sizes[i]);
            free(run.out);
        }
        free(content);
    }
}
END_TEST

/* What a later operation makes does not depend on the caller's chunks and rooms. */
START_TEST(results_do_not_depend_on_the_caller)
{
    static const char *const chains[] = {"copy gzip:1", "gunzip gzip:2", "copy zlib:1 gzip:1",
                                         "decompress copy gzip:1"};
    static const size_t chunks[] = {0, 1000, 65536, 300001};
    static const size_t rooms[] = {0, 10, 70000, 4096};
    size_t sizes[] = {900000, CHAIN_BUFFER_BYTES + 10, (size_t)5 << 19};
    for (size_t i = 0; i < 3; i++) {
        unsigned char *content = support_text(i, sizes[i]);
        struct run feed = {0};
        ck_assert_int_eq(run_chain(&feed, "gzip:1", content, sizes[i]), MR_DONE);
        for (size_t k = 0; k < 4; k++) {
            struct run first = {0};
            ck_assert_int_eq(run_chain(&first, chains[k], feed.out, feed.out_bytes), MR_DONE);
            for (size_t n = 1; n < 4; n++) {
                struct run run = {.in_chunk_bytes = chunks[n], .out_chunk_bytes = rooms[n]};
                ck_assert_int_eq(run_chain(&run, chains[k], feed.out, feed.out_bytes), MR_DONE);
                ck_assert_bytes(&run, first.out, first.out_bytes);
                free(run.out);
            }
            free(first.out);
        }
        free(feed.out);
        free(content);
    }
}
END_TEST

/* Full buffers, an exact is_last, and one call for empty content. */
START_TEST(fills_before_it_hands_on)
{
    static const struct {
        size_t bytes, first_bytes;
        bool is_whole;
    } rows[] = {{0, 0, true},
                {1, 1, true},
                {100000, 100000, true},
                {CHAIN_BUFFER_BYTES - 1, CHAIN_BUFFER_BYTES - 1, true},
                {CHAIN_BUFFER_BYTES + 1, CHAIN_BUFFER_BYTES, false},
                {3 * CHAIN_BUFFER_BYTES + 7, CHAIN_BUFFER_BYTES, false}};
    static const size_t chunks[] = {777777, 5000, 0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned char *content = support_noise(i, rows[i].bytes);
        for (size_t k = 0; k < 3; k++) {
            struct spy spies[] = {plain_spy, plain_spy, plain_spy};
            struct run run = {.in_chunk_bytes = chunks[k], .out_chunk_bytes = k == 1 ? 100000 : 0};
            ck_assert_int_eq(spy_run(spies, 3, &run, content, rows[i].bytes), MR_DONE);
            ck_assert_bytes(&run, content, rows[i].bytes);
            for (unsigned n = 1; n < 3; n++) {
                ck_assert_uint_eq(spies[n].first_bytes, rows[i].first_bytes);
                ck_assert(spies[n].was_first_last == rows[i].is_whole);
                ck_assert_uint_le(spies[n].largest_bytes, CHAIN_BUFFER_BYTES);
            }
            for (unsigned n = 0; n < 3; n++) {
                ck_assert_uint_eq(spies[n].seen_bytes, rows[i].bytes);
                ck_assert_uint_ge(spies[n].last_count, 1);
                ck_assert_uint_eq(spies[n].stop_count, 0);
            }
            free(run.out);
        }
        free(content);
    }
}
END_TEST

/* An operation that is given everything at once gets room for its bound, whatever the caller gives.
 */
START_TEST(gives_the_room_of_the_bound)
{
    static const size_t sizes[] = {1000, 700000, CHAIN_BUFFER_BYTES - 1};
    for (size_t i = 0; i < 3; i++) {
        unsigned char *content = support_noise(i, sizes[i]);
        struct spy spies[] = {plain_spy, plain_spy, plain_spy};
        spies[0].bound_factor = 3;
        spies[1].done_after_bytes = sizes[i] / 2;
        spies[2].bound_factor = 5;
        struct run run = {.out_chunk_bytes = 100};
        ck_assert_int_eq(spy_run(spies, 3, &run, content, sizes[i]), MR_DONE);
        ck_assert_uint_eq(run.out_bytes, sizes[i] / 2 * 5);
        for (size_t at = 0; at < run.out_bytes; at++) {
            if (run.out[at] != content[at / 15])
                ck_abort_msg("byte %zu is wrong", at);
        }
        ck_assert_uint_ge(spies[0].first_room_bytes, 3 * sizes[i]);
        if (spies[2].was_first_last)
            ck_assert_uint_ge(spies[2].first_room_bytes, 5 * spies[2].first_bytes);
        ck_assert_uint_le(spies[2].largest_bytes, CHAIN_BUFFER_BYTES);
        free(run.out);
        free(content);
    }
}
END_TEST

START_TEST(ends_early)
{
    size_t bytes = 4 * CHAIN_BUFFER_BYTES;
    unsigned char *content = support_noise(1, bytes);
    for (unsigned which = 0; which < 3; which++) {
        struct spy spies[] = {plain_spy, plain_spy, plain_spy};
        spies[which].done_after_bytes = CHAIN_BUFFER_BYTES + 100;
        struct run run = {.out_chunk_bytes = 5000};
        ck_assert_int_eq(spy_run(spies, 3, &run, content, bytes), MR_DONE);
        ck_assert_bytes(&run, content, CHAIN_BUFFER_BYTES + 100);
        for (unsigned i = 0; i < 3; i++) {
            ck_assert_uint_eq(spies[i].stop_count, i < which ? 1 : 0);
            ck_assert_uint_lt(spies[i].seen_bytes, bytes);
        }
        free(run.out);
    }
    free(content);
}
END_TEST

START_TEST(fails_cleanly)
{
    size_t bytes = 3 * CHAIN_BUFFER_BYTES;
    unsigned char *content = support_noise(1, bytes);
    for (unsigned which = 0; which < 3; which++) {
        struct spy spies[] = {plain_spy, plain_spy, plain_spy};
        struct mr_error err = {0};
        struct chain *chain = spy_chain(spies, 3);
        struct chain_state *state;
        ck_assert_ok(chain_state_create(chain, &state, &err), err);
        struct run run = {0};
        spies[which].fail_after_bytes = CHAIN_BUFFER_BYTES + 5;
        ck_assert_int_eq(run_item(&run, state, content, bytes), MR_E_DATA);
        ck_assert_str_eq(run.err.text, "spy: enough of it");
        free(run.out);
        for (unsigned i = which; i < 3; i++)
            ck_assert_uint_eq(spies[i].stop_count, 1);
        spies[which].fail_after_bytes = SIZE_MAX;
        spies[which].fails_start = true;
        ck_assert_int_eq(run_item(&run, state, content, bytes), MR_E_SYSTEM);
        ck_assert_str_eq(run.err.text, "spy: cannot start");
        free(run.out);
        spies[which].fails_start = false;
        spies[which].is_stuck = true;
        ck_assert_int_eq(run_item(&run, state, content, bytes), MR_E_STEP);
        free(run.out);
        spies[which].is_stuck = false;
        ck_assert_int_eq(run_item(&run, state, content, bytes), MR_DONE);
        ck_assert_bytes(&run, content, bytes);
        free(run.out);
        unsigned stop_count = spies[0].stop_count;
        chain_stop(state);
        ck_assert_uint_eq(spies[0].stop_count, stop_count);
        chain_state_destroy(state);
        chain_destroy(chain);
    }
    free(content);
}
END_TEST

Suite *chain_state_suite(void)
{
    Suite *suite = suite_create("chain_state");
    TCase *tcase = tcase_create("chain_state");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, runs_without_operations);
    tcase_add_test(tcase, long_chains_go_round);
    tcase_add_test(tcase, results_do_not_depend_on_the_caller);
    tcase_add_test(tcase, fills_before_it_hands_on);
    tcase_add_test(tcase, gives_the_room_of_the_bound);
    tcase_add_test(tcase, ends_early);
    tcase_add_test(tcase, fails_cleanly);
    suite_add_tcase(suite, tcase);
    return suite;
}
