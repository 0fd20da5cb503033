/* archive_member.h - from libarchive's idea of an entry to ours, and the late content of cpio's
 * hard links. */
#ifndef MR_SOURCE_ARCHIVE_MEMBER_H
#define MR_SOURCE_ARCHIVE_MEMBER_H

#include <archive.h>
#include <archive_entry.h>

#include "millrace/entry.h"

/*
 * Fills *entry (zeroed) from member, the index-th (from 1) of an archive of the libarchive format
 * given. Inside locale_enter(). MR_OK; MR_E_DATA when its name or target cannot be had (entry->path
 * is set to something that names it all the same), MR_E_MEMORY.
 */
enum mr_status archive_member_read(struct archive_entry *member, int format, uint64_t index,
                                   struct mr_entry *entry, struct mr_error *err);

/* "./", with which `tar -c .` begins: the directory that everything is relative to, and no item. */
bool archive_member_is_top(const struct mr_entry *entry);

/*
 * cpio (newc) stores the content of a file with several names with the last of them; the names
 * before it look like empty files. They are held back until the content comes, and are then hard
 * links to the name that has it. At most 4096 are held.
 */
struct archive_links {
    struct held_link *first, **last; /* last: where the next one is hooked in */
    size_t held_count, ready_count;
};

void archive_links_init(struct archive_links *links);
void archive_links_fini(struct archive_links *links);

/* True when member is such a name: then *entry was moved into links and zeroed. */
bool archive_links_hold(struct archive_links *links, struct archive_entry *member,
                        struct mr_entry *entry);
/* member, given as entry, has the content for its inode. False when out of memory. */
bool archive_links_resolve(struct archive_links *links, struct archive_entry *member,
                           struct mr_entry *entry);
/*
 * Moves the next name that is not held any more into *entry (zeroed). With is_all also the others:
 * the first name of each inode as an empty file. False when there is none.
 */
bool archive_links_pop(struct archive_links *links, bool is_all, struct mr_entry *entry);

#endif
