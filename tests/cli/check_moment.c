/* What the figures of a run say of the last second: rates, stages, the share done, the ETA. */
#include "cli/moment.h"

#include "support/support.h"

#define TICK_S 0.1

/* A run of two threads that loads 10 MB a second in 10 items, and makes a tenth of it. */
static struct job_figures figures_at(double elapsed_s)
{
    struct job_figures figures = {
        .elapsed_s = elapsed_s,
        .stored_count = (uint64_t)(elapsed_s * 10 + 0.5),
        .in_bytes = (uint64_t)(elapsed_s * 1e7 + 0.5),
        .through_bytes = (uint64_t)(elapsed_s * 1e7 + 0.5),
        .out_bytes = (uint64_t)(elapsed_s * 1e6 + 0.5),
        .in_flight_count = 4,
        .is_sized = true,
        .is_shared = true,
    };
    figures.found_count = figures.stored_count + 4;
    for (unsigned s = 0; s < JOB_STAGES; s++)
        figures.stages[s] =
            (struct job_stage_figures){.thread_count = 2, .thread_s = 2 * elapsed_s};
    return figures;
}

static void run_until(struct moments *moments, double end_s, const struct expected *expected)
{
    for (int tick = 1; tick * TICK_S < end_s + TICK_S / 2; tick++) {
        struct job_figures figures = figures_at(tick * TICK_S);
        moments_add(moments, &figures, expected);
    }
}

static void expect_near(double value, double expected)
{
    ck_assert_msg(value > expected * 0.99 - 1e-9 && value < expected * 1.01 + 1e-9,
                  "%g is not %g", value, expected);
}

START_TEST(rates_are_those_of_the_last_second)
{
    struct moments moments = {0};
    struct expected unknown = {0};
    struct moment moment;
    run_until(&moments, 10, &unknown);
    struct job_figures figures = figures_at(10);
    figures.in_bytes += 30000000; /* suddenly four times as fast */
    figures.elapsed_s += 1;
    moments_add(&moments, &figures, &unknown);
    moments_show(&moments, &unknown, &moment);
    expect_near(moment.in_rate, 3e7);
    expect_near(moment.out_rate, 0);
    ck_assert_uint_eq(moment.done_count, 100);
    ck_assert_uint_eq(moment.total_count, 104);
    ck_assert(!moment.is_total_known);
    ck_assert(moment.share < 0 && moment.eta_s < 0);
}
END_TEST

START_TEST(the_first_tick_has_rates)
{
    struct moments moments = {0};
    struct expected unknown = {0};
    struct moment moment;
    run_until(&moments, TICK_S, &unknown);
    moments_show(&moments, &unknown, &moment);
    expect_near(moment.in_rate, 1e7);
    expect_near(moment.out_rate, 1e6);
}
END_TEST

START_TEST(the_eta_is_by_bytes_where_they_are_known)
{
    struct moments moments = {0};
    struct expected all = {.is_known = true, .is_sized = true, .count = 1000, .bytes = 100000000};
    struct moment moment;
    run_until(&moments, 4, &all);
    moments_show(&moments, &all, &moment);
    expect_near(moment.share, 0.4);
    expect_near(moment.eta_s, 6);
    ck_assert(moment.is_total_known);
    ck_assert_uint_eq(moment.total_count, 1000);
}
END_TEST

START_TEST(the_eta_is_by_items_else)
{
    struct moments moments = {0};
    struct expected all = {.is_known = true, .count = 100};
    struct moment moment;
    run_until(&moments, 4, &all);
    moments_show(&moments, &all, &moment);
    expect_near(moment.share, 0.4);
    expect_near(moment.eta_s, 6);
}
END_TEST

START_TEST(what_is_found_out_late_counts_at_once)
{
    struct moments moments = {0};
    struct expected unknown = {0};
    struct expected all = {.is_known = true, .is_sized = true, .count = 100, .bytes = 100000000};
    struct moment moment;
    run_until(&moments, 2, &unknown);
    struct job_figures figures = figures_at(2 + TICK_S);
    moments_add(&moments, &figures, &all);
    moments_show(&moments, &all, &moment);
    expect_near(moment.eta_s, 7.9);
}
END_TEST

START_TEST(what_was_read_ahead_is_not_done)
{
    struct moments moments = {0};
    struct expected unknown = {0};
    struct moment moment;
    struct job_figures figures = figures_at(2);
    figures.is_found_all = true;
    figures.found_bytes = 80000000;
    figures.in_bytes = 80000000;
    figures.through_bytes = 40000000;
    moments_add(&moments, &figures, &unknown);
    moments_show(&moments, &unknown, &moment);
    expect_near(moment.share, 0.5);
    ck_assert(moment.is_total_known);
}
END_TEST

START_TEST(nothing_is_more_than_all)
{
    struct moments moments = {0};
    struct expected all = {.is_known = true, .is_sized = true, .count = 10, .bytes = 10};
    struct moment moment;
    run_until(&moments, 3, &all);
    moments_show(&moments, &all, &moment);
    ck_assert_double_eq(moment.share, 1);
    ck_assert_double_eq(moment.eta_s, 0);
    ck_assert_uint_eq(moment.total_count, 30); /* not less than what is done */
}
END_TEST

static void pass_a_second(struct job_figures *figures)
{
    figures->elapsed_s += 1;
    for (unsigned s = 0; s < JOB_STAGES; s++)
        figures->stages[s].thread_s += 2;
}

START_TEST(stages_of_a_pool_each)
{
    struct moments moments = {0};
    struct expected unknown = {0};
    struct moment moment;
    struct job_figures figures = figures_at(5);
    figures.is_shared = false;
    figures.stages[JOB_LOAD].blocked_s = 10; /* both threads, until now */
    moments_add(&moments, &figures, &unknown);
    pass_a_second(&figures);
    figures.stages[JOB_LOAD].blocked_s = 11.5; /* of 2 s */
    figures.stages[JOB_STORE].starved_s = 2;
    moments_add(&moments, &figures, &unknown);
    moments_show(&moments, &unknown, &moment);
    expect_near(moment.busy[JOB_LOAD], 0.25);
    expect_near(moment.busy[JOB_PROCESS], 1); /* in the middle of something */
    expect_near(moment.busy[JOB_STORE], 0);
    ck_assert_int_eq(moment.limiting, JOB_PROCESS);
}
END_TEST

START_TEST(stages_of_one_pool)
{
    struct moments moments = {0};
    struct expected unknown = {0};
    struct moment moment;
    struct job_figures figures = figures_at(5);
    moments_add(&moments, &figures, &unknown);
    pass_a_second(&figures);
    figures.stages[JOB_LOAD].busy_s = 0.4;
    figures.stages[JOB_STORE].busy_s = 1.2;
    figures.idle_s = 0.2;
    moments_add(&moments, &figures, &unknown);
    moments_show(&moments, &unknown, &moment);
    expect_near(moment.busy[JOB_LOAD], 0.2);
    expect_near(moment.busy[JOB_PROCESS], 0.1); /* the rest */
    expect_near(moment.busy[JOB_STORE], 0.6);
    ck_assert_int_eq(moment.limiting, JOB_STORE);
}
END_TEST

Suite *moment_suite(void)
{
    Suite *suite = suite_create("moment");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, rates_are_those_of_the_last_second);
    tcase_add_test(tests, the_first_tick_has_rates);
    tcase_add_test(tests, the_eta_is_by_bytes_where_they_are_known);
    tcase_add_test(tests, the_eta_is_by_items_else);
    tcase_add_test(tests, what_is_found_out_late_counts_at_once);
    tcase_add_test(tests, what_was_read_ahead_is_not_done);
    tcase_add_test(tests, nothing_is_more_than_all);
    tcase_add_test(tests, stages_of_a_pool_each);
    tcase_add_test(tests, stages_of_one_pool);
    suite_add_tcase(suite, tests);
    return suite;
}
