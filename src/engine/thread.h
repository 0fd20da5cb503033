/*
 * thread.h - locks, conditions and threads for the engine; the only wrapper of pthread.h.
 *
 * Init and create may fail; lock, unlock, wait and signal may not: misuse is a broken invariant and
 * aborts. Rooms other than src/engine keep no locks of their own: they use mr_stash, the line,
 * pools and C11 atomics.
 */
#ifndef MR_ENGINE_THREAD_H
#define MR_ENGINE_THREAD_H

#include <pthread.h>
#include <stdint.h>

#include "millrace/status.h"

struct lock {
    pthread_mutex_t mutex;
};

struct condition {
    pthread_cond_t cond; /* on CLOCK_MONOTONIC */
};

struct thread {
    pthread_t id;
};

enum mr_status lock_init(struct lock *lock);
void lock_fini(struct lock *lock);
void lock_take(struct lock *lock);
void lock_give(struct lock *lock);

enum mr_status condition_init(struct condition *condition);
void condition_fini(struct condition *condition);
void condition_wait(struct condition *condition, struct lock *lock);
/* Waits until signalled or until deadline_ns on clock_now_ns()'s clock. Returns false when the time
 * was over. */
bool condition_wait_until(struct condition *condition, struct lock *lock, int64_t deadline_ns);
void condition_signal(struct condition *condition);
void condition_broadcast(struct condition *condition);

/*
 * Starts run(arg) on a thread with all signals blocked, named name (cut to 15 bytes, shown by top
 * -H and gdb; "": as the thread that starts it). MR_OK or MR_E_SYSTEM.
 */
enum mr_status thread_start(struct thread *thread, const char *name, void (*run)(void *arg),
                            void *arg, struct mr_error *err);
void thread_join(struct thread *thread);

/* Processors that this process may use: the affinity mask, cut by the cgroup quota (v2 cpu.max, v1
 * cfs). At least 1. */
unsigned thread_processor_count(void);

/* ms from now (negative: never) as a deadline for condition_wait_until(). */
int64_t deadline_from_ms(int64_t ms);

#endif
