/*
 * millrace/pool.h - an executor: named threads that run submitted functions, with futures for their
 * results.
 *
 * Threads are named after the pool ("mr-NAME-0"; NAME is cut so that the whole has 15 bytes), run
 * with all signals blocked, and never print or exit. Linux schedules them as SCHED_BATCH where the
 * thread that creates the pool has the default policy; else they have its policy. All calls are
 * thread-safe unless they say otherwise. Functions start in the order in which they were submitted.
 * Times are milliseconds. err may be NULL everywhere; what it gets is one line for people.
 *
 * Nothing that was submitted is lost: its function is run, or it ends as MR_CANCELLED; a call that
 * takes nothing says so.
 */
#ifndef MILLRACE_POOL_H
#define MILLRACE_POOL_H

#include <stdint.h>

#include "millrace/future.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mr_pool;

/* Zero-initialise, set struct_bytes, then what differs from the default. Copied by
 * mr_pool_create(). */
struct mr_pool_config {
    size_t struct_bytes; /* sizeof(struct mr_pool_config) */
    const char *name; /* NULL: "pool"; at most 15 bytes of it are kept; "": threads get no names */
    unsigned thread_count; /* 0: the processors this process may use (affinity mask and cgroup
                              quota); at most 4096 */
    unsigned depth_count;  /* submitted and not yet started, at most; 0: no bound */
};

/*
 * A submitted function. arg is what was given to submit; *result (NULL at the call) is handed to
 * the future's owner, whose it is from then on (when there is no future, nobody gets it). Returns
 * MR_OK, or any error status, for which it may fill *err (never NULL; when it does not, the text is
 * that of the status). MR_TIMEOUT and MR_CANCELLED are better left to the library. It must not
 * block on a future of the same pool, which may be queued behind it; it may submit to its own pool
 * with mr_pool_try_submit().
 */
typedef enum mr_status (*mr_task_fn)(void *arg, void **result, struct mr_error *err);

enum mr_shutdown {
    MR_SHUTDOWN_DRAIN, /* everything submitted is run first, also what running functions of the pool
                          still submit to it */
    MR_SHUTDOWN_CANCEL /* what has not started ends as MR_CANCELLED; what runs is waited for */
};

/*
 * Starts the threads. config may be NULL: all defaults. MR_OK (then *pool is the caller's to
 * destroy), MR_E_MEMORY, MR_E_SYSTEM (a thread could not be started), MR_E_USAGE (pool is NULL,
 * struct_bytes is wrong, too many threads). *pool is NULL after a failure.
 */
MR_API enum mr_status mr_pool_create(const struct mr_pool_config *config, struct mr_pool **pool,
                                     struct mr_error *err);

/*
 * Hands fn(arg) to the pool; blocks while depth_count are waiting. Not from a thread of the same
 * pool when it has a depth (MR_E_USAGE: it could wait for itself). *future is the caller's to
 * release (NULL after a failure); future may be NULL when the result does not matter. arg is
 * borrowed by fn; it is not looked at. MR_OK, MR_CLOSED after shutdown began, also when that
 * happens while the call waits (nothing was taken), MR_E_MEMORY, MR_E_USAGE (also: pool or fn is
 * NULL).
 */
MR_API enum mr_status mr_pool_submit(struct mr_pool *pool, mr_task_fn fn, void *arg,
                                     struct mr_future **future, struct mr_error *err);

/*
 * Like mr_pool_submit(), but MR_AGAIN at once instead of blocking. Allowed from every thread. While
 * the pool is shut down with MR_SHUTDOWN_DRAIN, its own threads (running functions) may still
 * submit, by this call or, without a depth, by the other; everybody else gets MR_CLOSED.
 */
MR_API enum mr_status mr_pool_try_submit(struct mr_pool *pool, mr_task_fn fn, void *arg,
                                         struct mr_future **future, struct mr_error *err);

/*
 * Runs fn(args[i]) for all count args and puts the results in the order of args into results[i]
 * (NULL for one that failed). Blocks until all are done. args and results have count entries (both
 * may be NULL when count is 0) and stay the caller's; statuses, one for each, may be NULL. Returns
 * MR_OK, or the status of the first (by index) that failed, with its error in *err; the others are
 * run all the same. After MR_CLOSED or MR_E_MEMORY the rest was not run and has that status, too.
 * MR_E_MEMORY before anything was run leaves the arrays untouched, and so does MR_E_USAGE (a NULL
 * argument, or called from a thread of the same pool).
 */
MR_API enum mr_status mr_pool_map(struct mr_pool *pool, mr_task_fn fn, void *const *args,
                                  size_t count, void **results, enum mr_status *statuses,
                                  struct mr_error *err);

/*
 * Blocks until nothing is waiting or running, or timeout_ms has passed (negative: for ever; 0: only
 * looks). Others may submit meanwhile and so delay it. MR_OK, MR_TIMEOUT, MR_E_USAGE (pool is NULL,
 * or called from one of its own threads, which runs while it waits).
 */
MR_API enum mr_status mr_pool_drain(struct mr_pool *pool, int64_t timeout_ms);

/*
 * Ends intake, then waits until the threads have ended; submitters that wait for room get
 * MR_CLOSED. Calling it again is a no-op that waits for the same end; MR_SHUTDOWN_CANCEL by a
 * second thread cuts a draining shutdown short. Always MR_OK, or MR_E_USAGE (pool is NULL, or
 * called from one of its own threads).
 */
MR_API enum mr_status mr_pool_shutdown(struct mr_pool *pool, enum mr_shutdown how);

/*
 * Shuts down (drain) if that was not done, then frees. NULL is a no-op. Futures stay valid until
 * released. No other thread may be in a call on the pool, or make one after. Not from a thread of
 * the pool: that is a broken program (nothing is freed).
 */
MR_API void mr_pool_destroy(struct mr_pool *pool);

#ifdef __cplusplus
}
#endif
#endif
