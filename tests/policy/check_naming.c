#include "policy/naming.h"

#include <stdio.h>

#include "base/path.h"
#include "support/support.h"

Suite *naming_suite(void);

static struct naming *create(void)
{
    struct naming *naming;
    struct mr_error err = {0};
    ck_assert_ok(naming_create(&naming, &err), err);
    return naming;
}

static void expect_map(const struct naming *naming, const char *from, bool is_content,
                       const char *to)
{
    struct mr_error err = {0};
    char *name = strdup(from);
    ck_assert_ok(naming_map(naming, &name, is_content, &err), err);
    ck_assert_str_eq(name, to);
    free(name);
}

static void expect_status(const struct naming *naming, const char *from, enum mr_status expected)
{
    struct mr_error err = {0};
    char *name = strdup(from);
    ck_assert_int_eq(naming_map(naming, &name, true, &err), expected);
    ck_assert_int_eq(mr_status_is_error(expected), err.text[0] != '\0');
    free(name);
}

static void expect_substitution(const char *expression, const char *from, const char *to)
{
    struct naming *naming = create();
    struct mr_error err = {0};
    ck_assert_ok(naming_substitute(naming, expression, &err), err);
    expect_map(naming, from, true, to);
    naming_destroy(naming);
}

START_TEST(without_options_names_stay)
{
    struct naming *naming = create();
    expect_map(naming, "a/b.c", true, "a/b.c");
    ck_assert(!naming_may_collide(naming));
    ck_assert(!naming_overrides_suffix(naming));
    naming_strip_components(naming, 0);
    ck_assert(!naming_may_collide(naming));
    naming_destroy(naming);
    naming_destroy(NULL);
}
END_TEST

START_TEST(substitutes_like_sed)
{
    expect_substitution("/a/X/", "banana", "bXnana");
    expect_substitution("/a/X/g", "banana", "bXnXnX");
    expect_substitution("s/a/X/", "banana", "bXnana");
    expect_substitution("/A/X/gi", "banana", "bXnXnX");
    expect_substitution("/nothing/X/", "banana", "banana");
    expect_substitution(",a/b,c/d,", "a/b/c", "c/d/c");
    expect_substitution("|a\\|b|X|", "ab a|b",
                        "ab X"); /* a special separator is meant as the character */
    expect_substitution("/a\\/b/X/", "a/b", "X");
    expect_substitution("/(.*)-(.*)/\\2-\\1/", "one-two", "two-one");
    expect_substitution("/(x)|(y)/[\\1\\2]/g", "xyz", "[x][y]z");
    expect_substitution("/an/<&\\&>/", "banana", "b<an&>ana");
    expect_substitution("/a/\\//", "bac", "b/c");
    expect_substitution("&a&<\\&>&", "bac", "b<&>c");
    expect_substitution("/a//", "abc", "bc");
    expect_substitution("/^/x/g", "aaa", "xaaa");
    expect_substitution("/$/x/g", "aaa", "aaax");
    expect_substitution("/^a/x/g", "aaa", "xaa");
    expect_substitution("/b*/-/g", "abc", "-a-c-");
    expect_substitution("/x*/-/g", "abc", "-a-b-c-");
    expect_substitution("/\\b/_/g", "ab cd", "_ab_ _cd_");
    expect_substitution("/[.]txt$/.md/", "a.txt/b.txt", "a.txt/b.md");
}
END_TEST

START_TEST(substitutes_in_order)
{
    struct naming *naming = create();
    struct mr_error err = {0};
    ck_assert_ok(naming_substitute(naming, "/a/b/", &err), err);
    ck_assert_ok(naming_substitute(naming, "/b/c/g", &err), err);
    expect_map(naming, "ab", true, "cc");
    ck_assert(naming_may_collide(naming));
    naming_destroy(naming);
}
END_TEST

START_TEST(refuses_wrong_substitutions)
{
    static const char *const wrong[] = {"",        "/",         "/a",      "/a/b",    "s",
                                        "sab",     "\\a\\b\\",  "/a/b/x",  "//b/",    "/(/b/",
                                        "/a/\\1/", "/(a)/\\2/", "/a/\\n/", "/a/b/g2", "/a\\/b/",
                                        "/a/\\0/", "abaca"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct naming *naming = create();
        struct mr_error err = {0};
        ck_assert_msg(naming_substitute(naming, wrong[i], &err) == MR_E_USAGE, "'%s'", wrong[i]);
        ck_assert_ptr_nonnull(strstr(err.text, "substitution"));
        ck_assert(!naming_may_collide(naming));
        naming_destroy(naming);
    }
}
END_TEST

START_TEST(checks_what_comes_out)
{
    struct naming *naming = create();
    struct mr_error err = {0};
    ck_assert_ok(naming_substitute(naming, "/^up/../", &err), err);
    ck_assert_ok(naming_substitute(naming, "/^root/\\//", &err), err);
    ck_assert_ok(naming_substitute(naming, "/^gone.*//", &err), err);
    ck_assert_ok(naming_substitute(naming, "/^dot$/./", &err), err);
    ck_assert_ok(naming_substitute(naming, "/,/\\/\\//g", &err), err);
    expect_status(naming, "up/a", MR_E_UNSAFE);
    expect_status(naming, "root/a", MR_E_UNSAFE);
    expect_status(naming, "gone/a", MR_SKIPPED);
    expect_status(naming, "dot", MR_SKIPPED);
    expect_map(naming, "a,b,", true, "a/b");
    char wide[1 + 2 * PATH_NAME_MAX_BYTES];
    memset(wide, 'w', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    expect_status(naming, wide, MR_E_UNSAFE);
    naming_destroy(naming);
}
END_TEST

START_TEST(bounds_what_substitutions_grow)
{
    struct naming *naming = create();
    struct mr_error err = {0};
    for (unsigned i = 0; i < 40; i++)
        ck_assert_ok(naming_substitute(naming, "/.*/&&/", &err), err);
    expect_status(naming, "ab", MR_E_UNSAFE);
    naming_destroy(naming);
}
END_TEST

START_TEST(strips_and_flattens)
{
    struct naming *naming = create();
    naming_strip_components(naming, 2);
    ck_assert(naming_may_collide(naming));
    expect_map(naming, "a/b/c/d", true, "c/d");
    expect_map(naming, "a/b/c", false, "c");
    expect_status(naming, "a/b", MR_SKIPPED);
    expect_status(naming, "a", MR_SKIPPED);
    naming_strip_components(naming, 1);
    naming_flat(naming);
    expect_map(naming, "a/b/c/d", true, "d");
    expect_status(naming, "a", MR_SKIPPED);
    naming_destroy(naming);
}
END_TEST

START_TEST(adds_suffixes)
{
    struct naming *naming = create();
    struct mr_error err = {0};
    ck_assert_int_eq(naming_suffix(naming, "/x", &err), MR_E_USAGE);
    ck_assert_ok(naming_suffix(naming, ".gz", &err), err);
    ck_assert(naming_overrides_suffix(naming) && naming_may_collide(naming));
    expect_map(naming, "a/b.c", true, "a/b.c.gz");
    expect_map(naming, "a/b.c", false, "a/b.c");
    char longest[PATH_NAME_MAX_BYTES + 1];
    memset(longest, 'l', PATH_NAME_MAX_BYTES);
    longest[PATH_NAME_MAX_BYTES] = '\0';
    expect_status(naming, longest, MR_E_UNSAFE);
    longest[PATH_NAME_MAX_BYTES - 3] = '\0';
    struct mr_error none = {0};
    char *name = strdup(longest);
    ck_assert_ok(naming_map(naming, &name, true, &none), none);
    ck_assert_uint_eq(strlen(name), PATH_NAME_MAX_BYTES);
    free(name);
    ck_assert_ok(naming_suffix(naming, "", &err), err);
    ck_assert(naming_overrides_suffix(naming) && !naming_may_collide(naming));
    expect_map(naming, "a/b.c", true, "a/b.c");
    naming_destroy(naming);
}
END_TEST

START_TEST(replaces_extensions)
{
    struct naming *naming = create();
    struct mr_error err = {0};
    ck_assert_int_eq(naming_extension(naming, "x/y", &err), MR_E_USAGE);
    ck_assert_ok(naming_extension(naming, "md", &err), err);
    ck_assert(naming_overrides_suffix(naming) && naming_may_collide(naming));
    expect_map(naming, "a.d/b.txt", true, "a.d/b.md");
    expect_map(naming, "a.d/b", true, "a.d/b.md");
    expect_map(naming, "a.tar.gz", true, "a.tar.md");
    expect_map(naming, ".profile", true, ".profile.md");
    expect_map(naming, "..x", true, "..x.md");
    expect_map(naming, ".a.b", true, ".a.md");
    expect_map(naming, "a.", true, "a.md");
    expect_map(naming, "a.txt", false, "a.txt");
    ck_assert_ok(naming_suffix(naming, ".gz", &err), err);
    expect_map(naming, "a.txt", true, "a.md.gz");
    ck_assert_ok(naming_suffix(naming, "", &err), err);
    ck_assert_ok(naming_extension(naming, ".html", &err), err);
    expect_map(naming, "a.txt", true, "a.html");
    ck_assert_ok(naming_extension(naming, "", &err), err);
    expect_map(naming, "x/a.txt", true, "x/a");
    naming_destroy(naming);
}
END_TEST

START_TEST(has_a_fixed_order)
{
    struct naming *naming = create();
    struct mr_error err = {0};
    ck_assert_ok(naming_extension(naming, "o", &err), err);
    naming_strip_components(naming, 1);
    ck_assert_ok(naming_substitute(naming, "/^/new\\//", &err), err);
    expect_map(naming, "a/b.c", true, "a/b.o"); /* what was put in front is stripped */
    naming_destroy(naming);
}
END_TEST

static void expect_numbered(const char *name, unsigned n, const char *expected)
{
    char *made = naming_numbered(name, n);
    ck_assert_str_eq(made, expected);
    free(made);
}

START_TEST(numbers_names)
{
    expect_numbered("a/b.txt", 2, "a/b~2.txt");
    expect_numbered("a.d/b", 3, "a.d/b~3");
    expect_numbered(".profile", 2, ".profile~2");
    expect_numbered("b.tar.gz", 4000000000u, "b.tar~4000000000.gz");
    char longest[3 + PATH_NAME_MAX_BYTES];
    memset(longest, 'l', sizeof(longest));
    memcpy(longest, "d/", 2);
    memcpy(longest + sizeof(longest) - 8, "\xe2\x82\xac.txt", 8); /* the NUL too */
    char *made = naming_numbered(longest, 12);
    ck_assert_uint_eq(strlen(path_base(made)), PATH_NAME_MAX_BYTES);
    ck_assert(path_is_utf8(made));
    ck_assert_str_eq(made + strlen(made) - 8, "l~12.txt");
    free(made);
}
END_TEST

Suite *naming_suite(void)
{
    Suite *suite = suite_create("naming");
    TCase *tests = tcase_create("naming");
    tcase_add_test(tests, without_options_names_stay);
    tcase_add_test(tests, substitutes_like_sed);
    tcase_add_test(tests, substitutes_in_order);
    tcase_add_test(tests, refuses_wrong_substitutions);
    tcase_add_test(tests, checks_what_comes_out);
    tcase_add_test(tests, bounds_what_substitutions_grow);
    tcase_add_test(tests, strips_and_flattens);
    tcase_add_test(tests, adds_suffixes);
    tcase_add_test(tests, replaces_extensions);
    tcase_add_test(tests, has_a_fixed_order);
    tcase_add_test(tests, numbers_names);
    suite_add_tcase(suite, tests);
    return suite;
}
