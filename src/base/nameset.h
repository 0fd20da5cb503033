/*
 * nameset.h - which names were there already, in bounded memory; or a number for each name.
 *
 * Keeps a keyed 128-bit hash (SipHash-2-4-128, random key) of each name: in memory up to a limit,
 * beyond it in a nameless temporary file. One thread at a time.
 */
#ifndef MR_BASE_NAMESET_H
#define MR_BASE_NAMESET_H

#include <stdint.h>

#include "millrace/status.h"

struct nameset;

/* memory_bytes: what may be kept in memory, at least 64 KiB is taken. MR_OK, MR_E_MEMORY,
 * MR_E_SYSTEM. */
enum mr_status nameset_create(size_t memory_bytes, struct nameset **set, struct mr_error *err);
void nameset_destroy(struct nameset *set); /* NULL is a no-op */
/* Adds name; *was_there tells whether it had been added before. MR_OK, MR_E_MEMORY, MR_E_SYSTEM. */
enum mr_status nameset_add(struct nameset *set, const char *name, bool *was_there,
                           struct mr_error *err);
/*
 * The other use of a set, never mixed with the one above: each name has a number that is not 0, the
 * one given last. Half of the hash is kept only: who gets a number for a name that he never gave
 * must be able to tell.
 */
enum mr_status nameset_set_number(struct nameset *set, const char *name, uint64_t number,
                                  struct mr_error *err);
/* *number is 0 when the name has none. MR_OK, MR_E_SYSTEM. */
enum mr_status nameset_number(struct nameset *set, const char *name, uint64_t *number,
                              struct mr_error *err);
/* MR_OK, MR_E_SYSTEM. */
enum mr_status nameset_has(struct nameset *set, const char *name, bool *is_there,
                           struct mr_error *err);

#endif
