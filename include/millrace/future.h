/*
 * millrace/future.h - the result of a function that a pool runs, now or later.
 *
 * A future is made by mr_pool_submit() and belongs to the caller, who releases it once. All calls are thread-safe.
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
 * Blocks until the function has ended, or timeout_ms has passed (negative: for ever; 0: not at all). Returns MR_TIMEOUT, or
 * what the function returned (MR_OK, MR_CANCELLED when it never ran, any error, with its text in *err). result
 * and err may be NULL; *result is set whenever the function ended. May be called many times and by many threads.
 */
MR_API enum mr_status mr_future_wait(struct mr_future *future, int64_t timeout_ms, void **result,
                                     struct mr_error *err);

/* Keeps the function from starting. True when it will never run (now ended as MR_CANCELLED); false when it runs or ran. */
MR_API bool mr_future_cancel(struct mr_future *future);

/* Gives up the caller's share; the function runs all the same. NULL is a no-op. */
MR_API void mr_future_release(struct mr_future *future);

/*
 * Blocks until one of count futures has ended and puts its index into *index; the lowest one when several have. NULL
 * entries are left out. MR_OK, MR_TIMEOUT, MR_DONE when all entries are NULL (or count is 0), MR_E_MEMORY.
 */
MR_API enum mr_status mr_future_wait_any(struct mr_future *const *futures, size_t count,
                                         int64_t timeout_ms, size_t *index);

/* Walks over futures in the order in which they end. */
struct mr_as_completed;

/* futures is copied; the futures must not be released before the walk is destroyed. NULL entries are left out. MR_OK, MR_E_MEMORY. */
MR_API enum mr_status mr_as_completed_create(struct mr_future *const *futures, size_t count,
                                             struct mr_as_completed **walk);
/* Blocks for the next one that ended: MR_OK with its index, MR_DONE when each was given once, MR_TIMEOUT. One thread at a time. */
MR_API enum mr_status mr_as_completed_next(struct mr_as_completed *walk, int64_t timeout_ms,
                                           size_t *index);
MR_API void mr_as_completed_destroy(struct mr_as_completed *walk); /* NULL is a no-op */

#ifdef __cplusplus
}
#endif
#endif
