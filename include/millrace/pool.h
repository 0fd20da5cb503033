/*
 * millrace/pool.h - an executor: named threads that run submitted functions, with futures for their results.
 *
 * Threads are named after the pool ("mr-NAME-0", cut to 15 bytes), run with all signals blocked, and never print or exit.
 * All calls are thread-safe unless they say otherwise.
 */
#ifndef MILLRACE_POOL_H
#define MILLRACE_POOL_H

#include <stdint.h>

#include "millrace/future.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mr_pool;

/* Zero-initialise, set struct_bytes, then what differs from the default. Copied by mr_pool_create(). */
struct mr_pool_config {
    size_t struct_bytes;   /* sizeof(struct mr_pool_config) */
    const char *name;      /* NULL: "pool" */
    unsigned thread_count; /* 0: the processors this process may use (affinity mask and cgroup quota); at most 4096 */
    unsigned depth_count;  /* submitted and not yet started, at most; 0: no bound */
};

/*
 * A submitted function. arg is what was given to submit; *result (NULL at the call) is handed to the future's owner. Returns MR_OK,
 * or any error status, for which it may fill *err (never NULL). Must not block on a future of the same pool.
 */
typedef enum mr_status (*mr_task_fn)(void *arg, void **result, struct mr_error *err);

enum mr_shutdown {
    MR_SHUTDOWN_DRAIN, /* everything submitted is run first */
    MR_SHUTDOWN_CANCEL /* what has not started ends as MR_CANCELLED; what runs is waited for */
};

/*
 * config may be NULL: all defaults. MR_OK (then *pool is the caller's to destroy), MR_E_MEMORY, MR_E_SYSTEM (a thread
 * could not be started), MR_E_USAGE. err may be NULL.
 */
MR_API enum mr_status mr_pool_create(const struct mr_pool_config *config, struct mr_pool **pool,
                                     struct mr_error *err);

/*
 * Hands fn(arg) to the pool; blocks while depth_count are waiting. Not from a thread of the same pool when it has a
 * depth (MR_E_USAGE: it could wait for itself). *future is the caller's to release; future may be NULL when
 * the result does not matter. MR_OK, MR_CLOSED after shutdown began (nothing was taken), MR_E_MEMORY, MR_E_USAGE.
 */
MR_API enum mr_status mr_pool_submit(struct mr_pool *pool, mr_task_fn fn, void *arg,
                                     struct mr_future **future, struct mr_error *err);

/* Like mr_pool_submit(), but MR_AGAIN at once instead of blocking. Allowed from every thread. */
MR_API enum mr_status mr_pool_try_submit(struct mr_pool *pool, mr_task_fn fn, void *arg,
                                         struct mr_future **future, struct mr_error *err);

/*
 * Runs fn(args[i]) for all count args and puts the results in the order of args into results[i] (NULL for one that
 * failed). Blocks until all are done. statuses may be NULL. Returns MR_OK, or the status of the first (by index)
 * that failed, with its error in *err; the others are run all the same. Not from a thread of the same pool (MR_E_USAGE).
 */
MR_API enum mr_status mr_pool_map(struct mr_pool *pool, mr_task_fn fn, void *const *args, size_t count,
                                  void **results, enum mr_status *statuses, struct mr_error *err);

/* Blocks until nothing is waiting or running, or timeout_ms has passed (negative: for ever). MR_OK, MR_TIMEOUT. Not from the pool's threads. */
MR_API enum mr_status mr_pool_drain(struct mr_pool *pool, int64_t timeout_ms);

/* Ends intake, then waits until the threads have ended. Calling it again is a no-op. Always MR_OK, or MR_E_USAGE from one of its own threads. */
MR_API enum mr_status mr_pool_shutdown(struct mr_pool *pool, enum mr_shutdown how);

/* Shuts down (drain) if that was not done, then frees. NULL is a no-op. Futures stay valid until released. */
MR_API void mr_pool_destroy(struct mr_pool *pool);

#ifdef __cplusplus
}
#endif
#endif
