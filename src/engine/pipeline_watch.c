/* Nobody waits behind a slow call: bundles that run for too long are split by who has nothing to
 * do. */
#include <assert.h>

#include "base/clock.h"
#include "engine/pipeline_state.h"

/* A cursor: BUNDLE_SPLIT or BUNDLE_HELD or 0, the step, and in the lower bits the index of the next
 * node. */
#define CURSOR_STEP(step) ((unsigned)(step) << 8)
#define CURSOR_INDEX      0xffu

static_assert(BUNDLE_MAX + 2 <= CURSOR_INDEX, "a cursor goes up to two behind the last node");
static_assert(CURSOR_STEP(MR_PIPELINE_STEPS_MAX) <= BUNDLE_SPLIT, "a cursor has room for the step");

void watch_add_locked(struct bundle *bundle)
{
    struct mr_pipeline *pipeline = bundle->pipeline;
    if (bundle->count <= 1)
        return;
    bundle->is_watched = true;
    bundle->before = NULL;
    bundle->after = pipeline->first_watched;
    if (bundle->after)
        bundle->after->before = bundle;
    pipeline->first_watched = bundle;
    atomic_fetch_add(&pipeline->watched_count, 1);
    /* Who sleeps is to doze again. */
    if (pipeline->sleeper_count > 0 && pipeline->sleeper_count == pipeline->taker_count)
        condition_signal(&pipeline->has_result);
    if (pipeline->is_gate_taken && !pipeline->is_gate_dozing)
        condition_signal(&pipeline->has_room);
}

void watch_remove_locked(struct bundle *bundle)
{
    struct mr_pipeline *pipeline = bundle->pipeline;
    if (!bundle->is_watched)
        return;
    bundle->is_watched = false;
    if (bundle->before)
        bundle->before->after = bundle->after;
    else
        pipeline->first_watched = bundle->after;
    if (bundle->after)
        bundle->after->before = bundle->before;
    atomic_fetch_sub(&pipeline->watched_count, 1);
}

void watch_begin(struct bundle *bundle, int64_t now_ns)
{
    struct mr_pool *pool = bundle->pipeline->steps[bundle->step].pool;
    atomic_store_explicit(&bundle->start_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&bundle->cursor, CURSOR_STEP(bundle->step), memory_order_release);
    if (pool_needs_watch(pool))
        pool_nudge(pool);
}

unsigned watch_next(struct bundle *bundle)
{
    unsigned cursor = atomic_fetch_add_explicit(&bundle->cursor, 1, memory_order_acq_rel);
    return cursor & BUNDLE_SPLIT ? BUNDLE_SPLIT : cursor & CURSOR_INDEX;
}

bool watch_hold(struct bundle *bundle)
{
    unsigned cursor = atomic_fetch_or_explicit(&bundle->cursor, BUNDLE_HELD, memory_order_acq_rel);
    return !(cursor & BUNDLE_SPLIT);
}

void watch_release(struct bundle *bundle, int64_t start_ns)
{
    if (start_ns != 0)
        atomic_store_explicit(&bundle->start_ns, start_ns, memory_order_relaxed);
    atomic_fetch_and_explicit(&bundle->cursor, ~BUNDLE_HELD, memory_order_release);
}

/* The cursor of a bundle that has been running for DOZE_NS and may be split; 0: it may not. */
static bool is_late(struct bundle *bundle, int64_t late_ns, unsigned *cursor)
{
    *cursor = atomic_load_explicit(&bundle->cursor, memory_order_acquire);
    unsigned index = *cursor & CURSOR_INDEX;
    return !(*cursor & (BUNDLE_SPLIT | BUNDLE_HELD)) && index > 0 && index <= bundle->count &&
           atomic_load_explicit(&bundle->start_ns, memory_order_relaxed) <= late_ns;
}

/*
 * Takes all nodes away from a bundle that runs but the one that is being called: *done gets those
 * that have been called, *rest those that have not. The caller admits the two, which may be NULL.
 */
static void split_locked(struct bundle *bundle, unsigned cursor, struct bundle **done,
                         struct bundle **rest, struct bundle_queue *woken)
{
    struct mr_pipeline *pipeline = bundle->pipeline;
    unsigned step = (cursor & (BUNDLE_SPLIT - 1)) >> 8, next = cursor & CURSOR_INDEX;
    *done = bundle_create_locked(pipeline, step + 1);
    *rest = bundle_create_locked(pipeline, step);
    if (*done && *rest &&
        atomic_compare_exchange_strong_explicit(&bundle->cursor, &cursor, BUNDLE_SPLIT,
                                                memory_order_acq_rel, memory_order_relaxed)) {
        for (unsigned i = 0; i + 1 < next; i++)
            (*done)->nodes[(*done)->count++] = bundle->nodes[i];
        for (unsigned i = next; i < bundle->count; i++)
            (*rest)->nodes[(*rest)->count++] = bundle->nodes[i];
        (*done)->count =
            bundle_settle_locked(pipeline, step, (*done)->nodes, (*done)->count, woken);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct bundle **made = i == 0 ? done : rest;
        if (*made && (*made)->count == 0) {
            bundle_destroy_locked(*made);
            *made = NULL;
        }
        if (*made)
            watch_add_locked(*made);
    }
}

/* Splits the first bundle that has been running for too long. False: there is none. */
static bool split_one(struct mr_pipeline *pipeline)
{
    struct bundle *done = NULL, *rest = NULL;
    struct bundle_queue woken = {NULL, NULL};
    int64_t late_ns = clock_now_ns() - DOZE_NS;
    unsigned cursor;
    lock_take(&pipeline->lock);
    struct bundle *bundle = pipeline->first_watched;
    while (bundle && !is_late(bundle, late_ns, &cursor))
        bundle = bundle->after;
    if (bundle)
        split_locked(bundle, cursor, &done, &rest, &woken);
    lock_give(&pipeline->lock);
    bundle_kick_all(&woken);
    if (done)
        line_admit(pipeline->line, &done->item);
    if (rest)
        line_admit(pipeline->line, &rest->item);
    return done || rest;
}

bool watch_look(void *ctx)
{
    struct mr_pipeline *pipeline = ctx;
    while (split_one(pipeline))
        ;
    lock_take(&pipeline->lock);
    struct intake *intake = intake_pick_locked(pipeline);
    lock_give(&pipeline->lock);
    intake_post(intake);
    return atomic_load(&pipeline->watched_count) > 0;
}

bool watch_wait(struct condition *condition, struct lock *lock, int64_t deadline_ns, bool is_dozing,
                bool *is_woken)
{
    int64_t until_ns = deadline_ns;
    if (is_dozing) {
        int64_t doze_end_ns = clock_now_ns() + DOZE_NS;
        if (doze_end_ns < until_ns)
            until_ns = doze_end_ns;
    }
    *is_woken = condition_wait_until(condition, lock, until_ns);
    return *is_woken || until_ns < deadline_ns;
}
