/* SQLite archives as a source: what SQLite made, many threads, and what is refused. */
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "source/sources.h"
#include "support/packing.h"

Suite *sqlar_source_suite(void);

#define COLUMNS "(name TEXT PRIMARY KEY, mode INT, mtime INT, sz INT, data BLOB)"

/* A database of these statements. */
static void make(const char *sql)
{
    sqlite3 *database;
    char *problem = NULL;
    unlink(packing_path("a"));
    ck_assert_int_eq(sqlite3_open(packing_path("a"), &database), SQLITE_OK);
    sqlite3_exec(database, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
    ck_assert_msg(sqlite3_exec(database, sql, NULL, NULL, &problem) == SQLITE_OK, "%s: %s", sql,
                  problem);
    sqlite3_close(database);
}

static enum mr_status open_table(const char *table, struct mr_source **source)
{
    int fd = open(packing_path("a"), O_RDONLY | O_CLOEXEC);
    enum mr_status status = sqlar_source_create(fd, packing_path("a"), table, source, &packing.err);
    if (status != MR_OK)
        close(fd);
    return status;
}

/* All into found. */
static enum mr_status read_all(void)
{
    struct mr_source *source;
    archives_clear(&packing.found);
    enum mr_status status = open_table(NULL, &source);
    if (status != MR_OK)
        return status;
    status = archives_read(source, &packing.found, 1000, &packing.err);
    source->ops->destroy(source);
    return status;
}

START_TEST(entries_come_in_the_order_of_their_names)
{
    make(
        "CREATE TABLE sqlar" COLUMNS "; INSERT INTO sqlar VALUES"
        "('z',33188,5,3,x'616263'),('a',16877,-7,0,NULL),('a/"
        "b',33261,6,3,x'789c4b4c4a0600024d0127'),"
        "('l',41471,9,1,'z'),('m',41471,9,-1,'a'),('.',16877,0,0,NULL),('untyped',420,NULL,0,x'')");
    struct mr_source *source;
    struct mr_entry entry = {0};
    static const struct {
        const char *path;
        enum mr_kind kind;
        unsigned mode;
        int64_t mtime_s;
    } want[] = {{"a", MR_KIND_DIRECTORY, 0755, -7}, {"a/b", MR_KIND_FILE, 0755, 6},
                {"l", MR_KIND_SYMLINK, 0777, 9},    {"m", MR_KIND_SYMLINK, 0777, 9},
                {"untyped", MR_KIND_FILE, 0644, 0}, {"z", MR_KIND_FILE, 0644, 5}};
    ck_assert_ok(open_table(NULL, &source), packing.err);
    ck_assert_uint_eq(source->flags, MR_SOURCE_CONTAINER | MR_SOURCE_REOPENABLE);
    ck_assert_uint_gt(source->memory_bytes, 0);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_ok(source->ops->next(source, &entry, &packing.err), packing.err);
        ck_assert_str_eq(entry.path, want[i].path);
        ck_assert_int_eq(entry.kind, want[i].kind);
        ck_assert_uint_eq(entry.mode, want[i].mode);
        ck_assert_int_eq(entry.mtime_s, want[i].mtime_s);
        ck_assert_int_eq(entry.has_mtime, i != 4);
        ck_assert_int_eq(entry.has_encoding, entry.kind == MR_KIND_FILE);
        if (i == 1)
            ck_assert_int_eq(entry.encoding.method, MR_METHOD_ZLIB);
        mr_entry_clear(&entry);
    }
    ck_assert_int_eq(source->ops->next(source, &entry, &packing.err), MR_DONE);
    ck_assert_int_eq(source->ops->next(source, &entry, &packing.err), MR_DONE);
    source->ops->destroy(source);
    ck_assert_ok(read_all(), packing.err);
    ck_assert_mem_eq(archives_find(&packing.found, "a/b")->data, "abc", 3);
    ck_assert_str_eq(archives_find(&packing.found, "l")->entry.target, "z");
}
END_TEST

/* One row that is wrong fails alone. */
START_TEST(a_bad_row_is_refused_alone)
{
    static const struct {
        const char *row;
        enum mr_status status;
    } rows[] = {
        {"(x'6261',33188,0,1,x'41')", MR_E_DATA},
        {"(NULL,33188,0,1,x'41')", MR_E_DATA},
        {"('',33188,0,1,x'41')", MR_E_DATA},
        {"(CAST(x'610062' AS TEXT),33188,0,1,x'41')", MR_E_DATA},
        {"('b',33188,0,-1,x'41')", MR_E_DATA},
        {"('b',33188,0,0,x'41')", MR_E_DATA},
        {"('b',33188,0,9,NULL)", MR_E_DATA},
        {"('b',33188,0,NULL,NULL)", MR_E_DATA},
        {"('b',33188,0,2000000,x'789c4b4c4a0600024d0127')", MR_E_DATA},
        {"('b',33188,0,20,x'789c4b4c4a0600024d0127')", MR_E_DATA},
        {"('b',33188,0,3.5,x'41')", MR_E_DATA},
        {"('b',33188,0,1,'A')", MR_E_UNSUPPORTED},
        {"('b',41471,0,0,NULL)", MR_E_DATA},
        {"('b',41471,0,0,CAST(x'610062' AS TEXT))", MR_E_DATA},
        {"('b',41471,0,0,hex(zeroblob(3000)))", MR_E_DATA},
    };
    char sql[400];
    snprintf(sql, sizeof(sql),
             "CREATE TABLE sqlar" COLUMNS
             "; INSERT INTO sqlar VALUES('a',33188,0,1,x'41'),%s,('z',33188,0,1,x'41')",
             rows[_i].row);
    make(sql);
    ck_assert_int_eq(read_all(), rows[_i].status);
    ck_assert_uint_eq(packing.found.count, 2);
}
END_TEST

START_TEST(what_is_no_table_of_an_archive_is_refused)
{
    static const struct {
        const char *sql;
        enum mr_status status;
    } cases[] = {
        {"CREATE TABLE other(x)", MR_E_UNSUPPORTED},
        {"CREATE VIEW sqlar AS SELECT 'a' AS name,33188 AS mode,0 AS mtime,1 AS sz,x'41' AS data",
         MR_E_DATA},
        {"CREATE TABLE SQLAR(name TEXT, mode, mtime, sz, data)", MR_E_DATA},
        {"CREATE TABLE sqlar(name INTEGER PRIMARY KEY, mode, mtime, sz, data)", MR_E_DATA},
        {"CREATE TABLE sqlar(name TEXT, mode, mtime, sz, data, PRIMARY KEY(name,sz))", MR_E_DATA},
        {"CREATE TABLE sqlar(name TEXT PRIMARY KEY, mode, mtime, sz)", MR_E_DATA},
        {"CREATE TABLE sqlar(name TEXT PRIMARY KEY, mode, mtime, sz, data, rowid)", MR_E_DATA},
        {"CREATE TABLE sqlar(name TEXT PRIMARY KEY, mode, mtime, sz,"
         " data BLOB AS (zeroblob(sz)))",
         MR_E_DATA},
        {"CREATE TABLE sqlar" COLUMNS " WITHOUT ROWID", MR_E_DATA},
    };
    struct mr_source *source;
    make(cases[_i].sql);
    ck_assert_int_eq(open_table(NULL, &source), cases[_i].status);
    ck_assert_int_ne(packing.err.text[0], '\0');
}
END_TEST

START_TEST(a_table_has_any_name)
{
    struct mr_source *source;
    make("CREATE TABLE \"a \"\"b\"\" %s; --\"" COLUMNS
         "; INSERT INTO \"a \"\"b\"\" %s; --\" VALUES('f',33188,0,1,x'41')");
    ck_assert_int_eq(open_table(NULL, &source), MR_E_UNSUPPORTED);
    ck_assert_ok(open_table("a \"b\" %s; --", &source), packing.err);
    ck_assert_ok(archives_read(source, &packing.found, 1, &packing.err), packing.err);
    source->ops->destroy(source);
    ck_assert_uint_eq(packing.found.count, 1);
}
END_TEST

/* An index with a row less, and one that is another's. */
START_TEST(rows_do_not_get_lost)
{
    static const char *const indexed[] = {"'a'", "'a','x'", "'a','b','c'"};
    char sql[900];
    snprintf(sql, sizeof(sql),
             "CREATE TABLE sqlar" COLUMNS "; CREATE TABLE other" COLUMNS
             "; INSERT INTO sqlar VALUES('a',33188,0,1,x'41'),('b',33188,0,1,x'41');"
             "INSERT INTO other(name) SELECT value FROM json_each(json_array(%s));"
             "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rootpage=(SELECT rootpage FROM "
             "sqlite_schema WHERE name='sqlite_autoindex_other_1')"
             " WHERE name='sqlite_autoindex_sqlar_1'; DELETE FROM sqlite_schema WHERE "
             "tbl_name='other'",
             indexed[_i]);
    make(sql);
    ck_assert_int_eq(read_all(), MR_E_DATA);
    ck_assert_ptr_nonnull(strstr(packing.err.text, "its index and its rows do not go together"));
}
END_TEST

/* What SQLite would read as zeros. */
START_TEST(a_database_of_another_size_is_refused)
{
    static const off_t changes[] = {-1, -4096, 1, 4096};
    make("PRAGMA page_size=4096; CREATE TABLE sqlar" COLUMNS
         "; INSERT INTO sqlar VALUES('a',33188,0,100000,zeroblob(100000))");
    ck_assert_ok(read_all(), packing.err);
    int fd = open(packing_path("a"), O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(ftruncate(fd, lseek(fd, 0, SEEK_END) + changes[_i]), 0);
    close(fd);
    ck_assert_int_eq(read_all(), MR_E_DATA);
}
END_TEST

/*
 * Each of two rows has overflow pages (https://sqlite.org/fileformat2.html, section 1.6), whose
 * first is named by the last 4 bytes of its cell. The cells fill the page of the table from its
 * end.
 */
START_TEST(rows_do_not_share_bytes)
{
    enum { PAGE_BYTES = 4096, COUNT_AT = 28, FIRST_CELL_AT = 8, OVERFLOW_PAGES = 24 };
    make("PRAGMA page_size=4096; CREATE TABLE sqlar" COLUMNS
         "; INSERT INTO sqlar VALUES('a',33188,0,100000,zeroblob(100000)),"
         "('b',33188,0,100000,zeroblob(100000))");
    size_t bytes;
    unsigned char *data = (unsigned char *)support_read_file(packing.directory, "a", &bytes);
    unsigned char *page = data + PAGE_BYTES;
    size_t cell_at = (size_t)page[FIRST_CELL_AT] << 8 | page[FIRST_CELL_AT + 1];
    memcpy(page + cell_at - 4, page + PAGE_BYTES - 4, 4);
    data[COUNT_AT + 3] = (unsigned char)(data[COUNT_AT + 3] - OVERFLOW_PAGES);
    support_write_file(packing.directory, "a", data, bytes - OVERFLOW_PAGES * PAGE_BYTES);
    free(data);
    ck_assert_int_eq(read_all(), MR_E_DATA);
    ck_assert_ptr_nonnull(strstr(packing.err.text, "do not fit into it"));
    ck_assert_uint_eq(packing.found.count, 1);
}
END_TEST

START_TEST(a_change_meanwhile_is_noticed)
{
    struct mr_source *source;
    struct mr_entry entry = {0};
    struct mr_reader *reader;
    size_t got;
    char buffer[10];
    make("CREATE TABLE sqlar" COLUMNS "; INSERT INTO sqlar VALUES('a',33188,0,3,x'616263')");
    ck_assert_ok(open_table(NULL, &source), packing.err);
    ck_assert_ok(source->ops->next(source, &entry, &packing.err), packing.err);
    ck_assert_ok(source->ops->open(source, &entry, &reader, &packing.err), packing.err);
    ck_assert_ok(source->ops->read(source, reader, buffer, sizeof(buffer), &got, &packing.err),
                 packing.err);
    ck_assert_uint_eq(got, 3);
    int fd = open(packing_path("a"), O_WRONLY | O_APPEND | O_CLOEXEC);
    ck_assert_int_eq(write(fd, "x", 1), 1);
    close(fd);
    ck_assert_int_eq(source->ops->close(source, reader, &packing.err), MR_E_CHANGED);
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

START_TEST(what_is_beside_it_is_seen)
{
    static const char journal[8] = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
    make("CREATE TABLE sqlar" COLUMNS);
    support_write_file(packing.directory, "a-wal", "", 0);
    support_write_file(packing.directory, "a-journal", "\0\0\0\0\0\0\0\0", 8);
    ck_assert_ok(read_all(), packing.err);
    support_write_file(packing.directory, "a-journal", journal, 8);
    ck_assert_int_eq(read_all(), MR_E_CHANGED);
    unlink(packing_path("a-journal"));
    support_write_file(packing.directory, "a-wal", "x", 1);
    ck_assert_int_eq(read_all(), MR_E_CHANGED);
}
END_TEST

/* ---- threads ---- */

#define MEMBERS 500
#define READERS 20 /* more than are kept idle */

static struct shared {
    struct mr_source *source;
    struct mr_entry entries[MEMBERS];
    atomic_int next;
} shared;

static void *read_members(void *unused)
{
    (void)unused;
    unsigned char buffer[4096];
    for (int i; (i = atomic_fetch_add(&shared.next, 1)) < 3 * MEMBERS;) {
        const struct mr_entry *entry = &shared.entries[i % MEMBERS];
        struct mr_error err = {0};
        struct mr_reader *reader;
        size_t got = 0;
        ck_assert_ok(shared.source->ops->open(shared.source, entry, &reader, &err), err);
        ck_assert_ok(
            shared.source->ops->read(shared.source, reader, buffer, sizeof(buffer), &got, &err),
            err);
        ck_assert_int_eq((int64_t)got, entry->size_bytes);
        for (size_t at = 0; at < got; at++)
            ck_assert_int_eq(buffer[at], 'A' + i % MEMBERS % 26);
        ck_assert_ok(shared.source->ops->close(shared.source, reader, &err), err);
    }
    return NULL;
}

START_TEST(many_threads_read_at_once)
{
    pthread_t threads[READERS];
    char sql[500];
    snprintf(sql, sizeof(sql),
             "CREATE TABLE sqlar" COLUMNS
             "; WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
             " INSERT INTO sqlar SELECT printf('f%%04d',i),33188,0,i*7,"
             " CAST(replace(hex(zeroblob(i*7)),'00',char(65+i%%26)) AS BLOB) FROM n",
             MEMBERS - 1);
    make(sql);
    memset(&shared, 0, sizeof(shared));
    ck_assert_ok(open_table(NULL, &shared.source), packing.err);
    for (int i = 0; i < MEMBERS; i++)
        ck_assert_ok(shared.source->ops->next(shared.source, &shared.entries[i], &packing.err),
                     packing.err);
    for (int i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_members, NULL), 0);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < MEMBERS; i++)
        mr_entry_clear(&shared.entries[i]);
    shared.source->ops->destroy(shared.source);
}
END_TEST

Suite *sqlar_source_suite(void)
{
    Suite *suite = suite_create("sqlar_source");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, packing_set_up, packing_tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, entries_come_in_the_order_of_their_names);
    tcase_add_loop_test(cases, a_bad_row_is_refused_alone, 0, 15);
    tcase_add_loop_test(cases, what_is_no_table_of_an_archive_is_refused, 0, 9);
    tcase_add_test(cases, a_table_has_any_name);
    tcase_add_loop_test(cases, rows_do_not_get_lost, 0, 3);
    tcase_add_loop_test(cases, a_database_of_another_size_is_refused, 0, 4);
    tcase_add_test(cases, rows_do_not_share_bytes);
    tcase_add_test(cases, a_change_meanwhile_is_noticed);
    tcase_add_test(cases, what_is_beside_it_is_seen);
    tcase_add_test(cases, many_threads_read_at_once);
    suite_add_tcase(suite, cases);
    return suite;
}
