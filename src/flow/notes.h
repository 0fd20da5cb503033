/*
 * notes.h - the list that an operation writes beside the output (digests), a line for each item, in
 * input order.
 *
 * Written under a temporary name beside its place and renamed at the end. One thread at a time.
 */
#ifndef MR_FLOW_NOTES_H
#define MR_FLOW_NOTES_H

#include "millrace/status.h"

struct notes;

/* An existing file at path is replaced by notes_finish(). MR_OK, MR_E_MEMORY, MR_E_SYSTEM. */
enum mr_status notes_create(const char *path, struct notes **notes, struct mr_error *err);
enum mr_status notes_write(struct notes *notes, const char *line, struct mr_error *err);
/* Puts the list into its place. */
enum mr_status notes_finish(struct notes *notes, struct mr_error *err);
/* Without notes_finish() before it, the list is removed. NULL is a no-op. */
void notes_destroy(struct notes *notes);

#endif
