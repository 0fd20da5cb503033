/* siphash.h - SipHash-2-4 with 128 bits of output: a keyed hash whose collisions cannot be made
 * without the key. */
#ifndef MR_BASE_SIPHASH_H
#define MR_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_BYTES 16

/* hash[0] holds the first 8 bytes of the output, hash[1] the last 8, little-endian. */
void siphash_128(const unsigned char key[SIPHASH_KEY_BYTES], const void *data, size_t size_bytes,
                 uint64_t hash[2]);

#endif
