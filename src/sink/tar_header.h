/* tar_header.h - the headers of the items of a tar archive that need little, which are nearly all,
 * byte for byte as libarchive's restricted pax format has them. No state. */
#ifndef MR_SINK_TAR_HEADER_H
#define MR_SINK_TAR_HEADER_H

#include <stddef.h>

#include "millrace/entry.h"

#define TAR_BLOCK_BYTES       512
#define TAR_HEADER_MOST_BYTES (3 * TAR_BLOCK_BYTES)

/*
 * Makes what stands before the content of an item: entry, a file of size_bytes or something else
 * (0), without its owner unless has_owner. Returns how many bytes of room it took, or 0 when the
 * item needs a header that only libarchive makes: a name that is long or not ASCII, a number that
 * is large, extended attributes.
 */
size_t tar_header_make(const struct mr_entry *entry, int64_t size_bytes, bool has_owner,
                       unsigned char room[TAR_HEADER_MOST_BYTES]);

/* How many zeros stand behind a content of size_bytes. */
static inline size_t tar_header_padding(int64_t size_bytes)
{
    return (size_t)(-(uint64_t)size_bytes % TAR_BLOCK_BYTES);
}

#endif
