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

void task_list_push(struct task_list *list, struct task *task)
{
    task->next = NULL;
    if (list->last)
        list->last->next = task;
    else
        list->first = task;
    list->last = task;
    list->count++;
}

struct task *task_list_pop(struct task_list *list)
{
    struct task *task = list->first;
    if (!task)
        return NULL;
    list->first = task->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    task->next = NULL;
    return task;
}

void task_list_remove(struct task_list *list, struct task *before)
{
    if (!before) {
        task_list_pop(list);
        return;
    }
    struct task *task = before->next;
    before->next = task->next;
    if (list->last == task)
        list->last = before;
    list->count--;
    task->next = NULL;
}

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

void pool_wake_all_locked(struct mr_pool *pool)
{
    while (pool->sleepers) {
        struct pool_worker *worker = pool->sleepers;
        pool->sleepers = worker->below;
        worker->is_woken = true;
        condition_signal(&worker->wake);
    }
}

void pool_post(struct mr_pool *pool, struct task_list *list)
{
    if (list->count == 0)
        return;
    struct pool_wake wake;
    lock_take(&pool->lock);
    assert(pool->phase != POOL_ENDED); /* the task would never run */
    if (pool->tasks.last)
        pool->tasks.last->next = list->first;
    else
        pool->tasks.first = list->first;
    pool->tasks.last = list->last;
    pool->tasks.count += list->count;
    pool_wake_pick_locked(pool, list->count, &wake);
    lock_give(&pool->lock);
    pool_wake_signal(pool, &wake);
    *list = (struct task_list){0};
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

static void idle_ended_locked(struct pool_worker *worker)
{
    int64_t idle_ns = clock_now_ns() - worker->idle_since_ns;
    if (worker->idle == POOL_BLOCKED)
        worker->blocked_ns += idle_ns;
    else
        worker->starved_ns += idle_ns;
    worker->idle = POOL_BUSY;
}

static bool watch_unlocked(struct mr_pool *pool)
{
    lock_give(&pool->lock);
    bool goes_on = pool->watch(pool->watch_ctx);
    lock_take(&pool->lock);
    return goes_on;
}

/* Watches until it is woken, or there is nothing to watch. */
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
    atomic_fetch_sub(&pool->dozer_count, 1);
}

static void sleep_locked(struct pool_worker *worker)
{
    struct mr_pool *pool = worker->pool;
    bool is_blocked = pool->is_blocked && pool->is_blocked(pool->is_blocked_ctx);
    worker->idle = is_blocked ? POOL_BLOCKED : POOL_STARVED;
    worker->idle_since_ns = clock_now_ns();
    worker->is_woken = false;
    worker->below = pool->sleepers;
    pool->sleepers = worker;
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

static void worker_main(void *arg)
{
    struct pool_worker *worker = arg;
    struct mr_pool *pool = worker->pool;
    current_pool = pool;
    lock_take(&pool->lock);
    idle_ended_locked(worker);
    for (;;) {
        struct task *task = task_list_pop(&pool->tasks);
        if (task) {
            start_locked(pool, task);
            lock_give(&pool->lock);
            task->run(task);
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

bool pool_needs_watch(const struct mr_pool *pool)
{
    return atomic_load(&pool->sleeper_count) > 0 && atomic_load(&pool->dozer_count) == 0;
}

void pool_nudge(struct mr_pool *pool)
{
    struct pool_wake wake;
    lock_take(&pool->lock);
    pool_wake_pick_locked(pool, 1, &wake);
    lock_give(&pool->lock);
    pool_wake_signal(pool, &wake);
}

static struct pool_times worker_times_locked(const struct pool_worker *worker, int64_t until_ns)
{
    const struct mr_pool *pool = worker->pool;
    struct pool_times times = {.starved_ns = worker->starved_ns, .blocked_ns = worker->blocked_ns};
    int64_t all_ns = until_ns - pool->start_ns, idle_ns = until_ns - worker->idle_since_ns;
    if (worker->idle == POOL_STARVED && idle_ns > 0)
        times.starved_ns += idle_ns;
    else if (worker->idle == POOL_BLOCKED && idle_ns > 0)
        times.blocked_ns += idle_ns;
    int64_t busy_ns = all_ns - times.starved_ns - times.blocked_ns;
    times.busy_ns = busy_ns > 0 ? busy_ns : 0;
    return times;
}

static int64_t until_locked(const struct mr_pool *pool)
{
    return pool->end_ns != 0 ? pool->end_ns : clock_now_ns();
}

void pool_times(struct mr_pool *pool, struct pool_times *times)
{
    *times = (struct pool_times){0};
    lock_take(&pool->lock);
    int64_t until_ns = until_locked(pool);
    for (unsigned i = 0; pool->workers && i < pool->thread_count; i++) {
        struct pool_times of_worker = worker_times_locked(&pool->workers[i], until_ns);
        times->busy_ns += of_worker.busy_ns;
        times->starved_ns += of_worker.starved_ns;
        times->blocked_ns += of_worker.blocked_ns;
    }
    lock_give(&pool->lock);
}

void pool_worker_times(struct mr_pool *pool, unsigned index, int64_t until_ns,
                       struct pool_times *times)
{
    *times = (struct pool_times){0};
    lock_take(&pool->lock);
    if (pool->workers && index < pool->thread_count)
        *times = worker_times_locked(&pool->workers[index],
                                     until_ns > 0 ? until_ns : until_locked(pool));
    lock_give(&pool->lock);
}

struct mr_pool *pool_current(void)
{
    return current_pool;
}

unsigned pool_thread_count(const struct mr_pool *pool)
{
    return pool->thread_count;
}

const char *pool_name(const struct mr_pool *pool)
{
    return pool->name;
}

/* Frees a pool whose threads have ended or were never started. */
static void pool_free(struct mr_pool *pool, unsigned worker_count)
{
    for (unsigned i = 0; i < worker_count; i++)
        condition_fini(&pool->workers[i].wake);
    free(pool->workers);
    condition_fini(&pool->is_quiet);
    condition_fini(&pool->has_room);
    lock_fini(&pool->lock);
    free(pool);
}

/* A pool without threads. NULL: out of memory. */
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
    pool->thread_count = thread_count;
    pool->depth_count = depth_count;
    pool->start_ns = clock_now_ns();
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

/* Ends the threads 0 .. started_count - 1. */
static void stop_threads(struct mr_pool *pool, unsigned started_count)
{
    lock_take(&pool->lock);
    pool->phase = POOL_CANCELLING;
    pool_wake_all_locked(pool);
    lock_give(&pool->lock);
    for (unsigned i = 0; i < started_count; i++)
        thread_join(&pool->workers[i].thread);
}

/* Cuts the pool's name, not the number: "mr-compress-wi12" says less than "mr-compress-w12". */
static void worker_name(const struct mr_pool *pool, unsigned index, char name[32])
{
    char number[12];
    int digits = snprintf(number, sizeof(number), "%u", index);
    snprintf(name, 32, "mr-%.*s-%s", POOL_NAME_BYTES - 5 - digits, pool->name, number);
}

static enum mr_status start_threads(struct mr_pool *pool, struct mr_error *err)
{
    for (unsigned i = 0; i < pool->thread_count; i++) {
        struct pool_worker *worker = &pool->workers[i];
        char name[32];
        worker->pool = pool;
        worker->idle = POOL_STARVED; /* until it runs */
        worker->idle_since_ns = pool->start_ns;
        worker_name(pool, i, name);
        enum mr_status status = condition_init(&worker->wake);
        if (status != MR_OK) {
            stop_threads(pool, i);
            pool_free(pool, i);
            return mr_error_set(err, status, 0, "no memory for the pool's threads");
        }
        status = thread_start(&worker->thread, name, worker_main, worker, err);
        if (status != MR_OK) {
            stop_threads(pool, i);
            pool_free(pool, i + 1);
            return status;
        }
    }
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
    unsigned thread_count = config->thread_count ? config->thread_count : thread_processor_count();
    if (thread_count > POOL_THREADS_MAX)
        thread_count = POOL_THREADS_MAX;
    struct mr_pool *made =
        pool_new(config->name ? config->name : "pool", thread_count, config->depth_count);
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "no memory for a pool");
    made->workers = calloc(thread_count, sizeof(*made->workers));
    if (!made->workers) {
        pool_free(made, 0);
        return mr_error_set(err, MR_E_MEMORY, 0, "no memory for the pool's threads");
    }
    enum mr_status status = start_threads(made, err);
    if (status == MR_OK)
        *pool = made;
    return status;
}

void mr_pool_destroy(struct mr_pool *pool)
{
    if (!pool)
        return;
    enum mr_status status = mr_pool_shutdown(pool, MR_SHUTDOWN_DRAIN);
    assert(status == MR_OK); /* not from one of its own threads: it cannot free what it runs on */
    if (status != MR_OK)
        return;
    pool_free(pool, pool->workers ? pool->thread_count : 0);
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
