/*
 * zip_member.h - one member of a zip archive, from its central header to its bytes: the local
 * header (APPNOTE.TXT 4.3.7), which must say the same, and small contents that are needed at once.
 */
#ifndef MR_SOURCE_ZIP_MEMBER_H
#define MR_SOURCE_ZIP_MEMBER_H

#include "source/zip_directory.h"

/* Where a member lies, and what must stand behind its data. */
struct zip_span {
    int64_t local_at_bytes, data_at_bytes, data_end_bytes;
    uint32_t crc;
    int64_t stored_bytes, plain_bytes;
    bool has_descriptor, may_be_long; /* may_be_long: its sizes may have 64 bits */
};

/*
 * Compares the local header of the member with header: what stands before limit_bytes, where the
 * directory begins, is looked at. MR_OK; MR_E_DATA when the local header is none or says something
 * else than header, or the data does not end before the limit; MR_E_SYSTEM, MR_E_MEMORY.
 * Thread-safe, as all here.
 */
enum mr_status zip_member_check(const struct zip_bytes *bytes, const struct zip_header *header,
                                int64_t limit_bytes, struct zip_span *span, struct mr_error *err);

/*
 * What stands between the data and next_bytes, where another member begins, or the directory: a
 * data descriptor (APPNOTE.TXT 4.3.9) that says the same as the directory, or nothing. MR_OK,
 * MR_E_DATA, MR_E_SYSTEM.
 */
enum mr_status zip_member_check_end(const struct zip_bytes *bytes, const struct zip_span *span,
                                    int64_t next_bytes, struct mr_error *err);

/*
 * Finds the data of a member, which must end before limit_bytes: *data_at_bytes. MR_OK;
 * MR_E_CHANGED: its local header is not there, or not any more; MR_E_SYSTEM.
 */
enum mr_status zip_member_find(const struct zip_bytes *bytes, int64_t local_at_bytes,
                               int64_t stored_bytes, int64_t limit_bytes, int64_t *data_at_bytes,
                               struct mr_error *err);

/*
 * Reads and decodes the content of a symbolic link, whose data begins at data_at_bytes: *target is
 * the caller's to free. MR_OK; MR_E_DATA when it is longer than PATH_MAX allows, is damaged or
 * holds a NUL; MR_E_SYSTEM, MR_E_MEMORY. Thread-safe.
 */
enum mr_status zip_member_read_target(const struct zip_bytes *bytes,
                                      const struct zip_header *header, int64_t data_at_bytes,
                                      char **target, struct mr_error *err);

#endif
