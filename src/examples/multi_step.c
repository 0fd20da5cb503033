/*
 * multi_step - the multi-step recipe of thread pool executors, made with libmillrace.
 *
 * 20 inputs go through two steps that each wait a random fraction of a second, with five workers
 * for each step. The recipe as it is usually written sends an end-of-work message down the queues,
 * and loses results when that message overtakes a slower worker. Here are four forms of it, none of
 * which has such a message:
 *
 *   1. one pool: the first step hands its result to the second by the future, both on the same five
 * threads
 *   2. a pool for each step, with a queue of results between and behind them that is closed when a
 * pool has ended
 *   3. a pipeline, results counted
 *   4. a pipeline, results consumed until it says that all is through
 *
 * Uses public headers alone. Ends with 0 when there were 20 results each time.
 */
#include <millrace/pipeline.h>
#include <millrace/pool.h>
#include <millrace/queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define INPUT_COUNT  20
#define WORKER_COUNT 5

/* What travels: the number of the input, and what the two steps made of it. */
struct work {
    int number;
    double first, second;
};

/* Waits 0 to 0.3 seconds and returns how long that was. Repeatable: it depends on the seed alone.
 */
static double wait_a_while(unsigned seed)
{
    seed = seed * 1103515245u + 12345u;
    long ms = (seed >> 16) % 300;
    struct timespec time = {.tv_sec = 0, .tv_nsec = ms * 1000000};
    nanosleep(&time, NULL);
    return (double)ms / 1000;
}

static double first_step(const struct work *work)
{
    return wait_a_while((unsigned)work->number);
}

static double second_step(const struct work *work)
{
    return wait_a_while((unsigned)work->number + 1000);
}

static void show(const struct work *work)
{
    printf("  %2d: %.3f + %.3f s\n", work->number, work->first, work->second);
}

static void start_inputs(struct work inputs[INPUT_COUNT])
{
    for (int i = 0; i < INPUT_COUNT; i++)
        inputs[i] = (struct work){.number = i};
}

static struct mr_pool *make_pool(const char *name)
{
    struct mr_pool_config config = {
        .struct_bytes = sizeof(config), .name = name, .thread_count = WORKER_COUNT};
    struct mr_pool *pool;
    struct mr_error err = {0};
    if (mr_pool_create(&config, &pool, &err) == MR_OK)
        return pool;
    fprintf(stderr, "multi_step: %s\n", err.text);
    exit(EXIT_FAILURE);
}

/* ---- 1: one pool ---- */

static enum mr_status run_first(void *arg, void **result, struct mr_error *err)
{
    struct work *work = arg;
    (void)err;
    work->first = first_step(work);
    *result = work;
    return MR_OK;
}

static enum mr_status run_second(void *arg, void **result, struct mr_error *err)
{
    struct work *work = arg;
    (void)err;
    work->second = second_step(work);
    *result = work;
    return MR_OK;
}

/* As first steps end, their second steps are submitted; then the second steps are taken as they
 * end. */
static int one_pool(void)
{
    struct work inputs[INPUT_COUNT];
    struct mr_future *first[INPUT_COUNT] = {0}, *second[INPUT_COUNT] = {0};
    struct mr_pool *pool = make_pool("work");
    struct mr_as_completed *walk;
    size_t index;
    int result_count = 0;

    start_inputs(inputs);
    for (int i = 0; i < INPUT_COUNT; i++)
        mr_pool_submit(pool, run_first, &inputs[i], &first[i], NULL);
    if (mr_as_completed_create(first, INPUT_COUNT, &walk) == MR_OK) {
        while (mr_as_completed_next(walk, -1, &index) == MR_OK)
            mr_pool_submit(pool, run_second, &inputs[index], &second[index], NULL);
        mr_as_completed_destroy(walk);
    }
    if (mr_as_completed_create(second, INPUT_COUNT, &walk) == MR_OK) {
        while (mr_as_completed_next(walk, -1, &index) == MR_OK) {
            show(&inputs[index]);
            result_count++;
        }
        mr_as_completed_destroy(walk);
    }
    for (int i = 0; i < INPUT_COUNT; i++) {
        mr_future_release(first[i]);
        mr_future_release(second[i]);
    }
    mr_pool_destroy(pool);
    return result_count;
}

/* ---- 2: a pool for each step, queues between ---- */

struct hand_over {
    struct work *work;
    struct mr_queue *to; /* where the step puts its result */
};

static enum mr_status run_first_to_queue(void *arg, void **result, struct mr_error *err)
{
    struct hand_over *hand_over = arg;
    (void)result;
    (void)err;
    hand_over->work->first = first_step(hand_over->work);
    return mr_queue_push(hand_over->to, hand_over->work, -1);
}

static enum mr_status run_second_to_queue(void *arg, void **result, struct mr_error *err)
{
    struct hand_over *hand_over = arg;
    (void)result;
    (void)err;
    hand_over->work->second = second_step(hand_over->work);
    return mr_queue_push(hand_over->to, hand_over->work, -1);
}

/*
 * A queue is closed when the pool that fills it has been shut down, which waits for its last
 * function. Each queue has room for all, so that this can be done by one thread.
 */
static int pool_for_each_step(void)
{
    struct work inputs[INPUT_COUNT];
    struct hand_over first[INPUT_COUNT], second[INPUT_COUNT];
    struct mr_queue *between, *results;
    struct mr_pool *pools[2] = {make_pool("first"), make_pool("second")};
    void *item;
    int result_count = 0;

    if (mr_queue_create(INPUT_COUNT, &between) != MR_OK ||
        mr_queue_create(INPUT_COUNT, &results) != MR_OK)
        exit(EXIT_FAILURE);
    start_inputs(inputs);
    for (int i = 0; i < INPUT_COUNT; i++) {
        first[i] = (struct hand_over){.work = &inputs[i], .to = between};
        mr_pool_submit(pools[0], run_first_to_queue, &first[i], NULL, NULL);
    }
    for (int i = 0; i < INPUT_COUNT && mr_queue_pop(between, &item, -1) == MR_OK; i++) {
        second[i] = (struct hand_over){.work = item, .to = results};
        mr_pool_submit(pools[1], run_second_to_queue, &second[i], NULL, NULL);
    }
    mr_pool_shutdown(pools[0], MR_SHUTDOWN_DRAIN);
    mr_queue_close(between);
    mr_pool_shutdown(pools[1], MR_SHUTDOWN_DRAIN);
    mr_queue_close(results);
    while (mr_queue_pop(results, &item, -1) == MR_OK) {
        show(item);
        result_count++;
    }
    mr_pool_destroy(pools[0]);
    mr_pool_destroy(pools[1]);
    mr_queue_destroy(between, NULL);
    mr_queue_destroy(results, NULL);
    return result_count;
}

/* ---- 3 and 4: a pipeline ---- */

static enum mr_status pipe_first(struct mr_step_call *call, void *value, void *user,
                                 struct mr_error *err)
{
    struct work *work = value;
    (void)user;
    (void)err;
    work->first = first_step(work);
    return mr_emit(call, work);
}

static enum mr_status pipe_second(struct mr_step_call *call, void *value, void *user,
                                  struct mr_error *err)
{
    struct work *work = value;
    (void)user;
    (void)err;
    work->second = second_step(work);
    return mr_emit(call, work);
}

static struct mr_pipeline *make_pipeline(enum mr_pipeline_pools pools)
{
    const struct mr_step steps[] = {
        {.name = "first", .run = pipe_first, .worker_count = WORKER_COUNT},
        {.name = "second", .run = pipe_second, .worker_count = WORKER_COUNT}};
    struct mr_pipeline_config config = {.struct_bytes = sizeof(config),
                                        .steps = steps,
                                        .step_count = 2,
                                        .pools = pools,
                                        .thread_count = WORKER_COUNT};
    struct mr_pipeline *pipeline;
    struct mr_error err = {0};
    if (mr_pipeline_create(&config, &pipeline, &err) == MR_OK)
        return pipeline;
    fprintf(stderr, "multi_step: %s\n", err.text);
    exit(EXIT_FAILURE);
}

/* The number of results is known: takes as many. One pool for both steps; the functions are the
 * same. */
static int results_counted(void)
{
    struct work inputs[INPUT_COUNT];
    struct mr_pipeline *pipeline = make_pipeline(MR_POOL_SHARED);
    struct mr_result result;
    int result_count = 0;

    start_inputs(inputs);
    for (int i = 0; i < INPUT_COUNT; i++)
        mr_pipeline_submit(pipeline, &inputs[i], 0, NULL, -1, NULL);
    while (result_count < INPUT_COUNT && mr_pipeline_next(pipeline, -1, &result) == MR_OK) {
        show(result.value);
        result_count++;
    }
    mr_pipeline_destroy(pipeline);
    return result_count;
}

/* The number of results need not be known: takes until all is through. A pool for each step. */
static int consumed_until_closed(void)
{
    struct work inputs[INPUT_COUNT];
    struct mr_pipeline *pipeline = make_pipeline(MR_POOL_EACH);
    struct mr_result result;
    int result_count = 0;

    start_inputs(inputs);
    for (int i = 0; i < INPUT_COUNT; i++)
        mr_pipeline_submit(pipeline, &inputs[i], 0, NULL, -1, NULL);
    mr_pipeline_close(pipeline);
    while (mr_pipeline_next(pipeline, -1, &result) == MR_OK) {
        show(result.value);
        result_count++;
    }
    mr_pipeline_destroy(pipeline);
    return result_count;
}

static bool check(const char *title, int (*form)(void))
{
    struct timespec start, end;
    printf("%s\n", title);
    clock_gettime(CLOCK_MONOTONIC, &start);
    int result_count = form();
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds =
        (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    printf("  %d of %d results in %.2f s\n", result_count, INPUT_COUNT, seconds);
    return result_count == INPUT_COUNT;
}

int main(void)
{
    bool is_complete = check("1. One pool of five threads", one_pool);
    is_complete &= check("2. A pool for each step", pool_for_each_step);
    is_complete &= check("3. Results counted (a pipeline on one shared pool)", results_counted);
    is_complete &= check("4. Results consumed until closed (a pipeline, a pool for each step)",
                         consumed_until_closed);
    printf("%s\n", is_complete ? "All results are there." : "RESULTS ARE MISSING.");
    return is_complete ? EXIT_SUCCESS : EXIT_FAILURE;
}
