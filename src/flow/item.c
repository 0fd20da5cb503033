/* item.c - what the steps of an item share, and its end. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/path.h"
#include "flow/amounts.h"
#include "flow/ledger.h"

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

void item_stop(struct item *item, enum item_stop stop, enum job_stage by,
               const struct mr_error *error)
{
    if (item->stop != ITEM_GOES_ON)
        return;
    item->stop = stop;
    item->stopped_by = by;
    if (error)
        item->error = *error;
}

struct box *item_process_target(struct item *item)
{
    return item->encode ? &item->mid : &item->out;
}

struct box *item_load_target(struct item *item)
{
    return item->way ? &item->in : item_process_target(item);
}

size_t item_target_bytes(const struct item *item, const struct box *target)
{
    return target == &item->mid ? item->route->block_bytes : CHUNK_CONTENT_BYTES;
}

void item_put_down(struct item *item, struct box *target, struct chunk *chunk)
{
    bool is_wanted = item->stop == ITEM_GOES_ON && !(target == &item->in && item->is_processed);
    if (chunk && is_wanted) {
        chunk_list_push(&target->chunks, chunk);
        return;
    }
    box_leave(target, 1);
    chunk_give(item->job->chunks, chunk);
}

void item_pass_over(struct item *item)
{
    if (item->is_loaded && !item->way)
        item->is_processed = true;
    if (item->is_processed && !item->encode)
        item->is_encoded = true;
}

void item_used_up(struct item *item, struct box *box, struct chunk *chunk)
{
    bool is_input = box == item_load_target(item);
    box_leave(box, 1);
    if (is_input && item->keeps_input && !item->is_copy && chunk->is_last &&
        chunk->used_bytes == item->load.bytes && !item->kept)
        item->kept = chunk;
    else
        chunk_give(item->job->chunks, chunk);
}

enum mr_status item_set_route(struct item *item, const struct route *route, bool is_small)
{
    const struct job *job = item->job;
    item->route = route;
    bool has_blocks = route && route->codec && !is_small;
    item->way = !route ? NULL : has_blocks ? &route->before : &route->whole;
    if (item->way && !item->way->chain)
        item->way = NULL;
    /* A small file has one chunk at a time, also should it have grown. */
    item->in.window_count = is_small ? 1 : job->window_count;
    item->out.window_count = job->window_count;
    if (!has_blocks)
        return MR_OK;
    unsigned width = job->encode_width;
    while (width > 1 && encode_cost_bytes(route, width) > job->config.memory_bytes / 2)
        width--;
    item->mid.window_count = item->out.window_count = width + 1;
    return encode_create(item, width);
}

bool item_is_done(struct line_item *line_item)
{
    const struct item *item = item_of(line_item);
    return !item->is_waiting && item->is_loaded && item->is_processed && item->is_encoded &&
           item->is_stored;
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
    bool has_remark = outcome == JOB_STORED && item->process.remark && !item->is_copy;
    if (has_remark)
        mr_error_set(&item->error, MR_E_DATA, 0, "%s", item->process.remark);
    bool has_error = outcome == JOB_FAILED || item->is_copy || has_remark;
    bool wants_name = has_error || job->config.observer.wants_names;
    char shown[PATH_SHOW_BYTES * 2];
    struct input_place source;
    input_place(item->input, item->entry.path, &source);
    bool has_plain_size = item->entry.has_encoding && outcome == JOB_STORED;
    const struct job_item told = {
        .shown = wants_name ? input_show(item->input, item->entry.path, shown, sizeof(shown)) : "",
        .output = item->output.path,
        .entry = &item->entry,
        .outcome = outcome,
        .is_remark = has_remark,
        .error = has_error ? &item->error : NULL,
        .details = has_error ? item->process.details : NULL,
        .in_bytes = has_plain_size ? (uint64_t)item->entry.size_bytes : item->load.bytes,
        .out_bytes = item->store.bytes,
        .in_flight_ns = item->started_ns ? clock_now_ns() - item->started_ns : 0,
        .attempt_count = item->retry_count + 1,
        .number = line_item->seq + 1,
        .stage_ns = {atomic_load_explicit(&item->stage_ns[JOB_LOAD], memory_order_relaxed),
                     atomic_load_explicit(&item->stage_ns[JOB_PROCESS], memory_order_relaxed),
                     atomic_load_explicit(&item->stage_ns[JOB_STORE], memory_order_relaxed)},
        .failed_in = (int)item->stopped_by,
        .source = source,
    };
    if (item->retry_count > 0)
        atomic_fetch_add_explicit(&job->retried_count, 1, memory_order_relaxed);
    if (has_remark)
        atomic_fetch_add_explicit(&job->remarked_count, 1, memory_order_relaxed);
    if (outcome == JOB_STORED && item->is_copy)
        atomic_fetch_add_explicit(&job->copied_count, 1, memory_order_relaxed);
    if (outcome == JOB_STORED && item->entry.kind == MR_KIND_FILE)
        atomic_fetch_add_explicit(&job->file_count, 1, memory_order_relaxed);
    if (outcome == JOB_STORED)
        atomic_fetch_add_explicit(&job->out_bytes, item->store.bytes, memory_order_relaxed);
    if (item->process.has_seat)
        seats_leave(job->seats, &item->process.seat);
    ledger_ended(item, outcome);
    amounts_count_through(item);
    job_tell(job, &told);
    line_item_fini(line_item);
    item_free(item);
}

static size_t item_bytes(const struct job *job)
{
    return sizeof(struct item) + line_run_count(job->line) * sizeof(struct line_run);
}

struct item *item_make(struct job *job)
{
    struct item *made = stash_take(job->idle_items);
    if (made)
        memset(made, 0, item_bytes(job));
    else
        made = calloc(1, item_bytes(job));
    if (made)
        made->job = job;
    return made;
}

void item_free(struct item *item)
{
    if (!item)
        return;
    chunk_give(item->job->chunks, item->kept);
    spool_destroy(item->load.tee);
    spool_destroy(item->spool);
    encode_destroy(item->encode);
    free(item->process.note);
    free(item->process.remark);
    free(item->process.details);
    free(item->copy_path);
    free(item->output.path);
    free(item->output.target);
    mr_entry_clear(&item->entry);
    input_release(item->input);
    stash_put(item->job->idle_items, item);
}
