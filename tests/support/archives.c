#include "support/archives.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>
#include <zlib.h>

#include "config.h"
#include "operation/member.h"

#if MR_HAVE_ZSTD
#include <zstd.h>
#endif

#define DECODED_MAX_BYTES ((size_t)64 << 20)

static struct archives_item *append(struct archives_list *list)
{
    if ((list->count & (list->count - 1)) == 0) { /* 0 or a power of two: full */
        list->items = realloc(list->items, (list->count * 2 + 1) * sizeof(*list->items));
        ck_assert_ptr_nonnull(list->items);
    }
    struct archives_item *item = &list->items[list->count++];
    memset(item, 0, sizeof(*item));
    return item;
}

struct mr_entry *archives_add(struct archives_list *list, enum mr_kind kind, const char *path,
                              int64_t size_bytes)
{
    struct archives_item *item = append(list);
    item->entry.path = strdup(path);
    item->entry.kind = kind;
    item->entry.has_mode = item->entry.has_mtime = true;
    item->entry.mode = kind == MR_KIND_DIRECTORY ? 0755 : kind == MR_KIND_SYMLINK ? 0777 : 0644;
    item->entry.mtime_s = 1700000000;
    item->entry.size_bytes = size_bytes;
    if (kind == MR_KIND_FILE)
        item->data = support_text(list->count, (size_t)size_bytes);
    return &item->entry;
}

void archives_clear(struct archives_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        mr_entry_clear(&list->items[i].entry);
        free(list->items[i].data);
    }
    free(list->items);
    *list = (struct archives_list){NULL, 0};
}

/* data has size bytes, which is 0 for what is not a file. */
static enum mr_status write_item(struct mr_sink *sink, const struct mr_entry *entry,
                                 const unsigned char *data, int64_t size, size_t piece_bytes,
                                 struct mr_error *err)
{
    struct mr_writer *writer;
    enum mr_status status = sink->ops->begin(sink, entry, size, &writer, err);
    if (status != MR_OK)
        return status;
    for (int64_t at = 0; at < size; at += (int64_t)piece_bytes) {
        size_t piece = size - at < (int64_t)piece_bytes ? (size_t)(size - at) : piece_bytes;
        status = sink->ops->write(sink, writer, data + at, piece, err);
        if (status != MR_OK) {
            sink->ops->abort(sink, writer);
            return status;
        }
    }
    return sink->ops->commit(sink, writer, err);
}

enum mr_status archives_put(struct mr_sink *sink, const struct archives_item *item,
                            size_t piece_bytes, struct mr_error *err)
{
    struct mr_entry entry = item->entry;
    bool is_file = entry.kind == MR_KIND_FILE;
    if (!sink->encoding || !is_file)
        return write_item(sink, &entry, item->data, is_file ? entry.size_bytes : 0, piece_bytes,
                          err);
    bool is_plain = sink->ops->keeps_plain && sink->ops->keeps_plain(sink, &entry);
    unsigned char *stored =
        archives_encode(item, is_plain ? MR_METHOD_PLAIN : sink->encoding->method, &entry);
    enum mr_status status =
        write_item(sink, &entry, stored, entry.encoding.stored_bytes, piece_bytes, err);
    free(stored);
    return status;
}

enum mr_status archives_write(struct mr_sink *sink, const struct archives_list *list,
                              size_t piece_bytes, struct mr_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        enum mr_status status = archives_put(sink, &list->items[i], piece_bytes, err);
        if (status != MR_OK)
            return status;
    }
    return sink->ops->finish(sink, NULL, NULL, err);
}

/* All of it through one operation. *made_bytes: what came out, at most room_bytes. */
static enum mr_status operate(const struct mr_operation *operation, const struct mr_entry *entry,
                              const void *data, size_t bytes, unsigned char *room,
                              size_t room_bytes, size_t *made_bytes, struct mr_error *err)
{
    void *state = NULL;
    struct mr_io io = {
        .in = data, .in_bytes = bytes, .is_last = true, .out = room, .out_bytes = room_bytes};
    ck_assert_ok(operation->state_create(NULL, &state, err), *err);
    enum mr_status status = operation->start(state, entry, err);
    while (status == MR_OK && io.out_bytes > 0)
        status = operation->process(state, &io, err);
    operation->state_destroy(state);
    *made_bytes = room_bytes - io.out_bytes;
    if (status == MR_DONE)
        return MR_OK;
    return status == MR_OK ? mr_error_set(err, MR_E_DATA, 0, "more than declared") : status;
}

/* What a job does with the bytes of a container: decodes them, and checks size and CRC, by the
 * operations of a job. */
static enum mr_status decode(struct archives_item *item, size_t stored_bytes, struct mr_error *err)
{
    const struct mr_entry *entry = &item->entry;
    const struct mr_operation *operation =
        entry->encoding.method == MR_METHOD_DEFLATE ? &operation_member_inflate
        : entry->encoding.method == MR_METHOD_ZLIB  ? &operation_member_unzlib
                                                    : &operation_member_check;
    size_t plain_bytes = (size_t)entry->size_bytes, room_bytes = plain_bytes + 1, got = 0;
    ck_assert_int_eq(entry->encoding.stored_bytes, (int64_t)stored_bytes);
    if (plain_bytes > DECODED_MAX_BYTES)
        return mr_error_set(err, MR_E_DATA, 0, "declares more than a test has room for");
    unsigned char *plain = malloc(room_bytes);
    ck_assert_ptr_nonnull(plain);
#if MR_HAVE_ZSTD
    if (entry->encoding.method == MR_METHOD_ZSTD) {
        size_t unpacked_bytes = ZSTD_decompress(plain, plain_bytes, item->data, stored_bytes);
        unsigned char *unpacked = plain;
        plain = malloc(room_bytes);
        ck_assert_ptr_nonnull(plain);
        free(item->data);
        item->data = unpacked;
        stored_bytes = ZSTD_isError(unpacked_bytes) ? 0 : unpacked_bytes;
    }
#endif
    enum mr_status status =
        operate(operation, entry, item->data, stored_bytes, plain, room_bytes, &got, err);
    free(item->data);
    item->data = plain;
    return status;
}

/* The whole content as it is lent, where that is offered. MR_AGAIN: it has to be read. */
static enum mr_status borrow_content(struct mr_source *source, struct mr_reader *reader,
                                     struct archives_item *item, struct mr_error *err)
{
    const void *data = NULL;
    if (!source->ops->borrow || item->entry.has_encoding || item->entry.size_bytes <= 0)
        return MR_AGAIN;
    size_t bytes = (size_t)item->entry.size_bytes;
    enum mr_status status = source->ops->borrow(source, reader, bytes, &data, err);
    if (status != MR_OK)
        return status;
    item->data = malloc(bytes);
    ck_assert_ptr_nonnull(item->data);
    memcpy(item->data, data, bytes);
    source->ops->give_back(source, data);
    return MR_OK;
}

static enum mr_status read_content(struct mr_source *source, struct archives_item *item,
                                   size_t piece_bytes, struct mr_error *err)
{
    struct mr_reader *reader;
    enum mr_status status = source->ops->open(source, &item->entry, &reader, err);
    if (status != MR_OK)
        return status;
    if (source->ops->open_size && item->entry.has_encoding)
        ck_assert_int_eq(source->ops->open_size(source, reader), item->entry.encoding.stored_bytes);
    size_t used = 0, got = piece_bytes;
    status = borrow_content(source, reader, item, err);
    if (status == MR_OK) {
        used = (size_t)item->entry.size_bytes;
        got = 0;
    }
    if (status == MR_AGAIN)
        status = MR_OK;
    while (status == MR_OK && got == piece_bytes) {
        item->data = realloc(item->data, used + piece_bytes);
        ck_assert_ptr_nonnull(item->data);
        status = source->ops->read(source, reader, item->data + used, piece_bytes, &got, err);
        used += got;
    }
    enum mr_status closed = source->ops->close(source, reader, err);
    if (status == MR_OK && item->entry.has_encoding)
        return decode(item, used, err);
    if (item->entry.size_bytes == MR_SIZE_UNKNOWN)
        item->entry.size_bytes = (int64_t)used;
    if (status == MR_OK)
        ck_assert_int_eq(item->entry.size_bytes, (int64_t)used);
    return status != MR_OK ? status : closed;
}

enum mr_status archives_read(struct mr_source *source, struct archives_list *list,
                             size_t piece_bytes, struct mr_error *err)
{
    enum mr_status first = MR_OK;
    for (int failures = 0; failures < 1000;) {
        struct archives_item *item = append(list);
        struct mr_error problem = {0};
        enum mr_status status = source->ops->next(source, &item->entry, &problem);
        if (status == MR_OK && item->entry.kind == MR_KIND_FILE)
            status = read_content(source, item, piece_bytes, &problem);
        if (status == MR_OK)
            continue;
        mr_entry_clear(&item->entry);
        free(item->data);
        list->count--;
        if (status == MR_DONE)
            return first;
        if (status == MR_SKIPPED) { /* a remark */
            ck_assert(problem.text[0] != '\0');
            continue;
        }
        ck_assert(mr_status_is_error(status));
        ck_assert_msg(problem.text[0] != '\0', "an error without a text");
        failures++;
        if (first == MR_OK) {
            first = status;
            *err = problem;
        }
    }
    ck_abort_msg("a source without end");
}

const struct archives_item *archives_find(const struct archives_list *list, const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->items[i].entry.path;
        if (strncmp(name, path, length) == 0 && (!name[length] || strcmp(name + length, "/") == 0))
            return &list->items[i];
    }
    return NULL;
}

int archives_pipe(const void *data, size_t size_bytes)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(ends[0]);
        for (size_t at = 0; at < size_bytes;) {
            ssize_t count = write(ends[1], (const char *)data + at, size_bytes - at);
            if (count <= 0)
                break;
            at += (size_t)count;
        }
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

int archives_file(const void *data, size_t size_bytes)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, size_bytes), (ssize_t)size_bytes);
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}
