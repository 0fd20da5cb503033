/* runqueue.h - how long the threads of this process had to wait for a processor. */
#ifndef MR_BASE_RUNQUEUE_H
#define MR_BASE_RUNQUEUE_H

#include <stdint.h>

/*
 * Nanoseconds that the threads which the process has now were ready to run, and did not: others had
 * the processors, or a quota was used up. Summed over them since they began; -1 where the system
 * does not tell. Linux, Documentation/scheduler/sched-stats.rst. Any thread; a file for each of the
 * threads is read.
 */
int64_t runqueue_waited_ns(void);

#endif
