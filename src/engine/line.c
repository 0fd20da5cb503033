/* line.c - items and their runs; the contract is in line.h. */
#include "engine/line_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static void run_task(struct task *task);

/* ---- making ---- */

static enum mr_status init_counts(struct line *line)
{
    for (unsigned s = 0; s < line->config.step_count; s++) {
        atomic_init(&line->held[s], 0);
        atomic_init(&line->runs[s], 0);
        atomic_init(&line->busy_ns[s], 0);
        line->run_count += line->steps[s].width;
    }
    atomic_init(&line->feed_wants_room, false);
    atomic_init(&line->feed_busy_ns, 0);
    if (line->config.order == LINE_IN_ORDER) {
        line->ring = calloc(line->config.in_flight_max, sizeof(*line->ring));
        if (!line->ring)
            return MR_E_MEMORY;
    }
    return MR_OK;
}

enum mr_status line_create(const struct line_config *config, struct line **line)
{
    assert(config->step_count >= 1 && config->step_count <= LINE_STEPS_MAX);
    assert(config->in_flight_max >= 1);
    struct line *made = calloc(1, sizeof(*made));
    if (!made)
        return MR_E_MEMORY;
    made->config = *config;
    memcpy(made->steps, config->steps, config->step_count * sizeof(made->steps[0]));
    made->config.steps = made->steps;
    made->feed_state = config->client.feed ? FEED_IDLE : FEED_ENDED;
    made->feed_task.run = line_feed_run;
    if (lock_init(&made->lock) != MR_OK) {
        free(made);
        return MR_E_MEMORY;
    }
    if (condition_init(&made->changed) != MR_OK) {
        lock_fini(&made->lock);
        free(made);
        return MR_E_MEMORY;
    }
    if (init_counts(made) != MR_OK) {
        line_destroy(made);
        return MR_E_MEMORY;
    }
    *line = made;
    return MR_OK;
}

void line_destroy(struct line *line)
{
    if (!line)
        return;
    assert(line->in_flight_count == 0 && line->budget_used_bytes == 0 && !line->pending);
    assert(!line->holder && !line->queue_first && !line->sleepers);
    for (unsigned s = 0; s < line->config.step_count; s++)
        assert(atomic_load(&line->held[s]) == 0);
    condition_fini(&line->changed);
    lock_fini(&line->lock);
    free(line->ring);
    free(line);
}

unsigned line_run_count(const struct line *line)
{
    return line->run_count;
}

enum mr_status line_item_init(struct line *line, struct line_item *item, struct line_run *runs)
{
    memset(item, 0, sizeof(*item));
    memset(runs, 0, line->run_count * sizeof(*runs));
    item->line = line;
    item->runs = runs;
    atomic_init(&item->refs, 1);
    struct line_run *run = runs;
    for (unsigned s = 0; s < line->config.step_count; s++) {
        for (unsigned i = 0; i < line->steps[s].width; i++, run++) {
            run->task.run = run_task;
            run->item = item;
            run->step = (unsigned char)s;
        }
    }
    return lock_init(&item->lock);
}

void line_item_fini(struct line_item *item)
{
    lock_fini(&item->lock);
}

/* ---- claiming ---- */

static void mark_held(struct line_item *item, unsigned step, bool is_held)
{
    unsigned bit = 1u << step;
    if (((item->held_mask & bit) != 0) == is_held)
        return;
    item->held_mask ^= bit;
    if (is_held)
        atomic_fetch_add_explicit(&item->line->held[step], 1, memory_order_relaxed);
    else
        atomic_fetch_sub_explicit(&item->line->held[step], 1, memory_order_relaxed);
}

/* Claims what step has for item, as often as its width allows, into list. Item lock held. */
static void claim_step(struct line_item *item, unsigned step, struct line_run *runs,
                       struct task_list *list)
{
    const struct line_step *spec = &item->line->steps[step];
    for (unsigned i = 0; i < spec->width; i++) {
        struct line_run *run = &runs[i];
        if (run->is_active)
            continue;
        enum line_claim claim = spec->claim(item, run);
        mark_held(item, step, claim == LINE_HELD);
        if (claim != LINE_READY)
            return;
        run->is_active = true;
        item->active_count++;
        task_list_push(list, &run->task);
    }
}

/*
 * Asks all steps, the last one first, so that what is nearest to its end goes on first. Fills list
 * with the runs that became ready. Returns true when the item is through: then the caller must make
 * it leave. Item lock held.
 */
bool line_claim_all_locked(struct line_item *item, struct task_list *list)
{
    if (item->is_ended)
        return false;
    struct line *line = item->line;
    struct line_run *runs = item->runs + line->run_count;
    for (unsigned s = line->config.step_count; s-- > 0;) {
        runs -= line->steps[s].width;
        claim_step(item, s, runs, list);
    }
    if (item->active_count > 0 || !line->config.client.is_done(item))
        return false;
    for (unsigned s = 0; s < line->config.step_count; s++)
        mark_held(item, s, false);
    item->is_ended = true;
    return true;
}

struct line_run *line_take_run(struct task_list *list, const struct mr_pool *pool,
                               unsigned step_count)
{
    struct task *before = NULL;
    for (struct task *task = list->first; task; before = task, task = task->next) {
        struct line_run *run = line_run_of(task);
        const struct line_step *step = &run->item->line->steps[run->step];
        if (run->step >= step_count || step->pool != pool || line_waits_for_others(run))
            continue;
        task_list_remove(list, before);
        return run;
    }
    return NULL;
}

void line_post_runs(struct line *line, struct task_list *list)
{
    while (list->count > 0) {
        struct mr_pool *pool = line->steps[line_run_of(list->first)->step].pool;
        struct task_list here = {0}, others = {0};
        struct task *task;
        while ((task = task_list_pop(list)) != NULL)
            task_list_push(line->steps[line_run_of(task)->step].pool == pool ? &here : &others,
                           task);
        pool_post(pool, &here);
        *list = others;
    }
}

static bool kick_once(struct line_item *item, bool is_woken)
{
    struct line *line = item->line; /* an item that is not through may be gone after the lock */
    struct task_list list = {0};
    lock_take(&item->lock);
    if (is_woken)
        line->config.client.woken(item);
    bool is_through = line_claim_all_locked(item, &list);
    lock_give(&item->lock);
    line_post_runs(line, &list);
    return is_through;
}

/* Asks item's steps and posts what became ready. True when it is through and must leave. */
bool line_kick_once(struct line_item *item)
{
    return kick_once(item, false);
}

bool line_wake_once(struct line_item *item)
{
    return kick_once(item, true);
}

/* ---- running ---- */

bool line_settle(struct line_run *run, struct task_list *list)
{
    struct line_item *item = run->item;
    lock_take(&item->lock);
    item->line->steps[run->step].settle(item, run);
    run->is_active = false;
    item->active_count--;
    bool is_through = line_claim_all_locked(item, list);
    lock_give(&item->lock);
    return is_through;
}

void line_count_runs(struct line *line, unsigned step, unsigned run_count, int64_t busy_ns)
{
    atomic_fetch_add_explicit(&line->busy_ns[step], busy_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&line->runs[step], run_count, memory_order_relaxed);
}

bool line_run_once(struct line_run *run, int64_t *start_ns, struct task_list *list)
{
    struct line *line = run->item->line;
    line->steps[run->step].run(run->item, run);
    int64_t end_ns = clock_now_ns();
    line_count_runs(line, run->step, 1, end_ns - *start_ns);
    line_tell_run(run, *start_ns, end_ns);
    *start_ns = end_ns;
    return line_settle(run, list);
}

void line_run_on(struct line_run *run)
{
    int64_t start_ns = clock_now_ns();
    while (run) {
        struct line_item *item = run->item;
        struct line *line = item->line;
        struct mr_pool *pool = line->steps[run->step].pool;
        struct task_list list = {0};
        bool is_through = line_run_once(run, &start_ns, &list);
        run = line_take_run(&list, pool, LINE_STEPS_MAX);
        line_post_runs(line, &list);
        if (is_through)
            line_leave(item);
    }
}

static void run_task(struct task *task)
{
    struct line_run *run = line_run_of(task);
    if (!line_run_together(run))
        line_run_on(run);
}

/* ---- looking ---- */

bool line_is_done(const struct line *line)
{
    struct line *shared = (struct line *)line;
    lock_take(&shared->lock);
    bool is_done = line->is_done;
    lock_give(&shared->lock);
    return is_done;
}

bool line_is_held(const struct line *line, unsigned step)
{
    if (step == 0 && atomic_load_explicit(&line->feed_wants_room, memory_order_relaxed))
        return true;
    return atomic_load_explicit(&line->held[step], memory_order_relaxed) > 0;
}

void line_figures(struct line *line, struct line_figures *figures)
{
    memset(figures, 0, sizeof(*figures));
    lock_take(&line->lock);
    figures->admitted_count = line->next_seq;
    figures->ended_count = line->ended_count;
    figures->in_flight_count = line->in_flight_count;
    figures->in_flight_peak_count = line->in_flight_peak_count;
    figures->budget_used_bytes = line->budget_used_bytes;
    figures->budget_peak_bytes = line->budget_peak_bytes;
    figures->largest_cost_bytes = line->largest_cost_bytes;
    lock_give(&line->lock);
    figures->feed_busy_ns = atomic_load(&line->feed_busy_ns);
    for (unsigned s = 0; s < line->config.step_count; s++) {
        figures->step_runs[s] = atomic_load(&line->runs[s]);
        figures->step_busy_ns[s] = atomic_load(&line->busy_ns[s]);
        figures->step_held_count[s] = atomic_load(&line->held[s]);
    }
}
