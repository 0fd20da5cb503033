#include "sink/zip_tail.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"

#define FIRST_BYTES ((size_t)64 << 10)
#define COPY_BYTES  ((size_t)256 << 10)

void zip_tail_init(struct zip_tail *tail)
{
    *tail = (struct zip_tail){.fd = -1};
}

void zip_tail_fini(struct zip_tail *tail)
{
    free(tail->buffer);
    if (tail->fd >= 0)
        close(tail->fd);
    zip_tail_init(tail);
}

static enum mr_status spill(struct zip_tail *tail, struct mr_error *err)
{
    if (tail->fd < 0 && (tail->fd = io_temp_file(err)) < 0)
        return MR_E_SYSTEM;
    if (io_pwrite(tail->fd, tail->buffer, tail->used_bytes, (int64_t)tail->file_bytes) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno,
                            "cannot write the temporary file for the archive's directory");
    tail->file_bytes += tail->used_bytes;
    tail->used_bytes = 0;
    return MR_OK;
}

static enum mr_status grow(struct zip_tail *tail, size_t need_bytes, struct mr_error *err)
{
    size_t cap_bytes = tail->cap_bytes ? tail->cap_bytes : FIRST_BYTES;
    while (cap_bytes < need_bytes)
        cap_bytes *= 2;
    unsigned char *grown = realloc(tail->buffer, cap_bytes);
    if (!grown)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    tail->buffer = grown;
    tail->cap_bytes = cap_bytes;
    return MR_OK;
}

enum mr_status zip_tail_reserve(struct zip_tail *tail, size_t size_bytes, unsigned char **room,
                                struct mr_error *err)
{
    enum mr_status status = MR_OK;
    if (tail->used_bytes + size_bytes > ZIP_TAIL_MEMORY_BYTES)
        status = spill(tail, err);
    if (status == MR_OK && tail->used_bytes + size_bytes > tail->cap_bytes)
        status = grow(tail, tail->used_bytes + size_bytes, err);
    if (status == MR_OK)
        *room = tail->buffer + tail->used_bytes;
    return status;
}

void zip_tail_add(struct zip_tail *tail, size_t size_bytes)
{
    tail->used_bytes += size_bytes;
}

uint64_t zip_tail_bytes(const struct zip_tail *tail)
{
    return tail->file_bytes + tail->used_bytes;
}

enum mr_status zip_tail_give(struct zip_tail *tail,
                             enum mr_status (*put)(void *ctx, const void *data, size_t size_bytes,
                                                   struct mr_error *err),
                             void *ctx, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    /* Once there is a file, all of it goes there: then the buffer is free to read it back. */
    if (tail->fd >= 0 && tail->used_bytes > 0)
        status = spill(tail, err);
    for (uint64_t at = 0; status == MR_OK && at < tail->file_bytes;) {
        uint64_t left = tail->file_bytes - at;
        size_t want = left < COPY_BYTES ? (size_t)left : COPY_BYTES, got = 0;
        int fault = io_pread(tail->fd, tail->buffer, want, (int64_t)at, &got) != 0 ? errno : 0;
        if (fault != 0 || got < want)
            return mr_error_set(err, MR_E_SYSTEM, fault ? fault : EIO,
                                "cannot read the temporary file for the archive's directory");
        status = put(ctx, tail->buffer, got, err);
        at += got;
    }
    if (status == MR_OK && tail->used_bytes > 0)
        status = put(ctx, tail->buffer, tail->used_bytes, err);
    return status;
}
