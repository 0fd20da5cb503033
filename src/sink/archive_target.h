/*
 * archive_target.h - the file that an archive is written to: under a temporary name beside its
 * final one until it is complete.
 */
#ifndef MR_SINK_ARCHIVE_TARGET_H
#define MR_SINK_ARCHIVE_TARGET_H

#include <sys/stat.h>

#include "sink/sinks.h"

struct archive_target;

struct archive_target_config {
    bool overwrites; /* an existing file is replaced at the end, through symbolic links */
    enum sync sync;
    bool is_exclusive; /* refused when another process is writing an archive of this name */
    /*
     * An earlier run was stopped here: its temporary files are removed, and an archive that is
     * there already is replaced when it turns out to be the very same.
     */
    bool is_resumed;
    /* What is to be replaced, as it was before it was read: when it has changed since then, it
     * stays. NULL: whatever is there. Must outlive the target. */
    const struct stat *replaced;
};

/*
 * path "-" is stdout; a device or FIFO that is there is written to as it is. config is copied.
 * MR_OK, MR_E_EXISTS, MR_E_SYSTEM, MR_E_MEMORY; the texts name path.
 */
enum mr_status archive_target_create(const char *path, const struct archive_target_config *config,
                                     struct archive_target **target, struct mr_error *err);

int archive_target_fd(const struct archive_target *target);
const char *archive_target_label(const struct archive_target *target); /* "stdout", or path */

/* Gives the file its final name; without overwrites never in place of another. MR_OK, MR_E_EXISTS,
 * MR_E_CHANGED (config.replaced), MR_E_SYSTEM. */
enum mr_status archive_target_commit(struct archive_target *target, struct mr_error *err);
/* Removes the temporary file, and does nothing else: for a process that is about to end. */
void archive_target_abandon(struct archive_target *target);
/* Frees everything; what was not committed is removed. NULL is a no-op. */
void archive_target_destroy(struct archive_target *target);

#endif
