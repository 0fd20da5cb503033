#include "operation/wire.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *wire_suite(void);

static char name_a[] = "user.a", name_b[] = "security.b", value_a[] = "x\0y", path[] = "dir/a",
            uname[] = "root";

static struct mr_entry full_entry(struct mr_xattr xattrs[2])
{
    xattrs[0] = (struct mr_xattr){.name = name_a, .value = value_a, .value_bytes = 3};
    xattrs[1] = (struct mr_xattr){.name = name_b};
    return (struct mr_entry){.path = path,
                             .uname = uname,
                             .output_path = "out/a",
                             .mode = 0644,
                             .size_bytes = 77,
                             .xattrs = xattrs,
                             .xattr_count = 2};
}

START_TEST(carries_all)
{
    struct mr_xattr given[2], *xattrs = NULL;
    const struct mr_entry entry = full_entry(given);
    struct wire_request request = {0};
    char texts[200];
    ck_assert(wire_put_entry(&request, texts, sizeof(texts), &entry));
    ck_assert_uint_eq(request.texts_bytes, wire_entry_bytes(&entry));
    ck_assert(request.starts);
    ck_assert_ptr_null(request.entry.path);
    ck_assert_ptr_null(request.entry.xattrs);
    struct mr_entry taken;
    ck_assert(wire_take_entry(&request, texts, &taken, &xattrs));
    ck_assert_str_eq(taken.path, path);
    ck_assert_ptr_null(taken.target);
    ck_assert_str_eq(taken.uname, uname);
    ck_assert_ptr_null(taken.gname);
    ck_assert_str_eq(taken.output_path, "out/a");
    ck_assert_int_eq(taken.size_bytes, 77);
    ck_assert_uint_eq(taken.xattr_count, 2);
    ck_assert_ptr_eq(taken.xattrs, xattrs);
    ck_assert_str_eq(xattrs[0].name, name_a);
    ck_assert_uint_eq(xattrs[0].value_bytes, 3);
    ck_assert_mem_eq(xattrs[0].value, value_a, 3);
    ck_assert_str_eq(xattrs[1].name, name_b);
    ck_assert_uint_eq(xattrs[1].value_bytes, 0);
    ck_assert_ptr_null(xattrs[1].value);
    free(xattrs);
}
END_TEST

/* What does not fit is refused, wherever it ends; and so is what was cut. */
START_TEST(minds_the_room)
{
    struct mr_xattr given[2], *xattrs = NULL;
    const struct mr_entry entry = full_entry(given);
    struct wire_request request = {0};
    struct mr_entry taken;
    char texts[200];
    ck_assert(wire_put_entry(&request, texts, sizeof(texts), &entry));
    uint32_t all_bytes = request.texts_bytes;
    for (uint32_t bytes = 0; bytes < all_bytes; bytes++) {
        struct wire_request cut = {0};
        char *room = malloc(bytes > 0 ? bytes : 1);
        ck_assert(!wire_put_entry(&cut, room, bytes, &entry));
        cut = request;
        cut.texts_bytes = bytes;
        memcpy(room, texts, bytes);
        ck_assert(!wire_take_entry(&cut, room, &taken, &xattrs));
        free(room);
    }
    request.entry.xattr_count = SIZE_MAX / 8;
    ck_assert(!wire_take_entry(&request, texts, &taken, &xattrs));
    free(xattrs);
}
END_TEST

Suite *wire_suite(void)
{
    Suite *suite = suite_create("wire");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, carries_all);
    tcase_add_test(tests, minds_the_room);
    suite_add_tcase(suite, tests);
    return suite;
}
