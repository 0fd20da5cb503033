/* clock.h - time for measuring and for deadlines: CLOCK_MONOTONIC, in nanoseconds. */
#ifndef MR_BASE_CLOCK_H
#define MR_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_now_ns(void);

#endif
