#include "cli/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "cli/layout.h"
#include "cli/progress.h"
#include "cli/stats.h"

#define SIZE_BYTES 32

void summary_count(struct summary_counts *counts, const struct mr_error *error)
{
    if (error->status == MR_E_EXISTS)
        atomic_fetch_add(&counts->existing, 1);
    else if (error->status == MR_E_UNSAFE)
        atomic_fetch_add(&counts->unsafe, 1);
    else if (error->status == MR_E_CHANGED)
        atomic_fetch_add(&counts->changed, 1);
}

static double percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

/* A share of time: what was measured a moment later than the whole is not shown as more of it. */
static double share(double part_s, double whole_s)
{
    double value = percent(part_s, whole_s);
    return value > 100 ? 100 : value;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* "0.52 s", "1:05", "2:03:04". */
static void show_elapsed(double seconds, char *text, size_t cap_bytes)
{
    if (seconds < 60)
        snprintf(text, cap_bytes, "%.2f s", seconds);
    else
        layout_time(text, cap_bytes, seconds);
}

static void show_total(const struct cli *cli, const struct job_figures *figures)
{
    char in[SIZE_BYTES], out[SIZE_BYTES], items[SIZE_BYTES], files[SIZE_BYTES], took[SIZE_BYTES];
    char ratio[32] = "", shard[48] = "";
    const struct shard_choice *choice = &cli->options->shard;
    if (choice->count > 0)
        snprintf(shard, sizeof(shard), "shard %u/%u: ", choice->index, choice->count);
    parse_show_size(in, sizeof(in), figures->in_bytes);
    parse_show_size(out, sizeof(out), figures->out_bytes);
    if (figures->in_bytes > 0)
        snprintf(ratio, sizeof(ratio), " (%.1f%%)",
                 percent((double)figures->out_bytes, (double)figures->in_bytes));
    double seconds = figures->elapsed_s > 0 ? figures->elapsed_s : 1e-9;
    show_elapsed(seconds, took, sizeof(took));
    message_note(
        cli->message, NULL, "%s%s item%s (%s file%s): %s in, %s out%s, %s, %.1f MB/s", shard,
        layout_count(items, sizeof(items), figures->stored_count), plural(figures->stored_count),
        layout_count(files, sizeof(files), figures->file_count), plural(figures->file_count), in,
        out, ratio, took, (double)figures->in_bytes / 1e6 / seconds);
}

/* The shares of the stages in one line: of each stage's threads' time, or of the one pool's. */
static void show_shares(const struct cli *cli, const struct job_figures *figures)
{
    char line[400];
    size_t used = 0;
    char threads[24];
    for (enum job_stage stage = JOB_LOAD; stage < JOB_STAGES; stage++) {
        const struct job_stage_figures *at = &figures->stages[stage];
        double whole_s = at->thread_s;
        int length =
            figures->is_shared
                ? snprintf(line + used, sizeof(line) - used, "%s%s busy %.0f%%", used ? ", " : "",
                           progress_stage_name(stage), share(at->busy_s, whole_s))
                : snprintf(line + used, sizeof(line) - used,
                           "%s%s x%s: busy %.0f%%, starved %.0f%%, blocked %.0f%%",
                           used ? "; " : "", progress_stage_name(stage),
                           stats_threads(threads, sizeof(threads), at),
                           share(whole_s - at->starved_s - at->blocked_s, whole_s),
                           share(at->starved_s, whole_s), share(at->blocked_s, whole_s));
        if (length < 0 || (size_t)length >= sizeof(line) - used)
            return;
        used += (size_t)length;
    }
    const struct job_stage_figures *pool = &figures->stages[JOB_PROCESS];
    if (figures->is_shared)
        message_note(cli->message, NULL, "one pool of %s thread%s: %s, idle %.0f%%; limited by %s",
                     stats_threads(threads, sizeof(threads), pool), plural(pool->thread_most), line,
                     share(figures->idle_s, pool->thread_s),
                     progress_stage_name(figures->limiting));
    else
        message_note(cli->message, NULL, "%s; limited by %s", line,
                     progress_stage_name(figures->limiting));
}

/* Adds ", N what" to a list of reasons. */
static void add_reason(char *text, size_t cap_bytes, unsigned long long count, const char *what)
{
    size_t used = strlen(text);
    if (count > 0)
        snprintf(text + used, cap_bytes - used, "%s%llu %s", used ? ", " : ": ", count, what);
}

static void show_failures(const struct cli *cli, const struct job_figures *figures,
                          struct summary_counts *counts)
{
    char reasons[200] = "";
    add_reason(reasons, sizeof(reasons), atomic_load(&counts->existing),
               "because of what is there");
    add_reason(reasons, sizeof(reasons), atomic_load(&counts->unsafe), "for safety");
    add_reason(reasons, sizeof(reasons), atomic_load(&counts->changed),
               "changed meanwhile (run again for these)");
    if (figures->failed_count > 0)
        message_error(cli->message, NULL, "%" PRIu64 " failed or %s refused%s",
                      figures->failed_count, figures->failed_count == 1 ? "was" : "were", reasons);
    if (figures->copied_count > 0)
        message_error(cli->message, NULL,
                      "%" PRIu64 " could not be processed and went through as before",
                      figures->copied_count);
}

static void show_losses(const struct cli *cli, const char *output, const char *losses)
{
    while (*losses) {
        size_t length = strcspn(losses, "\n");
        if (length > 0)
            message_note(cli->message, output, "could not hold %.*s", (int)length, losses);
        losses += length + (losses[length] == '\n');
    }
}

void summary_show(const struct cli *cli, struct job *job, const struct job_figures *figures,
                  struct summary_counts *counts, const char *output, const char *losses)
{
    const struct options *options = cli->options;
    show_losses(cli, output, losses);
    if (!cli->message->is_quiet)
        show_failures(cli, figures, counts);
    if (figures->retried_count > 0)
        message_note(cli->message, NULL, "%" PRIu64 " retried", figures->retried_count);
    if (figures->skipped_count > 0)
        message_note(cli->message, NULL, "%" PRIu64 " left out", figures->skipped_count);
    if (figures->cancelled_count > 0)
        message_note(cli->message, NULL, "%" PRIu64 " not done", figures->cancelled_count);
    if (figures->found_count == 0)
        message_note(cli->message, NULL,
                     "nothing to do: the inputs are empty, or nothing in them is selected%s",
                     options->shard.count > 0 ? " or falls to this shard" : "");
    else
        show_total(cli, figures);
    if (options->is_verbose || options->has_stats)
        stats_show(cli, job, figures);
    else if (figures->found_count > 0)
        show_shares(cli, figures);
}
