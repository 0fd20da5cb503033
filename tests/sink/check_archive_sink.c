/* Archives written by the sink and read back by the source: what is kept, lost, refused. */
#include "support/packing.h"

Suite *archive_sink_suite(void);

/* An item with everything that can be lost. */
static void add_rich(void)
{
    struct mr_entry *entry = archives_add(&packing.made, MR_KIND_FILE, "rich", 10);
    entry->mtime_ns = 123456789;
    entry->has_owner = true;
    entry->uid = 1234;
    entry->gid = 5678;
    entry->uname = strdup("anna");
    entry->gname = strdup("users");
    entry->xattrs = calloc(1, sizeof(*entry->xattrs));
    entry->xattr_count = 1;
    entry->xattrs[0] = (struct mr_xattr){strdup("user.note"), strdup("hello"), 5};
}

START_TEST(every_format_gives_back_what_it_got)
{
    const struct archive_output *output = archive_output_at((size_t)_i);
    packing_add_usual();
    packing_write("archive", output->name, NULL, 4096);
    ck_assert_ok(packing_read("archive", NULL, 1000), packing.err);
    packing_check_all(output->has_hardlinks); /* the tar family */
    packing_write("again", output->name, NULL, 100000);
    size_t first_bytes, second_bytes;
    char *first = support_read_file(packing.directory, "archive", &first_bytes);
    char *second = support_read_file(packing.directory, "again", &second_bytes);
    ck_assert_uint_eq(first_bytes, second_bytes);
    ck_assert_mem_eq(first, second, first_bytes);
    free(first);
    free(second);
}
END_TEST

START_TEST(an_archive_of_nothing_is_one)
{
    const struct archive_output *output = archive_output_at((size_t)_i);
    packing_write("archive", output->name, NULL, 1);
    ck_assert_ok(packing_read("archive", NULL, 1), packing.err);
    ck_assert_uint_eq(packing.found.count, 0);
}
END_TEST

START_TEST(hard_links_are_kept_or_refused)
{
    const struct archive_output *output = archive_output_at((size_t)_i);
    archives_add(&packing.made, MR_KIND_FILE, "a", 100);
    mr_entry_set_target(archives_add(&packing.made, MR_KIND_HARDLINK, "b", 0), "a");
    archives_add(&packing.made, MR_KIND_FILE, "c", 3);
    struct mr_sink *sink;
    ck_assert_ok(packing_create("archive", output->name, NULL, -1, &sink), packing.err);
    ck_assert_int_eq((sink->flags & MR_SINK_NO_HARD_LINKS) == 0, output->has_hardlinks);
    ck_assert_ok(packing_put(sink, 0), packing.err);
    enum mr_status status = packing_put(sink, 1);
    ck_assert_int_eq(status, output->has_hardlinks ? MR_OK : MR_E_UNSUPPORTED);
    ck_assert_ok(packing_put(sink, 2), packing.err);
    ck_assert_ok(packing_finish(sink), packing.err);
    sink->ops->destroy(sink);
    ck_assert_ok(packing_read("archive", NULL, 10), packing.err);
    ck_assert_uint_eq(packing.found.count, output->has_hardlinks ? 3 : 2);
    packing_check_same(0, false);
    packing_check_same(2, false);
    if (output->has_hardlinks)
        packing_check_same(1, false);
}
END_TEST

START_TEST(names_that_are_not_utf8_keep_their_bytes)
{
    const struct archive_output *output = archive_output_at((size_t)_i);
    archives_add(&packing.made, MR_KIND_FILE, "latin\xe4.txt", 10);
    archives_add(&packing.made, MR_KIND_FILE, "utf\xc3\xa4.txt", 10);
    bool is_refused = strcmp(output->name, "7z") == 0;
    struct mr_sink *sink;
    ck_assert_ok(packing_create("archive", output->name, NULL, -1, &sink), packing.err);
    ck_assert_int_eq(packing_put(sink, 0), is_refused ? MR_E_UNSUPPORTED : MR_OK);
    ck_assert_ok(packing_put(sink, 1), packing.err);
    ck_assert_ok(packing_finish(sink), packing.err);
    ck_assert_str_eq(packing_losses(sink), "");
    sink->ops->destroy(sink);
    ck_assert_ok(packing_read("archive", NULL, 1000), packing.err);
    if (!is_refused)
        packing_check_same(0, false);
    packing_check_same(1, false);
}
END_TEST

START_TEST(metadata_is_kept_by_tar)
{
    add_rich();
    packing_write("archive", "tar", NULL, 10);
    ck_assert_ok(packing_read("archive", NULL, 10), packing.err);
    packing_check_all(true);
    const struct mr_entry *entry = &packing.found.items[0].entry;
    ck_assert(entry->has_owner && entry->uid == 1234 && entry->gid == 5678);
    ck_assert_str_eq(entry->uname, "anna");
    ck_assert_str_eq(entry->gname, "users");
    ck_assert_uint_eq(entry->xattr_count, 1);
    ck_assert_str_eq(entry->xattrs[0].name, "user.note");
    ck_assert_uint_eq(entry->xattrs[0].value_bytes, 5);
    ck_assert_mem_eq(entry->xattrs[0].value, "hello", 5);
}
END_TEST

/* Nothing but the fraction asks for an extended header here. */
START_TEST(fractions_of_a_second_are_kept_by_tar)
{
    static const enum mr_kind kinds[] = {MR_KIND_FILE, MR_KIND_DIRECTORY, MR_KIND_SYMLINK};
    for (size_t i = 0; i < 3; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        struct mr_entry *entry = archives_add(&packing.made, kinds[i], name, 0);
        entry->mtime_ns = 1 + (uint32_t)i * 499999999;
        if (kinds[i] == MR_KIND_SYMLINK)
            mr_entry_set_target(entry, "a");
    }
    packing_write("archive", "tar", NULL, 10);
    ck_assert_ok(packing_read("archive", NULL, 10), packing.err);
    packing_check_all(true);
}
END_TEST

START_TEST(what_is_lost_is_told)
{
    static const struct {
        const char *format, *settings, *losses;
    } cases[] = {
        {"tar", NULL, ""},
        {"tar", "format=gnu",
         "extended attributes of 2 items\nfractions of a second of the time of 2 items\n"},
        {"zip", NULL,
         "extended attributes of 2 items\nthe owner of 2 items\nfractions of a second of the time "
         "of 2 items\n"},
        {"7z", NULL,
         "extended attributes of 2 items\nthe owner of 2 items\nfractions of a second of the time "
         "of 2 items\n"},
    };
    add_rich();
    add_rich();
    struct mr_sink *sink;
    ck_assert_ok(packing_create("archive", cases[_i].format, cases[_i].settings, -1, &sink),
                 packing.err);
    ck_assert_ok(archives_write(sink, &packing.made, 10, &packing.err), packing.err);
    ck_assert_str_eq(packing_losses(sink), cases[_i].losses);
    sink->ops->destroy(sink);
}
END_TEST

START_TEST(reproducible_archives_have_no_owners)
{
    add_rich();
    struct archive_sink_config config = {.format = "tar", .level = -1, .is_reproducible = true};
    struct mr_sink *sink;
    ck_assert_ok(archive_sink_create(packing_path("archive"), &config, &sink, &packing.err),
                 packing.err);
    ck_assert_ok(archives_write(sink, &packing.made, 10, &packing.err), packing.err);
    sink->ops->destroy(sink);
    ck_assert_ok(packing_read("archive", NULL, 10), packing.err);
    const struct mr_entry *entry = &packing.found.items[0].entry;
    ck_assert(entry->uid == 0 && entry->gid == 0 && !entry->uname && !entry->gname);
}
END_TEST

START_TEST(old_times_are_kept_or_told)
{
    const struct archive_output *output = archive_output_at((size_t)_i);
    struct mr_entry *entry = archives_add(&packing.made, MR_KIND_FILE, "before 1970", 1);
    entry->mtime_s = -12345;
    entry->mtime_ns = 500000000;
    bool is_lost = strcmp(output->name, "cpio") == 0;
    struct mr_sink *sink;
    ck_assert_ok(packing_create("archive", output->name, NULL, -1, &sink), packing.err);
    ck_assert_ok(archives_write(sink, &packing.made, 10, &packing.err), packing.err);
    ck_assert_int_eq(strstr(packing_losses(sink), "range") != NULL, is_lost);
    sink->ops->destroy(sink);
    ck_assert_ok(packing_read("archive", NULL, 10), packing.err);
    const struct mr_entry *have = &packing.found.items[0].entry;
    if (strcmp(output->name, "7z") == 0 || strcmp(output->name, "zip") == 0)
        return; /* written, but libarchive does not read them */
    ck_assert_int_eq(have->mtime_s, is_lost ? 0 : -12345);
    if (output->has_hardlinks)
        ck_assert_uint_eq(have->mtime_ns, 500000000);
}
END_TEST

START_TEST(a_wrong_size_is_noticed)
{
    const struct archive_output *output = archive_output_at((size_t)_i);
    struct mr_sink *sink;
    struct mr_writer *writer;
    archives_add(&packing.made, MR_KIND_FILE, "a", 10);
    archives_add(&packing.made, MR_KIND_FILE, "b", 10);
    packing.made.items[1].entry.has_encoding = true; /* for zip */
    packing.made.items[1].entry.encoding = (struct mr_encoding){MR_METHOD_PLAIN, true, 0, 10};
    ck_assert_ok(packing_create("archive", output->name, NULL, -1, &sink), packing.err);
    ck_assert_ok(packing_put(sink, 0), packing.err);
    /* Before the first byte nothing is lost. */
    ck_assert_ok(sink->ops->begin(sink, &packing.made.items[1].entry, 10, &writer, &packing.err),
                 packing.err);
    ck_assert_int_eq(sink->ops->write(sink, writer, "0123456789+", 11, &packing.err), MR_E_CHANGED);
    sink->ops->abort(sink, writer);
    ck_assert_ok(sink->ops->begin(sink, &packing.made.items[1].entry, 10, &writer, &packing.err),
                 packing.err);
    ck_assert_int_eq(sink->ops->commit(sink, writer, &packing.err), MR_E_CHANGED);
    ck_assert_ok(packing_put(sink, 1), packing.err);
    /* In the middle it is. */
    packing.made.items[1].entry.path[0] = 'c';
    ck_assert_ok(sink->ops->begin(sink, &packing.made.items[1].entry, 10, &writer, &packing.err),
                 packing.err);
    ck_assert_ok(sink->ops->write(sink, writer, "01234", 5, &packing.err), packing.err);
    if (_i % 2)
        ck_assert_int_eq(sink->ops->commit(sink, writer, &packing.err), MR_E_CHANGED);
    else
        sink->ops->abort(sink, writer);
    if (sink->flags & MR_SINK_FINAL) {
        ck_assert_int_eq(packing_put(sink, 0), MR_E_DATA);
        ck_assert_int_eq(packing_finish(sink), MR_E_DATA);
    } else { /* a database can take it back */
        ck_assert_ok(packing_put(sink, 1), packing.err);
    }
    sink->ops->destroy(sink);
    ck_assert_int_eq(packing_count_names(), 0);
}
END_TEST

Suite *archive_sink_suite(void)
{
    Suite *suite = suite_create("archive_sink");
    TCase *cases = tcase_create("all");
    int outputs = packing_count_outputs();
    tcase_add_checked_fixture(cases, packing_set_up, packing_tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, every_format_gives_back_what_it_got, 0, outputs);
    tcase_add_loop_test(cases, an_archive_of_nothing_is_one, 0, outputs);
    tcase_add_loop_test(cases, hard_links_are_kept_or_refused, 0, outputs);
    tcase_add_loop_test(cases, names_that_are_not_utf8_keep_their_bytes, 0, outputs);
    tcase_add_test(cases, metadata_is_kept_by_tar);
    tcase_add_test(cases, fractions_of_a_second_are_kept_by_tar);
    tcase_add_loop_test(cases, what_is_lost_is_told, 0, 4);
    tcase_add_test(cases, reproducible_archives_have_no_owners);
    tcase_add_loop_test(cases, old_times_are_kept_or_told, 0, outputs);
    tcase_add_loop_test(cases, a_wrong_size_is_noticed, 0, outputs);
    suite_add_tcase(suite, cases);
    return suite;
}
