/* How inputs get into a pipeline and results out of it, in order or not. */
#include <sched.h>
#include <stdlib.h>

#include "engine/pipeline_state.h"

/* ---- lists ---- */

void list_append(struct node_list *list, struct node *node)
{
    node->is_linked = true;
    node->previous = list->last;
    node->next = NULL;
    if (list->last)
        list->last->next = node;
    else
        list->first = node;
    list->last = node;
}

void list_remove(struct node_list *list, struct node *node)
{
    node->is_linked = false;
    if (node->previous)
        node->previous->next = node->next;
    else
        list->first = node->next;
    if (node->next)
        node->next->previous = node->previous;
    else
        list->last = node->previous;
}

void queue_push(struct node_list *queue, struct node *node)
{
    node->next_queued = NULL;
    if (queue->last)
        queue->last->next_queued = node;
    else
        queue->first = node;
    queue->last = node;
}

struct node *queue_pop(struct node_list *queue)
{
    struct node *node = queue->first;
    if (!node)
        return NULL;
    queue->first = node->next_queued;
    if (!queue->first)
        queue->last = NULL;
    return node;
}

/* ---- results ---- */

/*
 * In order: the leftmost leaf of the leftmost tree. While it is still under way, nothing may
 * overtake it; when it is through without a result, it is removed by its end. A node's own failure
 * comes after its children.
 */
struct node *flow_find_ready_locked(const struct mr_pipeline *pipeline)
{
    if (!pipeline->config.is_ordered)
        return pipeline->ready.first;
    struct node *node = pipeline->roots.first;
    while (node && node->children.first)
        node = node->children.first;
    return node && node->is_ready ? node : NULL;
}

void flow_signal_locked(struct mr_pipeline *pipeline)
{
    if (pipeline->taker_count > 0 && flow_find_ready_locked(pipeline))
        condition_signal(&pipeline->has_result);
}

void flow_publish(struct node *node)
{
    struct mr_pipeline *pipeline = node->pipeline;
    lock_take(&pipeline->lock);
    node->is_ready = true;
    if (!pipeline->config.is_ordered)
        queue_push(&pipeline->ready, node);
    flow_signal_locked(pipeline);
    lock_give(&pipeline->lock);
}

/* Takes a ready node off; the next taker may go on. */
static void take_locked(struct mr_pipeline *pipeline, struct node *node)
{
    node->is_ready = false;
    if (pipeline->config.is_ordered)
        list_remove(node->parent ? &node->parent->children : &pipeline->roots, node);
    else
        queue_pop(&pipeline->ready);
    pipeline->delivered_count++;
    flow_signal_locked(pipeline);
}

/* Copies the result out of a node that was taken off, and gives the node up. */
static void hand_over(struct node *node, struct mr_result *result)
{
    struct mr_pipeline *pipeline = node->pipeline;
    result->status = node->status;
    result->user = node->user;
    if (node->status == MR_OK) {
        result->value = node->value;
        result->step = NULL;
        result->error.status = MR_OK;
        result->error.sys_errno = 0;
        result->error.text[0] = '\0';
    } else {
        result->value = NULL;
        result->step = pipeline->steps[node->failed_step].spec.name;
        result->error = node->error;
    }
    if (!node->is_leaf) {
        node_release(node);
        return;
    }
    struct node *parent = node->parent;
    node_destroy(node);
    node_release(parent);
}

bool flow_is_own_thread(const struct mr_pipeline *pipeline)
{
    const struct mr_pool *current = pool_current();
    for (unsigned i = 0; current && i < pipeline->pool_count; i++) {
        if (pipeline->pools[i] == current)
            return true;
    }
    return false;
}

static bool is_through_locked(const struct mr_pipeline *pipeline)
{
    return pipeline->is_closed && pipeline->root_count == 0;
}

enum mr_status mr_pipeline_next(struct mr_pipeline *pipeline, int64_t timeout_ms,
                                struct mr_result *result)
{
    if (!pipeline || !result || flow_is_own_thread(pipeline))
        return MR_E_USAGE;
    int64_t deadline_ns = timeout_ms == 0 ? 0 : deadline_from_ms(timeout_ms);
    bool in_time = timeout_ms != 0;
    struct node *node;
    lock_take(&pipeline->lock);
    while (!(node = flow_find_ready_locked(pipeline)) && !is_through_locked(pipeline) && in_time) {
        pipeline->taker_count++;
        in_time = condition_wait_until(&pipeline->has_result, &pipeline->lock, deadline_ns);
        pipeline->taker_count--;
    }
    enum mr_status status = MR_OK;
    if (node)
        take_locked(pipeline, node);
    else
        status = is_through_locked(pipeline) ? MR_DONE : MR_TIMEOUT;
    lock_give(&pipeline->lock);
    if (node)
        hand_over(node, result);
    return status;
}

/* ---- inputs ---- */

/*
 * Waits until no other submitter is in the gate, then enters the root. One at a time: an input then
 * never waits for room behind the results of one that came in after it. deadline_ns 0: does not
 * wait behind one that waits for room itself.
 */
static enum mr_status enter(struct mr_pipeline *pipeline, struct node *node, int64_t deadline_ns)
{
    bool in_time = true;
    enum mr_status status = MR_OK;
    lock_take(&pipeline->lock);
    while (pipeline->gate != GATE_FREE && !pipeline->is_closed && in_time) {
        if (deadline_ns == 0 && pipeline->gate == GATE_WAITING)
            break;
        pipeline->gate_waiter_count++;
        in_time = condition_wait_until(&pipeline->gate_changed, &pipeline->lock,
                                       deadline_ns == 0 ? INT64_MAX : deadline_ns);
        pipeline->gate_waiter_count--;
    }
    if (pipeline->is_closed) {
        status = MR_CLOSED;
    } else if (pipeline->gate != GATE_FREE) {
        status = deadline_ns == 0 ? MR_AGAIN : MR_TIMEOUT;
    } else {
        pipeline->gate = GATE_PASSING;
        pipeline->root_count++;
        if (pipeline->config.is_ordered)
            list_append(&pipeline->roots, node);
    }
    lock_give(&pipeline->lock);
    return status;
}

/* In the gate: waits for room in the line. */
static enum mr_status wait_for_room(struct mr_pipeline *pipeline, struct node *node,
                                    int64_t deadline_ns)
{
    lock_take(&pipeline->lock);
    pipeline->gate = GATE_WAITING;
    if (pipeline->gate_waiter_count > 0)
        condition_broadcast(&pipeline->gate_changed); /* who only tries gives up */
    lock_give(&pipeline->lock);
    return line_admit_wait(pipeline->line, &node->item, deadline_ns);
}

/* After enter(): lets the next submitter in. When the line refused it, the root is taken back. */
static void leave(struct mr_pipeline *pipeline, struct node *refused)
{
    lock_take(&pipeline->lock);
    pipeline->gate = GATE_FREE;
    if (pipeline->gate_waiter_count > 0)
        condition_signal(&pipeline->gate_changed);
    if (refused) {
        pipeline->root_count--;
        if (pipeline->config.is_ordered)
            list_remove(&pipeline->roots, refused);
        if (is_through_locked(pipeline))
            condition_broadcast(&pipeline->has_result);
    }
    lock_give(&pipeline->lock);
}

/* deadline_ns: 0: only try. */
static enum mr_status submit(struct mr_pipeline *pipeline, void *value, uint64_t cost_bytes,
                             void *user, int64_t deadline_ns, struct mr_error *err)
{
    if (!pipeline)
        return mr_error_set(err, MR_E_USAGE, 0, "submit: there is no pipeline");
    if (deadline_ns != 0 && flow_is_own_thread(pipeline))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "submit from a step of the same pipeline: use the try form");
    struct node *node = node_create(pipeline, NULL, 0, value, user, false);
    if (!node)
        return mr_error_set(err, MR_E_MEMORY, 0, "no memory for an input");
    node->item.cost_bytes = cost_bytes;
    enum mr_status status = enter(pipeline, node, deadline_ns);
    if (status == MR_OK) {
        status = line_admit(pipeline->line, &node->item);
        if (status == MR_AGAIN) {
            atomic_store_explicit(&pipeline->is_refusing, true, memory_order_relaxed);
            if (deadline_ns != 0)
                status = wait_for_room(pipeline, node, deadline_ns);
        }
        if (status == MR_OK && atomic_load_explicit(&pipeline->is_refusing, memory_order_relaxed))
            atomic_store_explicit(&pipeline->is_refusing, false, memory_order_relaxed);
        leave(pipeline, status == MR_OK ? NULL : node);
    }
    if (status == MR_OK)
        return MR_OK; /* node may be gone already */
    node_destroy(node);
    return mr_error_set(err, status, 0,
                        status == MR_CLOSED ? "the pipeline is closed" : "the pipeline is full");
}

enum mr_status mr_pipeline_submit(struct mr_pipeline *pipeline, void *value, uint64_t cost_bytes,
                                  void *user, int64_t timeout_ms, struct mr_error *err)
{
    int64_t deadline_ns = timeout_ms == 0 ? 0 : deadline_from_ms(timeout_ms);
    enum mr_status status = submit(pipeline, value, cost_bytes, user, deadline_ns, err);
    if (status != MR_AGAIN)
        return status;
    return mr_error_set(err, MR_TIMEOUT, 0, "the pipeline is full");
}

enum mr_status mr_pipeline_try_submit(struct mr_pipeline *pipeline, void *value,
                                      uint64_t cost_bytes, void *user, struct mr_error *err)
{
    return submit(pipeline, value, cost_bytes, user, 0, err);
}

/* ---- one thread that submits and takes ---- */

static uint64_t line_ended_count(struct mr_pipeline *pipeline)
{
    struct line_figures figures;
    line_figures(pipeline->line, &figures);
    return figures.ended_count;
}

/*
 * Blocks until a result can be taken (then it is in *result: true), or more inputs ended than
 * ended_count, or the pipeline was closed.
 */
static bool await_result_or_room(struct mr_pipeline *pipeline, uint64_t ended_count,
                                 struct mr_result *result)
{
    struct node *node;
    lock_take(&pipeline->lock);
    while (!(node = flow_find_ready_locked(pipeline)) && pipeline->ended_count <= ended_count &&
           !pipeline->is_closed) {
        pipeline->taker_count++;
        pipeline->room_watcher_count++;
        condition_wait(&pipeline->has_result, &pipeline->lock);
        pipeline->room_watcher_count--;
        pipeline->taker_count--;
    }
    if (node)
        take_locked(pipeline, node);
    lock_give(&pipeline->lock);
    if (node)
        hand_over(node, result);
    else
        sched_yield(); /* an input that ended gives its place back only just after it is counted
                          here */
    return node != NULL;
}

enum mr_status mr_pipeline_submit_or_take(struct mr_pipeline *pipeline, void *value,
                                          uint64_t cost_bytes, void *user, struct mr_result *result,
                                          struct mr_error *err)
{
    if (!pipeline || !result || flow_is_own_thread(pipeline))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "submit_or_take: a pipeline and a result are needed, and no step");
    for (;;) {
        /* Counted by the line, so before the try: what ends after it is seen below. */
        uint64_t ended_count = line_ended_count(pipeline);
        enum mr_status status = submit(pipeline, value, cost_bytes, user, 0, err);
        if (status != MR_AGAIN)
            return status;
        if (await_result_or_room(pipeline, ended_count, result))
            return MR_AGAIN;
    }
}

enum mr_status mr_pipeline_map(struct mr_pipeline *pipeline, void *const *values, size_t count,
                               uint64_t cost_bytes,
                               void (*take)(const struct mr_result *result, void *ctx), void *ctx,
                               size_t *taken_count, struct mr_error *err)
{
    if (taken_count)
        *taken_count = 0;
    if (!pipeline || !take || (count > 0 && !values) || flow_is_own_thread(pipeline))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "map: a pipeline, values and a function are needed, and no step");
    struct mr_result result;
    enum mr_status status = MR_OK;
    size_t next = 0;
    while (next < count) {
        status = mr_pipeline_submit_or_take(pipeline, values[next], cost_bytes,
                                            (void *)(uintptr_t)&values[next], &result, err);
        if (status == MR_AGAIN)
            take(&result, ctx);
        else if (status == MR_OK)
            next++;
        else
            break;
    }
    if (taken_count)
        *taken_count = next;
    mr_pipeline_close(pipeline);
    while (mr_pipeline_next(pipeline, -1, &result) == MR_OK)
        take(&result, ctx);
    return next == count ? MR_OK : status;
}
