/* The table of formats that can be written: suffixes, levels, settings. */
#include "config.h"
#include "support/packing.h"

Suite *archive_outputs_suite(void);

START_TEST(levels_have_a_range)
{
    const struct archive_output *output = archive_output_at((size_t)_i);
    struct mr_sink *sink;
    int wrong = output->level_max + 1;
    ck_assert_int_eq(packing_create("archive", output->name, NULL, wrong, &sink), MR_E_USAGE);
    ck_assert_int_eq(packing_create("archive", output->name, NULL, -2, &sink), MR_E_USAGE);
    ck_assert_int_eq(packing_count_names(), 0);
    if (output->level_max == 0)
        return;
    packing_add_usual();
    ck_assert_ok(packing_create("archive", output->name, NULL, output->level_min, &sink),
                 packing.err);
    ck_assert_ok(archives_write(sink, &packing.made, 1 << 20, &packing.err), packing.err);
    sink->ops->destroy(sink);
    ck_assert_ok(packing_read("archive", NULL, 1 << 20), packing.err);
    packing_check_all(false);
}
END_TEST

START_TEST(settings_choose_the_flavour)
{
    static const char *const settings[] = {"format=pax", "format=gnu", "format=gnu,format=ustar",
                                           ""};
    struct mr_sink *sink;
    archives_add(&packing.made, MR_KIND_FILE, "a", 10);
    for (size_t i = 0; i < 4; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        packing_write(name, "tgz", settings[i], 10);
        ck_assert_ok(packing_read(name, "tgz", 10), packing.err);
        packing_check_all(false);
    }
    packing_write("e", "tgz", "format=ustar,layout=bgzf,format=gnu", 10);
    ck_assert_ok(packing_read("e", "tgz", 10), packing.err);
    packing_check_all(false);
    ck_assert_int_eq(packing_create("x", "tar.gz", "layout=", -1, &sink), MR_E_USAGE);
    ck_assert_ptr_nonnull(strstr(packing.err.text, "format=pax|gnu|ustar, layout=member|bgzf"));
    ck_assert_int_eq(packing_create("x", "tar.xz", "layout=bgzf", -1, &sink), MR_E_USAGE);
    ck_assert_int_eq(packing_create("x", "tar.xz", "format=zip", -1, &sink), MR_E_USAGE);
    ck_assert_ptr_nonnull(strstr(packing.err.text, "format=pax|gnu|ustar"));
    ck_assert_int_eq(packing_create("x", "tar", "forma", -1, &sink), MR_E_USAGE);
    ck_assert_int_eq(packing_create("x", "zip", "format=gnu", -1, &sink), MR_E_USAGE);
    ck_assert_ptr_nonnull(strstr(packing.err.text, "method=deflate|store"));
    ck_assert_int_eq(packing_create("x", "tra", NULL, -1, &sink), MR_E_USAGE);
}
END_TEST

START_TEST(zip_has_methods)
{
    static const struct {
        const char *settings;
        int level;
        struct mr_sink_encoding encoding;
        const char *error; /* NULL: none */
    } cases[] =
    { {NULL, -1, {MR_METHOD_DEFLATE, 6, false}, NULL},
      {"", -1, {MR_METHOD_DEFLATE, 6, false}, NULL},
      {NULL, 6, {MR_METHOD_DEFLATE, 6, true}, NULL},
      {NULL, 12, {MR_METHOD_DEFLATE, 12, true}, NULL},
      {NULL, 0, {MR_METHOD_PLAIN, 0, true}, NULL},
      {"method=deflate", -1, {MR_METHOD_DEFLATE, 6, true}, NULL},
      {"method=store", -1, {MR_METHOD_PLAIN, 0, true}, NULL},
      {"method=store,method=deflate", 1, {MR_METHOD_DEFLATE, 1, true}, NULL},
      {NULL, 13, {0}, "--level: zip has the compression levels 0 to 12, not 13"},
      {"method=store", 1, {0}, "--level: zip:method=store has no compression levels"},
      {"method=lzma", -1, {0}, "zip: unknown setting \"method=lzma\""},
      {"level=9", -1, {0}, "zip: the level is set by --level N"},
#if MR_HAVE_ZSTD
      {"method=zstd", -1, {MR_METHOD_ZSTD, 3, true}, NULL},
      {"method=zstd", 22, {MR_METHOD_ZSTD, 22, true}, NULL},
      {"method=zstd", 0, {0}, "--level: zip:method=zstd has the compression levels 1 to 22, not 0"},
#else
      {"method=zstd", -1, {0}, "(allowed: method=deflate|store)"},
#endif
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_sink *sink;
        enum mr_status status =
            packing_create("x", "zip", cases[i].settings, cases[i].level, &sink);
        ck_assert_int_eq(status, cases[i].error ? MR_E_USAGE : MR_OK);
        if (cases[i].error) {
            ck_assert_msg(strstr(packing.err.text, cases[i].error) != NULL, "%s", packing.err.text);
            continue;
        }
        ck_assert_int_eq(sink->encoding->method, cases[i].encoding.method);
        ck_assert_int_eq(sink->encoding->level, cases[i].encoding.level);
        ck_assert_int_eq(sink->encoding->recodes, cases[i].encoding.recodes);
        sink->ops->destroy(sink);
    }
}
END_TEST

START_TEST(suffixes_choose_the_format)
{
    static const char *const cases[][2] = {
        {"a.tar", "tar"},      {"dir/A.TAR.GZ", "tar.gz"},
        {"a.tgz", "tar.gz"},   {"x.y.tar.zst", "tar.zst"},
        {"a.txz", "tar.xz"},   {"a.tbz", "tar.bz2"},
        {"a.tlz4", "tar.lz4"}, {"a.zip", "zip"},
        {"a.cpio", "cpio"},    {"a.7z", "7z"},
        {"a.gz", NULL},        {"zip", NULL},
        {".zip", NULL},        {"d.zip/", NULL},
        {"a.zipx", NULL},      {"dir.tar/a", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct archive_output *output = archive_output_by_suffix(cases[i][0]);
        ck_assert_msg(!output == !cases[i][1], "%s", cases[i][0]);
        if (output)
            ck_assert_str_eq(output->name, cases[i][1]);
    }
    ck_assert_str_eq(archive_output_find("TBZ2")->name, "tar.bz2");
    ck_assert_ptr_null(archive_output_find("gz"));
    ck_assert_ptr_null(archive_output_find(""));
}
END_TEST

Suite *archive_outputs_suite(void)
{
    Suite *suite = suite_create("archive_outputs");
    TCase *cases = tcase_create("all");
    int outputs = packing_count_outputs();
    tcase_add_checked_fixture(cases, packing_set_up, packing_tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, levels_have_a_range, 0, outputs);
    tcase_add_test(cases, settings_choose_the_flavour);
    tcase_add_test(cases, zip_has_methods);
    tcase_add_test(cases, suffixes_choose_the_format);
    suite_add_tcase(suite, cases);
    return suite;
}
