#include "policy/glob.h"

#include <stdio.h>

#include "support/support.h"

Suite *glob_suite(void);

static bool match(const char *pattern, const char *text)
{
    struct mr_error err = {0};
    ck_assert_ok(glob_check(pattern, &err), err);
    return glob_match(pattern, text, strlen(text));
}

#define yes(pattern, text) ck_assert_msg(match(pattern, text), "%s should match %s", pattern, text)
#define no(pattern, text)                                                                          \
    ck_assert_msg(!match(pattern, text), "%s should not match %s", pattern, text)

START_TEST(matches_stars)
{
    yes("", "");
    no("", "a");
    yes("*", "");
    yes("*", "abc");
    no("*", "a/b");
    yes("*.c", "x.c");
    yes("*.c", ".c");
    no("*.c", "x.cc");
    yes("a*b*c", "a-b-bc");
    no("a*b*c", "a-b-cb");
    yes("a/*/c", "a/b/c");
    no("a/*/c", "a/b/b/c");
    yes("a?c", "abc");
    no("a?c", "a/c");
    no("a?c", "ac");
    yes("?", "\xc3\xa4");
    no("?*?", "\xc3\xa4");
    no("*??", "\xe2\x82\xac");
    yes("?", "\xff");
    yes("a\\*", "a*");
    no("a\\*", "ab");
}
END_TEST

START_TEST(matches_deep_stars)
{
    yes("**", "a/b/c");
    yes("**/c", "c");
    yes("**/c", "a/b/c");
    no("**/c", "a/bc");
    yes("a/**/c", "a/c");
    yes("a/**/c", "a/b/b/c");
    no("a/**/c", "a/bc");
    no("a/**/c", "ac");
    yes("a/**", "a/b/c");
    no("a/**", "a");
    yes("a**c", "ab/bc");
    yes("**/a*/**/*.c", "x/ab/y/z.c");
    yes("**/a*/**/*.c", "ab/z.c");
    no("**/a*/**/*.c", "x/b/z.c");
    yes("***", "a/b");
    yes("**/*a/b", "xa/xa/b");
}
END_TEST

START_TEST(matches_brackets)
{
    yes("[abc]", "b");
    no("[abc]", "d");
    yes("[a-c]x", "bx");
    no("[!a-c]", "b");
    yes("[^a-c]", "d");
    yes("[]]", "]");
    yes("[!]]", "a");
    yes("[a-]", "-");
    yes("[\\]]", "]");
    no("[!a]", "/");
    no("[/]", "/");
    yes("[[:digit:]][[:upper:]]", "7Q");
    no("[[:alpha:]]", "7");
    yes("[\xc3\xa0-\xc3\xbf]", "\xc3\xa4"); /* a range of characters, not of bytes */
    no("[\xc3\xa4]", "\xc3\xa5");
}
END_TEST

START_TEST(refuses_wrong_patterns)
{
    static const char *const wrong[] = {"[",   "[]", "[!]", "a[b", "[[:digit:]", "[[:nothing:]]",
                                        "a\\", "[\\"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct mr_error err = {0};
        ck_assert_msg(glob_check(wrong[i], &err) == MR_E_USAGE, "%s", wrong[i]);
        ck_assert_ptr_nonnull(strstr(err.text, "pattern"));
    }
}
END_TEST

START_TEST(ends_at_the_given_length)
{
    ck_assert(glob_match("a*", "ab/c", 2));
    ck_assert(!glob_match("a*c", "ab/c", 2));
}
END_TEST

/* All ways are tried: right by inspection, slow without limit. */
static bool reference(const char *pattern, const char *at, const char *text)
{
    if (!*at)
        return !*text;
    if (at[0] == '*' && at[1] == '*') {
        bool is_start = at == pattern || at[-1] == '/';
        at += strspn(at, "*");
        if (is_start && *at == '/') {
            for (const char *to = text;; to++) {
                if ((to == text || to[-1] == '/') && reference(pattern, at + 1, to))
                    return true;
                if (!*to)
                    return false;
            }
        }
        for (;; text++) {
            if (reference(pattern, at, text))
                return true;
            if (!*text)
                return false;
        }
    }
    if (*at == '*') {
        for (;; text++) {
            if (reference(pattern, at + 1, text))
                return true;
            if (!*text || *text == '/')
                return false;
        }
    }
    if (!*text || (*at == '?' ? *text == '/' : *at != *text))
        return false;
    return reference(pattern, at + 1, text + 1);
}

START_TEST(agrees_with_a_reference)
{
    uint64_t seed = 11;
    unsigned match_count = 0;
    for (unsigned i = 0; i < 400000; i++) {
        char pattern[16] = "";
        char text[12] = "";
        size_t pattern_count = support_random(&seed) % 9;
        size_t text_count = support_random(&seed) % 10;
        for (size_t j = 0; j < pattern_count; j++)
            pattern[j] = "a*b/*?*"[support_random(&seed) % 7];
        for (size_t j = 0; j < text_count; j++)
            text[j] = "aab/"[support_random(&seed) % 4];
        bool expected = reference(pattern, pattern, text);
        match_count += expected;
        ck_assert_msg(glob_match(pattern, text, text_count) == expected,
                      "'%s' on '%s' should be %d", pattern, text, expected);
    }
    ck_assert_uint_gt(match_count, 10000);
}
END_TEST

START_TEST(takes_no_exponential_time)
{
    char pattern[400] = "";
    char text[2001];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (unsigned i = 0; i < 60; i++)
        strcat(pattern, "a*");
    strcat(pattern, "b");
    no(pattern, text);
    pattern[0] = '\0';
    for (unsigned i = 0; i < 40; i++)
        strcat(pattern, "**a*");
    strcat(pattern, "b");
    no(pattern, text);
    for (size_t i = 1; i < sizeof(text) - 1; i += 2)
        text[i] = '/';
    pattern[0] = '\0';
    for (unsigned i = 0; i < 40; i++)
        strcat(pattern, "**/a*/");
    strcat(pattern, "b");
    no(pattern, text);
}
END_TEST

Suite *glob_suite(void)
{
    Suite *suite = suite_create("glob");
    TCase *tests = tcase_create("glob");
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, matches_stars);
    tcase_add_test(tests, matches_deep_stars);
    tcase_add_test(tests, matches_brackets);
    tcase_add_test(tests, refuses_wrong_patterns);
    tcase_add_test(tests, ends_at_the_given_length);
    tcase_add_test(tests, agrees_with_a_reference);
    tcase_add_test(tests, takes_no_exponential_time);
    suite_add_tcase(suite, tests);
    return suite;
}
