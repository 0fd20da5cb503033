/* Steps that do several values together: what is said to them, and that nothing else changes. */
#include "engine/pipeline_state.h"
#include "engine/pipeline_support.h"

Suite *pipeline_batch_suite(void);

#define BATCH_COUNT 8

/* What a step was told, and what it then was given. */
struct told {
    long values[BATCH_COUNT];
    unsigned count, at;
    int64_t thread; /* that was told */
};

struct watcher {
    atomic_int begun_count, ended_count, together_count, alone_count, dropped_count;
    atomic_int failed_count, largest;
    atomic_long closed_for; /* the value that waits; -1: none */
    atomic_bool is_open, is_reached, refuses;
    bool emits_many;
};

static int64_t this_thread(void)
{
    static _Thread_local char here;
    return (int64_t)(intptr_t)&here;
}

static void *begin(void *const *values, unsigned count, void *user)
{
    struct watcher *watcher = user;
    ck_assert_uint_ge(count, 2);
    ck_assert_uint_le(count, BATCH_COUNT);
    if (atomic_load(&watcher->refuses))
        return NULL;
    struct told *told = malloc(sizeof(*told));
    told->count = count;
    told->at = 0;
    told->thread = this_thread();
    for (unsigned i = 0; i < count; i++)
        told->values[i] = LONG(values[i]);
    atomic_fetch_add(&watcher->begun_count, 1);
    if ((int)count > atomic_load(&watcher->largest))
        atomic_store(&watcher->largest, (int)count);
    return told;
}

static void end(void *batch, void *user)
{
    struct watcher *watcher = user;
    struct told *told = batch;
    ck_assert_int_eq(told->thread, this_thread());
    atomic_fetch_add(&watcher->ended_count, 1);
    free(told);
}

static void drop(void *value, void *user)
{
    struct watcher *watcher = user;
    count_drop(value, &watcher->dropped_count);
}

/* Values come as they were announced. By value % 8, with emits_many: 0 fails, 1 is dropped, 2
 * becomes three; others go on. */
static enum mr_status run(struct mr_step_call *call, void *value, void *user, struct mr_error *err)
{
    struct watcher *watcher = user;
    struct told *told = mr_step_batch(call);
    long number = LONG(value);
    atomic_fetch_add(told ? &watcher->together_count : &watcher->alone_count, 1);
    if (told) {
        ck_assert_int_eq(told->thread, this_thread());
        ck_assert_uint_lt(told->at, told->count);
        ck_assert_int_eq(told->values[told->at++], number);
    }
    if (number == atomic_load(&watcher->closed_for)) {
        atomic_store(&watcher->is_reached, true);
        while (!atomic_load(&watcher->is_open))
            sleep_us(100);
    }
    if (!watcher->emits_many)
        return mr_emit(call, value);
    if (number % 8 == 0)
        return mr_error_set(err, MR_E_DATA, 0, "%ld is bad", number);
    for (long i = number % 8 == 2 ? 3 : 1; i > 0 && number % 8 != 1; i--)
        ck_assert_int_eq(mr_emit(call, value), MR_OK);
    return MR_OK;
}

static struct mr_step batch_step(struct watcher *watcher, unsigned worker_count)
{
    return (struct mr_step){.name = "batch",
                            .run = run,
                            .user = watcher,
                            .worker_count = worker_count,
                            .drop = drop,
                            .batch_count = BATCH_COUNT,
                            .begin = begin,
                            .end = end};
}

static void submit(struct mr_pipeline *pipeline, long first, long count)
{
    for (long i = first; i < first + count; i++)
        ck_assert_int_eq(mr_pipeline_submit(pipeline, VALUE(i), 0, VALUE(i), -1, NULL), MR_OK);
}

/* Until the step is known to be fast. */
static void warm_up(struct mr_pipeline *pipeline, unsigned step)
{
    struct mr_result result;
    unsigned size = 0;
    for (int round = 0; round < 1000 && size < BATCH_COUNT; round++) {
        submit(pipeline, 1000, 50);
        for (long i = 0; i < 50; i++)
            ck_assert_int_eq(mr_pipeline_next(pipeline, -1, &result), MR_OK);
        size = batch_size(&pipeline->steps[step]);
    }
    ck_assert_uint_eq(size, BATCH_COUNT);
}

static void await(atomic_bool *flag)
{
    while (!atomic_load(flag)) /* the test's time is the limit */
        sleep_us(100);
}

/* ---- together ---- */

static enum mr_status seven(struct mr_step_call *call, void *value, void *user,
                            struct mr_error *err)
{
    (void)user;
    (void)err;
    for (long i = 0; i < (LONG(value) < 1000 ? 7 : 1); i++)
        ck_assert_int_eq(mr_emit(call, VALUE(LONG(value) < 1000 ? 10 * LONG(value) + i : 1000)),
                         MR_OK);
    return MR_OK;
}

/* What comes while the only worker is busy, each by itself, is given to it together: values that
 * one step emitted, with every kind of pool. */
START_TEST(test_what_waits_goes_together)
{
    bool is_first = _i & 1, is_shared = _i & 2;
    struct watcher watcher = {.closed_for = 0};
    struct mr_step steps[2] = {{.run = seven, .worker_count = 1}, batch_step(&watcher, 1)};
    struct mr_pipeline_config config = is_first ? config_of(&steps[1], 1) : config_of(steps, 2);
    config.pools = is_shared ? MR_POOL_SHARED : MR_POOL_EACH;
    config.thread_count = 2;
    config.is_ordered = true;
    struct mr_pipeline *pipeline = make(&config);
    struct mr_result result;
    warm_up(pipeline, is_first ? 0 : 1);
    atomic_store(&watcher.begun_count, 0);
    atomic_store(&watcher.ended_count, 0);
    atomic_store(&watcher.together_count, 0);
    atomic_store(&watcher.alone_count, 0);
    submit(pipeline, 0, 1);
    await(&watcher.is_reached);
    submit(pipeline, 1, 70);
    long count = is_first ? 71 : 7 * 71;
    struct mr_pipeline_figures figures;
    do
        mr_pipeline_figures(pipeline, &figures);
    while (!is_first &&
           figures.steps[0].emit_count < figures.steps[1].item_count + (uint64_t)count);
    atomic_store(&watcher.is_open, true);
    for (long i = 0; i < count; i++) {
        ck_assert_int_eq(mr_pipeline_next(pipeline, SUPPORT_HANG_MS, &result), MR_OK);
        ck_assert_int_eq(LONG(result.value), is_first ? i : i / 7 * 10 + i % 7);
    }
    mr_pipeline_destroy(pipeline);
    ck_assert_int_eq(atomic_load(&watcher.begun_count), atomic_load(&watcher.ended_count));
    ck_assert_int_eq(atomic_load(&watcher.together_count) + atomic_load(&watcher.alone_count),
                     count);
    ck_assert_int_ge(atomic_load(&watcher.together_count), count / 2);
    ck_assert_int_gt(atomic_load(&watcher.largest), 2);
}
END_TEST

/* A step that takes long is given one at a time, and so is one that begin() left alone. */
static enum mr_status slow(struct mr_step_call *call, void *value, void *user, struct mr_error *err)
{
    (void)err;
    ck_assert_ptr_null(mr_step_batch(call));
    sleep_us(*(long *)user);
    return mr_emit(call, value);
}

static void *never(void *const *values, unsigned count, void *user)
{
    (void)values;
    (void)count;
    ck_assert_int_eq(*(long *)user, 0);
    return NULL;
}

static void not_called(void *batch, void *user)
{
    (void)user;
    ck_assert_ptr_null(batch);
    ck_abort_msg("end() without begin()");
}

START_TEST(test_others_go_by_themselves)
{
    for (long us = 0; us <= 600; us += 600) {
        struct mr_step step = {.run = slow, .user = &us, .worker_count = 2, .batch_count = 2};
        step.begin = never;
        step.end = not_called;
        struct mr_pipeline_config config = config_of(&step, 1);
        struct mr_pipeline *pipeline = make(&config);
        void *values[200] = {NULL};
        struct tally sum = {0};
        struct mr_error err = {0};
        ck_assert_ok(mr_pipeline_map(pipeline, values, 200, 0, tally, &sum, NULL, &err), err);
        ck_assert_int_eq(sum.ok_count, 200);
        mr_pipeline_destroy(pipeline);
    }
}
END_TEST

/* ---- apart ---- */

static enum mr_status take_time(struct mr_step_call *call, void *value, void *user,
                                struct mr_error *err)
{
    (void)user;
    (void)err;
    sleep_us(200);
    return mr_emit(call, value);
}

/* Behind it, values that take long go each by itself again. */
START_TEST(test_go_apart_again)
{
    struct watcher watcher = {.closed_for = 0};
    struct mr_step steps[2] = {batch_step(&watcher, 1), {.run = take_time, .worker_count = 2}};
    struct mr_pipeline_config config = config_of(steps, 2);
    config.pools = _i & 1 ? MR_POOL_SHARED : MR_POOL_EACH;
    config.thread_count = 2;
    struct mr_pipeline *pipeline = make(&config);
    struct line_figures before, after;
    struct mr_result result;
    warm_up(pipeline, 0);
    line_figures(pipeline->line, &before);
    submit(pipeline, 0, 1);
    await(&watcher.is_reached);
    submit(pipeline, 1, 63);
    atomic_store(&watcher.is_open, true);
    for (long i = 0; i < 64; i++)
        ck_assert_int_eq(mr_pipeline_next(pipeline, SUPPORT_HANG_MS, &result), MR_OK);
    line_figures(pipeline->line, &after);
    mr_pipeline_destroy(pipeline);
    ck_assert_uint_le(after.step_runs[0] - before.step_runs[0], 32);
    ck_assert_uint_ge(after.step_runs[1] - before.step_runs[1], 62);
}
END_TEST

/* One of two workers does not take all that is there: of at most 8, each has its half. */
START_TEST(test_workers_share)
{
    struct watcher watcher = {.closed_for = -1};
    struct mr_step first = {.run = forward, .worker_count = 1};
    struct mr_step batch = batch_step(&watcher, 2), last = {.run = take_time, .worker_count = 8};
    const struct mr_step steps[] = {_i ? first : batch, _i ? batch : last, last};
    struct mr_pipeline_config config = config_of(steps, _i ? 3 : 2);
    config.in_flight_count = 8;
    struct mr_pipeline *pipeline = make(&config);
    struct mr_result result;
    for (long i = 0; i < 2000; i++) {
        while (mr_pipeline_submit_or_take(pipeline, VALUE(i), 0, NULL, &result, NULL) == MR_AGAIN)
            ck_assert_int_eq(result.status, MR_OK);
        if (i == 500) /* before, it is not known what the steps take */
            atomic_store(&watcher.largest, 0);
    }
    mr_pipeline_destroy(pipeline);
    ck_assert_int_ge(atomic_load(&watcher.largest), 2);
    ck_assert_int_le(atomic_load(&watcher.largest), 4);
}
END_TEST

/* ---- each value is its own ---- */

/* One value of a batch hangs: an idle thread takes those behind it, and who waits gets them. */
START_TEST(test_hanging_value_holds_nobody_up)
{
    bool is_shared = _i & 1;
    struct watcher watcher = {.closed_for = -1};
    struct mr_step steps[2] = {{.run = forward, .worker_count = 2}, batch_step(&watcher, 2)};
    struct mr_pipeline_config config = config_of(steps, 2);
    config.pools = is_shared ? MR_POOL_SHARED : MR_POOL_EACH;
    config.thread_count = 2;
    struct mr_pipeline *pipeline = make(&config);
    struct mr_result result;
    warm_up(pipeline, 1);
    atomic_store(&watcher.closed_for, 20);
    submit(pipeline, 0, 100);
    for (long i = 0; i < 99; i++) {
        ck_assert_int_eq(mr_pipeline_next(pipeline, SUPPORT_HANG_MS, &result), MR_OK);
        ck_assert_int_ne(LONG(result.value), 20);
    }
    await(&watcher.is_reached);
    atomic_store(&watcher.is_open, true);
    ck_assert_int_eq(mr_pipeline_next(pipeline, SUPPORT_HANG_MS, &result), MR_OK);
    ck_assert_int_eq(LONG(result.value), 20);
    mr_pipeline_destroy(pipeline);
    ck_assert_int_eq(atomic_load(&watcher.begun_count), atomic_load(&watcher.ended_count));
}
END_TEST

struct expected {
    long next, counts[4]; /* failed, dropped, three, one */
    bool is_ordered;
};

static void expect_next(const struct mr_result *result, void *ctx)
{
    struct expected *expected = ctx;
    long number = LONG(*(void **)result->user), kind = number % 8 < 3 ? number % 8 : 3;
    ck_assert_int_eq(result->status, kind == 0 ? MR_E_DATA : MR_OK);
    if (kind == 0)
        ck_assert_int_eq(atol(result->error.text), number);
    else
        ck_assert_int_eq(LONG(result->value), number);
    expected->counts[kind]++;
    ck_assert(!expected->is_ordered || number >= expected->next);
    expected->next = number;
}

START_TEST(test_every_value_has_its_own_fate)
{
    enum { COUNT = 8000 };
    static void *values[COUNT];
    struct watcher watcher = {.closed_for = -1, .emits_many = true};
    struct expected expected = {.is_ordered = _i & 1};
    struct mr_step steps[] = {{.run = forward, .worker_count = 2},
                              batch_step(&watcher, _i & 4 ? 1 : 2),
                              {.run = forward, .worker_count = 2}};
    struct mr_pipeline_config config = config_of(steps, _i & 8 ? 2 : 3);
    config.pools = _i & 2 ? MR_POOL_SHARED : MR_POOL_EACH;
    config.is_ordered = expected.is_ordered;
    config.thread_count = 3;
    config.in_flight_count = 1000;
    for (long i = 0; i < COUNT; i++)
        values[i] = VALUE(i);
    struct mr_pipeline *pipeline = make(&config);
    struct mr_error err = {0};
    ck_assert_ok(mr_pipeline_map(pipeline, values, COUNT, 0, expect_next, &expected, NULL, &err),
                 err);
    struct mr_pipeline_figures figures;
    mr_pipeline_figures(pipeline, &figures);
    mr_pipeline_destroy(pipeline);
    ck_assert_int_eq(expected.counts[0], COUNT / 8);
    ck_assert_int_eq(expected.counts[1], 0);
    ck_assert_int_eq(expected.counts[2], 3 * COUNT / 8);
    ck_assert_int_eq(expected.counts[3], 5 * COUNT / 8);
    ck_assert_uint_eq(figures.ended_count, COUNT);
    ck_assert_uint_eq(figures.steps[1].item_count, COUNT);
    ck_assert_uint_eq(figures.steps[1].call_count, COUNT);
    ck_assert_uint_eq(figures.steps[1].failed_count, COUNT / 8);
    ck_assert_int_gt(atomic_load(&watcher.together_count), 0);
    ck_assert_int_eq(atomic_load(&watcher.together_count) + atomic_load(&watcher.alone_count),
                     COUNT);
    ck_assert_int_eq(atomic_load(&watcher.begun_count), atomic_load(&watcher.ended_count));
}
END_TEST

/* Emits five times, one value for each call. */
struct many {
    long left_count;
};

static enum mr_status five(struct mr_step_call *call, void *value, void *user, struct mr_error *err)
{
    struct many *many = value;
    (void)user;
    (void)err;
    /* Only the first call is one that was announced. */
    ck_assert(many->left_count == 5 || !mr_step_batch(call));
    ck_assert_int_eq(mr_emit(call, VALUE(many->left_count)), MR_OK);
    return --many->left_count > 0 ? MR_AGAIN : MR_OK;
}

static void *count_begun(void *const *values, unsigned count, void *user)
{
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(((const struct many *)values[i])->left_count, 5);
    atomic_fetch_add((atomic_int *)user, 1);
    return user;
}

static void count_ended(void *batch, void *user)
{
    (void)batch;
    atomic_fetch_sub((atomic_int *)user, 1);
}

START_TEST(test_what_goes_on_does_so_by_itself)
{
    enum { COUNT = 1000 };
    static struct many many[COUNT];
    static void *values[COUNT];
    atomic_int open_count = 0;
    struct mr_step step = {.run = five, .user = &open_count, .worker_count = 2, .batch_count = 64};
    step.begin = count_begun;
    step.end = count_ended;
    struct mr_pipeline_config config = config_of(&step, 1);
    config.window_count = 2;
    config.is_ordered = _i;
    for (long i = 0; i < COUNT; i++) {
        many[i].left_count = 5;
        values[i] = &many[i];
    }
    struct mr_pipeline *pipeline = make(&config);
    struct tally sum = {0};
    struct mr_error err = {0};
    ck_assert_ok(mr_pipeline_map(pipeline, values, COUNT, 0, tally, &sum, NULL, &err), err);
    mr_pipeline_destroy(pipeline);
    ck_assert_int_eq(sum.ok_count, 5 * COUNT);
    ck_assert_int_eq(atomic_load(&open_count), 0);
}
END_TEST

START_TEST(test_cancel_accounts_for_every_value)
{
    for (unsigned round = 0; round < 200; round++) {
        struct watcher watcher = {.closed_for = -1};
        struct mr_step steps[] = {
            {.run = forward, .worker_count = 1, .drop = drop, .user = &watcher},
            batch_step(&watcher, 2)};
        struct mr_pipeline_config config = config_of(steps, 2);
        config.pools = round & 1 ? MR_POOL_SHARED : MR_POOL_EACH;
        config.is_ordered = (round & 2) != 0;
        config.thread_count = 1 + round % 3;
        struct mr_pipeline *pipeline = make(&config);
        struct mr_result result;
        int cancelled_count = 0, count = 0;
        submit(pipeline, 0, 300);
        sleep_us((long)round * 2);
        mr_pipeline_cancel(pipeline);
        for (; mr_pipeline_next(pipeline, -1, &result) == MR_OK; count++)
            cancelled_count += result.status == MR_CANCELLED;
        mr_pipeline_destroy(pipeline);
        ck_assert_int_eq(count, 300);
        ck_assert_int_eq(cancelled_count, atomic_load(&watcher.dropped_count));
        ck_assert_int_eq(atomic_load(&watcher.begun_count), atomic_load(&watcher.ended_count));
    }
}
END_TEST

/* ---- usage ---- */

START_TEST(test_usage)
{
    struct watcher watcher = {0};
    const struct mr_step good = batch_step(&watcher, 1);
    struct mr_step steps[6];
    for (int i = 0; i < 6; i++)
        steps[i] = good;
    steps[0].begin = NULL;
    steps[1].end = NULL;
    steps[2].batch_count = 0;
    steps[3].batch_count = 1;
    steps[4].batch_count = MR_STEP_BATCH_MAX + 1;
    steps[5].begin = NULL;
    steps[5].batch_count = 0;
    for (int i = 0; i < 6; i++) {
        struct mr_pipeline_config config = config_of(&steps[i], 1);
        struct mr_pipeline *pipeline;
        struct mr_error err = {0};
        ck_assert_int_eq(mr_pipeline_create(&config, &pipeline, &err), MR_E_USAGE);
        ck_assert_str_eq(err.text,
                         "step 0: batches are of 2 to 64 values, with a begin and an end");
        ck_assert_ptr_null(pipeline);
    }
}
END_TEST

Suite *pipeline_batch_suite(void)
{
    Suite *suite = suite_create("pipeline_batch");
    TCase *tests = tcase_create("pipeline_batch");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_what_waits_goes_together, 0, 4);
    tcase_add_test(tests, test_others_go_by_themselves);
    tcase_add_loop_test(tests, test_go_apart_again, 0, 2);
    tcase_add_loop_test(tests, test_workers_share, 0, 2);
    tcase_add_loop_test(tests, test_hanging_value_holds_nobody_up, 0, 2);
    tcase_add_loop_test(tests, test_every_value_has_its_own_fate, 0, 16);
    tcase_add_loop_test(tests, test_what_goes_on_does_so_by_itself, 0, 2);
    tcase_add_test(tests, test_cancel_accounts_for_every_value);
    tcase_add_test(tests, test_usage);
    suite_add_tcase(suite, tests);
    return suite;
}
