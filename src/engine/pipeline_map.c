/* One thread that submits and takes: all that can be done without the lock is, as the others would
 * wait for it. */
#include <stdlib.h>

#include "engine/pipeline_state.h"

/* Inputs that are submitted, and results that are taken, under the lock at once. */
#define MAP_BATCH_COUNT 64

struct map {
    struct mr_pipeline *pipeline;
    void *const *values;
    size_t count, next; /* next: the first value that was not taken in */
    uint64_t cost_bytes;
    void (*take)(const struct mr_result *result, void *ctx);
    void *ctx;
    enum mr_status status;   /* of the last submit */
    struct node_list inputs; /* nodes of the values from next on, to be submitted */
    struct node *idle;       /* nodes that are over, for later inputs: next_queued leads on */
    struct node *taken[MAP_BATCH_COUNT];
    unsigned taken_count;
    /* inputs that have ended, which the pipeline is not told yet */
    unsigned ended_count;
    uint64_t ended_cost_bytes;
};

/* Makes nodes of the next values. No lock held. */
static void map_prepare(struct map *map)
{
    while (map->inputs.count < MAP_BATCH_COUNT && map->inputs.count < map->count - map->next) {
        struct node *node = map->idle;
        if (node)
            map->idle = node->next_queued;
        else if (!(node = node_new()))
            return;
        void *const *value = &map->values[map->next + map->inputs.count];
        node_init(node, NULL, *value, (void *)(uintptr_t)value);
        node->cost_bytes = map->cost_bytes;
        queue_push(&map->inputs, node);
    }
}

/* Submits what was prepared and there is room for. */
static void map_submit_locked(struct map *map)
{
    map->status = map->inputs.first ? MR_OK : MR_E_MEMORY;
    while (map->inputs.first && map->status == MR_OK) {
        map->status = intake_try_locked(map->pipeline, map->inputs.first);
        if (map->status != MR_OK)
            break;
        queue_pop(&map->inputs);
        map->next++;
    }
}

/* Tells of the inputs that have ended, then takes results off; they are released when they have
 * been shown. */
static void map_take_locked(struct map *map)
{
    if (map->ended_count > 0)
        intake_inputs_ended_locked(map->pipeline, map->ended_count, map->ended_cost_bytes);
    map->ended_count = 0;
    map->ended_cost_bytes = 0;
    map->taken_count = flow_take_locked(map->pipeline, map->taken, MAP_BATCH_COUNT);
}

/* Gives up the nodes that were taken, but for those of inputs that became one result: nobody else
 * knows of these. */
static void map_release(struct map *map)
{
    struct mr_pipeline *pipeline = map->pipeline;
    struct bundle_queue woken = {NULL, NULL};
    unsigned kept_count = 0;
    for (unsigned i = 0; i < map->taken_count; i++) {
        struct node *node = map->taken[i];
        if (node->parent || node->has_children) {
            map->taken[kept_count++] = node;
            continue;
        }
        map->ended_count++;
        map->ended_cost_bytes += node->cost_bytes;
        free(node->error);
        node->error = NULL;
        node->next_queued = map->idle;
        map->idle = node;
    }
    map->taken_count = 0;
    if (kept_count == 0)
        return;
    lock_take(&pipeline->lock);
    for (unsigned i = 0; i < kept_count; i++) {
        struct bundle *bundle = node_release_locked(pipeline, map->taken[i]);
        if (bundle)
            bundle_push(&woken, bundle);
    }
    lock_give(&pipeline->lock);
    bundle_kick_all(&woken);
}

static void map_show(struct map *map)
{
    struct mr_result result;
    for (unsigned i = 0; i < map->taken_count; i++) {
        flow_show(map->pipeline, map->taken[i], &result);
        map->take(&result, map->ctx);
    }
    map_release(map);
}

/* Submits and takes until everything was submitted, or no more can be. */
static void map_run(struct map *map)
{
    struct mr_pipeline *pipeline = map->pipeline;
    bool dozes = true;
    while (map->next < map->count) {
        size_t before = map->next;
        map_prepare(map);
        lock_take(&pipeline->lock);
        map_take_locked(map);
        map_submit_locked(map);
        bool is_stuck = map->next == before && map->taken_count == 0;
        bool goes_on = !is_stuck || map->status == MR_AGAIN;
        struct intake *intake = intake_pick_if_worth_it_locked(pipeline);
        if (is_stuck && goes_on && !intake)
            flow_await_result_or_room_locked(pipeline, map->cost_bytes, &dozes);
        else
            dozes = true;
        lock_give(&pipeline->lock);
        intake_post(intake);
        map_show(map);
        if (!goes_on)
            return;
    }
}

/* Takes until everything is through. */
static void map_finish(struct map *map)
{
    struct mr_pipeline *pipeline = map->pipeline;
    bool is_through = false, dozes = true;
    while (!is_through) {
        lock_take(&pipeline->lock);
        map_take_locked(map);
        is_through = flow_is_through_locked(pipeline);
        if (map->taken_count == 0 && !is_through)
            flow_wait_locked(pipeline, INT64_MAX, &dozes);
        else
            dozes = true;
        lock_give(&pipeline->lock);
        map_show(map);
    }
}

static void map_free(struct map *map)
{
    struct node *node;
    lock_take(&map->pipeline->lock);
    while ((node = queue_pop(&map->inputs)) != NULL)
        node_destroy_locked(map->pipeline, node);
    while ((node = map->idle) != NULL) {
        map->idle = node->next_queued;
        node_destroy_locked(map->pipeline, node);
    }
    lock_give(&map->pipeline->lock);
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
    struct map map = {.pipeline = pipeline,
                      .values = values,
                      .count = count,
                      .cost_bytes = cost_bytes,
                      .take = take,
                      .ctx = ctx};
    map_run(&map);
    if (taken_count)
        *taken_count = map.next;
    mr_pipeline_close(pipeline);
    map_finish(&map);
    map_free(&map);
    return map.next == count ? MR_OK : intake_refused(map.status, err);
}
