/*
 * later.h - what a directory sink has to do last: links, and the times and modes of directories,
 * kept in a nameless temporary file so that memory does not grow with the number of items. Any
 * thread may add; reading comes after all adding, by one thread.
 */
#ifndef MR_SINK_LATER_H
#define MR_SINK_LATER_H

#include <stdint.h>

#include "millrace/entry.h"

struct later;

/* MR_OK, MR_E_MEMORY, MR_E_SYSTEM. */
enum mr_status later_create(struct later **later, struct mr_error *err);
void later_destroy(struct later *later); /* NULL is a no-op */
/*
 * Keeps path, target, kind, mode, mtime, owner, replaces_earlier and replaces of entry. MR_OK,
 * MR_E_SYSTEM.
 * After a failure the list has a gap: what was added behind it is lost, and later_next() says so.
 */
enum mr_status later_add(struct later *later, const struct mr_entry *entry, struct mr_error *err);
/* How many of that kind were added. */
uint64_t later_count(const struct later *later, enum mr_kind kind);
/* Where the next record is read; for going on from there again by later_seek(); 0 is the first. */
int64_t later_tell(const struct later *later);
void later_seek(struct later *later, int64_t position);
/*
 * The next one, in the order of adding, into *entry (zeroed by the caller, who clears it); its
 * replaces is valid until the next call. MR_OK, MR_DONE, MR_E_SYSTEM, MR_E_MEMORY.
 */
enum mr_status later_next(struct later *later, struct mr_entry *entry, struct mr_error *err);

#endif
