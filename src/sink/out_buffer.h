/* out_buffer.h - bytes on their way to a descriptor: small pieces are gathered, large ones are not
 * copied. One thread at a time, but for out_buffer_written(). */
#ifndef MR_SINK_OUT_BUFFER_H
#define MR_SINK_OUT_BUFFER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUT_BUFFER_BYTES ((size_t)256 << 10)

struct out_buffer {
    int fd;              /* not owned */
    unsigned char *data; /* OUT_BUFFER_BYTES; owned */
    size_t used_bytes;
    uint64_t given_bytes;         /* all that came, written or not */
    atomic_uint_fast64_t written; /* bytes */
    int write_errno;              /* of the first write that failed: after it nothing is written */
};

/* False when out of memory. fd may be set later, before the first byte comes. */
bool out_buffer_init(struct out_buffer *buffer);
void out_buffer_fini(struct out_buffer *buffer); /* drops what was not written */

/* These are true, or false with write_errno set, as in every call that follows. */
bool out_buffer_put(struct out_buffer *buffer, const void *data, size_t size_bytes);
bool out_buffer_flush(struct out_buffer *buffer);
/* *room: where at most size_bytes (up to OUT_BUFFER_BYTES) may be made, before out_buffer_add()
 * says how many they are. */
bool out_buffer_reserve(struct out_buffer *buffer, size_t size_bytes, unsigned char **room);
void out_buffer_add(struct out_buffer *buffer, size_t size_bytes);

/* How many bytes were written by now. Any thread. */
uint64_t out_buffer_written(struct out_buffer *buffer);

#endif
