/* siphash.h - SipHash-2-4 with 128 bits of output: a keyed hash whose collisions cannot be made
 * without the key. */
#ifndef MR_BASE_SIPHASH_H
#define MR_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#include "millrace/status.h"

#define SIPHASH_KEY_BYTES 16

/* hash[0] holds the first 8 bytes of the output, hash[1] the last 8, little-endian. */
void siphash_128(const unsigned char key[SIPHASH_KEY_BYTES], const void *data, size_t size_bytes,
                 uint64_t hash[2]);

/* How many rounds for a word, and at the end. */
enum siphash_kind {
    SIPHASH_2_4,
    SIPHASH_1_3 /* faster; for hashes that nobody gets to see */
};

/* The same in parts: start, any number of adds, end. size_bytes may be read. */
struct siphash {
    uint64_t v[4];
    uint64_t word; /* bytes that are no whole word yet */
    uint64_t size_bytes;
    enum siphash_kind kind;
};
void siphash_start(struct siphash *state, enum siphash_kind kind,
                   const unsigned char key[SIPHASH_KEY_BYTES]);
void siphash_add(struct siphash *state, const void *data, size_t size_bytes);
void siphash_end(struct siphash *state, uint64_t hash[2]);

/* A random key. MR_OK, MR_E_SYSTEM. */
enum mr_status siphash_make_key(unsigned char key[SIPHASH_KEY_BYTES], struct mr_error *err);

#endif
