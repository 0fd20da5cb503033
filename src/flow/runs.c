/* runs.c - what the threads of the job do, for who wants to know. */
#include "flow/item.h"

bool runs_are_wanted(const struct job *job)
{
    return job->config.observer.ran || job->config.observer.wants_stage_times;
}

static void tell(struct job *job, const struct job_run *run)
{
    const struct job_observer *observer = &job->config.observer;
    if (observer->ran)
        observer->ran(observer->ctx, job, run);
}

void runs_item_ran(void *ctx, struct line_item *line_item, unsigned step, int64_t start_ns,
                   int64_t end_ns)
{
    static const struct {
        enum job_work work;
        enum job_stage stage;
    } steps[STEP_COUNT] = {
        [STEP_LOAD] = {JOB_WORK_LOAD, JOB_LOAD},
        [STEP_PROCESS] = {JOB_WORK_PROCESS, JOB_PROCESS},
        [STEP_ENCODE] = {JOB_WORK_ENCODE, JOB_PROCESS},
        [STEP_STORE] = {JOB_WORK_STORE, JOB_STORE},
    };
    struct job *job = ctx;
    struct job_run run = {.work = JOB_WORK_FEED, .start_ns = start_ns, .end_ns = end_ns};
    if (line_item) {
        struct item *item = item_of(line_item);
        atomic_fetch_add_explicit(&item->stage_ns[steps[step].stage], end_ns - start_ns,
                                  memory_order_relaxed);
        run.work = steps[step].work;
        run.number = line_item->seq + 1;
        run.entry = &item->entry;
    }
    tell(job, &run);
}

/* Since when the calling thread decoded, the last time. */
static _Thread_local int64_t decoded_since_ns;

void runs_function_ran(void *ctx, int64_t start_ns, int64_t end_ns)
{
    if (decoded_since_ns >= start_ns) /* it was to decode, and has told that */
        return;
    const struct job_run run = {.work = JOB_WORK_BLOCK, .start_ns = start_ns, .end_ns = end_ns};
    tell(ctx, &run);
}

void runs_decode_ran(void *ctx, int64_t start_ns, int64_t end_ns)
{
    const struct job_run run = {.work = JOB_WORK_DECODE, .start_ns = start_ns, .end_ns = end_ns};
    decoded_since_ns = start_ns;
    if (end_ns > start_ns)
        tell(ctx, &run);
}

void job_levels(struct job *job, struct job_levels *levels)
{
    struct line_figures line;
    line_figures(job->line, &line);
    *levels = (struct job_levels){.memory_used_bytes = line.budget_used_bytes,
                                  .in_flight_count = line.in_flight_count};
    bool is_shared = job->config.pools == JOB_POOLS_SHARED;
    for (unsigned s = 0; s < JOB_STAGES; s++)
        if (!is_shared || s == JOB_PROCESS)
            levels->queued_counts[s] = pool_queued_count(job->pools[s]);
}
