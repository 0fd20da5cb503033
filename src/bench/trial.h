/*
 * trial.h - runs the same job again and again in different sizes, and what that took.
 *
 * The combinations take turns: each round runs every one of them once and begins with another one,
 * so that a machine that drifts favours none.
 */
#ifndef MR_BENCH_TRIAL_H
#define MR_BENCH_TRIAL_H

#include <stdatomic.h>

#include "bench/sweep.h"
#include "flow/job.h"

#define TRIAL_ROUNDS_MAX 100

/* Times of one stage as shares of its threads' time, 0 to 1. */
struct trial_stage {
    double busy, starved, blocked;
};

/* One run, or the median of each figure over several. */
struct trial {
    double wall_s, cpu_s;                /* cpu_s: of all threads and of children */
    double in_rate, out_rate, item_rate; /* bytes and items a second */
    double memory_bytes;                 /* in flight, at most */
    double latency_ms[3];                /* of an item, from its admission: median, 90%, 99% */
    double idle;                         /* of a shared pool */
    struct trial_stage stages[JOB_STAGES];
};

struct bench_row {
    struct sweep_point point;
    struct trial *trials; /* owned; trial_count of them */
    unsigned trial_count;
    struct trial median;
    double low_rate, high_rate; /* of in_rate */
    enum job_stage limiting;    /* in the last run */
    bool is_serial;             /* the input can only be read one item after the other */
    uint64_t item_count, in_bytes, out_bytes, failed_count;
};

struct bench {
    struct bench_row *rows; /* owned */
    size_t row_count;
    unsigned round_count, warm_up_count;
    unsigned rounds_done; /* whole ones */
    bool is_stopped;      /* before all rounds were done */
};

/* The first item of a job that failed: an observer's ctx. Zero-initialise. */
struct first_failure {
    atomic_flag is_taken;
    atomic_bool is_set;    /* error may be read */
    struct mr_error error; /* its text names the item */
};
/* For item_ended() of an observer; any thread. */
void first_failure_note(struct first_failure *first, const struct job_item *item);
/* MR_OK, or MR_E_DATA with the failure in *err. After the job is done. */
enum mr_status first_failure_get(struct first_failure *first, struct mr_error *err);

struct bench_maker {
    /*
     * Fills a job for the point: everything but threads, pools, memory and observer, which the
     * bench sets. Called before each run; end() frees what it made. MR_OK or an error, which ends
     * the bench.
     */
    enum mr_status (*begin)(void *ctx, const struct sweep_point *point, struct job_config *config,
                            struct mr_error *err);
    void (*end)(void *ctx, struct job_config *config);
    /* Asked ten times a second: is it to stop? */
    bool (*stops)(void *ctx);
    /* Told before each run. */
    void (*tells)(void *ctx, const struct bench *bench, unsigned round, size_t row);
    /* Shown the job of a run, ten times a second while it lasts. */
    void (*watches)(void *ctx, struct job *job);
    void *ctx;
};

/*
 * Runs all points warm_up_count + round_count times; fills *bench, whose point rows are set by
 * bench_init(). MR_OK, also when it was stopped (the rows then hold what there is); else what ended
 * it: an item that failed is MR_E_DATA with its reason.
 */
enum mr_status bench_run(struct bench *bench, const struct bench_maker *maker,
                         struct mr_error *err);
enum mr_status bench_init(struct bench *bench, const struct sweep_point *points, size_t count,
                          unsigned round_count, unsigned warm_up_count, struct mr_error *err);
void bench_fini(struct bench *bench);

/* The row with the highest median rate; NULL when none has run. */
const struct bench_row *bench_best(const struct bench *bench);

#endif
