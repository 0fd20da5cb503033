/* archive_probe.h - looks for what our own readers know before libarchive is asked: zip and SQLite
 * archives. */
#ifndef MR_SOURCE_ARCHIVE_PROBE_H
#define MR_SOURCE_ARCHIVE_PROBE_H

#include "source/archive_bytes.h"
#include "source/archive_formats.h"

/*
 * Lets our own readers look at an input that can seek, when it may be theirs. table: of
 * archive_options. MR_OK: *made is its source, which has its own descriptor. MR_E_UNSUPPORTED: it
 * is for libarchive, or a database that is no archive. Other errors are those of
 * zip_source_create() and sqlar_source_create(). Texts name label.
 */
enum mr_status archive_probe(struct archive_bytes *bytes, const struct archive_choice *choice,
                             const char *label, const char *table, struct mr_source **made,
                             struct mr_error *err);

#endif
