/* How results get out of a pipeline, in order or not. */
#include "base/clock.h"
#include "engine/pipeline_state.h"

/* Results that a taker that dozes is woken for. */
#define READY_BATCH_COUNT 512

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

/* Takes the inputs off that are ready at the head of the queue, and have no children: most are so.
 * The others are only looked at, and nothing is written in between: what comes from the caches of
 * other processors is then fetched side by side. */
static unsigned take_roots_locked(struct mr_pipeline *pipeline, struct node **nodes,
                                  unsigned max_count)
{
    struct node *node = pipeline->first_root;
    unsigned count = 0;
    for (; count < max_count && node && !node->first_child && node->is_ready; node = node->after)
        nodes[count++] = node;
    if (count == 0)
        return 0;
    pipeline->first_root = node;
    if (node)
        node->before = NULL;
    else
        pipeline->last_root = NULL;
    for (unsigned i = 0; i < count; i++)
        nodes[i]->is_linked = false;
    return count;
}

unsigned flow_take_locked(struct mr_pipeline *pipeline, struct node **nodes, unsigned max_count)
{
    bool is_ordered = pipeline->config.is_ordered;
    unsigned count = is_ordered ? take_roots_locked(pipeline, nodes, max_count) : 0;
    struct node *node;
    while (count < max_count && (node = flow_find_ready_locked(pipeline))) {
        nodes[count++] = node;
        if (is_ordered)
            node_unlink_locked(pipeline, node);
        else
            queue_pop(&pipeline->ready);
    }
    pipeline->ready_count -= count;
    pipeline->delivered_count += count;
    return count;
}

void flow_show(const struct mr_pipeline *pipeline, const struct node *node,
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
    flow_take_locked(pipeline, &node, 1);
    flow_show(pipeline, node, result);
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

bool flow_wait_locked(struct mr_pipeline *pipeline, int64_t deadline_ns, bool *dozes)
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
        in_time = flow_wait_locked(pipeline, deadline_ns, &dozes);
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

struct node *flow_await_result_or_room_locked(struct mr_pipeline *pipeline, uint64_t cost_bytes,
                                              bool *dozes)
{
    struct node *node;
    while (!(node = flow_find_ready_locked(pipeline)) && !pipeline->is_closed &&
           (pipeline->is_gate_taken || !intake_has_room_locked(pipeline, cost_bytes))) {
        pipeline->room_watcher_count++;
        flow_wait_locked(pipeline, INT64_MAX, dozes);
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
    bool dozes = true;
    enum mr_status status = MR_E_MEMORY;
    lock_take(&pipeline->lock);
    struct node *input = node_create_locked(pipeline, NULL, value, user);
    if (input)
        input->cost_bytes = cost_bytes;
    while (input && (status = intake_try_locked(pipeline, input)) == MR_AGAIN) {
        struct node *node = flow_await_result_or_room_locked(pipeline, cost_bytes, &dozes);
        if (node) {
            woken = hand_over_locked(pipeline, node, result);
            break;
        }
    }
    if (input && status != MR_OK)
        node_destroy_locked(pipeline, input);
    struct intake *intake = intake_pick_if_worth_it_locked(pipeline);
    lock_give(&pipeline->lock);
    intake_post(intake);
    if (woken)
        line_kick(&woken->item);
    return intake_refused(status, err);
}
