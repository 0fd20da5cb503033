/* What the line calls: bundles run their step, nodes emit children, and what came of them is put
 * down. */
#include <limits.h>
#include <stdlib.h>

#include "base/clock.h"
#include "engine/pipeline_state.h"

struct mr_step_call {
    struct mr_pipeline *pipeline;
    struct step_state *step;
    struct node *node;
    void *pending; /* the last value that was emitted: if it stays the only one, the node moves on
                      with it */
    bool has_pending;
    void *batch;        /* what the step's begin gave; NULL: nothing */
    unsigned batch_end; /* index of the first node that it is not for */
    /* of all nodes of the bundle: */
    unsigned item_count, emit_count, failed_count, call_count;
    struct mr_error error;
};

static struct bundle *bundle_of(struct line_item *item)
{
    return (struct bundle *)item;
}

/* ---- emitting ---- */

/* Makes value a child of the node, on its way to the next step. MR_E_MEMORY: it is still the
 * caller's. */
static enum mr_status add_child(struct mr_step_call *call, void *value)
{
    struct mr_pipeline *pipeline = call->pipeline;
    struct node *node = call->node;
    unsigned step = call->step->index + 1;
    bool is_leaf = step == pipeline->step_count;
    struct bundle *bundle = NULL;
    lock_take(&pipeline->lock);
    struct node *child = node_create_locked(pipeline, node, value, node->user);
    if (child && !is_leaf) {
        bundle = bundle_create_locked(pipeline, step);
        if (!bundle)
            node_destroy_locked(pipeline, child);
    }
    if (!child || (!is_leaf && !bundle)) {
        lock_give(&pipeline->lock);
        return MR_E_MEMORY;
    }
    node->has_children = true;
    node->alive_count++;
    if (pipeline->config.is_ordered)
        node_link_locked(pipeline, child);
    if (is_leaf) {
        flow_publish_locked(pipeline, child);
        flow_signal_locked(pipeline);
    }
    lock_give(&pipeline->lock);
    if (bundle) {
        bundle->nodes[bundle->count++] = child;
        line_admit(pipeline->line, &bundle->item);
    }
    return MR_OK;
}

enum mr_status mr_emit(struct mr_step_call *call, void *value)
{
    if (call->has_pending) {
        enum mr_status status = add_child(call, call->pending);
        if (status != MR_OK)
            return status;
    }
    call->pending = value;
    call->has_pending = true;
    call->emit_count++;
    return MR_OK;
}

bool mr_step_is_cancelled(const struct mr_step_call *call)
{
    return atomic_load_explicit(&call->pipeline->is_cancelled, memory_order_relaxed);
}

void *mr_step_batch(const struct mr_step_call *call)
{
    return call->batch;
}

/* ---- slots of a step ---- */

/* May the bundle run in its step now? If not, it is queued and will be kicked. Item lock held. */
static bool slot_take(struct bundle *bundle)
{
    struct mr_pipeline *pipeline = bundle->pipeline;
    struct step_state *step = &pipeline->steps[bundle->step];
    if (!step->has_slots || bundle->has_slot)
        return true;
    lock_take(&pipeline->lock);
    if (step->free_slot_count > 0) {
        step->free_slot_count--;
        bundle->has_slot = true;
    } else {
        bundle_push(&step->slot_queue, bundle);
        step->waiting_count += bundle->count;
    }
    lock_give(&pipeline->lock);
    return bundle->has_slot;
}

/* Passes the slot of a bundle that has run in step to the next one in the queue. No lock held. */
static void slot_give(struct bundle *bundle, struct step_state *step)
{
    struct mr_pipeline *pipeline = bundle->pipeline;
    if (!step->has_slots)
        return;
    lock_take(&bundle->item.lock);
    bundle->has_slot = false;
    lock_give(&bundle->item.lock);
    lock_take(&pipeline->lock);
    struct bundle *next = bundle_pop(&step->slot_queue);
    if (next)
        step->waiting_count -= next->count;
    else
        step->free_slot_count++;
    lock_give(&pipeline->lock);
    if (!next)
        return;
    lock_take(&next->item.lock);
    next->has_slot = true;
    lock_give(&next->item.lock);
    line_kick(&next->item); /* it waits for this slot alone: nobody else wakes it */
}

/* ---- calling ---- */

/* Is there room in the window of a bundle whose node has more to emit? If not, it will be kicked.
 * Item lock held. */
static bool window_has_room(struct bundle *bundle)
{
    struct mr_pipeline *pipeline = bundle->pipeline;
    struct node *node = bundle->nodes[0];
    lock_take(&pipeline->lock);
    bool has_room = node->alive_count < pipeline->config.window_count;
    node->bundle = bundle;
    node->state = has_room ? NODE_MOVES : NODE_WINDOW;
    lock_give(&pipeline->lock);
    return has_room;
}

static enum line_claim claim(struct line_item *item, struct line_run *run)
{
    struct bundle *bundle = bundle_of(item);
    if (run->step != bundle->step || bundle->count == 0 || bundle->is_running)
        return LINE_NOTHING;
    if ((bundle->goes_on && !window_has_room(bundle)) || !slot_take(bundle))
        return LINE_HELD;
    bundle->is_running = true;
    return LINE_READY;
}

/* The node's own result is a failure of its step. */
static void fail(struct mr_step_call *call, enum mr_status status)
{
    struct mr_pipeline *pipeline = call->pipeline;
    struct node *node = call->node;
    node->verdict = VERDICT_FAILED;
    node->value = NULL;
    node->status = status;
    node->failed_step = (unsigned char)call->step->index;
    if (call->error.text[0] == '\0')
        mr_error_set(&call->error, status, call->error.sys_errno, "%s", mr_status_text(status));
    call->error.status = status;
    node->error = malloc(sizeof(*node->error));
    if (node->error)
        *node->error = call->error;
    if (!mr_status_is_error(status))
        return;
    call->failed_count++;
    lock_take(&pipeline->lock);
    if (pipeline->first_status == MR_OK) {
        pipeline->first_status = status;
        pipeline->first_error = call->error;
    }
    lock_give(&pipeline->lock);
    if (pipeline->config.stops_at_error)
        mr_pipeline_cancel(pipeline);
}

/* Sends on the value that a call still holds. Returns the status with which the call ends. */
static enum mr_status settle_pending(struct mr_step_call *call, enum mr_status status)
{
    if (!call->has_pending || add_child(call, call->pending) == MR_OK)
        return status;
    node_drop_value(call->pipeline, call->step->index + 1, call->pending);
    if (status == MR_AGAIN)
        node_drop_value(call->pipeline, call->step->index, call->node->value);
    if (status != MR_OK && status != MR_AGAIN)
        return status; /* it failed already */
    return mr_error_set(&call->error, MR_E_MEMORY, 0, "no memory for what it made");
}

/* Calls the step for call->node, whose verdict says then what becomes of it. */
static void call_node(struct mr_step_call *call)
{
    struct node *node = call->node;
    struct step_state *step = call->step;
    call->error.status = MR_OK;
    call->error.sys_errno = 0;
    call->error.text[0] = '\0';
    if (atomic_load_explicit(&call->pipeline->is_cancelled, memory_order_relaxed)) {
        node_drop_value(call->pipeline, step->index, node->value);
        mr_error_set(&call->error, MR_CANCELLED, 0, "cancelled");
        fail(call, MR_CANCELLED);
        return;
    }
    call->has_pending = false;
    call->call_count++;
    enum mr_status status = step->spec.run(call, node->value, step->spec.user, &call->error);
    if (status == MR_OK && call->has_pending && !node->has_children) {
        call->item_count++;
        node->value = call->pending;
        node->verdict = VERDICT_ADVANCE;
        return;
    }
    status = settle_pending(call, status);
    node->verdict = VERDICT_AGAIN;
    if (status == MR_AGAIN)
        return;
    call->item_count++;
    node->verdict = VERDICT_FINISHED;
    node->value = NULL;
    if (status != MR_OK)
        fail(call, status);
}

/* A node that has more to emit goes on by itself: the others do not wait for its window. False: it
 * stays, and has failed. */
static bool part_with(struct mr_step_call *call)
{
    struct mr_pipeline *pipeline = call->pipeline;
    struct node *node = call->node;
    lock_take(&pipeline->lock);
    struct bundle *bundle = bundle_create_locked(pipeline, call->step->index);
    lock_give(&pipeline->lock);
    if (bundle) {
        bundle->nodes[bundle->count++] = node;
        bundle->goes_on = true;
        line_admit(pipeline->line, &bundle->item);
        return true;
    }
    node_drop_value(pipeline, call->step->index, node->value);
    call->item_count++;
    mr_error_set(&call->error, MR_E_MEMORY, 0, "no memory for going on");
    fail(call, MR_E_MEMORY);
    return false;
}

static void end_batch(struct mr_step_call *call)
{
    if (call->batch)
        call->step->spec.end(call->batch, call->step->spec.user);
    call->batch = NULL;
}

/* From the index-th node on. */
static void next_batch(struct mr_step_call *call, struct bundle *bundle, unsigned index)
{
    unsigned size = batch_size(call->step);
    end_batch(call);
    call->batch_end = index + size;
    if (size > 1)
        call->batch = batch_begin(bundle, index, size);
}

/*
 * Calls the step for all nodes of a bundle, unless somebody takes them: then one stays. True: all
 * of them simply go on, and nothing else is to be done.
 */
static bool call_nodes(struct mr_step_call *call, struct bundle *bundle)
{
    bool is_plain = true;
    unsigned i, last = 0;
    call->batch_end = batch_is_possible(call->step) ? 0 : UINT_MAX;
    while ((i = watch_next(bundle)) < bundle->count) {
        if (i >= call->batch_end)
            next_batch(call, bundle, i);
        struct node *node = call->node = bundle->nodes[i];
        last = i;
        call_node(call);
        if (node->verdict == VERDICT_ADVANCE)
            continue;
        is_plain = false;
        if (node->verdict == VERDICT_AGAIN && part_with(call))
            bundle->nodes[i] = NULL;
    }
    end_batch(call);
    if (i == BUNDLE_SPLIT) {
        /* Whoever split it has not ended before it gives the lock back. */
        lock_take(&bundle->pipeline->lock);
        bundle->nodes[0] = bundle->nodes[last];
        bundle->count = 1;
        lock_give(&bundle->pipeline->lock);
    }
    return is_plain;
}

/* What a call takes, for the size of bundles. A thread that lost its processor must not spoil it.
 */
static void measure(struct step_state *step, int64_t spent_ns, unsigned call_count)
{
    int64_t before_ns = atomic_load_explicit(&step->item_ns, memory_order_relaxed);
    int64_t item_ns = call_count > 0 ? spent_ns / call_count : spent_ns;
    if (before_ns > 0) {
        if (item_ns > 4 * before_ns + 100)
            item_ns = 4 * before_ns + 100;
        item_ns = before_ns + (item_ns - before_ns) / 4;
    }
    atomic_store_explicit(&step->item_ns, item_ns > 0 ? item_ns : 1, memory_order_relaxed);
}

static void count(const struct mr_step_call *call)
{
    struct step_state *step = call->step;
    atomic_fetch_add_explicit(&step->call_count, call->call_count, memory_order_relaxed);
    atomic_fetch_add_explicit(&step->item_count, call->item_count, memory_order_relaxed);
    atomic_fetch_add_explicit(&step->emit_count, call->emit_count, memory_order_relaxed);
    if (call->failed_count > 0)
        atomic_fetch_add_explicit(&step->failed_count, call->failed_count, memory_order_relaxed);
}

unsigned bundle_settle_locked(struct mr_pipeline *pipeline, unsigned step, struct node **nodes,
                              unsigned count, struct bundle_queue *woken)
{
    unsigned kept_count = 0;
    bool is_last = step + 1 == pipeline->step_count;
    for (unsigned i = 0; i < count; i++) {
        struct node *node = nodes[i];
        struct bundle *bundle = NULL;
        if (!node)
            continue;
        if (node->verdict == VERDICT_ADVANCE && !is_last)
            nodes[kept_count++] = node;
        else if (node->verdict == VERDICT_FINISHED)
            bundle = node_release_locked(pipeline, node);
        else
            flow_publish_locked(pipeline, node);
        if (bundle)
            bundle_push(woken, bundle);
    }
    flow_signal_locked(pipeline);
    return kept_count;
}

/* Ends a run: the bundle is at the next step then, with what simply goes on. */
static void put_down(struct bundle *bundle, bool is_plain)
{
    struct mr_pipeline *pipeline = bundle->pipeline;
    unsigned step = bundle->step++;
    if (!is_plain || bundle->step == pipeline->step_count) {
        struct bundle_queue woken = {NULL, NULL};
        lock_take(&pipeline->lock);
        bundle->count = bundle_settle_locked(pipeline, step, bundle->nodes, bundle->count, &woken);
        lock_give(&pipeline->lock);
        bundle_kick_all(&woken);
    }
    if (batch_is_possible(&pipeline->steps[step]))
        batch_disperse(bundle);
}

static void run_step(struct line_item *item, struct line_run *run)
{
    struct bundle *bundle = bundle_of(item);
    struct mr_pipeline *pipeline = bundle->pipeline;
    struct step_state *step = &pipeline->steps[bundle->step];
    struct mr_step_call call;
    (void)run; /* claim saw to it that it is the bundle's step */
    call.pipeline = pipeline;
    call.step = step;
    call.item_count = call.emit_count = call.failed_count = call.call_count = 0;
    call.batch = NULL;
    int64_t start_ns = clock_now_ns();
    bool is_plain = false;
    if (batch_is_possible(step) && !bundle->goes_on)
        batch_gather(bundle, batch_size(step));
    if (bundle->count > 1) {
        watch_begin(bundle, start_ns);
        is_plain = call_nodes(&call, bundle);
    } else {
        call.node = bundle->nodes[0];
        call_node(&call);
        is_plain = call.node->verdict == VERDICT_ADVANCE;
        bundle->goes_on = call.node->verdict == VERDICT_AGAIN;
    }
    measure(step, clock_now_ns() - start_ns, call.call_count);
    count(&call);
    slot_give(bundle, step);
    if (!bundle->goes_on)
        put_down(bundle, is_plain);
}

static void settle(struct line_item *item, struct line_run *run)
{
    (void)run;
    bundle_of(item)->is_running = false;
}

static bool is_done(struct line_item *item)
{
    return bundle_of(item)->count == 0;
}

static void end(struct line_item *item)
{
    struct bundle *bundle = bundle_of(item);
    struct mr_pipeline *pipeline = bundle->pipeline;
    lock_take(&pipeline->lock);
    bundle_destroy_locked(bundle);
    flow_signal_locked(pipeline);
    lock_give(&pipeline->lock);
}

const struct line_client bundle_client = {.is_done = is_done, .end = end};

void bundle_steps(struct mr_pipeline *pipeline, struct line_step *steps)
{
    for (unsigned s = 0; s < pipeline->step_count; s++)
        steps[s] = (struct line_step){.name = pipeline->steps[s].spec.name,
                                      .pool = pipeline->steps[s].pool,
                                      .width = 1,
                                      .claim = claim,
                                      .run = run_step,
                                      .settle = settle};
}
