/*
 * sorter.h - any number of small records put in order, in bounded memory: what does not fit is kept
 * as sorted runs in a nameless temporary file, which are merged while they are read (D. E. Knuth,
 * The Art of Computer Programming, volume 3, section 5.4). One thread at a time.
 */
#ifndef MR_BASE_SORTER_H
#define MR_BASE_SORTER_H

#include <stddef.h>
#include <stdint.h>

#include "millrace/status.h"

#define SORTER_RECORD_MAX_BYTES ((size_t)8 << 10) /* key and value together */

/* Keys are in the order of memcmp(), a shorter one before what it begins. */
struct sorter_record {
    const void *key, *value;
    size_t key_bytes, value_bytes;
};

struct sorter;

/* memory_bytes: what may be kept in memory, at least 512 KiB is taken. MR_OK, MR_E_MEMORY. */
enum mr_status sorter_create(size_t memory_bytes, struct sorter **sorter, struct mr_error *err);
void sorter_destroy(struct sorter *sorter); /* NULL is a no-op */
/* The record is copied. MR_OK, MR_E_LIMIT (longer than SORTER_RECORD_MAX_BYTES), MR_E_MEMORY,
 * MR_E_SYSTEM. */
enum mr_status sorter_add(struct sorter *sorter, const struct sorter_record *record,
                          struct mr_error *err);
/* After the last sorter_add(), once. MR_OK, MR_E_MEMORY, MR_E_SYSTEM. */
enum mr_status sorter_sort(struct sorter *sorter, struct mr_error *err);
/*
 * After sorter_sort(): the next record, the smallest first; those of equal keys come in any order.
 * *record is valid until the next call. MR_OK, MR_DONE (there is no more), MR_E_SYSTEM.
 */
enum mr_status sorter_next(struct sorter *sorter, struct sorter_record *record,
                           struct mr_error *err);

#endif
