/*
 * bench.h - what the contenders of bench_pipeline share: a job is `count` numbers through
 * BENCH_STEPS steps, each with BENCH_WORKERS workers and work_ns of work in all; the results are
 * wanted in the order of the numbers.
 */
#ifndef MR_TESTS_BENCH_H
#define MR_TESTS_BENCH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_STEPS   3
#define BENCH_WORKERS 2
/* Items that a contender may have under way: room enough for all of them. */
#define BENCH_IN_FLIGHT 1024

struct bench_job {
    uintptr_t count;     /* the items are 0 .. count - 1 */
    uint64_t spin_count; /* rounds of arithmetic in each step */
};

/* One step: some work, and a number that is larger by one. Thread-safe. */
uintptr_t bench_step(const struct bench_job *job, uintptr_t value);

/* A result, in order, on one thread at a time: aborts unless it is the next one, through all steps.
 */
void bench_take(uintptr_t *taken_count, uintptr_t value);

/* oneTBB's parallel_pipeline; built where it is installed. */
void bench_tbb(const struct bench_job *job);

#ifdef __cplusplus
}
#endif
#endif
