/* Values that travel in bundles: each has its own fate, and none waits for another one's slow call.
 */
#include "engine/pipeline_state.h"
#include "engine/pipeline_support.h"

Suite *pipeline_bundle_suite(void);

#define WARM_COUNT 100

/* Runs of the first step; fewer than values when these came in bundles. */
static uint64_t run_count(const struct mr_pipeline *pipeline)
{
    struct line_figures figures;
    line_figures(pipeline->line, &figures);
    return figures.step_runs[0];
}

/* ---- one call is slow ---- */

struct barrier {
    atomic_bool is_open;
    long closed_for; /* the value that waits */
    atomic_bool is_reached;
};

static enum mr_status pass(struct mr_step_call *call, void *value, void *user, struct mr_error *err)
{
    struct barrier *barrier = user;
    (void)err;
    if (LONG(value) == barrier->closed_for) {
        atomic_store(&barrier->is_reached, true);
        while (!atomic_load(&barrier->is_open))
            sleep_us(100);
    }
    return mr_emit(call, value);
}

/* Until bundles are large: all calls so far were fast. */
static void warm_up(struct mr_pipeline *pipeline)
{
    struct mr_result result;
    unsigned size = 0;
    for (int round = 0; round < 1000 && size < BUNDLE_MAX / 2; round++) {
        for (long i = 0; i < WARM_COUNT; i++)
            ck_assert_int_eq(mr_pipeline_submit(pipeline, VALUE(1000), 0, NULL, -1, NULL), MR_OK);
        for (long i = 0; i < WARM_COUNT; i++)
            ck_assert_int_eq(mr_pipeline_next(pipeline, -1, &result), MR_OK);
        lock_take(&pipeline->lock);
        size = pipeline->bundle_size;
        lock_give(&pipeline->lock);
    }
    ck_assert_uint_ge(size, BUNDLE_MAX / 2);
}

/*
 * Value 50 of 200 does not come through until everything that can be taken without it was taken.
 * What came before it was called; what came after it finds another thread, when there is one.
 */
START_TEST(test_slow_call_holds_nobody_up)
{
    bool has_one_thread = _i & 1, is_shared = _i & 2, is_ordered = _i & 4, is_late = _i & 8;
    if (has_one_thread && is_shared)
        is_late = true; /* the only thread that there is for the second step must not be stuck */
    struct barrier barrier = {.closed_for = 50}, none = {.closed_for = -1};
    struct mr_step steps[] = {{.run = pass, .user = is_late ? &none : &barrier},
                              {.run = pass, .user = is_late ? &barrier : &none}};
    steps[0].worker_count = steps[1].worker_count = has_one_thread ? 1 : 2;
    struct mr_pipeline_config config = config_of(steps, 2);
    config.pools = is_shared ? MR_POOL_SHARED : MR_POOL_EACH;
    config.thread_count = has_one_thread ? 1 : 2;
    config.is_ordered = is_ordered;
    struct mr_pipeline *pipeline = make(&config);
    warm_up(pipeline);
    struct mr_result result;
    bool is_taken[200] = {false};
    for (long i = 0; i < 200; i++)
        ck_assert_int_eq(mr_pipeline_submit(pipeline, VALUE(i), 0, NULL, -1, NULL), MR_OK);
    /* One thread of the step is stuck: with one in all, only what was before the value is through.
     */
    long free_count = is_ordered || has_one_thread ? 50 : 199;
    for (long i = 0; i < free_count; i++) {
        ck_assert_int_eq(mr_pipeline_next(pipeline, SUPPORT_HANG_MS, &result), MR_OK);
        ck_assert_int_ne(LONG(result.value), 50);
        is_taken[LONG(result.value)] = true;
    }
    while (!atomic_load(&barrier.is_reached))
        sleep_us(100);
    atomic_store(&barrier.is_open, true);
    for (long i = free_count; i < 200; i++) {
        ck_assert_int_eq(mr_pipeline_next(pipeline, -1, &result), MR_OK);
        is_taken[LONG(result.value)] = true;
    }
    for (long i = 0; i < 200; i++)
        ck_assert(is_taken[i]);
    mr_pipeline_destroy(pipeline);
}
END_TEST

/* Nobody takes, nobody submits: what waits behind the slow call is run by the idle thread. */
START_TEST(test_idle_thread_takes_what_waits)
{
    struct barrier barrier = {.closed_for = 3};
    struct mr_step steps[] = {{.run = pass, .user = &barrier, .worker_count = 2}};
    struct mr_pipeline_config config = config_of(steps, 1);
    config.pools = _i & 1 ? MR_POOL_SHARED : MR_POOL_EACH;
    config.thread_count = 2;
    struct mr_pipeline *pipeline = make(&config);
    warm_up(pipeline);
    sleep_us(_i & 2 ? 20000 : 0); /* asleep, or not yet */
    for (long i = 0; i < 40; i++)
        ck_assert_int_eq(mr_pipeline_submit(pipeline, VALUE(i), 0, NULL, -1, NULL), MR_OK);
    struct mr_pipeline_figures figures;
    mr_pipeline_figures(pipeline, &figures);
    uint64_t warm_count = figures.submitted_count - 40;
    while (figures.steps[0].item_count < warm_count + 20) { /* the test's time is the limit */
        sleep_us(1000);
        mr_pipeline_figures(pipeline, &figures);
    }
    atomic_store(&barrier.is_open, true);
    mr_pipeline_destroy(pipeline);
}
END_TEST

/* ---- who watches gets work ---- */

#define SLOW_CHILD 2000

static atomic_long child_after_us;

/* Value 3 becomes two, the first of which another thread gets at once, and waits then. */
static enum mr_status split(struct mr_step_call *call, void *value, void *user,
                            struct mr_error *err)
{
    if (LONG(value) == 3) {
        sleep_us(atomic_load(&child_after_us));
        ck_assert_int_eq(mr_emit(call, VALUE(SLOW_CHILD)), MR_OK);
        ck_assert_int_eq(mr_emit(call, VALUE(3)), MR_OK);
    }
    struct barrier *barrier = user;
    (void)err;
    while (LONG(value) == 3 && !atomic_load(&barrier->is_open))
        sleep_us(100);
    return LONG(value) == 3 ? MR_OK : mr_emit(call, value);
}

/* The thread that watches gets the other slow call, of a value that travels alone: the third one,
 * which sleeps, must watch instead. */
START_TEST(test_another_one_watches)
{
    struct barrier barrier = {.closed_for = SLOW_CHILD};
    struct mr_step steps[] = {{.run = split, .user = &barrier}, {.run = pass, .user = &barrier}};
    struct mr_pipeline_config config = config_of(steps, 2);
    config.pools = MR_POOL_SHARED;
    config.thread_count = 3;
    struct mr_pipeline *pipeline = make(&config);
    warm_up(pipeline);
    atomic_store(&child_after_us, 200 * (_i % 4));
    sleep_us(20000); /* all are asleep */
    for (long i = 0; i < 40; i++)
        ck_assert_int_eq(mr_pipeline_submit(pipeline, VALUE(i), 0, NULL, -1, NULL), MR_OK);
    struct mr_pipeline_figures figures;
    mr_pipeline_figures(pipeline, &figures);
    uint64_t warm_count = figures.submitted_count - 40;
    for (int ms = 0; ms < SUPPORT_HANG_MS && figures.steps[0].item_count < warm_count + 20; ms++) {
        sleep_us(1000);
        mr_pipeline_figures(pipeline, &figures);
    }
    atomic_store(&barrier.is_open, true);
    ck_assert_uint_ge(figures.steps[0].item_count, warm_count + 20);
    mr_pipeline_destroy(pipeline);
}
END_TEST

/* ---- all fates in one bundle ---- */

struct many {
    long value, left_count;
};

/* By value % 8: 0 fails, 1 is dropped, 2 becomes three, 3 becomes five, one at a time; others go
 * on. */
static enum mr_status decide(struct mr_step_call *call, void *value, void *user,
                             struct mr_error *err)
{
    struct many *many = value;
    long number = many->value;
    (void)user;
    if (number % 8 == 3) {
        ck_assert_int_eq(mr_emit(call, VALUE(number)), MR_OK);
        return --many->left_count > 0 ? MR_AGAIN : MR_OK;
    }
    if (number % 8 == 0)
        return mr_error_set(err, MR_E_DATA, 0, "%ld is bad", number);
    for (long i = number % 8 == 2 ? 3 : 1; i > 0 && number % 8 != 1; i--)
        ck_assert_int_eq(mr_emit(call, VALUE(number)), MR_OK);
    return MR_OK;
}

struct expected {
    long next, repeated_count; /* the value of the last result, and how often it came */
    bool is_ordered;
    long counts[5]; /* by what came of it: failed, dropped, three, five, one */
};

static void expect_next(const struct mr_result *result, void *ctx)
{
    struct expected *expected = ctx;
    const struct many *many = *(struct many **)result->user;
    long kind = many->value % 8;
    ck_assert_int_eq(result->status, kind == 0 ? MR_E_DATA : MR_OK);
    if (kind == 0)
        ck_assert_int_eq(atol(result->error.text), many->value);
    else
        ck_assert_int_eq(LONG(result->value), many->value);
    expected->counts[kind > 4 ? 4 : kind]++;
    if (!expected->is_ordered)
        return;
    ck_assert_int_ge(many->value, expected->next);
    ck_assert_int_le(many->value, expected->next + 2); /* a dropped one is between, at most */
    expected->next = many->value;
}

START_TEST(test_every_value_of_a_bundle_has_its_own_fate)
{
    enum { COUNT = 8000 };
    static struct many many[COUNT];
    static void *values[COUNT];
    struct expected expected = {.is_ordered = _i & 1};
    struct mr_step steps[] = {{.run = forward, .worker_count = 2},
                              {.run = decide, .worker_count = _i & 4 ? 1 : 2},
                              {.run = forward, .worker_count = 2}};
    struct mr_pipeline_config config = config_of(steps, _i & 8 ? 2 : 3);
    config.pools = _i & 2 ? MR_POOL_SHARED : MR_POOL_EACH;
    config.is_ordered = expected.is_ordered;
    config.thread_count = 2;
    config.window_count = 2;
    config.in_flight_count = 1000;
    for (long i = 0; i < COUNT; i++) {
        many[i] = (struct many){.value = i, .left_count = 5};
        values[i] = &many[i];
    }
    struct mr_pipeline *pipeline = make(&config);
    struct mr_error err = {0};
    ck_assert_ok(mr_pipeline_map(pipeline, values, COUNT, 0, expect_next, &expected, NULL, &err),
                 err);
    ck_assert_int_eq(expected.counts[0], COUNT / 8);
    ck_assert_int_eq(expected.counts[1], 0);
    ck_assert_int_eq(expected.counts[2], 3 * COUNT / 8);
    ck_assert_int_eq(expected.counts[3], 5 * COUNT / 8);
    ck_assert_int_eq(expected.counts[4], 4 * COUNT / 8);
    struct mr_pipeline_figures figures;
    mr_pipeline_figures(pipeline, &figures);
    ck_assert_uint_eq(figures.ended_count, COUNT);
    ck_assert_uint_eq(figures.in_flight_count, 0);
    ck_assert_uint_eq(figures.steps[1].item_count, COUNT);
    ck_assert_uint_eq(figures.steps[1].call_count, COUNT + 4 * COUNT / 8);
    ck_assert_uint_eq(figures.steps[1].failed_count, COUNT / 8);
    ck_assert_uint_eq(figures.steps[1].emit_count, 12 * COUNT / 8);
    ck_assert_uint_lt(run_count(pipeline), COUNT); /* it did come in bundles */
    mr_pipeline_destroy(pipeline);
}
END_TEST

Suite *pipeline_bundle_suite(void)
{
    Suite *suite = suite_create("pipeline_bundle");
    TCase *tests = tcase_create("pipeline_bundle");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_slow_call_holds_nobody_up, 0, 16);
    tcase_add_loop_test(tests, test_idle_thread_takes_what_waits, 0, 4);
    tcase_add_loop_test(tests, test_every_value_of_a_bundle_has_its_own_fate, 0, 16);
    suite_add_tcase(suite, tests);
    TCase *watch = tcase_create("watch");
    tcase_set_timeout(watch, 120);
    tcase_add_loop_test(watch, test_another_one_watches, 0, 12);
    suite_add_tcase(suite, watch);
    return suite;
}
