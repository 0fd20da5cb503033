#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "source/sqlar_rows.h"

#define CACHE_KIB     1024
#define VALUE_MAX     (1 << 20) /* bytes of a name or a target; content is not read here */
#define INFLATE_RATIO 1032      /* deflate (RFC 1951) makes at most 258 bytes of 2 bits */

/* Columns of the walk. */
enum column { ROWID, NAME, INDEXED_NAME, MODE, MTIME, SIZE, TYPE, STORED, TARGET };

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static enum mr_status not_fit(struct mr_error *err, const char *why)
{
    return mr_error_set(err, MR_E_DATA, 0, "its table is not one of an SQLite archive: %s", why);
}

static enum mr_status prepare(struct sqlar_rows *rows, const char *sql, sqlite3_stmt **statement,
                              struct mr_error *err)
{
    int code = sqlite3_prepare_v2(rows->database, sql, -1, statement, NULL);
    return code == SQLITE_OK ? MR_OK : sqlar_file_fail(rows->database, code, err);
}

/*
 * One number about the table. MR_DONE: there is no row.
 */
static enum mr_status ask(struct sqlar_rows *rows, const char *sql, const char *table,
                          int64_t *answer, struct mr_error *err)
{
    sqlite3_stmt *question = NULL;
    enum mr_status status = prepare(rows, sql, &question, err);
    if (status != MR_OK)
        return status;
    int code = sqlite3_bind_text(question, 1, table, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(question);
    if (code == SQLITE_ROW)
        *answer = sqlite3_column_int64(question, 0);
    else
        status = code == SQLITE_DONE ? MR_DONE : sqlar_file_fail(rows->database, code, err);
    sqlite3_finalize(question);
    return status;
}

/* Views and virtual tables have no pages of their own. */
static enum mr_status check_kind(struct sqlar_rows *rows, const char *table, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    int64_t is_plain = 0;
    enum mr_status status = ask(rows,
                                "SELECT type='table' AND rootpage>0 FROM sqlite_schema"
                                " WHERE name=?1 COLLATE NOCASE AND type IN ('table','view')",
                                table, &is_plain, err);
    if (status == MR_DONE)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "has no table '%s'",
                            path_show(shown, sizeof(shown), table));
    if (status == MR_OK && !is_plain)
        return not_fit(err, "it is a view, or virtual");
    return status;
}

/* A column that is called rowid would hide the number of the row; what is generated is not stored.
 */
static enum mr_status check_columns(struct sqlar_rows *rows, const char *table,
                                    struct mr_error *err)
{
    int64_t fits = 0;
    enum mr_status status =
        ask(rows,
            "SELECT sum(lower(name) IN ('name','mode','mtime','sz','data'))=5"
            " AND sum(lower(name)='rowid' OR hidden<>0)=0 FROM pragma_table_xinfo(?1)",
            table, &fits, err);
    if (status == MR_OK && !fits)
        return not_fit(err, "it has other columns");
    return status;
}

/* The index that SQLite keeps for the name: the first of the table's own. */
static enum mr_status check_key(struct sqlar_rows *rows, const char *table, struct mr_error *err)
{
    int64_t fits = 0;
    enum mr_status status = ask(
        rows,
        "SELECT count(*)=1 FROM pragma_index_list(?1) AS list"
        " WHERE origin='pk' AND list.name='sqlite_autoindex_' || ?1 || '_1' COLLATE NOCASE"
        " AND (SELECT count(*)=1 AND max(lower(name))='name' FROM pragma_index_info(list.name))",
        table, &fits, err);
    if (status == MR_OK && !fits)
        return not_fit(err, "its primary key is not the name");
    return status;
}

/*
 * In the order of the names. What the index says is compared with the rows, since a damaged page of
 * either may just as well make names disappear.
 */
static enum mr_status prepare_walk(struct sqlar_rows *rows, const char *table, struct mr_error *err)
{
    char *next =
        sqlite3_mprintf("SELECT t.rowid, t.name, i.name, t.mode, t.mtime, t.sz, typeof(t.data),"
                        " CASE typeof(t.data) WHEN 'blob' THEN length(t.data) END,"
                        " CASE WHEN t.sz<0 OR t.mode&%d=%d THEN t.data END"
                        " FROM \"%w\" AS i INDEXED BY \"sqlite_autoindex_%w_1\""
                        " LEFT JOIN \"%w\" AS t NOT INDEXED ON t.rowid=i.rowid ORDER BY i.name",
                        S_IFMT, S_IFLNK, table, table, table);
    char *count = sqlite3_mprintf("SELECT count(*) FROM \"%w\" NOT INDEXED", table);
    enum mr_status status = next && count ? MR_OK : no_memory(err);
    if (status == MR_OK)
        status = prepare(rows, next, &rows->next, err);
    if (status == MR_OK)
        status = prepare(rows, count, &rows->count, err);
    sqlite3_free(next);
    sqlite3_free(count);
    return status;
}

enum mr_status sqlar_rows_begin(struct sqlar_rows *rows, const struct sqlar_file *file,
                                const char *table, struct mr_error *err)
{
    enum mr_status status = sqlar_file_open(file, CACHE_KIB, &rows->database, err);
    if (status != MR_OK)
        return status;
    rows->left_bytes = file->size_bytes;
    sqlite3_limit(rows->database, SQLITE_LIMIT_LENGTH, VALUE_MAX);
    status = check_kind(rows, table, err);
    if (status == MR_OK)
        status = check_columns(rows, table, err);
    if (status == MR_OK)
        status = check_key(rows, table, err);
    return status == MR_OK ? prepare_walk(rows, table, err) : status;
}

void sqlar_rows_end(struct sqlar_rows *rows)
{
    sqlite3_finalize(rows->next);
    sqlite3_finalize(rows->count);
    sqlite3_close(rows->database);
    *rows = (struct sqlar_rows){0};
}

/* ---- rows ---- */

static enum mr_status refuse(enum mr_status status, const char *why, struct mr_error *err)
{
    return mr_error_set(err, status, 0, "damaged archive: %s", why);
}

/* *text is the caller's, NULL when there is none. */
static enum mr_status take_text(sqlite3_stmt *row, int column, char **text, struct mr_error *err)
{
    const void *bytes = sqlite3_column_text(row, column);
    size_t size_bytes = (size_t)sqlite3_column_bytes(row, column);
    *text = NULL;
    if (!bytes)
        return sqlite3_errcode(sqlite3_db_handle(row)) == SQLITE_NOMEM ? no_memory(err) : MR_OK;
    if (memchr(bytes, '\0', size_bytes))
        return MR_OK;
    *text = strndup(bytes, size_bytes);
    return *text ? MR_OK : no_memory(err);
}

/* Is the name the same in the index and in the row? */
static bool is_same_name(sqlite3_stmt *row)
{
    if (sqlite3_column_type(row, NAME) != SQLITE_TEXT ||
        sqlite3_column_type(row, INDEXED_NAME) != SQLITE_TEXT)
        return sqlite3_column_type(row, NAME) == sqlite3_column_type(row, INDEXED_NAME);
    const void *name = sqlite3_column_text(row, NAME);
    const void *indexed = sqlite3_column_text(row, INDEXED_NAME);
    int size_bytes = sqlite3_column_bytes(row, NAME);
    return name && indexed && sqlite3_column_bytes(row, INDEXED_NAME) == size_bytes &&
           memcmp(name, indexed, (size_t)size_bytes) == 0;
}

static enum mr_status read_name(const struct sqlar_rows *rows, struct mr_entry *entry,
                                struct mr_error *err)
{
    sqlite3_stmt *row = rows->next;
    enum mr_status status = MR_OK;
    if (sqlite3_column_type(row, NAME) == SQLITE_TEXT)
        status = take_text(row, NAME, &entry->path, err);
    if (status != MR_OK || (entry->path && *entry->path))
        return status;
    free(entry->path);
    if (asprintf(&entry->path, "(row %lld)", (long long)sqlite3_column_int64(row, ROWID)) < 0) {
        entry->path = NULL;
        return no_memory(err);
    }
    return refuse(MR_E_DATA, "its name is missing, or no text", err);
}

static enum mr_kind kind_of(sqlite3_stmt *row)
{
    switch (sqlite3_column_int64(row, MODE) & S_IFMT) {
    case S_IFREG:
        return MR_KIND_FILE;
    case S_IFDIR:
        return MR_KIND_DIRECTORY;
    case S_IFLNK:
        return MR_KIND_SYMLINK;
    case 0: /* no type: by the rest, as the documentation has it */
        if (sqlite3_column_int64(row, SIZE) < 0)
            return MR_KIND_SYMLINK;
        return strcmp((const char *)sqlite3_column_text(row, TYPE), "null") == 0 ? MR_KIND_DIRECTORY
                                                                                 : MR_KIND_FILE;
    default:
        return MR_KIND_OTHER;
    }
}

static enum mr_status read_target(sqlite3_stmt *row, struct mr_entry *entry, struct mr_error *err)
{
    enum mr_status status = take_text(row, TARGET, &entry->target, err);
    if (status != MR_OK)
        return status;
    if (!entry->target || !*entry->target || strlen(entry->target) >= PATH_MAX)
        return refuse(MR_E_DATA, "a link without a target, or with one that is too long", err);
    return MR_OK;
}

/* Content is a zlib stream where its size is another than the file's. */
static enum mr_status read_content(struct sqlar_rows *rows, struct mr_entry *entry,
                                   struct mr_error *err)
{
    sqlite3_stmt *row = rows->next;
    const char *type = (const char *)sqlite3_column_text(row, TYPE);
    int64_t size = sqlite3_column_int64(row, SIZE), stored = sqlite3_column_int64(row, STORED);
    if (strcmp(type, "blob") != 0 && strcmp(type, "null") != 0)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "its data is of the type %s, and not a BLOB",
                            type);
    bool is_plain = size == stored;
    if (sqlite3_column_type(row, SIZE) != SQLITE_INTEGER ||
        (!is_plain && (size <= 0 || stored == 0 || size / INFLATE_RATIO > stored)))
        return refuse(MR_E_DATA, "its sizes do not go together", err);
    if (stored > rows->left_bytes) /* no byte of the file is that of two rows */
        return refuse(MR_E_DATA, "the contents of its rows do not fit into it", err);
    rows->left_bytes -= stored;
    entry->size_bytes = size;
    entry->has_encoding = true;
    entry->encoding = (struct mr_encoding){.method = is_plain ? MR_METHOD_PLAIN : MR_METHOD_ZLIB,
                                           .stored_bytes = stored};
    return MR_OK;
}

static enum mr_status read_row(struct sqlar_rows *rows, struct mr_entry *entry,
                               struct mr_error *err)
{
    sqlite3_stmt *row = rows->next;
    enum mr_status status = read_name(rows, entry, err);
    if (status != MR_OK)
        return status;
    entry->place = (uint64_t)sqlite3_column_int64(row, ROWID);
    entry->kind = kind_of(row);
    entry->has_mode = sqlite3_column_type(row, MODE) == SQLITE_INTEGER;
    entry->mode = (uint32_t)(sqlite3_column_int64(row, MODE) & 07777);
    entry->has_mtime = sqlite3_column_type(row, MTIME) == SQLITE_INTEGER;
    entry->mtime_s = sqlite3_column_int64(row, MTIME);
    entry->link_count = 1;
    if (entry->kind == MR_KIND_SYMLINK && entry->mtime_s < 0) { /* see sqlar_sink.c */
        entry->has_mtime = false;
        entry->mtime_s = 0;
    }
    if (entry->kind == MR_KIND_SYMLINK)
        return read_target(row, entry, err);
    return entry->kind == MR_KIND_FILE ? read_content(rows, entry, err) : MR_OK;
}

/* Has the index led to all rows? */
static enum mr_status check_count(struct sqlar_rows *rows, struct mr_error *err)
{
    int code = sqlite3_step(rows->count);
    if (code != SQLITE_ROW)
        return sqlar_file_fail(rows->database, code, err);
    if (sqlite3_column_int64(rows->count, 0) != rows->row_count)
        return refuse(MR_E_DATA, "its index and its rows do not go together", err);
    return MR_DONE;
}

enum mr_status sqlar_rows_next(struct sqlar_rows *rows, struct mr_entry *entry,
                               struct mr_error *err)
{
    int code = sqlite3_step(rows->next);
    if (code == SQLITE_DONE)
        return check_count(rows, err);
    if (code != SQLITE_ROW)
        return sqlar_file_fail(rows->database, code, err);
    rows->row_count++;
    if (sqlite3_column_type(rows->next, ROWID) == SQLITE_NULL || !is_same_name(rows->next))
        return refuse(MR_E_DATA, "its index and its rows do not go together", err);
    return read_row(rows, entry, err);
}
