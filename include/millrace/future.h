/*
 * millrace/future.h - the result of a function that a pool runs, now or later.
 *
 * A future is made by mr_pool_submit() and belongs to the caller, who releases it once; it outlives
 * its pool if need be. All calls are thread-safe as long as no thread uses a future that another
 * one releases. future must not be NULL unless a call says so. Times are milliseconds.
 */
#ifndef MILLRACE_FUTURE_H
#define MILLRACE_FUTURE_H

#include <stdint.h>

#include "millrace/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mr_future;

enum mr_future_state { MR_FUTURE_WAITING, MR_FUTURE_RUNNING, MR_FUTURE_ENDED };

/* Where it is now. Never blocks. */
MR_API enum mr_future_state mr_future_poll(const struct mr_future *future);

/*
 * Blocks until the function has ended, or timeout_ms has passed (negative: for ever; 0: not at
 * all). Returns MR_TIMEOUT, or what the function returned (MR_OK, MR_CANCELLED when it never ran,
 * any error, with its text in *err). result and err may be NULL; both are set whenever the function
 * ended (*result stays NULL when it set none), *err also after MR_TIMEOUT. May be called many times
 * and by many threads. A pool's own thread that waits for a function queued in the same pool may
 * wait for ever.
 */
MR_API enum mr_status mr_future_wait(struct mr_future *future, int64_t timeout_ms, void **result,
                                     struct mr_error *err);

/*
 * Keeps the function from starting; its place in the pool's depth is given back at once. True when
 * it will never run (it has now ended as MR_CANCELLED); false when it runs, ran, or was cancelled
 * before.
 */
MR_API bool mr_future_cancel(struct mr_future *future);

/* Gives up the caller's share; the function runs all the same. NULL is a no-op. */
MR_API void mr_future_release(struct mr_future *future);

/*
 * Blocks until one of count futures has ended and puts its index into *index; the lowest one when
 * several have. NULL entries are left out. timeout_ms: negative: for ever; 0: only looks. MR_OK,
 * MR_TIMEOUT, MR_DONE when all entries are NULL (or count is 0), MR_E_MEMORY. *index is meaningful
 * only with MR_OK.
 */
MR_API enum mr_status mr_future_wait_any(struct mr_future *const *futures, size_t count,
                                         int64_t timeout_ms, size_t *index);

/* Walks over futures in the order in which they end. */
struct mr_as_completed;

/*
 * futures (count entries; may be NULL when count is 0) is copied; the futures must not be released
 * before the walk is destroyed. NULL entries are left out. Those that have ended already come
 * first, in the order of the array. MR_OK (then *walk is the caller's to destroy), MR_E_MEMORY
 * (*walk is NULL).
 */
MR_API enum mr_status mr_as_completed_create(struct mr_future *const *futures, size_t count,
                                             struct mr_as_completed **walk);
/*
 * Blocks for the next one that ended, for at most timeout_ms (negative: for ever; 0: only looks).
 * MR_OK with its index in the array, MR_DONE when each was given once, MR_TIMEOUT. One thread at a
 * time.
 */
MR_API enum mr_status mr_as_completed_next(struct mr_as_completed *walk, int64_t timeout_ms,
                                           size_t *index);
/* Ends the walk, also in the middle; the futures go on. NULL is a no-op. */
MR_API void mr_as_completed_destroy(struct mr_as_completed *walk);

#ifdef __cplusplus
}
#endif
#endif
