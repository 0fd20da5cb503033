/*
 * deflater.h - compresses blocks of content to raw deflate (RFC 1951), each so that the next one
 * can follow it.
 *
 * Level 0 stores, level 1 is ISA-L's where it is there, all others are libdeflate's, and zlib's in
 * a build without those. The result depends on the content and the level alone.
 */
#ifndef MR_CODEC_DEFLATER_H
#define MR_CODEC_DEFLATER_H

#include "millrace/status.h"

#define DEFLATER_LEVEL_MAX 12

struct deflater;

/* NULL when out of memory. level: 0 to DEFLATER_LEVEL_MAX. For one thread at a time. */
struct deflater *deflater_create(int level);
void deflater_destroy(struct deflater *deflater); /* NULL is a no-op */
int deflater_level(const struct deflater *deflater);
/* The memory that one holds. */
size_t deflater_bytes(int level);
/* The most that in_bytes can become. */
size_t deflater_bound(size_t in_bytes);
/*
 * in_bytes must be less than 2^31; in may be NULL when there are none. out has room for the bound.
 * is_last: the stream ends; else what is made ends at a byte, and the next block goes there. MR_OK;
 * MR_E_MEMORY; MR_E_DATA when a library went wrong.
 */
enum mr_status deflater_run(struct deflater *deflater, const unsigned char *in, size_t in_bytes,
                            bool is_last, unsigned char *out, size_t *out_bytes);

#endif
