/* How a pipeline is made, closed, measured and ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pipeline_state.h"

#define WORKERS_MAX          4096
#define WINDOW_COUNT_DEFAULT 16

/* For the pool of a step: is its idle time due to a bound? Pool lock held. */
static bool is_step_blocked(void *ctx)
{
    const struct step_state *step = ctx;
    const struct mr_pipeline *pipeline = step->pipeline;
    if (step->index == 0 && atomic_load_explicit(&pipeline->is_refusing, memory_order_relaxed))
        return true;
    return line_is_held(pipeline->line, step->index);
}

/* For a shared pool. */
static bool is_any_blocked(void *ctx)
{
    struct mr_pipeline *pipeline = ctx;
    for (unsigned s = 0; s < pipeline->step_count; s++) {
        if (is_step_blocked(&pipeline->steps[s]))
            return true;
    }
    return false;
}

static bool has_batches_right(const struct mr_step *step)
{
    bool has_count = step->batch_count >= 2 && step->batch_count <= MR_STEP_BATCH_MAX;
    return step->batch_count == 0 ? !step->begin && !step->end
                                  : has_count && step->begin && step->end;
}

static enum mr_status check_config(const struct mr_pipeline_config *config, struct mr_error *err)
{
    if (!config || config->struct_bytes != sizeof(*config))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "a pipeline: struct_bytes is not that of this library");
    if (!config->steps || config->step_count < 1 || config->step_count > MR_PIPELINE_STEPS_MAX)
        return mr_error_set(err, MR_E_USAGE, 0, "a pipeline has 1 to %d steps",
                            MR_PIPELINE_STEPS_MAX);
    if (config->thread_count > WORKERS_MAX)
        return mr_error_set(err, MR_E_USAGE, 0, "a pipeline of %u threads: at most %d are allowed",
                            config->thread_count, WORKERS_MAX);
    if (config->pools != MR_POOL_EACH && config->pools != MR_POOL_SHARED)
        return mr_error_set(err, MR_E_USAGE, 0, "a pipeline: unknown kind of pools");
    for (unsigned s = 0; s < config->step_count; s++) {
        if (!config->steps[s].run)
            return mr_error_set(err, MR_E_USAGE, 0, "step %u has no function", s);
        if (config->steps[s].worker_count > WORKERS_MAX)
            return mr_error_set(err, MR_E_USAGE, 0, "step %u: at most %d workers are allowed", s,
                                WORKERS_MAX);
        if (!has_batches_right(&config->steps[s]))
            return mr_error_set(err, MR_E_USAGE, 0,
                                "step %u: batches are of 2 to %d values, with a begin and an end",
                                s, MR_STEP_BATCH_MAX);
    }
    return MR_OK;
}

static enum mr_status init_steps(struct mr_pipeline *pipeline,
                                 const struct mr_pipeline_config *config)
{
    for (unsigned s = 0; s < config->step_count; s++) {
        struct step_state *step = &pipeline->steps[s];
        char number[16];
        step->spec = config->steps[s];
        step->pipeline = pipeline;
        step->index = s;
        atomic_init(&step->item_ns, 0);
        atomic_init(&step->item_count, 0);
        atomic_init(&step->emit_count, 0);
        atomic_init(&step->failed_count, 0);
        atomic_init(&step->call_count, 0);
        snprintf(number, sizeof(number), "step%u", s);
        step->spec.name = strdup(step->spec.name ? step->spec.name : number);
        pipeline->step_count = s + 1;
        if (!step->spec.name)
            return MR_E_MEMORY;
    }
    return MR_OK;
}

static enum mr_status add_pool(struct mr_pipeline *pipeline, const char *name,
                               unsigned thread_count, struct mr_error *err)
{
    struct mr_pool_config config = {
        .struct_bytes = sizeof(config), .name = name, .thread_count = thread_count};
    enum mr_status status = mr_pool_create(&config, &pipeline->pools[pipeline->pool_count], err);
    if (status == MR_OK)
        pipeline->pool_count++;
    return status;
}

static enum mr_status start_shared_pool(struct mr_pipeline *pipeline, const char *name,
                                        struct mr_error *err)
{
    enum mr_status status =
        add_pool(pipeline, name ? name : "pipeline", pipeline->config.thread_count, err);
    if (status != MR_OK)
        return status;
    unsigned thread_count = pool_thread_count(pipeline->pools[0]);
    for (unsigned s = 0; s < pipeline->step_count; s++) {
        struct step_state *step = &pipeline->steps[s];
        unsigned limit = step->spec.worker_count;
        step->pool = pipeline->pools[0];
        bool is_limited = limit > 0 && limit < thread_count;
        step->has_slots = is_limited || batch_is_possible(step);
        step->worker_count = is_limited ? limit : thread_count;
        step->free_slot_count = step->worker_count;
    }
    return MR_OK;
}

static enum mr_status start_pools(struct mr_pipeline *pipeline, const char *name,
                                  struct mr_error *err)
{
    if (pipeline->config.pools == MR_POOL_SHARED)
        return start_shared_pool(pipeline, name, err);
    for (unsigned s = 0; s < pipeline->step_count; s++) {
        struct step_state *step = &pipeline->steps[s];
        enum mr_status status = add_pool(pipeline, step->spec.name, step->spec.worker_count, err);
        if (status != MR_OK)
            return status;
        step->pool = pipeline->pools[s];
        step->worker_count = pool_thread_count(step->pool);
        step->has_slots = batch_is_possible(step);
        step->free_slot_count = step->worker_count;
    }
    return MR_OK;
}

/* An intake for each thread of the first step. */
static enum mr_status start_intakes(struct mr_pipeline *pipeline)
{
    unsigned count = pool_thread_count(pipeline->steps[0].pool);
    pipeline->intakes = calloc(count, sizeof(*pipeline->intakes));
    if (!pipeline->intakes)
        return MR_E_MEMORY;
    pipeline->intake_count = count;
    for (unsigned i = 0; i < count; i++) {
        pipeline->intakes[i].pipeline = pipeline;
        pipeline->intakes[i].task.run = intake_run;
    }
    pipeline->bundle_size = 1;
    return MR_OK;
}

static enum mr_status start_line(struct mr_pipeline *pipeline, struct mr_error *err)
{
    const struct mr_pipeline_config *config = &pipeline->config;
    struct line_step steps[MR_PIPELINE_STEPS_MAX];
    bundle_steps(pipeline, steps);
    struct line_config line_config = {
        .steps = steps,
        .step_count = pipeline->step_count,
        .order = LINE_FREE,          /* the order of results is kept where they are taken, */
        .in_flight_max = UINT32_MAX, /* and the bounds where inputs are taken in */
        .client = bundle_client};
    line_config.client.ctx = pipeline;
    if (line_create(&line_config, &pipeline->line) != MR_OK)
        return mr_error_set(err, MR_E_MEMORY, 0, "no memory for a pipeline");
    if (start_intakes(pipeline) != MR_OK)
        return mr_error_set(err, MR_E_MEMORY, 0, "no memory for a pipeline");
    if (config->pools == MR_POOL_SHARED) {
        pool_set_idle_reason(pipeline->pools[0], is_any_blocked, pipeline);
    } else {
        for (unsigned s = 0; s < pipeline->step_count; s++)
            pool_set_idle_reason(pipeline->pools[s], is_step_blocked, &pipeline->steps[s]);
    }
    for (unsigned i = 0; i < pipeline->pool_count; i++)
        pool_set_watch(pipeline->pools[i], watch_look, pipeline);
    line_start(pipeline->line);
    return MR_OK;
}

/* A pipeline with its locks and nothing else; NULL: no memory. */
static struct mr_pipeline *pipeline_new(const struct mr_pipeline_config *config)
{
    struct mr_pipeline *pipeline = aligned_alloc(alignof(struct mr_pipeline), sizeof(*pipeline));
    if (!pipeline)
        return NULL;
    memset(pipeline, 0, sizeof(*pipeline));
    if (lock_init(&pipeline->lock) != MR_OK)
        goto no_lock;
    if (condition_init(&pipeline->has_result) != MR_OK)
        goto no_result;
    if (condition_init(&pipeline->has_room) != MR_OK)
        goto no_room;
    if (condition_init(&pipeline->gate_changed) != MR_OK)
        goto no_gate;
    pipeline->config = *config;
    if (pipeline->config.window_count == 0)
        pipeline->config.window_count = WINDOW_COUNT_DEFAULT;
    atomic_init(&pipeline->is_cancelled, false);
    atomic_init(&pipeline->is_refusing, false);
    atomic_init(&pipeline->watched_count, 0);
    return pipeline;
no_gate:
    condition_fini(&pipeline->has_room);
no_room:
    condition_fini(&pipeline->has_result);
no_result:
    lock_fini(&pipeline->lock);
no_lock:
    free(pipeline);
    return NULL;
}

/* Frees the nodes and bundles that were kept for later. */
static void free_idle(struct mr_pipeline *pipeline)
{
    struct bundle *bundle;
    while ((bundle = pipeline->idle_bundles) != NULL) {
        pipeline->idle_bundles = bundle->next_queued;
        free(bundle);
    }
    struct node *node;
    while ((node = pipeline->idle_nodes.first) != NULL) {
        pipeline->idle_nodes.first = node->next_queued;
        free(node);
    }
}

/* Frees a pipeline that nothing is in; also one that was made only in part. */
static void pipeline_free(struct mr_pipeline *pipeline)
{
    /* First the threads: one of them may still be on its way out of the line. */
    for (unsigned i = 0; i < pipeline->pool_count; i++)
        mr_pool_shutdown(pipeline->pools[i], MR_SHUTDOWN_DRAIN);
    line_destroy(pipeline->line);
    for (unsigned i = 0; i < pipeline->pool_count; i++)
        mr_pool_destroy(pipeline->pools[i]);
    for (unsigned s = 0; s < pipeline->step_count; s++)
        free((char *)(uintptr_t)pipeline->steps[s].spec.name);
    free_idle(pipeline);
    free(pipeline->intakes);
    condition_fini(&pipeline->gate_changed);
    condition_fini(&pipeline->has_room);
    condition_fini(&pipeline->has_result);
    lock_fini(&pipeline->lock);
    free(pipeline);
}

enum mr_status mr_pipeline_create(const struct mr_pipeline_config *config,
                                  struct mr_pipeline **pipeline, struct mr_error *err)
{
    if (!pipeline)
        return mr_error_set(err, MR_E_USAGE, 0, "a pipeline: there is no place to put it");
    *pipeline = NULL;
    enum mr_status status = check_config(config, err);
    if (status != MR_OK)
        return status;
    struct mr_pipeline *made = pipeline_new(config);
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "no memory for a pipeline");
    status = init_steps(made, config);
    if (status != MR_OK)
        mr_error_set(err, status, 0, "no memory for a pipeline");
    if (status == MR_OK)
        status = start_pools(made, config->name, err);
    if (status == MR_OK)
        status = start_line(made, err);
    if (status != MR_OK) {
        pipeline_free(made);
        return status;
    }
    *pipeline = made;
    return MR_OK;
}

void mr_pipeline_close(struct mr_pipeline *pipeline)
{
    lock_take(&pipeline->lock);
    pipeline->is_closed = true;
    condition_broadcast(&pipeline->has_room);
    condition_broadcast(&pipeline->gate_changed);
    condition_broadcast(&pipeline->has_result);
    lock_give(&pipeline->lock);
}

void mr_pipeline_cancel(struct mr_pipeline *pipeline)
{
    atomic_store(&pipeline->is_cancelled, true);
    mr_pipeline_close(pipeline);
}

void mr_pipeline_destroy(struct mr_pipeline *pipeline)
{
    if (!pipeline)
        return;
    struct mr_result result;
    mr_pipeline_cancel(pipeline);
    while (mr_pipeline_next(pipeline, -1, &result) == MR_OK) {
        if (result.status == MR_OK)
            node_drop_value(pipeline, pipeline->step_count, result.value);
    }
    line_close(pipeline->line);
    line_wait(pipeline->line, INT64_MAX);
    pipeline_free(pipeline);
}

enum mr_status mr_pipeline_first_error(struct mr_pipeline *pipeline, struct mr_error *err)
{
    lock_take(&pipeline->lock);
    enum mr_status status = pipeline->first_status;
    if (err)
        *err = pipeline->first_error;
    lock_give(&pipeline->lock);
    return status;
}

void mr_pipeline_figures(struct mr_pipeline *pipeline, struct mr_pipeline_figures *figures)
{
    struct line_figures line;
    line_figures(pipeline->line, &line);
    memset(figures, 0, sizeof(*figures));
    lock_take(&pipeline->lock);
    figures->submitted_count = pipeline->submitted_count;
    figures->ended_count = pipeline->ended_count;
    figures->in_flight_count = pipeline->in_flight_count;
    figures->in_flight_peak_count = pipeline->in_flight_peak_count;
    figures->cost_bytes = pipeline->cost_bytes;
    figures->cost_peak_bytes = pipeline->cost_peak_bytes;
    figures->delivered_count = pipeline->delivered_count;
    lock_give(&pipeline->lock);
    figures->step_count = pipeline->step_count;
    for (unsigned s = 0; s < pipeline->step_count; s++) {
        struct step_state *step = &pipeline->steps[s];
        struct mr_step_figures *out = &figures->steps[s];
        out->name = step->spec.name;
        out->worker_count = step->worker_count;
        out->item_count = atomic_load(&step->item_count);
        out->emit_count = atomic_load(&step->emit_count);
        out->failed_count = atomic_load(&step->failed_count);
        out->call_count = atomic_load(&step->call_count);
        out->busy_ns = line.step_busy_ns[s];
    }
    for (unsigned i = 0; i < pipeline->pool_count; i++) {
        struct pool_times times;
        pool_times(pipeline->pools[i], &times);
        figures->starved_ns += times.starved_ns;
        figures->blocked_ns += times.blocked_ns;
        if (pipeline->config.pools == MR_POOL_EACH) {
            figures->steps[i].starved_ns = times.starved_ns;
            figures->steps[i].blocked_ns = times.blocked_ns;
        }
    }
}
