#include "cli/advice.h"

#include <stdio.h>

#define SHORT_S    0.5  /* a shorter run is mostly its beginning and its end */
#define BUSY       0.8  /* a stage from there on has no time left */
#define PROCESSORS 0.75 /* likewise: some of the time is always the system's */
#define FULL       0.9  /* of --memory */

/* The share of its threads' time that a stage was busy; of a shared pool: all of it. */
static double busy_of(const struct job_figures *figures, enum job_stage stage)
{
    const struct job_stage_figures *at = &figures->stages[stage];
    double idle_s = figures->is_shared ? figures->idle_s : at->starved_s + at->blocked_s;
    return at->thread_s > 0 ? 1 - idle_s / at->thread_s : 0;
}

static enum job_stage busiest(const struct job_figures *figures)
{
    enum job_stage most = figures->limiting;
    for (enum job_stage stage = JOB_LOAD; stage < JOB_STAGES; stage++)
        if (busy_of(figures, stage) > busy_of(figures, most))
            most = stage;
    return most;
}

static double processors_busy(const struct advice_facts *facts)
{
    double whole_s = facts->figures->elapsed_s * facts->processor_count;
    return whole_s > 0 ? facts->cpu_s / whole_s : 0;
}

/* The threads of a stage had no time left: more of them, where something is left for these. */
static void about_busy(const struct advice_facts *facts, enum job_stage stage, char *text,
                       size_t cap_bytes)
{
    static const struct {
        const char *option, *does;
    } stages[JOB_STAGES] = {[JOB_LOAD] = {"-R", "load"},
                            [JOB_PROCESS] = {"-j", "process"},
                            [JOB_STORE] = {"-W", "store"}};
    const struct job_figures *figures = facts->figures;
    const char *option = figures->is_shared ? "-j" : stages[stage].option;
    unsigned threads = figures->stages[stage].thread_count;
    double processors = processors_busy(facts);
    if (processors >= PROCESSORS)
        snprintf(text, cap_bytes,
                 "more threads do not help: the processors were busy %.0f%% of the time, most of "
                 "it in %s",
                 processors * 100, stages[figures->limiting].does);
    else if (facts->load > threads + facts->processor_count / 2.0)
        snprintf(text, cap_bytes,
                 "more threads do not help: other programs use the processors (load %.1f, this run "
                 "%.0f%%)",
                 facts->load, processors * 100);
    else if (threads < facts->processor_count)
        snprintf(text, cap_bytes,
                 "try %s %u: there are %u processors, and %u thread%s had no time left", option,
                 facts->processor_count, facts->processor_count, threads, threads == 1 ? "" : "s");
    else
        snprintf(text, cap_bytes,
                 "try %s %u: the threads had no time left, the processors had (busy %.0f%%), so "
                 "they wait for a disk or for commands",
                 option, threads * 2, processors * 100);
}

/* Was there a time when another item may have found no room? */
static bool was_memory_full(const struct job_figures *figures)
{
    double peak_bytes = (double)figures->memory_peak_bytes,
           all_bytes = (double)figures->memory_bytes;
    return all_bytes > 0 && (peak_bytes >= FULL * all_bytes ||
                             peak_bytes + (double)figures->memory_item_bytes > all_bytes);
}

/* No stage was busy all the time: something made them wait for each other. */
static void about_waiting(const struct job_figures *figures, char *text, size_t cap_bytes)
{
    if (figures->is_serial_source)
        snprintf(text, cap_bytes,
                 "-R and -j do not help: the input is a serial stream, read one item after the "
                 "other");
    else if (was_memory_full(figures))
        snprintf(text, cap_bytes, "try more --memory: at times it had no room for another item");
    else if (figures->is_ordered && figures->is_serial_sink)
        snprintf(text, cap_bytes,
                 "-j does not help: the output is ordered, and the others waited for the item "
                 "whose turn it was; --unordered lets them pass");
    else
        snprintf(text, cap_bytes,
                 "other numbers of threads do not help: no stage was busy all the time");
}

char *advice_give(const struct advice_facts *facts, char *text, size_t cap_bytes)
{
    const struct job_figures *figures = facts->figures;
    enum job_stage stage = busiest(figures);
    bool is_busy = busy_of(figures, stage) >= BUSY;
    if (figures->elapsed_s < SHORT_S)
        snprintf(text, cap_bytes, "the run was too short to tell what to change");
    else if (is_busy && !figures->is_shared && stage == JOB_LOAD && figures->is_serial_source)
        snprintf(text, cap_bytes,
                 "-R does not help: the input is a serial stream, which one thread reads at a "
                 "time, and the others wait for it");
    else if (is_busy && !figures->is_shared && stage == JOB_STORE && figures->is_serial_sink)
        snprintf(text, cap_bytes,
                 "-W does not help: the output takes one item at a time, and the others wait for "
                 "it");
    else if (is_busy)
        about_busy(facts, stage, text, cap_bytes);
    else
        about_waiting(figures, text, cap_bytes);
    return text;
}
