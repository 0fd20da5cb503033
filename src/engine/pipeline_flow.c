/* How results get out of a pipeline, in order or not; and calls that submit and take in one. */
#include "base/clock.h"
#include "engine/pipeline_state.h"

/* Results that a taker that dozes is woken for, and that mr_pipeline_map() takes at once. */
#define READY_BATCH_COUNT 512
#define MAP_BATCH_COUNT   64

/*
 * In order: the leftmost leaf of the leftmost tree. While it is still under way, nothing may
 * overtake it; when it is through without a result, it is removed by its end. A node's own failure
 * comes after its children.
 */
struct node *flow_find_ready_locked(const struct mr_pipeline *pipeline)
{
    if (!pipeline->config.is_ordered)
        return pipeline->ready.first;
    struct node *node = pipeline->first_root;
    while (node && node->first_child)
        node = node->first_child;
    return node && node->is_ready ? node : NULL;
}

/* A taker that dozes is woken for a batch, for half of what is in flight, or when nothing
 * else moves. */
void flow_signal_locked(struct mr_pipeline *pipeline)
{
    if (pipeline->taker_count == 0)
        return;
    bool is_due = pipeline->sleeper_count > 0 || pipeline->ready_count >= READY_BATCH_COUNT ||
                  pipeline->ready_count >= pipeline->in_flight_count / 2 ||
                  pipeline->bundle_count <= 1;
    if (is_due && flow_find_ready_locked(pipeline))
        condition_signal(&pipeline->has_result);
}

void flow_publish_locked(struct mr_pipeline *pipeline, struct node *node)
{
    node->is_ready = true;
    node->state = NODE_OVER;
    pipeline->ready_count++;
    if (!pipeline->config.is_ordered)
        queue_push(&pipeline->ready, node);
}

/* Takes a ready node off. It stays until it is released. */
static void take_locked(struct mr_pipeline *pipeline, struct node *node)
{
    if (pipeline->config.is_ordered)
        node_unlink_locked(pipeline, node);
    else
        queue_pop(&pipeline->ready);
    pipeline->ready_count--;
    pipeline->delivered_count++;
}

/* Copies the result out of a node that was taken off. */
static void show(const struct mr_pipeline *pipeline, const struct node *node,
                 struct mr_result *result)
{
    result->status = node->status;
    result->user = node->user;
    if (node->status == MR_OK) {
        result->value = node->value;
        result->step = NULL;
        result->error.status = MR_OK;
        result->error.sys_errno = 0;
        result->error.text[0] = '\0';
        return;
    }
    result->value = NULL;
    result->step = pipeline->steps[node->failed_step].spec.name;
    if (node->error)
        result->error = *node->error;
    else
        mr_error_set(&result->error, node->status, 0, "%s", mr_status_text(node->status));
}

/* Takes a ready node off, copies its result and gives the node up; the next taker may go on.
 * Returns a bundle to kick with no lock held, or NULL. */
static struct bundle *hand_over_locked(struct mr_pipeline *pipeline, struct node *node,
                                       struct mr_result *result)
{
    take_locked(pipeline, node);
    show(pipeline, node, result);
    struct bundle *woken = node_release_locked(pipeline, node);
    flow_signal_locked(pipeline);
    return woken;
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

bool flow_is_through_locked(const struct mr_pipeline *pipeline)
{
    return pipeline->is_closed && pipeline->in_flight_count == 0;
}

/*
 * Waits for has_result once. *dozes is true at first; it is false once a doze went by in which
 * there was nothing to watch. Returns false when deadline_ns has passed.
 */
static bool wait_locked(struct mr_pipeline *pipeline, int64_t deadline_ns, bool *dozes)
{
    bool is_woken, is_dozing = *dozes || atomic_load(&pipeline->watched_count) > 0;
    pipeline->taker_count++;
    pipeline->sleeper_count += !is_dozing;
    bool in_time =
        watch_wait(&pipeline->has_result, &pipeline->lock, deadline_ns, is_dozing, &is_woken);
    pipeline->sleeper_count -= !is_dozing;
    pipeline->taker_count--;
    *dozes = true;
    if (!is_woken) {
        lock_give(&pipeline->lock);
        *dozes = watch_look(pipeline);
        lock_take(&pipeline->lock);
    }
    return in_time;
}

enum mr_status mr_pipeline_next(struct mr_pipeline *pipeline, int64_t timeout_ms,
                                struct mr_result *result)
{
    if (!pipeline || !result || flow_is_own_thread(pipeline))
        return MR_E_USAGE;
    int64_t deadline_ns = timeout_ms < 0 ? INT64_MAX : 0;
    if (timeout_ms > 0)
        deadline_ns = deadline_from_ms(timeout_ms);
    bool in_time = timeout_ms != 0, dozes = true;
    struct node *node;
    struct bundle *woken = NULL;
    lock_take(&pipeline->lock);
    while (!(node = flow_find_ready_locked(pipeline)) && !flow_is_through_locked(pipeline) &&
           in_time)
        in_time = wait_locked(pipeline, deadline_ns, &dozes);
    enum mr_status status = MR_OK;
    if (node)
        woken = hand_over_locked(pipeline, node, result);
    else
        status = flow_is_through_locked(pipeline) ? MR_DONE : MR_TIMEOUT;
    lock_give(&pipeline->lock);
    if (woken)
        line_kick(&woken->item);
    return status;
}

/* ---- one thread that submits and takes ---- */

/* Blocks until a result can be taken, there may be room, or the pipeline is closed. */
static struct node *await_result_or_room_locked(struct mr_pipeline *pipeline, uint64_t cost_bytes,
                                                bool *dozes)
{
    struct node *node;
    while (!(node = flow_find_ready_locked(pipeline)) && !pipeline->is_closed &&
           (pipeline->is_gate_taken || !intake_has_room_locked(pipeline, cost_bytes))) {
        pipeline->room_watcher_count++;
        wait_locked(pipeline, INT64_MAX, dozes);
        pipeline->room_watcher_count--;
    }
    return node;
}

enum mr_status mr_pipeline_submit_or_take(struct mr_pipeline *pipeline, void *value,
                                          uint64_t cost_bytes, void *user, struct mr_result *result,
                                          struct mr_error *err)
{
    if (!pipeline || !result || flow_is_own_thread(pipeline))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "submit_or_take: a pipeline and a result are needed, and no step");
    struct bundle *woken = NULL;
    struct node *node = NULL;
    bool dozes = true;
    enum mr_status status;
    lock_take(&pipeline->lock);
    while ((status = intake_try_locked(pipeline, value, cost_bytes, user)) == MR_AGAIN) {
        node = await_result_or_room_locked(pipeline, cost_bytes, &dozes);
        if (node) {
            woken = hand_over_locked(pipeline, node, result);
            break;
        }
    }
    struct intake *intake = intake_pick_if_worth_it_locked(pipeline);
    lock_give(&pipeline->lock);
    intake_post(intake);
    if (woken)
        line_kick(&woken->item);
    return intake_refused(status, err);
}

/* ---- map ---- */

struct map {
    struct mr_pipeline *pipeline;
    void *const *values;
    size_t count, next;
    uint64_t cost_bytes;
    void (*take)(const struct mr_result *result, void *ctx);
    void *ctx;
    enum mr_status status; /* of the last submit */
    struct node *taken[MAP_BATCH_COUNT];
    unsigned taken_count;
};

/* Submits what there is room for, but not so much that results wait for long. */
static struct intake *map_submit_locked(struct map *map)
{
    size_t end =
        map->count - map->next > MAP_BATCH_COUNT ? map->next + MAP_BATCH_COUNT : map->count;
    map->status = MR_OK;
    while (map->next < end && map->status == MR_OK) {
        map->status = intake_try_locked(map->pipeline, map->values[map->next], map->cost_bytes,
                                        (void *)(uintptr_t)&map->values[map->next]);
        map->next += map->status == MR_OK;
    }
    return intake_pick_if_worth_it_locked(map->pipeline);
}

/* Takes results off; they are released when they have been shown. */
static void map_take_locked(struct map *map)
{
    struct node *node;
    while (map->taken_count < MAP_BATCH_COUNT && (node = flow_find_ready_locked(map->pipeline))) {
        take_locked(map->pipeline, node);
        map->taken[map->taken_count++] = node;
    }
}

static void map_show(struct map *map)
{
    struct mr_pipeline *pipeline = map->pipeline;
    struct bundle_queue woken = {NULL, NULL};
    struct mr_result result;
    if (map->taken_count == 0)
        return;
    for (unsigned i = 0; i < map->taken_count; i++) {
        show(pipeline, map->taken[i], &result);
        map->take(&result, map->ctx);
    }
    lock_take(&pipeline->lock);
    for (unsigned i = 0; i < map->taken_count; i++) {
        struct bundle *bundle = node_release_locked(pipeline, map->taken[i]);
        if (bundle)
            bundle_push(&woken, bundle);
    }
    lock_give(&pipeline->lock);
    map->taken_count = 0;
    bundle_kick_all(&woken);
}

/* Submits and takes until everything was submitted, or no more can be. */
static void map_run(struct map *map)
{
    struct mr_pipeline *pipeline = map->pipeline;
    bool dozes = true;
    while (map->next < map->count) {
        size_t before = map->next;
        lock_take(&pipeline->lock);
        struct intake *intake = map_submit_locked(map);
        map_take_locked(map);
        bool is_stuck = map->next == before && map->taken_count == 0;
        bool goes_on = !is_stuck || map->status == MR_AGAIN;
        if (is_stuck && goes_on)
            await_result_or_room_locked(pipeline, map->cost_bytes, &dozes);
        else
            dozes = true;
        lock_give(&pipeline->lock);
        intake_post(intake);
        map_show(map);
        if (!goes_on)
            return;
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
    bool is_through = false, dozes = true;
    while (!is_through) {
        lock_take(&pipeline->lock);
        map_take_locked(&map);
        is_through = flow_is_through_locked(pipeline);
        if (map.taken_count == 0 && !is_through)
            wait_locked(pipeline, INT64_MAX, &dozes);
        else
            dozes = true;
        lock_give(&pipeline->lock);
        map_show(&map);
    }
    return map.next == count ? MR_OK : intake_refused(map.status, err);
}
