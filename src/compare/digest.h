/*
 * digest.h - the operation of `millrace diff`: each content becomes its size and a keyed hash of
 * it, by which the contents of two inputs are compared. With a key of one's own for each
 * comparison, nobody can prepare two contents that are taken for the same.
 */
#ifndef MR_COMPARE_DIGEST_H
#define MR_COMPARE_DIGEST_H

#include "base/siphash.h"
#include "operation/chain.h"

/* What the content of an item has become: these bytes, as they stand in memory. */
struct digest {
    uint64_t size_bytes;
    uint64_t hash[2]; /* SipHash-1-3 */
};

/* Adds the operation to the end of a chain; the key is copied. MR_OK, MR_E_MEMORY. */
enum mr_status digest_add_to(struct chain *chain, const unsigned char key[SIPHASH_KEY_BYTES],
                             struct mr_error *err);

#endif
