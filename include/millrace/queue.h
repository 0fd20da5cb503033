/*
 * millrace/queue.h - a bounded first-in first-out queue of pointers between threads.
 *
 * Any number of producers and consumers. Closing is a state, not a message: after mr_queue_close()
 * what is in the queue is still popped, then every popper gets MR_CLOSED; there is nothing to send
 * that means "the end". All calls are thread-safe. queue must not be NULL unless a call says
 * otherwise. The queue never looks at what the pointers point to; NULL may be pushed like any other
 * value.
 */
#ifndef MILLRACE_QUEUE_H
#define MILLRACE_QUEUE_H

#include <stdint.h>

#include "millrace/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mr_queue;

/*
 * Makes a queue that holds at most capacity_count pointers (at least 1; all its memory,
 * capacity_count * sizeof(void *) bytes, is allocated here). *queue is the caller's to destroy;
 * NULL after a failure. MR_OK, MR_E_MEMORY, MR_E_USAGE (capacity_count is 0 or queue is NULL).
 */
MR_API enum mr_status mr_queue_create(size_t capacity_count, struct mr_queue **queue);

/*
 * Frees the queue; nobody may be in a call on it, or make one after. drop is called for each
 * pointer that is left, in order, on the calling thread; NULL: they are forgotten. queue == NULL is
 * a no-op.
 */
MR_API void mr_queue_destroy(struct mr_queue *queue, void (*drop)(void *item));

/*
 * Puts item at the end. Blocks while the queue is full, for at most timeout_ms milliseconds
 * (negative: for ever; 0: not at all). MR_OK: the item is the queue's until it is popped.
 * MR_TIMEOUT, or MR_CLOSED when the queue was closed before there was room: the item is still the
 * caller's.
 */
MR_API enum mr_status mr_queue_push(struct mr_queue *queue, void *item, int64_t timeout_ms);

/* Like mr_queue_push(), but MR_AGAIN at once when the queue is full. */
MR_API enum mr_status mr_queue_try_push(struct mr_queue *queue, void *item);

/*
 * Takes the oldest pointer into *item (not NULL), which is the caller's from then on. Blocks while
 * the queue is empty and open, for at most timeout_ms (as above). MR_OK; MR_TIMEOUT; MR_CLOSED when
 * it is closed and empty. *item is set only with MR_OK.
 */
MR_API enum mr_status mr_queue_pop(struct mr_queue *queue, void **item, int64_t timeout_ms);

/* Like mr_queue_pop(), but MR_AGAIN at once when the queue is empty and open. */
MR_API enum mr_status mr_queue_try_pop(struct mr_queue *queue, void **item);

/*
 * Ends intake: pushers, also those that wait now, get MR_CLOSED; poppers get what is left, then
 * MR_CLOSED. Closing again is a no-op.
 */
MR_API void mr_queue_close(struct mr_queue *queue);

/* Pointers in the queue now; by the time the caller looks it may have changed. */
MR_API size_t mr_queue_count(const struct mr_queue *queue);

#ifdef __cplusplus
}
#endif
#endif
