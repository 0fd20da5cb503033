#include "engine/pipeline_support.h"

Suite *pipeline_run_suite(void);

/* ---- steps that fail, drop, emit several ---- */

/* 3n fails, 3n+1 is dropped, 3n+2 goes on. */
static enum mr_status sort_out(struct mr_step_call *call, void *value, void *user,
                               struct mr_error *err)
{
    (void)user;
    if (LONG(value) % 3 == 0)
        return mr_error_set(err, MR_E_DATA, 0, "%ld is bad", LONG(value));
    return LONG(value) % 3 == 1 ? MR_OK : mr_emit(call, value);
}

START_TEST(test_failed_and_dropped)
{
    for (unsigned mode = 0; mode < 4; mode++) {
        struct mr_step steps[] = {{.name = "first", .run = forward, .worker_count = 2},
                                  {.name = "sort", .run = sort_out, .worker_count = 2},
                                  {.name = "last", .run = forward, .worker_count = 1}};
        struct mr_pipeline_config config = config_of(steps, 3);
        config.pools = mode % 2 ? MR_POOL_SHARED : MR_POOL_EACH;
        config.is_ordered = mode / 2;
        config.thread_count = 2;
        config.in_flight_count = 4;
        struct mr_pipeline *pipeline = make(&config);
        void *values[300];
        for (long i = 0; i < 300; i++)
            values[i] = VALUE(i);
        struct tally sum = {0};
        struct mr_error err = {0};
        size_t taken_count;
        ck_assert_ok(mr_pipeline_map(pipeline, values, 300, 0, tally, &sum, &taken_count, &err),
                     err);
        ck_assert_uint_eq(taken_count, 300);
        ck_assert_int_eq(sum.ok_count, 100);
        ck_assert_int_eq(sum.failed_count, 100);
        ck_assert_int_eq(mr_pipeline_first_error(pipeline, &err), MR_E_DATA);
        if (config.is_ordered && config.pools == MR_POOL_EACH)
            ck_assert_ptr_nonnull(strstr(err.text, " is bad"));
        struct mr_pipeline_figures figures;
        mr_pipeline_figures(pipeline, &figures);
        ck_assert_uint_eq(figures.submitted_count, 300);
        ck_assert_uint_eq(figures.ended_count, 300);
        ck_assert_uint_eq(figures.delivered_count, 200);
        ck_assert_uint_eq(figures.in_flight_count, 0);
        ck_assert_uint_le(figures.in_flight_peak_count, 4);
        ck_assert_uint_eq(figures.steps[0].item_count, 300);
        ck_assert_uint_eq(figures.steps[1].item_count, 300);
        ck_assert_uint_eq(figures.steps[1].failed_count, 100);
        ck_assert_uint_eq(figures.steps[1].emit_count, 100);
        ck_assert_uint_eq(figures.steps[2].item_count, 100);
        ck_assert_str_eq(figures.steps[2].name, "last");
        ck_assert_uint_eq(figures.steps[2].worker_count, 1);
        mr_pipeline_destroy(pipeline);
    }
}
END_TEST

START_TEST(test_failed_result_says_where)
{
    struct mr_step steps[] = {{.run = forward}, {.run = sort_out}};
    struct mr_pipeline_config config = config_of(steps, 2);
    struct mr_pipeline *pipeline = make(&config);
    struct mr_result result;
    struct mr_error err = {0};
    int user;
    ck_assert_ok(mr_pipeline_submit(pipeline, VALUE(6), 0, &user, -1, &err), err);
    ck_assert_int_eq(mr_pipeline_next(pipeline, -1, &result), MR_OK);
    ck_assert_int_eq(result.status, MR_E_DATA);
    ck_assert_str_eq(result.step, "step1");
    ck_assert_str_eq(result.error.text, "6 is bad");
    ck_assert_ptr_eq(result.user, &user);
    ck_assert_int_eq(mr_pipeline_next(pipeline, 0, &result), MR_TIMEOUT);
    ck_assert_int_eq(mr_pipeline_next(pipeline, 2, &result), MR_TIMEOUT);
    ck_assert_ok(mr_pipeline_submit(pipeline, VALUE(5), 0, &user, -1, &err), err);
    ck_assert_int_eq(mr_pipeline_next(pipeline, -1, &result), MR_OK);
    ck_assert_int_eq(result.status, MR_OK);
    ck_assert_ptr_null(result.step);
    ck_assert_str_eq(result.error.text, "");
    mr_pipeline_close(pipeline);
    mr_pipeline_close(pipeline);
    ck_assert_int_eq(mr_pipeline_submit(pipeline, NULL, 0, NULL, -1, &err), MR_CLOSED);
    ck_assert_int_eq(mr_pipeline_next(pipeline, -1, &result), MR_DONE);
    mr_pipeline_destroy(pipeline);
}
END_TEST

/* value n becomes n*10 + 0 .. n*10 + n%10 - 1, and with a digit of 9: after that it fails. */
static enum mr_status spread(struct mr_step_call *call, void *value, void *user,
                             struct mr_error *err)
{
    (void)user;
    for (long i = 0; i < LONG(value) % 10; i++) {
        wait_a_little((uint64_t)(LONG(value) + i));
        ck_assert_int_eq(mr_emit(call, VALUE(LONG(value) * 10 + i)), MR_OK);
    }
    return LONG(value) % 10 == 9 ? mr_error_set(err, MR_E_STEP, 0, "%ld", LONG(value)) : MR_OK;
}

/* What spread() three times makes of value, in order; failures as -value. */
static void expect(long value, int level, long *expected, int *count)
{
    if (level == 3) {
        expected[(*count)++] = value;
        return;
    }
    for (long i = 0; i < value % 10; i++)
        expect(value * 10 + i, level + 1, expected, count);
    if (value % 10 == 9)
        expected[(*count)++] = -value;
}

static int compare(const void *left, const void *right)
{
    long a = *(const long *)left, b = *(const long *)right;
    return (a > b) - (a < b);
}

START_TEST(test_nested_emission)
{
    static long expected[20000], got[20000];
    for (unsigned mode = 0; mode < 8; mode++) {
        struct mr_step steps[] = {{.run = spread, .worker_count = 2},
                                  {.run = spread, .worker_count = 3},
                                  {.run = spread, .worker_count = 1}};
        struct mr_pipeline_config config = config_of(steps, 3);
        config.pools = mode & 1 ? MR_POOL_SHARED : MR_POOL_EACH;
        config.is_ordered = (mode & 2) != 0;
        config.thread_count = mode & 4 ? 1 : 3;
        config.in_flight_count = mode & 4 ? 1 : 7;
        struct mr_pipeline *pipeline = make(&config);
        int expected_count = 0, got_count = 0;
        struct mr_result result;
        enum mr_status status;
        for (long i = 0; i < 60;) {
            status = mr_pipeline_submit_or_take(pipeline, VALUE(i), 0, VALUE(i), &result, NULL);
            if (status == MR_OK) {
                expect(i++, 0, expected, &expected_count);
                continue;
            }
            ck_assert_int_eq(status, MR_AGAIN);
            got[got_count++] =
                result.status == MR_OK ? LONG(result.value) : -atol(result.error.text);
        }
        mr_pipeline_close(pipeline);
        while (mr_pipeline_next(pipeline, -1, &result) == MR_OK)
            got[got_count++] =
                result.status == MR_OK ? LONG(result.value) : -atol(result.error.text);
        ck_assert_int_eq(got_count, expected_count);
        if (!config.is_ordered) {
            qsort(got, (size_t)got_count, sizeof(long), compare);
            qsort(expected, (size_t)expected_count, sizeof(long), compare);
        }
        ck_assert_mem_eq(got, expected, sizeof(long) * (size_t)got_count);
        mr_pipeline_destroy(pipeline);
    }
}
END_TEST

/* ---- resumable emission ---- */

struct source {
    long next, end;
    atomic_int *alive_count, *peak_count;
};

static enum mr_status generate(struct mr_step_call *call, void *value, void *user,
                               struct mr_error *err)
{
    struct source *source = value;
    (void)user;
    (void)err;
    if (source->next == source->end)
        return MR_OK;
    int alive = atomic_fetch_add(source->alive_count, 1) + 1;
    int peak = atomic_load(source->peak_count);
    while (alive > peak && !atomic_compare_exchange_weak(source->peak_count, &peak, alive))
        ;
    enum mr_status status = mr_emit(call, VALUE(source->next++));
    return status == MR_OK ? MR_AGAIN : status;
}

START_TEST(test_resumed_emission_is_bounded)
{
    for (unsigned mode = 0; mode < 12; mode++) {
        struct mr_step steps[] = {{.run = generate, .worker_count = 2},
                                  {.run = forward, .worker_count = 2}};
        /* mode % 3 == 2: the generator is the last step: what it emits are results */
        struct mr_pipeline_config config = config_of(steps, mode % 3 == 2 ? 1 : 2);
        config.pools = mode & 1 ? MR_POOL_SHARED : MR_POOL_EACH;
        config.is_ordered = (mode & 2) != 0;
        config.thread_count = 1 + mode % 3;
        config.window_count = mode & 4 ? 3 : 0;
        unsigned window = mode & 4 ? 3 : 16;
        struct mr_pipeline *pipeline = make(&config);
        atomic_int alive[2] = {0, 0}, peak[2] = {0, 0};
        struct source sources[2] = {{.end = 3000, .alive_count = &alive[0], .peak_count = &peak[0]},
                                    {.end = 500, .alive_count = &alive[1], .peak_count = &peak[1]}};
        struct mr_error err = {0};
        for (int i = 0; i < 2; i++)
            ck_assert_ok(mr_pipeline_submit(pipeline, &sources[i], 0, VALUE(i), -1, &err), err);
        mr_pipeline_close(pipeline);
        sleep_us(2000); /* nobody takes: the windows fill up and no more */
        ck_assert_int_le(atomic_load(&peak[0]), (int)window);
        struct mr_result result;
        long counts[2] = {0, 0};
        while (mr_pipeline_next(pipeline, -1, &result) == MR_OK) {
            long which = LONG(result.user);
            atomic_fetch_sub(&alive[which], 1);
            if (config.is_ordered) {
                ck_assert_int_eq(LONG(result.value), counts[which]);
                ck_assert(which == 0 || counts[0] == 3000);
            }
            counts[which]++;
        }
        ck_assert_int_eq(counts[0], 3000);
        ck_assert_int_eq(counts[1], 500);
        /* + 1: the test counts a taken result only after the pipeline did */
        ck_assert_int_le(atomic_load(&peak[0]), (int)window + 1);
        ck_assert_int_le(atomic_load(&peak[1]), (int)window + 1);
        mr_pipeline_destroy(pipeline);
    }
}
END_TEST

/* ---- cancel ---- */

static enum mr_status slow_forward(struct mr_step_call *call, void *value, void *user,
                                   struct mr_error *err)
{
    sleep_us(20);
    return forward(call, value, user, err);
}

/* value n of an input: emits n % 4 values */
static enum mr_status spread_a_little(struct mr_step_call *call, void *value, void *user,
                                      struct mr_error *err)
{
    (void)user;
    (void)err;
    for (long i = 0; i <= LONG(value) % 4; i++)
        ck_assert_int_eq(mr_emit(call, value), MR_OK);
    return MR_OK;
}

START_TEST(test_cancel_accounts_for_every_input)
{
    for (unsigned round = 0; round < 200; round++) {
        atomic_int dropped_count = 0;
        struct mr_step steps[] = {
            {.run = spread_a_little, .worker_count = 1, .drop = count_drop, .user = &dropped_count},
            {.run = slow_forward, .worker_count = 2, .drop = count_drop, .user = &dropped_count}};
        struct mr_pipeline_config config = config_of(steps, 2);
        config.pools = round & 1 ? MR_POOL_SHARED : MR_POOL_EACH;
        config.is_ordered = (round & 2) != 0;
        config.thread_count = 1 + round % 3;
        struct mr_pipeline *pipeline = make(&config);
        bool users[100] = {false};
        struct mr_error err = {0};
        for (long i = 0; i < 100; i++)
            ck_assert_ok(mr_pipeline_submit(pipeline, VALUE(i), 0, VALUE(i), -1, &err), err);
        sleep_us((long)round * 5);
        mr_pipeline_cancel(pipeline);
        ck_assert_int_eq(mr_pipeline_submit(pipeline, NULL, 0, NULL, -1, &err), MR_CLOSED);
        struct mr_result result;
        int cancelled_count = 0;
        while (mr_pipeline_next(pipeline, -1, &result) == MR_OK) {
            ck_assert(result.status == MR_OK || result.status == MR_CANCELLED);
            cancelled_count += result.status == MR_CANCELLED;
            users[LONG(result.user)] = true;
        }
        for (int i = 0; i < 100; i++)
            ck_assert(users[i]);
        /* each cancelled value went to the drop function of its step */
        ck_assert_int_eq(cancelled_count, atomic_load(&dropped_count));
        ck_assert_int_eq(mr_pipeline_first_error(pipeline, &err), MR_OK);
        mr_pipeline_destroy(pipeline);
    }
}
END_TEST

START_TEST(test_destroy_drops_what_nobody_took)
{
    for (unsigned round = 0; round < 100; round++) {
        atomic_int dropped_count = 0, emitted_count = 0;
        struct mr_step steps[] = {
            {.run = slow_forward, .worker_count = 2, .drop = count_drop, .user = &dropped_count},
            {.run = forward, .worker_count = 1, .drop = count_drop, .user = &dropped_count}};
        struct mr_pipeline_config config = config_of(steps, 2);
        config.is_ordered = (round & 2) != 0;
        config.drop_result = count_drop;
        config.user = &emitted_count;
        struct mr_pipeline *pipeline = make(&config);
        struct mr_error err = {0};
        for (long i = 0; i < 30; i++)
            ck_assert_ok(mr_pipeline_submit(pipeline, VALUE(i), 0, NULL, -1, &err), err);
        sleep_us((long)round * 5);
        mr_pipeline_destroy(pipeline);
        ck_assert_int_eq(atomic_load(&dropped_count) + atomic_load(&emitted_count), 30);
    }
    mr_pipeline_destroy(NULL);
}
END_TEST

START_TEST(test_cancel_in_the_middle_of_an_emission)
{
    for (unsigned round = 0; round < 50; round++) {
        atomic_int alive = 0, peak = 0, dropped_count = 0;
        struct mr_step steps[] = {
            {.run = generate, .worker_count = 1, .drop = count_drop, .user = &dropped_count},
            {.run = slow_forward, .worker_count = 1}};
        struct mr_pipeline_config config = config_of(steps, 2);
        config.is_ordered = round % 2;
        struct mr_pipeline *pipeline = make(&config);
        struct source source = {.end = 1000000, .alive_count = &alive, .peak_count = &peak};
        struct mr_error err = {0};
        struct mr_result result;
        ck_assert_ok(mr_pipeline_submit(pipeline, &source, 0, NULL, -1, &err), err);
        for (unsigned i = 0; i < round; i++)
            ck_assert_int_eq(mr_pipeline_next(pipeline, -1, &result), MR_OK);
        mr_pipeline_cancel(pipeline);
        while (mr_pipeline_next(pipeline, -1, &result) == MR_OK)
            ;
        ck_assert_int_eq(atomic_load(&dropped_count), 1); /* the source */
        mr_pipeline_destroy(pipeline);
    }
}
END_TEST

START_TEST(test_stop_at_first_error)
{
    for (unsigned mode = 0; mode < 4; mode++) {
        struct mr_step steps[] = {{.name = "sort", .run = sort_out, .worker_count = 1},
                                  {.name = "slow", .run = slow_forward, .worker_count = 1}};
        struct mr_pipeline_config config = config_of(steps, 2);
        config.stops_at_error = true;
        config.pools = mode & 1 ? MR_POOL_SHARED : MR_POOL_EACH;
        config.thread_count = 1;
        config.is_ordered = (mode & 2) != 0;
        struct mr_pipeline *pipeline = make(&config);
        struct mr_error err = {0};
        struct mr_result result;
        long submitted_count = 0;
        const long values[] = {2, 5, 8, 11, 3, 2, 2, 2, 2, 2, 2, 2, 3, 2, 2};
        for (; submitted_count < 15; submitted_count++) {
            enum mr_status status = mr_pipeline_submit(pipeline, VALUE(values[submitted_count]), 0,
                                                       VALUE(submitted_count), -1, &err);
            if (status == MR_CLOSED)
                break;
            ck_assert_int_eq(status, MR_OK);
        }
        mr_pipeline_close(pipeline);
        int failed_count = 0, result_count = 0;
        while (mr_pipeline_next(pipeline, -1, &result) == MR_OK) {
            result_count++;
            failed_count += result.status == MR_E_DATA;
            ck_assert(result.status == MR_E_DATA || result.status == MR_OK ||
                      result.status == MR_CANCELLED);
        }
        ck_assert_int_eq(failed_count, 1);
        ck_assert_int_eq(result_count, submitted_count);
        ck_assert_int_eq(mr_pipeline_first_error(pipeline, &err), MR_E_DATA);
        ck_assert_str_eq(err.text, "3 is bad");
        mr_pipeline_destroy(pipeline);
    }
}
END_TEST

Suite *pipeline_run_suite(void)
{
    Suite *suite = suite_create("pipeline_run");
    TCase *tests = tcase_create("pipeline_run");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_failed_and_dropped);
    tcase_add_test(tests, test_failed_result_says_where);
    tcase_add_test(tests, test_nested_emission);
    tcase_add_test(tests, test_resumed_emission_is_bounded);
    tcase_add_test(tests, test_cancel_accounts_for_every_input);
    tcase_add_test(tests, test_destroy_drops_what_nobody_took);
    tcase_add_test(tests, test_cancel_in_the_middle_of_an_emission);
    tcase_add_test(tests, test_stop_at_first_error);
    suite_add_tcase(suite, tests);
    return suite;
}
