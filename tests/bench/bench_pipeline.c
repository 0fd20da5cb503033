/*
 * The engine's own overhead: nanoseconds for each item that goes through three steps
 * of two workers, with nothing, 1 us and 10 us of work in all. Beside the pipelines of millrace:
 * what a program does without one (threads with blocking queues, one item at a time and in
 * batches), oneTBB, and the limit: two threads that do all steps of their half by themselves, with
 * nothing between them.
 *
 *     bench_pipeline [ROUNDS [CONTENDER | 0us | 1us | 10us]...]
 *
 * Prints the median of the rounds (5), which are interleaved: what else the machine does hits all
 * alike.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/bench.h"
#include "millrace/pipeline.h"

#define QUEUE_DEPTH (BENCH_IN_FLIGHT / (BENCH_STEPS + 1))
#define BATCH_MAX   32
#define ROUNDS_MAX  99

static void must(bool is_true, const char *what)
{
    if (is_true)
        return;
    fprintf(stderr, "bench_pipeline: %s\n", what);
    abort();
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Time of processors that this process has used, in all threads. */
static int64_t used_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
           ((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

/* ---- work ---- */

/* Not inlined: the same loop for all. */
__attribute__((noinline)) static void spin(uint64_t count)
{
    uint64_t number = count;
    for (; count > 0; count--) {
        number = number * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(number)); /* keeps the loop */
    }
}

/* Rounds of spin() in 1 ms: the best of some tries, for nothing makes it faster than it is. */
static uint64_t calibrate(void)
{
    const uint64_t count = 2000000;
    int64_t best_ns = INT64_MAX;
    for (int i = 0; i < 20; i++) {
        int64_t start_ns = now_ns();
        spin(count);
        int64_t spent_ns = now_ns() - start_ns;
        if (spent_ns < best_ns)
            best_ns = spent_ns;
    }
    return count * 1000000 / (uint64_t)best_ns;
}

uintptr_t bench_step(const struct bench_job *job, uintptr_t value)
{
    spin(job->spin_count);
    return value + 1;
}

void bench_take(uintptr_t *taken_count, uintptr_t value)
{
    must(value == *taken_count + BENCH_STEPS, "a result is wrong or out of order");
    ++*taken_count;
}

/* ---- millrace ---- */

static enum mr_status run_step(struct mr_step_call *call, void *value, void *user,
                               struct mr_error *err)
{
    (void)err;
    return mr_emit(call, (void *)bench_step(user, (uintptr_t)value));
}

static struct mr_pipeline *make_pipeline(const struct bench_job *job, enum mr_pipeline_pools pools)
{
    struct mr_step steps[BENCH_STEPS];
    static const char *const names[BENCH_STEPS] = {"first", "second", "third"};
    for (int s = 0; s < BENCH_STEPS; s++)
        steps[s] = (struct mr_step){.name = names[s],
                                    .run = run_step,
                                    .user = (void *)(uintptr_t)job,
                                    .worker_count = BENCH_WORKERS};
    struct mr_pipeline_config config = {.struct_bytes = sizeof(config),
                                        .steps = steps,
                                        .step_count = BENCH_STEPS,
                                        .pools = pools,
                                        .thread_count = BENCH_WORKERS,
                                        .in_flight_count = BENCH_IN_FLIGHT,
                                        .is_ordered = true};
    struct mr_pipeline *pipeline;
    must(mr_pipeline_create(&config, &pipeline, NULL) == MR_OK, "no pipeline");
    return pipeline;
}

static void take_result(const struct mr_result *result, void *ctx)
{
    must(result->status == MR_OK, "a step failed");
    bench_take(ctx, (uintptr_t)result->value);
}

/* Nothing was lost, and the pipeline counted it all. */
static void end_pipeline(struct mr_pipeline *pipeline, const struct bench_job *job)
{
    struct mr_pipeline_figures figures;
    mr_pipeline_figures(pipeline, &figures);
    must(figures.delivered_count == job->count && figures.ended_count == job->count &&
             figures.steps[BENCH_STEPS - 1].item_count == job->count,
         "the accounts are wrong");
    mr_pipeline_destroy(pipeline);
}

/* One thread submits and takes, by one call. */
static void run_map(const struct bench_job *job, enum mr_pipeline_pools pools)
{
    static void *values[1000000];
    for (uintptr_t i = 0; i < job->count; i++)
        values[i] = (void *)i;
    struct mr_pipeline *pipeline = make_pipeline(job, pools);
    uintptr_t taken_count = 0;
    must(mr_pipeline_map(pipeline, values, job->count, 0, take_result, &taken_count, NULL, NULL) ==
             MR_OK,
         "map failed");
    must(taken_count == job->count, "results were lost");
    end_pipeline(pipeline, job);
}

static void map_shared(const struct bench_job *job)
{
    run_map(job, MR_POOL_SHARED);
}

static void map_each(const struct bench_job *job)
{
    run_map(job, MR_POOL_EACH);
}

/* One thread submits, another one takes, by the plain calls. */
struct submitter {
    struct mr_pipeline *pipeline;
    uintptr_t count;
};

static void *submit_all(void *arg)
{
    struct submitter *submitter = arg;
    for (uintptr_t i = 0; i < submitter->count; i++)
        must(mr_pipeline_submit(submitter->pipeline, (void *)i, 0, NULL, -1, NULL) == MR_OK,
             "submit failed");
    mr_pipeline_close(submitter->pipeline);
    return NULL;
}

static void run_two_threads(const struct bench_job *job, enum mr_pipeline_pools pools)
{
    struct submitter submitter = {.pipeline = make_pipeline(job, pools), .count = job->count};
    struct mr_result result;
    uintptr_t taken_count = 0;
    pthread_t thread;
    must(pthread_create(&thread, NULL, submit_all, &submitter) == 0, "no thread");
    while (mr_pipeline_next(submitter.pipeline, -1, &result) == MR_OK)
        take_result(&result, &taken_count);
    pthread_join(thread, NULL);
    must(taken_count == job->count, "results were lost");
    end_pipeline(submitter.pipeline, job);
}

static void submit_shared(const struct bench_job *job)
{
    run_two_threads(job, MR_POOL_SHARED);
}

static void submit_each(const struct bench_job *job)
{
    run_two_threads(job, MR_POOL_EACH);
}

/* ---- blocking queues ---- */

struct entry {
    uintptr_t index, value;
};

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t has_entry, has_room;
    struct entry entries[QUEUE_DEPTH];
    unsigned first, count, writer_count; /* writers that have not ended */
};

struct recipe {
    const struct bench_job *job;
    unsigned batch_max;
    struct queue queues[BENCH_STEPS + 1];
};

static void queue_push(struct queue *queue, const struct entry *entries, unsigned count)
{
    pthread_mutex_lock(&queue->lock);
    for (unsigned i = 0; i < count; i++) {
        while (queue->count == QUEUE_DEPTH)
            pthread_cond_wait(&queue->has_room, &queue->lock);
        queue->entries[(queue->first + queue->count++) % QUEUE_DEPTH] = entries[i];
        pthread_cond_signal(&queue->has_entry);
    }
    pthread_mutex_unlock(&queue->lock);
}

/* 0: all writers have ended, and nothing is left. */
static unsigned queue_pop(struct queue *queue, struct entry *entries, unsigned max_count)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && queue->writer_count > 0)
        pthread_cond_wait(&queue->has_entry, &queue->lock);
    unsigned count = queue->count < max_count ? queue->count : max_count;
    for (unsigned i = 0; i < count; i++) {
        entries[i] = queue->entries[queue->first];
        queue->first = (queue->first + 1) % QUEUE_DEPTH;
    }
    queue->count -= count;
    if (count > 1)
        pthread_cond_broadcast(&queue->has_room);
    else if (count == 1)
        pthread_cond_signal(&queue->has_room);
    pthread_mutex_unlock(&queue->lock);
    return count;
}

static void queue_end_writer(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    if (--queue->writer_count == 0)
        pthread_cond_broadcast(&queue->has_entry);
    pthread_mutex_unlock(&queue->lock);
}

struct worker {
    struct recipe *recipe;
    unsigned step;
    pthread_t thread;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct recipe *recipe = worker->recipe;
    struct queue *in = &recipe->queues[worker->step], *out = in + 1;
    struct entry batch[BATCH_MAX];
    unsigned count;
    while ((count = queue_pop(in, batch, recipe->batch_max)) > 0) {
        for (unsigned i = 0; i < count; i++)
            batch[i].value = bench_step(recipe->job, batch[i].value);
        queue_push(out, batch, count);
    }
    queue_end_writer(out);
    return NULL;
}

static void *write_all(void *arg)
{
    struct recipe *recipe = arg;
    struct entry batch[BATCH_MAX];
    unsigned count = 0;
    for (uintptr_t i = 0; i < recipe->job->count; i++) {
        batch[count++] = (struct entry){i, i};
        if (count == recipe->batch_max || i + 1 == recipe->job->count) {
            queue_push(&recipe->queues[0], batch, count);
            count = 0;
        }
    }
    queue_end_writer(&recipe->queues[0]);
    return NULL;
}

/* Takes the results and brings them back into order. */
static void read_all(struct recipe *recipe)
{
    uintptr_t count = recipe->job->count, taken_count = 0;
    uintptr_t *values = calloc(count, sizeof(*values));
    must(values, "no memory");
    struct entry batch[BATCH_MAX];
    unsigned got;
    while ((got = queue_pop(&recipe->queues[BENCH_STEPS], batch, recipe->batch_max)) > 0) {
        for (unsigned i = 0; i < got; i++)
            values[batch[i].index] = batch[i].value;
        while (taken_count < count && values[taken_count] != 0)
            bench_take(&taken_count, values[taken_count]);
    }
    must(taken_count == count, "results were lost");
    free(values);
}

static void run_recipe(const struct bench_job *job, unsigned batch_max)
{
    static struct recipe recipe;
    struct worker workers[BENCH_STEPS * BENCH_WORKERS];
    pthread_t writer;
    recipe = (struct recipe){.job = job, .batch_max = batch_max};
    for (unsigned q = 0; q <= BENCH_STEPS; q++) {
        struct queue *queue = &recipe.queues[q];
        pthread_mutex_init(&queue->lock, NULL);
        pthread_cond_init(&queue->has_entry, NULL);
        pthread_cond_init(&queue->has_room, NULL);
        queue->writer_count = q == 0 ? 1 : BENCH_WORKERS;
    }
    for (unsigned i = 0; i < BENCH_STEPS * BENCH_WORKERS; i++) {
        workers[i] = (struct worker){.recipe = &recipe, .step = i / BENCH_WORKERS};
        must(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0, "no thread");
    }
    must(pthread_create(&writer, NULL, write_all, &recipe) == 0, "no thread");
    read_all(&recipe);
    pthread_join(writer, NULL);
    for (unsigned i = 0; i < BENCH_STEPS * BENCH_WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
}

static void queues_single(const struct bench_job *job)
{
    run_recipe(job, 1);
}

static void queues_batched(const struct bench_job *job)
{
    run_recipe(job, BATCH_MAX);
}

/* ---- the limit ---- */

struct half {
    const struct bench_job *job;
    uintptr_t begin, end, *values;
};

static void *run_half(void *arg)
{
    struct half *half = arg;
    for (uintptr_t i = half->begin; i < half->end; i++) {
        uintptr_t value = i;
        for (int s = 0; s < BENCH_STEPS; s++)
            value = bench_step(half->job, value);
        half->values[i] = value;
    }
    return NULL;
}

static void run_to_completion(const struct bench_job *job)
{
    uintptr_t *values = calloc(job->count, sizeof(*values)), taken_count = 0;
    must(values, "no memory");
    struct half halves[2] = {{job, 0, job->count / 2, values},
                             {job, job->count / 2, job->count, values}};
    pthread_t thread;
    must(pthread_create(&thread, NULL, run_half, &halves[1]) == 0, "no thread");
    run_half(&halves[0]);
    pthread_join(thread, NULL);
    while (taken_count < job->count)
        bench_take(&taken_count, values[taken_count]);
    free(values);
}

/* ---- the table ---- */

struct contender {
    const char *name, *what;
    void (*run)(const struct bench_job *job);
};

static const struct contender contenders[] = {
    {"limit", "two threads, all steps, nothing between them", run_to_completion},
    {"map-shared", "mr_pipeline_map, one pool of 2", map_shared},
    {"map-each", "mr_pipeline_map, a pool of 2 for each step", map_each},
    {"submit-shared", "submit and next on two threads, one pool", submit_shared},
    {"submit-each", "submit and next on two threads, a pool each", submit_each},
#if MR_HAVE_TBB
    {"tbb", "oneTBB parallel_pipeline, 2 threads", bench_tbb},
#endif
    {"queues-32", "blocking queues, in batches of 32", queues_batched},
    {"queues-1", "blocking queues, one at a time", queues_single},
};
#define CONTENDERS (sizeof(contenders) / sizeof(contenders[0]))

static const struct {
    const char *name;
    uint64_t work_ns;
    uintptr_t count;
} sizes[] = {{"0us", 0, 200000}, {"1us", 1000, 200000}, {"10us", 10000, 40000}};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static bool contender_wanted[CONTENDERS], size_wanted[SIZES];

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static bool is_named(const char *name, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return true;
    }
    return false;
}

/* All contenders and sizes, or those that are named. */
static void select_wanted(int argc, char **argv)
{
    bool has_contender = false, has_size = false;
    for (size_t c = 0; c < CONTENDERS; c++)
        has_contender |= contender_wanted[c] = is_named(contenders[c].name, argc, argv);
    for (size_t s = 0; s < SIZES; s++)
        has_size |= size_wanted[s] = is_named(sizes[s].name, argc, argv);
    for (size_t c = 0; c < CONTENDERS; c++)
        contender_wanted[c] |= !has_contender;
    for (size_t s = 0; s < SIZES; s++)
        size_wanted[s] |= !has_size;
}

struct figure {
    double wall_ns, cpu_ns; /* for each item */
};

static struct figure figures[CONTENDERS][SIZES][ROUNDS_MAX];

static void measure(size_t contender, size_t size, int round, uint64_t spins_per_ms)
{
    struct bench_job job = {sizes[size].count,
                            sizes[size].work_ns * spins_per_ms / 1000000 / BENCH_STEPS};
    int64_t wall_ns = now_ns(), cpu_ns = used_ns();
    contenders[contender].run(&job);
    figures[contender][size][round] =
        (struct figure){(double)(now_ns() - wall_ns) / (double)job.count,
                        (double)(used_ns() - cpu_ns) / (double)job.count};
}

static double median(const struct figure *rounds, int count, bool of_wall)
{
    double values[ROUNDS_MAX];
    for (int i = 0; i < count; i++)
        values[i] = of_wall ? rounds[i].wall_ns : rounds[i].cpu_ns;
    qsort(values, (size_t)count, sizeof(double), compare);
    return values[count / 2];
}

static void print_table(int rounds)
{
    printf("ns an item: three steps, %d workers each, median of %d rounds\n%-14s", BENCH_WORKERS,
           rounds, "");
    for (size_t s = 0; s < SIZES; s++) {
        if (size_wanted[s])
            printf(" %5s: wall    cpu", sizes[s].name);
    }
    printf("\n");
    for (size_t c = 0; c < CONTENDERS; c++) {
        if (!contender_wanted[c])
            continue;
        printf("%-14s", contenders[c].name);
        for (size_t s = 0; s < SIZES; s++) {
            if (size_wanted[s])
                printf(" %11.0f %6.0f", median(figures[c][s], rounds, true),
                       median(figures[c][s], rounds, false));
        }
        printf("   %s\n", contenders[c].what);
    }
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 5;
    must(rounds >= 1 && rounds <= ROUNDS_MAX, "1 to 99 rounds");
    select_wanted(argc, argv);
    uint64_t spins_per_ms = calibrate();
    for (int round = 0; round < rounds; round++) {
        for (size_t s = 0; s < SIZES; s++) {
            for (size_t c = 0; c < CONTENDERS; c++) {
                if (size_wanted[s] && contender_wanted[c])
                    measure(c, s, round, spins_per_ms);
            }
        }
    }
    print_table(rounds);
    return 0;
}
