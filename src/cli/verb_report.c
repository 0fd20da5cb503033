/* verb_report.c - `millrace report`: what reports of runs and journals hold, for people or as JSON,
 * and as one report. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/parse.h"
#include "base/path.h"
#include "cli/run.h"
#include "cli/verbs.h"
#include "observe/coverage.h"
#include "observe/draft.h"
#include "observe/report_forms.h"
#include "observe/report_read.h"
#include "observe/tally.h"

#define SHOWN_COUNT 10 /* items, and reasons */

/* All files so far. */
struct gathered {
    struct tally *tally;
    struct record_run run; /* the sum; its command is of one run alone */
    char *command;         /* owned */
    bool writes;           /* into writer */
    struct draft draft;
    struct report_writer writer;
    bool has_gap;              /* a file could not be read to its end */
    struct coverage *coverage; /* NULL: there is one file */
    bool has_ended;            /* the file that is read */
};

static bool is_empty(const struct gathered *all)
{
    return all->run.job_count == 0 && all->tally->item_count == 0;
}

static enum mr_status take_item(void *ctx, const struct record *record, struct mr_error *err)
{
    struct gathered *all = ctx;
    if (all->writes)
        report_write_item(&all->writer, record);
    if (all->coverage) {
        enum mr_status status = coverage_item(all->coverage, record, err);
        if (status != MR_OK)
            return status;
    }
    return tally_item(all->tally, record, err);
}

static enum mr_status take_run(void *ctx, const struct record_run *run, struct mr_error *err)
{
    struct gathered *all = ctx;
    bool is_first = !all->command;
    record_run_add(&all->run, run);
    all->run.command = "";
    all->has_ended = true;
    if (all->coverage && coverage_report(all->coverage, run, err) != MR_OK)
        return err->status;
    if (is_first && *run->command && !(all->command = strdup(run->command)))
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    return MR_OK;
}

/* ---- for people ---- */

static void show_run(const struct record_run *run)
{
    char peak[32], shown[PATH_TOTAL_MAX_BYTES];
    if (*run->command)
        printf("%s\n", path_show(shown, sizeof(shown), run->command));
    if (run->job_count > 1)
        printf("%" PRIu64 " runs, ", run->job_count);
    if (*run->started)
        printf("started %s, ", path_show(shown, sizeof(shown), run->started));
    if (run->shard_count > 0)
        printf("shard %" PRIu64 "/%" PRIu64 ", ", run->shard_index, run->shard_count);
    printf("%.2f s", run->elapsed_s);
    if (run->cpu_s > 0)
        printf(", %.2f s of processors", run->cpu_s);
    if (run->rss_peak_bytes > 0)
        printf(", %s of memory at most", parse_show_size(peak, sizeof(peak), run->rss_peak_bytes));
    printf("%s\n", run->is_complete ? "" : "; stopped before everything was done");
}

static bool look_at_shards(const struct gathered *all, struct coverage_found *found)
{
    if (!all->coverage)
        return false;
    coverage_look(all->coverage, found);
    return found->shard_count > 0;
}

static void show_shards(const struct gathered *all)
{
    struct coverage_found found;
    if (!look_at_shards(all, &found))
        return;
    printf("%" PRIu64 " of %" PRIu64 " shards", found.shard_count - found.missing_count,
           found.shard_count);
    if (found.missing_count + found.doubled_count + found.strange_count + found.overlap_count == 0)
        printf(", each once, and no name in two of them");
    printf("\n");
}

/* What keeps the reports from being that of the whole. True: nothing does. */
static bool tell_shards(const struct cli *cli, const struct gathered *all)
{
    char list[200], shown[PATH_SHOW_BYTES];
    struct coverage_found found;
    if (!look_at_shards(all, &found))
        return true;
    if (found.missing_count > 0)
        message_error(cli->message, NULL, "no report of shard %s of %" PRIu64,
                      coverage_list(all->coverage, false, list, sizeof(list)), found.shard_count);
    if (found.doubled_count > 0)
        message_error(cli->message, NULL, "more than one report of shard %s of %" PRIu64,
                      coverage_list(all->coverage, true, list, sizeof(list)), found.shard_count);
    if (found.strange_count > 0)
        message_error(
            cli->message, NULL,
            "%" PRIu64 " report%s of no shard, or of another number of shards than %" PRIu64,
            found.strange_count, found.strange_count == 1 ? " is" : "s are", found.shard_count);
    if (found.overlap_count > 0)
        message_error(cli->message, NULL, "%" PRIu64 " name%s in more than one report, like %s",
                      found.overlap_count, found.overlap_count == 1 ? " is" : "s are",
                      path_show(shown, sizeof(shown), found.overlap));
    return found.missing_count + found.doubled_count + found.strange_count + found.overlap_count ==
           0;
}

static void show_items(const struct tally *tally)
{
    char in[32], out[32];
    const char *separator = ": ";
    printf("%" PRIu64 " item%s", tally->item_count, tally->item_count == 1 ? "" : "s");
    for (unsigned i = 0; i < RECORD_STATUSES; i++) {
        if (tally->counts[i] == 0)
            continue;
        printf("%s%" PRIu64 " %s", separator, tally->counts[i], record_status_name(i));
        separator = ", ";
    }
    printf("; %s in", parse_show_size(in, sizeof(in), tally->in_bytes));
    if (tally->lacking_count == 0 || tally->lacking_count < tally->counts[RECORD_STORED])
        printf(", %s out", parse_show_size(out, sizeof(out), tally->out_bytes));
    printf("\n");
}

static double percent(double part_s, double whole_s)
{
    double value = whole_s > 0 ? 100 * part_s / whole_s : 0;
    return value < 100 ? value : 100;
}

/* Is anything known of them? Of a journal there is not. */
static bool has_stages(const struct gathered *all)
{
    bool has_any = false;
    for (unsigned s = 0; s < RECORD_STAGES; s++)
        has_any = has_any || all->tally->stage_ns[s] > 0 || all->run.stages[s].thread_s > 0;
    return has_any;
}

static void show_stages(const struct gathered *all)
{
    const struct record_run *run = &all->run;
    if (!has_stages(all))
        return;
    printf("\nStages\n");
    for (unsigned s = 0; s < RECORD_STAGES; s++) {
        const struct record_stage *stage = &run->stages[s];
        double whole_s = stage->thread_s;
        printf("  %-8s %.2f s on items", record_stage_name(s),
               (double)all->tally->stage_ns[s] / 1e9);
        if (whole_s > 0 && run->is_shared)
            printf("; busy %.0f%% of the one pool", percent(stage->busy_s, whole_s));
        else if (whole_s > 0)
            printf("; %" PRIu64 " threads: busy %.0f%%, starved %.0f%%, blocked %.0f%%",
                   stage->thread_count, percent(stage->busy_s, whole_s),
                   percent(stage->starved_s, whole_s), percent(stage->blocked_s, whole_s));
        printf("\n");
    }
}

static void show_name(const struct record *record)
{
    char shown[PATH_TOTAL_MAX_BYTES];
    printf("%s", path_show(shown, sizeof(shown), record->path));
    if (*record->member)
        printf("!/%s", path_show(shown, sizeof(shown), record->member));
    printf("\n");
}

static void show_failures(const struct tally *tally)
{
    char shown[PATH_TOTAL_MAX_BYTES];
    if (tally->reason_count == 0)
        return;
    printf("\nFailures and warnings");
    for (unsigned s = 0; s <= RECORD_STAGES; s++)
        if (tally->failed_in[s] > 0)
            printf("; %" PRIu64 " %s %s", tally->failed_in[s], s < RECORD_STAGES ? "in" : "before",
                   record_stage_name(s % RECORD_STAGES));
    printf("\n");
    size_t count = tally->reason_count < SHOWN_COUNT ? tally->reason_count : SHOWN_COUNT;
    for (size_t i = 0; i < count; i++) {
        const struct tally_reason *reason = &tally->reasons[i];
        printf("  %6" PRIu64 "  %s\n", reason->count,
               path_show(shown, sizeof(shown), reason->text));
        printf("          like %s\n", path_show(shown, sizeof(shown), reason->example));
    }
    if (tally->reason_count > count)
        printf("          and %zu more reasons\n", tally->reason_count - count);
}

static void show_slowest(const struct gathered *all)
{
    const struct tally *tally = all->tally;
    bool has_times = has_stages(all);
    size_t count = tally->dearest.count < SHOWN_COUNT ? tally->dearest.count : SHOWN_COUNT;
    if (count == 0 || record_cost_ns(&tally->dearest.items[0].record) == 0)
        return;
    printf("\nSlowest, ms%s\n", has_times ? "       load    process      store" : "");
    for (size_t i = 0; i < count; i++) {
        const struct record *record = &tally->dearest.items[i].record;
        printf("%11.3f", (double)record_cost_ns(record) / 1e6);
        for (unsigned s = 0; has_times && s < RECORD_STAGES; s++)
            printf("%11.3f", (double)record->stage_ns[s] / 1e6);
        printf("  ");
        show_name(record);
    }
}

static void show(const struct gathered *all)
{
    show_run(&all->run);
    show_shards(all);
    show_items(all->tally);
    show_stages(all);
    show_failures(all->tally);
    show_slowest(all);
}

/* ---- as JSON ---- */

static void write_shards(struct json *json, const struct gathered *all)
{
    struct coverage_found found;
    char list[400];
    if (!look_at_shards(all, &found))
        return;
    json_object(json, "shards");
    json_unsigned(json, "count", found.shard_count);
    json_unsigned(json, "missing_count", found.missing_count);
    json_text(json, "missing", coverage_list(all->coverage, false, list, sizeof(list)));
    json_unsigned(json, "doubled_count", found.doubled_count);
    json_text(json, "doubled", coverage_list(all->coverage, true, list, sizeof(list)));
    json_unsigned(json, "other_reports", found.strange_count);
    json_unsigned(json, "overlapping_names", found.overlap_count);
    if (*found.overlap)
        json_text(json, "overlapping_name", found.overlap);
    json_object_end(json);
}

static void write_json(const struct gathered *all)
{
    const struct tally *tally = all->tally;
    struct json json;
    size_t count = tally->dearest.count < SHOWN_COUNT ? tally->dearest.count : SHOWN_COUNT;
    json_open(&json, stdout);
    json_unsigned(&json, "items", tally->item_count);
    json_object(&json, "run");
    record_run_write(&json, &all->run);
    json_object_end(&json);
    write_shards(&json, all);
    json_object(&json, "worked_ns");
    for (unsigned s = 0; s < RECORD_STAGES; s++)
        json_number(&json, record_stage_name(s), tally->stage_ns[s]);
    json_object_end(&json);
    json_object(&json, "failed_in");
    for (unsigned s = 0; s <= RECORD_STAGES; s++)
        json_unsigned(&json, s < RECORD_STAGES ? record_stage_name(s) : RECORD_FOUND,
                      tally->failed_in[s]);
    json_object_end(&json);
    json_array(&json, "reasons");
    for (size_t i = 0; i < tally->reason_count; i++) {
        json_element(&json);
        json_text(&json, "reason", tally->reasons[i].text);
        json_unsigned(&json, "items", tally->reasons[i].count);
        json_text(&json, "example", tally->reasons[i].example);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_array(&json, "slowest");
    for (size_t i = 0; i < count; i++) {
        json_element(&json);
        record_write(&json, &tally->dearest.items[i].record);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_close(&json);
}

/* ---- the files ---- */

static void read_file(const struct cli *cli, struct gathered *all, const char *name)
{
    const struct report_visitor visitor = {take_item, take_run, all};
    struct mr_error err = {0};
    char shown[PATH_SHOW_BYTES];
    all->has_ended = false;
    int fd = io_open(name, O_RDONLY | O_CLOEXEC, 0);
    enum mr_status status = fd < 0 ? mr_error_set(&err, MR_E_SYSTEM, errno, "cannot open %s",
                                                  path_show(shown, sizeof(shown), name))
                                   : report_read(fd, name, &visitor, &err);
    if (fd >= 0)
        close(fd);
    if (!all->has_ended && all->coverage)
        (void)coverage_report(all->coverage, NULL, NULL);
    if (status == MR_OK)
        return;
    message_error(cli->message, NULL, "%s", err.text);
    all->has_gap = true;
}

static enum mr_status begin(struct gathered *all, const struct options *options,
                            struct mr_error *err)
{
    enum report_form form;
    all->draft.fd = -1;
    if (options->name_count == 0)
        return mr_error_set(err, MR_E_USAGE, 0, "no FILE: name a report or a journal");
    enum mr_status status = tally_create(TALLY_KEPT_MAX, &all->tally, err);
    if (status == MR_OK && options->name_count > 1)
        status = coverage_create(&all->coverage, err);
    if (status != MR_OK || !options->report)
        return status;
    status = report_form_of(options->report, &form, err);
    if (status == MR_OK)
        status = draft_open(&all->draft, options->report, "--report", err);
    if (status == MR_OK && !draft_stream(&all->draft))
        status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (status != MR_OK)
        return status;
    all->writes = true;
    report_write_begin(&all->writer, form, all->draft.out);
    return MR_OK;
}

static enum mr_status end(struct gathered *all, struct mr_error *err)
{
    all->run.command = all->run.job_count == 1 && all->command ? all->command : "";
    all->run.is_complete = all->run.is_complete && !all->has_gap;
    memcpy(all->run.counts, all->tally->counts, sizeof(all->run.counts));
    if (all->run.job_count == 0) { /* nothing was read to its end */
        all->run.in_bytes = all->tally->in_bytes;
        all->run.out_bytes = all->tally->out_bytes;
    }
    tally_sort(all->tally);
    if (!all->writes)
        return MR_OK;
    report_write_end(&all->writer, &all->run, all->tally);
    return draft_keep(&all->draft, "--report", err);
}

int verb_report(const struct cli *cli)
{
    const struct options *options = cli->options;
    struct gathered all = {.run = {.command = "", .is_complete = true}};
    struct mr_error err = {0};
    int result = EXIT_DONE;
    enum mr_status status = begin(&all, options, &err);
    for (size_t i = 0; status == MR_OK && i < options->name_count; i++)
        read_file(cli, &all, options->names[i]);
    bool has_failed = status == MR_OK && is_empty(&all) && all.has_gap; /* which was told */
    if (status == MR_OK && !has_failed)
        status = end(&all, &err);
    if (status != MR_OK) {
        result = run_refuse(cli, status, &err);
    } else if (has_failed) {
        result = EXIT_SOME_FAILED;
    } else {
        if (options->is_json)
            write_json(&all);
        else if (!all.writes)
            show(&all);
        bool is_whole = tell_shards(cli, &all) && !all.has_gap;
        result = verb_end_stdout(cli, is_whole ? EXIT_DONE : EXIT_SOME_FAILED);
    }
    draft_drop(&all.draft);
    tally_destroy(all.tally);
    coverage_destroy(all.coverage);
    free(all.command);
    return result;
}
