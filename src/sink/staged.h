/*
 * staged.h - a file of the directory sink while it is written: out of sight, without a name where
 * the file system can do that (open(2), O_TMPFILE), else under a temporary name, until it is
 * complete and gets its own. One without a name costs less, and nothing is left of it when the
 * program is killed.
 */
#ifndef MR_SINK_STAGED_H
#define MR_SINK_STAGED_H

#include "sink/tree.h"

struct staged {
    int fd;                        /* -1: none */
    char temp[TREE_TEMP_BYTES];    /* "": nameless */
    int parent;                    /* as it was given to staged_open() */
    struct staged *before, *after; /* in tree->named */
};

/* Can the tree give a name to a nameless file? Asked once, for tree->names_nameless. */
bool staged_can_name(const struct tree *tree);

/*
 * Makes a file in parent, for writing, with mode less the umask. 0, or -1 with errno. *file must
 * stay where it is, and parent open, until it is discarded or published.
 */
int staged_open(struct tree *tree, const struct dirhold *parent, mode_t mode, struct staged *file);

/* Drops the file with what was written. Does nothing when there is none. */
void staged_discard(struct tree *tree, int parent, struct staged *file);

/*
 * Closes the file and gives it its final name in parent, the last component of entry->path, as
 * tree_publish() does it. On failure nothing of it is left.
 */
enum mr_status staged_publish(struct tree *tree, int parent, struct staged *file,
                              const struct mr_entry *entry, struct mr_error *err);

/* mr_sink_ops.abandon of the directory sink: removes all that have a temporary name,
 * and the file of its locks. */
void staged_abandon(struct mr_sink *sink);

#endif
