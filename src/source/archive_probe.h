/* archive_probe.h - looks at an input beside libarchive's: for zip before it, and after it when it
 * found no member. */
#ifndef MR_SOURCE_ARCHIVE_PROBE_H
#define MR_SOURCE_ARCHIVE_PROBE_H

#include "source/archive_bytes.h"
#include "source/archive_formats.h"

enum archive_probe {
    ARCHIVE_PROBE_EMPTY,   /* exactly an archive that was made of nothing */
    ARCHIVE_PROBE_DAMAGED, /* compressed, and cannot be decompressed */
    ARCHIVE_PROBE_OTHER,   /* something else */
    ARCHIVE_PROBE_GONE     /* a pipe of which too much was read to look again */
};

/* Inside locale_enter(). No other handle may be in use on bytes. */
enum archive_probe archive_probe(struct archive_bytes *bytes);

/*
 * Lets our own reader of zip look at an input that can seek, when it may be zip. MR_OK: *zip is its
 * source, which has its own descriptor. MR_E_UNSUPPORTED: it is for libarchive. Other errors are
 * those of zip_source_create(). Texts name label.
 */
enum mr_status archive_probe_zip(struct archive_bytes *bytes, const struct archive_choice *choice,
                                 const char *label, bool is_lenient, struct mr_source **zip,
                                 struct mr_error *err);

#endif
