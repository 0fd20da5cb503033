#include "base/path.h"

#include <stdio.h>

#include "support/support.h"

Suite *path_suite(void);

static void expect_clean(const char *name, const char *expected)
{
    char *clean;
    struct mr_error err = {0};
    ck_assert_ok(path_clean(name, &clean, &err), err);
    ck_assert_str_eq(clean, expected);
    free(clean);
}

static void expect_refused(const char *name)
{
    char *clean;
    struct mr_error err = {0};
    ck_assert_msg(path_clean(name, &clean, &err) == MR_E_UNSAFE, "'%s'", name);
    ck_assert_ptr_null(clean);
    ck_assert_ptr_nonnull(strstr(err.text, "refused"));
    ck_assert_ptr_null(strchr(err.text, '\n'));
    ck_assert_int_eq(path_clean(name, &clean, NULL), MR_E_UNSAFE);
}

START_TEST(cleans)
{
    expect_clean("a", "a");
    expect_clean("a/b", "a/b");
    expect_clean("./a", "a");
    expect_clean("a//b///c/", "a/b/c");
    expect_clean("a/./b/.", "a/b");
    expect_clean("...", "...");
    expect_clean("..a/b..", "..a/b..");
    expect_clean(".a", ".a");
    expect_clean("a\nb\\c", "a\nb\\c");
    expect_clean("\xff", "\xff");
}
END_TEST

START_TEST(refuses_what_leads_outside)
{
    static const char *const names[] = {"",     ".",      "/",   "./",           "././.",  "//",
                                        "/a",   "//a",    "..",  "../a",         "a/..",   "a/../b",
                                        "./..", "a/..//", "/..", "a/b/../../..", "..\n/.."};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        expect_refused(names[i]);
}
END_TEST

/* All names of three components over these: clean exactly when there is no ".." and something is
 * left. */
START_TEST(decides_on_all_small_names)
{
    static const char *const parts[] = {"a", ".", "..", ""};
    for (unsigned i = 0; i < 64; i++) {
        const char *three[] = {parts[i & 3], parts[i >> 2 & 3], parts[i >> 4]};
        char name[16];
        char expected[16] = "";
        bool has_up = false;
        snprintf(name, sizeof(name), "%s/%s/%s", three[0], three[1], three[2]);
        for (unsigned j = 0; j < 3; j++) {
            has_up |= strcmp(three[j], "..") == 0;
            if (strcmp(three[j], "a") == 0)
                strcat(strcat(expected, *expected ? "/" : ""), "a");
        }
        if (has_up || !*expected || name[0] == '/')
            expect_refused(name);
        else
            expect_clean(name, expected);
    }
}
END_TEST

/* count times "x" of length bytes, with '/' between */
static char *long_name(size_t count, size_t length)
{
    char *name = calloc(count, length + 1);
    ck_assert_ptr_nonnull(name);
    memset(name, 'x', count * (length + 1) - 1);
    for (size_t i = 1; i < count; i++)
        name[i * (length + 1) - 1] = '/';
    return name;
}

START_TEST(has_limits)
{
    static const struct {
        size_t count, length;
        bool is_good;
    } cases[] = {{1, PATH_NAME_MAX_BYTES, true},
                 {1, PATH_NAME_MAX_BYTES + 1, false},
                 {2, PATH_NAME_MAX_BYTES + 1, false},
                 {PATH_DEPTH_MAX_COUNT, 1, true},
                 {PATH_DEPTH_MAX_COUNT + 1, 1, false},
                 {16, 255, true}, /* 4095 bytes */
                 {128, 31, true}, /* 4095 bytes */
                 {128, 32, false},
                 {500000, 1, false},
                 {1, 1000000, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *name = long_name(cases[i].count, cases[i].length);
        if (cases[i].is_good)
            expect_clean(name, name);
        else
            expect_refused(name);
        free(name);
    }
    char slashes[10001];
    memset(slashes, '/', sizeof(slashes));
    memcpy(slashes, "a", 1);
    memcpy(slashes + sizeof(slashes) - 2, "b", 2);
    expect_clean(slashes, "a/b");
}
END_TEST

START_TEST(knows_where_links_lead)
{
    ck_assert(path_link_stays_inside("a", "b"));
    ck_assert(path_link_stays_inside("a", "b/../c"));
    ck_assert(path_link_stays_inside("a", "."));
    ck_assert(path_link_stays_inside("d/a", "../b"));
    ck_assert(path_link_stays_inside("d/a", ".."));
    ck_assert(path_link_stays_inside("d/e/a", "../.././b"));
    ck_assert(path_link_stays_inside("a", "..b"));
    ck_assert(!path_link_stays_inside("a", ""));
    ck_assert(!path_link_stays_inside("a", "/b"));
    ck_assert(!path_link_stays_inside("a", ".."));
    ck_assert(!path_link_stays_inside("a", "../a"));
    ck_assert(!path_link_stays_inside("a", "b/../../c/d/e"));
    ck_assert(!path_link_stays_inside("d/a", "../.."));
    ck_assert(!path_link_stays_inside("d/a", "./..//../d"));
}
END_TEST

START_TEST(joins_and_takes_the_base)
{
    char *joined = path_join("", "b");
    ck_assert_str_eq(joined, "b");
    free(joined);
    joined = path_join("a/b", "c");
    ck_assert_str_eq(joined, "a/b/c");
    free(joined);
    ck_assert_str_eq(path_base("a/b"), "b");
    ck_assert_str_eq(path_base("b"), "b");
    ck_assert_str_eq(path_base(""), "");
}
END_TEST

static void expect_shown(const char *name, size_t cap_bytes, const char *expected)
{
    char out[64];
    memset(out, '#', sizeof(out));
    ck_assert_ptr_eq(path_show(out, cap_bytes, name), out);
    ck_assert_str_eq(out, expected);
    ck_assert_int_eq(out[cap_bytes], '#');
}

START_TEST(shows_for_people)
{
    expect_shown("", 10, "");
    expect_shown(NULL, 10, "");
    expect_shown("a b/c", 10, "a b/c");
    expect_shown("a\nb\tc\rd", 20, "a\\nb\\tc\\rd");
    expect_shown("\x1b[31m\x7f\x01", 20, "\\x1b[31m\\x7f\\x01");
    expect_shown("a\\n", 20, "a\\\\n");
    expect_shown("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 20,
                 "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    expect_shown("\xff"
                 "a\xc3",
                 20, "\\xffa\\xc3");
    expect_shown("\xc0\xaf", 20, "\\xc0\\xaf");          /* overlong '/' */
    expect_shown("\xed\xa0\x80", 20, "\\xed\\xa0\\x80"); /* a surrogate */
    expect_shown("\xc2\x9b", 20, "\\xc2\\x9b");          /* the one-character form of ESC [ */
    expect_shown("a\xe2\x80\xae"
                 "b",
                 20, "a\\xe2\\x80\\xaeb"); /* right-to-left override */
    expect_shown("\xe2\x81\xa6\xe2\x80\xa8", 40, "\\xe2\\x81\\xa6\\xe2\\x80\\xa8");
}
END_TEST

START_TEST(cuts_at_the_front)
{
    expect_shown("abcdefgh", 9, "abcdefgh");
    expect_shown("abcdefgh", 8, "...efgh");
    expect_shown("directory/file", 10, "...y/file");
    expect_shown("abcdefgh", 5, "...h");
    expect_shown("abcdefgh", 4, "...");
    expect_shown("abcdefgh", 3, "..");
    expect_shown("abcdefgh", 1, "");
    expect_shown("abc\x01gh", 8, "...gh"); /* an escape is never cut apart */
    expect_shown("abcd\x01gh", 10, "...\\x01gh");
    expect_shown("aaaaaa\xe2\x82\xac", 6, "...");
    expect_shown("aaaaaa\xe2\x82\xac", 7, "...\xe2\x82\xac");
    char out = '#';
    path_show(&out, 0, "a");
    ck_assert_int_eq(out, '#');
}
END_TEST

/* Whatever the bytes and the room are: it ends, fits, is UTF-8, and holds no control characters. */
START_TEST(shows_noise)
{
    uint64_t seed = 5;
    for (unsigned i = 0; i < 20000; i++) {
        char name[40];
        char out[200];
        size_t length = support_random(&seed) % sizeof(name);
        size_t cap_bytes = 1 + support_random(&seed) % (sizeof(out) - 1);
        for (size_t j = 0; j < length; j++)
            name[j] = (char)(support_random(&seed) % 255 + 1);
        name[length == sizeof(name) ? length - 1 : length] = '\0';
        path_show(out, cap_bytes, name);
        ck_assert_uint_lt(strlen(out), cap_bytes);
        ck_assert(path_is_utf8(out));
        for (const char *at = out; *at; at++)
            ck_assert((unsigned char)*at >= 0x20 && *at != 0x7f);
    }
}
END_TEST

START_TEST(knows_utf8)
{
    static const char *const good[] = {"", "a", "\xc3\xa4", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc3",
                                      "\xc1\x81",
                                      "\xe0\x80\x80",
                                      "\xed\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xe2\x82",
                                      "a\xff",
                                      "\xf0\x8f\xbf\xbf"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(path_is_utf8(good[i]), "good %zu", i);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!path_is_utf8(bad[i]), "bad %zu", i);
}
END_TEST

START_TEST(reads_characters)
{
    uint32_t code;
    ck_assert_uint_eq(path_character("a", &code), 1);
    ck_assert_uint_eq(code, 'a');
    ck_assert_uint_eq(path_character("\xe2\x82\xac"
                                     "b",
                                     &code),
                      3);
    ck_assert_uint_eq(code, 0x20ac);
    ck_assert_uint_eq(path_character("\xff", &code), 1);
    ck_assert_uint_eq(code, 0x1100ff);
}
END_TEST

START_TEST(dots_between_backslashes)
{
    static const char *const bad[] = {"..\\a", "a\\..", "a\\..\\b", "a/..\\b", "a\\../b", "\\.."};
    static const char *const fine[] = {"a", "a\\b", "..a\\b", "a\\b..", "...\\a", "", "\\", "../a"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(path_climbs_by_backslash(bad[i]), "%s", bad[i]);
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
        ck_assert_msg(!path_climbs_by_backslash(fine[i]), "%s", fine[i]);
}
END_TEST

Suite *path_suite(void)
{
    Suite *suite = suite_create("path");
    TCase *tests = tcase_create("path");
    tcase_add_test(tests, cleans);
    tcase_add_test(tests, refuses_what_leads_outside);
    tcase_add_test(tests, decides_on_all_small_names);
    tcase_add_test(tests, has_limits);
    tcase_add_test(tests, knows_where_links_lead);
    tcase_add_test(tests, joins_and_takes_the_base);
    tcase_add_test(tests, shows_for_people);
    tcase_add_test(tests, cuts_at_the_front);
    tcase_add_test(tests, shows_noise);
    tcase_add_test(tests, knows_utf8);
    tcase_add_test(tests, reads_characters);
    tcase_add_test(tests, dots_between_backslashes);
    suite_add_tcase(suite, tests);
    return suite;
}
