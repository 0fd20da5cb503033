/* future_state.h - the inside of a future: a submitted function is a task in its pool's queue. */
#ifndef MR_ENGINE_FUTURE_STATE_H
#define MR_ENGINE_FUTURE_STATE_H

#include <stdatomic.h>

#include "engine/task.h"
#include "engine/thread.h"

/* Who wants to be told that a future ended, beside those who wait for it alone. Member of a walk.
 */
struct watcher {
    struct watcher *previous, *next; /* the future's list; future lock */
    struct mr_as_completed *walk;
    size_t index;               /* of the future in the caller's array */
    struct watcher *next_ended; /* walk lock */
};

/* What mr_future_poll() shows, and one more: cancelled, but its waiters are not told yet. */
enum future_phase { FUTURE_WAITING, FUTURE_CANCELLING, FUTURE_RUNNING, FUTURE_ENDED };

struct mr_future {
    struct task task;
    struct mr_pool *pool; /* valid until the future has ended and left the pool's queue */
    mr_task_fn fn;
    void *arg;
    _Atomic(int)
        phase; /* enum future_phase; ENDED is stored last and publishes result, status and error */
    atomic_uint share_count; /* the pool's until it ran, and the caller's */
    struct lock lock;
    struct condition ended;   /* lock */
    unsigned waiter_count;    /* lock */
    struct watcher *watchers; /* lock; in no order */
    void *result;
    enum mr_status status;
    struct mr_error error;
};

/* A future with share_count shares, WAITING; NULL when out of memory. */
struct mr_future *future_create(struct mr_pool *pool, mr_task_fn fn, void *arg,
                                unsigned share_count);
/* Is the task a submitted function (and not work of the line)? */
bool future_is_task(const struct task *task);
/* WAITING to RUNNING; false when it was cancelled. */
bool future_start(struct mr_future *future);
/* WAITING to CANCELLING; false when it runs, ran or was cancelled by another. Then
 * future_cancelled() must follow. */
bool future_claim_cancel(struct mr_future *future);
/* Ends it as MR_CANCELLED and tells everybody. */
void future_cancelled(struct mr_future *future);

#endif
