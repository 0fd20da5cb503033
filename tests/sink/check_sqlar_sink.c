/* The sink of SQLite archives, driven as a job drives it, and looked at by SQLite itself. */
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink/sqlar_sink.h"
#include "support/packing.h"

Suite *sqlar_sink_suite(void);

static struct sqlar_sink_config config_of(enum mr_method method)
{
    return (struct sqlar_sink_config){.encoding = {.method = method, .level = 6}};
}

static struct mr_sink *create(const struct sqlar_sink_config *config)
{
    struct mr_sink *sink;
    ck_assert_ok(sqlar_sink_create(packing_path("a.sqlar"), config, &sink, &packing.err),
                 packing.err);
    return sink;
}

static struct mr_sink *append(enum existing existing, bool is_resumed)
{
    struct sqlar_sink_config config = config_of(MR_METHOD_ZLIB);
    config.appends = true;
    config.existing = existing;
    config.target.is_resumed = is_resumed;
    return create(&config);
}

static void pack(enum mr_method method, size_t piece_bytes)
{
    const struct sqlar_sink_config config = config_of(method);
    struct mr_sink *sink = create(&config);
    ck_assert_ok(archives_write(sink, &packing.made, piece_bytes, &packing.err), packing.err);
    sink->ops->destroy(sink);
}

static void finish(struct mr_sink *sink)
{
    ck_assert_ok(packing_finish(sink), packing.err);
    sink->ops->destroy(sink);
}

/* The answer of one row and column, as text. */
static void ck_assert_answer(const char *sql, const char *answer)
{
    sqlite3 *database;
    sqlite3_stmt *query;
    ck_assert_int_eq(
        sqlite3_open_v2(packing_path("a.sqlar"), &database, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_msg(sqlite3_prepare_v2(database, sql, -1, &query, NULL) == SQLITE_OK, "%s: %s", sql,
                  sqlite3_errmsg(database));
    ck_assert_int_eq(sqlite3_step(query), SQLITE_ROW);
    ck_assert_msg(strcmp((const char *)sqlite3_column_text(query, 0), answer) == 0,
                  "%s gives %s, expected %s", sql, (const char *)sqlite3_column_text(query, 0),
                  answer);
    sqlite3_finalize(query);
    sqlite3_close(database);
}

/* Stands for what a job makes of noise in several blocks: a stream that is larger than its content.
 */
static enum mr_status put_grown(struct mr_sink *sink, struct archives_item *item,
                                size_t piece_bytes)
{
    struct mr_entry entry = item->entry;
    size_t plain_bytes = (size_t)entry.size_bytes, stored_bytes = 2, used = 0;
    unsigned char *stored = malloc(plain_bytes + plain_bytes / 1000 + 100);
    memcpy(stored, "\x78\x01", 2);
    uint32_t a = 1, b = 0; /* Adler-32 (RFC 1950, section 8.2) */
    while (used < plain_bytes) {
        size_t part = plain_bytes - used < 0xffff ? plain_bytes - used : 0xffff;
        unsigned char head[5] = {used + part == plain_bytes, (unsigned char)part,
                                 (unsigned char)(part >> 8), (unsigned char)~part,
                                 (unsigned char)(~part >> 8)};
        memcpy(stored + stored_bytes, head, 5);
        memcpy(stored + stored_bytes + 5, item->data + used, part);
        stored_bytes += 5 + part;
        used += part;
    }
    for (size_t i = 0; i < plain_bytes; i++) {
        a = (a + item->data[i]) % 65521;
        b = (b + a) % 65521;
    }
    const unsigned char check[4] = {(unsigned char)(b >> 8), (unsigned char)b,
                                    (unsigned char)(a >> 8), (unsigned char)a};
    memcpy(stored + stored_bytes, check, 4);
    stored_bytes += 4;
    entry.has_encoding = true;
    entry.encoding =
        (struct mr_encoding){.method = MR_METHOD_ZLIB, .stored_bytes = (int64_t)stored_bytes};
    struct mr_writer *writer;
    enum mr_status status =
        sink->ops->begin(sink, &entry, (int64_t)stored_bytes, &writer, &packing.err);
    for (size_t at = 0; status == MR_OK && at < stored_bytes; at += piece_bytes)
        status = sink->ops->write(sink, writer, stored + at,
                                  stored_bytes - at < piece_bytes ? stored_bytes - at : piece_bytes,
                                  &packing.err);
    free(stored);
    return status == MR_OK ? sink->ops->commit(sink, writer, &packing.err) : status;
}

START_TEST(everything_comes_back_and_is_the_same_every_time)
{
    static const enum mr_method methods[] = {MR_METHOD_ZLIB, MR_METHOD_PLAIN};
    packing_add_usual();
    archives_add(&packing.made, MR_KIND_FILE, "large", 9 << 20); /* in pieces, even compressed */
    pack(methods[_i], 100000);
    ck_assert_ok(packing_read("a.sqlar", NULL, 7777), packing.err);
    packing_check_all(false);
    ck_assert_answer("PRAGMA integrity_check", "ok");
    ck_assert_answer("SELECT count(*) FROM sqlar WHERE data IS NULL AND mode&61440<>16384", "0");
    size_t bytes[2];
    char *found[2];
    for (int i = 0; i < 2; i++) {
        unlink(packing_path("a.sqlar"));
        pack(methods[_i], i == 0 ? 333333 : 5000);
        found[i] = support_read_file(packing.directory, "a.sqlar", &bytes[i]);
    }
    ck_assert_uint_eq(bytes[0], bytes[1]);
    ck_assert_mem_eq(found[0], found[1], bytes[0]);
    free(found[0]);
    free(found[1]);
}
END_TEST

START_TEST(rows_are_what_the_format_says)
{
    archives_add(&packing.made, MR_KIND_FILE, "file", 5000)->mode = 0640;
    archives_add(&packing.made, MR_KIND_FILE, "empty", 0);
    archives_add(&packing.made, MR_KIND_DIRECTORY, "dir", 0)->mode = 0711;
    mr_entry_set_target(archives_add(&packing.made, MR_KIND_SYMLINK, "link", 0), "file");
    pack(MR_METHOD_ZLIB, 1000);
    ck_assert_answer("SELECT mode||' '||sz||' '||typeof(data)||' '||(length(data)<sz)"
                     " FROM sqlar WHERE name='file'",
                     "33184 5000 blob 1");
    ck_assert_answer(
        "SELECT sz||' '||typeof(data)||' '||length(data) FROM sqlar WHERE name='empty'",
        "0 blob 0");
    ck_assert_answer("SELECT mode||' '||sz||' '||typeof(data) FROM sqlar WHERE name='dir'",
                     "16841 0 null");
    ck_assert_answer("SELECT (mode>>12)||' '||data||' '||mtime FROM sqlar WHERE name='link'",
                     "10 file -1");
    ck_assert_answer("SELECT group_concat(name) FROM (SELECT name FROM sqlar ORDER BY rowid)",
                     "file,empty,dir,link");
}
END_TEST

/* Small, and in pieces. */
START_TEST(what_did_not_get_smaller_is_kept_plain)
{
    static const int64_t sizes[] = {1, 70000, 3 << 20};
    const struct sqlar_sink_config config = config_of(MR_METHOD_ZLIB);
    struct mr_sink *sink = create(&config);
    archives_add(&packing.made, MR_KIND_FILE, "a", sizes[_i]);
    ck_assert_ok(put_grown(sink, &packing.made.items[0], 65536), packing.err);
    mr_entry_set_path(&packing.made.items[0].entry, "b"); /* the unpacker is used again */
    ck_assert_ok(put_grown(sink, &packing.made.items[0], 1000), packing.err);
    finish(sink);
    ck_assert_answer("SELECT count(*) FROM sqlar WHERE length(data)=sz", "2");
    ck_assert_ok(packing_read("a.sqlar", NULL, 1000), packing.err);
    packing_check_same(0, false);
}
END_TEST

START_TEST(an_item_that_is_given_up_leaves_nothing)
{
    static const int64_t sizes[] = {100, 3 << 20};
    const struct sqlar_sink_config config = config_of(MR_METHOD_PLAIN);
    struct mr_sink *sink = create(&config);
    struct mr_writer *writer;
    archives_add(&packing.made, MR_KIND_FILE, "kept", 10);
    archives_add(&packing.made, MR_KIND_FILE, "gone", sizes[_i]);
    ck_assert_ok(packing_put(sink, 0), packing.err);
    struct mr_entry entry = packing.made.items[1].entry;
    entry.has_encoding = true;
    for (int commits = 0; commits < 2; commits++) {
        ck_assert_ok(sink->ops->begin(sink, &entry, entry.size_bytes, &writer, &packing.err),
                     packing.err);
        ck_assert_ok(sink->ops->write(sink, writer, packing.made.items[1].data, 99, &packing.err),
                     packing.err);
        if (commits)
            ck_assert_int_eq(sink->ops->commit(sink, writer, &packing.err), MR_E_CHANGED);
        else
            sink->ops->abort(sink, writer);
    }
    finish(sink);
    ck_assert_answer("SELECT group_concat(name) FROM sqlar", "kept");
    ck_assert_answer("PRAGMA integrity_check", "ok");
}
END_TEST

START_TEST(what_is_too_large_for_sqlite_is_refused_alone)
{
    const struct sqlar_sink_config config = config_of(MR_METHOD_ZLIB);
    struct mr_sink *sink = create(&config);
    struct mr_writer *writer;
    archives_add(&packing.made, MR_KIND_FILE, "small", 10);
    struct mr_entry large = packing.made.items[0].entry;
    large.has_encoding = true;
    large.encoding.method = MR_METHOD_ZLIB;
    large.size_bytes = 1000000000;
    ck_assert_int_eq(sink->ops->begin(sink, &large, 1000, &writer, &packing.err), MR_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(packing.err.text, "is too large: SQLite holds at most 99999"));
    ck_assert_ok(packing_put(sink, 0), packing.err);
    finish(sink);
    ck_assert_answer("SELECT count(*) FROM sqlar", "1");
}
END_TEST

START_TEST(a_new_database_has_its_name_when_it_is_complete)
{
    const struct sqlar_sink_config config = config_of(MR_METHOD_ZLIB);
    struct mr_sink *sink = create(&config);
    ck_assert_uint_eq(sink->flags, MR_SINK_SERIAL | MR_SINK_NO_HARD_LINKS);
    archives_add(&packing.made, MR_KIND_FILE, "f", 100);
    ck_assert_ok(packing_put(sink, 0), packing.err);
    ck_assert_int_eq(access(packing_path("a.sqlar"), F_OK), -1);
    ck_assert_int_eq(packing_count_names(), 1);
    sink->ops->destroy(sink);
    ck_assert_int_eq(packing_count_names(), 0);
    pack(MR_METHOD_ZLIB, 10);
    ck_assert_int_eq(packing_count_names(), 1);
    ck_assert_int_eq(sqlar_sink_create(packing_path("a.sqlar"), &config, &sink, &packing.err),
                     MR_E_EXISTS);
    ck_assert_int_eq(sqlar_sink_create("-", &config, &sink, &packing.err), MR_E_USAGE);
}
END_TEST

/* What becomes of a file that is there, which is newer or older. */
START_TEST(names_that_are_there)
{
    static const struct {
        enum existing existing;
        bool is_resumed;
        int64_t later_s;
        enum mr_status status;
        const char *size;
    } cases[] = {
        {EXISTING_REFUSE, false, 0, MR_E_EXISTS, "10"},
        {EXISTING_REFUSE, true, 0, MR_E_EXISTS, "10"}, /* not what an earlier run had put there */
        {EXISTING_SKIP, false, 1, MR_SKIPPED, "10"},
        {EXISTING_OVERWRITE, false, -1, MR_OK, "20"},
        {EXISTING_UPDATE, false, 0, MR_SKIPPED, "10"},
        {EXISTING_UPDATE, false, 1, MR_OK, "20"},
    };
    archives_add(&packing.made, MR_KIND_DIRECTORY, "dir", 0);
    archives_add(&packing.made, MR_KIND_FILE, "file", 10);
    pack(MR_METHOD_ZLIB, 10);
    archives_add(&packing.made, MR_KIND_FILE, "file", 20)->mtime_s += cases[_i].later_s;
    struct mr_sink *sink = append(cases[_i].existing, cases[_i].is_resumed);
    ck_assert_int_eq(packing_put(sink, 0),
                     cases[_i].existing == EXISTING_SKIP ? MR_SKIPPED : MR_OK);
    ck_assert_int_eq(packing_put(sink, 2), cases[_i].status);
    finish(sink);
    ck_assert_answer("SELECT sz FROM sqlar WHERE name='file'", cases[_i].size);
    ck_assert_answer("SELECT count(*) FROM sqlar", "2");
    ck_assert_answer("PRAGMA integrity_check", "ok");
}
END_TEST

START_TEST(a_kind_does_not_replace_another)
{
    archives_add(&packing.made, MR_KIND_DIRECTORY, "a", 0);
    archives_add(&packing.made, MR_KIND_FILE, "b", 10);
    pack(MR_METHOD_ZLIB, 10);
    archives_add(&packing.made, MR_KIND_FILE, "a", 10);
    archives_add(&packing.made, MR_KIND_DIRECTORY, "b", 0);
    struct mr_sink *sink = append(EXISTING_OVERWRITE, false);
    ck_assert_int_eq(packing_put(sink, 2), MR_E_EXISTS);
    ck_assert_int_eq(packing_put(sink, 3), MR_E_EXISTS);
    finish(sink);
}
END_TEST

START_TEST(an_earlier_item_of_the_run_is_replaced)
{
    const struct sqlar_sink_config config = config_of(MR_METHOD_ZLIB);
    struct mr_sink *sink = create(&config);
    archives_add(&packing.made, MR_KIND_FILE, "a", 10);
    archives_add(&packing.made, MR_KIND_FILE, "a", 3 << 20)->replaces_earlier = true;
    ck_assert_ok(packing_put(sink, 0), packing.err);
    ck_assert_ok(packing_put(sink, 1), packing.err);
    finish(sink);
    ck_assert_answer("SELECT count(*)||' '||sum(sz) FROM sqlar", "1 3145728");
}
END_TEST

/* More than a transaction holds; nothing of the run is committed, or all that was complete. */
START_TEST(what_is_added_is_committed_in_batches)
{
    archives_add(&packing.made, MR_KIND_FILE, "old", 10);
    pack(MR_METHOD_ZLIB, 10);
    char name[40];
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "new%d", i);
        archives_add(&packing.made, MR_KIND_FILE, name, 0);
    }
    struct mr_sink *sink = append(EXISTING_REFUSE, false);
    for (size_t i = 1; i < packing.made.count; i++)
        ck_assert_ok(packing_put(sink, i), packing.err);
    sink->ops->destroy(sink); /* not finished */
    ck_assert_answer("SELECT count(*) FROM sqlar", "8193");
    sink = append(EXISTING_REFUSE, true); /* goes on */
    for (size_t i = 1; i < packing.made.count; i++)
        ck_assert_ok(packing_put(sink, i), packing.err);
    finish(sink);
    ck_assert_answer("SELECT count(*) FROM sqlar", "10001");
    ck_assert_answer("PRAGMA journal_mode", "delete");
    ck_assert_int_eq(packing_count_names(), 1);
}
END_TEST

/* A new one is not there then; another is what it was, with nothing beside it. */
START_TEST(an_error_of_the_disk_leaves_what_was_there)
{
    struct sqlar_sink_config config = config_of(MR_METHOD_PLAIN);
    archives_add(&packing.made, MR_KIND_FILE, "old", 10);
    if (_i)
        pack(MR_METHOD_ZLIB, 10);
    archives_add(&packing.made, MR_KIND_FILE, "large", 9 << 20);
    archives_add(&packing.made, MR_KIND_FILE, "next", 10);
    config.appends = true;
    struct mr_sink *sink = create(&config);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(const struct rlimit){1 << 20, 9 << 20}), 0);
    ck_assert_int_eq(packing_put(sink, 1), MR_E_SYSTEM);
    ck_assert_int_eq(packing.err.sys_errno, EFBIG);
    ck_assert_int_ne(packing_put(sink, 2), MR_OK);
    ck_assert_int_ne(packing_finish(sink), MR_OK);
    sink->ops->destroy(sink);
    setrlimit(RLIMIT_FSIZE, &(const struct rlimit){9 << 20, 9 << 20});
    ck_assert_int_eq(packing_count_names(), _i);
    if (_i)
        ck_assert_answer("SELECT group_concat(name) FROM sqlar", "old");
}
END_TEST

START_TEST(a_database_in_use_is_refused)
{
    sqlite3 *other;
    archives_add(&packing.made, MR_KIND_FILE, "a", 10);
    pack(MR_METHOD_ZLIB, 10);
    ck_assert_int_eq(sqlite3_open(packing_path("a.sqlar"), &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct sqlar_sink_config config = config_of(MR_METHOD_ZLIB);
    config.appends = true;
    struct mr_sink *sink;
    ck_assert_int_eq(sqlar_sink_create(packing_path("a.sqlar"), &config, &sink, &packing.err),
                     MR_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(packing.err.text, "another program uses the database"));
    sqlite3_close(other);
    sink = append(EXISTING_OVERWRITE, false);
    ck_assert_ok(packing_put(sink, 0), packing.err);
    finish(sink);
}
END_TEST

START_TEST(what_is_lost_is_told)
{
    const struct sqlar_sink_config config = config_of(MR_METHOD_ZLIB);
    archives_add(&packing.made, MR_KIND_FILE, "a", 10)->mtime_ns = 5;
    mr_entry_set_target(archives_add(&packing.made, MR_KIND_SYMLINK, "b", 0), "a");
    archives_add(&packing.made, MR_KIND_FILE, "c", 10)->has_owner = true;
    struct mr_sink *sink = create(&config);
    for (size_t i = 0; i < packing.made.count; i++)
        ck_assert_ok(packing_put(sink, i), packing.err);
    ck_assert_ok(packing_finish(sink), packing.err);
    ck_assert_str_eq(packing_losses(sink), "the owner of 1 item\n"
                                           "fractions of a second of the time of 1 item\n"
                                           "details (the times of symbolic links) of 1 item\n");
    struct stat about;
    ck_assert_int_eq(stat(packing_path("a.sqlar"), &about), 0);
    ck_assert_uint_eq(sink->ops->output_bytes(sink), (uint64_t)about.st_size);
    sink->ops->destroy(sink);
}
END_TEST

Suite *sqlar_sink_suite(void)
{
    Suite *suite = suite_create("sqlar_sink");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, packing_set_up, packing_tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, everything_comes_back_and_is_the_same_every_time, 0, 2);
    tcase_add_test(cases, rows_are_what_the_format_says);
    tcase_add_loop_test(cases, what_did_not_get_smaller_is_kept_plain, 0, 3);
    tcase_add_loop_test(cases, an_item_that_is_given_up_leaves_nothing, 0, 2);
    tcase_add_test(cases, what_is_too_large_for_sqlite_is_refused_alone);
    tcase_add_test(cases, a_new_database_has_its_name_when_it_is_complete);
    tcase_add_loop_test(cases, names_that_are_there, 0, 6);
    tcase_add_test(cases, a_kind_does_not_replace_another);
    tcase_add_test(cases, an_earlier_item_of_the_run_is_replaced);
    tcase_add_test(cases, what_is_added_is_committed_in_batches);
    tcase_add_loop_test(cases, an_error_of_the_disk_leaves_what_was_there, 0, 2);
    tcase_add_test(cases, a_database_in_use_is_refused);
    tcase_add_test(cases, what_is_lost_is_told);
    suite_add_tcase(suite, cases);
    return suite;
}
