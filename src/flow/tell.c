/* tell.c - the end of each item: counted, told, and what its failure means for the rest of the run.
 */
#include <inttypes.h>

#include "flow/item.h"

/* A share of fewer items than these says nothing. */
#define SHARE_LEAST_COUNT 20

bool job_policy_halts(const struct job_policy *policy, uint64_t failed_count, uint64_t stored_count)
{
    if (policy->halt_count > 0 && failed_count >= policy->halt_count)
        return true;
    uint64_t all_count = failed_count + stored_count;
    return policy->halt_percent > 0 && all_count >= SHARE_LEAST_COUNT &&
           failed_count * 100 > policy->halt_percent * all_count;
}

bool job_is_halted(const struct job *job)
{
    return atomic_load(&job->is_halted);
}

/* Ends intake; what the operations have begun goes on. */
static void halt(struct job *job, const struct mr_error *error)
{
    if (atomic_flag_test_and_set(&job->has_stop_error))
        return;
    job->stop_error = *error;
    atomic_store(&job->is_halted, true);
    atomic_store(&job->stop_error_is_set, true);
    job_stop(job, false);
}

static void look_at_failures(struct job *job, const struct job_item *told)
{
    struct mr_error error = {0};
    if (told->outcome == JOB_FAILED && job->config.on_error == JOB_STOP) {
        error = *told->error;
        if (*told->shown)
            mr_error_prefix(&error, "%s", told->shown);
        halt(job, &error);
        return;
    }
    uint64_t failed_count = atomic_load(&job->outcomes[JOB_FAILED]),
             stored_count = atomic_load(&job->outcomes[JOB_STORED]);
    if (!job_policy_halts(&job->config.policy, failed_count, stored_count))
        return;
    mr_error_set(&error, MR_E_LIMIT, 0, "%" PRIu64 " of %" PRIu64 " items failed", failed_count,
                 failed_count + stored_count);
    halt(job, &error);
}

void job_tell(struct job *job, const struct job_item *told)
{
    atomic_fetch_add_explicit(&job->outcomes[told->outcome], 1, memory_order_relaxed);
    if (job->config.observer.item_ended)
        job->config.observer.item_ended(job->config.observer.ctx, told);
    if (told->outcome == JOB_FAILED || told->outcome == JOB_STORED)
        look_at_failures(job, told);
}
