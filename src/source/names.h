/*
 * names.h - the names in one directory, sorted, in bounded memory: kept compactly up to a limit,
 * beyond it in sorted runs in a nameless temporary file that are merged when they are read back.
 * One thread at a time.
 */
#ifndef MR_SOURCE_NAMES_H
#define MR_SOURCE_NAMES_H

#include "millrace/status.h"

#define NAMES_MEMORY_BYTES (8u << 20) /* a fitting limit */

struct names;

/* With is_unsorted names come back in the order in which they were added. MR_OK, MR_E_MEMORY. */
enum mr_status names_create(size_t memory_bytes, bool is_unsorted, struct names **names,
                            struct mr_error *err);
void names_destroy(struct names *names); /* NULL is a no-op */
/* name is copied; at most 4,095 bytes. MR_OK, MR_E_MEMORY, MR_E_SYSTEM, MR_E_LIMIT. */
enum mr_status names_add(struct names *names, const char *name, struct mr_error *err);
/* After the last names_add(), before the first names_next(). */
enum mr_status names_seal(struct names *names, struct mr_error *err);
/* *name stays valid until the next call. MR_OK, MR_DONE, MR_E_SYSTEM. */
enum mr_status names_next(struct names *names, const char **name, struct mr_error *err);

#endif
