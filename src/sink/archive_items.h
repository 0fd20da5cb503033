/* archive_items.h - what every sink of an archive says alike: of items that it refuses, and of what
 * it could not hold. */
#ifndef MR_SINK_ARCHIVE_ITEMS_H
#define MR_SINK_ARCHIVE_ITEMS_H

#include <stdint.h>

#include "millrace/entry.h"

/* Can an archive of the format named hold such an item? MR_OK, MR_E_UNSUPPORTED, MR_E_USAGE. */
enum mr_status archive_items_check(const struct mr_entry *entry, const char *format,
                                   bool has_hardlinks, struct mr_error *err);

/* The permission bits of an item; usual ones when its source knows none. */
uint32_t archive_items_mode(const struct mr_entry *entry);

/* The error for whatever comes after an item of which the archive has only a part. */
enum mr_status archive_items_cut_short(struct mr_error *err);
/* The same at the end, for the whole archive. */
enum mr_status archive_items_not_complete(const char *label, struct mr_error *err);

struct archive_losses {
    uint64_t xattr_count, owner_count, fraction_count, time_count, other_count; /* items */
    char other_text[120]; /* why the first of the others is one */
};

/* As mr_sink_ops.losses. */
void archive_losses_tell(const struct archive_losses *losses, char *text, size_t cap_bytes);

#endif
