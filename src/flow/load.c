/* load.c - the LOAD step: reads an item's content in chunks. */
#include <stdlib.h>

#include "flow/amounts.h"

#define BORROW_MIN_BYTES 4096 /* less is copied as fast */

enum line_claim load_claim(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    (void)run;
    if (item->is_loaded)
        return LINE_NOTHING;
    item->load.doing = ITEM_WORKS;
    item->load.has_place = false;
    struct box *target = item_load_target(item);
    bool is_unwanted =
        target == &item->in && item->is_processed; /* the chain was done before the end */
    if (item_is_stopped(item) || is_unwanted) {
        /* An item that starts again, of a source that cannot give it again: the rest is read and
         * kept. */
        bool reads_on = item->load.tee && item_wants_input_again(item) &&
                        !atomic_load(&item->job->is_cancelled);
        if (!reads_on)
            item->load.doing = ITEM_CLEANS;
        return LINE_READY;
    }
    if (!box_has_room(target))
        return LINE_HELD;
    box_enter(target);
    item->load.has_place = true;
    return LINE_READY;
}

static enum mr_status open_input(struct item *item, struct mr_error *err)
{
    struct mr_sink *sink = item->job->config.sink;
    struct mr_source *source = item->input->source;
    item->load.is_open = true;
    if (item->is_again && item->load.tee) {
        spool_rewind(item->load.tee);
        return MR_OK;
    }
    enum mr_status status = MR_OK;
    if (sink->ops->wants && !item->is_copy)
        status = sink->ops->wants(sink, &item->output, err);
    if (status != MR_OK)
        return status;
    item->load.size_bytes = item->entry.size_bytes;
    status = source->ops->open(source, &item->entry, &item->load.reader, err);
    if (status == MR_OK && source->ops->open_size && !item->entry.has_encoding)
        item->load.size_bytes = source->ops->open_size(source, item->load.reader);
    if (status == MR_OK && source->ops->update &&
        source->ops->update(source, item->load.reader, &item->entry))
        item_update_output(item);
    item->load.is_by_file = status == MR_OK && item->way && source->ops->descriptor &&
                            !item->entry.has_encoding && chain_takes_file(item->way->chain) &&
                            source->ops->descriptor(source, item->load.reader) >= 0;
    return status;
}

/* An empty chunk stands for the file that PROCESS gets. */
static enum mr_status hand_on(struct item *item, struct mr_error *err)
{
    struct load *load = &item->load;
    load->chunk = chunk_take(item->job->chunks, 1);
    if (!load->chunk)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    load->chunk->is_last = true;
    load->bytes = load->size_bytes > 0 ? (uint64_t)load->size_bytes : 0;
    load->is_open = false;
    return MR_OK;
}

static enum mr_status read_some(struct item *item, void *buffer, size_t cap_bytes,
                                size_t *got_bytes, struct mr_error *err)
{
    struct mr_source *source = item->input->source;
    if (item->load.reader) {
        enum mr_status status =
            source->ops->read(source, item->load.reader, buffer, cap_bytes, got_bytes, err);
        amounts_count_used(item);
        return status;
    }
    return spool_read(item->load.tee, buffer, cap_bytes, got_bytes, err);
}

enum mr_status item_close_input(struct item *item, struct mr_error *err)
{
    struct mr_reader *reader = item->load.reader;
    item->load.reader = NULL;
    item->load.is_open = false;
    if (!reader)
        return MR_OK;
    return item->input->source->ops->close(item->input->source, reader, err);
}

/* The input of an item that may have to start again is kept, unless it fits one chunk: that is kept
 * as it is. */
static enum mr_status keep_input(struct item *item, const struct chunk *chunk, struct mr_error *err)
{
    if (!item->keeps_input || item->is_again || (chunk->is_last && !item->load.tee))
        return MR_OK;
    if (!item->load.tee) {
        enum mr_status status = spool_create(&item->load.tee, err);
        if (status != MR_OK)
            return status;
    }
    return spool_write(item->load.tee, chunk->data, chunk->used_bytes, err);
}

/* The content of a small item in the source's own memory. MR_AGAIN: it has to be read. */
static enum mr_status borrow(struct item *item, struct mr_error *err)
{
    struct load *load = &item->load;
    struct mr_source *source = item->input->source;
    const void *data = NULL;
    bool may = source->ops->borrow && load->reader && item->is_small && load->bytes == 0 &&
               !load->has_carry && !item->entry.has_encoding &&
               load->size_bytes >= BORROW_MIN_BYTES;
    if (!may)
        return MR_AGAIN;
    size_t size_bytes = (size_t)load->size_bytes;
    enum mr_status status = source->ops->borrow(source, load->reader, size_bytes, &data, err);
    if (status != MR_AGAIN)
        amounts_count_used(item);
    if (status != MR_OK)
        return status;
    load->chunk = chunk_borrow(item->job->chunks, source, data, size_bytes);
    if (load->chunk)
        return MR_OK;
    source->ops->give_back(source, data);
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* Reads into a chunk: one byte more than it keeps, which is carried to the next chunk, so that the
 * last one is known to be the last. */
static enum mr_status read_chunk(struct item *item, struct mr_error *err)
{
    struct load *load = &item->load;
    bool is_first = load->bytes == 0 && !load->has_carry;
    size_t content_bytes = item_target_bytes(item, item_load_target(item));
    size_t room_bytes = is_first && item->is_small ? item->in_room_bytes : content_bytes + 1;
    load->chunk = chunk_take(item->job->chunks, room_bytes);
    if (!load->chunk)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    struct chunk *chunk = load->chunk;
    size_t keep_bytes = room_bytes - 1 < content_bytes ? room_bytes - 1 : content_bytes;
    size_t carried_bytes = load->has_carry ? 1 : 0, got_bytes = 0;
    if (load->has_carry)
        chunk->data[0] = load->carry;
    enum mr_status status = read_some(item, chunk->data + carried_bytes,
                                      keep_bytes + 1 - carried_bytes, &got_bytes, err);
    if (status != MR_OK)
        return status;
    got_bytes += carried_bytes;
    load->has_carry = got_bytes > keep_bytes;
    chunk->is_last = !load->has_carry;
    chunk->used_bytes = load->has_carry ? keep_bytes : got_bytes;
    if (load->has_carry)
        load->carry = chunk->data[keep_bytes];
    return MR_OK;
}

static enum mr_status fill(struct item *item, struct mr_error *err)
{
    struct load *load = &item->load;
    enum mr_status status = borrow(item, err);
    if (status == MR_AGAIN)
        status = read_chunk(item, err);
    if (status != MR_OK)
        return status;
    load->bytes += load->chunk->used_bytes;
    status = amounts_loaded(item, load->chunk->used_bytes, err);
    if (status == MR_OK)
        status = keep_input(item, load->chunk, err);
    if (status == MR_OK && load->chunk->is_last)
        status = item_close_input(item, err);
    return status;
}

/* A serial source may go on once this item has been loaded, or given up. */
static void let_feed_go_on(struct item *item)
{
    if (!item->is_serial)
        return;
    item->is_serial = false;
    atomic_store(&item->job->is_loading_serial, false);
    line_feed_kick(item->job->line);
}

void load_run(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    struct load *load = &item->load;
    (void)run;
    load->problem.status = MR_OK;
    if (load->doing == ITEM_CLEANS) {
        item_close_input(item, NULL);
        let_feed_go_on(item);
        return;
    }
    enum mr_status status = load->is_open ? MR_OK : open_input(item, &load->problem);
    if (status == MR_OK)
        status = load->is_by_file ? hand_on(item, &load->problem) : fill(item, &load->problem);
    load->problem.status = status;
    if (status != MR_OK)
        item_close_input(item, NULL);
    if (!load->is_open)
        let_feed_go_on(item);
}

/* What comes encoded counts as its content, when all of it is there; what is read again does not
 * count again. */
static void count_input(struct item *item, const struct chunk *chunk)
{
    struct load *load = &item->load;
    uint64_t bytes = load->bytes;
    if (item->entry.has_encoding)
        bytes = chunk->is_last ? (uint64_t)item->entry.size_bytes : 0;
    if (bytes <= load->counted_bytes)
        return;
    atomic_fetch_add_explicit(&item->job->in_bytes, bytes - load->counted_bytes,
                              memory_order_relaxed);
    load->counted_bytes = bytes;
    amounts_count_loaded(item);
}

/* What is read on for another start alone goes nowhere. */
static void put_down(struct item *item, struct chunk *chunk)
{
    if (item->load.has_place)
        item_put_down(item, item_load_target(item), chunk);
    else
        chunk_give(item->job->chunks, chunk);
}

void load_settle(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    struct load *load = &item->load;
    struct chunk *chunk = load->chunk;
    (void)run;
    load->chunk = NULL;
    if (load->doing == ITEM_CLEANS) {
        item->is_loaded = true;
        if (item->keeps_input && !item->is_again)
            item->has_lost_input = true;
    } else if (load->problem.status != MR_OK) {
        item_stop(item, item_stop_for(load->problem.status), JOB_LOAD, &load->problem);
        item->stopped_by = JOB_LOAD; /* what was kept of it is not whole */
        put_down(item, chunk);
        item->is_loaded = true;
    } else {
        count_input(item, chunk);
        item->is_loaded = chunk->is_last;
        put_down(item, chunk);
    }
    item_pass_over(item);
    item_settled(item);
}
