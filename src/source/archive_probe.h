/* archive_probe.h - looks for zip before libarchive is asked. */
#ifndef MR_SOURCE_ARCHIVE_PROBE_H
#define MR_SOURCE_ARCHIVE_PROBE_H

#include "source/archive_bytes.h"
#include "source/archive_formats.h"

/*
 * Lets our own reader of zip look at an input that can seek, when it may be zip. MR_OK: *zip is its
 * source, which has its own descriptor. MR_E_UNSUPPORTED: it is for libarchive. Other errors are
 * those of zip_source_create(). Texts name label.
 */
enum mr_status archive_probe_zip(struct archive_bytes *bytes, const struct archive_choice *choice,
                                 const char *label, struct mr_source **zip, struct mr_error *err);

#endif
