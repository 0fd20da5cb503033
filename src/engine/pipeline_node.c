/* Nodes and bundles: where they come from, who their parents are, and where they go. */
#include <stdlib.h>

#include "engine/pipeline_state.h"

/* ---- nodes ---- */

void queue_push(struct node_list *queue, struct node *node)
{
    node->next_queued = NULL;
    if (queue->last)
        queue->last->next_queued = node;
    else
        queue->first = node;
    queue->last = node;
    queue->count++;
}

struct node *queue_pop(struct node_list *queue)
{
    struct node *node = queue->first;
    if (!node)
        return NULL;
    queue->first = node->next_queued;
    if (!queue->first)
        queue->last = NULL;
    queue->count--;
    return node;
}

struct node *node_new(void)
{
    return aligned_alloc(alignof(struct node), sizeof(struct node));
}

void node_init(struct node *node, struct node *parent, void *value, void *user)
{
    /* Without what is set before it is read: verdict, failed_step, and links. */
    node->parent = parent;
    node->user = user;
    node->cost_bytes = 0;
    node->value = value;
    node->status = MR_OK;
    node->has_children = node->is_ready = node->is_linked = false;
    node->state = NODE_MOVES;
    node->error = NULL;
    node->alive_count = 0;
    node->bundle = NULL;
    node->first_child = node->last_child = NULL;
}

struct node *node_create_locked(struct mr_pipeline *pipeline, struct node *parent, void *value,
                                void *user)
{
    /* The one that was used last: it is the most likely to be in a cache. */
    struct node *node = pipeline->idle_nodes.first;
    if (node) {
        pipeline->idle_nodes.first = node->next_queued;
        pipeline->idle_nodes.count--;
    } else {
        lock_give(&pipeline->lock);
        node = node_new();
        lock_take(&pipeline->lock);
        if (!node)
            return NULL;
    }
    node_init(node, parent, value, user);
    return node;
}

void node_destroy_locked(struct mr_pipeline *pipeline, struct node *node)
{
    free(node->error);
    if (pipeline->idle_nodes.count >= NODES_IDLE_MAX) {
        free(node);
        return;
    }
    node->next_queued = pipeline->idle_nodes.first;
    pipeline->idle_nodes.first = node;
    pipeline->idle_nodes.count++;
}

void node_link_locked(struct mr_pipeline *pipeline, struct node *node)
{
    struct node *parent = node->parent;
    struct node **first = parent ? &parent->first_child : &pipeline->first_root;
    struct node **last = parent ? &parent->last_child : &pipeline->last_root;
    node->is_linked = true;
    node->before = *last;
    node->after = NULL;
    if (*last)
        (*last)->after = node;
    else
        *first = node;
    *last = node;
}

void node_unlink_locked(struct mr_pipeline *pipeline, struct node *node)
{
    struct node *parent = node->parent;
    node->is_linked = false;
    if (node->before)
        node->before->after = node->after;
    else
        *(parent ? &parent->first_child : &pipeline->first_root) = node->after;
    if (node->after)
        node->after->before = node->before;
    else
        *(parent ? &parent->last_child : &pipeline->last_root) = node->before;
}

struct bundle *node_release_locked(struct mr_pipeline *pipeline, struct node *node)
{
    node->state = NODE_OVER;
    node->is_ready = false;
    while (node->state == NODE_OVER && node->alive_count == 0 && !node->is_ready) {
        struct node *parent = node->parent;
        if (node->is_linked)
            node_unlink_locked(pipeline, node);
        uint64_t cost_bytes = node->cost_bytes;
        node_destroy_locked(pipeline, node);
        if (!parent) {
            intake_inputs_ended_locked(pipeline, 1, cost_bytes);
            return NULL;
        }
        node = parent;
        node->alive_count--;
    }
    if (node->state != NODE_WINDOW || node->alive_count >= pipeline->config.window_count)
        return NULL;
    node->state = NODE_MOVES; /* nobody else kicks it now */
    return node->bundle;
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

/* ---- bundles ---- */

struct bundle *bundle_create_locked(struct mr_pipeline *pipeline, unsigned step)
{
    struct bundle *bundle = pipeline->idle_bundles;
    if (bundle)
        pipeline->idle_bundles = bundle->next_queued;
    else
        bundle = malloc(sizeof(*bundle) + line_run_count(pipeline->line) * sizeof(struct line_run));
    if (!bundle)
        return NULL;
    if (line_item_init(pipeline->line, &bundle->item, bundle->runs) != MR_OK) {
        free(bundle);
        return NULL;
    }
    bundle->pipeline = pipeline;
    bundle->step = step;
    bundle->is_running = bundle->goes_on = bundle->has_slot = false;
    bundle->count = 0;
    bundle->is_watched = false;
    atomic_init(&bundle->cursor, 0);
    atomic_init(&bundle->start_ns, 0);
    pipeline->bundle_count++;
    return bundle;
}

void bundle_destroy_locked(struct bundle *bundle)
{
    struct mr_pipeline *pipeline = bundle->pipeline;
    line_item_fini(&bundle->item);
    watch_remove_locked(bundle);
    pipeline->bundle_count--;
    bundle->next_queued = pipeline->idle_bundles;
    pipeline->idle_bundles = bundle;
}

void bundle_push(struct bundle_queue *queue, struct bundle *bundle)
{
    bundle->next_queued = NULL;
    if (queue->last)
        queue->last->next_queued = bundle;
    else
        queue->first = bundle;
    queue->last = bundle;
}

struct bundle *bundle_pop(struct bundle_queue *queue)
{
    struct bundle *bundle = queue->first;
    if (!bundle)
        return NULL;
    queue->first = bundle->next_queued;
    if (!queue->first)
        queue->last = NULL;
    return bundle;
}

void bundle_kick_all(struct bundle_queue *queue)
{
    struct bundle *bundle;
    while ((bundle = bundle_pop(queue)) != NULL)
        line_kick(&bundle->item);
}
