#include "engine/stash.h"
#include "support/support.h"

Suite *stash_suite(void);

static int objects[4], destroyed[4], destroyed_count;

static void destroy(void *object)
{
    destroyed[destroyed_count++] = (int)((int *)object - objects);
}

START_TEST(test_last_in_first_out_and_bounded)
{
    struct stash *stash;
    destroyed_count = 0;
    ck_assert_int_eq(stash_create(2, destroy, &stash), MR_OK);
    ck_assert_ptr_null(stash_take(stash));
    for (int i = 0; i < 3; i++)
        stash_put(stash, &objects[i]);
    ck_assert_int_eq(destroyed_count, 1);
    ck_assert_int_eq(destroyed[0], 2);
    ck_assert_ptr_eq(stash_take(stash), &objects[1]);
    stash_put(stash, &objects[3]);
    ck_assert_ptr_eq(stash_take(stash), &objects[3]);
    ck_assert_ptr_eq(stash_take(stash), &objects[0]);
    ck_assert_ptr_null(stash_take(stash));
    stash_put(stash, &objects[0]);
    stash_destroy(stash);
    ck_assert_int_eq(destroyed_count, 2);
    ck_assert_int_eq(destroyed[1], 0);
    stash_destroy(NULL);
}
END_TEST

START_TEST(test_no_room_at_all)
{
    struct stash *stash;
    destroyed_count = 0;
    ck_assert_int_eq(stash_create(0, destroy, &stash), MR_OK);
    stash_put(stash, &objects[1]);
    ck_assert_int_eq(destroyed_count, 1);
    ck_assert_ptr_null(stash_take(stash));
    stash_destroy(stash);
}
END_TEST

Suite *stash_suite(void)
{
    Suite *suite = suite_create("stash");
    TCase *tests = tcase_create("stash");
    tcase_add_test(tests, test_last_in_first_out_and_bounded);
    tcase_add_test(tests, test_no_room_at_all);
    suite_add_tcase(suite, tests);
    return suite;
}
