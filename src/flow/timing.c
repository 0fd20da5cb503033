/*
 * timing.c - the time that operations work on an item, and what they may take (--timeout).
 *
 * Only time inside their calls counts: an item that waits for its turn, for room in its output or
 * for a thread is not late. Of content that is encoded in blocks the times of all blocks are added
 * up, as if one thread had made them. What is done when it is found to be late is kept.
 */
#include "base/clock.h"
#include "base/parse.h"
#include "flow/item.h"

/* The median of fewer items than these says nothing. */
#define MEDIAN_LEAST_COUNT 10

/* One call, for who asks during it. */
struct call {
    struct item *item;
    int64_t begin_ns;
    int64_t excused_ns; /* of the time since then */
    bool is_unlimited;  /* there was no limit when it began */
    bool is_late;       /* found meanwhile */
};

static bool has_limit(const struct item *item)
{
    const struct job_policy *policy = &item->job->config.policy;
    return (policy->timeout_ns > 0 || policy->timeout_percent > 0) && item->is_operated &&
           !item->is_copy;
}

/* -1: none, or none yet. */
static int64_t limit_of(const struct item *item)
{
    const struct job *job = item->job;
    if (!has_limit(item))
        return -1;
    if (job->config.policy.timeout_ns > 0)
        return job->config.policy.timeout_ns;
    int64_t found_ns = median_ns(job->median, MEDIAN_LEAST_COUNT), limit_ns;
    if (found_ns < 0)
        return -1;
    bool is_over =
        __builtin_mul_overflow(found_ns, (int64_t)job->config.policy.timeout_percent, &limit_ns);
    return is_over ? INT64_MAX : limit_ns / 100;
}

static int64_t spent(const struct item *item)
{
    return atomic_load_explicit(&item->spent_ns, memory_order_relaxed);
}

static enum mr_status too_late(const struct item *item, int64_t limit_ns, struct mr_error *err)
{
    char shown[32];
    unsigned percent = item->job->config.policy.timeout_percent;
    parse_show_duration(shown, sizeof(shown), limit_ns);
    if (percent == 0)
        return mr_error_set(err, MR_E_TIMEOUT, 0, "took longer than %s", shown);
    return mr_error_set(err, MR_E_TIMEOUT, 0, "took longer than %s, %u%% of the median", shown,
                        percent);
}

/*
 * Asked by operations that wait for something outside. A limit that comes up during a call ends it
 * this way; for one that was there before, they have the deadline, and may know better what does
 * not count.
 */
static bool is_unwanted(void *ctx)
{
    struct call *call = ctx;
    if (atomic_load_explicit(&call->item->job->is_cancelled, memory_order_relaxed))
        return true;
    int64_t limit_ns = call->is_unlimited ? limit_of(call->item) : -1;
    int64_t now_ns = clock_now_ns() - call->excused_ns;
    if (limit_ns >= 0 && now_ns - call->begin_ns > limit_ns - spent(call->item))
        call->is_late = true;
    return call->is_late;
}

enum mr_status timing_process(struct item *item, struct mr_io *io, struct mr_error *err)
{
    struct call call = {.item = item};
    io->is_cancelled = is_unwanted;
    io->cancel_ctx = &call;
    io->excused_ns = &call.excused_ns;
    if (!has_limit(item))
        return chain_process(item->process.state, io, err);
    int64_t limit_ns = limit_of(item);
    call.begin_ns = clock_now_ns();
    call.is_unlimited = limit_ns < 0;
    if (limit_ns >= 0 && limit_ns - spent(item) < INT64_MAX - call.begin_ns)
        io->deadline_ns = call.begin_ns + limit_ns - spent(item);
    enum mr_status status = chain_process(item->process.state, io, err);
    if (status == MR_OK)
        return timing_end(item, call.begin_ns + call.excused_ns, err);
    timing_end(item, call.begin_ns + call.excused_ns, NULL);
    if (status == MR_CANCELLED && call.is_late)
        return too_late(item, limit_of(item), err);
    if (status == MR_E_TIMEOUT && io->deadline_ns != 0) {
        struct mr_error why = *err;
        too_late(item, limit_ns, err);
        mr_error_prefix(&why, "%s", err->text);
        *err = why;
    }
    return status;
}

int64_t timing_begin(const struct item *item)
{
    return has_limit(item) ? clock_now_ns() : 0;
}

enum mr_status timing_end(struct item *item, int64_t begin_ns, struct mr_error *err)
{
    if (!has_limit(item))
        return MR_OK;
    atomic_fetch_add_explicit(&item->spent_ns, clock_now_ns() - begin_ns, memory_order_relaxed);
    int64_t limit_ns = limit_of(item);
    return limit_ns >= 0 && spent(item) > limit_ns ? too_late(item, limit_ns, err) : MR_OK;
}

void timing_learn(struct item *item)
{
    if (item->is_timed || item->stop != ITEM_GOES_ON || !item->is_encoded || !has_limit(item))
        return;
    item->is_timed = true;
    if (item->job->median)
        median_add(item->job->median, spent(item));
}
