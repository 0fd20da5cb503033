#include "observe/digest.h"

#include <stdio.h>

#include "support/support.h"

Suite *digest_suite(void);

static struct digest *new_digest(size_t kept_max)
{
    struct digest *digest;
    struct mr_error err = {0};
    ck_assert_ok(digest_create(kept_max, &digest, &err), err);
    return digest;
}

static void put(struct digest *digest, const char *path, int64_t process_ns, const char *reason)
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
    ck_assert_ok(digest_item(digest, &record, &err), err);
}

START_TEST(adds_up)
{
    struct digest *digest = new_digest(10);
    put(digest, "a", 100, "");
    put(digest, "b", 200, "bad");
    ck_assert_uint_eq(digest->item_count, 2);
    ck_assert_uint_eq(digest->counts[RECORD_STORED], 1);
    ck_assert_uint_eq(digest->counts[RECORD_FAILED], 1);
    ck_assert_uint_eq(digest->in_bytes, 20);
    ck_assert_uint_eq(digest->out_bytes, 6);
    ck_assert_int_eq(digest->stage_ns[RECORD_LOAD], 2);
    ck_assert_int_eq(digest->stage_ns[RECORD_PROCESS], 300);
    ck_assert_int_eq(digest->stage_ns[RECORD_STORE], 4);
    ck_assert_uint_eq(digest->failed_in[RECORD_PROCESS], 1);
    ck_assert_uint_eq(digest->failed_in[RECORD_STAGES], 0);
    digest_destroy(digest);
}
END_TEST

/* Whatever the order they come in. */
START_TEST(keeps_the_dearest)
{
    for (uint64_t seed = 1; seed < 30; seed++) {
        struct digest *digest = new_digest(7);
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
            put(digest, path, 1000 * order[i], "");
        }
        digest_sort(digest);
        ck_assert_uint_eq(digest->dearest.count, 7);
        for (unsigned i = 0; i < 7; i++)
            ck_assert_int_eq(atoi(digest->dearest.items[i].record.path), 49 - (int)i);
        digest_destroy(digest);
    }
}
END_TEST

START_TEST(groups_reasons)
{
    struct digest *digest = new_digest(2);
    for (unsigned i = 0; i < 3; i++)
        put(digest, "one", 0, "rare");
    for (unsigned i = 0; i < 5; i++)
        put(digest, "two", 0, "often");
    digest_sort(digest);
    ck_assert_uint_eq(digest->reason_count, 2);
    ck_assert_str_eq(digest->reasons[0].text, "often");
    ck_assert_uint_eq(digest->reasons[0].count, 5);
    ck_assert_str_eq(digest->reasons[0].example, "two");
    ck_assert_uint_eq(digest->reasons[1].count, 3);
    ck_assert_uint_eq(digest->failed.count, 2);
    digest_destroy(digest);
}
END_TEST

START_TEST(bounds_reasons)
{
    struct digest *digest = new_digest(1);
    for (unsigned i = 0; i < DIGEST_REASONS_MAX + 5; i++) {
        char reason[20];
        sprintf(reason, "reason %u", i);
        put(digest, "x", 0, reason);
    }
    put(digest, "x", 0, "reason 0");
    ck_assert_uint_eq(digest->reason_count, DIGEST_REASONS_MAX);
    ck_assert_uint_eq(digest->other_reasons_count, 5);
    ck_assert_uint_eq(digest->reasons[0].count, 2);
    digest_destroy(digest);
}
END_TEST

START_TEST(sorts_times_into_ranges)
{
    ck_assert_int_eq(digest_time_limit(0), 1000);
    ck_assert_int_eq(digest_time_limit(1), 2000);
    ck_assert_int_eq(digest_time_limit(2), 5000);
    ck_assert_int_eq(digest_time_limit(9), 1000000);
    struct digest *digest = new_digest(1);
    put(digest, "x", 996, ""); /* and 3 in other stages */
    put(digest, "x", 997, "");
    put(digest, "x", INT64_C(1) << 60, "");
    ck_assert_uint_eq(digest->times[0], 1);
    ck_assert_uint_eq(digest->times[1], 1);
    ck_assert_uint_eq(digest->times[DIGEST_TIMES - 1], 1);
    digest_destroy(digest);
}
END_TEST

Suite *digest_suite(void)
{
    Suite *suite = suite_create("digest");
    TCase *tests = tcase_create("digest");
    tcase_add_test(tests, adds_up);
    tcase_add_test(tests, keeps_the_dearest);
    tcase_add_test(tests, groups_reasons);
    tcase_add_test(tests, bounds_reasons);
    tcase_add_test(tests, sorts_times_into_ranges);
    suite_add_tcase(suite, tests);
    return suite;
}
