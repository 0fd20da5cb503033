/* process.c - the PROCESS step: runs an item's content through the chain of operations. */
#include <stdlib.h>
#include <string.h>

#include "flow/amounts.h"

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* A copy in place of the one that was kept. False: out of memory. */
static bool keep_text(const char *text, char **kept)
{
    free(*kept);
    *kept = strdup(text);
    return *kept != NULL;
}

/* False: later. Item lock held. */
static bool sit_down(struct item *item)
{
    struct process *process = &item->process;
    struct seats *seats = item->job->seats;
    if (process->is_seated)
        return true;
    if (!process->has_seat)
        seats_join(seats, &process->seat, &item->line);
    process->has_seat = true;
    process->is_seated = seats_may_sit(seats, &process->seat);
    return process->is_seated;
}

/* A run that is given up begins no operations: a command may take long, and change things. */
static bool comes_too_late(const struct item *item)
{
    return !item->process.state && atomic_load(&item->job->is_halted);
}

enum line_claim process_claim(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    struct process *process = &item->process;
    (void)run;
    if (item->is_processed || !item->way)
        return LINE_NOTHING;
    if (comes_too_late(item))
        item_stop(item, ITEM_CANCELLED, JOB_PROCESS, NULL);
    if (item_is_stopped(item)) {
        process->doing = ITEM_CLEANS;
        return LINE_READY;
    }
    struct box *target = item_process_target(item);
    if (!process->in && !item->in.chunks.first)
        return LINE_NOTHING;
    if (item->wants_seat && !item->is_copy && !sit_down(item))
        return LINE_HELD;
    if (!process->out) {
        if (!box_has_room(target))
            return LINE_HELD;
        box_enter(target);
    }
    if (!process->in)
        process->in = chunk_list_pop(&item->in.chunks);
    process->doing = ITEM_WORKS;
    return LINE_READY;
}

static enum mr_status begin(struct item *item, struct mr_error *err)
{
    struct process *process = &item->process;
    enum mr_status status = MR_OK;
    process->state = process->lent;
    if (!process->state)
        status = way_take(item->way, &process->state, err);
    if (status != MR_OK)
        return status;
    process->limits = amounts_chain_limits(item);
    process->made_bytes = 0;
    status = chain_start(process->state, &item->entry, err);
    struct mr_source *source = item->input->source;
    if (status == MR_OK && item->load.is_by_file)
        chain_give_file(process->state, source->ops->descriptor(source, item->load.reader));
    return status;
}

/* Room for what comes out: for a whole small content what it can become at most, else a full chunk.
 */
struct chunk *process_take_room(struct item *item)
{
    const struct chunk *in = item->process.in;
    size_t room_bytes = item->encode ? item->route->block_bytes : CHUNK_ROOM_BYTES;
    if (!item->encode && in->is_last && in->at_bytes == 0 && item->load.bytes == in->used_bytes) {
        size_t bound_bytes = chain_bound(item->way->chain, &item->entry, in->used_bytes);
        if (bound_bytes < room_bytes)
            room_bytes = bound_bytes > 0 ? bound_bytes : 1;
    }
    return chunk_take(item->job->chunks, room_bytes);
}

/* Status, or why the item cannot be stored all the same. */
static enum mr_status take_remark(struct item *item, const char *remark, enum mr_status status,
                                  struct mr_error *err)
{
    if (item->job->config.spends_inputs && !mr_status_is_error(status))
        return mr_error_set(err, MR_E_DATA, 0, "%s, so its input is kept", remark);
    return keep_text(remark, &item->process.remark) ? status : no_memory(err);
}

/* Calls the chain until the input is used up, the room is full, or it is done. */
static enum mr_status turn_wheel(struct item *item, struct mr_error *err)
{
    struct process *process = &item->process;
    struct chunk *in = process->in, *out = process->out;
    size_t cap_bytes = item->encode ? item->route->block_bytes : out->cap_bytes;
    for (;;) {
        struct mr_io io = {
            .in = in->data + in->at_bytes,
            .in_bytes = in->used_bytes - in->at_bytes,
            .is_last = in->is_last,
            .out = out->data + out->used_bytes,
            .out_bytes = cap_bytes - out->used_bytes,
            .limits = &process->limits,
            .is_as_named = true,
        };
        size_t had_in_bytes = io.in_bytes, had_out_bytes = io.out_bytes;
        enum mr_status status = timing_process(item, &io, err);
        in->at_bytes = in->used_bytes - io.in_bytes;
        out->used_bytes = cap_bytes - io.out_bytes;
        if (io.remark)
            status = take_remark(item, io.remark, status, err);
        if (status == MR_OK || status == MR_DONE) {
            enum mr_status amount = amounts_made(item, err);
            status = amount == MR_OK ? status : amount;
        }
        if (status != MR_OK) {
            process->is_done = status == MR_DONE;
            return process->is_done ? MR_OK : status;
        }
        if (io.out_bytes == 0 || (io.in_bytes == 0 && !in->is_last))
            return MR_OK;
        if (io.in_bytes == had_in_bytes && io.out_bytes == had_out_bytes)
            return mr_error_set(err, MR_E_STEP, 0, "the operation makes no progress");
    }
}

static enum mr_status keep_note(struct item *item, struct mr_error *err)
{
    const char *note = item->job->notes ? chain_note(item->process.state) : NULL;
    return !note || keep_text(note, &item->process.note) ? MR_OK : no_memory(err);
}

/* What the sink must know of content that was encoded for it. */
static void keep_encoding(struct item *item)
{
    if (!item->route->is_encoded || item->encode)
        return;
    item->result.encoding = *chain_encoding(item->process.state, &item->result.plain_bytes);
}

/*
 * The seat is free when the operations are through, or the item waits for another attempt, for
 * which it takes a new one. But where items have turns and may wait for them on a seat, one that
 * failed keeps its own to its end, and one that was through is done without: with a new one it
 * could wait for those that wait for it. Where items are tried again, all of them are put aside
 * instead (needs_whole).
 */
static void leave_seat(struct item *item)
{
    struct process *process = &item->process;
    struct seats *seats = item->job->seats;
    bool keeps = item->job->order != LINE_FREE && item->job->config.policy.retry_count == 0;
    if (!process->has_seat)
        return;
    if (!process->is_seated) {
        seats_forget(seats, &process->seat);
        if (keeps)
            return;
    } else if (!process->is_done && keeps) {
        return;
    }
    process->has_seat = false;
    process->is_seated = process->is_seated && keeps;
    seats_leave(seats, &process->seat);
}

static void let_go(struct item *item)
{
    struct process *process = &item->process;
    if (process->state) {
        if (!process->is_done)
            chain_stop(process->state);
        if (process->state != process->lent)
            way_put(item->way, process->state);
        process->state = process->lent = NULL;
    }
    if (item->load.is_by_file)
        item_close_input(item, NULL);
    leave_seat(item);
}

static void keep_details(struct item *item)
{
    struct process *process = &item->process;
    if (!process->state || !item->job->config.observer.wants_details)
        return;
    free(process->details);
    process->details = chain_details(process->state);
}

static enum mr_status work(struct item *item, struct mr_error *err)
{
    struct process *process = &item->process;
    enum mr_status status = MR_OK;
    if (!process->out) {
        process->out = process_take_room(item);
        if (!process->out)
            status = no_memory(err);
    }
    if (status == MR_OK && !process->state)
        status = begin(item, err);
    if (status == MR_OK)
        status = turn_wheel(item, err);
    if (status == MR_OK && process->is_done) {
        keep_encoding(item);
        status = keep_note(item, err);
        if (status == MR_OK && item->load.is_by_file)
            status = item_close_input(item, err);
    }
    if (mr_status_is_error(status))
        keep_details(item);
    if (status != MR_OK || process->is_done)
        let_go(item);
    return status;
}

void process_run(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    (void)run;
    item->process.problem.status = MR_OK;
    if (item->process.doing == ITEM_CLEANS) {
        let_go(item);
        return;
    }
    int64_t begin_ns = process_brief_begin(item);
    item->process.problem.status = work(item, &item->process.problem);
    process_brief_end(item, begin_ns);
}

static void finish_input(struct item *item)
{
    item_used_up(item, &item->in, item->process.in);
    item->process.in = NULL;
}

/* No input is wanted any more. */
static void drop_input(struct item *item)
{
    struct process *process = &item->process;
    if (process->in)
        finish_input(item);
    while ((process->in = chunk_list_pop(&item->in.chunks)) != NULL)
        finish_input(item);
}

static void drop_all(struct item *item)
{
    drop_input(item);
    if (item->process.out) {
        box_leave(item_process_target(item), 1);
        chunk_give(item->job->chunks, item->process.out);
    }
    item->process.out = NULL;
    item->is_processed = true;
}

void process_settle(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    struct process *process = &item->process;
    (void)run;
    if (process->problem.status != MR_OK)
        item_stop(item, item_stop_for(process->problem.status), JOB_PROCESS, &process->problem);
    if (process->doing == ITEM_CLEANS || process->problem.status != MR_OK) {
        drop_all(item);
    } else {
        struct chunk *in = process->in, *out = process->out;
        if (process->is_done)
            drop_input(item);
        else if (in->at_bytes == in->used_bytes && !in->is_last)
            finish_input(item);
        struct box *target = item_process_target(item);
        size_t full_bytes = item->encode ? item->route->block_bytes : out->cap_bytes;
        if (process->is_done || out->used_bytes == full_bytes) {
            out->is_last = process->is_done;
            item_put_down(item, target, out);
            process->out = NULL;
        }
        item->is_processed = process->is_done;
    }
    item_pass_over(item);
    item_settled(item);
}
