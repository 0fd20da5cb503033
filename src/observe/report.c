#include "observe/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "observe/draft.h"
#include "observe/job_record.h"
#include "observe/lanes.h"
#include "observe/report_forms.h"
#include "observe/report_read.h"

#define OPTION      "--report"
#define SPILL_BYTES ((size_t)4096) /* some 16 items */

struct report {
    enum report_form form;
    char *path, *command;
    struct draft draft; /* as JSON, whatever the form */
    struct report_writer writer;
    struct lanes *lanes;
    struct record_run run; /* the sum of its jobs */
    struct shard_choice shard;
    char started[32];
};

static void destroy(struct report *report)
{
    draft_drop(&report->draft);
    lanes_destroy(report->lanes);
    free(report->path);
    free(report->command);
    free(report);
}

void report_drop(struct report *report)
{
    if (report)
        destroy(report);
}

/* The head of the JSON, and lanes behind it. */
static enum mr_status begin(struct report *report, struct mr_error *err)
{
    FILE *out = draft_stream(&report->draft);
    if (!out)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    report_write_begin(&report->writer, REPORT_JSON, out);
    if (fflush(out) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, OPTION ": cannot be written");
    if (lanes_create(report->draft.fd, ftello(out), SPILL_BYTES, NULL, NULL, &report->lanes) !=
        MR_OK)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    return MR_OK;
}

enum mr_status report_create(const char *path, const char *command, struct report **report,
                             struct mr_error *err)
{
    enum report_form form;
    enum mr_status status = report_form_of(path, &form, err);
    if (status != MR_OK)
        return status;
    struct report *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    time_t now = time(NULL);
    struct tm parts;
    made->form = form;
    made->path = strdup(path);
    made->command = strdup(command);
    if (gmtime_r(&now, &parts))
        strftime(made->started, sizeof(made->started), "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (!made->path || !made->command)
        status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (status == MR_OK)
        status = draft_open(&made->draft, path, OPTION, err);
    if (status == MR_OK)
        status = begin(made, err);
    if (status != MR_OK) {
        destroy(made);
        return status;
    }
    *report = made;
    return MR_OK;
}

void report_set_shard(struct report *report, const struct shard_choice *shard)
{
    report->shard = *shard;
}

bool report_file(const struct report *report, uint64_t *device, uint64_t *inode)
{
    return draft_file(&report->draft, device, inode);
}

/* ---- items ---- */

void report_item(struct report *report, const struct job_item *item)
{
    char path[JOB_RECORD_PATH_BYTES];
    struct record record;
    struct lane *lane = lanes_mine(report->lanes);
    if (!lane)
        return;
    job_record(item, path, &record);
    char *line = lane_room(lane);
    struct json json;
    line[0] = ',';
    json_open_memory(&json, line + 1, line + LANE_LINE_BYTES);
    record_write(&json, &record);
    json_close(&json);
    if (!json.is_cut) /* names of 100,000 bytes are none */
        lane_put(lane, (size_t)(json.at - line));
}

/* ---- the end ---- */

void report_job(struct report *report, const struct job_figures *figures, bool is_complete)
{
    struct record_run run = {
        .job_count = 1,
        .is_complete = is_complete,
        .elapsed_s = figures->elapsed_s,
        .counts = {[RECORD_STORED] = figures->stored_count - figures->copied_count,
                   [RECORD_COPIED] = figures->copied_count,
                   [RECORD_SKIPPED] = figures->skipped_count,
                   [RECORD_FAILED] = figures->failed_count,
                   [RECORD_CANCELLED] = figures->cancelled_count},
        .retried_count = figures->retried_count,
        .in_bytes = figures->in_bytes,
        .out_bytes = figures->out_bytes,
        .memory_bytes = figures->memory_bytes,
        .memory_peak_bytes = figures->memory_peak_bytes,
        .is_shared = figures->is_shared,
        .idle_s = figures->idle_s,
    };
    for (unsigned s = 0; s < JOB_STAGES; s++) {
        const struct job_stage_figures *stage = &figures->stages[s];
        run.stages[s] = (struct record_stage){.thread_count = stage->thread_most,
                                              .run_count = stage->run_count,
                                              .thread_s = stage->thread_s,
                                              .busy_s = stage->busy_s,
                                              .starved_s = stage->starved_s,
                                              .blocked_s = stage->blocked_s};
    }
    record_run_add(&report->run, &run);
}

static enum mr_status end_json(struct report *report, struct mr_error *err)
{
    FILE *out = draft_stream(&report->draft);
    int64_t end_bytes;
    enum mr_status status = lanes_end(report->lanes, &end_bytes, err);
    if (status != MR_OK) {
        mr_error_prefix(err, OPTION);
        return status;
    }
    if (fseeko(out, end_bytes, SEEK_SET) == 0)
        report_write_end(&report->writer, &report->run, NULL);
    if (fflush(out) != 0 || ferror(out))
        return mr_error_set(err, MR_E_SYSTEM, errno, OPTION ": cannot be written");
    return MR_OK;
}

/* The JSON, which is complete, is read into another form. */
static enum mr_status convert(struct report *report, struct mr_error *err)
{
    struct draft made;
    enum mr_status status = draft_open(&made, report->path, OPTION, err);
    if (status == MR_OK && !draft_stream(&made))
        status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (status == MR_OK && lseek(report->draft.fd, 0, SEEK_SET) < 0)
        status = mr_error_set(err, MR_E_SYSTEM, errno, OPTION);
    if (status == MR_OK)
        status = report_copy(report->draft.fd, report->path, report->form, made.out, err);
    if (status != MR_OK) {
        draft_drop(&made);
        return status;
    }
    return draft_keep(&made, OPTION, err);
}

static void set_origin(const struct report *report, struct record_run *run)
{
    snprintf(run->version, sizeof(run->version), "%s", mr_version());
    snprintf(run->started, sizeof(run->started), "%s", report->started);
    run->command = report->command;
    run->shard_index = report->shard.index;
    run->shard_count = report->shard.count;
}

enum mr_status report_keep(struct report *report, int exit_status, double cpu_s,
                           uint64_t rss_peak_bytes, struct mr_error *err)
{
    set_origin(report, &report->run);
    report->run.exit_status = (uint64_t)exit_status;
    report->run.cpu_s = cpu_s;
    report->run.rss_peak_bytes = rss_peak_bytes;
    enum mr_status status = end_json(report, err);
    if (status == MR_OK)
        status = report->form == REPORT_JSON ? draft_keep(&report->draft, OPTION, err)
                                             : convert(report, err);
    destroy(report);
    return status;
}
