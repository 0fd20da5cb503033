/* Names that are names everywhere, and names that are one somewhere. */
#include "policy/portable.h"

#include "support/support.h"

Suite *portable_suite(void);

START_TEST(takes_what_every_system_can_have)
{
    static const char *const names[] = {"a",
                                        "a/b.txt",
                                        "console",
                                        "com",
                                        "com10",
                                        "lpt",
                                        "null.txt",
                                        ".hidden",
                                        "a b",
                                        "\xc3\xa4",
                                        "\xe6\x97\xa5\xe6\x9c\xac",
                                        "auxiliary/x",
                                        "a.con",
                                        "com\xc2\xb9x"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct mr_error err = {0};
        ck_assert_ok(portable_check(names[i], &err), err);
    }
}
END_TEST

START_TEST(refuses_what_one_cannot)
{
    static const struct {
        const char *name, *word;
    } cases[] = {{"con", "device"},     {"x/NUL", "device"},
                 {"aux.txt", "device"}, {"Com1.tar.gz", "device"},
                 {"lpt9/x", "device"},  {"prn  .x", "device"},
                 {"conin$", "device"},  {"a.", "dot"},
                 {"a /b", "space"},     {"...", "dot"},
                 {"a:b", "one of"},     {"a\\b", "one of"},
                 {"what?", "one of"},   {"a\tb", "control"},
                 {"a\x7f", "control"},  {"\xff", "UTF-8"},
                 {"a/\xc3", "UTF-8"},   {"a\xcc\x88", "combining"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_error err = {0};
        ck_assert_int_eq(portable_check(cases[i].name, &err), MR_E_UNSAFE);
        ck_assert_msg(strstr(err.text, cases[i].word) != NULL, "%s", err.text);
    }
}
END_TEST

START_TEST(folds_what_differs_in_case_alone)
{
    static const struct {
        const char *one, *other;
        bool is_same;
    } cases[] = {{"a/B.txt", "A/b.TXT", true},
                 {"\xc3\xa4", "\xc3\x84", true},                 /* a umlaut */
                 {"\xcf\x83", "\xcf\x82", true},                 /* both small sigmas */
                 {"\xf0\x90\x90\x80", "\xf0\x90\x90\xa8", true}, /* Deseret, above 16 bits */
                 {"\xe6\x97\xa5", "\xe6\x97\xa5", true},
                 {"a", "b", false},
                 {"\xe6\x97\xa5", "\xe6\x97\xa6", false},
                 {"a/b", "ab", false},
                 {"\xff", "\xfe", false}};
    struct portable *portable;
    struct mr_error err = {0};
    ck_assert_ok(portable_create(&portable, &err), err);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char one[64], other[64];
        portable_fold(portable, cases[i].one, one, sizeof(one));
        portable_fold(portable, cases[i].other, other, sizeof(other));
        ck_assert_msg((strcmp(one, other) == 0) == cases[i].is_same, "%zu: '%s' and '%s'", i, one,
                      other);
    }
    char small[4];
    portable_fold(portable, "ABCDE", small, sizeof(small));
    ck_assert_str_eq(small, "abc");
    portable_fold(portable, "AB\xc3\x84", small, sizeof(small));
    ck_assert_str_eq(small, "ab");
    portable_destroy(portable);
}
END_TEST

Suite *portable_suite(void)
{
    Suite *suite = suite_create("portable");
    TCase *tests = tcase_create("portable");
    tcase_add_test(tests, takes_what_every_system_can_have);
    tcase_add_test(tests, refuses_what_one_cannot);
    tcase_add_test(tests, folds_what_differs_in_case_alone);
    suite_add_tcase(suite, tests);
    return suite;
}
