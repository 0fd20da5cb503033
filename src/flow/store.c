/* store.c - the STORE step: hands what came out to the sink, and makes it visible when it is
 * complete. */
#include <errno.h>

#include "base/path.h"
#include "codec/sums.h"
#include "flow/ledger.h"

/* Is there anything to store now? */
static bool has_something(const struct item *item)
{
    if (!item_is_content(item))
        return true;
    if (item->needs_whole)
        return item->is_encoded;
    return item->out.chunks.first != NULL;
}

/* What cannot be stored yet fills the box: it has to go somewhere else. */
static bool must_spool(const struct item *item)
{
    return item->needs_whole && !item->is_encoded && !box_has_room(&item->out) &&
           item->out.chunks.first;
}

static bool is_kept_encoded(const struct item *item)
{
    return item->route && item->route->is_encoded;
}

/*
 * Does the sink learn at the end only how its content is kept? Then always, however early it is
 * known: what is written must not depend on how fast the threads are.
 */
static bool is_told_late(const struct item *item)
{
    return is_kept_encoded(item) && !item->needs_whole;
}

static void tell_encoding(struct item *item)
{
    item->output.has_encoding = true;
    item->output.encoding = item->result.encoding;
    item->output.size_bytes = item->result.plain_bytes;
}

enum line_claim store_claim(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    struct store *store = &item->store;
    (void)run;
    if (item->is_stored)
        return LINE_NOTHING;
    if (item_is_stopped(item)) {
        if (!item->is_encoded)
            return LINE_NOTHING; /* more may still come into the box */
        store->doing = ITEM_CLEANS;
    } else if (must_spool(item)) {
        store->doing = ITEM_SPOOLS;
    } else {
        if (!has_something(item))
            return LINE_NOTHING;
        if (!line_has_turn(line_item))
            return LINE_HELD;
        store->doing = ITEM_WORKS;
    }
    store->is_complete = item->is_encoded;
    if (store->is_complete && is_kept_encoded(item))
        tell_encoding(item);
    store->chunks = item->out.chunks;
    store->taken_count = item->out.chunks.count;
    item->out.chunks = (struct chunk_list){0};
    return LINE_READY;
}

/* The exact size of what will be written, or MR_SIZE_UNKNOWN. */
static int64_t exact_size(const struct item *item)
{
    const struct chunk_list *chunks = &item->store.chunks;
    if (!item_is_content(item))
        return 0;
    if (is_told_late(item))
        return MR_SIZE_UNKNOWN;
    if (chunks->last && chunks->last->is_last)
        return (int64_t)chunks->used_bytes + (item->spool ? spool_size_bytes(item->spool) : 0);
    return item->is_size_known && !is_kept_encoded(item) ? item->load.size_bytes : MR_SIZE_UNKNOWN;
}

/* The size of the plain content, as the sink sees it when it begins. */
static int64_t plain_size(const struct item *item)
{
    if (!is_kept_encoded(item))
        return item->store.declared_bytes;
    if (!is_told_late(item))
        return item->output.size_bytes;
    return item->is_size_known ? item->load.size_bytes : MR_SIZE_UNKNOWN;
}

static enum mr_status check_size(int64_t announced_bytes, int64_t found_bytes, struct mr_error *err)
{
    if (announced_bytes == MR_SIZE_UNKNOWN || announced_bytes == found_bytes)
        return MR_OK;
    return mr_error_set(
        err, MR_E_CHANGED, 0,
        "has %lld bytes where %lld were announced: it changed, or its archive is damaged",
        (long long)found_bytes, (long long)announced_bytes);
}

static enum mr_status begin(struct item *item, struct mr_error *err)
{
    struct mr_sink *sink = item->job->config.sink;
    /* A tree finds out by itself, when it makes its links at the end. */
    if (item->entry.kind == MR_KIND_HARDLINK && (sink->flags & MR_SINK_SERIAL) &&
        lost_has(&item->job->lost, item->output.target)) {
        char shown[PATH_SHOW_BYTES];
        return mr_error_set(err, MR_E_DATA, 0, "hard link to '%s', which was not stored",
                            path_show(shown, sizeof(shown), item->output.target));
    }
    item->store.declared_bytes = exact_size(item);
    item->output.size_bytes = plain_size(item);
    /* What is all there is judged before the output has any of it. */
    if (is_kept_encoded(item) && item->is_size_known && !is_told_late(item)) {
        enum mr_status size = check_size(item->load.size_bytes, item->output.size_bytes, err);
        if (size != MR_OK)
            return size;
    }
    if (is_told_late(item)) {
        item->output.has_encoding = true;
        item->output.encoding =
            (struct mr_encoding){.method = item->route->method, .stored_bytes = MR_SIZE_UNKNOWN};
    }
    enum mr_status status =
        sink->ops->begin(sink, &item->output, item->store.declared_bytes, &item->store.writer, err);
    if (is_told_late(item) && item->store.is_complete)
        tell_encoding(item);
    return status;
}

static enum mr_status write_some(struct item *item, const void *data, size_t size_bytes,
                                 struct mr_error *err)
{
    struct mr_sink *sink = item->job->config.sink;
    if (size_bytes == 0)
        return MR_OK;
    enum mr_status status = sink->ops->write(sink, item->store.writer, data, size_bytes, err);
    if (status != MR_OK)
        return status;
    item->store.bytes += size_bytes;
    if (item->job->config.removes_sources || (item->job->config.journal && sink->ops->find))
        item->store.crc = sums_crc32(item->store.crc, data, size_bytes);
    return MR_OK;
}

/* Moves what was taken to the spool. */
static enum mr_status put_aside(struct item *item, struct mr_error *err)
{
    enum mr_status status = item->spool ? MR_OK : spool_create(&item->spool, err);
    struct chunk *chunk;
    while (status == MR_OK && (chunk = chunk_list_pop(&item->store.chunks)) != NULL) {
        status = spool_write(item->spool, chunk->data, chunk->used_bytes, err);
        chunk_give(item->job->chunks, chunk);
    }
    return status;
}

static enum mr_status write_spool(struct item *item, struct mr_error *err)
{
    struct chunk *room = chunk_take(item->job->chunks, CHUNK_ROOM_BYTES);
    if (!room)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status;
    size_t got_bytes;
    do {
        got_bytes = 0;
        status = spool_read(item->spool, room->data, CHUNK_CONTENT_BYTES, &got_bytes, err);
        if (status == MR_OK)
            status = write_some(item, room->data, got_bytes, err);
        if (status == MR_OK && atomic_load(&item->job->is_cancelled))
            status = MR_CANCELLED;
    } while (status == MR_OK && got_bytes == CHUNK_CONTENT_BYTES);
    chunk_give(item->job->chunks, room);
    spool_destroy(item->spool);
    item->spool = NULL;
    return status;
}

/* Writes what was taken. *is_last: that was all of the item. */
static enum mr_status write_all(struct item *item, bool *is_last, struct mr_error *err)
{
    enum mr_status status = item->spool ? write_spool(item, err) : MR_OK;
    *is_last = !item_is_content(item);
    struct chunk *chunk;
    while (status == MR_OK && (chunk = chunk_list_pop(&item->store.chunks)) != NULL) {
        status = write_some(item, chunk->data, chunk->used_bytes, err);
        *is_last = chunk->is_last;
        chunk_give(item->job->chunks, chunk);
    }
    return status;
}

/* The source goes when the output is on the disk and was read back. */
static enum mr_status remove_source(struct item *item, struct mr_error *err)
{
    struct mr_sink *sink = item->job->config.sink;
    struct mr_source *source = item->input->source;
    if (!item->job->config.removes_sources || !item_is_content(item))
        return MR_OK;
    if (!source->ops->remove || !sink->ops->verify)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "stored, but its source cannot be removed");
    enum mr_status status =
        sink->ops->verify(sink, &item->output, item->store.bytes, item->store.crc, err);
    return status == MR_OK ? source->ops->remove(source, &item->entry, err) : status;
}

/* Nothing is stored any more that the journal does not know. */
static enum mr_status write_down(struct item *item, struct mr_error *err)
{
    enum mr_status status = ledger_stored(item, err);
    if (status == MR_OK)
        return MR_OK;
    job_give_up(item->job, err);
    return MR_CANCELLED;
}

static enum mr_status commit(struct item *item, struct mr_error *err)
{
    struct store *store = &item->store;
    struct mr_sink *sink = item->job->config.sink;
    enum mr_status status = MR_OK;
    if (is_told_late(item))
        status = check_size(item->load.size_bytes, item->output.size_bytes, err);
    else if (item_is_content(item))
        status = check_size(store->declared_bytes, (int64_t)store->bytes, err);
    if (status != MR_OK)
        return status;
    struct mr_writer *writer = store->writer;
    store->writer = NULL;
    status = sink->ops->commit(sink, writer, err);
    if (status == MR_OK && item->job->notes && item->process.note)
        status = notes_write(item->job->notes, item->process.note, err);
    if (status == MR_OK)
        status = remove_source(item, err);
    if (status == MR_OK)
        status = write_down(item, err);
    store->is_committed = status == MR_OK;
    return status;
}

static void clean(struct item *item)
{
    struct store *store = &item->store;
    chunk_give_all(item->job->chunks, &store->chunks);
    spool_destroy(item->spool);
    item->spool = NULL;
    if (!store->writer)
        return;
    struct mr_sink *sink = item->job->config.sink;
    sink->ops->abort(sink, store->writer);
    store->writer = NULL;
    bool is_ruined = (sink->flags & MR_SINK_FINAL) &&
                     ((sink->flags & MR_SINK_NEEDS_SIZE) || sink->encoding) && store->bytes > 0;
    if (is_ruined && !atomic_load(&item->job->is_cancelled)) {
        struct mr_error ruined;
        char shown[PATH_SHOW_BYTES];
        mr_error_set(&ruined, MR_E_DATA, 0,
                     "the output cannot go on after '%s', which broke off in the middle",
                     path_show(shown, sizeof(shown), item->output.path));
        job_give_up(item->job, &ruined);
    }
}

/* Errors after which no other item can be stored either. */
static bool ends_the_run(const struct mr_error *problem)
{
    switch (problem->sys_errno) {
    case ENOSPC:
    case EDQUOT:
    case EROFS:
    case EIO:
    case EPIPE:
        return true;
    default:
        return false;
    }
}

void store_run(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    struct store *store = &item->store;
    (void)run;
    store->problem.status = MR_OK;
    if (store->doing == ITEM_CLEANS) {
        clean(item);
        return;
    }
    bool is_last = false;
    if (store->doing == ITEM_SPOOLS) {
        store->problem.status = put_aside(item, &store->problem);
        chunk_give_all(item->job->chunks, &store->chunks);
        return;
    }
    enum mr_status status = store->writer ? MR_OK : begin(item, &store->problem);
    if (status == MR_OK)
        status = write_all(item, &is_last, &store->problem);
    if (status == MR_OK && is_last)
        status = commit(item, &store->problem);
    store->problem.status = status;
    if (status == MR_E_SYSTEM && ends_the_run(&store->problem) &&
        !item_redoes_store(item, &store->problem)) {
        /* Told once, as the end of the run; the item is one of those that were under way. */
        job_give_up(item->job, &store->problem);
        status = MR_CANCELLED;
    }
    store->problem.status = status;
    if (status != MR_OK)
        clean(item);
}

void store_settle(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    struct store *store = &item->store;
    (void)run;
    box_leave(&item->out, store->taken_count);
    store->taken_count = 0;
    if (store->doing == ITEM_CLEANS) {
        item->is_stored = true;
    } else if (store->problem.status != MR_OK) {
        item_stop(item, item_stop_for(store->problem.status), JOB_STORE, &store->problem);
    } else if (store->is_committed) {
        item->is_stored = true;
    }
    item_settled(item);
}
