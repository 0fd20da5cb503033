#include "flow/ledger.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "policy/journal.h"

/* ---- what is written down ---- */

static void describe(struct journal_item *record, const struct input *input,
                     const struct mr_entry *entry)
{
    record->input = input->source->label;
    record->path = entry->path;
    record->source = (struct journal_file){.size_bytes = entry->size_bytes,
                                           .mtime_s = entry->has_mtime ? entry->mtime_s : 0,
                                           .mtime_ns = entry->has_mtime ? entry->mtime_ns : 0,
                                           .mode = entry->has_mode ? entry->mode : 0,
                                           .inode = entry->inode};
    record->has_box = input->has_file;
    if (input->has_file)
        record->box = (struct journal_file){.size_bytes = input->size_bytes,
                                            .mtime_s = input->mtime_s,
                                            .mtime_ns = input->mtime_ns,
                                            .inode = input->inode};
    record->has_source_crc = entry->has_encoding && entry->encoding.has_crc;
    record->source_crc = record->has_source_crc ? entry->encoding.crc : 0;
}

static struct journal_record new_record(enum journal_status status)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (struct journal_record){.type = JOURNAL_ITEM,
                                   .item = {.status = status,
                                            .attempts = 1,
                                            .ended_s = now.tv_sec,
                                            .ended_ns = (uint32_t)now.tv_nsec,
                                            .input = "",
                                            .path = "",
                                            .output = "",
                                            .reason = ""}};
}

static void put_output(struct journal_item *record, const struct mr_stored *stored)
{
    record->has_output = true;
    record->output_crc = stored->crc;
    record->output_file = (struct journal_file){
        .size_bytes = stored->size_bytes, .mtime_s = stored->mtime_s, .mtime_ns = stored->mtime_ns};
}

static struct journal_record record_of(const struct item *item, enum journal_status status)
{
    struct journal_record record = new_record(status);
    describe(&record.item, item->input, &item->entry);
    record.item.output = item->output.path;
    record.item.attempts = item->retry_count + item->is_redone + 1u;
    record.item.took_ns = (uint64_t)(clock_now_ns() - item->started_ns);
    return record;
}

enum mr_status ledger_stored(struct item *item, struct mr_error *err)
{
    const struct job *job = item->job;
    struct mr_sink *sink = job->config.sink;
    if (!job->config.journal || item->entry.kind == MR_KIND_DIRECTORY)
        return MR_OK;
    struct journal_record record = record_of(item, item->is_copy ? JOURNAL_COPIED : JOURNAL_STORED);
    struct mr_stored stored;
    if (item->is_copy)
        record.item.reason = item->error.text;
    /* Links are made at the end. */
    if (sink->ops->find && item->entry.kind == MR_KIND_FILE &&
        sink->ops->find(sink, &item->output, false, &stored, err) == MR_OK &&
        stored.size_bytes == (int64_t)item->store.bytes) {
        stored.crc = item->store.crc;
        put_output(&record.item, &stored);
    }
    return journal_put(job->config.journal, &record, err);
}

static void put_or_give_up(struct job *job, const struct journal_record *record)
{
    struct mr_error error = {0};
    if (journal_put(job->config.journal, record, &error) != MR_OK)
        job_give_up(job, &error);
}

void ledger_ended(struct item *item, enum job_outcome outcome)
{
    struct job *job = item->job;
    if (!job->config.journal || item->entry.kind == MR_KIND_DIRECTORY ||
        (outcome != JOB_FAILED && outcome != JOB_SKIPPED))
        return;
    struct journal_record record =
        record_of(item, outcome == JOB_FAILED ? JOURNAL_FAILED : JOURNAL_SKIPPED);
    record.item.reason = outcome == JOB_FAILED ? item->error.text : "";
    if (item->output.replaces) /* it is still there */
        put_output(&record.item, item->output.replaces);
    put_or_give_up(job, &record);
}

void ledger_failed(struct job *job, const struct input *input, const struct mr_entry *entry,
                   const struct mr_error *error)
{
    if (!job->config.journal || job->config.is_dry)
        return;
    struct journal_record record = new_record(JOURNAL_FAILED);
    if (input && entry)
        describe(&record.item, input, entry);
    record.item.reason = error->text;
    put_or_give_up(job, &record);
}

void ledger_failed_late(struct job *job, const char *output, const struct mr_error *error)
{
    if (!job->config.journal)
        return;
    struct journal_record record = new_record(JOURNAL_FAILED);
    record.item.output = output;
    record.item.reason = error->text;
    put_or_give_up(job, &record);
}

/* ---- what an earlier run wrote down ---- */

static bool is_same_file(const struct journal_file *a, const struct journal_file *b)
{
    return a->size_bytes == b->size_bytes && a->mtime_s == b->mtime_s &&
           a->mtime_ns == b->mtime_ns && a->mode == b->mode && a->inode == b->inode;
}

/* Is the item's source still what it was then? What comes from a pipe cannot tell. */
static bool is_same_source(const struct item *item, const struct journal_item *then)
{
    struct journal_item now = {0};
    describe(&now, item->input, &item->entry);
    bool can_tell = now.has_box || now.source.inode != 0;
    return can_tell && strcmp(now.input, then->input) == 0 && strcmp(now.path, then->path) == 0 &&
           now.has_box == then->has_box && now.has_source_crc == then->has_source_crc &&
           now.source_crc == then->source_crc && is_same_file(&now.source, &then->source) &&
           is_same_file(&now.box, &then->box);
}

/*
 * Looks at what stands in the item's place. What has the time that the record says is the run's
 * own, and may be replaced; *is_whole: it is what was stored. A system that went down may have kept
 * names and times of outputs and lost content of theirs, so is_unsure asks for more, and lets more
 * be replaced.
 */
static enum mr_status compare_output(struct item *item, const struct journal_item *then,
                                     bool is_unsure, bool *is_whole, struct mr_error *err)
{
    struct mr_sink *sink = item->job->config.sink;
    struct mr_stored found;
    *is_whole = !sink->ops->find;
    if (!then->has_output || !sink->ops->find)
        return MR_OK;
    enum mr_status status = sink->ops->find(sink, &item->output, is_unsure, &found, err);
    if (status != MR_OK)
        return status == MR_DONE ? MR_OK : status;
    const struct journal_file *file = &then->output_file;
    bool is_same_size = found.size_bytes == file->size_bytes;
    bool is_own = found.mtime_s == file->mtime_s && found.mtime_ns == file->mtime_ns &&
                  (is_same_size || is_unsure);
    *is_whole = is_own && is_same_size && (!is_unsure || found.crc == then->output_crc);
    if (is_own) {
        found.crc = then->output_crc;
        item->replaces = found;
        item->output.replaces = &item->replaces;
    }
    return MR_OK;
}

/*
 * One more name of a file that an earlier run stored as well: what stands there is that run's own
 * when it is what was stored, and may be replaced. The link itself is looked at when it is made.
 */
static enum mr_status settle_link(struct item *item, struct mr_error *err)
{
    struct journal_item then;
    bool is_unsure = false, is_whole;
    enum mr_status status =
        journal_past_find(item->job->config.past, item->output.target, &then, &is_unsure, err);
    if (status != MR_OK)
        return status == MR_DONE ? MR_OK : status;
    compare_output(item, &then, is_unsure, &is_whole, err);
    return MR_OK; /* its own store says why */
}

enum mr_status ledger_settle(struct job *job, struct item *item, struct mr_error *err)
{
    const struct job_config *config = &job->config;
    struct journal_item then;
    bool is_unsure = false, is_whole = false;
    if (config->past && item->entry.kind == MR_KIND_HARDLINK && item->output.target)
        return settle_link(item, err);
    if (!config->past || item->entry.kind != MR_KIND_FILE)
        return MR_OK;
    enum mr_status status =
        journal_past_find(config->past, item->output.path, &then, &is_unsure, err);
    if (status == MR_DONE)
        return config->retries_failed ? MR_SKIPPED : MR_OK;
    if (status != MR_OK)
        return status;
    bool has_failed = then.status == JOURNAL_FAILED;
    if (config->retries_failed && !has_failed)
        return MR_SKIPPED;
    if (compare_output(item, &then, is_unsure, &is_whole, err) != MR_OK)
        return MR_OK; /* its own store says why */
    /* A source that is to be removed is still there; and the last of several must come last. */
    bool is_done = !has_failed && is_same_source(item, &then) && is_whole &&
                   !config->removes_sources && !item->output.replaces_earlier;
    return is_done ? MR_SKIPPED : MR_OK;
}
