#include "cli/stats.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "base/usage.h"
#include "cli/advice.h"
#include "cli/layout.h"
#include "cli/progress.h"
#include "engine/thread.h"

#define TEXT_BYTES 200
#define SIZE_BYTES 32

/* The names of threads, as top -H shows them. */
static const char *const thread_names[JOB_STAGES] = {
    [JOB_LOAD] = "mr-read", [JOB_PROCESS] = "mr-work", [JOB_STORE] = "mr-write"};

/* In percent; what was measured a moment later than the whole is not shown as more of it. */
static double percent(double part_s, double whole_s)
{
    double value = whole_s > 0 ? 100 * part_s / whole_s : 0;
    return value > 100 ? 100 : value;
}

const char *stats_threads(char *text, size_t cap_bytes, const struct job_stage_figures *stage)
{
    if (stage->thread_least == stage->thread_most)
        snprintf(text, cap_bytes, "%u", stage->thread_count);
    else
        snprintf(text, cap_bytes, "%u-%u", stage->thread_least, stage->thread_most);
    return text;
}

static void show_workers(const struct cli *cli, struct job *job, enum job_stage stage,
                         bool is_shared)
{
    struct job_worker_figures at;
    for (unsigned i = 0; job_worker_figures(job, stage, i, &at); i++) {
        char name[SIZE_BYTES];
        double whole_s = at.busy_s + at.starved_s + at.blocked_s;
        snprintf(name, sizeof(name), "%s-%u", thread_names[stage], i);
        if (is_shared)
            message_note(cli->message, NULL, "  %-21s %7.1f%% %7.1f%%", name,
                         percent(at.busy_s, whole_s),
                         percent(at.starved_s + at.blocked_s, whole_s));
        else
            message_note(cli->message, NULL, "  %-27s %7.1f%% %7.1f%% %7.1f%%", name,
                         percent(at.busy_s, whole_s), percent(at.starved_s, whole_s),
                         percent(at.blocked_s, whole_s));
    }
}

/* What the threads of the one pool did, by stage; then each of them. */
static void show_shared(const struct cli *cli, struct job *job, const struct job_figures *figures)
{
    char text[2 * SIZE_BYTES], threads[SIZE_BYTES];
    const struct job_stage_figures *pool = &figures->stages[JOB_PROCESS];
    double whole_s = pool->thread_s;
    message_note(cli->message, NULL, "stage              runs     busy     idle");
    for (enum job_stage stage = JOB_LOAD; stage < JOB_STAGES; stage++)
        message_note(cli->message, NULL, "%-9s %13s %7.1f%%", progress_stage_name(stage),
                     layout_count(text, sizeof(text), figures->stages[stage].run_count),
                     percent(figures->stages[stage].busy_s, whole_s));
    snprintf(text, sizeof(text), "%s thread%s", stats_threads(threads, sizeof(threads), pool),
             pool->thread_most == 1 ? "" : "s");
    message_note(cli->message, NULL, "%-23s %7.1f%% %7.1f%%", text,
                 percent(whole_s - figures->idle_s, whole_s), percent(figures->idle_s, whole_s));
    show_workers(cli, job, JOB_PROCESS, true);
}

static void show_split(const struct cli *cli, struct job *job, const struct job_figures *figures)
{
    char runs[SIZE_BYTES], threads[SIZE_BYTES];
    message_note(cli->message, NULL, "stage   threads          runs     busy  starved  blocked");
    for (enum job_stage stage = JOB_LOAD; stage < JOB_STAGES; stage++) {
        const struct job_stage_figures *at = &figures->stages[stage];
        double whole_s = at->thread_s;
        message_note(cli->message, NULL, "%-7s %7s %13s %7.1f%% %7.1f%% %7.1f%%",
                     progress_stage_name(stage), stats_threads(threads, sizeof(threads), at),
                     layout_count(runs, sizeof(runs), at->run_count),
                     percent(whole_s - at->starved_s - at->blocked_s, whole_s),
                     percent(at->starved_s, whole_s), percent(at->blocked_s, whole_s));
        show_workers(cli, job, stage, false);
    }
}

void stats_show(const struct cli *cli, struct job *job, const struct job_figures *figures)
{
    char peak[SIZE_BYTES], budget[SIZE_BYTES], text[TEXT_BYTES];
    double load = 0;
    if (getloadavg(&load, 1) != 1)
        load = 0;
    const struct advice_facts facts = {
        .figures = figures,
        .cpu_s = usage_cpu_s(),
        .processor_count = thread_processor_count(),
        .load = load,
    };
    if (figures->is_shared)
        show_shared(cli, job, figures);
    else
        show_split(cli, job, figures);
    message_note(cli->message, NULL, "limited   by %s", progress_stage_name(figures->limiting));
    message_note(cli->message, NULL, "memory    at most %s of %s in flight",
                 parse_show_size(peak, sizeof(peak), figures->memory_peak_bytes),
                 parse_show_size(budget, sizeof(budget), figures->memory_bytes));
    message_note(cli->message, NULL, "cpu       %.2f s, %.0f%% of %u processor%s", facts.cpu_s,
                 percent(facts.cpu_s, figures->elapsed_s * facts.processor_count),
                 facts.processor_count, facts.processor_count == 1 ? "" : "s");
    message_note(cli->message, NULL, "advice    %s", advice_give(&facts, text, sizeof(text)));
}
