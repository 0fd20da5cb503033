#include "millrace/entry.h"

#include "support/support.h"

Suite *entry_suite(void);

START_TEST(clears)
{
    struct mr_entry entry = {0};
    mr_entry_clear(NULL);
    mr_entry_clear(&entry);
    ck_assert_int_eq(mr_entry_set_path(&entry, "a"), MR_OK);
    entry.mode = 0644;
    mr_entry_clear(&entry);
    ck_assert_ptr_null(entry.path);
    ck_assert_uint_eq(entry.mode, 0);
    mr_entry_clear(&entry);
}
END_TEST

START_TEST(sets_texts)
{
    struct mr_entry entry = {0};
    ck_assert_int_eq(mr_entry_set_path(&entry, "a"), MR_OK);
    ck_assert_int_eq(mr_entry_set_path(&entry, entry.path), MR_OK);
    ck_assert_str_eq(entry.path, "a");
    ck_assert_int_eq(mr_entry_set_path(&entry, "b/c"), MR_OK);
    ck_assert_str_eq(entry.path, "b/c");
    ck_assert_int_eq(mr_entry_set_target(&entry, "t"), MR_OK);
    ck_assert_str_eq(entry.target, "t");
    ck_assert_int_eq(mr_entry_set_target(&entry, NULL), MR_OK);
    ck_assert_ptr_null(entry.target);
    mr_entry_clear(&entry);
}
END_TEST

START_TEST(copies_deeply)
{
    struct mr_entry from = {.kind = MR_KIND_SYMLINK,
                            .mode = 0777,
                            .has_mode = true,
                            .mtime_s = -5,
                            .mtime_ns = 999999999,
                            .size_bytes = MR_SIZE_UNKNOWN,
                            .uid = 7,
                            .link_count = 2};
    from.path = strdup("p");
    from.target = strdup("t");
    from.uname = strdup("u");
    from.xattrs = calloc(2, sizeof(*from.xattrs));
    from.xattr_count = 2;
    from.xattrs[0] = (struct mr_xattr){strdup("user.a"), memcpy(malloc(3), "x\0y", 3), 3};
    from.xattrs[1] = (struct mr_xattr){strdup("user.empty"), NULL, 0};
    struct mr_entry to;
    memset(&to, 0xff, sizeof(to)); /* overwritten, not cleared */
    ck_assert_int_eq(mr_entry_copy(&to, &from), MR_OK);
    mr_entry_clear(&from);
    ck_assert_str_eq(to.path, "p");
    ck_assert_str_eq(to.target, "t");
    ck_assert_str_eq(to.uname, "u");
    ck_assert_ptr_null(to.gname);
    ck_assert_int_eq(to.kind, MR_KIND_SYMLINK);
    ck_assert_uint_eq(to.mode, 0777);
    ck_assert_int_eq(to.mtime_s, -5);
    ck_assert_uint_eq(to.mtime_ns, 999999999);
    ck_assert_int_eq(to.size_bytes, MR_SIZE_UNKNOWN);
    ck_assert_uint_eq(to.link_count, 2);
    ck_assert_uint_eq(to.xattr_count, 2);
    ck_assert_str_eq(to.xattrs[0].name, "user.a");
    ck_assert_mem_eq(to.xattrs[0].value, "x\0y", 3);
    ck_assert_ptr_null(to.xattrs[1].value);
    mr_entry_clear(&to);
}
END_TEST

START_TEST(copies_nothing_much)
{
    struct mr_entry from = {0}, to;
    ck_assert_int_eq(mr_entry_copy(&to, &from), MR_OK);
    ck_assert_ptr_null(to.path);
    ck_assert_ptr_null(to.xattrs);
    mr_entry_clear(&to);
}
END_TEST

Suite *entry_suite(void)
{
    Suite *suite = suite_create("entry");
    TCase *tests = tcase_create("entry");
    tcase_add_test(tests, clears);
    tcase_add_test(tests, sets_texts);
    tcase_add_test(tests, copies_deeply);
    tcase_add_test(tests, copies_nothing_much);
    suite_add_tcase(suite, tests);
    return suite;
}
