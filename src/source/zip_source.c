/* zip_source.c - a zip archive, whose members are read by many threads at once and decoded by
 * whoever takes them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "source/archive_member.h"
#include "source/sources.h"
#include "source/zip_check.h"
#include "source/zip_entry.h"
#include "source/zip_member.h"

#define PIECE_BYTES ((size_t)64 << 10) /* of the directory, read at once by next() */

struct mr_reader {
    int64_t at_bytes, left_bytes; /* of the stored bytes */
    int64_t stored_bytes;
};

struct zip_source {
    struct mr_source source;
    char *label;                    /* owned */
    char shown[PATH_SHOW_BYTES];    /* label for messages */
    int fd;                         /* owned */
    struct zip_directory directory; /* const once it is made */
    struct zip_doubts doubts;       /* next(): to be told once */
    /* next() alone */
    struct zip_walk walk;
    unsigned char *piece; /* owned; of the walk */
    uint64_t index;       /* of the last member, from 1 */
    bool is_ended;
};

/* The target of a link is its content, which has to be there with the entry. */
static enum mr_status add_target(const struct zip_source *source, const struct zip_header *header,
                                 struct mr_entry *entry, struct mr_error *err)
{
    const struct zip_bytes *bytes = &source->directory.bytes;
    int64_t data_at;
    enum mr_status status =
        zip_member_find(bytes, header->local_at_bytes, header->stored_bytes,
                        source->directory.end.directory_at_bytes, &data_at, err);
    return status == MR_OK ? zip_member_read_target(bytes, header, data_at, &entry->target, err)
                           : status;
}

static enum mr_status tell_doubt(struct zip_source *source, struct mr_error *err)
{
    mr_error_set(err, MR_SKIPPED, 0, "%s: %s", source->shown, source->doubts.first.text);
    source->doubts.first.status = MR_OK;
    return MR_SKIPPED;
}

static enum mr_status source_next(struct mr_source *base, struct mr_entry *entry,
                                  struct mr_error *err)
{
    struct zip_source *source = (struct zip_source *)base;
    struct zip_header header;
    for (;;) {
        if (source->doubts.first.status != MR_OK)
            return tell_doubt(source, err);
        if (source->is_ended)
            return MR_DONE;
        enum mr_status status = zip_walk_next(&source->walk, &header, err);
        if (status != MR_OK) {
            source->is_ended = true;
            if (status != MR_DONE)
                mr_error_prefix(err, "%s", source->shown);
            return status;
        }
        status = zip_entry_read(&header, ++source->index, entry, err);
        if (status == MR_OK && entry->kind == MR_KIND_SYMLINK && !entry->is_encrypted)
            status = add_target(source, &header, entry, err);
        if (status != MR_OK || !archive_member_is_top(entry))
            return status;
        mr_entry_clear(entry);
    }
}

static enum mr_status source_open(struct mr_source *base, const struct mr_entry *entry,
                                  struct mr_reader **reader, struct mr_error *err)
{
    const struct zip_source *source = (const struct zip_source *)base;
    int64_t data_at, stored = entry->encoding.stored_bytes;
    if (entry->is_encrypted)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "is encrypted, which is not supported");
    enum mr_status status =
        zip_member_find(&source->directory.bytes, (int64_t)entry->place, stored,
                        source->directory.end.directory_at_bytes, &data_at, err);
    if (status != MR_OK)
        return status;
    struct mr_reader *made = malloc(sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    *made = (struct mr_reader){data_at, stored, stored};
    *reader = made;
    return MR_OK;
}

static enum mr_status source_read(struct mr_source *base, struct mr_reader *reader, void *buffer,
                                  size_t cap_bytes, size_t *got_bytes, struct mr_error *err)
{
    const struct zip_source *source = (const struct zip_source *)base;
    size_t want = (uint64_t)reader->left_bytes < cap_bytes ? (size_t)reader->left_bytes : cap_bytes;
    *got_bytes = 0;
    enum mr_status status =
        zip_bytes_read(&source->directory.bytes, reader->at_bytes, buffer, want, err);
    if (status != MR_OK)
        return status;
    reader->at_bytes += (int64_t)want;
    reader->left_bytes -= (int64_t)want;
    *got_bytes = want;
    return MR_OK;
}

static int64_t source_open_size(struct mr_source *base, struct mr_reader *reader)
{
    (void)base;
    return reader->stored_bytes;
}

static uint64_t source_input_bytes(struct mr_source *base)
{
    return (uint64_t)((const struct zip_source *)base)->directory.bytes.size_bytes;
}

static enum mr_status source_close(struct mr_source *base, struct mr_reader *reader,
                                   struct mr_error *err)
{
    (void)base;
    (void)err;
    free(reader);
    return MR_OK;
}

/* What is not the descriptor's. */
static void free_source(struct zip_source *source)
{
    zip_walk_end(&source->walk);
    zip_directory_fini(&source->directory);
    free(source->piece);
    free(source->label);
    free(source);
}

static void source_destroy(struct mr_source *base)
{
    struct zip_source *source = (struct zip_source *)base;
    close(source->fd);
    free_source(source);
}

static const struct mr_source_ops ops = {
    .kind = "archive",
    .next = source_next,
    .open = source_open,
    .read = source_read,
    .open_size = source_open_size,
    .close = source_close,
    .input_bytes = source_input_bytes,
    .destroy = source_destroy,
};

/* Finds out what there is to read, and reads the directory for the first time. */
static enum mr_status start(struct zip_source *source, bool is_lenient, struct mr_error *err)
{
    struct stat st;
    off_t start_bytes = lseek(source->fd, 0, SEEK_CUR);
    if (start_bytes < 0 || fstat(source->fd, &st) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read");
    source->doubts.accepts = is_lenient;
    const struct zip_bytes bytes = {
        .fd = source->fd,
        .start_bytes = start_bytes,
        .doubts = &source->doubts,
        .size_bytes = st.st_size > start_bytes ? st.st_size - start_bytes : 0,
    };
    enum mr_status status = zip_directory_init(&source->directory, &bytes, err);
    if (status == MR_OK)
        status = zip_check(&source->directory, err);
    if (status == MR_OK && source->directory.is_for_others)
        status = mr_error_set(err, MR_E_UNSUPPORTED, 0, "a method is not decoded here");
    source->directory.bytes.doubts = NULL;
    if (status != MR_OK)
        return status;
    zip_walk_begin(&source->walk, &source->directory, source->directory.end.directory_at_bytes,
                   source->piece, PIECE_BYTES);
    return MR_OK;
}

enum mr_status zip_source_create(int fd, const char *label, bool is_lenient,
                                 struct mr_source **source, struct mr_error *err)
{
    struct zip_source *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->fd = fd;
    made->label = strdup(label);
    made->piece = malloc(PIECE_BYTES);
    path_show(made->shown, sizeof(made->shown), label);
    enum mr_status status = MR_OK;
    if (!made->label || !made->piece) {
        status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    } else {
        status = start(made, is_lenient, err);
        if (status != MR_OK)
            mr_error_prefix(err, "%s", made->shown);
    }
    if (status != MR_OK) {
        free_source(made);
        return status;
    }
    made->source = (struct mr_source){
        .ops = &ops, .flags = MR_SOURCE_CONTAINER | MR_SOURCE_REOPENABLE, .label = made->label};
    *source = &made->source;
    return MR_OK;
}
