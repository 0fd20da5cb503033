/* The running median against one that is found by sorting. */
#include "base/median.h"

#include "support/support.h"

#define MANY 5000

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Near enough: 1.6%, for how it counts; and what 1/32 more values can move it. */
static void expect_median(struct median *median, const int64_t *values, size_t count)
{
    int64_t sorted[MANY];
    memcpy(sorted, values, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare);
    size_t slack = count / 32 + 1, middle = (count - 1) / 2;
    int64_t low = sorted[middle > slack ? middle - slack : 0];
    int64_t high = sorted[middle + slack < count ? middle + slack : count - 1];
    int64_t found = median_ns(median, 1);
    ck_assert_msg(found >= low - low / 60 && found <= high + high / 60,
                  "%lld is not from %lld to %lld (of %zu)", (long long)found, (long long)low,
                  (long long)high, count);
}

START_TEST(follows_what_comes_in)
{
    for (unsigned shape = 0; shape < 4; shape++) {
        static struct median median;
        memset(&median, 0, sizeof(median));
        uint64_t random = shape + 1;
        int64_t values[MANY];
        for (size_t i = 0; i < MANY; i++) {
            uint64_t drawn = support_random(&random);
            values[i] = (int64_t)(shape == 0   ? drawn % 1000000
                                  : shape == 1 ? drawn >> (1 + drawn % 60)
                                  : shape == 2 ? i * 1000
                                               : (MANY - i) * 1000000);
            median_add(&median, values[i]);
            if (i < 100 || i % 97 == 0)
                expect_median(&median, values, i + 1);
        }
        ck_assert_uint_eq(median_count(&median), MANY);
    }
}
END_TEST

START_TEST(is_exact_where_all_are_the_same)
{
    static const int64_t values[] = {0, 1, 63, 64, 65, 127, 128, 1000000, 2000000000, INT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        static struct median median;
        memset(&median, 0, sizeof(median));
        for (unsigned k = 0; k < 20; k++)
            median_add(&median, values[i]);
        int64_t error = median_ns(&median, 20) - values[i];
        ck_assert_int_le(error < 0 ? -error : error, values[i] / 64);
    }
}
END_TEST

START_TEST(says_nothing_before_there_are_enough)
{
    static struct median median;
    ck_assert_int_eq(median_ns(&median, 1), -1);
    for (unsigned i = 0; i < 9; i++)
        median_add(&median, -7);
    ck_assert_int_eq(median_ns(&median, 10), -1);
    median_add(&median, 5);
    ck_assert_int_eq(median_ns(&median, 10), 0);
}
END_TEST

Suite *median_suite(void)
{
    Suite *suite = suite_create("median");
    TCase *tests = tcase_create("median");
    tcase_add_test(tests, follows_what_comes_in);
    tcase_add_test(tests, is_exact_where_all_are_the_same);
    tcase_add_test(tests, says_nothing_before_there_are_enough);
    suite_add_tcase(suite, tests);
    return suite;
}
