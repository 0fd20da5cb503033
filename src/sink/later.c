#include "sink/later.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

#define KIND_COUNT   (MR_KIND_OTHER + 1)
#define RECORD_MARK  0x6c617465u
#define BUFFER_BYTES 65536

/* As it lies in the file; path and target follow, with their NULs. */
struct record {
    uint32_t mark;
    uint32_t kind, mode;
    uint32_t mtime_ns;
    int64_t mtime_s;
    uint64_t uid, gid;
    uint32_t path_bytes, target_bytes; /* with the NUL; 0: no target */
    uint8_t has_mode, has_mtime, has_owner, replaces_earlier, has_replaced, unused[3];
    struct mr_stored replaced; /* when has_replaced */
};

struct later {
    int fd;
    atomic_int_fast64_t end_bytes; /* a writer takes its place here, so records never overlap */
    atomic_uint_fast64_t counts[KIND_COUNT];
    char *buffer;            /* for reading: BUFFER_BYTES */
    int64_t buffer_at_bytes; /* where in the file the buffer begins */
    size_t buffer_bytes;
    int64_t next_bytes;        /* the next record */
    struct mr_stored replaced; /* of the record that was read last */
};

enum mr_status later_create(struct later **later, struct mr_error *err)
{
    struct later *new = calloc(1, sizeof(*new));
    if (!new)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    new->fd = io_temp_file(err);
    if (new->fd < 0) {
        free(new);
        return MR_E_SYSTEM;
    }
    atomic_init(&new->end_bytes, 0);
    *later = new;
    return MR_OK;
}

void later_destroy(struct later *later)
{
    if (!later)
        return;
    close(later->fd);
    free(later->buffer);
    free(later);
}

enum mr_status later_add(struct later *later, const struct mr_entry *entry, struct mr_error *err)
{
    size_t path_bytes = strlen(entry->path) + 1;
    size_t target_bytes = entry->target ? strlen(entry->target) + 1 : 0;
    size_t bytes = sizeof(struct record) + path_bytes + target_bytes;
    char *data = calloc(1, bytes);
    if (!data || path_bytes > UINT32_MAX || target_bytes > UINT32_MAX) {
        free(data);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    struct record record = {.mark = RECORD_MARK,
                            .kind = entry->kind,
                            .mode = entry->mode,
                            .mtime_ns = entry->mtime_ns,
                            .mtime_s = entry->mtime_s,
                            .uid = entry->uid,
                            .gid = entry->gid,
                            .path_bytes = (uint32_t)path_bytes,
                            .target_bytes = (uint32_t)target_bytes,
                            .has_mode = entry->has_mode,
                            .has_mtime = entry->has_mtime,
                            .has_owner = entry->has_owner,
                            .replaces_earlier = entry->replaces_earlier,
                            .has_replaced = entry->replaces != NULL};
    if (entry->replaces)
        record.replaced = *entry->replaces;
    memcpy(data, &record, sizeof(record));
    memcpy(data + sizeof(record), entry->path, path_bytes);
    if (entry->target)
        memcpy(data + sizeof(record) + path_bytes, entry->target, target_bytes);
    int64_t at_bytes = atomic_fetch_add(&later->end_bytes, (int64_t)bytes);
    int fault = io_pwrite(later->fd, data, bytes, at_bytes) != 0 ? errno : 0;
    free(data);
    if (fault != 0)
        return mr_error_set(err, MR_E_SYSTEM, fault,
                            "cannot write the temporary list of links and directories (TMPDIR "
                            "chooses another directory)");
    atomic_fetch_add_explicit(&later->counts[entry->kind], 1, memory_order_relaxed);
    return MR_OK;
}

uint64_t later_count(const struct later *later, enum mr_kind kind)
{
    return atomic_load_explicit(&later->counts[kind], memory_order_relaxed);
}

int64_t later_tell(const struct later *later)
{
    return later->next_bytes;
}

void later_seek(struct later *later, int64_t position)
{
    later->next_bytes = position;
}

static enum mr_status unreadable(int fault, struct mr_error *err)
{
    return mr_error_set(
        err, MR_E_SYSTEM, fault ? fault : EIO,
        "the temporary list of links and directories cannot be read: the rest of them is missing");
}

/* Copies bytes from the next place of the file, by the buffer. */
static enum mr_status take(struct later *later, void *to, size_t bytes, struct mr_error *err)
{
    char *out = to;
    while (bytes > 0) {
        int64_t in_buffer = later->next_bytes - later->buffer_at_bytes;
        if (in_buffer < 0 || in_buffer >= (int64_t)later->buffer_bytes) {
            later->buffer_at_bytes = later->next_bytes;
            if (io_pread(later->fd, later->buffer, BUFFER_BYTES, later->next_bytes,
                         &later->buffer_bytes) != 0)
                return unreadable(errno, err);
            if (later->buffer_bytes == 0)
                return unreadable(0, err);
            in_buffer = 0;
        }
        size_t have = later->buffer_bytes - (size_t)in_buffer;
        size_t part = have < bytes ? have : bytes;
        memcpy(out, later->buffer + in_buffer, part);
        out += part;
        bytes -= part;
        later->next_bytes += (int64_t)part;
    }
    return MR_OK;
}

static enum mr_status take_text(struct later *later, char **text, uint32_t bytes,
                                struct mr_error *err)
{
    if (bytes == 0)
        return MR_OK;
    *text = malloc(bytes);
    if (!*text)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status = take(later, *text, bytes, err);
    if (status == MR_OK && (*text)[bytes - 1] != '\0')
        return unreadable(0, err);
    return status;
}

enum mr_status later_next(struct later *later, struct mr_entry *entry, struct mr_error *err)
{
    int64_t end_bytes = atomic_load(&later->end_bytes);
    if (later->next_bytes >= end_bytes)
        return MR_DONE;
    if (!later->buffer && !(later->buffer = malloc(BUFFER_BYTES)))
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    struct record record;
    enum mr_status status = take(later, &record, sizeof(record), err);
    if (status != MR_OK)
        return status;
    if (record.mark != RECORD_MARK || record.kind >= KIND_COUNT || record.path_bytes == 0 ||
        (int64_t)record.path_bytes + record.target_bytes > end_bytes - later->next_bytes)
        return unreadable(0, err);
    entry->kind = (enum mr_kind)record.kind;
    entry->mode = record.mode;
    entry->mtime_s = record.mtime_s;
    entry->mtime_ns = record.mtime_ns;
    entry->uid = record.uid;
    entry->gid = record.gid;
    entry->has_mode = record.has_mode;
    entry->has_mtime = record.has_mtime;
    entry->has_owner = record.has_owner;
    entry->replaces_earlier = record.replaces_earlier;
    later->replaced = record.replaced;
    entry->replaces = record.has_replaced ? &later->replaced : NULL;
    status = take_text(later, &entry->path, record.path_bytes, err);
    return status != MR_OK ? status : take_text(later, &entry->target, record.target_bytes, err);
}
