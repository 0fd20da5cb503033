/* Submitters that wait for room: each of them gets in as soon as there is some for it. */
#include <pthread.h>

#include "engine/pipeline_state.h"
#include "engine/pipeline_support.h"

Suite *pipeline_gate_suite(void);

#define PATIENCE_MS 10000

struct submitter {
    struct mr_pipeline *pipeline;
    pthread_t thread;
    uint64_t cost_bytes;
    int64_t timeout_ms;
    bool takes_as_well;
    enum mr_status status;
    atomic_bool is_back;
};

static void *submit(void *arg)
{
    struct submitter *submitter = arg;
    struct mr_result result;
    if (submitter->takes_as_well)
        submitter->status = mr_pipeline_submit_or_take(submitter->pipeline, VALUE(1),
                                                       submitter->cost_bytes, NULL, &result, NULL);
    else
        submitter->status = mr_pipeline_submit(submitter->pipeline, VALUE(1), submitter->cost_bytes,
                                               NULL, submitter->timeout_ms, NULL);
    atomic_store(&submitter->is_back, true);
    return NULL;
}

static void start(struct submitter *submitter, struct mr_pipeline *pipeline)
{
    submitter->pipeline = pipeline;
    ck_assert_int_eq(pthread_create(&submitter->thread, NULL, submit, submitter), 0);
}

/* Until so many wait: one in the gate, others in front of it, and some for results as well. */
static void await_waiting(struct mr_pipeline *pipeline, unsigned waiting_count)
{
    for (unsigned count = 0; count < waiting_count; sleep_us(100)) {
        lock_take(&pipeline->lock);
        count =
            pipeline->is_gate_taken + pipeline->gate_waiter_count + pipeline->room_watcher_count;
        lock_give(&pipeline->lock);
    }
}

static bool comes_back(const struct submitter *submitter)
{
    for (int ms = 0; ms < PATIENCE_MS && !atomic_load(&submitter->is_back); ms++)
        sleep_us(1000);
    return atomic_load(&submitter->is_back);
}

/* Room for several at once: who finds it without waiting in the gate lets the next one in. */
START_TEST(test_room_for_several_lets_several_in)
{
    enum { PLACES = 8, SUBMITTERS = 3, ROUNDS = 50 };
    struct mr_step step = {.run = forward, .worker_count = 1};
    struct mr_pipeline_config config = config_of(&step, 1);
    struct mr_result result;
    config.in_flight_count = PLACES;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct mr_pipeline *pipeline = make(&config);
        struct submitter submitters[SUBMITTERS];
        for (unsigned i = 0; i < PLACES; i++)
            ck_assert_int_eq(mr_pipeline_submit(pipeline, VALUE(1), 0, NULL, -1, NULL), MR_OK);
        for (unsigned i = 0; i < SUBMITTERS; i++) {
            submitters[i] = (struct submitter){.timeout_ms = -1};
            start(&submitters[i], pipeline);
        }
        await_waiting(pipeline, SUBMITTERS);
        for (unsigned i = 0; i < PLACES + SUBMITTERS; i++)
            ck_assert_int_eq(mr_pipeline_next(pipeline, PATIENCE_MS, &result), MR_OK);
        for (unsigned i = 0; i < SUBMITTERS; i++) {
            ck_assert_int_eq(pthread_join(submitters[i].thread, NULL), 0);
            ck_assert_int_eq(submitters[i].status, MR_OK);
        }
        mr_pipeline_destroy(pipeline);
    }
}
END_TEST

static enum mr_status wait_for_flag(struct mr_step_call *call, void *value, void *user,
                                    struct mr_error *err)
{
    (void)err;
    while (!atomic_load((atomic_bool *)user))
        sleep_us(100);
    return mr_emit(call, value);
}

/* One that asks for too much waits in the gate, and gives up. There has been room for the other one
 * all the time, which must not wait for anything else now. */
START_TEST(test_who_gives_up_lets_the_next_one_in)
{
    atomic_bool goes_on = false;
    struct mr_step step = {.run = wait_for_flag, .user = &goes_on, .worker_count = 1};
    struct mr_pipeline_config config = config_of(&step, 1);
    config.budget_bytes = 10;
    struct mr_pipeline *pipeline = make(&config);
    struct submitter large = {.cost_bytes = 5, .timeout_ms = 300},
                     small = {.cost_bytes = 1, .timeout_ms = -1, .takes_as_well = _i};
    ck_assert_int_eq(mr_pipeline_submit(pipeline, VALUE(1), 9, NULL, -1, NULL), MR_OK);
    start(&large, pipeline);
    await_waiting(pipeline, 1);
    start(&small, pipeline);
    bool is_in = comes_back(&small);
    atomic_store(&goes_on, true);
    ck_assert_int_eq(pthread_join(large.thread, NULL), 0);
    ck_assert_int_eq(large.status, MR_TIMEOUT);
    ck_assert_msg(is_in, "it waits although there is room");
    ck_assert_int_eq(pthread_join(small.thread, NULL), 0);
    ck_assert_int_eq(small.status, MR_OK);
    mr_pipeline_destroy(pipeline);
}
END_TEST

Suite *pipeline_gate_suite(void)
{
    Suite *suite = suite_create("pipeline_gate");
    TCase *tests = tcase_create("pipeline_gate");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_room_for_several_lets_several_in);
    tcase_add_loop_test(tests, test_who_gives_up_lets_the_next_one_in, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
