/* pipeline_support.h - steps and counters that the suites of the pipeline share. */
#ifndef MR_TESTS_PIPELINE_SUPPORT_H
#define MR_TESTS_PIPELINE_SUPPORT_H

#include <stdatomic.h>
#include <time.h>

#include "millrace/pipeline.h"
#include "support/support.h"

#define LONG(pointer) ((long)(intptr_t)(pointer))
#define VALUE(number) ((void *)(intptr_t)(number))

static inline void sleep_us(long us)
{
    struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&time, NULL);
}

static inline struct mr_pipeline *make(const struct mr_pipeline_config *config)
{
    struct mr_pipeline *pipeline;
    struct mr_error err = {0};
    ck_assert_ok(mr_pipeline_create(config, &pipeline, &err), err);
    return pipeline;
}

static inline struct mr_pipeline_config config_of(const struct mr_step *steps, unsigned step_count)
{
    return (struct mr_pipeline_config){.struct_bytes = sizeof(struct mr_pipeline_config),
                                       .steps = steps,
                                       .step_count = step_count};
}

/* Mostly spins: a sleep of 1 us takes 60. */
static inline void wait_a_little(uint64_t seed)
{
    uint64_t number = support_random(&seed);
    if (number % 16 == 0)
        sleep_us(1);
    else
        for (volatile uint64_t i = 0; i < number % 2000; i++)
            ;
}

static inline enum mr_status forward(struct mr_step_call *call, void *value, void *user,
                                     struct mr_error *err)
{
    (void)user;
    (void)err;
    return mr_emit(call, value);
}

static inline void count_drop(void *value, void *user)
{
    (void)value;
    atomic_fetch_add((atomic_int *)user, 1);
}

struct tally {
    int ok_count, failed_count, cancelled_count;
    bool users[1000];
};

static inline void tally(const struct mr_result *result, void *ctx)
{
    struct tally *sum = ctx;
    sum->ok_count += result->status == MR_OK;
    sum->cancelled_count += result->status == MR_CANCELLED;
    if (mr_status_is_error(result->status)) {
        sum->failed_count++;
        ck_assert_ptr_null(result->value);
        ck_assert_int_eq(result->error.status, result->status);
    }
}

#endif
