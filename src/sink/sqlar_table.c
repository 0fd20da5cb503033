#include "sink/sqlar_table.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/path.h"

/* A transaction ends after so many rows or bytes, or so long: a run that is killed loses at most
 * one. */
#define BATCH_ROWS  8192
#define BATCH_BYTES ((int64_t)16 << 20)
#define BATCH_NS    (INT64_C(5) * 1000 * 1000 * 1000)

#define CACHE_KIB 8192 /* pages in memory, of the largest batches a part */

/* Of a new database: small rows are most, and what does not fit a page takes whole ones. */
#define PAGE_BYTES 8192

#define VFS_NAME "unix" /* SQLite's own */

enum statement { INSERT, REPLACE, FIND, PAGES, STATEMENT_COUNT };

struct sqlar_table {
    sqlite3 *database;
    sqlite3_vfs files; /* how it gets at files */
    bool has_super;    /* see open_no_super() */
    char *path, *name; /* owned */
    sqlite3_stmt *statements[STATEMENT_COUNT];
    sqlite3_blob *blob; /* between begin() and end(); NULL: none */
    int blob_at_bytes;
    bool is_new;
    unsigned batch_rows;
    int64_t batch_bytes, batch_begin_ns;
    atomic_uint_fast64_t written_bytes;
};

/* What SQLite says about the last call. */
static enum mr_status fail(struct sqlar_table *table, int code, struct mr_error *err)
{
    sqlite3 *database = table->database;
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), database ? sqlite3_errmsg(database) : sqlite3_errstr(code));
    int fault = database ? sqlite3_system_errno(database) : 0;
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    case SQLITE_FULL:
        return mr_error_set(err, MR_E_SYSTEM, ENOSPC, "cannot write");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return mr_error_set(err, MR_E_SYSTEM, 0, "another program uses the database");
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return mr_error_set(err, MR_E_DATA, 0, "%s", shown);
    case SQLITE_CONSTRAINT:
        return mr_error_set(err, MR_E_EXISTS, 0, "%s", shown);
    case SQLITE_READONLY:
        return mr_error_set(err, MR_E_SYSTEM, fault ? fault : EROFS, "%s", shown);
    case SQLITE_CANTOPEN:
        if (table->has_super)
            return mr_error_set(err, MR_E_DATA, 0,
                                "had a journal of a change to several databases, which was taken "
                                "back in this one alone: begin again");
        return mr_error_set(err, MR_E_SYSTEM, fault ? fault : EIO, "%s", shown);
    case SQLITE_IOERR:
        return mr_error_set(err, MR_E_SYSTEM, fault ? fault : EIO, "%s", shown);
    case SQLITE_ERROR:
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "%s", shown);
    default:
        return mr_error_set(err, MR_E_SYSTEM, 0, "%s", shown);
    }
}

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static enum mr_status run(struct sqlar_table *table, const char *sql, struct mr_error *err)
{
    int code = sqlite3_exec(table->database, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? MR_OK : fail(table, code, err);
}

/* sql with the name of the table for %w. */
static char *with_name(const struct sqlar_table *table, const char *sql)
{
    return sqlite3_mprintf(sql, table->name);
}

/* ---- open ---- */

/* A path that SQLite takes for no other thing: ":memory:" and the like are names of files. */
static char *plain_path(const char *path)
{
    char *plain = NULL;
    if (path[0] == '/')
        return strdup(path);
    return asprintf(&plain, "./%s", path) < 0 ? NULL : plain;
}

/*
 * A journal that was left beside the database may name another file, as that of a change to several
 * databases, which SQLite removes when it has put the database right: it may be any file. So
 * none is opened, and what is still done to the database ends there. Like open() of SQLite's own.
 */
static int open_no_super(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                         int *given_flags)
{
    const sqlite3_vfs *own = sqlite3_vfs_find(VFS_NAME);
    struct sqlar_table *table = (void *)((char *)vfs - offsetof(struct sqlar_table, files));
    file->pMethods = NULL;
    table->has_super = flags & SQLITE_OPEN_SUPER_JOURNAL;
    if (!own || table->has_super)
        return SQLITE_CANTOPEN;
    return own->xOpen(vfs, name, file, flags, given_flags);
}

/* Only while it is registered a name leads to it; the connection goes on to use it. */
static int open_by_own(struct sqlar_table *table)
{
    char name[48];
    int code = sqlite3_initialize();
    const sqlite3_vfs *own = code == SQLITE_OK ? sqlite3_vfs_find(VFS_NAME) : NULL;
    if (!own)
        return code == SQLITE_OK ? SQLITE_CANTOPEN : code;
    snprintf(name, sizeof(name), "millrace-table-%p", (void *)table);
    table->files = *own;
    table->files.zName = name;
    table->files.xOpen = open_no_super;
    code = sqlite3_vfs_register(&table->files, 0);
    if (code != SQLITE_OK)
        return code;
    code = sqlite3_open_v2(table->path, &table->database,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, name);
    sqlite3_vfs_unregister(&table->files);
    table->files.zName = VFS_NAME;
    return code;
}

static enum mr_status open_database(struct sqlar_table *table, struct mr_error *err)
{
    /* A new one is nobody else's: it has no journal, and needs no locks. */
    int code = table->is_new
                   ? sqlite3_open_v2(table->path, &table->database,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, "unix-none")
                   : open_by_own(table);
    if (code != SQLITE_OK)
        return fail(table, code, err);
    sqlite3_extended_result_codes(table->database, 1);
    /* What the database has besides tables is not run: it may be anybody's. */
    sqlite3_db_config(table->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(table->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(table->database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(table->database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    return MR_OK;
}

/* Nobody sees it before it is complete, so it needs no journal for the case of a crash. */
static enum mr_status set_up_new(struct sqlar_table *table, struct mr_error *err)
{
    char sql[200];
    snprintf(sql, sizeof(sql),
             "PRAGMA page_size=%d; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;"
             "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-%d; BEGIN",
             PAGE_BYTES, CACHE_KIB);
    return run(table, sql, err);
}

/* Somebody's own database: nothing of it may be lost, whatever happens. */
static enum mr_status set_up_own(struct sqlar_table *table, struct mr_error *err)
{
    char sql[200];
    snprintf(sql, sizeof(sql),
             "PRAGMA journal_mode=DELETE; PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL;"
             "PRAGMA cache_size=-%d; BEGIN IMMEDIATE",
             CACHE_KIB);
    return run(table, sql, err);
}

/* As the sqlite3 program makes it, to the letter. */
static enum mr_status make_table(struct sqlar_table *table, struct mr_error *err)
{
    char *sql = with_name(table, "CREATE TABLE IF NOT EXISTS \"%w\"(\n"
                                 "  name TEXT PRIMARY KEY,  -- name of the file\n"
                                 "  mode INT,               -- access permissions\n"
                                 "  mtime INT,              -- last modification time\n"
                                 "  sz INT,                 -- original file size\n"
                                 "  data BLOB               -- compressed content\n"
                                 ")");
    enum mr_status status = sql ? run(table, sql, err) : no_memory(err);
    sqlite3_free(sql);
    return status;
}

/*
 * Can what is put into the table be read again, and is nothing lost for it? Then it is no view, the
 * columns are stored, and the name alone is unique: a row takes the place of no other.
 */
static enum mr_status check_table(struct sqlar_table *table, struct mr_error *err)
{
    static const char sql[] =
        "SELECT (SELECT count(*)=1 FROM sqlite_schema WHERE name=?1 COLLATE NOCASE"
        "  AND type='table' AND rootpage>0)"
        " AND (SELECT sum(lower(name) IN ('name','mode','mtime','sz','data'))=5"
        "  AND sum(lower(name)='rowid' OR hidden<>0)=0 FROM pragma_table_xinfo(?1))"
        " AND (SELECT count(*)=1 AND max(origin)='pk' AND (SELECT count(*)=1"
        "   AND max(lower(name))='name' FROM pragma_index_info(max(list.name)))"
        "  FROM pragma_index_list(?1) AS list WHERE \"unique\")";
    sqlite3_stmt *question = NULL;
    int code = sqlite3_prepare_v2(table->database, sql, -1, &question, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(question, 1, table->name, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(question);
    enum mr_status status = MR_OK;
    if (code != SQLITE_ROW)
        status = fail(table, code, err);
    else if (!sqlite3_column_int(question, 0))
        status = mr_error_set(err, MR_E_UNSUPPORTED, 0,
                              "its table is not one of an SQLite archive (--table names another)");
    sqlite3_finalize(question);
    return status;
}

static enum mr_status prepare(struct sqlar_table *table, struct mr_error *err)
{
    static const char *const texts[STATEMENT_COUNT] = {
        [INSERT] = "INSERT OR ABORT INTO \"%w\"(name,mode,mtime,sz,data) VALUES(?1,?2,?3,?4,?5)",
        [REPLACE] = "REPLACE INTO \"%w\"(name,mode,mtime,sz,data) VALUES(?1,?2,?3,?4,?5)",
        [FIND] = "SELECT mode,mtime,sz,rowid FROM \"%w\" WHERE name=?1",
        [PAGES] = "SELECT page_count*page_size FROM pragma_page_count, pragma_page_size",
    };
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        char *sql = with_name(table, texts[i]);
        if (!sql)
            return no_memory(err);
        int code = sqlite3_prepare_v3(table->database, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                      &table->statements[i], NULL);
        sqlite3_free(sql);
        if (code != SQLITE_OK)
            return fail(table, code, err);
    }
    return MR_OK;
}

enum mr_status sqlar_table_create(const struct sqlar_table_config *config,
                                  struct sqlar_table **table, struct mr_error *err)
{
    struct sqlar_table *made = calloc(1, sizeof(*made));
    if (!made)
        return no_memory(err);
    made->is_new = config->is_new;
    made->batch_begin_ns = clock_now_ns();
    made->path = plain_path(config->path);
    made->name = strdup(config->name);
    enum mr_status status = made->path && made->name ? open_database(made, err) : no_memory(err);
    if (status == MR_OK)
        status = made->is_new ? set_up_new(made, err) : set_up_own(made, err);
    if (status == MR_OK)
        status = make_table(made, err);
    if (status == MR_OK)
        status = check_table(made, err);
    if (status == MR_OK)
        status = prepare(made, err);
    if (status == MR_OK)
        *table = made;
    else
        sqlar_table_destroy(made);
    return status;
}

/* After an error of the disk SQLite leaves it to who opens the database next. */
static void roll_back(struct sqlar_table *table)
{
    sqlite3_close(table->database);
    table->database = NULL;
    if (table->is_new)
        return;
    if (open_database(table, NULL) == MR_OK)
        run(table, "SELECT count(*) FROM sqlite_schema", NULL);
    sqlite3_close(table->database);
}

void sqlar_table_destroy(struct sqlar_table *table)
{
    if (!table)
        return;
    sqlite3_blob_close(table->blob);
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(table->statements[i]);
    if (table->database) /* not finished */
        roll_back(table);
    free(table->path);
    free(table->name);
    free(table);
}

/* ---- batches ---- */

static void look_at_size(struct sqlar_table *table)
{
    sqlite3_stmt *pages = table->statements[PAGES];
    if (sqlite3_step(pages) == SQLITE_ROW)
        atomic_store_explicit(&table->written_bytes, (uint64_t)sqlite3_column_int64(pages, 0),
                              memory_order_relaxed);
    sqlite3_reset(pages);
}

/* An error of the disk may have rolled the batch back, with rows that were taken for stored. */
static enum mr_status check_batch(const struct sqlar_table *table, struct mr_error *err)
{
    if (!sqlite3_get_autocommit(table->database))
        return MR_OK;
    return mr_error_set(err, MR_E_SYSTEM, EIO, "the last batch of items was lost"); /* ends a run */
}

static enum mr_status commit(struct sqlar_table *table, struct mr_error *err)
{
    table->batch_rows = 0;
    table->batch_bytes = 0;
    enum mr_status status = check_batch(table, err);
    if (status == MR_OK)
        status = run(table, "COMMIT", err);
    if (status == MR_OK)
        look_at_size(table);
    return status;
}

/* What is new is to be the same at any speed. */
static bool is_full(const struct sqlar_table *table)
{
    return table->batch_rows >= BATCH_ROWS || table->batch_bytes >= BATCH_BYTES ||
           (!table->is_new && clock_now_ns() - table->batch_begin_ns >= BATCH_NS);
}

/* A row is complete. */
static enum mr_status count_row(struct sqlar_table *table, int64_t bytes, struct mr_error *err)
{
    table->batch_rows++;
    table->batch_bytes += bytes;
    if (!is_full(table))
        return MR_OK;
    enum mr_status status = commit(table, err);
    table->batch_begin_ns = clock_now_ns();
    return status == MR_OK ? run(table, "BEGIN IMMEDIATE", err) : status;
}

enum mr_status sqlar_table_finish(struct sqlar_table *table, struct mr_error *err)
{
    enum mr_status status = commit(table, err);
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(table->statements[i]);
        table->statements[i] = NULL;
    }
    int code = status == MR_OK ? sqlite3_close(table->database) : SQLITE_OK;
    if (code != SQLITE_OK)
        return fail(table, code, err);
    if (status == MR_OK)
        table->database = NULL;
    return status;
}

uint64_t sqlar_table_bytes(struct sqlar_table *table)
{
    return atomic_load_explicit(&table->written_bytes, memory_order_relaxed);
}

/* ---- rows ---- */

int64_t sqlar_table_row_bytes_max(const struct sqlar_table *table)
{
    return sqlite3_limit(table->database, SQLITE_LIMIT_LENGTH, -1);
}

enum mr_status sqlar_table_find(struct sqlar_table *table, const char *name, struct sqlar_row *row,
                                struct mr_error *err)
{
    sqlite3_stmt *find = table->statements[FIND];
    int code = sqlite3_bind_text(find, 1, name, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(find);
    if (code == SQLITE_ROW)
        *row = (struct sqlar_row){.mode = sqlite3_column_int64(find, 0),
                                  .mtime_s = sqlite3_column_int64(find, 1),
                                  .size_bytes = sqlite3_column_int64(find, 2)};
    enum mr_status status = code == SQLITE_ROW    ? MR_OK
                            : code == SQLITE_DONE ? MR_DONE
                                                  : fail(table, code, err);
    sqlite3_reset(find);
    return status;
}

static int bind_data(sqlite3_stmt *put, const struct sqlar_row *row)
{
    uint64_t bytes = (uint64_t)row->data_bytes;
    switch (row->kind) {
    case SQLAR_BLOB:
        if (row->data && bytes > 0)
            return sqlite3_bind_blob64(put, 5, row->data, bytes, SQLITE_STATIC);
        return sqlite3_bind_zeroblob64(put, 5, bytes);
    case SQLAR_TEXT:
        return sqlite3_bind_text64(put, 5, row->data, bytes, SQLITE_STATIC, SQLITE_UTF8);
    case SQLAR_NULL:
        break;
    }
    return sqlite3_bind_null(put, 5);
}

static enum mr_status insert(struct sqlar_table *table, const struct sqlar_row *row, bool replaces,
                             struct mr_error *err)
{
    sqlite3_stmt *put = table->statements[replaces ? REPLACE : INSERT];
    int code = sqlite3_bind_text(put, 1, row->name, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(put, 2, row->mode);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(put, 3, row->mtime_s);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(put, 4, row->size_bytes);
    if (code == SQLITE_OK)
        code = bind_data(put, row);
    if (code == SQLITE_OK)
        code = sqlite3_step(put);
    enum mr_status status = code == SQLITE_DONE ? MR_OK : fail(table, code, err);
    sqlite3_reset(put);
    sqlite3_clear_bindings(put); /* what they point to is the caller's */
    return status;
}

enum mr_status sqlar_table_put(struct sqlar_table *table, const struct sqlar_row *row,
                               bool replaces, struct mr_error *err)
{
    enum mr_status status = check_batch(table, err);
    if (status == MR_OK)
        status = insert(table, row, replaces, err);
    return status == MR_OK ? count_row(table, row->data_bytes, err) : status;
}

/* ---- data in pieces ---- */

enum mr_status sqlar_table_begin(struct sqlar_table *table, const struct sqlar_row *row,
                                 bool replaces, struct mr_error *err)
{
    assert(!table->blob && row->kind == SQLAR_BLOB && !row->data);
    enum mr_status status = check_batch(table, err);
    if (status == MR_OK)
        status = run(table, "SAVEPOINT item", err);
    if (status != MR_OK)
        return status;
    status = insert(table, row, replaces, err);
    if (status == MR_OK) {
        int code = sqlite3_blob_open(table->database, "main", table->name, "data",
                                     sqlite3_last_insert_rowid(table->database), 1, &table->blob);
        if (code != SQLITE_OK)
            status = fail(table, code, err);
    }
    table->blob_at_bytes = 0;
    if (status != MR_OK)
        sqlar_table_drop(table);
    return status;
}

enum mr_status sqlar_table_write(struct sqlar_table *table, const void *data, size_t size_bytes,
                                 struct mr_error *err)
{
    int code = sqlite3_blob_write(table->blob, data, (int)size_bytes, table->blob_at_bytes);
    if (code != SQLITE_OK)
        return fail(table, code, err);
    table->blob_at_bytes += (int)size_bytes;
    return MR_OK;
}

enum mr_status sqlar_table_end(struct sqlar_table *table, struct mr_error *err)
{
    int code = sqlite3_blob_close(table->blob);
    table->blob = NULL;
    if (code != SQLITE_OK) {
        enum mr_status status = fail(table, code, err);
        sqlar_table_drop(table);
        return status;
    }
    enum mr_status status = run(table, "RELEASE item", err);
    return status == MR_OK ? count_row(table, table->blob_at_bytes, err) : status;
}

void sqlar_table_drop(struct sqlar_table *table)
{
    sqlite3_blob_close(table->blob);
    table->blob = NULL;
    run(table, "ROLLBACK TO item; RELEASE item", NULL);
}
