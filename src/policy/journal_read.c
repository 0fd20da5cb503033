/* journal_read.c - what earlier runs wrote into a journal, and where it says what about an item. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/nameset.h"
#include "base/path.h"
#include "policy/journal.h"

#define MAGIC_BYTES        (sizeof(JOURNAL_MAGIC) - 1)
#define BUFFER_BYTES       ((size_t)256 << 10)
#define INDEX_MEMORY_BYTES ((size_t)16 << 20)
/* Bytes that are looked at in vain for a record behind a bad one, before that counts as damage. */
#define SEARCH_MAX_BYTES ((uint64_t)256 << 20)

struct field {
    char *name, *value; /* owned */
};

struct journal_past {
    int fd;
    char *path;
    struct nameset *index; /* output name -> 1 + 2 * offset of its last record + is_unsure */
    struct field *fields;
    size_t field_count, fields_announced_count;
    bool has_header, has_items, is_complete, is_unsure, is_damaged;
    /* A part of the file. */
    unsigned char *buffer;
    size_t cap_bytes, held_bytes;
    int64_t buffer_at_bytes;
    uint64_t searched_bytes;
};

static enum mr_status out_of_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/*
 * *bytes: the part of the file at offset, wanted_bytes of it, or less at the end of the file:
 * *got_bytes. Valid until the next call.
 */
static enum mr_status look(struct journal_past *past, int64_t offset_bytes, size_t wanted_bytes,
                           const unsigned char **bytes, size_t *got_bytes, struct mr_error *err)
{
    int64_t skip_bytes = offset_bytes - past->buffer_at_bytes;
    bool is_held =
        skip_bytes >= 0 && skip_bytes + (int64_t)wanted_bytes <= (int64_t)past->held_bytes;
    if (!is_held) {
        if (wanted_bytes > past->cap_bytes) {
            unsigned char *grown = realloc(past->buffer, wanted_bytes);
            if (!grown)
                return out_of_memory(err);
            past->buffer = grown;
            past->cap_bytes = wanted_bytes;
        }
        past->held_bytes = 0;
        char shown[PATH_SHOW_BYTES];
        if (io_pread(past->fd, past->buffer, past->cap_bytes, offset_bytes, &past->held_bytes) != 0)
            return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read the journal %s",
                                path_show(shown, sizeof(shown), past->path));
        past->buffer_at_bytes = offset_bytes;
        skip_bytes = 0;
    }
    size_t left_bytes = past->held_bytes - (size_t)skip_bytes;
    *bytes = past->buffer + skip_bytes;
    *got_bytes = left_bytes < wanted_bytes ? left_bytes : wanted_bytes;
    return MR_OK;
}

/* The record at offset: *size_bytes of it, 0 when there is none that is whole and right. */
static enum mr_status read_record(struct journal_past *past, int64_t offset_bytes,
                                  struct journal_record *record, size_t *size_bytes,
                                  struct mr_error *err)
{
    const unsigned char *bytes;
    size_t got_bytes;
    *size_bytes = 0;
    enum mr_status status = look(past, offset_bytes, JOURNAL_FRAME_BYTES, &bytes, &got_bytes, err);
    if (status != MR_OK || got_bytes < JOURNAL_FRAME_BYTES)
        return status;
    size_t wanted_bytes = journal_frame_size(bytes);
    if (wanted_bytes == 0)
        return MR_OK;
    past->searched_bytes += wanted_bytes;
    status = look(past, offset_bytes, wanted_bytes, &bytes, &got_bytes, err);
    if (status == MR_OK && got_bytes == wanted_bytes && journal_decode(bytes, wanted_bytes, record))
        *size_bytes = wanted_bytes;
    return status;
}

/* Does a whole record stand anywhere behind offset? Then what stands there is no torn end. */
static enum mr_status find_damage(struct journal_past *past, int64_t offset_bytes,
                                  struct mr_error *err)
{
    past->searched_bytes = 0;
    for (;;) {
        const unsigned char *bytes;
        size_t got_bytes, size_bytes;
        struct journal_record record;
        enum mr_status status =
            look(past, ++offset_bytes, JOURNAL_FRAME_BYTES, &bytes, &got_bytes, err);
        if (status != MR_OK || got_bytes < JOURNAL_FRAME_BYTES)
            return status;
        status = read_record(past, offset_bytes, &record, &size_bytes, err);
        if (status != MR_OK)
            return status;
        past->is_damaged = size_bytes > 0 || past->searched_bytes++ > SEARCH_MAX_BYTES;
        if (past->is_damaged)
            return MR_OK;
    }
}

static enum mr_status keep_field(struct journal_past *past, const struct journal_record *record,
                                 struct mr_error *err)
{
    struct field *grown = realloc(past->fields, (past->field_count + 1) * sizeof(*grown));
    if (!grown)
        return out_of_memory(err);
    past->fields = grown;
    struct field *field = &grown[past->field_count];
    *field = (struct field){.name = strdup(record->name), .value = strdup(record->value)};
    past->field_count++;
    return field->name && field->value ? MR_OK : out_of_memory(err);
}

static enum mr_status keep_item(struct journal_past *past, const struct journal_item *item,
                                int64_t offset_bytes, struct mr_error *err)
{
    past->is_complete = false;
    past->has_items = true;
    if (!*item->output || item->status == JOURNAL_SKIPPED)
        return MR_OK;
    return nameset_set_number(past->index, item->output,
                              1 + 2 * (uint64_t)offset_bytes + past->is_unsure, err);
}

/* Records come in the order header, fields, sessions with their items and ends. */
static enum mr_status keep(struct journal_past *past, const struct journal_record *record,
                           int64_t offset_bytes, const char *boot_id, struct mr_error *err)
{
    bool is_in_order = past->has_header;
    enum mr_status status = MR_OK;
    switch (record->type) {
    case JOURNAL_HEADER:
        is_in_order = !past->has_header && strcmp(record->output_crc_kind, "crc32") == 0;
        past->has_header = true;
        past->fields_announced_count = record->field_count;
        break;
    case JOURNAL_FIELD:
        is_in_order = is_in_order && past->field_count < past->fields_announced_count;
        if (is_in_order)
            status = keep_field(past, record, err);
        break;
    case JOURNAL_SESSION:
        is_in_order = is_in_order && past->field_count == past->fields_announced_count;
        past->is_unsure = !record->is_synced && strcmp(record->boot_id, boot_id) != 0;
        past->is_complete = false;
        break;
    case JOURNAL_ITEM:
        is_in_order = is_in_order && past->field_count == past->fields_announced_count;
        if (is_in_order)
            status = keep_item(past, &record->item, offset_bytes, err);
        break;
    case JOURNAL_END:
        past->is_complete = record->is_complete;
        break;
    }
    past->is_damaged = !is_in_order;
    return status;
}

static enum mr_status read_all(struct journal_past *past, const char *boot_id, int64_t *end_bytes,
                               struct mr_error *err)
{
    const unsigned char *bytes;
    size_t got_bytes, size_bytes;
    enum mr_status status = look(past, 0, MAGIC_BYTES, &bytes, &got_bytes, err);
    if (status != MR_OK)
        return status;
    if (memcmp(bytes, JOURNAL_MAGIC, got_bytes) != 0) {
        char shown[PATH_SHOW_BYTES];
        return mr_error_set(err, MR_E_DATA, 0, "%s is no journal: name another file",
                            path_show(shown, sizeof(shown), past->path));
    }
    *end_bytes = (int64_t)MAGIC_BYTES;
    while (got_bytes == MAGIC_BYTES && !past->is_damaged) {
        struct journal_record record;
        status = read_record(past, *end_bytes, &record, &size_bytes, err);
        if (status == MR_OK && size_bytes == 0)
            return find_damage(past, *end_bytes, err);
        if (status == MR_OK)
            status = keep(past, &record, *end_bytes, boot_id, err);
        if (status != MR_OK)
            return status;
        *end_bytes += (int64_t)size_bytes;
    }
    return MR_OK;
}

enum mr_status journal_past_read(int fd, const char *path, const char *boot_id,
                                 struct journal_past **past, int64_t *end_bytes,
                                 struct mr_error *err)
{
    *past = NULL;
    *end_bytes = 0;
    struct journal_past *made = calloc(1, sizeof(*made));
    if (!made)
        return out_of_memory(err);
    made->fd = fd;
    made->path = strdup(path);
    made->buffer = malloc(BUFFER_BYTES);
    made->cap_bytes = BUFFER_BYTES;
    enum mr_status status = made->path && made->buffer ? MR_OK : out_of_memory(err);
    if (status == MR_OK)
        status = nameset_create(INDEX_MEMORY_BYTES, &made->index, err);
    if (status == MR_OK)
        status = read_all(made, boot_id, end_bytes, err);
    char shown[PATH_SHOW_BYTES];
    if (status == MR_OK && made->is_damaged)
        status = mr_error_set(err, MR_E_DATA, 0,
                              "the journal %s is damaged at byte %lld, and what follows cannot be "
                              "trusted: start again without --resume, with another journal",
                              path_show(shown, sizeof(shown), path), (long long)*end_bytes);
    bool is_usable = made->has_header && made->field_count == made->fields_announced_count;
    if (status != MR_OK || !is_usable) {
        journal_past_destroy(made);
        *end_bytes = 0;
        return status;
    }
    *past = made;
    return MR_OK;
}

void journal_past_destroy(struct journal_past *past)
{
    if (!past)
        return;
    for (size_t i = 0; i < past->field_count; i++) {
        free(past->fields[i].name);
        free(past->fields[i].value);
    }
    free(past->fields);
    nameset_destroy(past->index);
    free(past->buffer);
    free(past->path);
    free(past);
}

const char *journal_past_field(const struct journal_past *past, const char *name)
{
    for (size_t i = 0; i < past->field_count; i++)
        if (strcmp(past->fields[i].name, name) == 0)
            return past->fields[i].value;
    return NULL;
}

const char *journal_past_field_at(const struct journal_past *past, size_t index)
{
    return index < past->field_count ? past->fields[index].name : NULL;
}

bool journal_past_is_empty(const struct journal_past *past)
{
    return !past->has_items;
}

bool journal_past_is_complete(const struct journal_past *past)
{
    return past->is_complete;
}

enum mr_status journal_past_find(struct journal_past *past, const char *output,
                                 struct journal_item *item, bool *is_unsure, struct mr_error *err)
{
    uint64_t number;
    struct journal_record record;
    size_t size_bytes;
    enum mr_status status = nameset_number(past->index, output, &number, err);
    if (status != MR_OK || number == 0)
        return status == MR_OK ? MR_DONE : status;
    *is_unsure = (number - 1) % 2 != 0;
    status = read_record(past, (int64_t)((number - 1) / 2), &record, &size_bytes, err);
    if (status != MR_OK)
        return status;
    if (size_bytes == 0 || record.type != JOURNAL_ITEM) {
        char shown[PATH_SHOW_BYTES];
        return mr_error_set(err, MR_E_DATA, 0, "the journal %s changed while it was used",
                            path_show(shown, sizeof(shown), past->path));
    }
    *item = record.item;
    /* Another name of the same hash. */
    return strcmp(record.item.output, output) == 0 ? MR_OK : MR_DONE;
}
