/* overlap.h - nothing may be written into what is read: is the output an input, or in one, or the
 * other way round? */
#ifndef MR_CLI_OVERLAP_H
#define MR_CLI_OVERLAP_H

#include "cli/output.h"
#include "source/sources.h"

/*
 * Compares by device and inode, after every symbolic link, with all parents of the output, also of
 * one that does not exist yet. MR_OK, MR_E_USAGE (*err names both), MR_E_MEMORY.
 */
enum mr_status overlap_check(const struct output *output, const struct options *options,
                             struct mr_error *err);

/* Device and inode of the output itself where it is there already: stdout, a directory. False: it
 * has none. */
bool overlap_own(const struct output *output, struct walk_own *own);

#endif
