/* chain.h: parsing, names and figures. */
#include "operation/chain.h"

#include <stdio.h>

#include "config.h"
#include "operation/registry.h"
#include "run_chain.h"

Suite *chain_suite(void);

static void check_refused(const char *spec, enum mr_status status, const char *part)
{
    struct mr_error err = {0};
    struct chain *chain;
    ck_assert_ok(chain_create(&chain, &err), err);
    ck_assert_int_eq(chain_add(chain, spec, &err), status);
    ck_assert_msg(strstr(err.text, part), "%s: \"%s\" does not say \"%s\"", spec, err.text, part);
    ck_assert_uint_eq(chain_count(chain), 0);
    chain_destroy(chain);
}

START_TEST(refuses_wrong_specs)
{
    check_refused("gzpi", MR_E_USAGE, "did you mean \"gzip\"");
    check_refused("", MR_E_USAGE, "there is no operation");
    check_refused(":", MR_E_USAGE, "there is no operation");
    check_refused("qqqqqqqqqq", MR_E_USAGE, "there is no operation \"qqqqqqqqqq\"");
    check_refused("a\nb", MR_E_USAGE, "\"a\\nb\"");
    check_refused("gzip:levle=3", MR_E_USAGE, "did you mean \"level\"");
    check_refused("gzip:quality=3", MR_E_USAGE, "it has: level");
    check_refused("gzip:level=13", MR_E_USAGE, "0-12");
    check_refused("gzip:layout=multi", MR_E_USAGE, "member or bgzf");
    check_refused("gzip:level=", MR_E_USAGE, "0-12");
    check_refused("gzip:level=6x", MR_E_USAGE, "0-12");
    check_refused("gzip:-1", MR_E_USAGE, "0-12");
    check_refused("gzip:", MR_E_USAGE, "KEY=VALUE");
    check_refused("gzip:6,", MR_E_USAGE, "KEY=VALUE");
    check_refused("gzip:level=6,7", MR_E_USAGE, "KEY=VALUE");
    check_refused("copy:6", MR_E_USAGE, "copy has no settings");
    check_refused("gunzip:level=6", MR_E_USAGE, "no settings");
    check_refused("recompress", MR_E_USAGE, "say to what");
    check_refused("recompress:to=rar", MR_E_USAGE, "must be gzip");
    check_refused("recompress:to=gzip,level=99", MR_E_USAGE, "0-12");
    check_refused("recompress:to=gzip,level=6\\,level=7", MR_E_USAGE, "not a level");
    ck_assert_ptr_null(registry_find("gzip:6"));
    ck_assert_ptr_null(registry_at(1000));
    ck_assert_ptr_null(registry_name_at(NULL, 1000));
}
END_TEST

START_TEST(says_which_library_is_missing)
{
    static const struct {
        const char *name, *library;
        int is_there;
    } rows[] = {{"zstd", "libzstd", MR_HAVE_ZSTD},
                {"unxz", "liblzma", MR_HAVE_LZMA},
                {"bzip2", "libbz2", MR_HAVE_BZIP2},
                {"unlz4", "liblz4", MR_HAVE_LZ4}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[100];
        snprintf(text, sizeof(text), "this build has no %s (built without %s)", rows[i].name,
                 rows[i].library);
        if (!rows[i].is_there)
            check_refused(rows[i].name, MR_E_UNSUPPORTED, text);
        else
            ck_assert_ptr_nonnull(registry_find(rows[i].name));
    }
}
END_TEST

START_TEST(takes_settings)
{
    struct mr_error err = {0};
    struct chain *chain;
    ck_assert_ok(chain_create(&chain, &err), err);
    ck_assert_ok(chain_add(chain, "gzip", &err), err);
    ck_assert_ok(chain_add(chain, "gzip:9", &err), err);
    ck_assert_ok(chain_add(chain, "gzip:level=9", &err), err);
    ck_assert_ok(chain_add(chain, "gzip:1,level=12", &err), err);
    ck_assert_ok(chain_add(chain, "recompress:gzip,level=3", &err), err);
    ck_assert_uint_eq(chain_count(chain), 5);
    ck_assert(!chain_is_identity(chain));
    chain_destroy(chain);
    chain_destroy(NULL);
    chain_state_destroy(NULL);
}
END_TEST

static void check_name(const char *specs, const char *name, const char *renamed)
{
    struct chain *chain = run_chain_create(specs);
    char *path = strdup(name);
    ck_assert_int_eq(chain_rename(chain, &path), MR_OK);
    ck_assert_str_eq(path, renamed);
    free(path);
    chain_destroy(chain);
}

START_TEST(renames)
{
    check_name("", "a/b.txt", "a/b.txt");
    check_name("copy", "a/b.txt", "a/b.txt");
    check_name("gzip", "a/b.txt", "a/b.txt.gz");
    check_name("zlib", "a/b.txt", "a/b.txt.zz");
    check_name("gunzip", "a/b.txt.gz", "a/b.txt");
    check_name("gunzip", "a/b.txt.GZ", "a/b.txt");
    check_name("gunzip", "a/b.tgz", "a/b.tar");
    check_name("gunzip", "a.gz/b", "a.gz/b");
    check_name("gunzip", "a/.gz", "a/.gz");
    check_name("gunzip", ".tgz", ".tgz");
    check_name("gunzip", "b.txt.xz", "b.txt.xz");
    check_name("gunzip", "gz", "gz");
    check_name("unzlib", "b.zz", "b");
    check_name("gunzip gzip", "b.gz", "b.gz");
    check_name("gunzip zlib", "b.tgz", "b.tar.zz");
    check_name("decompress", "b.gz", "b");
    check_name("decompress", "b.tzst", "b.tar");
    check_name("decompress", "b.tbz2", "b.tar");
    check_name("decompress", "b.lzma", "b");
    check_name("decompress", "b.lz4.xz", "b.lz4");
    check_name("decompress", "b.txt", "b.txt");
    check_name("recompress:gzip", "b.tar.bz2", "b.tar.gz");
    check_name("recompress:gzip", "b.txt", "b.txt.gz");
    check_name("recompress:zlib", "b.txz", "b.tar.zz");
#if MR_HAVE_ZSTD && MR_HAVE_LZMA && MR_HAVE_BZIP2 && MR_HAVE_LZ4
    check_name("zstd xz bzip2 lz4", "b", "b.zst.xz.bz2.lz4");
    check_name("unlz4 bunzip2 unxz unzstd", "b.zst.xz.bz2.lz4", "b");
    check_name("unzstd", "b.tzst", "b.tar");
    check_name("unxz", "b.lzma", "b.lzma");
#endif
}
END_TEST

START_TEST(composes_figures)
{
    struct chain *none = run_chain_create(""), *copies = run_chain_create("copy copy");
    struct chain *packed = run_chain_create("copy gzip"),
                 *unpacked = run_chain_create("gunzip copy");
    struct chain *twice = run_chain_create("gzip gzip"), *once = run_chain_create("gzip");
    ck_assert(chain_is_identity(none) && chain_is_identity(copies) && !chain_is_identity(packed));
    ck_assert_uint_eq(chain_bound(none, NULL, 77), 77);
    ck_assert_uint_eq(chain_bound(copies, NULL, 77), 77);
    ck_assert_uint_gt(chain_bound(packed, NULL, 77), 77);
    ck_assert_uint_eq(chain_bound(packed, NULL, SIZE_MAX), SIZE_MAX);
    ck_assert_uint_eq(chain_bound(unpacked, NULL, 77), SIZE_MAX);
    ck_assert_uint_eq(chain_bound(twice, NULL, 77),
                      chain_bound(once, NULL, chain_bound(once, NULL, 77)));
    ck_assert_uint_le(chain_bound(once, NULL, CHAIN_BUFFER_BYTES),
                      CHAIN_BUFFER_BYTES + CHAIN_SLACK_BYTES);
    ck_assert_uint_ge(chain_state_bytes(twice), 2 * chain_state_bytes(once) + CHAIN_BUFFER_BYTES);
    ck_assert_ptr_null(chain_notes_path(twice));
    chain_destroy(none);
    chain_destroy(copies);
    chain_destroy(packed);
    chain_destroy(unpacked);
    chain_destroy(twice);
    chain_destroy(once);
}
END_TEST

START_TEST(bounds_of_a_full_buffer_fit)
{
    for (size_t i = 0; registry_at(i); i++) {
        const struct mr_operation *operation = registry_at(i);
        const char *name = operation->name;
        if (!operation->bound || strcmp(name, "crlf") == 0)
            continue;
        struct mr_error err = {0};
        void *config = NULL;
        if (operation->config_create)
            ck_assert_ok(operation->config_create(&config, &err), err);
        size_t bound = operation->bound(config, CHAIN_BUFFER_BYTES);
        ck_assert_msg(bound == SIZE_MAX || bound <= CHAIN_BUFFER_BYTES + CHAIN_SLACK_BYTES, "%s",
                      name);
        if (config)
            operation->config_destroy(config);
    }
}
END_TEST

START_TEST(only_one_list)
{
    struct mr_error err = {0};
    struct chain *chain;
    ck_assert_ok(chain_create(&chain, &err), err);
    ck_assert_ok(chain_add(chain, "hash:crc32,list=/tmp/a\\,b=c", &err), err);
    ck_assert_str_eq(chain_notes_path(chain), "/tmp/a,b=c");
    ck_assert_int_eq(chain_add(chain, "hash:crc32,list=/tmp/x", &err), MR_E_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "only one operation"));
    ck_assert_ok(chain_add(chain, "gzip:1", &err), err);
    struct chain_state *state;
    ck_assert_ok(chain_state_create(chain, &state, &err), err);
    struct run run = {0};
    ck_assert_int_eq(run_item(&run, state, "abc", 3), MR_DONE);
    ck_assert_ptr_nonnull(chain_note(state));
    ck_assert_ptr_nonnull(strstr(chain_note(state), "352441c2"));
    free(run.out);
    chain_state_destroy(state);
    chain_destroy(chain);
}
END_TEST

Suite *chain_suite(void)
{
    Suite *suite = suite_create("chain");
    TCase *tcase = tcase_create("chain");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, refuses_wrong_specs);
    tcase_add_test(tcase, says_which_library_is_missing);
    tcase_add_test(tcase, takes_settings);
    tcase_add_test(tcase, renames);
    tcase_add_test(tcase, composes_figures);
    tcase_add_test(tcase, bounds_of_a_full_buffer_fit);
    tcase_add_test(tcase, only_one_list);
    suite_add_tcase(suite, tcase);
    return suite;
}
