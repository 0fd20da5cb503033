/* What an earlier bench's report says, and what counts as a change. */
#include "bench/change.h"

#include <math.h>
#include <stdio.h>

#include "support/support.h"

Suite *change_suite(void);

static double chance(const double *a, unsigned a_count, const double *b, unsigned b_count)
{
    double one = change_chance(a, a_count, b, b_count);
    ck_assert(fabs(change_chance(b, b_count, a, a_count) - one) < 1e-12);
    return one;
}

/* The second factor of 2 is for both ways; the numbers of arrangements were counted one by one. */
START_TEST(knows_the_chance)
{
    const double low[] = {1, 2, 3, 4, 5}, high[] = {6, 7, 8, 9, 10},
                 mixed[] = {1.5, 2.5, 3.5, 8, 9};
    ck_assert(fabs(chance(low, 5, high, 5) - 2.0 / 252) < 1e-12);
    ck_assert(fabs(chance(low, 3, high, 3) - 2.0 / 20) < 1e-12);
    ck_assert(fabs(chance(low, 4, high, 4) - 2.0 / 70) < 1e-12);
    ck_assert(fabs(chance(low, 1, high, 1) - 1) < 1e-12);
    ck_assert(fabs(chance(low, 5, mixed, 5) - 2 * 69.0 / 252) < 1e-12); /* U = 9 */
    ck_assert(fabs(chance(low, 5, low, 5) - 1) < 1e-12);
    ck_assert(chance(low, 0, high, 5) >= 1);
}
END_TEST

/* Where both are known they hardly differ. */
START_TEST(large_samples_go_by_the_normal_distribution)
{
    double a[21], b[21];
    for (unsigned i = 0; i < 21; i++) {
        a[i] = i;
        b[i] = i + 5.5;
    }
    ck_assert(fabs(chance(a, 20, b, 20) - 0.0094836072) < 1e-9); /* U = 105 */
    ck_assert(fabs(chance(a, 21, b, 21) - 0.0118838721) < 1e-9); /* U = 120; exactly 0.0108 */
    ck_assert(fabs(chance(a, 21, a, 21) - 1) < 0.03);
}
END_TEST

static struct past read_report(const char *text, enum mr_status expected, const char *why)
{
    char *directory = support_temp_directory(), path[400];
    struct past past;
    struct mr_error err = {0};
    support_write_file(directory, "r.json", text, strlen(text));
    snprintf(path, sizeof(path), "%s/r.json", directory);
    ck_assert_int_eq(past_read(path, &past, &err), expected);
    ck_assert_msg(!why || strstr(err.text, why), "%s", err.text);
    support_remove(directory);
    return past;
}

#define ROUND(rate) "{\"wall_s\":1,\"cpu_s\":2,\"in_bytes_per_s\":" rate ",\"load\":{\"busy\":1}}"
static const char report[] =
    "{\"millrace\":\"0.1.0\",\"kind\":\"bench\",\"operations\":\"-p gzip\",\"processors\":2,"
    "\"is_in_memory\":true,\"sample_items\":3,\"sample_bytes\":70,\"later\":[{\"x\":1}],"
    "\"combinations\":["
    "{\"readers\":1,\"workers\":2,\"writers\":1,\"pool\":\"split\",\"memory\":64,\"in_bytes\":100,"
    "\"median\":{\"cpu_s\":2},\"rounds\":[" ROUND("10") "," ROUND("12") "," ROUND("11") "," ROUND(
        "13") "," ROUND("14") "]},"
                              "{\"readers\":9,\"workers\":2,\"writers\":9,\"pool\":\"shared\","
                              "\"memory\":64,\"level\":6,"
                              "\"rounds\":[]}]}";

START_TEST(reads_a_report)
{
    struct past past = read_report(report, MR_OK, NULL);
    ck_assert_str_eq(past.operations, "-p gzip");
    ck_assert(past.is_in_memory && past.sample_items == 3 && past.sample_bytes == 70);
    ck_assert_uint_eq(past.processor_count, 2);
    ck_assert_uint_eq(past.row_count, 2);
    const struct past_row *row = &past.rows[0];
    ck_assert_uint_eq(row->round_count, 5);
    ck_assert(fabs(row->in_rates[1] - 12) < 1e-9 && fabs(row->cpu_s[4] - 2) < 1e-9);
    ck_assert_uint_eq(row->point.values[SWEEP_WORKERS], 2);
    ck_assert_uint_eq(row->point.values[SWEEP_POOL], 0);
    ck_assert_uint_eq(past.rows[1].point.values[SWEEP_POOL], 1);
    ck_assert_uint_eq(past.rows[1].point.values[SWEEP_LEVEL], 6);
    past_fini(&past);
}
END_TEST

START_TEST(refuses_what_is_no_report)
{
    static const char *const texts[] = {"",
                                        "[]",
                                        "{}",
                                        "7",
                                        "{\"kind\":\"run\"}",
                                        "{\"kind\":\"bench\",\"combinations\":[7]}",
                                        "{\"kind\":\"bench\",\"combinations\":[{\"rounds\":[7]}]}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct past past = read_report(texts[i], MR_E_DATA, "is no report");
        past_fini(&past);
    }
    for (size_t length = 1; length < sizeof(report) - 1; length += 7) {
        char cut[sizeof(report)] = "";
        memcpy(cut, report, length);
        struct past past = read_report(cut, MR_E_DATA, "r.json");
        past_fini(&past);
    }
    struct past past;
    struct mr_error err = {0};
    ck_assert_int_eq(past_read("/nowhere/r.json", &past, &err), MR_E_SYSTEM);
    past_fini(&past);
}
END_TEST

static void judge(const double *rates, unsigned count, enum change_verdict verdict)
{
    struct past past = read_report(report, MR_OK, NULL);
    struct trial trials[10] = {{0}};
    struct bench_row row = {.trials = trials, .trial_count = count, .in_bytes = 100};
    row.point = past.rows[0].point;
    for (unsigned i = 0; i < count; i++)
        trials[i].in_rate = rates[i];
    row.median.in_rate = count > 0 ? rates[count / 2] : 0;
    row.median.cpu_s = 1;
    struct change change;
    change_judge(&row, change_find_then(&past, &row.point, false), &change);
    ck_assert_int_eq(change.verdict, verdict);
    if (verdict != CHANGE_NONE) {
        ck_assert(fabs(change.then_rate - 12) < 1e-9);
        ck_assert(fabs(change.cpu_ratio - 0.5) < 1e-9);
        ck_assert(fabs(change.ratio - row.median.in_rate / 12) < 1e-9);
    }
    past_fini(&past);
}

START_TEST(judges_by_the_rounds)
{
    judge((const double[]){15, 16, 17, 18, 19}, 5, CHANGE_FASTER);
    judge((const double[]){5, 6, 7, 8, 9}, 5, CHANGE_SLOWER);
    judge((const double[]){13.5, 16, 17, 18, 19}, 5, CHANGE_SAME); /* one is below one of then */
    judge((const double[]){15, 16, 17, 18}, 4, CHANGE_TOO_FEW);
    judge(NULL, 0, CHANGE_NONE);
}
END_TEST

START_TEST(finds_the_same_sizes)
{
    struct past past = read_report(report, MR_OK, NULL);
    struct sweep_point point = past.rows[0].point;
    point.values[SWEEP_MEMORY] = 128;
    ck_assert(change_find_then(&past, &point, false) == &past.rows[0]);
    ck_assert(!change_find_then(&past, &point, true));
    past.rows[1].point.values[SWEEP_MEMORY] = 256; /* it was swept then */
    ck_assert(!change_find_then(&past, &point, false));
    point.values[SWEEP_MEMORY] = 64;
    point.values[SWEEP_READERS] = 2;
    ck_assert(!change_find_then(&past, &point, false));
    point = past.rows[1].point;
    point.values[SWEEP_READERS] = 1; /* means nothing with one pool */
    ck_assert(change_find_then(&past, &point, false) == &past.rows[1]);
    point.values[SWEEP_LEVEL] = 1;
    ck_assert(!change_find_then(&past, &point, false));

    struct bench_row row = {.point = past.rows[0].point};
    struct bench bench = {.rows = &row, .row_count = 1};
    ck_assert(change_is_there(&bench, &past, &past.rows[0], false));
    ck_assert(!change_is_there(&bench, &past, &past.rows[1], false));
    past_fini(&past);
}
END_TEST

Suite *change_suite(void)
{
    Suite *suite = suite_create("change");
    TCase *tests = tcase_create("change");
    tcase_add_test(tests, knows_the_chance);
    tcase_add_test(tests, large_samples_go_by_the_normal_distribution);
    tcase_add_test(tests, reads_a_report);
    tcase_add_test(tests, refuses_what_is_no_report);
    tcase_add_test(tests, judges_by_the_rounds);
    tcase_add_test(tests, finds_the_same_sizes);
    suite_add_tcase(suite, tests);
    return suite;
}
