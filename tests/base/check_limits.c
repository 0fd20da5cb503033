/* Limits: where each begins to refuse, that 0 is none, and that no amount overflows. */
#include "base/limits.h"

#include "support/support.h"

Suite *limits_suite(void);

static struct mr_error err;

#define ALLOWED(call) ck_assert_int_eq(call, MR_OK)
#define REFUSED(call, option)                                                                      \
    do {                                                                                           \
        ck_assert_int_eq(call, MR_E_LIMIT);                                                        \
        ck_assert_ptr_nonnull(strstr(err.text, option));                                           \
    } while (0)

START_TEST(zero_is_no_limit)
{
    static const struct limits none;
    ALLOWED(limits_check_item(&none, UINT64_MAX, &err));
    ALLOWED(limits_check_total(&none, UINT64_MAX, &err));
    ALLOWED(limits_check_count(&none, UINT64_MAX, &err));
    ALLOWED(limits_check_ratio(&none, UINT64_MAX, 0, &err));
    ALLOWED(limits_check_depth(&none, "a/b/c/d", &err));
}
END_TEST

START_TEST(what_is_allowed_is_allowed_whole)
{
    const struct limits limits = {.item_bytes = 10, .total_bytes = 20, .item_count = 30};
    ALLOWED(limits_check_item(&limits, 10, &err));
    REFUSED(limits_check_item(&limits, 11, &err), "--max-item-size");
    ALLOWED(limits_check_total(&limits, 20, &err));
    REFUSED(limits_check_total(&limits, 21, &err), "--max-total-size");
    ALLOWED(limits_check_count(&limits, 30, &err));
    REFUSED(limits_check_count(&limits, 31, &err), "--max-items");
}
END_TEST

START_TEST(the_ratio_counts_behind_its_free_bytes)
{
    const struct limits limits = {.ratio = 3};
    const uint64_t free_bytes = LIMITS_RATIO_FREE_BYTES;
    ALLOWED(limits_check_ratio(&limits, free_bytes, 0, &err));
    REFUSED(limits_check_ratio(&limits, free_bytes + 1, 0, &err), "--max-ratio");
    ALLOWED(limits_check_ratio(&limits, 6 * free_bytes, 2 * free_bytes, &err));
    REFUSED(limits_check_ratio(&limits, 6 * free_bytes + 3, 2 * free_bytes, &err), "--max-ratio");
    /* Three times as much would not fit into 64 bits. */
    ALLOWED(limits_check_ratio(&limits, UINT64_MAX, UINT64_MAX / 2, &err));
    REFUSED(limits_check_ratio(&limits, UINT64_MAX, UINT64_MAX / 4, &err), "--max-ratio");
}
END_TEST

START_TEST(the_depth_is_that_of_the_parts)
{
    const struct limits limits = {.depth_count = 3};
    ALLOWED(limits_check_depth(&limits, "a", &err));
    ALLOWED(limits_check_depth(&limits, "a/b/c", &err));
    REFUSED(limits_check_depth(&limits, "a/b/c/d", &err), "--max-depth");
}
END_TEST

Suite *limits_suite(void)
{
    Suite *suite = suite_create("limits");
    TCase *tests = tcase_create("limits");
    tcase_add_test(tests, zero_is_no_limit);
    tcase_add_test(tests, what_is_allowed_is_allowed_whole);
    tcase_add_test(tests, the_ratio_counts_behind_its_free_bytes);
    tcase_add_test(tests, the_depth_is_that_of_the_parts);
    suite_add_tcase(suite, tests);
    return suite;
}
