#include <pthread.h>

#include "engine/pipeline_support.h"

Suite *pipeline_suite(void);

/* MR_ROUNDS in the environment sets another number. Sanitizers make threads many times as dear. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define ROUNDS_DEFAULT 2000
#else
#define ROUNDS_DEFAULT 10000
#endif

/* ---- the multi-step recipe ---- */

static enum mr_status add_thousand(struct mr_step_call *call, void *value, void *user,
                                   struct mr_error *err)
{
    (void)err;
    wait_a_little((uint64_t)(LONG(value) * 7919 + LONG(user)));
    return mr_emit(call, VALUE(LONG(value) + 1000));
}

/* 20 inputs, two steps: 20 results every time, each once; in order where that is asked for. */
static void recipe(uint64_t *random)
{
    uint64_t number = support_random(random);
    struct mr_step steps[2] = {{.name = "one", .run = add_thousand, .user = VALUE(number % 1000)},
                               {.name = "two", .run = add_thousand, .user = VALUE(number % 997)}};
    struct mr_pipeline_config config = config_of(steps, 2);
    steps[0].worker_count = 1 + (unsigned)(number >> 10) % 5;
    steps[1].worker_count = 1 + (unsigned)(number >> 20) % 5;
    config.pools = (number >> 30) % 2 ? MR_POOL_SHARED : MR_POOL_EACH;
    config.thread_count = 1 + (unsigned)(number >> 32) % 5;
    config.is_ordered = (number >> 40) % 2;
    config.in_flight_count = (number >> 41) % 2 ? 1 + (unsigned)(number >> 42) % 25 : 0;
    struct mr_pipeline *pipeline = make(&config);
    struct mr_result result;
    unsigned seen = 0, count = 0;
    for (long i = 0; i < 20;) {
        enum mr_status status =
            mr_pipeline_submit_or_take(pipeline, VALUE(i), 0, VALUE(i), &result, NULL);
        ck_assert(status == MR_OK || status == MR_AGAIN);
        if (status == MR_OK) {
            i++;
            if (i == 20)
                mr_pipeline_close(pipeline);
            continue;
        }
        ck_assert_int_eq(result.status, MR_OK);
        ck_assert_int_eq(LONG(result.value), LONG(result.user) + 2000);
        ck_assert(!config.is_ordered || LONG(result.user) == count);
        seen |= 1u << LONG(result.user);
        count++;
    }
    while (mr_pipeline_next(pipeline, -1, &result) == MR_OK) {
        ck_assert_int_eq(LONG(result.value), LONG(result.user) + 2000);
        ck_assert(!config.is_ordered || LONG(result.user) == count);
        seen |= 1u << LONG(result.user);
        count++;
    }
    ck_assert_uint_eq(count, 20);
    ck_assert_uint_eq(seen, (1u << 20) - 1);
    ck_assert_int_eq(mr_pipeline_next(pipeline, -1, &result), MR_DONE);
    mr_pipeline_destroy(pipeline);
}

START_TEST(test_recipe_never_loses_a_result)
{
    const char *rounds = getenv("MR_ROUNDS");
    uint64_t random = 20;
    for (int i = rounds ? atoi(rounds) : ROUNDS_DEFAULT; i > 0; i--)
        recipe(&random);
}
END_TEST

/* ---- bounds ---- */

START_TEST(test_bounds)
{
    struct mr_step steps[] = {{.run = add_thousand, .worker_count = 2},
                              {.run = add_thousand, .worker_count = 2}};
    struct mr_pipeline_config config = config_of(steps, 2);
    config.in_flight_count = 5;
    config.budget_bytes = 100;
    struct mr_pipeline *pipeline = make(&config);
    struct mr_result result;
    struct mr_error err = {0};
    int taken_count = 0;
    /* Nobody takes results: they hold their place. */
    for (int i = 0; i < 5; i++)
        ck_assert_ok(mr_pipeline_try_submit(pipeline, NULL, 10, NULL, &err), err);
    ck_assert_int_eq(mr_pipeline_try_submit(pipeline, NULL, 10, NULL, &err), MR_AGAIN);
    ck_assert_int_eq(mr_pipeline_submit(pipeline, NULL, 10, NULL, 3, &err), MR_TIMEOUT);
    ck_assert_int_eq(mr_pipeline_submit(pipeline, NULL, 10, NULL, 0, &err), MR_TIMEOUT);
    for (; taken_count < 4; taken_count++)
        ck_assert_int_eq(mr_pipeline_next(pipeline, -1, &result), MR_OK);
    ck_assert_ok(mr_pipeline_try_submit(pipeline, NULL, 90, NULL, &err), err);
    ck_assert_int_eq(mr_pipeline_try_submit(pipeline, NULL, 1, NULL, &err), MR_AGAIN);
    for (; taken_count < 6; taken_count++)
        ck_assert_int_eq(mr_pipeline_next(pipeline, -1, &result), MR_OK);
    /* Larger than the budget: alone. */
    ck_assert_ok(mr_pipeline_try_submit(pipeline, NULL, 1000, NULL, &err), err);
    ck_assert_int_eq(mr_pipeline_try_submit(pipeline, NULL, 1, NULL, &err), MR_AGAIN);
    ck_assert_int_eq(mr_pipeline_next(pipeline, -1, &result), MR_OK);
    struct mr_pipeline_figures figures;
    for (long i = 0; i < 500;) {
        uint64_t cost_bytes = (uint64_t)i % 60;
        enum mr_status status =
            mr_pipeline_submit_or_take(pipeline, VALUE(i), cost_bytes, NULL, &result, &err);
        i += status == MR_OK;
        mr_pipeline_figures(pipeline, &figures);
        ck_assert_uint_le(figures.cost_bytes, 100);
    }
    ck_assert_uint_eq(figures.in_flight_peak_count, 5);
    mr_pipeline_close(pipeline);
    while (mr_pipeline_next(pipeline, -1, &result) == MR_OK)
        ;
    mr_pipeline_figures(pipeline, &figures);
    ck_assert_uint_eq(figures.cost_bytes, 0);
    ck_assert_uint_eq(figures.cost_peak_bytes, 1000);
    ck_assert_int_gt(figures.steps[0].busy_ns, 0);
    ck_assert_int_gt(figures.starved_ns, 0);
    mr_pipeline_destroy(pipeline);
}
END_TEST

static enum mr_status drop_all(struct mr_step_call *call, void *value, void *user,
                               struct mr_error *err)
{
    (void)call;
    (void)err;
    wait_a_little((uint64_t)LONG(value));
    atomic_fetch_add((atomic_int *)user, 1);
    return MR_OK;
}

START_TEST(test_one_thread_goes_on_when_everything_is_dropped)
{
    for (unsigned threads = 1; threads <= 3; threads++) {
        atomic_int count = 0;
        struct mr_step step = {.run = drop_all, .user = &count, .worker_count = threads};
        struct mr_pipeline_config config = config_of(&step, 1);
        config.in_flight_count = 1;
        config.is_ordered = threads == 2;
        struct mr_pipeline *pipeline = make(&config);
        void *values[3000] = {NULL};
        struct tally sum = {0};
        struct mr_error err = {0};
        ck_assert_ok(mr_pipeline_map(pipeline, values, 3000, 0, tally, &sum, NULL, &err), err);
        ck_assert_int_eq(atomic_load(&count), 3000);
        ck_assert_int_eq(sum.ok_count + sum.failed_count + sum.cancelled_count, 0);
        mr_pipeline_destroy(pipeline);
    }
}
END_TEST

struct solo {
    atomic_int inside_count, worst_count;
};

static enum mr_status be_alone(struct mr_step_call *call, void *value, void *user,
                               struct mr_error *err)
{
    struct solo *solo = user;
    (void)err;
    int inside = atomic_fetch_add(&solo->inside_count, 1) + 1;
    if (inside > atomic_load(&solo->worst_count))
        atomic_store(&solo->worst_count, inside);
    wait_a_little((uint64_t)LONG(value));
    atomic_fetch_sub(&solo->inside_count, 1);
    return mr_emit(call, value);
}

START_TEST(test_worker_count_holds_in_a_shared_pool)
{
    for (unsigned limit = 1; limit <= 2; limit++) {
        struct solo solo = {0};
        struct mr_step steps[] = {{.run = add_thousand},
                                  {.run = be_alone, .user = &solo, .worker_count = limit},
                                  {.run = add_thousand}};
        struct mr_pipeline_config config = config_of(steps, 3);
        config.pools = MR_POOL_SHARED;
        config.thread_count = 4;
        struct mr_pipeline *pipeline = make(&config);
        void *values[2000] = {NULL};
        struct tally sum = {0};
        struct mr_error err = {0};
        ck_assert_ok(mr_pipeline_map(pipeline, values, 2000, 0, tally, &sum, NULL, &err), err);
        ck_assert_int_eq(sum.ok_count, 2000);
        ck_assert_int_le(atomic_load(&solo.worst_count), (int)limit);
        mr_pipeline_destroy(pipeline);
    }
}
END_TEST

/* ---- several threads submit and take ---- */

struct party {
    struct mr_pipeline *pipeline;
    long first, count;
    atomic_int *result_counts; /* by value */
    atomic_int taken_count;
};

static void *submit_all(void *arg)
{
    struct party *party = arg;
    for (long i = party->first; i < party->first + party->count; i++) {
        if (mr_pipeline_submit(party->pipeline, VALUE(i), 8, VALUE(i), -1, NULL) != MR_OK)
            return NULL;
    }
    return party;
}

static void *take_all(void *arg)
{
    struct party *party = arg;
    struct mr_result result;
    enum mr_status status;
    while ((status = mr_pipeline_next(party->pipeline, -1, &result)) == MR_OK) {
        atomic_fetch_add(&party->result_counts[LONG(result.user)], 1);
        atomic_fetch_add(&party->taken_count, 1);
    }
    return status == MR_DONE ? party : NULL;
}

START_TEST(test_many_submitters_and_takers)
{
    static atomic_int result_counts[4000];
    for (unsigned mode = 0; mode < 4; mode++) {
        struct mr_step steps[] = {{.run = add_thousand, .worker_count = 2},
                                  {.run = add_thousand, .worker_count = 2}};
        struct mr_pipeline_config config = config_of(steps, 2);
        config.pools = mode & 1 ? MR_POOL_SHARED : MR_POOL_EACH;
        config.is_ordered = (mode & 2) != 0;
        config.budget_bytes = 64;
        config.thread_count = 2;
        struct mr_pipeline *pipeline = make(&config);
        for (int i = 0; i < 4000; i++)
            atomic_store(&result_counts[i], 0);
        struct party submitters[2], taker = {.pipeline = pipeline, .result_counts = result_counts};
        pthread_t threads[4];
        void *result;
        for (int i = 0; i < 2; i++) {
            submitters[i] = (struct party){.pipeline = pipeline, .first = i * 2000L, .count = 2000};
            ck_assert_int_eq(pthread_create(&threads[i], NULL, submit_all, &submitters[i]), 0);
            ck_assert_int_eq(pthread_create(&threads[2 + i], NULL, take_all, &taker), 0);
        }
        for (int i = 0; i < 4; i++) {
            if (i == 2)
                mr_pipeline_close(pipeline);
            pthread_join(threads[i], &result);
            ck_assert_ptr_nonnull(result);
        }
        ck_assert_int_eq(atomic_load(&taker.taken_count), 4000);
        for (int i = 0; i < 4000; i++)
            ck_assert_int_eq(atomic_load(&result_counts[i]), 1);
        struct mr_pipeline_figures figures;
        mr_pipeline_figures(pipeline, &figures);
        ck_assert_uint_le(figures.cost_peak_bytes, 64);
        mr_pipeline_destroy(pipeline);
    }
}
END_TEST

static void *submit_one(void *arg)
{
    return VALUE(mr_pipeline_submit(arg, NULL, 0, NULL, -1, NULL));
}

/* One waits for room, the others behind it; all come back, and so does the result that held the
 * room. */
START_TEST(test_closing_lets_waiting_submitters_out)
{
    for (unsigned mode = 0; mode < 4; mode++) {
        struct mr_step step = {.run = forward, .worker_count = 1};
        struct mr_pipeline_config config = config_of(&step, 1);
        config.in_flight_count = 1;
        config.is_ordered = mode & 1;
        struct mr_pipeline *pipeline = make(&config);
        struct mr_error err = {0};
        struct mr_result result;
        pthread_t threads[3];
        ck_assert_ok(mr_pipeline_submit(pipeline, VALUE(1), 0, NULL, -1, &err), err);
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, submit_one, pipeline), 0);
        sleep_us(3000);
        ck_assert_int_eq(mr_pipeline_try_submit(pipeline, NULL, 0, NULL, &err), MR_AGAIN);
        ck_assert_int_eq(mr_pipeline_submit(pipeline, NULL, 0, NULL, 2, &err), MR_TIMEOUT);
        if (mode & 2)
            mr_pipeline_cancel(pipeline);
        else
            mr_pipeline_close(pipeline);
        for (int i = 0; i < 3; i++) {
            void *status;
            pthread_join(threads[i], &status);
            ck_assert_int_eq(LONG(status), MR_CLOSED);
        }
        ck_assert_int_eq(mr_pipeline_next(pipeline, -1, &result), MR_OK);
        ck_assert_int_eq(mr_pipeline_next(pipeline, -1, &result), MR_DONE);
        mr_pipeline_destroy(pipeline);
    }
}
END_TEST

/* ---- usage ---- */

struct misuse {
    struct mr_pipeline *pipeline;
    enum mr_status submit, next, try_submit;
};

static enum mr_status misuse(struct mr_step_call *call, void *value, void *user,
                             struct mr_error *err)
{
    struct misuse *tried = user;
    struct mr_result result;
    if (LONG(value) == 0) {
        tried->submit = mr_pipeline_submit(tried->pipeline, NULL, 0, NULL, -1, err);
        tried->next = mr_pipeline_next(tried->pipeline, -1, &result);
        tried->try_submit = mr_pipeline_try_submit(tried->pipeline, VALUE(1), 0, NULL, err);
    }
    return mr_emit(call, value);
}

START_TEST(test_usage)
{
    struct misuse tried = {0};
    struct mr_step steps[17] = {{.run = misuse, .user = &tried, .worker_count = 1}};
    struct mr_pipeline_config config = config_of(steps, 0);
    struct mr_error err = {0};
    struct mr_result result;
    ck_assert_int_eq(mr_pipeline_create(&config, &tried.pipeline, &err), MR_E_USAGE);
    ck_assert_ptr_null(tried.pipeline);
    config.step_count = 17;
    ck_assert_int_eq(mr_pipeline_create(&config, &tried.pipeline, &err), MR_E_USAGE);
    config.step_count = 2; /* the second has no function */
    ck_assert_int_eq(mr_pipeline_create(&config, &tried.pipeline, &err), MR_E_USAGE);
    config.step_count = 1;
    config.struct_bytes = 8;
    ck_assert_int_eq(mr_pipeline_create(&config, &tried.pipeline, &err), MR_E_USAGE);
    ck_assert_int_eq(mr_pipeline_create(NULL, &tried.pipeline, &err), MR_E_USAGE);
    config.struct_bytes = sizeof(config);
    tried.pipeline = make(&config);
    ck_assert_ok(mr_pipeline_submit(tried.pipeline, VALUE(0), 0, NULL, -1, &err), err);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(mr_pipeline_next(tried.pipeline, -1, &result), MR_OK);
        ck_assert_int_eq(result.status, MR_OK);
    }
    ck_assert_int_eq(tried.submit, MR_E_USAGE);
    ck_assert_int_eq(tried.next, MR_E_USAGE);
    ck_assert_int_eq(tried.try_submit, MR_OK);
    mr_pipeline_destroy(tried.pipeline);
}
END_TEST

Suite *pipeline_suite(void)
{
    Suite *suite = suite_create("pipeline");
    TCase *tests = tcase_create("pipeline");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, test_recipe_never_loses_a_result);
    tcase_add_test(tests, test_bounds);
    tcase_add_test(tests, test_one_thread_goes_on_when_everything_is_dropped);
    tcase_add_test(tests, test_worker_count_holds_in_a_shared_pool);
    tcase_add_test(tests, test_many_submitters_and_takers);
    tcase_add_test(tests, test_closing_lets_waiting_submitters_out);
    tcase_add_test(tests, test_usage);
    suite_add_tcase(suite, tests);
    return suite;
}
