#include "sink/zip_buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"

/* Pieces of that size are written from where they are. */
#define DIRECT_BYTES (ZIP_BUFFER_BYTES / 2)

bool zip_buffer_init(struct zip_buffer *buffer)
{
    *buffer = (struct zip_buffer){.fd = -1, .data = malloc(ZIP_BUFFER_BYTES)};
    return buffer->data != NULL;
}

void zip_buffer_fini(struct zip_buffer *buffer)
{
    free(buffer->data);
    buffer->data = NULL;
}

static bool write_out(struct zip_buffer *buffer, const void *data, size_t size_bytes)
{
    if (buffer->write_errno == 0 && io_write(buffer->fd, data, size_bytes) != 0)
        buffer->write_errno = errno;
    if (buffer->write_errno != 0)
        return false;
    atomic_fetch_add_explicit(&buffer->written, size_bytes, memory_order_relaxed);
    return true;
}

bool zip_buffer_flush(struct zip_buffer *buffer)
{
    size_t size_bytes = buffer->used_bytes;
    buffer->used_bytes = 0;
    return size_bytes > 0 ? write_out(buffer, buffer->data, size_bytes) : buffer->write_errno == 0;
}

bool zip_buffer_put(struct zip_buffer *buffer, const void *data, size_t size_bytes)
{
    const unsigned char *from = data;
    buffer->given_bytes += size_bytes;
    if (size_bytes >= DIRECT_BYTES)
        return zip_buffer_flush(buffer) && write_out(buffer, from, size_bytes);
    size_t room_bytes = ZIP_BUFFER_BYTES - buffer->used_bytes;
    if (size_bytes >= room_bytes) {
        memcpy(buffer->data + buffer->used_bytes, from, room_bytes);
        buffer->used_bytes += room_bytes;
        from += room_bytes;
        size_bytes -= room_bytes;
        if (!zip_buffer_flush(buffer))
            return false;
    }
    memcpy(buffer->data + buffer->used_bytes, from, size_bytes);
    buffer->used_bytes += size_bytes;
    return buffer->write_errno == 0;
}

bool zip_buffer_reserve(struct zip_buffer *buffer, size_t size_bytes, unsigned char **room)
{
    bool fits = buffer->used_bytes + size_bytes <= ZIP_BUFFER_BYTES;
    if (!fits && !zip_buffer_flush(buffer))
        return false;
    *room = buffer->data + buffer->used_bytes;
    return buffer->write_errno == 0;
}

void zip_buffer_add(struct zip_buffer *buffer, size_t size_bytes)
{
    buffer->used_bytes += size_bytes;
    buffer->given_bytes += size_bytes;
}

uint64_t zip_buffer_written(struct zip_buffer *buffer)
{
    return atomic_load_explicit(&buffer->written, memory_order_relaxed);
}
