/* journal_format.c - a record of the journal as bytes, and back. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "policy/journal.h"

/* What a record may have at most: an item has four texts, each of them bounded. */
#define CONTENT_MAX_BYTES ((uint32_t)4 << 20)

enum { HAS_OUTPUT = 1, HAS_BOX = 2, HAS_SOURCE_CRC = 4 };

static const unsigned char mark[4] = {0xd7, 'M', 'R', 'J'};

/* ---- writing: at NULL only counts ---- */

struct pack {
    unsigned char *at;
    size_t used_bytes;
};

static void put(struct pack *pack, uint64_t value, unsigned byte_count)
{
    for (unsigned i = 0; pack->at && i < byte_count; i++)
        *pack->at++ = (unsigned char)(value >> 8 * i);
    pack->used_bytes += byte_count;
}

static void put_text(struct pack *pack, const char *text)
{
    size_t bytes = strlen(text);
    put(pack, bytes, 4);
    if (pack->at) {
        memcpy(pack->at, text, bytes + 1);
        pack->at += bytes + 1;
    }
    pack->used_bytes += bytes + 1;
}

static void put_file(struct pack *pack, const struct journal_file *file)
{
    put(pack, (uint64_t)file->size_bytes, 8);
    put(pack, (uint64_t)file->mtime_s, 8);
    put(pack, file->mtime_ns, 4);
    put(pack, file->mode, 4);
    put(pack, file->inode, 8);
}

static void put_item(struct pack *pack, const struct journal_item *item)
{
    unsigned flags = (item->has_output ? HAS_OUTPUT : 0u) | (item->has_box ? HAS_BOX : 0u) |
                     (item->has_source_crc ? HAS_SOURCE_CRC : 0u);
    put(pack, item->status, 1);
    put(pack, flags, 1);
    put(pack, item->attempts, 4);
    put_file(pack, &item->source);
    put_file(pack, &item->box);
    put_file(pack, &item->output_file);
    put(pack, item->source_crc, 4);
    put(pack, item->output_crc, 4);
    put(pack, (uint64_t)item->ended_s, 8);
    put(pack, item->ended_ns, 4);
    put(pack, item->took_ns, 8);
    put_text(pack, item->input);
    put_text(pack, item->path);
    put_text(pack, item->output);
    put_text(pack, item->reason);
}

static void put_content(struct pack *pack, const struct journal_record *record)
{
    put(pack, record->type, 1);
    switch (record->type) {
    case JOURNAL_HEADER:
        put(pack, record->field_count, 4);
        put_text(pack, record->version);
        put_text(pack, record->output_crc_kind);
        break;
    case JOURNAL_FIELD:
        put_text(pack, record->name);
        put_text(pack, record->value);
        break;
    case JOURNAL_SESSION:
        put(pack, (uint64_t)record->time_s, 8);
        put(pack, record->time_ns, 4);
        put(pack, record->process, 4);
        put(pack, record->is_synced, 1);
        put_text(pack, record->boot_id);
        break;
    case JOURNAL_ITEM:
        put_item(pack, &record->item);
        break;
    case JOURNAL_END:
        put(pack, (uint64_t)record->time_s, 8);
        put(pack, record->time_ns, 4);
        put(pack, record->is_complete, 1);
        break;
    }
}

/* Of count's bytes and the content behind the CRC. */
static uint32_t sum_of(const unsigned char *record, size_t content_bytes)
{
    uLong sum = crc32_z(0, record + sizeof(mark), 4);
    return (uint32_t)crc32_z(sum, record + JOURNAL_FRAME_BYTES, content_bytes);
}

enum mr_status journal_encode(const struct journal_record *record, unsigned char **bytes,
                              size_t *size_bytes)
{
    struct pack counted = {.at = NULL};
    put_content(&counted, record);
    size_t content_bytes = counted.used_bytes;
    if (content_bytes > CONTENT_MAX_BYTES)
        return MR_E_MEMORY;
    unsigned char *made = malloc(JOURNAL_FRAME_BYTES + content_bytes);
    if (!made)
        return MR_E_MEMORY;
    memcpy(made, mark, sizeof(mark));
    struct pack pack = {.at = made + sizeof(mark)};
    put(&pack, content_bytes, 4);
    pack.at += 4;
    put_content(&pack, record);
    pack.at = made + sizeof(mark) + 4;
    put(&pack, sum_of(made, content_bytes), 4);
    *bytes = made;
    *size_bytes = JOURNAL_FRAME_BYTES + content_bytes;
    return MR_OK;
}

/* ---- reading ---- */

struct unpack {
    const unsigned char *at;
    size_t left_bytes;
    bool is_bad;
};

static uint64_t get(struct unpack *unpack, unsigned byte_count)
{
    uint64_t value = 0;
    if (unpack->left_bytes < byte_count) {
        unpack->is_bad = true;
        return 0;
    }
    for (unsigned i = 0; i < byte_count; i++)
        value |= (uint64_t)unpack->at[i] << 8 * i;
    unpack->at += byte_count;
    unpack->left_bytes -= byte_count;
    return value;
}

/* A record has one encoding: what this version would not write, it does not understand. */
static bool get_bool(struct unpack *unpack)
{
    uint64_t value = get(unpack, 1);
    unpack->is_bad = unpack->is_bad || value > 1;
    return value == 1;
}

static const char *get_text(struct unpack *unpack)
{
    size_t bytes = get(unpack, 4);
    const char *text = (const char *)unpack->at;
    if (unpack->is_bad || unpack->left_bytes <= bytes ||
        memchr(text, '\0', bytes + 1) != text + bytes) {
        unpack->is_bad = true;
        return "";
    }
    unpack->at += bytes + 1;
    unpack->left_bytes -= bytes + 1;
    return text;
}

static void get_file(struct unpack *unpack, struct journal_file *file)
{
    file->size_bytes = (int64_t)get(unpack, 8);
    file->mtime_s = (int64_t)get(unpack, 8);
    file->mtime_ns = (uint32_t)get(unpack, 4);
    file->mode = (uint32_t)get(unpack, 4);
    file->inode = get(unpack, 8);
}

static void get_item(struct unpack *unpack, struct journal_item *item)
{
    uint64_t status = get(unpack, 1);
    if (status < JOURNAL_STORED || status > JOURNAL_FAILED)
        unpack->is_bad = true;
    item->status = (enum journal_status)status;
    uint64_t flags = get(unpack, 1);
    if (flags & ~(uint64_t)(HAS_OUTPUT | HAS_BOX | HAS_SOURCE_CRC))
        unpack->is_bad = true;
    item->has_output = (flags & HAS_OUTPUT) != 0;
    item->has_box = (flags & HAS_BOX) != 0;
    item->has_source_crc = (flags & HAS_SOURCE_CRC) != 0;
    item->attempts = (unsigned)get(unpack, 4);
    get_file(unpack, &item->source);
    get_file(unpack, &item->box);
    get_file(unpack, &item->output_file);
    item->source_crc = (uint32_t)get(unpack, 4);
    item->output_crc = (uint32_t)get(unpack, 4);
    item->ended_s = (int64_t)get(unpack, 8);
    item->ended_ns = (uint32_t)get(unpack, 4);
    item->took_ns = get(unpack, 8);
    item->input = get_text(unpack);
    item->path = get_text(unpack);
    item->output = get_text(unpack);
    item->reason = get_text(unpack);
}

static void get_content(struct unpack *unpack, struct journal_record *record)
{
    record->type = (enum journal_type)get(unpack, 1);
    switch (record->type) {
    case JOURNAL_HEADER:
        record->field_count = (unsigned)get(unpack, 4);
        record->version = get_text(unpack);
        record->output_crc_kind = get_text(unpack);
        return;
    case JOURNAL_FIELD:
        record->name = get_text(unpack);
        record->value = get_text(unpack);
        return;
    case JOURNAL_SESSION:
        record->time_s = (int64_t)get(unpack, 8);
        record->time_ns = (uint32_t)get(unpack, 4);
        record->process = (uint32_t)get(unpack, 4);
        record->is_synced = get_bool(unpack);
        record->boot_id = get_text(unpack);
        return;
    case JOURNAL_ITEM:
        get_item(unpack, &record->item);
        return;
    case JOURNAL_END:
        record->time_s = (int64_t)get(unpack, 8);
        record->time_ns = (uint32_t)get(unpack, 4);
        record->is_complete = get_bool(unpack);
        return;
    }
    unpack->is_bad = true;
}

size_t journal_frame_size(const unsigned char frame[JOURNAL_FRAME_BYTES])
{
    struct unpack unpack = {.at = frame + sizeof(mark), .left_bytes = 4};
    size_t content_bytes = get(&unpack, 4);
    if (memcmp(frame, mark, sizeof(mark)) != 0 || content_bytes == 0 ||
        content_bytes > CONTENT_MAX_BYTES)
        return 0;
    return JOURNAL_FRAME_BYTES + content_bytes;
}

bool journal_decode(const unsigned char *bytes, size_t size_bytes, struct journal_record *record)
{
    memset(record, 0, sizeof(*record));
    if (size_bytes < JOURNAL_FRAME_BYTES || journal_frame_size(bytes) != size_bytes)
        return false;
    struct unpack frame = {.at = bytes + sizeof(mark) + 4, .left_bytes = 4};
    size_t content_bytes = size_bytes - JOURNAL_FRAME_BYTES;
    if (get(&frame, 4) != sum_of(bytes, content_bytes))
        return false;
    struct unpack unpack = {.at = bytes + JOURNAL_FRAME_BYTES, .left_bytes = content_bytes};
    get_content(&unpack, record);
    return !unpack.is_bad && unpack.left_bytes == 0;
}
