/* zip_entry.h - from a central header of a zip archive to an entry: name, kind, time, mode, owner.
 */
#ifndef MR_SOURCE_ZIP_ENTRY_H
#define MR_SOURCE_ZIP_ENTRY_H

#include "millrace/entry.h"
#include "source/zip_directory.h"

/*
 * Fills *entry (zeroed) from the header of the index-th member (from 1). The target of a symbolic
 * link is its content, and is not read here. place is the header's. MR_OK; MR_E_DATA when its name
 * cannot be had or what it declares cannot be (entry->path is set to something that names it all
 * the same); MR_E_MEMORY. Thread-safe.
 */
enum mr_status zip_entry_read(const struct zip_header *header, uint64_t index,
                              struct mr_entry *entry, struct mr_error *err);

#endif
