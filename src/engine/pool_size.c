/* pool_size.c - how many threads a pool has: starting and naming them, another size, their times. */
#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "engine/pool_state.h"

/* Cuts the pool's name, not the number: "mr-compress-wi12" says less than "mr-compress-w12". */
static void worker_name(const struct mr_pool *pool, unsigned index, char name[32])
{
    char number[12];
    int digits = snprintf(number, sizeof(number), "%u", index);
    snprintf(name, 32, "mr-%.*s-%s", POOL_NAME_BYTES - 5 - digits, pool->name, number);
}

/* Starts the next thread, which waits for the lock. */
static enum mr_status start_thread_locked(struct mr_pool *pool, struct mr_error *err)
{
    unsigned index = pool->started_count;
    struct pool_worker *worker = &pool->workers[index];
    char name[32];
    worker_name(pool, index, name);
    worker->pool = pool;
    worker->start_ns = clock_now_ns();
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
    lock_take(&pool->lock);
    enum mr_status status = pool->phase == POOL_OPEN ? MR_OK : MR_CLOSED;
    while (status == MR_OK && pool->started_count < thread_count)
        status = start_thread_locked(pool, err);
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

void pool_times(struct mr_pool *pool, struct pool_times *times)
{
    lock_take(&pool->lock);
    int64_t now_ns = pool->end_ns != 0 ? pool->end_ns : clock_now_ns();
    int64_t idle_ns[POOL_DOINGS], busy_ns = 0;
    for (unsigned d = 0; d < POOL_DOINGS; d++) {
        idle_ns[d] = pool->idle_ns[d];
        busy_ns -= idle_ns[d];
    }
    for (unsigned i = 0; i < pool->started_count; i++) {
        const struct pool_worker *worker = &pool->workers[i];
        busy_ns += now_ns - worker->start_ns;
        if (worker->doing == POOL_BUSY)
            continue;
        idle_ns[worker->doing] += now_ns - worker->idle_since_ns;
        busy_ns -= now_ns - worker->idle_since_ns;
    }
    lock_give(&pool->lock);
    *times = (struct pool_times){.busy_ns = busy_ns > 0 ? busy_ns : 0,
                                 .starved_ns = idle_ns[POOL_STARVED],
                                 .blocked_ns = idle_ns[POOL_BLOCKED]};
}
