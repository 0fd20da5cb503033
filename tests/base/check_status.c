#include "millrace/status.h"

#include <errno.h>

#include "support/support.h"

Suite *status_suite(void);

START_TEST(has_a_text_for_each_status)
{
    for (int i = MR_OK; i <= MR_E_STEP; i++) {
        const char *text = mr_status_text((enum mr_status)i);
        ck_assert_str_ne(text, "unknown status");
        for (int j = MR_OK; j < i; j++)
            ck_assert_str_ne(text, mr_status_text((enum mr_status)j));
    }
    ck_assert_str_eq(mr_status_text((enum mr_status)999), "unknown status");
}
END_TEST

START_TEST(knows_errors)
{
    ck_assert(!mr_status_is_error(MR_OK));
    ck_assert(!mr_status_is_error(MR_SKIPPED));
    ck_assert(!mr_status_is_error(MR_CANCELLED));
    ck_assert(mr_status_is_error(MR_E_MEMORY));
    ck_assert(mr_status_is_error(MR_E_STEP));
}
END_TEST

START_TEST(sets_errors)
{
    struct mr_error err = {0};
    ck_assert_int_eq(mr_error_set(&err, MR_E_DATA, 0, "%s is %d", "x", 7), MR_E_DATA);
    ck_assert_int_eq(err.status, MR_E_DATA);
    ck_assert_int_eq(err.sys_errno, 0);
    ck_assert_str_eq(err.text, "x is 7");
    mr_error_set(&err, MR_E_SYSTEM, ENOENT, "cannot open y");
    ck_assert_int_eq(err.sys_errno, ENOENT);
    ck_assert_str_eq(err.text, "cannot open y: No such file or directory");
    mr_error_set(&err, MR_E_SYSTEM, 99999, "z");
    ck_assert_str_eq(err.text, "z: unknown error");
    ck_assert_int_eq(mr_error_set(NULL, MR_E_USAGE, 0, "nobody reads this"), MR_E_USAGE);
}
END_TEST

START_TEST(cuts_what_does_not_fit)
{
    char wide[2 * MR_ERROR_TEXT_BYTES];
    memset(wide, 'w', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    struct mr_error err;
    memset(&err, 1, sizeof(err));
    mr_error_set(&err, MR_E_SYSTEM, EIO, "%s", wide);
    ck_assert_uint_eq(strlen(err.text), MR_ERROR_TEXT_BYTES - 1);
    wide[MR_ERROR_TEXT_BYTES - 4] = '\0';
    mr_error_set(&err, MR_E_SYSTEM, EIO, "%s", wide);
    ck_assert_uint_eq(strlen(err.text), MR_ERROR_TEXT_BYTES - 1);
    ck_assert_str_eq(err.text + MR_ERROR_TEXT_BYTES - 4, ": I");
    mr_error_prefix(&err, "%s", wide);
    ck_assert_uint_eq(strlen(err.text), MR_ERROR_TEXT_BYTES - 1);
}
END_TEST

START_TEST(puts_prefixes)
{
    struct mr_error err = {0};
    mr_error_set(&err, MR_E_DATA, 0, "damaged");
    mr_error_prefix(&err, "%s!/%s", "a.zip", "b");
    mr_error_prefix(&err, "run %d", 3);
    ck_assert_str_eq(err.text, "run 3: a.zip!/b: damaged");
    ck_assert_int_eq(err.status, MR_E_DATA);
    mr_error_prefix(NULL, "nobody");
    ck_assert(mr_version()[0] >= '0' && mr_version()[0] <= '9');
}
END_TEST

Suite *status_suite(void)
{
    Suite *suite = suite_create("status");
    TCase *tests = tcase_create("status");
    tcase_add_test(tests, has_a_text_for_each_status);
    tcase_add_test(tests, knows_errors);
    tcase_add_test(tests, sets_errors);
    tcase_add_test(tests, cuts_what_does_not_fit);
    tcase_add_test(tests, puts_prefixes);
    suite_add_tcase(suite, tests);
    return suite;
}
