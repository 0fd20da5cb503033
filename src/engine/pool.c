/* The threads of a pool and their queue. Submitted functions are one kind of task in it: submit.c.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "engine/future_state.h"
#include "engine/pool_state.h"

/* The pool whose task the calling thread runs. */
static _Thread_local struct mr_pool *current_pool;

void pool_wake_pick_locked(struct mr_pool *pool, unsigned task_count, struct pool_wake *wake)
{
    wake->count = 0;
    while (pool->sleepers && task_count > 0) {
        struct pool_worker *worker = pool->sleepers;
        pool->sleepers = worker->below;
        worker->is_woken = true;
        task_count--;
        if (wake->count < POOL_WAKE_MAX)
            wake->workers[wake->count++] = worker;
        else
            condition_signal(&worker->wake); /* more than fit: under the lock, slower but rare */
    }
    if (wake->count > 0)
        atomic_fetch_add_explicit(&pool->waker_count, 1, memory_order_relaxed);
}

/* Without the lock: a woken thread would only run into it. waker_count keeps the pool alive until
 * here. */
void pool_wake_signal(struct mr_pool *pool, struct pool_wake *wake)
{
    if (wake->count == 0)
        return;
    for (unsigned i = 0; i < wake->count; i++)
        condition_signal(&wake->workers[i]->wake);
    atomic_fetch_sub_explicit(&pool->waker_count, 1, memory_order_release);
}

static void wake_stack_locked(struct pool_worker **stack)
{
    while (*stack) {
        struct pool_worker *worker = *stack;
        *stack = worker->below;
        worker->is_woken = true;
        condition_signal(&worker->wake);
    }
}

void pool_wake_all_locked(struct mr_pool *pool)
{
    wake_stack_locked(&pool->sleepers);
    wake_stack_locked(&pool->parked);
}

/* Before all that are posted already, or behind them. */
static void post(struct mr_pool *pool, struct task_list *list, bool goes_first)
{
    if (list->count == 0)
        return;
    struct pool_wake wake;
    lock_take(&pool->lock);
    assert(pool->phase != POOL_ENDED); /* the task would never run */
    pool_wake_pick_locked(pool, list->count, &wake);
    if (goes_first)
        task_list_join(list, &pool->tasks);
    task_list_join(&pool->tasks, list);
    lock_give(&pool->lock);
    pool_wake_signal(pool, &wake);
}

void pool_post(struct mr_pool *pool, struct task_list *list)
{
    post(pool, list, false);
}

void pool_post_first(struct mr_pool *pool, struct task *task)
{
    struct task_list list = {0};
    task_list_push(&list, task);
    post(pool, &list, true);
}

/* Tasks that pool_take_more() looks at: not the whole of a long queue. */
#define LOOK_COUNT_MAX 64

void pool_take_more(struct mr_pool *pool, const struct task *task,
                    bool (*goes_with)(const struct task *task, const struct task *other),
                    unsigned max_count, struct task_list *list)
{
    lock_take(&pool->lock);
    unsigned share = pool->tasks.count / pool->thread_count;
    struct task *before = NULL, *other = pool->tasks.first;
    for (unsigned i = 0;
         other && i < LOOK_COUNT_MAX && list->count < max_count && list->count < share; i++) {
        struct task *next = other->next;
        if (goes_with(task, other)) {
            task_list_remove(&pool->tasks, before);
            task_list_push(list, other);
        } else {
            before = other;
        }
        other = next;
    }
    lock_give(&pool->lock);
}

void pool_post_one(struct mr_pool *pool, struct task *task)
{
    struct task_list list = {0};
    task_list_push(&list, task);
    pool_post(pool, &list);
}

void pool_waiting_ended_locked(struct mr_pool *pool)
{
    pool->waiting_count--;
    if (pool->room_waiter_count > 0)
        condition_signal(&pool->has_room);
    if (pool->waiting_count == 0 && pool->quiet_waiter_count > 0)
        condition_broadcast(&pool->is_quiet);
}

void pool_waiting_cancelled(struct mr_pool *pool)
{
    lock_take(&pool->lock);
    pool_waiting_ended_locked(pool);
    lock_give(&pool->lock);
}

/* Takes the next task off and counts it as running. */
static void start_locked(struct mr_pool *pool, struct task *task)
{
    pool->running_count++;
    if (future_is_task(task) && future_start((struct mr_future *)task))
        pool_waiting_ended_locked(pool);
}

static void end_locked(struct mr_pool *pool)
{
    pool->running_count--;
    if (pool->running_count > 0 || pool->tasks.count > 0)
        return;
    if (pool->quiet_waiter_count > 0)
        condition_broadcast(&pool->is_quiet);
    if (pool->phase != POOL_OPEN)
        pool_wake_all_locked(pool); /* nobody is left who could post: the threads may end */
}

/* The worker goes onto the stack of those that wait to be woken for this reason. */
static void idle_begins_locked(struct pool_worker *worker, enum pool_doing doing,
                               struct pool_worker **stack)
{
    worker->doing = doing;
    worker->idle_since_ns = clock_now_ns();
    worker->is_woken = false;
    worker->below = *stack;
    *stack = worker;
}

static void idle_ended_locked(struct pool_worker *worker)
{
    worker->idle_ns[worker->doing] += clock_now_ns() - worker->idle_since_ns;
    worker->doing = POOL_BUSY;
}

static bool watch_unlocked(struct mr_pool *pool)
{
    lock_give(&pool->lock);
    bool goes_on = pool->watch(pool->watch_ctx);
    lock_take(&pool->lock);
    return goes_on;
}

/* Signals under the lock: it is rare. */
static void nudge_locked(struct mr_pool *pool)
{
    struct pool_wake wake;
    pool_wake_pick_locked(pool, 1, &wake);
    pool_wake_signal(pool, &wake);
}

/*
 * Watches until it is woken, or there is nothing to watch. Others rely on it as long as it dozes:
 * woken for a task, the last one that dozes leaves its place to one that sleeps. That is rare, as
 * the other dozes from then on.
 */
static void doze_locked(struct pool_worker *worker)
{
    struct mr_pool *pool = worker->pool;
    bool goes_on = true;
    atomic_fetch_add(&pool->dozer_count, 1);
    while (!worker->is_woken && goes_on) {
        int64_t end_ns = clock_now_ns() + POOL_DOZE_NS;
        while (!worker->is_woken && condition_wait_until(&worker->wake, &pool->lock, end_ns))
            ;
        goes_on = worker->is_woken || watch_unlocked(pool);
    }
    bool is_last = atomic_fetch_sub(&pool->dozer_count, 1) == 1;
    if (is_last && worker->is_woken)
        nudge_locked(pool);
}

static void sleep_locked(struct pool_worker *worker)
{
    struct mr_pool *pool = worker->pool;
    bool is_blocked = pool->is_blocked && pool->is_blocked(pool->is_blocked_ctx);
    idle_begins_locked(worker, is_blocked ? POOL_BLOCKED : POOL_STARVED, &pool->sleepers);
    if (pool->watch)
        doze_locked(worker);
    atomic_fetch_add(&pool->sleeper_count, 1);
    /* Who begins something to watch asks who sleeps after that: one of the two sees the other. */
    while (pool->watch && !worker->is_woken && watch_unlocked(pool))
        doze_locked(worker);
    while (!worker->is_woken)
        condition_wait(&worker->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleeper_count, 1);
    idle_ended_locked(worker);
}

/* There are enough without it, until the size changes or the pool ends. */
static void park_locked(struct pool_worker *worker)
{
    struct mr_pool *pool = worker->pool;
    idle_begins_locked(worker, POOL_PARKED, &pool->parked);
    while (!worker->is_woken)
        condition_wait(&worker->wake, &pool->lock);
    idle_ended_locked(worker);
}

/* While the pool ends, every thread helps. */
static bool is_surplus_locked(const struct pool_worker *worker)
{
    const struct mr_pool *pool = worker->pool;
    return pool->phase == POOL_OPEN && worker >= pool->workers + pool_thread_count(pool);
}

/* Only functions are told that were not cancelled: what runs tasks tells of them what it wants to.
 */
static void run_task(struct mr_pool *pool, struct task *task)
{
    if (!pool->ran || !future_is_task(task) ||
        mr_future_poll((struct mr_future *)task) != MR_FUTURE_RUNNING) {
        task->run(task);
        return;
    }
    int64_t start_ns = clock_now_ns();
    task->run(task);
    pool->ran(pool->ran_ctx, start_ns, clock_now_ns());
}

void pool_worker_main(void *arg)
{
    struct pool_worker *worker = arg;
    struct mr_pool *pool = worker->pool;
    current_pool = pool;
    lock_take(&pool->lock);
    idle_ended_locked(worker);
    for (;;) {
        if (is_surplus_locked(worker)) {
            park_locked(worker);
            continue;
        }
        struct task *task = task_list_pop(&pool->tasks);
        if (task) {
            start_locked(pool, task);
            lock_give(&pool->lock);
            run_task(pool, task);
            lock_take(&pool->lock);
            end_locked(pool);
        } else if (pool->phase != POOL_OPEN && pool->running_count == 0) {
            break;
        } else {
            sleep_locked(worker);
        }
    }
    lock_give(&pool->lock);
    current_pool = NULL;
}

void pool_set_idle_reason(struct mr_pool *pool, bool (*is_blocked)(void *ctx), void *ctx)
{
    lock_take(&pool->lock);
    pool->is_blocked = is_blocked;
    pool->is_blocked_ctx = ctx;
    lock_give(&pool->lock);
}

void pool_set_watch(struct mr_pool *pool, bool (*watch)(void *ctx), void *ctx)
{
    lock_take(&pool->lock);
    pool->watch = watch;
    pool->watch_ctx = ctx;
    lock_give(&pool->lock);
}

unsigned pool_queued_count(struct mr_pool *pool)
{
    lock_take(&pool->lock);
    unsigned count = pool->tasks.count;
    lock_give(&pool->lock);
    return count;
}

bool pool_needs_watch(const struct mr_pool *pool)
{
    return atomic_load(&pool->sleeper_count) > 0 && atomic_load(&pool->dozer_count) == 0;
}

void pool_nudge(struct mr_pool *pool)
{
    lock_take(&pool->lock);
    nudge_locked(pool);
    lock_give(&pool->lock);
}

struct mr_pool *pool_current(void)
{
    return current_pool;
}

const char *pool_name(const struct mr_pool *pool)
{
    return pool->name;
}

/* Frees a pool whose threads have ended or were never started. */
static void pool_free(struct mr_pool *pool)
{
    for (unsigned i = 0; i < pool->started_count; i++)
        condition_fini(&pool->workers[i].wake);
    free(pool->workers);
    condition_fini(&pool->is_quiet);
    condition_fini(&pool->has_room);
    lock_fini(&pool->lock);
    free(pool);
}

/* A pool without threads, that takes tasks by thread_count of them. NULL: out of memory. */
static struct mr_pool *pool_new(const char *name, unsigned thread_count, unsigned depth_count)
{
    struct mr_pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return NULL;
    if (lock_init(&pool->lock) != MR_OK)
        goto no_lock;
    if (condition_init(&pool->has_room) != MR_OK)
        goto no_room;
    if (condition_init(&pool->is_quiet) != MR_OK)
        goto no_quiet;
    snprintf(pool->name, sizeof(pool->name), "%s", name);
    atomic_init(&pool->thread_count, thread_count);
    pool->depth_count = depth_count;
    return pool;
no_quiet:
    condition_fini(&pool->has_room);
no_room:
    lock_fini(&pool->lock);
no_lock:
    free(pool);
    return NULL;
}

enum mr_status pool_create_manual(const char *name, unsigned thread_count, struct mr_pool **pool)
{
    *pool = pool_new(name, thread_count, 0);
    if (!*pool)
        return MR_E_MEMORY;
    (*pool)->is_manual = true;
    return MR_OK;
}

/* Ends a pool whose threads could not all be started. */
static void give_up(struct mr_pool *pool)
{
    lock_take(&pool->lock);
    pool->phase = POOL_CANCELLING;
    pool_wake_all_locked(pool);
    lock_give(&pool->lock);
    pool_join_threads(pool);
    pool_free(pool);
}

enum mr_status pool_create_sized(const struct mr_pool_config *config, unsigned thread_max,
                                 struct mr_pool **pool, struct mr_error *err)
{
    unsigned thread_count = config->thread_count ? config->thread_count : thread_processor_count();
    if (thread_count > POOL_THREADS_MAX)
        thread_count = POOL_THREADS_MAX;
    *pool = NULL;
    struct mr_pool *made =
        pool_new(config->name ? config->name : "pool", thread_count, config->depth_count);
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "no memory for a pool");
    made->thread_max = thread_max > thread_count ? thread_max : thread_count;
    made->workers = calloc(made->thread_max, sizeof(*made->workers));
    if (!made->workers) {
        pool_free(made);
        return mr_error_set(err, MR_E_MEMORY, 0, "no memory for the pool's threads");
    }
    enum mr_status status = pool_resize(made, thread_count, err);
    if (status != MR_OK) {
        give_up(made);
        return status;
    }
    *pool = made;
    return MR_OK;
}

enum mr_status mr_pool_create(const struct mr_pool_config *config, struct mr_pool **pool,
                              struct mr_error *err)
{
    static const struct mr_pool_config defaults = {.struct_bytes = sizeof(defaults)};
    if (!pool)
        return mr_error_set(err, MR_E_USAGE, 0, "a pool: there is no place to put it");
    *pool = NULL;
    if (!config)
        config = &defaults;
    if (config->struct_bytes != sizeof(*config))
        return mr_error_set(err, MR_E_USAGE, 0, "a pool: struct_bytes is not that of this library");
    if (config->thread_count > POOL_THREADS_MAX)
        return mr_error_set(err, MR_E_USAGE, 0, "a pool of %u threads: at most %d are allowed",
                            config->thread_count, POOL_THREADS_MAX);
    return pool_create_sized(config, 0, pool, err);
}

void mr_pool_destroy(struct mr_pool *pool)
{
    if (!pool)
        return;
    enum mr_status status = mr_pool_shutdown(pool, MR_SHUTDOWN_DRAIN);
    assert(status == MR_OK); /* not from one of its own threads: it cannot free what it runs on */
    if (status == MR_OK)
        pool_free(pool);
}

unsigned pool_manual_count(const struct mr_pool *pool)
{
    return pool->tasks.count;
}

/* Runs a task that was taken off, as a thread of the pool would. */
static void manual_run(struct mr_pool *pool, struct task *task)
{
    struct mr_pool *before = current_pool;
    current_pool = pool;
    lock_take(&pool->lock);
    start_locked(pool, task);
    lock_give(&pool->lock);
    task->run(task);
    lock_take(&pool->lock);
    end_locked(pool);
    lock_give(&pool->lock);
    current_pool = before;
}

void pool_manual_run(struct mr_pool *pool, unsigned index)
{
    struct task_list before = {0};
    assert(index < pool->tasks.count);
    for (unsigned i = 0; i < index; i++)
        task_list_push(&before, task_list_pop(&pool->tasks));
    struct task *task = task_list_pop(&pool->tasks);
    if (before.count > 0) {
        before.last->next = pool->tasks.first;
        if (!pool->tasks.last)
            pool->tasks.last = before.last;
        pool->tasks.first = before.first;
        pool->tasks.count += before.count;
    }
    manual_run(pool, task);
}

void pool_manual_finish(struct mr_pool *pool)
{
    while (pool->tasks.count > 0)
        pool_manual_run(pool, 0);
}
