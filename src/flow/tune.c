#include "flow/tune.h"

#include <string.h>

/* A window has so many samples after its first one, and more until each thread has done some steps,
 * as far as that comes to an end. */
#define WINDOW_LEAST 2
#define WINDOW_MOST  30
#define RUNS_EACH    4
/* Shares of the threads and of the processors. Between the last two nothing changes. */
#define BUSY_SHARE   0.9
#define SPARE_SHARE  0.5
#define IDLE_ENOUGH  0.25
#define IDLE_NOTHING 0.05
/* An attempt is kept for a tenth more work. */
#define GAIN 1.1
/* Samples to the next attempt after one that did not help; doubled by each that follows. */
#define REST_FIRST   8u
#define REST_DOUBLES 6
/* So many attempts with more threads for one with fewer, which costs more when it does not help. */
#define UP_FOR_DOWN 3
/* Windows after which threads go that were no longer of use. */
#define SURPLUS_MOST 8

void tune_init(struct tune *tune, unsigned processor_count, unsigned pool_count,
               const unsigned *counts, const unsigned *maxima)
{
    memset(tune, 0, sizeof(*tune));
    tune->processor_count = processor_count;
    tune->pool_count = pool_count;
    for (unsigned p = 0; p < pool_count; p++)
        tune->pools[p] = (struct tune_pool){.count = counts[p],
                                            .first = counts[p],
                                            .max = maxima[p] > counts[p] ? maxima[p] : counts[p],
                                            .least_seen = counts[p],
                                            .most_seen = counts[p]};
}

static bool is_fixed(const struct tune_pool *pool)
{
    return pool->max == pool->first;
}

static void begin_window(struct tune *tune)
{
    tune->sum = (struct tune_sample){0};
    tune->sample_count = 0;
}

static void add(struct tune_sample *sum, const struct tune_sample *sample, unsigned pool_count)
{
    sum->seconds += sample->seconds;
    sum->work += sample->work;
    sum->runs += sample->runs;
    sum->idle_s += sample->idle_s;
    for (unsigned p = 0; p < pool_count; p++)
        sum->busy_s[p] += sample->busy_s[p];
}

static double busy_threads(const struct tune *tune, const struct tune_pool *pool)
{
    return tune->sum.busy_s[pool - tune->pools] / tune->sum.seconds;
}

static double idle_share(const struct tune *tune)
{
    return tune->sum.idle_s / tune->sum.seconds / tune->processor_count;
}

static bool window_is_long_enough(const struct tune *tune)
{
    unsigned threads = 0;
    for (unsigned p = 0; p < tune->pool_count; p++)
        threads += tune->pools[p].count;
    return tune->sample_count > WINDOW_MOST ||
           (tune->sample_count > WINDOW_LEAST && tune->sum.runs >= RUNS_EACH * threads);
}

static void set_count(struct tune *tune, struct tune_pool *pool, unsigned count)
{
    pool->count = count;
    pool->surplus_count = 0;
    if (count < pool->least_seen)
        pool->least_seen = count;
    if (count > pool->most_seen)
        pool->most_seen = count;
    begin_window(tune);
}

/* ---- fewer, as they are of no use ---- */

static bool has_surplus(const struct tune *tune, const struct tune_pool *pool)
{
    return pool->count > pool->first && (idle_share(tune) < IDLE_NOTHING ||
                                         busy_threads(tune, pool) < SPARE_SHARE * pool->count);
}

static bool lets_go(struct tune *tune)
{
    for (struct tune_pool *pool = tune->pools; pool < tune->pools + tune->pool_count; pool++) {
        pool->surplus_count = has_surplus(tune, pool) ? pool->surplus_count + 1 : 0;
        if (pool->surplus_count < SURPLUS_MOST)
            continue;
        set_count(tune, pool, pool->first + (pool->count - pool->first) / 2);
        return true;
    }
    return false;
}

/* ---- attempts ---- */

static unsigned next_count(const struct tune *tune, const struct tune_pool *pool)
{
    if (tune->goes_down)
        return (pool->count + 1) / 2;
    return pool->count < pool->max / 2 ? 2 * pool->count : pool->max;
}

/* The busiest of the pools whose threads are all busy, and which can change. NULL: there is none.
 */
static struct tune_pool *find_busy(struct tune *tune)
{
    struct tune_pool *found = NULL;
    double most = BUSY_SHARE;
    for (struct tune_pool *pool = tune->pools; pool < tune->pools + tune->pool_count; pool++) {
        double share = busy_threads(tune, pool) / pool->count;
        if (is_fixed(pool) || next_count(tune, pool) == pool->count || share < most)
            continue;
        most = share;
        found = pool;
    }
    return found;
}

static bool tries(struct tune *tune)
{
    struct tune_pool *pool = idle_share(tune) >= IDLE_ENOUGH ? find_busy(tune) : NULL;
    if (!pool)
        return false;
    tune->tried = pool;
    tune->count_before = pool->count;
    tune->rate_before = tune->sum.work / tune->sum.seconds;
    set_count(tune, pool, next_count(tune, pool));
    return true;
}

/* The attempt has been watched for long enough. What helped is soon tried again. */
static bool judges(struct tune *tune)
{
    struct tune_pool *pool = tune->tried;
    tune->tried = NULL;
    if (tune->sum.work / tune->sum.seconds > GAIN * tune->rate_before) {
        tune->failure_count = 0;
        return tries(tune);
    }
    unsigned doubles = tune->failure_count < REST_DOUBLES ? tune->failure_count : REST_DOUBLES;
    tune->rest_count = REST_FIRST << doubles;
    tune->failure_count++;
    tune->goes_down = tune->failure_count % (UP_FOR_DOWN + 1) == UP_FOR_DOWN;
    set_count(tune, pool, tune->count_before);
    return true;
}

bool tune_step(struct tune *tune, const struct tune_sample *sample)
{
    if (sample->seconds <= 0)
        return false;
    if (tune->sample_count++ > 0)
        add(&tune->sum, sample, tune->pool_count);
    bool rests = tune->rest_count > 0;
    tune->rest_count -= rests;
    if (!window_is_long_enough(tune))
        return false;
    bool has_changed = tune->tried ? judges(tune) : lets_go(tune) || (!rests && tries(tune));
    if (!has_changed)
        begin_window(tune);
    return has_changed;
}
