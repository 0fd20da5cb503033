/* difference.h - in what two inputs differ, from their manifests. */
#ifndef MR_COMPARE_DIFFERENCE_H
#define MR_COMPARE_DIFFERENCE_H

#include "compare/manifest.h"

enum difference_kind {
    DIFFERENCE_ONLY_A,
    DIFFERENCE_ONLY_B,
    DIFFERENCE_TYPE, /* nothing else is compared then */
    DIFFERENCE_SIZE, /* and so the content */
    DIFFERENCE_CONTENT,
    DIFFERENCE_TARGET, /* of symbolic links */
    DIFFERENCE_MODE,
    DIFFERENCE_MTIME,
    DIFFERENCE_OWNER,
    DIFFERENCE_XATTRS,
    DIFFERENCE_UNREAD, /* one side could not be read: nothing is known */
    DIFFERENCE_KINDS
};

struct difference {
    enum difference_kind kind;
    const char *path;
    const struct manifest_item *a, *b; /* NULL: not there */
};

struct difference_counts {
    uint64_t a, b;           /* items */
    uint64_t only_a, only_b; /* of those */
    uint64_t differing;      /* that both have, and that differ in something */
    uint64_t unread;
};

/*
 * Reads both manifests to their ends and tells found() of every difference, in the order of names;
 * an item may have several. Metadata is compared that both sides have. A directory that is only on
 * one side is no difference when something on the other lies below that name: archives need not
 * have directories. Times of a whole second equal those within it. MR_OK, MR_E_SYSTEM.
 */
enum mr_status difference_find(struct manifest *a, struct manifest *b,
                               void (*found)(void *ctx, const struct difference *difference),
                               void *ctx, struct difference_counts *counts, struct mr_error *err);

#endif
