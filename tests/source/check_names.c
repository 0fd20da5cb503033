/* Names in bounded memory: order, spilling, merging. */
#include <stdio.h>

#include "source/names.h"
#include "support/support.h"

Suite *names_suite(void);

static struct names *make(size_t memory_bytes, bool is_unsorted)
{
    struct names *names = NULL;
    struct mr_error err = {0};
    ck_assert_ok(names_create(memory_bytes, is_unsorted, &names, &err), err);
    return names;
}

START_TEST(test_empty)
{
    struct names *names = make(NAMES_MEMORY_BYTES, false);
    struct mr_error err = {0};
    const char *name;
    ck_assert_ok(names_seal(names, &err), err);
    ck_assert_int_eq(names_next(names, &name, &err), MR_DONE);
    ck_assert_int_eq(names_next(names, &name, &err), MR_DONE);
    names_destroy(names);
    names_destroy(NULL);
}
END_TEST

START_TEST(test_byte_order)
{
    struct names *names = make(NAMES_MEMORY_BYTES, false);
    struct mr_error err = {0};
    static const char *const sorted[] = {"\x01", "A", "a",    "a b",  "a-",      "a.",
                                         "aa",   "b", "\x80", "\xff", "\xff\xff"};
    for (size_t i = 11; i-- > 0;)
        ck_assert_ok(names_add(names, sorted[i], &err), err);
    ck_assert_ok(names_seal(names, &err), err);
    const char *name;
    for (size_t i = 0; i < 11; i++) {
        ck_assert_ok(names_next(names, &name, &err), err);
        ck_assert_str_eq(name, sorted[i]);
    }
    ck_assert_int_eq(names_next(names, &name, &err), MR_DONE);
    names_destroy(names);
}
END_TEST

/*
 * A permutation of 0..count-1 as names, with lengths up to 255; limits from "every name is a run"
 * to "all in memory".
 */
START_TEST(test_spilling)
{
    static const size_t limits[] = {1, 1000, 30000, 100000, 10000000};
    const unsigned count = _i == 0 ? 300 : 20000, prime = 7919;
    bool is_unsorted = false;
    for (unsigned turn = 0; turn < 2; turn++, is_unsorted = true) {
        struct names *names = make(limits[_i], is_unsorted);
        struct mr_error err = {0};
        char text[300];
        for (unsigned i = 0; i < count; i++) {
            unsigned number = i * prime % count;
            snprintf(text, sizeof(text), "%06u%.*s", number,
                     (int)(number % 200 * (number % 7 == 0)),
                     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                     "xxxxxxxxxxxxxxxxxxxxxxx"
                     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                     "xxxxxxxxxxxxxxxxxxxxxxx");
            ck_assert_ok(names_add(names, text, &err), err);
        }
        ck_assert_ok(names_seal(names, &err), err);
        const char *name;
        for (unsigned i = 0; i < count; i++) {
            ck_assert_ok(names_next(names, &name, &err), err);
            unsigned number = is_unsorted ? i * prime % count : i;
            ck_assert_uint_eq(strtoul(name, NULL, 10), number);
            ck_assert_uint_eq(strlen(name), 6 + number % 200 * (number % 7 == 0));
        }
        ck_assert_int_eq(names_next(names, &name, &err), MR_DONE);
        ck_assert_int_eq(names_next(names, &name, &err), MR_DONE);
        names_destroy(names);
    }
}
END_TEST

START_TEST(test_long_names)
{
    struct names *names = make(100, false);
    struct mr_error err = {0};
    char *text = malloc(4097);
    memset(text, 'n', 4096);
    text[4096] = '\0';
    ck_assert_int_eq(names_add(names, text, &err), MR_E_LIMIT);
    text[4095] = '\0';
    for (unsigned i = 0; i < 10; i++) {
        text[0] = (char)('z' - i);
        ck_assert_ok(names_add(names, text, &err), err);
    }
    ck_assert_ok(names_seal(names, &err), err);
    const char *name;
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_ok(names_next(names, &name, &err), err);
        ck_assert_int_eq(name[0], 'z' - 9 + (int)i);
        ck_assert_uint_eq(strlen(name), 4095);
    }
    free(text);
    names_destroy(names);
}
END_TEST

START_TEST(test_given_up)
{
    for (unsigned steps = 0; steps < 3; steps++) {
        struct names *names = make(50, false);
        struct mr_error err = {0};
        const char *name;
        for (unsigned i = 0; i < 20; i++)
            ck_assert_ok(names_add(names, "some name", &err), err);
        if (steps > 0)
            ck_assert_ok(names_seal(names, &err), err);
        if (steps > 1)
            ck_assert_ok(names_next(names, &name, &err), err);
        names_destroy(names);
    }
}
END_TEST

Suite *names_suite(void)
{
    Suite *suite = suite_create("names");
    TCase *tcase = tcase_create("names");
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, test_empty);
    tcase_add_test(tcase, test_byte_order);
    tcase_add_loop_test(tcase, test_spilling, 0, 5);
    tcase_add_test(tcase, test_long_names);
    tcase_add_test(tcase, test_given_up);
    suite_add_tcase(suite, tcase);
    return suite;
}
