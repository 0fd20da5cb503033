#include "bench/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/usage.h"

#define TICK_MS 100
/* Latencies are counted in classes of 2%, from 1 us on. */
#define CLASS_RATIO 1.02
#define CLASS_COUNT 1200

/* What the observer sees during one run; any thread. */
struct watch {
    atomic_uint_fast64_t classes[CLASS_COUNT];
    struct first_failure first;
};

void first_failure_note(struct first_failure *first, const struct job_item *item)
{
    if (item->outcome != JOB_FAILED || atomic_flag_test_and_set(&first->is_taken))
        return;
    if (item->error)
        first->error = *item->error;
    if (item->shown && *item->shown)
        mr_error_prefix(&first->error, "%s", item->shown);
    atomic_store(&first->is_set, true);
}

enum mr_status first_failure_get(struct first_failure *first, struct mr_error *err)
{
    if (!atomic_load(&first->is_set))
        return MR_OK;
    *err = first->error;
    return MR_E_DATA;
}

static void item_ended(void *ctx, const struct job_item *item)
{
    struct watch *watch = ctx;
    double us = (double)item->in_flight_ns / 1e3;
    double place = us > 1 ? log(us) / log(CLASS_RATIO) : 0;
    size_t class = place < CLASS_COUNT - 1 ? (size_t)place : CLASS_COUNT - 1;
    atomic_fetch_add_explicit(&watch->classes[class], 1, memory_order_relaxed);
    first_failure_note(&watch->first, item);
}

static double latency_ms(struct watch *watch, double share)
{
    uint64_t total = 0, seen = 0;
    for (size_t i = 0; i < CLASS_COUNT; i++)
        total += atomic_load(&watch->classes[i]);
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        seen += atomic_load(&watch->classes[i]);
        if (total > 0 && (double)seen >= share * (double)total)
            return pow(CLASS_RATIO, (double)i + 0.5) / 1e3;
    }
    return 0;
}

static double share_of(double part_s, double whole_s)
{
    double share = whole_s > 0 ? part_s / whole_s : 0;
    return share > 1 ? 1 : share;
}

/* run_s: with what the sink does at its end. */
static void fill_trial(struct trial *trial, const struct job_figures *figures, double run_s,
                       double cpu_s, struct watch *watch)
{
    double wall_s = run_s > 0 ? run_s : 1e-9;
    *trial = (struct trial){
        .wall_s = wall_s,
        .cpu_s = cpu_s,
        .in_rate = (double)figures->in_bytes / wall_s,
        .out_rate = (double)figures->out_bytes / wall_s,
        .item_rate = (double)figures->stored_count / wall_s,
        .memory_bytes = (double)figures->memory_peak_bytes,
        .latency_ms = {latency_ms(watch, 0.5), latency_ms(watch, 0.9), latency_ms(watch, 0.99)},
    };
    for (enum job_stage stage = JOB_LOAD; stage < JOB_STAGES; stage++) {
        const struct job_stage_figures *at = &figures->stages[stage];
        double whole_s = figures->elapsed_s * at->thread_count;
        trial->stages[stage] = (struct trial_stage){.busy = share_of(at->busy_s, whole_s),
                                                    .starved = share_of(at->starved_s, whole_s),
                                                    .blocked = share_of(at->blocked_s, whole_s)};
    }
    trial->idle =
        share_of(figures->idle_s, figures->elapsed_s * figures->stages[JOB_PROCESS].thread_count);
}

static void size_job(const struct sweep_point *point, struct job_config *config)
{
    config->reader_count = (unsigned)point->values[SWEEP_READERS];
    config->worker_count = (unsigned)point->values[SWEEP_WORKERS];
    config->writer_count = (unsigned)point->values[SWEEP_WRITERS];
    config->reader_max = config->worker_max = config->writer_max = 0; /* they stay */
    config->pools = point->values[SWEEP_POOL] ? JOB_POOLS_SHARED : JOB_POOLS_SPLIT;
    config->memory_bytes = point->values[SWEEP_MEMORY];
}

/* Runs the job to its end. MR_CANCELLED: it was stopped. */
static enum mr_status run_job(const struct bench_maker *maker, struct job_config *config,
                              struct watch *watch, struct bench_row *row, struct trial *trial,
                              struct mr_error *err)
{
    config->observer =
        (struct job_observer){.item_ended = item_ended, .ctx = watch, .wants_times = true};
    struct job *job = NULL;
    double before_s = usage_cpu_s();
    enum mr_status status = job_create(config, &job, err);
    if (status != MR_OK)
        return status;
    int64_t start_ns = clock_now_ns();
    job_start(job);
    bool is_stopped = false;
    while (!job_wait(job, TICK_MS)) {
        maker->watches(maker->ctx, job);
        if (is_stopped || !maker->stops(maker->ctx))
            continue;
        is_stopped = true;
        job_stop(job, true);
    }
    status = is_stopped ? MR_CANCELLED : job_finish(job, err);
    double run_s = (double)(clock_now_ns() - start_ns) / 1e9;
    struct job_figures figures;
    job_figures(job, &figures);
    job_destroy(job); /* joins its threads: all of their time has been counted then */
    fill_trial(trial, &figures, run_s, usage_cpu_s() - before_s, watch);
    row->limiting = figures.limiting;
    row->is_serial = figures.is_serial_source;
    row->item_count = figures.stored_count;
    row->in_bytes = figures.in_bytes;
    row->out_bytes = figures.out_bytes;
    row->failed_count = figures.failed_count;
    return status == MR_OK ? first_failure_get(&watch->first, err) : status;
}

static enum mr_status run_row(const struct bench_maker *maker, struct bench_row *row,
                              struct trial *trial, struct mr_error *err)
{
    struct job_config config = {0};
    struct watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status = maker->begin(maker->ctx, &row->point, &config, err);
    if (status == MR_OK) {
        size_job(&row->point, &config);
        status = run_job(maker, &config, watch, row, trial, err);
        maker->end(maker->ctx, &config);
    }
    free(watch);
    return status;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A trial is nothing but numbers: the median of each, over all trials of the row. */
static void sum_up(struct bench_row *row)
{
    _Static_assert(sizeof(struct trial) % sizeof(double) == 0, "a trial is an array of doubles");
    double values[TRIAL_ROUNDS_MAX];
    unsigned count = row->trial_count;
    for (size_t at = 0; at < sizeof(struct trial); at += sizeof(double)) {
        for (unsigned i = 0; i < count; i++)
            memcpy(&values[i], (const char *)&row->trials[i] + at, sizeof(double));
        qsort(values, count, sizeof(*values), compare);
        double median =
            count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
        memcpy((char *)&row->median + at, &median, sizeof(double));
        if (at == offsetof(struct trial, in_rate)) {
            row->low_rate = values[0];
            row->high_rate = values[count - 1];
        }
    }
}

enum mr_status bench_init(struct bench *bench, const struct sweep_point *points, size_t count,
                          unsigned round_count, unsigned warm_up_count, struct mr_error *err)
{
    *bench = (struct bench){.round_count = round_count, .warm_up_count = warm_up_count};
    bench->rows = calloc(count, sizeof(*bench->rows));
    if (!bench->rows)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    for (; bench->row_count < count; bench->row_count++) {
        struct bench_row *row = &bench->rows[bench->row_count];
        row->point = points[bench->row_count];
        row->trials = calloc(round_count, sizeof(*row->trials));
        if (!row->trials) {
            bench_fini(bench);
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        }
    }
    return MR_OK;
}

void bench_fini(struct bench *bench)
{
    for (size_t i = 0; i < bench->row_count; i++)
        free(bench->rows[i].trials);
    free(bench->rows);
    memset(bench, 0, sizeof(*bench));
}

enum mr_status bench_run(struct bench *bench, const struct bench_maker *maker, struct mr_error *err)
{
    unsigned total = bench->warm_up_count + bench->round_count;
    enum mr_status status = MR_OK;
    for (unsigned round = 0; status == MR_OK && round < total; round++) {
        bool is_warm_up = round < bench->warm_up_count;
        for (size_t i = 0; status == MR_OK && i < bench->row_count; i++) {
            struct bench_row *row = &bench->rows[(i + round) % bench->row_count];
            struct trial trial;
            maker->tells(maker->ctx, bench, round, (i + round) % bench->row_count);
            status = maker->stops(maker->ctx) ? MR_CANCELLED : run_row(maker, row, &trial, err);
            if (status == MR_OK && !is_warm_up)
                row->trials[row->trial_count++] = trial;
        }
        bench->rounds_done += status == MR_OK && !is_warm_up;
    }
    for (size_t i = 0; i < bench->row_count; i++)
        if (bench->rows[i].trial_count > 0)
            sum_up(&bench->rows[i]);
    bench->is_stopped = status == MR_CANCELLED;
    return bench->is_stopped ? MR_OK : status;
}

const struct bench_row *bench_best(const struct bench *bench)
{
    const struct bench_row *best = NULL;
    for (size_t i = 0; i < bench->row_count; i++) {
        const struct bench_row *row = &bench->rows[i];
        if (row->trial_count > 0 && (!best || row->median.in_rate > best->median.in_rate))
            best = row;
    }
    return best;
}
