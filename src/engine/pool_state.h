/* pool_state.h - the inside of mr_pool, shared by pool.c (tasks and the threads that run them),
 * pool_size.c (how many threads there are) and submit.c (submitted functions). */
#ifndef MR_ENGINE_POOL_STATE_H
#define MR_ENGINE_POOL_STATE_H

#include <stdatomic.h>

#include "engine/task.h"
#include "engine/thread.h"

#define POOL_THREADS_MAX 4096
#define POOL_NAME_BYTES  16

enum pool_phase {
    POOL_OPEN,
    POOL_DRAINING,   /* only running functions of the pool itself may still submit */
    POOL_CANCELLING, /* nobody may */
    POOL_ENDED       /* the threads were joined */
};

/* What a thread does, or why it does nothing. */
enum pool_doing {
    POOL_BUSY,
    POOL_STARVED,
    POOL_BLOCKED,
    POOL_PARKED, /* the pool has fewer threads at work now */
    POOL_DOINGS
};

struct pool_worker {
    struct mr_pool *pool;
    struct thread thread;
    struct condition wake;        /* pool lock */
    bool is_woken;                /* pool lock; set by who takes it off the stack of sleepers */
    int64_t start_ns;             /* pool lock */
    enum pool_doing doing;        /* pool lock */
    int64_t idle_since_ns;        /* pool lock */
    int64_t idle_ns[POOL_DOINGS]; /* pool lock; of idle times that are over, by their reason */
    struct pool_worker *below;    /* pool lock; the stack of sleepers, or of the parked */
};

struct mr_pool {
    struct lock lock;
    char name[POOL_NAME_BYTES];
    unsigned thread_max;  /* const; length of workers */
    unsigned depth_count; /* const; 0: no bound */
    bool is_manual;       /* const */
    struct pool_worker *workers;
    atomic_uint thread_count; /* the first so many workers take tasks; changed under the lock */

    /* all below: lock */
    enum pool_phase phase;
    unsigned started_count; /* the first so many workers have a thread */
    struct task_list tasks;
    unsigned running_count;       /* threads that run a task */
    unsigned waiting_count;       /* submitted functions that are neither started nor cancelled */
    struct pool_worker *sleepers; /* a stack: who slept last has the warmest cache */
    struct pool_worker *parked;
    struct condition has_room; /* waiting_count fell below depth_count, or intake ended */
    unsigned room_waiter_count;
    struct condition is_quiet; /* nothing runs or waits, no function waits, or phase is ENDED */
    unsigned quiet_waiter_count;
    bool (*is_blocked)(void *ctx);
    void *is_blocked_ctx;
    bool (*watch)(void *ctx);
    void *watch_ctx;
    void (*ran)(void *ctx, int64_t start_ns, int64_t end_ns); /* const while threads run tasks */
    void *ran_ctx;
    int64_t end_ns; /* 0 while the threads run */

    atomic_uint dozer_count, sleeper_count; /* threads that doze, and that sleep until woken */
    atomic_uint waker_count; /* callers that still signal workers, without the lock: the pool may
                                not go before */
};

#define POOL_WAKE_MAX 16

/* Sleepers taken off the stack by pool_wake_pick_locked(), to be signalled when the lock is given
 * back. */
struct pool_wake {
    struct pool_worker *workers[POOL_WAKE_MAX];
    unsigned count;
};

/* Picks at most task_count sleepers. After giving the lock back, pool_wake_signal() must follow. */
void pool_wake_pick_locked(struct mr_pool *pool, unsigned task_count, struct pool_wake *wake);
void pool_wake_signal(struct mr_pool *pool, struct pool_wake *wake);

/* One submitted function less is waiting: lets a submitter in, tells who waits for quiet. */
void pool_waiting_ended_locked(struct mr_pool *pool);
/* The same for a future of the pool that was cancelled. Takes the lock. */
void pool_waiting_cancelled(struct mr_pool *pool);

/* Wakes every thread that sleeps or is parked, to look again: for another size, and for the end. */
void pool_wake_all_locked(struct mr_pool *pool);
/* What a thread of the pool runs, with its worker. */
void pool_worker_main(void *worker);
/* Waits for the end of the threads, after the phase has changed. No lock held. */
void pool_join_threads(struct mr_pool *pool);

/* Runs what a manual pool still has. */
void pool_manual_finish(struct mr_pool *pool);

#endif
