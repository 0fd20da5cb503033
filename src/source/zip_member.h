/*
 * zip_member.h - one member of a zip archive, from its central header to its bytes: the local
 * header (APPNOTE.TXT 4.3.7), which must say the same, and small contents that are needed at once.
 */
#ifndef MR_SOURCE_ZIP_MEMBER_H
#define MR_SOURCE_ZIP_MEMBER_H

#include "source/zip_directory.h"

/*
 * Finds the data of the member of header in what stands before limit_bytes, where the directory
 * begins. *data_at_bytes: where it begins. MR_OK; MR_E_DATA when the local header is none or says
 * something else than header, or the data does not end before the limit; MR_E_SYSTEM, MR_E_MEMORY.
 * Thread-safe.
 */
enum mr_status zip_member_find(const struct zip_bytes *bytes, const struct zip_header *header,
                               int64_t limit_bytes, int64_t *data_at_bytes, struct mr_error *err);

/*
 * Reads and decodes the content of a symbolic link, whose data begins at data_at_bytes: *target is
 * the caller's to free. MR_OK; MR_E_DATA when it is longer than PATH_MAX allows, is damaged or
 * holds a NUL; MR_E_SYSTEM, MR_E_MEMORY. Thread-safe.
 */
enum mr_status zip_member_read_target(const struct zip_bytes *bytes,
                                      const struct zip_header *header, int64_t data_at_bytes,
                                      char **target, struct mr_error *err);

#endif
