#include <stdlib.h>
#include <string.h>

#include "engine/future_state.h"
#include "engine/pool_state.h"

struct mr_as_completed {
    struct lock lock;
    struct condition has_ended;               /* lock */
    struct watcher *first_ended, *last_ended; /* lock; ended and not given out, oldest first */
    size_t left_count;                        /* not given out; the walker's alone */
    size_t watcher_count;                     /* const */
    struct mr_future **futures;               /* const; one for each watcher */
    struct watcher *watchers;
};

static void run(struct task *task);

struct mr_future *future_create(struct mr_pool *pool, mr_task_fn fn, void *arg,
                                unsigned share_count)
{
    struct mr_future *future = malloc(sizeof(*future));
    if (!future)
        return NULL;
    if (lock_init(&future->lock) != MR_OK) {
        free(future);
        return NULL;
    }
    if (condition_init(&future->ended) != MR_OK) {
        lock_fini(&future->lock);
        free(future);
        return NULL;
    }
    future->task = (struct task){.run = run};
    future->pool = pool;
    future->fn = fn;
    future->arg = arg;
    atomic_init(&future->phase, FUTURE_WAITING);
    atomic_init(&future->share_count, share_count);
    future->waiter_count = 0;
    future->watchers = NULL;
    future->result = NULL;
    future->status = MR_OK;
    future->error.status =
        MR_OK; /* not all of the struct: most of it is text that is rarely used */
    future->error.sys_errno = 0;
    future->error.text[0] = '\0';
    return future;
}

bool future_is_task(const struct task *task)
{
    return task->run == run;
}

bool future_start(struct mr_future *future)
{
    int expected = FUTURE_WAITING;
    return atomic_compare_exchange_strong(&future->phase, &expected, FUTURE_RUNNING);
}

bool future_claim_cancel(struct mr_future *future)
{
    int expected = FUTURE_WAITING;
    return atomic_compare_exchange_strong(&future->phase, &expected, FUTURE_CANCELLING);
}

/* Tells a walk that the watched future ended. Future lock held. */
static void watcher_notify(struct watcher *watcher)
{
    struct mr_as_completed *walk = watcher->walk;
    lock_take(&walk->lock);
    watcher->next_ended = NULL;
    if (walk->last_ended)
        walk->last_ended->next_ended = watcher;
    else
        walk->first_ended = watcher;
    walk->last_ended = watcher;
    condition_signal(&walk->has_ended);
    lock_give(&walk->lock);
}

/* Publishes status, result and error, which are set already. */
static void publish(struct mr_future *future, enum mr_status status)
{
    future->status = status;
    lock_take(&future->lock);
    atomic_store_explicit(&future->phase, FUTURE_ENDED, memory_order_release);
    if (future->waiter_count > 0)
        condition_broadcast(&future->ended);
    while (future->watchers) {
        struct watcher *watcher = future->watchers;
        future->watchers = watcher->next;
        if (watcher->next)
            watcher->next->previous = NULL;
        watcher->next = NULL;
        watcher_notify(watcher);
    }
    lock_give(&future->lock);
}

void future_cancelled(struct mr_future *future)
{
    mr_error_set(&future->error, MR_CANCELLED, 0, "cancelled before it started");
    publish(future, MR_CANCELLED);
}

static void run(struct task *task)
{
    struct mr_future *future = (struct mr_future *)task;
    if (atomic_load_explicit(&future->phase, memory_order_relaxed) == FUTURE_RUNNING) {
        enum mr_status status = future->fn(future->arg, &future->result, &future->error);
        if (status != MR_OK && future->error.text[0] == '\0')
            mr_error_set(&future->error, status, 0, "%s", mr_status_text(status));
        future->error.status = status;
        publish(future, status);
    }
    mr_future_release(future); /* the queue's share */
}

static bool has_ended(const struct mr_future *future)
{
    return atomic_load_explicit(&future->phase, memory_order_acquire) == FUTURE_ENDED;
}

enum mr_future_state mr_future_poll(const struct mr_future *future)
{
    switch (atomic_load_explicit(&future->phase, memory_order_acquire)) {
    case FUTURE_ENDED:
        return MR_FUTURE_ENDED;
    case FUTURE_RUNNING:
        return MR_FUTURE_RUNNING;
    default:
        return MR_FUTURE_WAITING;
    }
}

/* Blocks until the future has ended or the time is over; true when it has ended. */
static bool await_end(struct mr_future *future, int64_t timeout_ms)
{
    int64_t deadline_ns = deadline_from_ms(timeout_ms);
    bool in_time = true;
    lock_take(&future->lock);
    future->waiter_count++;
    while (!has_ended(future) && in_time)
        in_time = condition_wait_until(&future->ended, &future->lock, deadline_ns);
    future->waiter_count--;
    lock_give(&future->lock);
    return has_ended(future);
}

enum mr_status mr_future_wait(struct mr_future *future, int64_t timeout_ms, void **result,
                              struct mr_error *err)
{
    if (!has_ended(future) && (timeout_ms == 0 || !await_end(future, timeout_ms)))
        return mr_error_set(err, MR_TIMEOUT, 0, "not ended in time");
    if (result)
        *result = future->result;
    if (err)
        *err = future->error;
    return future->status;
}

bool mr_future_cancel(struct mr_future *future)
{
    if (!future_claim_cancel(future))
        return false;
    pool_waiting_cancelled(future->pool);
    future_cancelled(future);
    return true;
}

void mr_future_release(struct mr_future *future)
{
    if (!future || atomic_fetch_sub_explicit(&future->share_count, 1, memory_order_acq_rel) != 1)
        return;
    condition_fini(&future->ended);
    lock_fini(&future->lock);
    free(future);
}

/* The lowest index of a future that has ended, or count. *is_empty: all entries are NULL. */
static size_t find_ended(struct mr_future *const *futures, size_t count, bool *is_empty)
{
    *is_empty = true;
    for (size_t i = 0; i < count; i++) {
        if (!futures[i])
            continue;
        *is_empty = false;
        if (has_ended(futures[i]))
            return i;
    }
    return count;
}

enum mr_status mr_future_wait_any(struct mr_future *const *futures, size_t count,
                                  int64_t timeout_ms, size_t *index)
{
    bool is_empty;
    int64_t deadline_ns = deadline_from_ms(timeout_ms);
    *index = find_ended(futures, count, &is_empty);
    if (is_empty)
        return MR_DONE;
    if (*index < count)
        return MR_OK;
    if (timeout_ms == 0)
        return MR_TIMEOUT;
    struct mr_as_completed *walk;
    enum mr_status status = mr_as_completed_create(futures, count, &walk);
    if (status != MR_OK)
        return status;
    bool in_time = true;
    lock_take(&walk->lock);
    while (!walk->first_ended && in_time)
        in_time = condition_wait_until(&walk->has_ended, &walk->lock, deadline_ns);
    lock_give(&walk->lock);
    mr_as_completed_destroy(walk);
    *index = find_ended(futures, count, &is_empty);
    return *index < count ? MR_OK : MR_TIMEOUT;
}

/* Puts the watcher on its future's list, or at once on the walk's list of those that ended. */
static void watcher_start(struct watcher *watcher, struct mr_future *future)
{
    lock_take(&future->lock);
    if (has_ended(future)) {
        watcher_notify(watcher);
    } else {
        watcher->next = future->watchers;
        if (future->watchers)
            future->watchers->previous = watcher;
        future->watchers = watcher;
    }
    lock_give(&future->lock);
}

/* After this nobody touches the watcher. */
static void watcher_stop(struct watcher *watcher, struct mr_future *future)
{
    lock_take(&future->lock);
    if (!has_ended(future)) {
        if (watcher->previous)
            watcher->previous->next = watcher->next;
        else
            future->watchers = watcher->next;
        if (watcher->next)
            watcher->next->previous = watcher->previous;
    }
    lock_give(&future->lock);
}

/* A walk without watchers yet; NULL when out of memory. */
static struct mr_as_completed *walk_new(size_t count)
{
    struct mr_as_completed *walk = calloc(1, sizeof(*walk));
    if (!walk)
        return NULL;
    walk->futures = calloc(count + 1, sizeof(struct mr_future *)); /* + 1: none is no failure */
    walk->watchers = calloc(count + 1, sizeof(struct watcher));
    if (walk->futures && walk->watchers && lock_init(&walk->lock) == MR_OK) {
        if (condition_init(&walk->has_ended) == MR_OK)
            return walk;
        lock_fini(&walk->lock);
    }
    free(walk->futures);
    free(walk->watchers);
    free(walk);
    return NULL;
}

enum mr_status mr_as_completed_create(struct mr_future *const *futures, size_t count,
                                      struct mr_as_completed **walk)
{
    size_t watched_count = 0;
    for (size_t i = 0; i < count; i++)
        watched_count += futures[i] != NULL;
    struct mr_as_completed *made = walk_new(watched_count);
    *walk = made;
    if (!made)
        return MR_E_MEMORY;
    made->watcher_count = made->left_count = watched_count;
    size_t next = 0;
    for (size_t i = 0; i < count; i++) {
        if (!futures[i])
            continue;
        struct watcher *watcher = &made->watchers[next];
        made->futures[next++] = futures[i];
        watcher->walk = made;
        watcher->index = i;
        watcher_start(watcher, futures[i]);
    }
    return MR_OK;
}

enum mr_status mr_as_completed_next(struct mr_as_completed *walk, int64_t timeout_ms, size_t *index)
{
    if (walk->left_count == 0)
        return MR_DONE;
    int64_t deadline_ns = deadline_from_ms(timeout_ms);
    bool in_time = true;
    lock_take(&walk->lock);
    while (!walk->first_ended && in_time)
        in_time = condition_wait_until(&walk->has_ended, &walk->lock, deadline_ns);
    struct watcher *watcher = walk->first_ended;
    if (watcher) {
        walk->first_ended = watcher->next_ended;
        if (!walk->first_ended)
            walk->last_ended = NULL;
    }
    lock_give(&walk->lock);
    if (!watcher)
        return MR_TIMEOUT;
    walk->left_count--;
    *index = watcher->index;
    return MR_OK;
}

void mr_as_completed_destroy(struct mr_as_completed *walk)
{
    if (!walk)
        return;
    for (size_t i = 0; i < walk->watcher_count; i++)
        watcher_stop(&walk->watchers[i], walk->futures[i]);
    condition_fini(&walk->has_ended);
    lock_fini(&walk->lock);
    free(walk->watchers);
    free(walk->futures);
    free(walk);
}
