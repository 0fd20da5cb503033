/*
 * sqlar_sink.h - an SQLite archive (https://sqlite.org/sqlar.html): a database with a table of
 * names, modes, times, sizes and contents, as `sqlite3 -A` reads it. Contents come as zlib streams
 * where that is smaller: see mr_sink.encoding.
 */
#ifndef MR_SINK_SQLAR_SINK_H
#define MR_SINK_SQLAR_SINK_H

#include "sink/archive_target.h"

struct sqlar_sink_config {
    struct mr_sink_encoding encoding; /* what the job is asked for */
    struct archive_target_config target;
    const char *table; /* NULL: "sqlar" */
    /*
     * Into the database that is there, if one is, in transactions: whatever happens it is whole,
     * and has the batches that were complete. existing says what becomes of a name that is there; a
     * directory takes the place of a directory.
     */
    bool appends;
    enum existing existing;
};

/*
 * A database at path, a regular file: a new one under a temporary name beside it until finish().
 * Names are bytes, as they are. Kept are modes, and times in
 * seconds but for links. Memory: some pages, and one
 * item of at most 1 MiB. MR_OK, MR_E_EXISTS, MR_E_USAGE (stdout, a device), MR_E_UNSUPPORTED (a
 * table with other columns), MR_E_DATA (no database), MR_E_SYSTEM,
 * MR_E_MEMORY.
 */
enum mr_status sqlar_sink_create(const char *path, const struct sqlar_sink_config *config,
                                 struct mr_sink **sink, struct mr_error *err);

#endif
