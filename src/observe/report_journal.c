/* report_journal.c - a journal as a report: the last word about each item, and when its runs began
 * and ended. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "observe/report_read.h"
#include "policy/journal.h"
#include "policy/shard.h"

#define PATH_BYTES 8300 /* an input, and a name in it */

struct reading {
    int fd;
    const char *shown;
    const struct report_visitor *visitor;
    struct journal_past *past; /* the index of the same file */
    int64_t end_bytes;         /* of what is whole */
    struct record_run run;
    double began_s;       /* the session that was opened last */
    unsigned char *bytes; /* a record; owned */
    size_t cap_bytes;
    char path[PATH_BYTES];
};

static double seconds_of(const struct journal_record *record)
{
    return (double)record->time_s + record->time_ns / 1e9;
}

/* Did a later run say something else about the item? */
static enum mr_status is_outdated(struct reading *reading, const struct journal_item *item,
                                  bool *is_so, struct mr_error *err)
{
    struct journal_item last;
    bool is_unsure;
    *is_so = false;
    if (!*item->output || item->status == JOURNAL_SKIPPED)
        return MR_OK;
    enum mr_status status = journal_past_find(reading->past, item->output, &last, &is_unsure, err);
    if (status != MR_OK)
        return status == MR_DONE ? MR_OK : status;
    *is_so = last.ended_s != item->ended_s || last.ended_ns != item->ended_ns ||
             last.status != item->status;
    return MR_OK;
}

static enum record_status status_of(const struct journal_item *item)
{
    switch (item->status) {
    case JOURNAL_STORED:
        return RECORD_STORED;
    case JOURNAL_COPIED:
        return RECORD_COPIED;
    case JOURNAL_SKIPPED:
        return RECORD_SKIPPED;
    case JOURNAL_FAILED:
        break;
    }
    return RECORD_FAILED;
}

/*
 * The journal has the input and the name in it: for a member of an archive (a regular file) these
 * are two names, for a file that is an input itself the second is the end of the first.
 */
static void set_names(struct reading *reading, const struct journal_item *item,
                      struct record *record)
{
    size_t input_bytes = strlen(item->input), path_bytes = strlen(item->path);
    record->member = "";
    record->path = *item->input ? item->input : item->output;
    bool is_same = path_bytes <= input_bytes &&
                   strcmp(item->input + input_bytes - path_bytes, item->path) == 0;
    if (is_same)
        return;
    if (item->has_box) {
        record->member = item->path;
        return;
    }
    while (input_bytes > 0 && item->input[input_bytes - 1] == '/')
        input_bytes--;
    snprintf(reading->path, sizeof(reading->path), "%.*s/%s", (int)input_bytes, item->input,
             item->path);
    record->path = reading->path;
}

static enum mr_status tell_item(struct reading *reading, const struct journal_item *item,
                                struct mr_error *err)
{
    struct record record = {
        .status = status_of(item),
        .kind = "file",
        .output = item->output,
        .reason = item->reason,
        .stage = "",
        .in_bytes = item->source.size_bytes > 0 ? (uint64_t)item->source.size_bytes : 0,
        .out_bytes = item->has_output ? (uint64_t)item->output_file.size_bytes : 0,
        .lacks_out_bytes = !item->has_output && item->status == JOURNAL_STORED,
        .latency_ns = (int64_t)(item->took_ns & INT64_MAX),
        .attempts = item->attempts,
    };
    set_names(reading, item, &record);
    struct record_run *run = &reading->run;
    run->counts[record.status]++;
    run->retried_count += item->attempts > 1;
    run->in_bytes += record.in_bytes;
    run->out_bytes += record.out_bytes;
    return reading->visitor->item(reading->visitor->ctx, &record, err);
}

static enum mr_status take(struct reading *reading, const struct journal_record *record,
                           struct mr_error *err)
{
    struct record_run *run = &reading->run;
    bool is_outdated_item = false;
    struct shard_choice shard;
    enum mr_status status = MR_OK;
    switch (record->type) {
    case JOURNAL_HEADER:
        strncpy(run->version, record->version, sizeof(run->version) - 1);
        break;
    case JOURNAL_FIELD:
        if (strcmp(record->name, "--shard") == 0 &&
            shard_parse(record->value, &shard, NULL) == MR_OK) {
            run->shard_index = shard.index;
            run->shard_count = shard.count;
        }
        break;
    case JOURNAL_SESSION:
        reading->began_s = seconds_of(record);
        run->is_complete = false;
        if (run->job_count++ == 0) {
            time_t began = (time_t)record->time_s;
            struct tm parts;
            if (gmtime_r(&began, &parts))
                strftime(run->started, sizeof(run->started), "%Y-%m-%dT%H:%M:%SZ", &parts);
        }
        break;
    case JOURNAL_ITEM:
        status = is_outdated(reading, &record->item, &is_outdated_item, err);
        if (status == MR_OK && !is_outdated_item)
            status = tell_item(reading, &record->item, err);
        break;
    case JOURNAL_END:
        run->is_complete = true;
        run->exit_status = !record->is_complete;
        run->elapsed_s += seconds_of(record) - reading->began_s;
        break;
    }
    return status;
}

/* The record at offset_bytes, which is whole; *size_bytes of it. */
static enum mr_status read_record(struct reading *reading, int64_t offset_bytes,
                                  struct journal_record *record, size_t *size_bytes,
                                  struct mr_error *err)
{
    unsigned char frame[JOURNAL_FRAME_BYTES];
    size_t got_bytes = 0;
    bool is_read = io_pread(reading->fd, frame, sizeof(frame), offset_bytes, &got_bytes) == 0;
    *size_bytes = is_read && got_bytes == sizeof(frame) ? journal_frame_size(frame) : 0;
    if (*size_bytes > reading->cap_bytes) {
        unsigned char *grown = realloc(reading->bytes, *size_bytes);
        if (!grown)
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        reading->bytes = grown;
        reading->cap_bytes = *size_bytes;
    }
    if (is_read && *size_bytes > 0)
        is_read = io_pread(reading->fd, reading->bytes, *size_bytes, offset_bytes, &got_bytes) == 0;
    if (!is_read)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read %s", reading->shown);
    if (*size_bytes == 0 || got_bytes != *size_bytes ||
        !journal_decode(reading->bytes, *size_bytes, record))
        return mr_error_set(err, MR_E_CHANGED, 0, "%s changes while it is read", reading->shown);
    return MR_OK;
}

static enum mr_status read_records(struct reading *reading, struct mr_error *err)
{
    int64_t at_bytes = (int64_t)sizeof(JOURNAL_MAGIC) - 1;
    enum mr_status status = MR_OK;
    while (status == MR_OK && at_bytes < reading->end_bytes) {
        struct journal_record record;
        size_t size_bytes;
        status = read_record(reading, at_bytes, &record, &size_bytes, err);
        if (status == MR_OK)
            status = take(reading, &record, err);
        at_bytes += (int64_t)size_bytes;
    }
    return status == MR_OK ? reading->visitor->run(reading->visitor->ctx, &reading->run, err)
                           : status;
}

enum mr_status report_read_journal(int fd, const char *name, const struct report_visitor *visitor,
                                   struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    struct reading reading = {.fd = fd,
                              .shown = path_show(shown, sizeof(shown), name),
                              .visitor = visitor,
                              .run = {.command = ""}};
    enum mr_status status = journal_past_read(fd, name, "", &reading.past, &reading.end_bytes, err);
    if (status == MR_OK && !reading.past)
        status = mr_error_set(err, MR_E_DATA, 0, "%s: nothing was written into this journal yet",
                              reading.shown);
    if (status == MR_OK)
        status = read_records(&reading, err);
    journal_past_destroy(reading.past);
    free(reading.bytes);
    return status;
}
