/* What tests of pools share. */
#ifndef MR_TESTS_POOL_SUPPORT_H
#define MR_TESTS_POOL_SUPPORT_H

#include <stdatomic.h>
#include <time.h>

#include "millrace/pool.h"

static inline void sleep_us(long us)
{
    struct timespec time = {.tv_nsec = us * 1000};
    nanosleep(&time, NULL);
}

/* Holds the functions that call it until it is opened. */
struct gate {
    atomic_bool is_open;
    atomic_int arrived_count;
};

static inline enum mr_status wait_at_gate(void *arg, void **result, struct mr_error *err)
{
    struct gate *gate = arg;
    (void)err;
    atomic_fetch_add(&gate->arrived_count, 1);
    while (!atomic_load(&gate->is_open))
        sleep_us(50);
    *result = gate;
    return MR_OK;
}

static inline void await_arrivals(struct gate *gate, int count)
{
    while (atomic_load(&gate->arrived_count) < count)
        sleep_us(50);
}

#endif
