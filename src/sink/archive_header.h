/* archive_header.h - an item as libarchive takes it, for its header. */
#ifndef MR_SINK_ARCHIVE_HEADER_H
#define MR_SINK_ARCHIVE_HEADER_H

#include <archive_entry.h>

#include "sink/archive_items.h"
#include "sink/archive_outputs.h"

/*
 * Makes member, whatever it was, an item of an archive with that ability: entry, with a content of
 * size_bytes when it is a file, and without its owner unless has_owner. What cannot be held is
 * counted in losses. The locale is one with UTF-8.
 */
void archive_header_fill(struct archive_entry *member, const struct mr_entry *entry,
                         int64_t size_bytes, bool has_owner, const struct archive_ability *ability,
                         struct archive_losses *losses);

#endif
