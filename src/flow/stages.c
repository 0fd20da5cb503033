#include "flow/stages.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/runqueue.h"
#include "flow/tune.h"

#define LOOK_NS INT64_C(100000000)
/* A step of an item counts as so many bytes of its content: there are empty files, too. */
#define RUN_BYTES 4096

/* What has been counted up to a moment. */
struct mark {
    int64_t at_ns, cpu_ns;
    int64_t waited_ns; /* by ready threads, for a processor; below 0: not known */
    int64_t busy_ns[JOB_STAGES];
    uint64_t bytes, runs;
};

struct stages {
    struct tune tune;
    struct mark last;
};

/* ---- making ---- */

static bool is_shared(const struct job *job)
{
    return job->config.pools == JOB_POOLS_SHARED;
}

static unsigned pool_count(const struct job *job)
{
    return is_shared(job) ? 1 : JOB_STAGES;
}

/* The threads of the s-th pool at first, and at most: 0 as its size stays. */
static unsigned first_size(const struct job_config *config, unsigned s, unsigned *max)
{
    const unsigned counts[JOB_STAGES] = {config->reader_count, config->worker_count,
                                         config->writer_count};
    const unsigned maxima[JOB_STAGES] = {config->reader_max, config->worker_max,
                                         config->writer_max};
    unsigned stage = config->pools == JOB_POOLS_SHARED ? JOB_PROCESS : s;
    *max = maxima[stage];
    return counts[stage];
}

static enum mr_status make_pools(struct job *job, const unsigned *counts, const unsigned *maxima,
                                 struct mr_error *err)
{
    static const char *const names[JOB_STAGES] = {"read", "work", "write"};
    for (unsigned s = 0; s < pool_count(job); s++) {
        const struct mr_pool_config config = {.struct_bytes = sizeof(config),
                                              .name = job->config.has_unnamed_threads ? ""
                                                      : is_shared(job)                ? "work"
                                                                                      : names[s],
                                              .thread_count = counts[s]};
        enum mr_status status = pool_create_sized(&config, maxima[s], &job->pools[s], err);
        if (status != MR_OK)
            return status;
    }
    for (unsigned s = pool_count(job); s < JOB_STAGES; s++)
        job->pools[s] = job->pools[0];
    return MR_OK;
}

/* Other processes do the work: what they take of the processors is not seen here. */
static bool works_outside(const struct job_config *config)
{
    return config->is_isolated || chain_is_outside(config->chain);
}

enum mr_status stages_create(struct job *job, struct mr_error *err)
{
    unsigned counts[JOB_STAGES], maxima[JOB_STAGES];
    bool may_change = false;
    for (unsigned s = 0; s < pool_count(job); s++) {
        counts[s] = first_size(&job->config, s, &maxima[s]);
        may_change = may_change || maxima[s] > counts[s];
    }
    enum mr_status status = make_pools(job, counts, maxima, err);
    if (status != MR_OK || !may_change || works_outside(&job->config))
        return status;
    job->stages = calloc(1, sizeof(*job->stages));
    if (!job->stages)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    tune_init(&job->stages->tune, thread_processor_count(), pool_count(job), counts, maxima);
    return MR_OK;
}

void stages_shut(struct job *job)
{
    for (unsigned s = 0; s < pool_count(job); s++)
        if (job->pools[s])
            mr_pool_shutdown(job->pools[s], MR_SHUTDOWN_DRAIN);
}

void stages_destroy(struct job *job)
{
    for (unsigned s = 0; s < pool_count(job); s++)
        mr_pool_destroy(job->pools[s]);
    free(job->stages);
}

/* ---- looking ---- */

static void set_mark(struct job *job, struct mark *mark)
{
    struct line_figures line;
    line_figures(job->line, &line);
    mark->at_ns = clock_now_ns();
    mark->cpu_ns = clock_cpu_ns();
    mark->waited_ns = runqueue_waited_ns();
    mark->bytes = atomic_load(&job->in_bytes) + atomic_load(&job->out_bytes);
    mark->runs = 0;
    for (unsigned s = 0; s < STEP_COUNT; s++)
        mark->runs += line.step_runs[s];
    for (unsigned s = 0; s < pool_count(job); s++) {
        struct pool_times times;
        pool_times(job->pools[s], &times);
        mark->busy_ns[s] = times.busy_ns;
    }
}

/*
 * The time that the process leaves to others: its threads neither ran on a processor nor wanted
 * one. On a busy machine they may wait for it; then more of them would only wait with them.
 */
static double idle_s(const struct stages *stages, const struct mark *from, const struct mark *to)
{
    int64_t all_ns = (to->at_ns - from->at_ns) * (int64_t)stages->tune.processor_count;
    int64_t wanted_ns = to->cpu_ns - from->cpu_ns + to->waited_ns - from->waited_ns;
    if (from->waited_ns < 0 || to->waited_ns < 0 || wanted_ns >= all_ns)
        return 0;
    return (double)(all_ns - wanted_ns) / 1e9;
}

int64_t stages_next_ns(const struct job *job)
{
    return job->stages ? job->stages->last.at_ns + LOOK_NS : INT64_MAX;
}

void stages_look(struct job *job)
{
    struct stages *stages = job->stages;
    struct tune *tune = &stages->tune;
    struct mark from = stages->last;
    struct mark *to = &stages->last;
    set_mark(job, to);
    if (from.at_ns == 0)
        return;
    struct tune_sample sample = {.seconds = (double)(to->at_ns - from.at_ns) / 1e9,
                                 .runs = (double)(to->runs - from.runs),
                                 .idle_s = idle_s(stages, &from, to)};
    sample.work = (double)(to->bytes - from.bytes) + RUN_BYTES * sample.runs;
    for (unsigned s = 0; s < tune->pool_count; s++)
        sample.busy_s[s] = (double)(to->busy_ns[s] - from.busy_ns[s]) / 1e9;
    if (!tune_step(tune, &sample))
        return;
    for (unsigned s = 0; s < tune->pool_count; s++)
        if (pool_resize(job->pools[s], tune->pools[s].count, NULL) != MR_OK)
            tune->pools[s].max = tune->pools[s].count = pool_thread_count(job->pools[s]);
}

void stages_sizes(const struct job *job, enum job_stage stage, unsigned *least, unsigned *most)
{
    if (!job->stages) {
        *least = *most = pool_thread_count(job->pools[stage]);
        return;
    }
    const struct tune_pool *pool = &job->stages->tune.pools[is_shared(job) ? 0 : stage];
    *least = pool->least_seen;
    *most = pool->most_seen;
}
