/*
 * sqlar_file.h - an SQLite database that is read from a descriptor, by offset: no name is opened,
 * no lock taken, nothing beside it looked at, nothing ever written. The file must not change
 * meanwhile.
 */
#ifndef MR_SOURCE_SQLAR_FILE_H
#define MR_SOURCE_SQLAR_FILE_H

#include <sqlite3.h>
#include <stdint.h>

#include "millrace/status.h"

struct sqlar_file {
    int fd;              /* a regular file; borrowed for as long as the connection */
    int64_t start_bytes; /* where the database begins in the file */
    int64_t size_bytes;
};

/*
 * Has the file the size that its header says (https://sqlite.org/fileformat2.html, section 1.3)?
 * SQLite reads zeros where the last page breaks off. MR_OK, MR_E_DATA, MR_E_SYSTEM.
 */
enum mr_status sqlar_file_check(const struct sqlar_file *file, struct mr_error *err);

/*
 * A connection for one thread at a time, with pages of cache_kib KiB, on a database that is not
 * trusted: its schema can call no function, and cells are checked. *database is the caller's to
 * close. MR_OK, MR_E_DATA, MR_E_MEMORY, MR_E_SYSTEM. Thread-safe.
 */
enum mr_status sqlar_file_open(const struct sqlar_file *file, int cache_kib, sqlite3 **database,
                               struct mr_error *err);

/* What the last call on database came to, which gave code: MR_E_DATA, MR_E_MEMORY, MR_E_SYSTEM. */
enum mr_status sqlar_file_fail(sqlite3 *database, int code, struct mr_error *err);

#endif
