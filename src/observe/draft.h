/*
 * draft.h - a file that is written beside its place, and gets its name when it is complete: reports
 * and traces. What a program that was killed leaves is PATH.tmp-XXXXXX.
 */
#ifndef MR_OBSERVE_DRAFT_H
#define MR_OBSERVE_DRAFT_H

#include <stdint.h>
#include <stdio.h>

#include "millrace/status.h"

struct draft {
    int fd;    /* the draft's; -1: none is open */
    FILE *out; /* once it was asked for: then fd is its */
    char *path, *temporary;
};

/* Makes the file beside path (copied), for reading and writing. option, for messages, is who wants
 * it: "--report". MR_OK; MR_E_USAGE: something else than a file is there; MR_E_SYSTEM, MR_E_MEMORY.
 */
enum mr_status draft_open(struct draft *draft, const char *path, const char *option,
                          struct mr_error *err);
/* The file as a stream, which stays the draft's. NULL: out of memory. */
FILE *draft_stream(struct draft *draft);
/* Which file it is, among all; false: it cannot be told. */
bool draft_file(const struct draft *draft, uint64_t *device, uint64_t *inode);
/* Gives it its name, in place of what had it. The draft is closed, also on failure, which leaves
 * nothing behind. MR_OK, MR_E_SYSTEM. */
enum mr_status draft_keep(struct draft *draft, const char *option, struct mr_error *err);
/* Removes it. Does nothing when none is open; *draft may be zero. */
void draft_drop(struct draft *draft);

#endif
