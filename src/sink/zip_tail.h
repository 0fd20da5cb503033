/*
 * zip_tail.h - the records that come at the end of an archive, kept until then: in memory up to
 * ZIP_TAIL_MEMORY_BYTES, what is more in a nameless temporary file. One thread at a time.
 */
#ifndef MR_SINK_ZIP_TAIL_H
#define MR_SINK_ZIP_TAIL_H

#include <stddef.h>
#include <stdint.h>

#include "millrace/status.h"

#define ZIP_TAIL_MEMORY_BYTES ((size_t)4 << 20)

struct zip_tail {
    unsigned char *buffer; /* owned; NULL until something is added */
    size_t used_bytes, cap_bytes;
    int fd; /* the temporary file; -1: none */
    uint64_t file_bytes;
};

void zip_tail_init(struct zip_tail *tail);
void zip_tail_fini(struct zip_tail *tail);

/*
 * *room: where the next size_bytes (at most ZIP_TAIL_MEMORY_BYTES) of the tail go; zip_tail_add()
 * says how many came. MR_OK, MR_E_MEMORY, MR_E_SYSTEM (the temporary file).
 */
enum mr_status zip_tail_reserve(struct zip_tail *tail, size_t size_bytes, unsigned char **room,
                                struct mr_error *err);
void zip_tail_add(struct zip_tail *tail, size_t size_bytes);

/* All that was added. */
uint64_t zip_tail_bytes(const struct zip_tail *tail);
/*
 * Hands everything to put, in order; what put returns ends it unless it is MR_OK. Nothing can be
 * added after it. MR_OK, MR_E_SYSTEM, MR_E_MEMORY.
 */
enum mr_status zip_tail_give(struct zip_tail *tail,
                             enum mr_status (*put)(void *ctx, const void *data, size_t size_bytes,
                                                   struct mr_error *err),
                             void *ctx, struct mr_error *err);

#endif
