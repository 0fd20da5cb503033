/*
 * zip_end.h - the end of a zip archive, where reading begins: the end record of the central
 * directory, and those of zip64 before it (APPNOTE.TXT 6.3.x, 4.3.14 to 4.3.16).
 */
#ifndef MR_SOURCE_ZIP_END_H
#define MR_SOURCE_ZIP_END_H

#include "source/zip_bytes.h"

struct zip_end {
    int64_t directory_at_bytes; /* the central directory, and where it ends */
    int64_t directory_end_bytes;
    int64_t shift_bytes;  /* what stands before the archive: every offset in it is less by this */
    int64_t end_bytes;    /* behind the end record and its comment */
    uint64_t entry_count; /* as the record says */
    bool is_count_short;  /* it has 16 bits: writers without zip64 let it wrap */
};

/*
 * Finds the end record that lies closest to the end of the input: one whose comment ends the input,
 * or else one behind which there are bytes that belong to no archive. MR_OK: the directory lies in
 * the input, before its end record, and begins with an entry unless it has none; what stands before
 * the archive does not begin as one. MR_E_UNSUPPORTED: there is no end record at all. MR_E_DATA:
 * there is one, but what it says cannot be. MR_E_SYSTEM, MR_E_MEMORY.
 */
enum mr_status zip_end_find(const struct zip_bytes *bytes, struct zip_end *end,
                            struct mr_error *err);

#endif
