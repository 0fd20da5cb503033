/* line_together.c - runs of several items that are cheaper together. */
#include <assert.h>

#include "base/clock.h"
#include "engine/line_private.h"

/* What there is for the run's step; NULL: nothing. */
static const struct line_together *together_of(const struct line_run *run)
{
    const struct line_together *together = run->item->line->config.together;
    return together && together->step == run->step ? together : NULL;
}

bool line_waits_for_others(const struct line_run *run)
{
    const struct line_together *together = together_of(run);
    return together && together->others(run) > 0;
}

static bool goes_with(const struct task *task, const struct task *other)
{
    if (other->run != task->run)
        return false;
    const struct line_run *run = line_run_of(task), *candidate = line_run_of(other);
    return candidate->item->line == run->item->line && candidate->step == run->step &&
           together_of(run)->goes_with(run, candidate);
}

/* The run, and those that go with it. Returns how many. */
static unsigned gather(const struct line_together *together, struct line_run *run,
                       struct line_run *runs[LINE_TOGETHER_MAX])
{
    struct mr_pool *pool = run->item->line->steps[run->step].pool;
    struct task_list list = {0};
    unsigned count = 0, others = together->others(run);
    assert(others < LINE_TOGETHER_MAX);
    if (others > 0)
        pool_take_more(pool, &run->task, goes_with, others, &list);
    runs[count++] = run;
    for (struct task *task; (task = task_list_pop(&list)) != NULL;)
        runs[count++] = line_run_of(task);
    return count;
}

bool line_run_together(struct line_run *run)
{
    const struct line_together *together = together_of(run);
    struct line *line = run->item->line;
    struct line_run *runs[LINE_TOGETHER_MAX];
    struct task_list list = {0};
    unsigned count = together ? gather(together, run, runs) : 1;
    if (count == 1)
        return false;
    int64_t start_ns = clock_now_ns();
    together->run(runs, count);
    int64_t each_ns = (clock_now_ns() - start_ns) / count; /* nobody knows better */
    line_count_runs(line, together->step, count, each_ns * count);
    for (unsigned i = 0; i < count; i++, start_ns += each_ns) {
        struct line_item *item = runs[i]->item;
        line_tell_run(runs[i], start_ns, start_ns + each_ns);
        if (line_settle(runs[i], &list))
            line_leave(item);
    }
    struct line_run *next = line_take_run(&list, line->steps[together->step].pool, LINE_STEPS_MAX);
    line_post_runs(line, &list);
    if (next)
        line_run_on(next);
    return true;
}
