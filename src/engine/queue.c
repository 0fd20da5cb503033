#include "millrace/queue.h"

#include <stdlib.h>

#include "engine/thread.h"

struct mr_queue {
    struct lock lock;
    struct condition has_item, has_room; /* lock */
    size_t pop_waiter_count, push_waiter_count;
    size_t first, count;
    size_t capacity_count; /* const */
    bool is_closed;
    void *items[]; /* a ring */
};

static enum mr_status locks_init(struct mr_queue *queue)
{
    if (lock_init(&queue->lock) != MR_OK)
        return MR_E_MEMORY;
    if (condition_init(&queue->has_item) == MR_OK) {
        if (condition_init(&queue->has_room) == MR_OK)
            return MR_OK;
        condition_fini(&queue->has_item);
    }
    lock_fini(&queue->lock);
    return MR_E_MEMORY;
}

enum mr_status mr_queue_create(size_t capacity_count, struct mr_queue **queue)
{
    if (!queue)
        return MR_E_USAGE;
    *queue = NULL;
    if (capacity_count == 0)
        return MR_E_USAGE;
    if (capacity_count > (SIZE_MAX - sizeof(struct mr_queue)) / sizeof(void *))
        return MR_E_MEMORY;
    struct mr_queue *made = calloc(1, sizeof(*made) + capacity_count * sizeof(void *));
    if (!made)
        return MR_E_MEMORY;
    if (locks_init(made) != MR_OK) {
        free(made);
        return MR_E_MEMORY;
    }
    made->capacity_count = capacity_count;
    *queue = made;
    return MR_OK;
}

static void *take_locked(struct mr_queue *queue)
{
    void *item = queue->items[queue->first];
    queue->first = queue->first + 1 == queue->capacity_count ? 0 : queue->first + 1;
    queue->count--;
    return item;
}

void mr_queue_destroy(struct mr_queue *queue, void (*drop)(void *item))
{
    if (!queue)
        return;
    while (queue->count > 0) {
        void *item = take_locked(queue);
        if (drop)
            drop(item);
    }
    condition_fini(&queue->has_room);
    condition_fini(&queue->has_item);
    lock_fini(&queue->lock);
    free(queue);
}

/*
 * A waiter that was signalled while its time ran out looks at the queue once more before it gives
 * up: the signal is not lost. Signals are given under the lock, so that a popper may destroy the
 * queue right after the last item.
 */
enum mr_status mr_queue_push(struct mr_queue *queue, void *item, int64_t timeout_ms)
{
    int64_t deadline_ns = timeout_ms == 0 ? 0 : deadline_from_ms(timeout_ms);
    bool in_time = timeout_ms != 0;
    lock_take(&queue->lock);
    while (!queue->is_closed && queue->count == queue->capacity_count && in_time) {
        queue->push_waiter_count++;
        in_time = condition_wait_until(&queue->has_room, &queue->lock, deadline_ns);
        queue->push_waiter_count--;
    }
    enum mr_status status = MR_OK;
    if (queue->is_closed) {
        status = MR_CLOSED;
    } else if (queue->count == queue->capacity_count) {
        status = MR_TIMEOUT;
    } else {
        size_t last = queue->capacity_count - queue->first > queue->count
                          ? queue->first + queue->count
                          : queue->count - (queue->capacity_count - queue->first);
        queue->items[last] = item;
        queue->count++;
        if (queue->pop_waiter_count > 0)
            condition_signal(&queue->has_item);
    }
    lock_give(&queue->lock);
    return status;
}

enum mr_status mr_queue_try_push(struct mr_queue *queue, void *item)
{
    enum mr_status status = mr_queue_push(queue, item, 0);
    return status == MR_TIMEOUT ? MR_AGAIN : status;
}

enum mr_status mr_queue_pop(struct mr_queue *queue, void **item, int64_t timeout_ms)
{
    int64_t deadline_ns = timeout_ms == 0 ? 0 : deadline_from_ms(timeout_ms);
    bool in_time = timeout_ms != 0;
    lock_take(&queue->lock);
    while (!queue->is_closed && queue->count == 0 && in_time) {
        queue->pop_waiter_count++;
        in_time = condition_wait_until(&queue->has_item, &queue->lock, deadline_ns);
        queue->pop_waiter_count--;
    }
    enum mr_status status = MR_OK;
    if (queue->count > 0) {
        *item = take_locked(queue);
        if (queue->push_waiter_count > 0)
            condition_signal(&queue->has_room);
    } else {
        status = queue->is_closed ? MR_CLOSED : MR_TIMEOUT;
    }
    lock_give(&queue->lock);
    return status;
}

enum mr_status mr_queue_try_pop(struct mr_queue *queue, void **item)
{
    enum mr_status status = mr_queue_pop(queue, item, 0);
    return status == MR_TIMEOUT ? MR_AGAIN : status;
}

void mr_queue_close(struct mr_queue *queue)
{
    lock_take(&queue->lock);
    queue->is_closed = true;
    condition_broadcast(&queue->has_item);
    condition_broadcast(&queue->has_room);
    lock_give(&queue->lock);
}

size_t mr_queue_count(const struct mr_queue *queue)
{
    struct mr_queue *held = (struct mr_queue *)queue; /* the lock changes, the queue does not */
    lock_take(&held->lock);
    size_t count = held->count;
    lock_give(&held->lock);
    return count;
}
