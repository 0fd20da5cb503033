/* pool_size.c - how many threads a pool has: starting and naming them, other sizes, their times. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/pool_state.h"

/* Cuts the pool's name, not the number: "mr-compress-wi12" says less than "mr-compress-w12". */
static void worker_name(const struct mr_pool *pool, unsigned index, char name[32])
{
    char number[12];
    int digits = snprintf(number, sizeof(number), "%u", index);
    name[0] = '\0';
    if (*pool->name)
        snprintf(name, 32, "mr-%.*s-%s", POOL_NAME_BYTES - 5 - digits, pool->name, number);
}

/* Starts the next thread, which waits for the lock. Its time begins at now_ns. */
static enum mr_status start_thread_locked(struct mr_pool *pool, int64_t now_ns,
                                          struct mr_error *err)
{
    unsigned index = pool->started_count;
    struct pool_worker *worker = &pool->workers[index];
    char name[32];
    worker_name(pool, index, name);
    worker->pool = pool;
    worker->start_ns = worker->idle_since_ns = now_ns;
    worker->doing = POOL_STARVED; /* until it runs */
    enum mr_status status = condition_init(&worker->wake);
    if (status != MR_OK)
        return mr_error_set(err, status, 0, "no memory for the pool's threads");
    status = thread_start(&worker->thread, name, pool_worker_main, worker, err);
    if (status != MR_OK)
        condition_fini(&worker->wake);
    else
        pool->started_count++;
    return status;
}

enum mr_status pool_resize(struct mr_pool *pool, unsigned thread_count, struct mr_error *err)
{
    assert(thread_count >= 1 && thread_count <= pool->thread_max);
    int64_t now_ns = clock_now_ns();
    lock_take(&pool->lock);
    enum mr_status status = pool->phase == POOL_OPEN ? MR_OK : MR_CLOSED;
    while (status == MR_OK && pool->started_count < thread_count)
        status = start_thread_locked(pool, now_ns, err);
    if (status == MR_OK && thread_count != pool_thread_count(pool)) {
        atomic_store_explicit(&pool->thread_count, thread_count, memory_order_relaxed);
        pool_wake_all_locked(pool); /* each looks whether it is one of them */
    }
    lock_give(&pool->lock);
    return status;
}

unsigned pool_thread_count(const struct mr_pool *pool)
{
    return atomic_load_explicit(&pool->thread_count, memory_order_relaxed);
}

void pool_join_threads(struct mr_pool *pool)
{
    lock_take(&pool->lock);
    unsigned started_count = pool->started_count; /* no more are started: the phase has changed */
    lock_give(&pool->lock);
    for (unsigned i = 0; i < started_count; i++)
        thread_join(&pool->workers[i].thread);
}

static int64_t until_locked(const struct mr_pool *pool)
{
    return pool->end_ns != 0 ? pool->end_ns : clock_now_ns();
}

static void add_worker_locked(const struct pool_worker *worker, int64_t until_ns,
                              struct pool_times *times)
{
    int64_t idle_ns[POOL_DOINGS], busy_ns = until_ns - worker->start_ns;
    memcpy(idle_ns, worker->idle_ns, sizeof(idle_ns));
    if (worker->doing != POOL_BUSY && until_ns > worker->idle_since_ns)
        idle_ns[worker->doing] += until_ns - worker->idle_since_ns;
    for (unsigned d = 0; d < POOL_DOINGS; d++)
        busy_ns -= idle_ns[d];
    times->busy_ns += busy_ns > 0 ? busy_ns : 0;
    times->starved_ns += idle_ns[POOL_STARVED];
    times->blocked_ns += idle_ns[POOL_BLOCKED];
}

void pool_times(struct mr_pool *pool, struct pool_times *times)
{
    *times = (struct pool_times){0};
    lock_take(&pool->lock);
    int64_t until_ns = until_locked(pool);
    for (unsigned i = 0; i < pool->started_count; i++)
        add_worker_locked(&pool->workers[i], until_ns, times);
    lock_give(&pool->lock);
}

void pool_worker_times(struct mr_pool *pool, unsigned index, int64_t until_ns,
                       struct pool_times *times)
{
    *times = (struct pool_times){0};
    lock_take(&pool->lock);
    if (index < pool->started_count)
        add_worker_locked(&pool->workers[index], until_ns > 0 ? until_ns : until_locked(pool),
                          times);
    lock_give(&pool->lock);
}
