/* item.c - what the steps of an item share, and its end. */
#include "flow/item.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"

bool item_is_stopped(struct item *item)
{
    if (item->stop == ITEM_GOES_ON &&
        atomic_load_explicit(&item->job->is_cancelled, memory_order_relaxed))
        item->stop = ITEM_CANCELLED;
    return item->stop != ITEM_GOES_ON;
}

enum item_stop item_stop_for(enum mr_status status)
{
    switch (status) {
    case MR_SKIPPED:
        return ITEM_SKIPPED;
    case MR_CANCELLED:
        return ITEM_CANCELLED;
    default:
        return ITEM_FAILED;
    }
}

/* Can an item that comes later be a hard link to this one, in an output that cannot tell by itself
 * whether it is there? */
static bool item_may_be_linked(const struct item *item)
{
    const struct job *job = item->job;
    bool is_member = item->input->source->flags & MR_SOURCE_CONTAINER;
    return (job->config.sink->flags & MR_SINK_SERIAL) &&
           !(job->config.sink->flags & MR_SINK_NO_HARD_LINKS) &&
           (is_member || item->entry.link_count > 1);
}

void item_stop(struct item *item, enum item_stop stop, enum job_stage by,
               const struct mr_error *error)
{
    if (item->stop != ITEM_GOES_ON)
        return;
    item->stop = stop;
    item->stopped_by = by;
    /* Before the turn goes on to a link that may point here. */
    if (item->entry.kind == MR_KIND_FILE && item_may_be_linked(item))
        lost_add(&item->job->lost, item->output.path);
    if (error)
        item->error = *error;
}

bool item_has_out_room(const struct item *item)
{
    return item->needs_whole || item->out_hands_count < item->out_window_count;
}

enum mr_status item_spool_out(struct item *item, struct mr_error *err)
{
    if (item->out_box.count < item->out_window_count)
        return MR_OK;
    enum mr_status status = item->spool ? MR_OK : spool_create(&item->spool, err);
    struct chunk *chunk;
    while (status == MR_OK && (chunk = chunk_list_pop(&item->out_box)) != NULL) {
        status = spool_write(item->spool, chunk->data, chunk->used_bytes, err);
        item->out_hands_count--;
        chunk_give(item->job->chunks, chunk);
    }
    return status;
}

void item_copy_instead(struct item *item)
{
    if (item->stop != ITEM_FAILED || item->stopped_by != JOB_PROCESS || !item->copy_path ||
        item->is_copy)
        return;
    if (!item->is_loaded || !item->is_processed || !item->is_stored)
        return;
    /* Its hard links were told the other name. */
    if (item_may_be_linked(item) && strcmp(item->output.path, item->copy_path) != 0)
        lost_add(&item->job->lost, item->output.path);
    free(item->output.path);
    item->output.path = item->copy_path;
    item->copy_path = NULL;
    item->chain = NULL;
    item->is_copy = true;
    item->stop = ITEM_GOES_ON;
    item->is_loaded = item->is_processed = item->is_stored = false;
    item->in_hands_count = item->out_hands_count = 0;
    item->needs_whole = (item->job->config.sink->flags & MR_SINK_NEEDS_SIZE) != 0;
    item->load.bytes = 0;
    item->load.has_carry = false;
    item->store.bytes = 0;
    item->store.crc = 0;
    item->store.is_committed = false;
    if (item->kept) {
        item->kept->is_last = true;
        chunk_list_push(&item->out_box, item->kept);
        item->out_hands_count = 1;
        item->kept = NULL;
        item->is_loaded = item->is_processed = true;
    }
}

bool item_is_done(struct line_item *line_item)
{
    const struct item *item = item_of(line_item);
    return item->is_loaded && item->is_processed && item->is_stored;
}

static enum job_outcome outcome_of(const struct item *item)
{
    switch (item->stop) {
    case ITEM_GOES_ON:
        return JOB_STORED;
    case ITEM_SKIPPED:
        return JOB_SKIPPED;
    case ITEM_CANCELLED:
        return JOB_CANCELLED;
    case ITEM_FAILED:
        break;
    }
    return JOB_FAILED;
}

void item_end(struct line_item *line_item)
{
    struct item *item = item_of(line_item);
    struct job *job = item->job;
    enum job_outcome outcome = outcome_of(item);
    char shown[PATH_SHOW_BYTES * 2];
    const struct job_item told = {
        .shown = input_show(item->input, item->entry.path, shown, sizeof(shown)),
        .output = item->output.path,
        .entry = &item->entry,
        .outcome = outcome,
        .error = outcome == JOB_FAILED || item->is_copy ? &item->error : NULL,
        .in_bytes = item->load.bytes,
        .out_bytes = item->store.bytes,
    };
    if (outcome == JOB_STORED && item->is_copy)
        atomic_fetch_add_explicit(&job->copied_count, 1, memory_order_relaxed);
    if (outcome == JOB_STORED && item->entry.kind == MR_KIND_FILE)
        atomic_fetch_add_explicit(&job->file_count, 1, memory_order_relaxed);
    if (outcome == JOB_STORED)
        atomic_fetch_add_explicit(&job->out_bytes, item->store.bytes, memory_order_relaxed);
    job_tell(job, &told);
    line_item_fini(line_item);
    item_free(item);
}

void item_free(struct item *item)
{
    if (!item)
        return;
    chunk_give(item->job->chunks, item->kept);
    spool_destroy(item->load.tee);
    spool_destroy(item->spool);
    free(item->process.note);
    free(item->copy_path);
    free(item->output.path);
    free(item->output.target);
    mr_entry_clear(&item->entry);
    input_release(item->input);
    free(item);
}
