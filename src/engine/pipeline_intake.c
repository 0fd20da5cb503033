/* How inputs get into a pipeline: submitters put them down, intakes make bundles of them. */
#include "engine/pipeline_state.h"

/* Bundles that an intake makes before it lets other tasks of its pool run. */
#define INTAKE_BATCH_COUNT 8

/* ---- intakes ---- */

/* How large bundles of inputs should be, and what an input takes of a thread, by what the steps
 * took of late. */
static void estimate_locked(struct mr_pipeline *pipeline)
{
    int64_t slowest_ns = 0, sum_ns = 0;
    for (unsigned s = 0; s < pipeline->step_count; s++) {
        const struct step_state *step = &pipeline->steps[s];
        int64_t item_ns = atomic_load_explicit(&step->item_ns, memory_order_relaxed);
        if (item_ns > slowest_ns)
            slowest_ns = item_ns;
        if (step->pool == pipeline->steps[0].pool)
            sum_ns += item_ns;
    }
    int64_t size = slowest_ns > 0 ? BUNDLE_NS / slowest_ns : 1;
    pipeline->bundle_size = size < 1 ? 1 : size > BUNDLE_MAX ? BUNDLE_MAX : (unsigned)size;
    pipeline->input_ns = sum_ns;
}

struct intake *intake_pick_locked(struct mr_pipeline *pipeline)
{
    if (pipeline->waiting_count == 0 || pipeline->active_intake_count == pipeline->intake_count)
        return NULL;
    struct intake *intake = pipeline->intakes;
    while (intake->is_active)
        intake++;
    intake->is_active = true;
    pipeline->active_intake_count++;
    return intake;
}

void intake_post(struct intake *intake)
{
    if (intake)
        pool_post_one(intake->pipeline->steps[0].pool, &intake->task);
}

/*
 * After a submit: an intake that should be posted. Those that are active take what comes, as long
 * as that is less work than waking another thread is worth; but one that sleeps for good is woken
 * once, so that somebody watches.
 */
struct intake *intake_pick_if_worth_it_locked(struct mr_pipeline *pipeline)
{
    unsigned active_count = pipeline->active_intake_count;
    if (active_count == pipeline->intake_count)
        return NULL;
    if (active_count > 0 && pipeline->input_ns > 0 &&
        pipeline->waiting_count * pipeline->input_ns < active_count * (int64_t)WAKE_NS &&
        !pool_needs_watch(pipeline->steps[0].pool))
        return NULL;
    return intake_pick_locked(pipeline);
}

static void absorb_locked(struct bundle *bundle, struct bundle *next)
{
    for (unsigned i = 0; i < next->count; i++)
        bundle->nodes[bundle->count++] = next->nodes[i];
    bundle_destroy_locked(next);
}

/* To a bundle what waits behind it: inputs that came before it was known how large bundles should
 * be, and for a first step that does several together, but no more than its thread's share. */
static void fill_locked(struct bundle *bundle)
{
    struct mr_pipeline *pipeline = bundle->pipeline;
    struct bundle *next;
    unsigned size = batch_size(&pipeline->steps[0]);
    unsigned share = batch_share(pipeline->waiting_count, pipeline->intake_count);
    size = size < share ? size : share;
    if (size < pipeline->bundle_size)
        size = pipeline->bundle_size;
    while ((next = pipeline->full.first) != NULL && bundle->count + next->count <= size)
        absorb_locked(bundle, bundle_pop(&pipeline->full));
    next = pipeline->open;
    if (next && !pipeline->full.first && bundle->count + next->count <= size) {
        pipeline->open = NULL;
        absorb_locked(bundle, next);
    }
}

/* A bundle of inputs, or NULL: there are none, and the intake has ended. */
static struct bundle *next_bundle(struct intake *intake)
{
    struct mr_pipeline *pipeline = intake->pipeline;
    lock_take(&pipeline->lock);
    struct bundle *bundle = bundle_pop(&pipeline->full);
    if (!bundle) {
        bundle = pipeline->open;
        pipeline->open = NULL;
    }
    if (bundle) {
        estimate_locked(pipeline);
        fill_locked(bundle);
        pipeline->waiting_count -= bundle->count;
        watch_add_locked(bundle);
    } else {
        intake->is_active = false;
        pipeline->active_intake_count--;
    }
    lock_give(&pipeline->lock);
    return bundle;
}

void intake_run(struct task *task)
{
    struct intake *intake = (struct intake *)(void *)((char *)task - offsetof(struct intake, task));
    struct mr_pipeline *pipeline = intake->pipeline;
    for (unsigned i = 0; i < INTAKE_BATCH_COUNT; i++) {
        struct bundle *bundle = next_bundle(intake);
        if (!bundle)
            return;
        line_admit_here(pipeline->line, &bundle->item);
    }
    pool_post_one(pipeline->steps[0].pool, task);
}

/* ---- room ---- */

bool intake_has_room_locked(const struct mr_pipeline *pipeline, uint64_t cost_bytes)
{
    const struct mr_pipeline_config *config = &pipeline->config;
    if (pipeline->in_flight_count == 0)
        return true; /* what is larger than the whole budget runs alone */
    if (config->in_flight_count != 0 && pipeline->in_flight_count >= config->in_flight_count)
        return false;
    return config->budget_bytes == 0 || (pipeline->cost_bytes <= config->budget_bytes &&
                                         cost_bytes <= config->budget_bytes - pipeline->cost_bytes);
}

/* Is there room for a good many inputs? */
static bool has_much_room_locked(const struct mr_pipeline *pipeline)
{
    const struct mr_pipeline_config *config = &pipeline->config;
    unsigned count = config->in_flight_count;
    uint64_t bytes = config->budget_bytes;
    return (count == 0 || pipeline->in_flight_count <= count - count / 4) &&
           (bytes == 0 || pipeline->cost_bytes <= bytes - bytes / 4);
}

void intake_inputs_ended_locked(struct mr_pipeline *pipeline, unsigned count, uint64_t cost_bytes)
{
    pipeline->in_flight_count -= count;
    pipeline->cost_bytes -= cost_bytes;
    pipeline->ended_count += count;
    bool has_much = has_much_room_locked(pipeline);
    if (pipeline->is_gate_taken && (!pipeline->is_gate_dozing || has_much) &&
        intake_has_room_locked(pipeline, pipeline->gate_cost_bytes))
        condition_signal(&pipeline->has_room);
    if (pipeline->taker_count > 0 &&
        (flow_is_through_locked(pipeline) ||
         (pipeline->room_watcher_count > 0 && (pipeline->sleeper_count > 0 || has_much))))
        condition_broadcast(&pipeline->has_result);
}

/* ---- submitting ---- */

/* Takes an input in that there is room for. MR_E_MEMORY: it is still the caller's. */
static enum mr_status take_in_locked(struct mr_pipeline *pipeline, struct node *node)
{
    if (!pipeline->open)
        pipeline->open = bundle_create_locked(pipeline, 0);
    if (!pipeline->open)
        return MR_E_MEMORY;
    pipeline->in_flight_count++;
    pipeline->cost_bytes += node->cost_bytes;
    pipeline->submitted_count++;
    if (pipeline->in_flight_count > pipeline->in_flight_peak_count)
        pipeline->in_flight_peak_count = pipeline->in_flight_count;
    if (pipeline->cost_bytes > pipeline->cost_peak_bytes)
        pipeline->cost_peak_bytes = pipeline->cost_bytes;
    if (pipeline->config.is_ordered)
        node_link_locked(pipeline, node);
    struct bundle *bundle = pipeline->open;
    bundle->nodes[bundle->count++] = node;
    pipeline->waiting_count++;
    if (bundle->count >= pipeline->bundle_size) {
        bundle_push(&pipeline->full, bundle);
        pipeline->open = NULL;
    }
    if (atomic_load_explicit(&pipeline->is_refusing, memory_order_relaxed))
        atomic_store_explicit(&pipeline->is_refusing, false, memory_order_relaxed);
    return MR_OK;
}

enum mr_status intake_try_locked(struct mr_pipeline *pipeline, struct node *node)
{
    if (pipeline->is_closed)
        return MR_CLOSED;
    if (pipeline->is_gate_taken)
        return MR_AGAIN;
    if (intake_has_room_locked(pipeline, node->cost_bytes))
        return take_in_locked(pipeline, node);
    atomic_store_explicit(&pipeline->is_refusing, true, memory_order_relaxed);
    return MR_AGAIN;
}

/* In the gate: waits for room. False: the time is over, or the pipeline was closed. */
static bool wait_for_room_locked(struct mr_pipeline *pipeline, uint64_t cost_bytes,
                                 int64_t deadline_ns)
{
    bool in_time = true, dozes = true, has_room;
    pipeline->is_gate_taken = true;
    pipeline->gate_cost_bytes = cost_bytes;
    while (!(has_room = intake_has_room_locked(pipeline, cost_bytes)) && !pipeline->is_closed &&
           in_time) {
        bool is_woken;
        pipeline->is_gate_dozing = dozes || atomic_load(&pipeline->watched_count) > 0;
        in_time = watch_wait(&pipeline->has_room, &pipeline->lock, deadline_ns,
                             pipeline->is_gate_dozing, &is_woken);
        if (is_woken) {
            dozes = true;
            continue;
        }
        lock_give(&pipeline->lock);
        dozes = watch_look(pipeline);
        lock_take(&pipeline->lock);
    }
    pipeline->is_gate_taken = false;
    return has_room && !pipeline->is_closed;
}

/*
 * Waits until no other submitter is in the gate, then until there is room. One at a time: an input
 * then never waits for room behind the results of one that came in after it.
 */
static enum mr_status pass_gate_locked(struct mr_pipeline *pipeline, uint64_t cost_bytes,
                                       int64_t deadline_ns)
{
    bool in_time = true;
    while (pipeline->is_gate_taken && !pipeline->is_closed && in_time) {
        pipeline->gate_waiter_count++;
        in_time = condition_wait_until(&pipeline->gate_changed, &pipeline->lock, deadline_ns);
        pipeline->gate_waiter_count--;
    }
    if (!pipeline->is_closed && !pipeline->is_gate_taken) {
        if (intake_has_room_locked(pipeline, cost_bytes))
            return MR_OK;
        atomic_store_explicit(&pipeline->is_refusing, true, memory_order_relaxed);
        if (wait_for_room_locked(pipeline, cost_bytes, deadline_ns))
            return MR_OK;
    }
    return pipeline->is_closed ? MR_CLOSED : MR_TIMEOUT;
}

/* Whoever is through the gate, or gives up, lets the next one in, also when it found room at once:
 * there may be room for several. */
static enum mr_status enter_locked(struct mr_pipeline *pipeline, uint64_t cost_bytes,
                                   int64_t deadline_ns)
{
    enum mr_status status = pass_gate_locked(pipeline, cost_bytes, deadline_ns);
    if (!pipeline->is_gate_taken && pipeline->gate_waiter_count > 0)
        condition_signal(&pipeline->gate_changed);
    if (!pipeline->is_gate_taken && pipeline->room_watcher_count > 0)
        condition_broadcast(&pipeline->has_result);
    return status;
}

enum mr_status intake_refused(enum mr_status status, struct mr_error *err)
{
    if (status == MR_OK || !err)
        return status;
    const char *text = status == MR_E_MEMORY ? "no memory for an input"
                       : status == MR_CLOSED ? "the pipeline is closed"
                                             : "the pipeline is full";
    return mr_error_set(err, status, 0, "%s", text);
}

/* MR_AGAIN: there was no room, with a timeout of 0. */
static enum mr_status submit(struct mr_pipeline *pipeline, void *value, uint64_t cost_bytes,
                             void *user, int64_t timeout_ms)
{
    enum mr_status status = MR_E_MEMORY;
    lock_take(&pipeline->lock);
    struct node *node = node_create_locked(pipeline, NULL, value, user);
    if (node) {
        node->cost_bytes = cost_bytes;
        status = intake_try_locked(pipeline, node);
    }
    if (status == MR_AGAIN && timeout_ms != 0) {
        status = enter_locked(pipeline, cost_bytes, deadline_from_ms(timeout_ms));
        if (status == MR_OK)
            status = take_in_locked(pipeline, node);
    }
    if (node && status != MR_OK)
        node_destroy_locked(pipeline, node);
    struct intake *intake = intake_pick_if_worth_it_locked(pipeline);
    lock_give(&pipeline->lock);
    intake_post(intake);
    return status;
}

enum mr_status mr_pipeline_submit(struct mr_pipeline *pipeline, void *value, uint64_t cost_bytes,
                                  void *user, int64_t timeout_ms, struct mr_error *err)
{
    if (!pipeline)
        return mr_error_set(err, MR_E_USAGE, 0, "submit: there is no pipeline");
    if (timeout_ms != 0 && flow_is_own_thread(pipeline))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "submit from a step of the same pipeline: use the try form");
    enum mr_status status = submit(pipeline, value, cost_bytes, user, timeout_ms);
    return intake_refused(status == MR_AGAIN ? MR_TIMEOUT : status, err);
}

enum mr_status mr_pipeline_try_submit(struct mr_pipeline *pipeline, void *value,
                                      uint64_t cost_bytes, void *user, struct mr_error *err)
{
    if (!pipeline)
        return mr_error_set(err, MR_E_USAGE, 0, "submit: there is no pipeline");
    return intake_refused(submit(pipeline, value, cost_bytes, user, 0), err);
}
