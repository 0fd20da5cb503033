#include "source/archive_serve.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/io.h"
#include "base/locale.h"
#include "base/sandbox.h"
#include "source/archive_reader.h"
#include "source/archive_shared.h"
#include "source/archive_wire.h"

/* Content of at most so much is given without being asked for where that is cheap. */
#define UNASKED_MAX_BYTES ((int64_t)64 << 10)
#define HERE_MAX_BYTES    ((size_t)64 << 10) /* content in one record */
/* A parent that sleeps is woken after so much in records, and so many blocks. */
#define WAKE_BYTES ((uint64_t)32 << 10)
/* When there is no block to read into, so many are waited for. */
#define WAKE_BLOCK_COUNT 4

struct serve {
    struct shared *shared;
    unsigned char *ring, *blocks;
    bool is_gone;                          /* the parent */
    const struct archive_reading *reading; /* NULL: not yet */
    uint64_t head;                         /* of the ring */
    uint64_t woken_head;                   /* when the parent was last woken */
    struct wire wire;
    uint64_t member_count;
    bool is_eager; /* content of the last member that was asked for was wanted */
    /* With a file: */
    int64_t at_bytes;
    uint64_t read_count;                    /* blocks read into, the last one in use */
    uint64_t unused_at[SHARED_BLOCK_COUNT]; /* a block is free when the tail is there */
    /* Without: */
    uint64_t taken;
    uint32_t turn;
    bool holds_block;
    bool has_first; /* filled and data of the first block after a rewind wait to be given */
    bool is_over;   /* filled is how the input ended */
    struct shared_filled filled;
    const unsigned char *data;
};

/* ---- waiting and waking ---- */

static void wake_parent(struct serve *serve)
{
    serve->woken_head = serve->head;
    if (!atomic_load(&serve->shared->parent_sleeps) ||
        !atomic_exchange(&serve->shared->parent_sleeps, 0))
        return;
    /* Where there is no room for more, something is there that wakes it. */
    if (io_send(HELPER_SOCKET_FD, "", 1, MSG_DONTWAIT) < 0 && errno != EAGAIN)
        serve->is_gone = true;
}

/* Waits for something until is_ready says so. wake_tail: see SHARED_FOR_TAIL. False: the parent is
 * gone. */
static bool wait_until(struct serve *serve, enum shared_wait what,
                       bool (*is_ready)(struct serve *serve, uint64_t number), uint64_t number,
                       uint64_t wake_tail)
{
    struct shared *shared = serve->shared;
    while (!serve->is_gone && !is_ready(serve, number)) {
        atomic_store(&shared->wake_tail, wake_tail);
        atomic_store(&shared->helper_sleeps, what);
        wake_parent(serve); /* it must see for what this sleeps */
        char message;
        if (!is_ready(serve, number))
            serve->is_gone = io_receive(HELPER_SOCKET_FD, &message, sizeof(message), 0) <= 0;
        atomic_store(&shared->helper_sleeps, 0);
    }
    return !serve->is_gone;
}

static bool has_tail(struct serve *serve, uint64_t tail)
{
    return atomic_load(&serve->shared->tail) >= tail;
}

static bool has_filled(struct serve *serve, uint64_t count)
{
    return atomic_load(&serve->shared->filled) >= count;
}

static bool is_decided(struct serve *serve, uint64_t member)
{
    return atomic_load(&serve->shared->wanted) >= member ||
           atomic_load(&serve->shared->skipped) >= member;
}

/* ---- records ---- */

static void copy_in(struct serve *serve, const void *data, size_t size_bytes)
{
    size_t at = (size_t)(serve->head % SHARED_RING_BYTES);
    size_t first = SHARED_RING_BYTES - at < size_bytes ? SHARED_RING_BYTES - at : size_bytes;
    if (first > 0)
        memcpy(serve->ring + at, data, first);
    if (size_bytes > first)
        memcpy(serve->ring, (const unsigned char *)data + first, size_bytes - first);
    serve->head += size_bytes;
}

/* Writes a record that is not larger than SHARED_RECORD_MAX_BYTES. */
static void put(struct serve *serve, enum shared_kind kind, const void *data, size_t size_bytes)
{
    const struct shared_record record = {
        .kind = kind,
        .size_bytes = (uint32_t)size_bytes,
        .used_bytes = serve->reading ? serve->reading->used_bytes : 0,
    };
    uint64_t end = serve->head + sizeof(record) + (size_bytes + 7) / 8 * 8;
    if (end > SHARED_RING_BYTES &&
        !wait_until(serve, SHARED_FOR_TAIL, has_tail, end - SHARED_RING_BYTES,
                    end - SHARED_RING_BYTES / 2))
        return;
    copy_in(serve, &record, sizeof(record));
    copy_in(serve, data, size_bytes);
    serve->head = end;
    atomic_store(&serve->shared->head, end);
    if (end - serve->woken_head >= WAKE_BYTES)
        wake_parent(serve);
}

static void put_error(struct serve *serve, enum shared_kind kind, const struct mr_error *error,
                      const struct mr_entry *entry)
{
    struct mr_error known = *error;
    if (!mr_status_is_error(known.status))
        known.status = MR_E_DATA;
    if (!wire_write_error(&serve->wire, &known, entry) ||
        serve->wire.size_bytes > SHARED_RECORD_MAX_BYTES - sizeof(struct shared_record))
        serve->is_gone = true; /* out of memory: this process gives up */
    else
        put(serve, kind, serve->wire.bytes, serve->wire.size_bytes);
}

/* ---- input ---- */

static enum mr_status read_file(void *ctx, const void **data, size_t *size_bytes,
                                const char **problem)
{
    struct serve *serve = ctx;
    (void)problem;
    if (serve->read_count > 0)
        serve->unused_at[(serve->read_count - 1) % SHARED_BLOCK_COUNT] = serve->head;
    size_t index = (size_t)(serve->read_count % SHARED_BLOCK_COUNT);
    size_t later = (size_t)((serve->read_count + WAKE_BLOCK_COUNT - 1) % SHARED_BLOCK_COUNT);
    errno = EPIPE;
    if (!wait_until(serve, SHARED_FOR_TAIL, has_tail, serve->unused_at[index],
                    serve->unused_at[later]))
        return MR_E_SYSTEM;
    wake_parent(serve);
    unsigned char *block = serve->blocks + index * SHARED_BLOCK_BYTES;
    size_t got = 0;
    if (io_pread(SHARED_FILE_FD, block, SHARED_BLOCK_BYTES,
                 serve->shared->start_bytes + serve->at_bytes, &got) != 0)
        return MR_E_SYSTEM;
    serve->read_count++;
    serve->at_bytes += (int64_t)got;
    atomic_fetch_add(&serve->shared->read_bytes, got);
    *data = block;
    *size_bytes = got;
    return got > 0 ? MR_OK : MR_DONE;
}

static bool rewind_file(void *ctx)
{
    ((struct serve *)ctx)->at_bytes = 0;
    return true;
}

static void seek_file(void *ctx, int64_t offset_bytes)
{
    ((struct serve *)ctx)->at_bytes = offset_bytes;
}

static void release(struct serve *serve)
{
    if (serve->holds_block)
        put(serve, SHARED_RELEASE, NULL, 0);
    serve->holds_block = false;
}

/* Takes the next block that the parent has filled in this turn. False: it is gone. */
static bool take_block(struct serve *serve)
{
    struct shared *shared = serve->shared;
    do {
        release(serve);
        if (!wait_until(serve, SHARED_FOR_INPUT, has_filled, serve->taken + 1, 0))
            return false;
        wake_parent(serve);
        size_t index = (size_t)(serve->taken % SHARED_BLOCK_COUNT);
        serve->filled = shared->blocks[index];
        serve->data = serve->blocks + serve->filled.block * SHARED_BLOCK_BYTES;
        serve->holds_block = true;
        atomic_store(&shared->taken, ++serve->taken);
    } while (serve->filled.turn != serve->turn);
    serve->is_over = serve->filled.status != MR_OK;
    return true;
}

static enum mr_status read_stream(void *ctx, const void **data, size_t *size_bytes,
                                  const char **problem)
{
    struct serve *serve = ctx;
    errno = EPIPE;
    if (!serve->has_first && !serve->is_over && !take_block(serve))
        return MR_E_SYSTEM;
    serve->has_first = false;
    *data = serve->data;
    *size_bytes = serve->is_over ? 0 : serve->filled.size_bytes;
    *problem = serve->filled.problem;
    errno = serve->filled.sys_errno;
    return (enum mr_status)serve->filled.status;
}

static bool rewind_stream(void *ctx)
{
    struct serve *serve = ctx;
    atomic_store(&serve->shared->turn, ++serve->turn);
    serve->is_over = false;
    serve->has_first = take_block(serve);
    return serve->has_first && serve->filled.status != MR_CLOSED;
}

/* ---- members ---- */

static bool is_in_block(const struct serve *serve, const unsigned char *data)
{
    return data >= serve->blocks && data < serve->blocks + SHARED_ALL_COUNT * SHARED_BLOCK_BYTES;
}

static void put_content(struct serve *serve, const struct archive_block *block)
{
    if (block->zero_bytes > 0)
        put(serve, SHARED_HOLE, &block->zero_bytes, sizeof(block->zero_bytes));
    if (block->data_bytes == 0)
        return;
    if (is_in_block(serve, block->data)) {
        size_t offset = (size_t)(block->data - serve->blocks);
        const struct shared_there there = {(uint32_t)(offset / SHARED_BLOCK_BYTES),
                                           (uint32_t)(offset % SHARED_BLOCK_BYTES),
                                           (uint32_t)block->data_bytes, 0};
        put(serve, SHARED_BYTES_THERE, &there, sizeof(there));
        return;
    }
    for (size_t at = 0; at < block->data_bytes && !serve->is_gone;) {
        size_t part = block->data_bytes - at;
        part = part < HERE_MAX_BYTES ? part : HERE_MAX_BYTES;
        put(serve, SHARED_BYTES_HERE, block->data + at, part);
        at += part;
    }
}

static bool is_skipped(const struct serve *serve)
{
    return atomic_load(&serve->shared->skipped) >= serve->member_count;
}

/* The content of the last member, as long as it is wanted. */
static void give_content(struct serve *serve, struct archive_reading *reading, int64_t size_bytes)
{
    bool is_unasked =
        archive_reader_is_flat(reading) && size_bytes >= 0 && size_bytes <= UNASKED_MAX_BYTES;
    if (!is_unasked && !serve->is_eager &&
        !wait_until(serve, SHARED_FOR_DECISION, is_decided, serve->member_count, 0))
        return;
    enum shared_kind failed =
        archive_reader_is_flat(reading) ? SHARED_CONTENT_CUT : SHARED_CONTENT_FAILED;
    enum mr_status status = MR_OK;
    while (status == MR_OK && !serve->is_gone && (is_unasked || !is_skipped(serve))) {
        struct archive_block block;
        struct mr_error error = {0};
        status = reading->ops->block(reading, &block, &error);
        if (status == MR_OK)
            put_content(serve, &block);
        else if (status == MR_DONE)
            put(serve, SHARED_CONTENT_ENDED, NULL, 0);
        else
            put_error(serve, failed, &error, NULL);
    }
    if (!is_unasked)
        serve->is_eager = !is_skipped(serve);
}

static void give_entry(struct serve *serve, struct archive_reading *reading, struct mr_entry *entry)
{
    if (!wire_write_entry(&serve->wire, entry)) {
        serve->is_gone = true;
        return;
    }
    if (serve->wire.size_bytes > SHARED_RECORD_MAX_BYTES - sizeof(struct shared_record)) {
        struct mr_error error = {0};
        mr_error_set(&error, MR_E_LIMIT, 0, "its names and attributes are larger than 512 KiB");
        if (strlen(entry->path) > 4096)
            entry->path[4096] = '\0';
        put_error(serve, SHARED_FAILED, &error, entry);
        return;
    }
    serve->member_count++;
    put(serve, SHARED_ENTRY, serve->wire.bytes, serve->wire.size_bytes);
    if (entry->kind == MR_KIND_FILE && !entry->is_encrypted && !serve->shared->is_names_only)
        give_content(serve, reading, entry->size_bytes);
}

static void give_all(struct serve *serve, struct archive_reading *reading)
{
    enum mr_status status = MR_OK;
    while (status != MR_DONE && !serve->is_gone) {
        struct mr_entry entry = {0};
        struct mr_error error = {0};
        status = reading->ops->next(reading, &entry, &error);
        if (status == MR_OK)
            give_entry(serve, reading, &entry);
        else if (status == MR_DONE)
            put(serve, SHARED_ENDED, NULL, 0);
        else if (status == MR_SKIPPED)
            put_error(serve, SHARED_REMARKED, &error, NULL);
        else
            put_error(serve, SHARED_FAILED, &error, &entry);
        mr_entry_clear(&entry);
    }
}

/* ---- the beginning ---- */

void archive_serve_prepare(void)
{
    locale_t utf8;
    locale_create(&utf8, NULL); /* stays; without it the reader says so */
}

/* Tables for character sets are files, which can be loaded only before the process is confined. */
static void load_tables(void)
{
    static const char *const sets[] = {"UTF-16BE", "UTF-16LE", "CP932", "CP437", "CP1252"};
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        iconv_open("UTF-8", sets[i]); /* stays */
}

static void serve_archive(struct serve *serve)
{
    struct shared *shared = serve->shared;
    const struct archive_input input = {
        .ctx = serve,
        .read = shared->is_file ? read_file : read_stream,
        .rewind = shared->is_file ? rewind_file : rewind_stream,
        .seek = shared->is_file ? seek_file : NULL,
        .size_bytes = shared->size_bytes,
        .is_decoded = shared->is_decoded,
    };
    const struct archive_wanted wanted = {
        .format = shared->format[0] ? shared->format : NULL,
        .is_weak = shared->is_weak,
        .is_claimed = shared->is_claimed,
        .is_names_only = shared->is_names_only,
    };
    struct archive_reading *reading = NULL;
    struct mr_error error = {0};
    if (archive_reader_create(&input, &wanted, &reading, &error) == MR_OK) {
        serve->reading = reading;
        put(serve, SHARED_STARTED, NULL, 0);
        give_all(serve, reading);
    } else {
        put_error(serve, SHARED_REFUSED, &error, NULL);
    }
    wake_parent(serve); /* libarchive need not clean up: the process ends */
}

bool archive_serve(bool is_confined)
{
    struct serve serve = {0};
    void *memory =
        mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_MEMORY_FD, 0);
    if (memory == MAP_FAILED)
        return false;
    serve.shared = memory;
    serve.ring = (unsigned char *)memory + SHARED_RING_AT;
    int access = PROT_READ | (serve.shared->is_file ? PROT_WRITE : 0);
    void *blocks = mmap(NULL, SHARED_BLOCKS_BYTES, access, MAP_SHARED, SHARED_BLOCKS_FD, 0);
    if (blocks == MAP_FAILED)
        return false;
    serve.blocks = blocks;
    if (!serve.shared->is_tar)
        load_tables();
    const struct sandbox_config config = {.socket_fd = HELPER_SOCKET_FD,
                                          .memory_bytes = serve.shared->memory_bytes};
    if (is_confined && sandbox_enter(&config) != MR_OK)
        return false;
    serve_archive(&serve);
    wire_fini(&serve.wire);
    return true;
}
