/* Submitted functions: how they get into a pool, how they are waited for, and how a pool ends. */
#include <sched.h>
#include <stdlib.h>

#include "base/clock.h"
#include "engine/future_state.h"
#include "engine/pool_state.h"

/* Intake of submitted functions; a draining pool takes what its own running functions submit. */
static bool takes_locked(const struct mr_pool *pool, bool is_own)
{
    return pool->phase == POOL_OPEN || (pool->phase == POOL_DRAINING && is_own);
}

static bool is_full_locked(const struct mr_pool *pool)
{
    return pool->depth_count != 0 && pool->waiting_count >= pool->depth_count;
}

/* Waits until there is room (or finds out at once, when may_block is false). */
static enum mr_status room_locked(struct mr_pool *pool, bool is_own, bool may_block)
{
    while (takes_locked(pool, is_own) && is_full_locked(pool)) {
        if (!may_block)
            return MR_AGAIN;
        pool->room_waiter_count++;
        condition_wait(&pool->has_room, &pool->lock);
        pool->room_waiter_count--;
    }
    return takes_locked(pool, is_own) ? MR_OK : MR_CLOSED;
}

static enum mr_status submit(struct mr_pool *pool, mr_task_fn fn, void *arg,
                             struct mr_future **future, bool may_block, struct mr_error *err)
{
    if (future)
        *future = NULL;
    if (!pool || !fn)
        return mr_error_set(err, MR_E_USAGE, 0, "submit: a pool and a function are needed");
    bool is_own = pool_current() == pool;
    if (is_own && may_block && pool->depth_count != 0)
        return mr_error_set(
            err, MR_E_USAGE, 0,
            "submit from a thread of the same pool, which has a depth: use the try form");
    struct mr_future *made = future_create(pool, fn, arg, future ? 2 : 1);
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "no memory for a submitted function");

    struct pool_wake wake = {.count = 0};
    lock_take(&pool->lock);
    enum mr_status status = room_locked(pool, is_own, may_block);
    if (status == MR_OK) {
        pool->waiting_count++;
        task_list_push(&pool->tasks, &made->task);
        pool_wake_pick_locked(pool, 1, &wake);
    }
    lock_give(&pool->lock);
    if (status == MR_OK) {
        pool_wake_signal(pool, &wake);
        if (future)
            *future = made;
        return MR_OK;
    }
    mr_future_release(made);
    if (future)
        mr_future_release(made);
    if (status == MR_CLOSED)
        return mr_error_set(err, status, 0, "the pool is shutting down");
    return mr_error_set(err, status, 0, "the pool's queue is full");
}

enum mr_status mr_pool_submit(struct mr_pool *pool, mr_task_fn fn, void *arg,
                              struct mr_future **future, struct mr_error *err)
{
    return submit(pool, fn, arg, future, true, err);
}

enum mr_status mr_pool_try_submit(struct mr_pool *pool, mr_task_fn fn, void *arg,
                                  struct mr_future **future, struct mr_error *err)
{
    return submit(pool, fn, arg, future, false, err);
}

void pool_set_ran(struct mr_pool *pool, void (*ran)(void *ctx, int64_t start_ns, int64_t end_ns),
                  void *ctx)
{
    lock_take(&pool->lock);
    pool->ran = ran;
    pool->ran_ctx = ctx;
    lock_give(&pool->lock);
}

/* One element of a map: waits for it, or takes over why it was never submitted. */
static enum mr_status map_wait(struct mr_future *future, enum mr_status refused, void **result,
                               struct mr_error *err)
{
    *result = NULL;
    if (!future)
        return refused;
    enum mr_status status = mr_future_wait(future, -1, result, err);
    if (status != MR_OK)
        *result = NULL;
    mr_future_release(future);
    return status;
}

enum mr_status mr_pool_map(struct mr_pool *pool, mr_task_fn fn, void *const *args, size_t count,
                           void **results, enum mr_status *statuses, struct mr_error *err)
{
    if (!pool || !fn || (count > 0 && (!args || !results)))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "map: a pool, a function and two arrays are needed");
    if (pool_current() == pool)
        return mr_error_set(err, MR_E_USAGE, 0, "map from a thread of the same pool");
    if (count == 0)
        return MR_OK;
    struct mr_future **futures = calloc(count, sizeof(struct mr_future *));
    if (!futures)
        return mr_error_set(err, MR_E_MEMORY, 0, "no memory for %zu futures", count);

    enum mr_status refused = MR_OK, first = MR_OK;
    struct mr_error refusal = {0};
    for (size_t i = 0; i < count && refused == MR_OK; i++)
        refused = mr_pool_submit(pool, fn, args[i], &futures[i], &refusal);
    for (size_t i = 0; i < count; i++) {
        struct mr_error error = refusal;
        enum mr_status status = map_wait(futures[i], refused, &results[i], &error);
        if (statuses)
            statuses[i] = status;
        if (status != MR_OK && first == MR_OK) {
            first = status;
            if (err)
                *err = error;
        }
    }
    free(futures);
    return first;
}

static bool is_quiet_locked(const struct mr_pool *pool)
{
    return pool->running_count == 0 && pool->tasks.count == 0;
}

enum mr_status mr_pool_drain(struct mr_pool *pool, int64_t timeout_ms)
{
    if (!pool || pool_current() == pool)
        return MR_E_USAGE;
    int64_t deadline_ns = deadline_from_ms(timeout_ms);
    bool in_time = true;
    lock_take(&pool->lock);
    pool->quiet_waiter_count++;
    while (!is_quiet_locked(pool) && in_time)
        in_time = condition_wait_until(&pool->is_quiet, &pool->lock, deadline_ns);
    enum mr_status status = is_quiet_locked(pool) ? MR_OK : MR_TIMEOUT;
    pool->quiet_waiter_count--;
    lock_give(&pool->lock);
    return status;
}

/* Takes the waiting functions off the queue; what the line posted stays in it. */
static void take_functions_locked(struct mr_pool *pool, struct task_list *functions)
{
    struct task_list kept = {0};
    struct task *task;
    while ((task = task_list_pop(&pool->tasks)))
        task_list_push(future_is_task(task) ? functions : &kept, task);
    pool->tasks = kept;
}

static void cancel_functions(struct mr_pool *pool, struct task_list *functions)
{
    struct task *task;
    while ((task = task_list_pop(functions))) {
        struct mr_future *future = (struct mr_future *)task;
        if (future_claim_cancel(future)) {
            pool_waiting_cancelled(pool);
            future_cancelled(future);
        }
        mr_future_release(future); /* the queue's share */
    }
}

/* Waits for the end that another thread brings about. */
static void await_joined_locked(struct mr_pool *pool)
{
    pool->quiet_waiter_count++;
    while (pool->phase != POOL_ENDED)
        condition_wait(&pool->is_quiet, &pool->lock);
    pool->quiet_waiter_count--;
}

/* The threads have ended. Who still cancels a future or wakes a thread is let out first. */
static void finish(struct mr_pool *pool)
{
    lock_take(&pool->lock);
    pool->quiet_waiter_count++;
    while (pool->waiting_count > 0)
        condition_wait(&pool->is_quiet, &pool->lock);
    pool->quiet_waiter_count--;
    pool->phase = POOL_ENDED;
    pool->end_ns = clock_now_ns();
    condition_broadcast(&pool->is_quiet);
    lock_give(&pool->lock);
    while (atomic_load_explicit(&pool->waker_count, memory_order_acquire) > 0)
        sched_yield();
}

enum mr_status mr_pool_shutdown(struct mr_pool *pool, enum mr_shutdown how)
{
    if (!pool || pool_current() == pool)
        return MR_E_USAGE;
    struct task_list functions = {0};
    lock_take(&pool->lock);
    bool is_first = pool->phase == POOL_OPEN;
    if (pool->phase < POOL_ENDED && how == MR_SHUTDOWN_CANCEL) {
        pool->phase = POOL_CANCELLING;
        take_functions_locked(pool, &functions);
    } else if (is_first) {
        pool->phase = POOL_DRAINING;
    }
    condition_broadcast(&pool->has_room);
    if (is_quiet_locked(pool)) {
        condition_broadcast(&pool->is_quiet);
        pool_wake_all_locked(pool);
    }
    lock_give(&pool->lock);

    cancel_functions(pool, &functions);
    if (!is_first) {
        lock_take(&pool->lock);
        await_joined_locked(pool);
        lock_give(&pool->lock);
        return MR_OK;
    }
    if (pool->is_manual)
        pool_manual_finish(pool);
    else
        pool_join_threads(pool);
    finish(pool);
    return MR_OK;
}
