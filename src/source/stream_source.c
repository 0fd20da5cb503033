/* stream_source.c - one item that holds what a descriptor gives. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "source/sources.h"

struct mr_reader {
    size_t head_given_bytes;
};

struct stream_source {
    struct mr_source source;
    int fd;
    char *name; /* owned; also the label */
    unsigned char *head;
    size_t head_bytes;
    struct mr_reader reader;
    bool is_given;  /* next() gave the item */
    bool is_opened; /* a stream can be read once */
};

static enum mr_status source_next(struct mr_source *base, struct mr_entry *entry,
                                  struct mr_error *err)
{
    struct stream_source *source = (struct stream_source *)base;
    if (source->is_given)
        return MR_DONE;
    if (mr_entry_set_path(entry, source->name) != MR_OK)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    source->is_given = true;
    entry->kind = MR_KIND_FILE;
    entry->size_bytes = MR_SIZE_UNKNOWN;
    entry->link_count = 1;
    struct stat st;
    off_t at;
    if (fstat(source->fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        (at = lseek(source->fd, 0, SEEK_CUR)) < 0)
        return MR_OK;
    entry->mode = (uint32_t)st.st_mode & 07777;
    entry->has_mode = entry->has_mtime = true;
    entry->mtime_s = st.st_mtim.tv_sec;
    entry->mtime_ns = (uint32_t)st.st_mtim.tv_nsec;
    entry->size_bytes = (st.st_size > at ? st.st_size - at : 0) + (int64_t)source->head_bytes;
    return MR_OK;
}

static enum mr_status source_open(struct mr_source *base, const struct mr_entry *entry,
                                  struct mr_reader **reader, struct mr_error *err)
{
    struct stream_source *source = (struct stream_source *)base;
    (void)entry;
    if (source->is_opened)
        return mr_error_set(err, MR_E_USAGE, 0, "a stream can be read once");
    source->is_opened = true;
    *reader = &source->reader;
    return MR_OK;
}

static enum mr_status source_read(struct mr_source *base, struct mr_reader *reader, void *buffer,
                                  size_t cap_bytes, size_t *got_bytes, struct mr_error *err)
{
    struct stream_source *source = (struct stream_source *)base;
    size_t left = source->head_bytes - reader->head_given_bytes;
    size_t given = left < cap_bytes ? left : cap_bytes;
    if (given > 0)
        memcpy(buffer, source->head + reader->head_given_bytes, given);
    reader->head_given_bytes += given;
    *got_bytes = given;
    if (given == cap_bytes)
        return MR_OK;
    size_t got = 0;
    if (io_read(source->fd, (unsigned char *)buffer + given, cap_bytes - given, &got) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read");
    *got_bytes += got;
    return MR_OK;
}

static enum mr_status source_close(struct mr_source *base, struct mr_reader *reader,
                                   struct mr_error *err)
{
    (void)base;
    (void)reader;
    (void)err;
    return MR_OK;
}

static void source_destroy(struct mr_source *base)
{
    struct stream_source *source = (struct stream_source *)base;
    close(source->fd);
    free(source->head);
    free(source->name);
    free(source);
}

static const struct mr_source_ops ops = {
    .kind = "stream",
    .next = source_next,
    .open = source_open,
    .read = source_read,
    .close = source_close,
    .destroy = source_destroy,
};

enum mr_status stream_source_create(int fd, const char *name, const void *head, size_t head_bytes,
                                    struct mr_source **source, struct mr_error *err)
{
    struct stream_source *made = calloc(1, sizeof(*made));
    if (!made) {
        close(fd);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    made->fd = fd;
    made->name = strdup(name);
    made->head = head_bytes > 0 ? malloc(head_bytes) : NULL;
    if (!made->name || (head_bytes > 0 && !made->head)) {
        source_destroy(&made->source);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    if (head_bytes > 0)
        memcpy(made->head, head, head_bytes);
    made->head_bytes = head_bytes;
    made->source = (struct mr_source){.ops = &ops, .flags = MR_SOURCE_SERIAL, .label = made->name};
    *source = &made->source;
    return MR_OK;
}
