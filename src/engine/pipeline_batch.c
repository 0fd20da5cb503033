/*
 * Steps that do several values together: what waits for one of them is brought together, and goes
 * apart again behind it.
 *
 * Only what waits for a slot is taken, so that no thread goes without: while a slot is free nothing
 * waits for it.
 */
#include <assert.h>

#include "base/clock.h"
#include "engine/pipeline_state.h"

static_assert(MR_STEP_BATCH_MAX <= BUNDLE_MAX, "a bundle has room for all of them");

unsigned batch_size(const struct step_state *step)
{
    if (!batch_is_possible(step))
        return 1;
    int64_t item_ns = atomic_load_explicit(&step->item_ns, memory_order_relaxed);
    int64_t count = item_ns > 0 ? BATCH_NS / item_ns : 1;
    if (count > step->spec.batch_count)
        count = step->spec.batch_count;
    return count > 1 ? (unsigned)count : 1;
}

/* ---- together ---- */

/* Bundles that wait for the step, with at most most_count nodes in all. */
static struct bundle_queue pick_locked(struct step_state *step, unsigned most_count)
{
    struct bundle_queue picked = {NULL, NULL};
    struct bundle *next;
    unsigned share = batch_share(step->waiting_count, step->worker_count);
    most_count = most_count < share ? most_count : share;
    while ((next = step->slot_queue.first) != NULL && !next->goes_on && next->count <= most_count) {
        most_count -= next->count;
        step->waiting_count -= next->count;
        bundle_push(&picked, bundle_pop(&step->slot_queue));
    }
    return picked;
}

/* Moves the nodes of a bundle that was picked, which then has nothing to be in the line for. */
static void take_over(struct bundle *bundle, struct bundle *from)
{
    struct mr_pipeline *pipeline = bundle->pipeline;
    lock_take(&from->item.lock); /* who queued it may not be through with it yet */
    lock_take(&pipeline->lock);
    atomic_store_explicit(&bundle->cursor, 0, memory_order_relaxed); /* of a run with fewer nodes */
    for (unsigned i = 0; i < from->count; i++)
        bundle->nodes[bundle->count++] = from->nodes[i];
    from->count = 0;
    if (!bundle->is_watched)
        watch_add_locked(bundle);
    lock_give(&pipeline->lock);
    lock_give(&from->item.lock);
    line_kick(&from->item); /* nobody else does */
}

void batch_gather(struct bundle *bundle, unsigned size)
{
    struct mr_pipeline *pipeline = bundle->pipeline;
    if (bundle->count >= size)
        return;
    lock_take(&pipeline->lock);
    struct bundle_queue picked = pick_locked(&pipeline->steps[bundle->step], size - bundle->count);
    lock_give(&pipeline->lock);
    for (struct bundle *next; (next = bundle_pop(&picked)) != NULL;)
        take_over(bundle, next);
}

void *batch_begin(struct bundle *bundle, unsigned first, unsigned size)
{
    const struct mr_step *spec = &bundle->pipeline->steps[bundle->step].spec;
    void *values[MR_STEP_BATCH_MAX], *batch = NULL;
    unsigned count = 0;
    if (bundle->count - first < 2 || !watch_hold(bundle)) /* so that they stay here */
        return NULL;
    while (count < size && first + count < bundle->count) {
        values[count] = bundle->nodes[first + count]->value;
        count++;
    }
    batch = spec->begin(values, count, spec->user);
    watch_release(bundle, batch ? clock_now_ns() + BATCH_PATIENCE_NS : 0);
    return batch;
}

/* ---- apart ---- */

/* A bundle of the last nodes of this one, which has more than there should be; NULL: it has not, or
 * there is no memory. */
static struct bundle *part_locked(struct bundle *bundle)
{
    struct mr_pipeline *pipeline = bundle->pipeline;
    if (bundle->count <= pipeline->bundle_size)
        return NULL;
    struct bundle *rest = bundle_create_locked(pipeline, bundle->step);
    if (!rest)
        return NULL;
    unsigned over = bundle->count - pipeline->bundle_size;
    unsigned count = over < pipeline->bundle_size ? over : pipeline->bundle_size;
    bundle->count -= count;
    for (unsigned i = 0; i < count; i++)
        rest->nodes[rest->count++] = bundle->nodes[bundle->count + i];
    watch_add_locked(rest);
    return rest;
}

void batch_disperse(struct bundle *bundle)
{
    struct mr_pipeline *pipeline = bundle->pipeline;
    struct bundle_queue parts = {NULL, NULL};
    struct bundle *part;
    if (bundle->count < 2)
        return;
    lock_take(&pipeline->lock);
    while ((part = part_locked(bundle)) != NULL)
        bundle_push(&parts, part);
    lock_give(&pipeline->lock);
    while ((part = bundle_pop(&parts)) != NULL)
        line_admit(pipeline->line, &part->item);
}
