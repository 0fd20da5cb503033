/* What the line calls: nodes run their steps, emit children and end. */
#include <stdlib.h>

#include "engine/pipeline_state.h"

struct mr_step_call {
    struct mr_pipeline *pipeline;
    struct node *node;
    void *pending; /* the last value that was emitted: if it stays the only one, the node moves on
                      with it */
    bool has_pending;
};

static struct node *node_of(struct line_item *item)
{
    return (struct node *)item;
}

struct node *node_create(struct mr_pipeline *pipeline, struct node *parent, unsigned step,
                         void *value, void *user, bool is_leaf)
{
    size_t run_count = is_leaf ? 0 : line_run_count(pipeline->line);
    struct node *node = malloc(sizeof(*node) + run_count * sizeof(struct line_run));
    if (!node)
        return NULL;
    if (!is_leaf && line_item_init(pipeline->line, &node->item, node->runs) != MR_OK) {
        free(node);
        return NULL;
    }
    node->pipeline = pipeline;
    node->parent = parent;
    node->user = user;
    node->is_leaf = is_leaf;
    node->state = NODE_RUNNABLE;
    node->step = step;
    node->alive_count = 0;
    node->has_slot = false;
    node->value = value;
    node->verdict = VERDICT_FINISHED;
    node->has_children = false;
    node->status = MR_OK; /* error is set only for a failure: it is large */
    node->failed_step = 0;
    node->is_ready = false;
    node->is_linked = false;
    node->previous = node->next = node->next_queued = NULL;
    node->children = (struct node_list){0};
    return node;
}

void node_destroy(struct node *node)
{
    if (!node->is_leaf)
        line_item_fini(&node->item);
    free(node);
}

void node_drop_value(struct mr_pipeline *pipeline, unsigned step, void *value)
{
    if (step < pipeline->step_count) {
        const struct mr_step *spec = &pipeline->steps[step].spec;
        if (spec->drop)
            spec->drop(value, spec->user);
    } else if (pipeline->config.drop_result) {
        pipeline->config.drop_result(value, pipeline->config.user);
    }
}

void node_release(struct node *node)
{
    bool is_woken = false;
    lock_take(&node->item.lock);
    node->alive_count--;
    if (node->state == NODE_WINDOW && node->alive_count < node->pipeline->config.window_count) {
        node->state = NODE_RUNNABLE;
        is_woken = true;
    } else if (node->state == NODE_FAMILY && node->alive_count == 0) {
        node->state = NODE_DONE;
        is_woken = true;
    }
    lock_give(&node->item.lock);
    if (is_woken)
        line_kick(&node->item);
}

/* ---- emitting ---- */

/* Makes value a child of node, on its way to the next step. MR_E_MEMORY: it is still the caller's.
 */
static enum mr_status add_child(struct node *node, void *value)
{
    struct mr_pipeline *pipeline = node->pipeline;
    unsigned step = node->step + 1;
    bool is_leaf = step == pipeline->step_count;
    struct node *child = node_create(pipeline, node, step, value, node->user, is_leaf);
    if (!child)
        return MR_E_MEMORY;
    node->has_children = true;
    lock_take(&node->item.lock);
    node->alive_count++;
    lock_give(&node->item.lock);
    if (pipeline->config.is_ordered) {
        lock_take(&pipeline->lock);
        list_append(&node->children, child);
        lock_give(&pipeline->lock);
    }
    if (is_leaf)
        flow_publish(child);
    else
        line_adopt(pipeline->line, &node->item, &child->item);
    return MR_OK;
}

enum mr_status mr_emit(struct mr_step_call *call, void *value)
{
    struct node *node = call->node;
    if (call->has_pending) {
        enum mr_status status = add_child(node, call->pending);
        if (status != MR_OK)
            return status;
    }
    call->pending = value;
    call->has_pending = true;
    atomic_fetch_add_explicit(&call->pipeline->steps[node->step].emit_count, 1,
                              memory_order_relaxed);
    return MR_OK;
}

bool mr_step_is_cancelled(const struct mr_step_call *call)
{
    return atomic_load_explicit(&call->pipeline->is_cancelled, memory_order_relaxed);
}

/* ---- slots of a shared pool ---- */

/* May the node run in its step now? If not, it is queued and will be kicked. Item lock held. */
static bool slot_take(struct node *node)
{
    struct mr_pipeline *pipeline = node->pipeline;
    struct step_state *step = &pipeline->steps[node->step];
    if (!step->has_slots || node->has_slot)
        return true;
    lock_take(&pipeline->lock);
    if (step->free_slot_count > 0) {
        step->free_slot_count--;
        node->has_slot = true;
    } else {
        queue_push(&step->slot_queue, node);
    }
    lock_give(&pipeline->lock);
    return node->has_slot;
}

/* Passes the slot of a node that has run to the next one in the queue. No lock held. */
static void slot_give(struct node *node)
{
    struct mr_pipeline *pipeline = node->pipeline;
    struct step_state *step = &pipeline->steps[node->step];
    if (!step->has_slots)
        return;
    lock_take(&node->item.lock);
    node->has_slot = false;
    lock_give(&node->item.lock);
    lock_take(&pipeline->lock);
    struct node *next = queue_pop(&step->slot_queue);
    if (!next)
        step->free_slot_count++;
    lock_give(&pipeline->lock);
    if (!next)
        return;
    lock_take(&next->item.lock);
    next->has_slot = true;
    lock_give(&next->item.lock);
    line_kick(&next->item); /* it waits for this slot alone: nobody else wakes it */
}

/* ---- the line's callbacks ---- */

static enum line_claim claim(struct line_item *item, struct line_run *run)
{
    struct node *node = node_of(item);
    if (run->step != node->step)
        return LINE_NOTHING;
    if (node->state == NODE_WINDOW)
        return LINE_HELD;
    if (node->state != NODE_RUNNABLE)
        return LINE_NOTHING;
    if (!slot_take(node))
        return LINE_HELD;
    node->state = NODE_RUNNING;
    return LINE_READY;
}

/* The node's own result is a failure of its step. */
static void fail(struct node *node, enum mr_status status, const struct mr_error *error)
{
    struct mr_pipeline *pipeline = node->pipeline;
    node->verdict = VERDICT_FAILED;
    node->status = status;
    node->failed_step = node->step;
    node->error = *error;
    node->error.status = status;
    if (!mr_status_is_error(status))
        return;
    atomic_fetch_add_explicit(&pipeline->steps[node->step].failed_count, 1, memory_order_relaxed);
    lock_take(&pipeline->lock);
    if (pipeline->first_status == MR_OK) {
        pipeline->first_status = status;
        pipeline->first_error = node->error;
    }
    lock_give(&pipeline->lock);
    if (pipeline->config.stops_at_error)
        mr_pipeline_cancel(pipeline);
}

/* Sends on the value that a call still holds. Returns the status with which the call ends. */
static enum mr_status settle_pending(struct mr_step_call *call, enum mr_status status,
                                     struct mr_error *error)
{
    struct node *node = call->node;
    if (!call->has_pending || add_child(node, call->pending) == MR_OK)
        return status;
    node_drop_value(call->pipeline, node->step + 1, call->pending);
    if (status == MR_AGAIN)
        node_drop_value(call->pipeline, node->step, node->value);
    if (status != MR_OK && status != MR_AGAIN)
        return status; /* it failed already */
    return mr_error_set(error, MR_E_MEMORY, 0, "no memory for what it made");
}

static void call_step(struct node *node)
{
    struct mr_pipeline *pipeline = node->pipeline;
    struct step_state *step = &pipeline->steps[node->step];
    struct mr_step_call call = {.pipeline = pipeline, .node = node};
    struct mr_error error;
    error.status = MR_OK;
    error.sys_errno = 0;
    error.text[0] = '\0';

    atomic_fetch_add_explicit(&step->call_count, 1, memory_order_relaxed);
    enum mr_status status = step->spec.run(&call, node->value, step->spec.user, &error);
    if (status == MR_OK && call.has_pending && !node->has_children) {
        node->value = call.pending;
        node->verdict = VERDICT_ADVANCE;
    } else {
        status = settle_pending(&call, status, &error);
        if (status == MR_AGAIN) {
            node->verdict = VERDICT_AGAIN;
            return;
        }
        node->value = NULL;
        node->verdict = VERDICT_FINISHED;
    }
    atomic_fetch_add_explicit(&step->item_count, 1, memory_order_relaxed);
    if (status == MR_OK)
        return;
    if (error.text[0] == '\0')
        mr_error_set(&error, status, error.sys_errno, "%s", mr_status_text(status));
    fail(node, status, &error);
}

static void run_step(struct line_item *item, struct line_run *run)
{
    struct node *node = node_of(item);
    struct mr_pipeline *pipeline = node->pipeline;
    (void)run; /* claim saw to it that it is the node's step */
    if (atomic_load_explicit(&pipeline->is_cancelled, memory_order_relaxed)) {
        struct mr_error error;
        node_drop_value(pipeline, node->step, node->value);
        node->value = NULL;
        mr_error_set(&error, MR_CANCELLED, 0, "cancelled");
        fail(node, MR_CANCELLED, &error);
    } else {
        call_step(node);
    }
    slot_give(node);
}

static void settle(struct line_item *item, struct line_run *run)
{
    struct node *node = node_of(item);
    struct mr_pipeline *pipeline = node->pipeline;
    (void)run;
    bool has_result = node->verdict == VERDICT_FAILED;
    if (node->verdict == VERDICT_ADVANCE) {
        node->step++;
        has_result = node->step == pipeline->step_count;
        node->state = NODE_RUNNABLE;
    } else if (node->verdict == VERDICT_AGAIN) {
        bool has_room = node->alive_count < pipeline->config.window_count;
        node->state = has_room ? NODE_RUNNABLE : NODE_WINDOW;
    } else if (!has_result) {
        node->state = node->alive_count > 0 ? NODE_FAMILY : NODE_DONE;
    }
    if (has_result) {
        node->alive_count++;
        node->state = NODE_FAMILY;
        flow_publish(node); /* who takes it needs the item lock to go on: not before this is over */
    }
}

static bool is_done(struct line_item *item)
{
    return node_of(item)->state == NODE_DONE;
}

/* An input is through: submitters may find room, takers may find that all is through. */
static void root_ended_locked(struct mr_pipeline *pipeline)
{
    pipeline->root_count--;
    pipeline->ended_count++;
    bool is_through = pipeline->is_closed && pipeline->root_count == 0;
    if (pipeline->taker_count > 0 && (is_through || pipeline->room_watcher_count > 0))
        condition_broadcast(&pipeline->has_result);
}

static void end(struct line_item *item)
{
    struct node *node = node_of(item), *parent = node->parent;
    struct mr_pipeline *pipeline = node->pipeline;
    if (node->is_linked || !parent) {
        lock_take(&pipeline->lock);
        if (node->is_linked) {
            list_remove(parent ? &parent->children : &pipeline->roots, node);
            flow_signal_locked(pipeline); /* what comes after it may be ready */
        }
        if (!parent)
            root_ended_locked(pipeline);
        lock_give(&pipeline->lock);
    }
    node_destroy(node);
    if (parent)
        node_release(parent);
}

const struct line_client node_client = {.is_done = is_done, .end = end};

void node_steps(struct mr_pipeline *pipeline, struct line_step *steps)
{
    for (unsigned s = 0; s < pipeline->step_count; s++)
        steps[s] = (struct line_step){.name = pipeline->steps[s].spec.name,
                                      .pool = pipeline->steps[s].pool,
                                      .width = 1,
                                      .claim = claim,
                                      .run = run_step,
                                      .settle = settle};
}
