#include "cli/moment.h"

#define WINDOW_S   1.0
#define MEMORY_S   15.0 /* what was that long ago, or half of the run, counts less for the ETA */
#define ETA_FROM_S 1.0  /* before that it would be a guess */

static const struct job_figures *last_of(const struct moments *moments)
{
    return &moments->past[(moments->count - 1) % MOMENTS_COUNT];
}

/* The youngest that is WINDOW_S old, else the oldest; zeros before there are two. */
static const struct job_figures *begin_of(const struct moments *moments)
{
    static const struct job_figures start;
    const struct job_figures *last = last_of(moments), *begin = &start;
    unsigned kept = moments->count < MOMENTS_COUNT ? moments->count : MOMENTS_COUNT;
    for (unsigned back = 2; back <= kept; back++) {
        begin = &moments->past[(moments->count - back) % MOMENTS_COUNT];
        if (last->elapsed_s - begin->elapsed_s >= WINDOW_S)
            return begin;
    }
    return moments->count < MOMENTS_COUNT ? &start : begin;
}

static double clip(double share)
{
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

static uint64_t done_count(const struct job_figures *figures)
{
    return figures->stored_count + figures->skipped_count + figures->failed_count +
           figures->cancelled_count;
}

/* What is known of the whole: said from outside, or because the run has found all. */
static struct expected whole_of(const struct job_figures *figures, const struct expected *expected)
{
    if (!figures->is_found_all)
        return *expected;
    return (struct expected){.is_known = true,
                             .is_sized = figures->is_sized,
                             .count = figures->found_count,
                             .bytes = figures->found_bytes};
}

/* Bytes where their total is known, else items. */
static bool counts_bytes(const struct expected *whole)
{
    return whole->is_sized && whole->bytes > 0;
}

static double work_done(const struct job_figures *figures, bool in_bytes)
{
    return in_bytes ? (double)figures->through_bytes : (double)done_count(figures);
}

void moments_add(struct moments *moments, const struct job_figures *figures,
                 const struct expected *expected)
{
    static const struct job_figures start;
    const struct job_figures *before = moments->count > 0 ? last_of(moments) : &start;
    struct expected whole = whole_of(figures, expected);
    bool in_bytes = counts_bytes(&whole);
    double passed_s = figures->elapsed_s - before->elapsed_s;
    double work = work_done(figures, in_bytes), elapsed_s = figures->elapsed_s;
    if (in_bytes != moments->counts_bytes && elapsed_s > 0) {
        moments->work_rate = work / elapsed_s;
    } else if (passed_s > 0) {
        double memory_s = elapsed_s / 2 > MEMORY_S ? elapsed_s / 2 : MEMORY_S;
        if (elapsed_s < MEMORY_S)
            memory_s = elapsed_s;
        double rate = (work - work_done(before, in_bytes)) / passed_s;
        moments->work_rate += (rate - moments->work_rate) * clip(passed_s / memory_s);
    }
    moments->counts_bytes = in_bytes;
    moments->past[moments->count++ % MOMENTS_COUNT] = *figures;
}

/*
 * From what the threads were idle, which is exact also while they are in the middle of something
 * that takes long. Of a shared pool only the sum is known that well: what neither loading nor
 * storing accounts for is processing.
 */
static void show_stages(const struct job_figures *begin, const struct job_figures *end,
                        struct moment *moment)
{
    double others = 0, whole_s = 0;
    for (unsigned s = 0; s < JOB_STAGES; s++) {
        const struct job_stage_figures *from = &begin->stages[s], *to = &end->stages[s];
        double idle_s = to->starved_s + to->blocked_s - from->starved_s - from->blocked_s;
        whole_s = to->thread_s - from->thread_s;
        double busy_s = end->is_shared ? to->busy_s - from->busy_s : whole_s - idle_s;
        moment->busy[s] = whole_s > 0 ? clip(busy_s / whole_s) : 0;
        others += s == JOB_PROCESS ? 0 : moment->busy[s];
    }
    if (end->is_shared && whole_s > 0)
        moment->busy[JOB_PROCESS] = clip(1 - (end->idle_s - begin->idle_s) / whole_s - others);
    moment->limiting = JOB_LOAD;
    for (enum job_stage s = JOB_LOAD; s < JOB_STAGES; s++)
        if (moment->busy[s] > moment->busy[moment->limiting])
            moment->limiting = s;
}

static void show_work(const struct moments *moments, const struct expected *whole,
                      struct moment *moment)
{
    const struct job_figures *now = last_of(moments);
    bool in_bytes = moments->counts_bytes;
    double total = in_bytes ? (double)whole->bytes : (double)whole->count;
    double done = work_done(now, in_bytes);
    moment->share = moment->eta_s = -1;
    if (total <= 0 || (!in_bytes && !whole->is_known))
        return;
    moment->share = clip(done / total);
    if (now->elapsed_s >= ETA_FROM_S && moments->work_rate > 0)
        moment->eta_s = done < total ? (total - done) / moments->work_rate : 0;
}

void moments_show(const struct moments *moments, const struct expected *expected,
                  struct moment *moment)
{
    const struct job_figures *end = last_of(moments), *begin = begin_of(moments);
    struct expected whole = whole_of(end, expected);
    double passed_s = end->elapsed_s - begin->elapsed_s;
    *moment = (struct moment){
        .done_count = done_count(end),
        .total_count = whole.is_known ? whole.count : end->found_count,
        .is_total_known = whole.is_known,
        .failed_count = end->failed_count,
        .done_bytes = end->through_bytes,
        .total_bytes = whole.bytes,
        .is_sized = whole.is_sized,
        .in_flight_count = end->in_flight_count,
        .memory_used_bytes = end->memory_used_bytes,
        .memory_bytes = end->memory_bytes,
        .elapsed_s = end->elapsed_s,
    };
    if (moment->total_count < moment->done_count)
        moment->total_count = moment->done_count;
    if (passed_s > 0) {
        moment->in_rate = ((double)end->in_bytes - (double)begin->in_bytes) / passed_s;
        moment->out_rate = ((double)end->out_bytes - (double)begin->out_bytes) / passed_s;
    }
    show_stages(begin, end, moment);
    show_work(moments, &whole, moment);
}
