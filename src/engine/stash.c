#include "engine/stash.h"

#include <stdlib.h>

#include "engine/thread.h"

struct stash {
    struct lock lock;
    void (*destroy)(void *object);
    unsigned idle_max;
    unsigned idle_count; /* lock */
    void *idle[]; /* lock; the last one put is on top: its memory is the most likely to be in a
                     cache */
};

enum mr_status stash_create(unsigned idle_max, void (*destroy)(void *object), struct stash **stash)
{
    *stash = NULL;
    struct stash *made = malloc(sizeof(*made) + idle_max * sizeof(void *));
    if (!made)
        return MR_E_MEMORY;
    if (lock_init(&made->lock) != MR_OK) {
        free(made);
        return MR_E_MEMORY;
    }
    made->destroy = destroy;
    made->idle_max = idle_max;
    made->idle_count = 0;
    *stash = made;
    return MR_OK;
}

void stash_destroy(struct stash *stash)
{
    if (!stash)
        return;
    while (stash->idle_count > 0)
        stash->destroy(stash->idle[--stash->idle_count]);
    lock_fini(&stash->lock);
    free(stash);
}

void *stash_take(struct stash *stash)
{
    lock_take(&stash->lock);
    void *object = stash->idle_count > 0 ? stash->idle[--stash->idle_count] : NULL;
    lock_give(&stash->lock);
    return object;
}

void stash_put(struct stash *stash, void *object)
{
    lock_take(&stash->lock);
    bool is_kept = stash->idle_count < stash->idle_max;
    if (is_kept)
        stash->idle[stash->idle_count++] = object;
    lock_give(&stash->lock);
    if (!is_kept)
        stash->destroy(object);
}
