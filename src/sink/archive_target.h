/*
 * archive_target.h - the file that an archive is written to: under a temporary name beside its
 * final one until it is complete.
 */
#ifndef MR_SINK_ARCHIVE_TARGET_H
#define MR_SINK_ARCHIVE_TARGET_H

#include "millrace/status.h"

struct archive_target;

/*
 * path "-" is stdout; a device or FIFO that is there is written to as it is. overwrites: an
 * existing file is replaced at the end, through symbolic links. MR_OK, MR_E_EXISTS, MR_E_SYSTEM,
 * MR_E_MEMORY; the texts name path.
 */
enum mr_status archive_target_create(const char *path, bool overwrites,
                                     struct archive_target **target, struct mr_error *err);

int archive_target_fd(const struct archive_target *target);
const char *archive_target_label(const struct archive_target *target); /* "stdout", or path */

/* Gives the file its final name; without overwrites never in place of another. MR_OK, MR_E_EXISTS,
 * MR_E_SYSTEM. */
enum mr_status archive_target_commit(struct archive_target *target, struct mr_error *err);
/* Frees everything; what was not committed is removed. NULL is a no-op. */
void archive_target_destroy(struct archive_target *target);

#endif
