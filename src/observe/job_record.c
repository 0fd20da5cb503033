#include "observe/job_record.h"

#include <stdio.h>
#include <string.h>

static enum record_status status_of(const struct job_item *item)
{
    switch (item->outcome) {
    case JOB_STORED:
        return item->error && !item->is_remark ? RECORD_COPIED : RECORD_STORED;
    case JOB_SKIPPED:
        return RECORD_SKIPPED;
    case JOB_CANCELLED:
        return RECORD_CANCELLED;
    case JOB_FAILED:
        break;
    }
    return RECORD_FAILED;
}

static const char *kind_of(const struct job_item *item)
{
    static const char *const names[] = {[MR_KIND_FILE] = "file",
                                        [MR_KIND_DIRECTORY] = "directory",
                                        [MR_KIND_SYMLINK] = "symlink",
                                        [MR_KIND_HARDLINK] = "hardlink",
                                        [MR_KIND_OTHER] = "other"};
    return item->entry ? names[item->entry->kind] : "other";
}

static const char *stage_of(const struct job_item *item)
{
    if (item->outcome != JOB_FAILED)
        return "";
    return item->failed_in < 0 ? RECORD_FOUND : record_stage_name((unsigned)item->failed_in);
}

/* A member of an archive has two names; path is room for the name of anything else. */
static void set_names(const struct job_item *item, char *path, struct record *record)
{
    const struct input_place *place = &item->source;
    bool is_member = place->label && strcmp(place->joint, "!/") == 0;
    record->output = item->output ? item->output : "";
    if (!place->label) {
        record->path = record->output;
        return;
    }
    record->path = path;
    if (is_member)
        record->member = place->path;
    snprintf(path, JOB_RECORD_PATH_BYTES, "%.*s%s%s", (int)place->label_bytes, place->label,
             is_member ? "" : place->joint, is_member ? "" : place->path);
}

void job_record(const struct job_item *item, char path[JOB_RECORD_PATH_BYTES],
                struct record *record)
{
    *record = (struct record){
        .status = status_of(item),
        .kind = kind_of(item),
        .member = "",
        .reason = item->error ? item->error->text : "",
        .wrote = item->details,
        .stage = stage_of(item),
        .in_bytes = item->in_bytes,
        .out_bytes = item->out_bytes,
        .stage_ns = {item->stage_ns[JOB_LOAD], item->stage_ns[JOB_PROCESS],
                     item->stage_ns[JOB_STORE]},
        .latency_ns = item->in_flight_ns,
        .attempts = item->attempt_count,
    };
    set_names(item, path, record);
}
