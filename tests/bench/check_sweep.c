#include "bench/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "support/support.h"

Suite *sweep_suite(void);

static const struct sweep_point defaults = {
    .values = {[SWEEP_READERS] = 7, [SWEEP_WORKERS] = 8, [SWEEP_WRITERS] = 9}};

static size_t count_points(const struct sweep *sweep)
{
    struct sweep_point *points = NULL;
    size_t count = 0;
    ck_assert_int_eq(sweep_points(sweep, &defaults, &points, &count, NULL), MR_OK);
    free(points);
    return count;
}

START_TEST(makes_every_combination)
{
    struct sweep sweep = {0};
    ck_assert_int_eq(sweep_add(&sweep, "workers=1-3", NULL), MR_OK);
    ck_assert_int_eq(sweep_add(&sweep, "memory=64M,1G", NULL), MR_OK);
    ck_assert_int_eq(sweep_add(&sweep, "workers=3,9", NULL), MR_OK); /* 3 is there already */
    struct sweep_point *points = NULL;
    size_t count = 0;
    ck_assert_int_eq(sweep_points(&sweep, &defaults, &points, &count, NULL), MR_OK);
    ck_assert_uint_eq(count, 8);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(points[i].values[SWEEP_READERS], 7);
        ck_assert_uint_eq(points[i].values[SWEEP_WRITERS], 9);
        for (size_t k = 0; k < i; k++)
            ck_assert_int_ne(memcmp(&points[i], &points[k], sizeof(points[i])), 0);
    }
    ck_assert_uint_eq(points[0].values[SWEEP_WORKERS], 1);
    ck_assert_uint_eq(points[0].values[SWEEP_MEMORY], UINT64_C(64) << 20);
    ck_assert_uint_eq(points[7].values[SWEEP_WORKERS], 9);
    ck_assert_uint_eq(points[7].values[SWEEP_MEMORY], UINT64_C(1) << 30);
    free(points);
}
END_TEST

START_TEST(one_pool_has_no_readers)
{
    struct sweep sweep = {0};
    ck_assert_int_eq(sweep_add(&sweep, "readers=1,2", NULL), MR_OK);
    ck_assert_int_eq(sweep_add(&sweep, "writers=1-3", NULL), MR_OK);
    ck_assert_int_eq(sweep_add(&sweep, "pool=split", NULL), MR_OK);
    ck_assert_uint_eq(count_points(&sweep), 6);
    ck_assert_int_eq(sweep_add(&sweep, "pool=shared", NULL), MR_OK);
    ck_assert_uint_eq(count_points(&sweep), 7);
}
END_TEST

START_TEST(nothing_swept_is_one_point)
{
    struct sweep sweep = {0};
    ck_assert_uint_eq(count_points(&sweep), 1);
}
END_TEST

START_TEST(refuses)
{
    static const char *const wrong[] = {
        "",           "workers",   "worker=1", "workers=", "workers=0", "workers=3-1",
        "workers=1-", "pool=both", "memory=0", "memory=x", "level=-1",  "workers=1-40"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct sweep sweep = {0};
        struct mr_error err = {0};
        ck_assert_msg(sweep_add(&sweep, wrong[i], &err) == MR_E_USAGE, "%s", wrong[i]);
        ck_assert_msg(err.text[0], "%s", wrong[i]);
    }
    struct sweep sweep = {0};
    for (int i = 0; i < 3; i++) {
        static const char *const large[] = {"readers=1-32", "workers=1-32", "writers=1-32"};
        ck_assert_int_eq(sweep_add(&sweep, large[i], NULL), MR_OK);
    }
    struct sweep_point *points = NULL;
    size_t count = 0;
    ck_assert_int_eq(sweep_points(&sweep, &defaults, &points, &count, NULL), MR_E_LIMIT);
}
END_TEST

START_TEST(knows_its_parts)
{
    ck_assert(sweep_is_part("level=1"));
    ck_assert(!sweep_is_part("level"));
    ck_assert(!sweep_is_part("levels=1"));
    ck_assert(!sweep_is_part("dir/readers=1"));
}
END_TEST

Suite *sweep_suite(void)
{
    Suite *suite = suite_create("sweep");
    TCase *tcase = tcase_create("sweep");
    tcase_add_test(tcase, makes_every_combination);
    tcase_add_test(tcase, one_pool_has_no_readers);
    tcase_add_test(tcase, nothing_swept_is_one_point);
    tcase_add_test(tcase, refuses);
    tcase_add_test(tcase, knows_its_parts);
    suite_add_tcase(suite, tcase);
    return suite;
}
