/* clock.h - time for measuring and for deadlines, in nanoseconds. */
#ifndef MR_BASE_CLOCK_H
#define MR_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_now_ns(void); /* CLOCK_MONOTONIC */
int64_t clock_cpu_ns(void); /* processor time of all threads of the process so far */

#endif
