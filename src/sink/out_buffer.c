#include "sink/out_buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"

/* Pieces of that size are written from where they are. */
#define DIRECT_BYTES (OUT_BUFFER_BYTES / 2)

bool out_buffer_init(struct out_buffer *buffer)
{
    *buffer = (struct out_buffer){.fd = -1, .data = malloc(OUT_BUFFER_BYTES)};
    return buffer->data != NULL;
}

void out_buffer_fini(struct out_buffer *buffer)
{
    free(buffer->data);
    buffer->data = NULL;
}

static bool write_out(struct out_buffer *buffer, const void *data, size_t size_bytes)
{
    if (buffer->write_errno == 0 && io_write(buffer->fd, data, size_bytes) != 0)
        buffer->write_errno = errno;
    if (buffer->write_errno != 0)
        return false;
    atomic_fetch_add_explicit(&buffer->written, size_bytes, memory_order_relaxed);
    return true;
}

bool out_buffer_flush(struct out_buffer *buffer)
{
    size_t size_bytes = buffer->used_bytes;
    buffer->used_bytes = 0;
    return size_bytes > 0 ? write_out(buffer, buffer->data, size_bytes) : buffer->write_errno == 0;
}

bool out_buffer_put(struct out_buffer *buffer, const void *data, size_t size_bytes)
{
    const unsigned char *from = data;
    buffer->given_bytes += size_bytes;
    if (size_bytes >= DIRECT_BYTES)
        return out_buffer_flush(buffer) && write_out(buffer, from, size_bytes);
    size_t room_bytes = OUT_BUFFER_BYTES - buffer->used_bytes;
    if (size_bytes >= room_bytes) {
        memcpy(buffer->data + buffer->used_bytes, from, room_bytes);
        buffer->used_bytes += room_bytes;
        from += room_bytes;
        size_bytes -= room_bytes;
        if (!out_buffer_flush(buffer))
            return false;
    }
    memcpy(buffer->data + buffer->used_bytes, from, size_bytes);
    buffer->used_bytes += size_bytes;
    return buffer->write_errno == 0;
}

bool out_buffer_reserve(struct out_buffer *buffer, size_t size_bytes, unsigned char **room)
{
    bool fits = buffer->used_bytes + size_bytes <= OUT_BUFFER_BYTES;
    if (!fits && !out_buffer_flush(buffer))
        return false;
    *room = buffer->data + buffer->used_bytes;
    return buffer->write_errno == 0;
}

void out_buffer_add(struct out_buffer *buffer, size_t size_bytes)
{
    buffer->used_bytes += size_bytes;
    buffer->given_bytes += size_bytes;
}

uint64_t out_buffer_written(struct out_buffer *buffer)
{
    return atomic_load_explicit(&buffer->written, memory_order_relaxed);
}
