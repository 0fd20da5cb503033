/* figures.c - what a job shows of itself, while it runs and after it. */
#include <string.h>

#include "base/clock.h"
#include "flow/item.h"
#include "flow/stages.h"

static enum job_stage limiting_stage(const struct job_figures *figures)
{
    enum job_stage most = JOB_LOAD;
    double most_load = -1;
    for (unsigned s = 0; s < JOB_STAGES; s++) {
        const struct job_stage_figures *stage = &figures->stages[s];
        double whole_s = figures->is_shared ? 1 : stage->thread_s;
        double load = whole_s > 0 ? stage->busy_s / whole_s : 0;
        if (load > most_load) {
            most_load = load;
            most = (enum job_stage)s;
        }
    }
    return most;
}

static void add_steps(struct job_stage_figures *stage, const struct line_figures *line,
                      unsigned wanted)
{
    static const unsigned stage_of[STEP_COUNT] = {[STEP_LOAD] = JOB_LOAD,
                                                  [STEP_PROCESS] = JOB_PROCESS,
                                                  [STEP_ENCODE] = JOB_PROCESS,
                                                  [STEP_STORE] = JOB_STORE};
    for (unsigned s = 0; s < STEP_COUNT; s++) {
        if (stage_of[s] != wanted)
            continue;
        stage->run_count += line->step_runs[s];
        stage->busy_s += (double)line->step_busy_ns[s] / 1e9;
    }
}

/*
 * LOAD is what its step and the feed did; STORE what its step did; PROCESS whatever else its pool
 * was busy with: its step, and what the sink has compressed there.
 */
static void stage_figures(struct job *job, const struct line_figures *line,
                          struct job_figures *figures)
{
    struct pool_times times[JOB_STAGES];
    for (unsigned s = 0; s < JOB_STAGES; s++) {
        struct job_stage_figures *stage = &figures->stages[s];
        times[s] = job->end_times[s];
        if (job->end_ns == 0)
            pool_times(job->pools[s], &times[s]);
        stage->thread_count = pool_thread_count(job->pools[s]);
        stages_sizes(job, s, &stage->thread_least, &stage->thread_most);
        stage->thread_s =
            (double)(times[s].busy_ns + times[s].starved_ns + times[s].blocked_ns) / 1e9;
        add_steps(stage, line, s);
        if (!figures->is_shared) {
            stage->starved_s = (double)times[s].starved_ns / 1e9;
            stage->blocked_s = (double)times[s].blocked_ns / 1e9;
        }
    }
    struct job_stage_figures *stages = figures->stages;
    stages[JOB_LOAD].busy_s += (double)line->feed_busy_ns / 1e9;
    double process_s = (double)times[JOB_PROCESS].busy_ns / 1e9;
    if (figures->is_shared) {
        figures->idle_s = (double)(times[0].starved_ns + times[0].blocked_ns) / 1e9;
        process_s -= stages[JOB_LOAD].busy_s + stages[JOB_STORE].busy_s;
    }
    if (job->sink_uses_pool && process_s > stages[JOB_PROCESS].busy_s)
        stages[JOB_PROCESS].busy_s = process_s;
}

void job_figures(struct job *job, struct job_figures *figures)
{
    struct line_figures line;
    line_figures(job->line, &line);
    memset(figures, 0, sizeof(*figures));
    figures->stored_count = atomic_load(&job->outcomes[JOB_STORED]);
    figures->skipped_count = atomic_load(&job->outcomes[JOB_SKIPPED]);
    figures->failed_count = atomic_load(&job->outcomes[JOB_FAILED]);
    figures->cancelled_count = atomic_load(&job->outcomes[JOB_CANCELLED]);
    figures->copied_count = atomic_load(&job->copied_count);
    figures->retried_count = atomic_load(&job->retried_count);
    figures->remarked_count = atomic_load(&job->remarked_count);
    figures->file_count = atomic_load(&job->file_count);
    figures->found_count = atomic_load(&job->found_count);
    figures->found_bytes = atomic_load(&job->found_bytes);
    figures->through_bytes = atomic_load(&job->through_bytes);
    figures->is_sized = !atomic_load(&job->has_unsized);
    figures->is_found_all = atomic_load(&job->is_found_all);
    figures->in_bytes = atomic_load(&job->in_bytes);
    figures->out_bytes = atomic_load(&job->out_bytes);
    const struct mr_sink *sink = job->config.sink;
    if (sink->ops->output_bytes)
        figures->out_bytes = sink->ops->output_bytes(job->config.sink);
    figures->in_flight_count = line.in_flight_count;
    figures->memory_used_bytes = line.budget_used_bytes;
    figures->memory_peak_bytes = line.budget_peak_bytes;
    figures->memory_item_bytes = line.largest_cost_bytes;
    figures->memory_bytes = job->config.memory_bytes;
    int64_t end_ns = job->end_ns ? job->end_ns : clock_now_ns();
    figures->elapsed_s = (double)(end_ns - job->start_ns) / 1e9;
    figures->is_serial_source = atomic_load(&job->is_serial_seen);
    figures->is_serial_sink = (sink->flags & MR_SINK_SERIAL) != 0;
    figures->is_ordered = job->order == LINE_IN_ORDER;
    figures->is_shared = job->config.pools == JOB_POOLS_SHARED;
    stage_figures(job, &line, figures);
    figures->limiting = limiting_stage(figures);
}

bool job_worker_figures(struct job *job, enum job_stage stage, unsigned index,
                        struct job_worker_figures *figures)
{
    struct mr_pool *pool = job->pools[stage];
    struct pool_times times;
    unsigned least, most;
    stages_sizes(job, stage, &least, &most);
    if (index >= most)
        return false;
    pool_worker_times(pool, index, job->end_ns, &times);
    *figures = (struct job_worker_figures){.busy_s = (double)times.busy_ns / 1e9,
                                           .starved_s = (double)times.starved_ns / 1e9,
                                           .blocked_s = (double)times.blocked_ns / 1e9};
    return true;
}
