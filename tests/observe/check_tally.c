#include "observe/tally.h"

#include <stdio.h>

#include "support/support.h"

Suite *tally_suite(void);

static struct tally *new_tally(size_t kept_max)
{
    struct tally *tally;
    struct mr_error err = {0};
    ck_assert_ok(tally_create(kept_max, &tally, &err), err);
    return tally;
}

static void put(struct tally *tally, const char *path, int64_t process_ns, const char *reason)
{
    const struct record record = {.status = *reason ? RECORD_FAILED : RECORD_STORED,
                                  .kind = "file",
                                  .path = path,
                                  .member = "",
                                  .output = "",
                                  .reason = reason,
                                  .stage = *reason ? "process" : "",
                                  .in_bytes = 10,
                                  .out_bytes = 3,
                                  .stage_ns = {1, process_ns, 2}};
    struct mr_error err = {0};
    ck_assert_ok(tally_item(tally, &record, &err), err);
}

START_TEST(adds_up)
{
    struct tally *tally = new_tally(10);
    put(tally, "a", 100, "");
    put(tally, "b", 200, "bad");
    ck_assert_uint_eq(tally->item_count, 2);
    ck_assert_uint_eq(tally->counts[RECORD_STORED], 1);
    ck_assert_uint_eq(tally->counts[RECORD_FAILED], 1);
    ck_assert_uint_eq(tally->in_bytes, 20);
    ck_assert_uint_eq(tally->out_bytes, 6);
    ck_assert_int_eq(tally->stage_ns[RECORD_LOAD], 2);
    ck_assert_int_eq(tally->stage_ns[RECORD_PROCESS], 300);
    ck_assert_int_eq(tally->stage_ns[RECORD_STORE], 4);
    ck_assert_uint_eq(tally->failed_in[RECORD_PROCESS], 1);
    ck_assert_uint_eq(tally->failed_in[RECORD_STAGES], 0);
    tally_destroy(tally);
}
END_TEST

/* Whatever the order they come in. */
START_TEST(keeps_the_dearest)
{
    for (uint64_t seed = 1; seed < 30; seed++) {
        struct tally *tally = new_tally(7);
        unsigned order[50];
        uint64_t state = seed;
        for (unsigned i = 0; i < 50; i++) {
            unsigned at = (unsigned)(support_random(&state) % (i + 1));
            order[i] = order[at];
            order[at] = i;
        }
        for (unsigned i = 0; i < 50; i++) {
            char path[10];
            sprintf(path, "%u", order[i]);
            put(tally, path, 1000 * order[i], "");
        }
        tally_sort(tally);
        ck_assert_uint_eq(tally->dearest.count, 7);
        for (unsigned i = 0; i < 7; i++)
            ck_assert_int_eq(atoi(tally->dearest.items[i].record.path), 49 - (int)i);
        tally_destroy(tally);
    }
}
END_TEST

START_TEST(groups_reasons)
{
    struct tally *tally = new_tally(2);
    for (unsigned i = 0; i < 3; i++)
        put(tally, "one", 0, "rare");
    for (unsigned i = 0; i < 5; i++)
        put(tally, "two", 0, "often");
    tally_sort(tally);
    ck_assert_uint_eq(tally->reason_count, 2);
    ck_assert_str_eq(tally->reasons[0].text, "often");
    ck_assert_uint_eq(tally->reasons[0].count, 5);
    ck_assert_str_eq(tally->reasons[0].example, "two");
    ck_assert_uint_eq(tally->reasons[1].count, 3);
    ck_assert_uint_eq(tally->failed.count, 2);
    tally_destroy(tally);
}
END_TEST

START_TEST(bounds_reasons)
{
    struct tally *tally = new_tally(1);
    for (unsigned i = 0; i < TALLY_REASONS_MAX + 5; i++) {
        char reason[20];
        sprintf(reason, "reason %u", i);
        put(tally, "x", 0, reason);
    }
    put(tally, "x", 0, "reason 0");
    ck_assert_uint_eq(tally->reason_count, TALLY_REASONS_MAX);
    ck_assert_uint_eq(tally->other_reasons_count, 5);
    ck_assert_uint_eq(tally->reasons[0].count, 2);
    tally_destroy(tally);
}
END_TEST

/* A report may say any. */
START_TEST(holds_the_longest_times)
{
    struct tally *tally = new_tally(2);
    put(tally, "longest", INT64_MAX, "");
    put(tally, "longest again", INT64_MAX, "");
    put(tally, "short", 1, "");
    tally_sort(tally);
    ck_assert_int_eq(tally->stage_ns[1], INT64_MAX);
    ck_assert_int_eq(record_cost_ns(&tally->dearest.items[0].record), INT64_MAX);
    ck_assert_int_eq(record_cost_ns(&tally->dearest.items[1].record), INT64_MAX);
    tally_destroy(tally);
}
END_TEST

START_TEST(sorts_times_into_ranges)
{
    ck_assert_int_eq(tally_time_limit(0), 1000);
    ck_assert_int_eq(tally_time_limit(1), 2000);
    ck_assert_int_eq(tally_time_limit(2), 5000);
    ck_assert_int_eq(tally_time_limit(9), 1000000);
    struct tally *tally = new_tally(1);
    put(tally, "x", 996, ""); /* and 3 in other stages */
    put(tally, "x", 997, "");
    put(tally, "x", INT64_C(1) << 60, "");
    ck_assert_uint_eq(tally->times[0], 1);
    ck_assert_uint_eq(tally->times[1], 1);
    ck_assert_uint_eq(tally->times[TALLY_TIMES - 1], 1);
    tally_destroy(tally);
}
END_TEST

Suite *tally_suite(void)
{
    Suite *suite = suite_create("tally");
    TCase *tests = tcase_create("tally");
    tcase_add_test(tests, adds_up);
    tcase_add_test(tests, keeps_the_dearest);
    tcase_add_test(tests, groups_reasons);
    tcase_add_test(tests, bounds_reasons);
    tcase_add_test(tests, holds_the_longest_times);
    tcase_add_test(tests, sorts_times_into_ranges);
    suite_add_tcase(suite, tests);
    return suite;
}
