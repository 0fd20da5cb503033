/* sums.h - the checksums of gzip and zlib (RFC 1952, RFC 1950), by the fastest library there is. */
#ifndef MR_CODEC_SUMS_H
#define MR_CODEC_SUMS_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from sum; 0 to begin. bytes may be NULL when count is 0. */
uint32_t sums_crc32(uint32_t sum, const void *bytes, size_t count);
/* Goes on from sum; 1 to begin. */
uint32_t sums_adler32(uint32_t sum, const void *bytes, size_t count);
/* The sum of two contents one behind the other, of which the second has count bytes. */
uint32_t sums_crc32_join(uint32_t first, uint32_t second, size_t count);
uint32_t sums_adler32_join(uint32_t first, uint32_t second, size_t count);

#endif
