/* zip_buffer.h - bytes on their way to a descriptor: small pieces are gathered, large ones are not
 * copied. One thread at a time, but for zip_buffer_written(). */
#ifndef MR_SINK_ZIP_BUFFER_H
#define MR_SINK_ZIP_BUFFER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZIP_BUFFER_BYTES ((size_t)256 << 10)

struct zip_buffer {
    int fd;              /* not owned */
    unsigned char *data; /* ZIP_BUFFER_BYTES; owned */
    size_t used_bytes;
    uint64_t given_bytes;         /* all that came, written or not */
    atomic_uint_fast64_t written; /* bytes */
    int write_errno;              /* of the first write that failed: after it nothing is written */
};

/* False when out of memory. fd may be set later, before the first byte comes. */
bool zip_buffer_init(struct zip_buffer *buffer);
void zip_buffer_fini(struct zip_buffer *buffer); /* drops what was not written */

/* These are true, or false with write_errno set, as in every call that follows. */
bool zip_buffer_put(struct zip_buffer *buffer, const void *data, size_t size_bytes);
bool zip_buffer_flush(struct zip_buffer *buffer);
/* *room: where at most size_bytes (up to ZIP_BUFFER_BYTES) may be made, before zip_buffer_add()
 * says how many they are. */
bool zip_buffer_reserve(struct zip_buffer *buffer, size_t size_bytes, unsigned char **room);
void zip_buffer_add(struct zip_buffer *buffer, size_t size_bytes);

/* How many bytes were written by now. Any thread. */
uint64_t zip_buffer_written(struct zip_buffer *buffer);

#endif
