#include "policy/selection.h"

#include <stdio.h>
#include <sys/stat.h>

#include "support/support.h"

Suite *selection_suite(void);

static struct selection *create(void)
{
    struct selection *selection;
    struct mr_error err = {0};
    ck_assert_ok(selection_create(&selection, &err), err);
    return selection;
}

static bool accepts(const struct selection *selection, const char *path, enum mr_kind kind,
                    const char *label)
{
    struct mr_entry entry = {.kind = kind, .size_bytes = MR_SIZE_UNKNOWN};
    ck_assert_int_eq(mr_entry_set_path(&entry, path), MR_OK);
    bool is_accepted = selection_accepts(selection, &entry, label);
    mr_entry_clear(&entry);
    return is_accepted;
}

static bool accepts_file(const struct selection *selection, const char *path)
{
    return accepts(selection, path, MR_KIND_FILE, NULL);
}

static bool accepts_size(const struct selection *selection, int64_t size_bytes)
{
    char path[] = "a";
    struct mr_entry entry = {.path = path, .size_bytes = size_bytes};
    return selection_accepts(selection, &entry, NULL);
}

static bool accepts_time(const struct selection *selection, int64_t s, uint32_t ns)
{
    char path[] = "a";
    struct mr_entry entry = {.path = path, .has_mtime = true, .mtime_s = s, .mtime_ns = ns};
    return selection_accepts(selection, &entry, NULL);
}

START_TEST(accepts_all_without_conditions)
{
    struct selection *selection = create();
    ck_assert(selection_is_empty(selection));
    ck_assert(accepts_file(selection, ".a/.b"));
    ck_assert(accepts(selection, "a", MR_KIND_DIRECTORY, NULL));
    ck_assert(accepts(selection, "a", MR_KIND_SYMLINK, NULL));
    ck_assert(accepts(selection, "./", MR_KIND_DIRECTORY, NULL));
    ck_assert(selection_descends(selection, ".a"));
    selection_destroy(selection);
    selection_destroy(NULL);
}
END_TEST

START_TEST(includes_by_name)
{
    struct selection *selection = create();
    struct mr_error err = {0};
    ck_assert_ok(selection_include(selection, "*.c", &err), err);
    ck_assert_ok(selection_include(selection, "doc/*.md", &err), err);
    ck_assert(!selection_is_empty(selection));
    ck_assert(accepts_file(selection, "a.c"));
    ck_assert(accepts_file(selection, "x/y/a.c"));
    ck_assert(!accepts_file(selection, "a.h"));
    ck_assert(accepts_file(selection, "doc/a.md"));
    ck_assert(accepts_file(selection, "./doc/a.md"));
    ck_assert(!accepts_file(selection, "x/doc/a.md"));
    ck_assert(!accepts_file(selection, "doc/x/a.md"));
    ck_assert(!accepts_file(selection, "d.c/a.h"));
    ck_assert(accepts(selection, "a.c", MR_KIND_SYMLINK, NULL));
    ck_assert(!accepts(selection, "a.h", MR_KIND_HARDLINK, NULL));
    ck_assert(!accepts(selection, "a.c", MR_KIND_DIRECTORY, NULL));
    ck_assert(selection_descends(selection, "anything"));
    selection_destroy(selection);
}
END_TEST

START_TEST(includes_from_the_root_and_below_directories)
{
    struct selection *selection = create();
    struct mr_error err = {0};
    ck_assert_ok(selection_include(selection, "/Makefile", &err), err);
    ck_assert_ok(selection_include(selection, "./README", &err), err);
    ck_assert_ok(selection_include(selection, "src/", &err), err);
    ck_assert(accepts_file(selection, "Makefile"));
    ck_assert(!accepts_file(selection, "a/Makefile"));
    ck_assert(accepts_file(selection, "README"));
    ck_assert(!accepts_file(selection, "a/README"));
    ck_assert(accepts_file(selection, "a/src/b/c"));
    ck_assert(!accepts_file(selection, "a/src"));
    selection_destroy(selection);
}
END_TEST

START_TEST(excludes_win)
{
    struct selection *selection = create();
    struct mr_error err = {0};
    ck_assert_ok(selection_include(selection, "*.c", &err), err);
    ck_assert_ok(selection_exclude(selection, "old", &err), err);
    ck_assert_ok(selection_exclude(selection, "a/b/*", &err), err);
    ck_assert_ok(selection_exclude(selection, "build/", &err), err);
    ck_assert_ok(selection_exclude(selection, "x.c", &err), err);
    ck_assert(accepts_file(selection, "y.c"));
    ck_assert(!accepts_file(selection, "x.c"));
    ck_assert(!accepts_file(selection, "d/x.c"));
    ck_assert(!accepts_file(selection, "old/y.c"));
    ck_assert(!accepts_file(selection, "z/old/y/y.c"));
    ck_assert(!accepts_file(selection, "a/b/y.c"));
    ck_assert(!accepts_file(selection, "a/b/c/y.c"));
    ck_assert(accepts_file(selection, "a/y.c"));
    ck_assert(!accepts_file(selection, "build/y.c"));
    ck_assert(!selection_descends(selection, "old"));
    ck_assert(!selection_descends(selection, "z/old"));
    ck_assert(!selection_descends(selection, "a/b/c"));
    ck_assert(!selection_descends(selection, "build"));
    ck_assert(selection_descends(selection, "a/b"));
    selection_destroy(selection);
    selection = create();
    ck_assert_ok(selection_exclude(selection, "build/", &err), err);
    ck_assert(accepts_file(selection, "build")); /* a file of that name is not meant */
    ck_assert(!accepts(selection, "build", MR_KIND_DIRECTORY, NULL));
    ck_assert(!accepts(selection, "build/", MR_KIND_DIRECTORY, NULL));
    selection_destroy(selection);
}
END_TEST

START_TEST(matches_members)
{
    struct selection *selection = create();
    struct mr_error err = {0};
    ck_assert_ok(selection_include(selection, "*.zip!/doc/*", &err), err);
    ck_assert_ok(selection_include(selection, "in/a.tar!/**/x", &err), err);
    ck_assert(accepts(selection, "doc/a", MR_KIND_FILE, "one.zip"));
    ck_assert(accepts(selection, "doc/a", MR_KIND_FILE, "some/where/one.zip"));
    ck_assert(!accepts(selection, "doc/a", MR_KIND_FILE, "one.tar"));
    ck_assert(!accepts(selection, "doc/a/b", MR_KIND_FILE, "one.zip"));
    ck_assert(!accepts(selection, "doc/a", MR_KIND_FILE, NULL));
    ck_assert(accepts(selection, "b/x", MR_KIND_FILE, "in/a.tar"));
    ck_assert(!accepts(selection, "b/x", MR_KIND_FILE, "a.tar"));
    selection_destroy(selection);
    selection = create();
    ck_assert_ok(selection_exclude(selection, "*!/tmp", &err), err);
    ck_assert(!accepts(selection, "tmp/a", MR_KIND_FILE, "one.zip"));
    ck_assert(accepts(selection, "b/tmp/a", MR_KIND_FILE, "one.zip"));
    ck_assert(accepts(selection, "tmp/a", MR_KIND_FILE, NULL));
    selection_destroy(selection);
}
END_TEST

START_TEST(refuses_wrong_patterns)
{
    static const char *const wrong[] = {"", "/", "./", "!a", "[a", "a\\", "[!/b", "[x!/b", "a!/"};
    struct selection *selection = create();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct mr_error err = {0};
        ck_assert_msg(selection_include(selection, wrong[i], &err) == MR_E_USAGE, "'%s'", wrong[i]);
        ck_assert_msg(selection_exclude(selection, wrong[i], &err) == MR_E_USAGE, "'%s'", wrong[i]);
        ck_assert(err.text[0]);
    }
    ck_assert(selection_is_empty(selection));
    selection_destroy(selection);
}
END_TEST

START_TEST(reads_patterns_from_a_file)
{
    static const char list[] = "# a comment\n\n*.o\r\n\\#keep  \nblank\\ \nlast";
    char *directory = support_temp_directory();
    char path[300];
    struct mr_error err = {0};
    struct selection *selection = create();
    support_write_file(directory, "list", list, strlen(list));
    snprintf(path, sizeof(path), "%s/list", directory);
    ck_assert_ok(selection_exclude_from(selection, path, &err), err);
    ck_assert(!accepts_file(selection, "a.o"));
    ck_assert(!accepts_file(selection, "#keep"));
    ck_assert(!accepts_file(selection, "blank "));
    ck_assert(!accepts_file(selection, "last"));
    ck_assert(accepts_file(selection, "# a comment"));
    ck_assert(accepts_file(selection, "blank"));
    support_write_file(directory, "wrong", "a\n[b\n", 5);
    snprintf(path, sizeof(path), "%s/wrong", directory);
    ck_assert_int_eq(selection_exclude_from(selection, path, &err), MR_E_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "wrong:2: "));
    support_write_file(directory, "binary", "a\0b\n", 4);
    snprintf(path, sizeof(path), "%s/binary", directory);
    ck_assert_int_eq(selection_exclude_from(selection, path, &err), MR_E_USAGE);
    support_write_file(directory, "empty", "", 0);
    snprintf(path, sizeof(path), "%s/empty", directory);
    ck_assert_ok(selection_exclude_from(selection, path, &err), err);
    ck_assert_int_eq(selection_exclude_from(selection, directory, &err), MR_E_SYSTEM);
    snprintf(path, sizeof(path), "%s/missing", directory);
    ck_assert_int_eq(selection_exclude_from(selection, path, &err), MR_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.text, "missing"));
    selection_destroy(selection);
    support_remove(directory);
}
END_TEST

START_TEST(selects_by_extension)
{
    struct selection *selection = create();
    struct mr_error err = {0};
    ck_assert_ok(selection_extensions(selection, "c,.h", &err), err);
    ck_assert_ok(selection_extensions(selection, "tar.gz", &err), err);
    ck_assert(accepts_file(selection, "d/a.c"));
    ck_assert(accepts_file(selection, "a.C"));
    ck_assert(accepts_file(selection, "a.b.h"));
    ck_assert(accepts_file(selection, "a.TAR.gz"));
    ck_assert(!accepts_file(selection, "a.gz"));
    ck_assert(!accepts_file(selection, ".c"));
    ck_assert(!accepts_file(selection, "d/.c"));
    ck_assert(!accepts_file(selection, "c"));
    ck_assert(!accepts_file(selection, "a.cc"));
    ck_assert(!accepts_file(selection, "a.c/b"));
    ck_assert(!accepts(selection, "a.c", MR_KIND_DIRECTORY, NULL));
    ck_assert(accepts(selection, "a.c", MR_KIND_SYMLINK, NULL));
    static const char *const wrong[] = {"", ".", ",", "a,", "a,,b", ",a", "a/b"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(selection_extensions(selection, wrong[i], &err) == MR_E_USAGE, "'%s'",
                      wrong[i]);
    selection_destroy(selection);
}
END_TEST

START_TEST(selects_by_size)
{
    struct selection *selection = create();
    struct mr_error err = {0};
    ck_assert_ok(selection_size(selection, "+1K", &err), err);
    ck_assert(!accepts_size(selection, 1023));
    ck_assert(accepts_size(selection, 1024));
    ck_assert(!accepts_size(selection, MR_SIZE_UNKNOWN));
    ck_assert(!accepts(selection, "a", MR_KIND_DIRECTORY, NULL));
    ck_assert(!accepts(selection, "a", MR_KIND_SYMLINK, NULL));
    ck_assert_ok(selection_size(selection, "-2K", &err), err);
    ck_assert(accepts_size(selection, 2048));
    ck_assert(!accepts_size(selection, 2049));
    ck_assert(!accepts_size(selection, 0));
    ck_assert_ok(selection_size(selection, "1500", &err), err);
    ck_assert(accepts_size(selection, 1500));
    ck_assert(!accepts_size(selection, 1501));
    ck_assert_ok(selection_size(selection, "-100", &err), err);
    ck_assert(!accepts_size(selection, 1500)); /* nothing can hold */
    ck_assert(!accepts_size(selection, 50));
    ck_assert_int_eq(selection_size(selection, "+", &err), MR_E_USAGE);
    ck_assert_int_eq(selection_size(selection, "+-1", &err), MR_E_USAGE);
    ck_assert_int_eq(selection_size(selection, "", &err), MR_E_USAGE);
    selection_destroy(selection);
    selection = create();
    ck_assert_ok(selection_size(selection, "0", &err), err);
    ck_assert(!selection_is_empty(selection));
    ck_assert(accepts_size(selection, 0));
    ck_assert(!accepts_size(selection, 1));
    selection_destroy(selection);
}
END_TEST

START_TEST(selects_by_time)
{
    struct selection *selection = create();
    struct mr_error err = {0};
    ck_assert_ok(selection_newer_than(selection, "@-10", &err), err);
    ck_assert(!accepts_time(selection, -11, 999999999));
    ck_assert(!accepts_time(selection, -10, 0));
    ck_assert(accepts_time(selection, -10, 1));
    ck_assert(!accepts_file(selection, "without-a-time"));
    ck_assert(!accepts(selection, "a", MR_KIND_DIRECTORY, NULL));
    ck_assert_ok(selection_newer_than(selection, "1970-01-01T00:01:00Z", &err), err);
    ck_assert_ok(selection_newer_than(selection, "@20", &err), err);
    ck_assert(!accepts_time(selection, 60, 0));
    ck_assert(accepts_time(selection, 61, 0));
    ck_assert_int_eq(selection_newer_than(selection, "/missing/file", &err), MR_E_USAGE);
    selection_destroy(selection);
}
END_TEST

START_TEST(selects_by_the_time_of_a_file)
{
    char *directory = support_temp_directory();
    struct selection *selection = create();
    struct mr_error err = {0};
    struct stat st;
    ck_assert_ok(selection_newer_than(selection, directory, &err), err);
    ck_assert_int_eq(stat(directory, &st), 0);
    ck_assert(!accepts_time(selection, st.st_mtim.tv_sec, (uint32_t)st.st_mtim.tv_nsec));
    ck_assert(accepts_time(selection, st.st_mtim.tv_sec + 1, 0));
    selection_destroy(selection);
    support_remove(directory);
}
END_TEST

START_TEST(selects_by_age)
{
    struct selection *selection = create();
    struct mr_error err = {0};
    int64_t now = time(NULL);
    ck_assert_ok(selection_changed_within(selection, "2d", &err), err);
    ck_assert(accepts_time(selection, now, 0));
    ck_assert(accepts_time(selection, now + 1000, 0));
    ck_assert(accepts_time(selection, now - 2 * 86400 + 60, 0));
    ck_assert(!accepts_time(selection, now - 2 * 86400 - 60, 0));
    ck_assert_int_eq(selection_changed_within(selection, "2x", &err), MR_E_USAGE);
    selection_destroy(selection);
}
END_TEST

START_TEST(bounds_the_depth)
{
    struct selection *selection = create();
    selection_max_depth(selection, 2);
    ck_assert(!selection_is_empty(selection));
    ck_assert(accepts_file(selection, "a"));
    ck_assert(accepts_file(selection, "a/b"));
    ck_assert(accepts_file(selection, "./a/b"));
    ck_assert(accepts(selection, "a/b/", MR_KIND_DIRECTORY, NULL));
    ck_assert(!accepts_file(selection, "a/b/c"));
    ck_assert(selection_descends(selection, ""));
    ck_assert(selection_descends(selection, "a"));
    ck_assert(!selection_descends(selection, "a/b"));
    selection_destroy(selection);
}
END_TEST

START_TEST(leaves_out_hidden)
{
    struct selection *selection = create();
    selection_no_hidden(selection);
    ck_assert(!selection_is_empty(selection));
    ck_assert(!accepts_file(selection, ".a"));
    ck_assert(!accepts_file(selection, "a/.b/c"));
    ck_assert(accepts_file(selection, "a./b."));
    ck_assert(accepts_file(selection, "./a"));
    ck_assert(accepts(selection, ".", MR_KIND_DIRECTORY, NULL));
    ck_assert(!selection_descends(selection, ".git"));
    ck_assert(selection_descends(selection, "."));
    selection_destroy(selection);
}
END_TEST

Suite *selection_suite(void)
{
    Suite *suite = suite_create("selection");
    TCase *tests = tcase_create("selection");
    tcase_add_test(tests, accepts_all_without_conditions);
    tcase_add_test(tests, includes_by_name);
    tcase_add_test(tests, includes_from_the_root_and_below_directories);
    tcase_add_test(tests, excludes_win);
    tcase_add_test(tests, matches_members);
    tcase_add_test(tests, refuses_wrong_patterns);
    tcase_add_test(tests, reads_patterns_from_a_file);
    tcase_add_test(tests, selects_by_extension);
    tcase_add_test(tests, selects_by_size);
    tcase_add_test(tests, selects_by_time);
    tcase_add_test(tests, selects_by_the_time_of_a_file);
    tcase_add_test(tests, selects_by_age);
    tcase_add_test(tests, bounds_the_depth);
    tcase_add_test(tests, leaves_out_hidden);
    suite_add_tcase(suite, tests);
    return suite;
}
