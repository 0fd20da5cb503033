/*
 * sqlar_rows.h - the rows of an SQLite archive (https://sqlite.org/sqlar.html), one after the other
 * in the order of their names, as entries. No table of them is kept.
 */
#ifndef MR_SOURCE_SQLAR_ROWS_H
#define MR_SOURCE_SQLAR_ROWS_H

#include "millrace/entry.h"
#include "source/sqlar_file.h"

struct sqlar_rows {
    sqlite3 *database;   /* owned */
    sqlite3_stmt *next;  /* owned */
    sqlite3_stmt *count; /* owned */
    int64_t row_count;   /* given so far */
    int64_t left_bytes;  /* of the file, for the contents of the rows that follow */
};

/*
 * Begins a walk through the table of that name, which must be a plain table with the columns of an
 * archive. Zero-initialised rows; sqlar_rows_end() in every case. MR_OK; MR_E_UNSUPPORTED: there is
 * nothing of that name; MR_E_DATA: it is something else, or damaged; MR_E_MEMORY, MR_E_SYSTEM.
 */
enum mr_status sqlar_rows_begin(struct sqlar_rows *rows, const struct sqlar_file *file,
                                const char *table, struct mr_error *err);
void sqlar_rows_end(struct sqlar_rows *rows);

/*
 * Fills *entry (zeroed) from the next row; place is its rowid. MR_OK; MR_DONE: that was all, and
 * the table has no more rows than its index says; MR_E_MEMORY, MR_E_SYSTEM, MR_E_DATA,
 * MR_E_UNSUPPORTED: with a path of that row alone, else nothing can follow.
 */
enum mr_status sqlar_rows_next(struct sqlar_rows *rows, struct mr_entry *entry,
                               struct mr_error *err);

#endif
