/*
 * links.h - which inodes with several names were met already, so that later names become hard links
 * of the first.
 *
 * Only files with more than one name are kept, until the last of their names was met, and at most
 * LINKS_MAX_COUNT of them; beyond that files are stored as files of their own. One thread at a time
 * (the feed).
 */
#ifndef MR_FLOW_LINKS_H
#define MR_FLOW_LINKS_H

#include "millrace/entry.h"

#define LINKS_MAX_COUNT 65536

struct links;

enum mr_status links_create(struct links **links);
void links_destroy(struct links *links); /* NULL is a no-op */
/* The output name of an earlier entry with the same device and inode, valid until the next call;
 * NULL: there was none. */
const char *links_find(struct links *links, const struct mr_entry *entry);
/* Remembers the output name of an entry that links_find() did not know, for the names to come.
 * Beyond LINKS_MAX_COUNT it is forgotten. MR_OK, MR_E_MEMORY. */
enum mr_status links_remember(struct links *links, const struct mr_entry *entry,
                              const char *output);

#endif
