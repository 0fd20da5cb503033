/*
 * sqlar_table.h - the table of an SQLite archive (https://sqlite.org/sqlar.html) while rows are put
 * into it: prepared statements, and transactions of many rows. The sink gives it to one thread at a
 * time.
 */
#ifndef MR_SINK_SQLAR_TABLE_H
#define MR_SINK_SQLAR_TABLE_H

#include <stdint.h>

#include "millrace/status.h"

struct sqlar_table;

struct sqlar_table_config {
    const char *path;
    const char *name; /* of the table, any text; it is made when it is not there */
    /*
     * The file is empty and nobody else's: no locks, and what would roll back is kept in memory.
     * Else the database is locked until it is closed, has a journal beside it meanwhile, and every
     * batch is brought to the disk; afterwards it has no write-ahead log.
     */
    bool is_new;
};

/* A database with its table, opened in the first transaction. MR_OK, or as all here: see below. */
enum mr_status sqlar_table_create(const struct sqlar_table_config *config,
                                  struct sqlar_table **table, struct mr_error *err);
/* Takes back what was not committed. NULL is a no-op. */
void sqlar_table_destroy(struct sqlar_table *table);

/*
 * What the calls below return besides MR_OK; their texts name no file. MR_E_SYSTEM, with the errno
 * where there is one; MR_E_MEMORY; MR_E_DATA (the database is damaged, or none); MR_E_EXISTS (the
 * name is there); MR_E_UNSUPPORTED (the table is not one of an SQLite archive).
 */

struct sqlar_row {
    const char *name;
    int64_t mode, mtime_s;
    int64_t size_bytes; /* sz: of the plain content; 0 of a directory */
    enum sqlar_data { SQLAR_NULL, SQLAR_BLOB, SQLAR_TEXT } kind;
    const void *data; /* of a BLOB or TEXT; NULL: a BLOB that is written in pieces */
    int64_t data_bytes;
};

/* The most bytes that one row, and so its data, may have. */
int64_t sqlar_table_row_bytes_max(const struct sqlar_table *table);

/* The row of that name as it is there: *row without name and data. MR_DONE: none. */
enum mr_status sqlar_table_find(struct sqlar_table *table, const char *name, struct sqlar_row *row,
                                struct mr_error *err);

/* Puts a row in, in the place of one of that name if replaces. */
enum mr_status sqlar_table_put(struct sqlar_table *table, const struct sqlar_row *row,
                               bool replaces, struct mr_error *err);

/*
 * The same with data in pieces, which are not gathered in memory: begin, write until there are
 * data_bytes, end. After begin() took the row, end() or drop() must come; drop() leaves the table
 * as if nothing had been.
 */
enum mr_status sqlar_table_begin(struct sqlar_table *table, const struct sqlar_row *row,
                                 bool replaces, struct mr_error *err);
enum mr_status sqlar_table_write(struct sqlar_table *table, const void *data, size_t size_bytes,
                                 struct mr_error *err);
enum mr_status sqlar_table_end(struct sqlar_table *table, struct mr_error *err);
void sqlar_table_drop(struct sqlar_table *table);

/* Commits all rows. After that, destroy() alone. */
enum mr_status sqlar_table_finish(struct sqlar_table *table, struct mr_error *err);

/* Size of the database after the last batch. Any thread. */
uint64_t sqlar_table_bytes(struct sqlar_table *table);

#endif
