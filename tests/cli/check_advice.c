/* What --stats advises, for runs that were limited by different things. */
#include "cli/advice.h"

#include "support/support.h"

/* Ten seconds of one thread for each stage, on four processors; all of them idle. */
static struct job_figures idle_figures(void)
{
    struct job_figures figures = {.elapsed_s = 10, .memory_bytes = 1 << 30};
    for (unsigned s = 0; s < JOB_STAGES; s++)
        figures.stages[s] =
            (struct job_stage_figures){.thread_count = 1, .starved_s = 10, .thread_s = 10};
    return figures;
}

/* One stage was busy for the whole time, and the others waited for it. */
static struct job_figures busy_figures(enum job_stage stage)
{
    struct job_figures figures = idle_figures();
    figures.stages[stage].starved_s = 0.5;
    figures.stages[stage].busy_s = 9.5;
    figures.limiting = stage;
    return figures;
}

static void expect_advice(const struct job_figures *figures, double cpu_s, double load,
                          const char *part)
{
    char text[200];
    const struct advice_facts facts = {
        .figures = figures, .cpu_s = cpu_s, .processor_count = 4, .load = load};
    advice_give(&facts, text, sizeof(text));
    ck_assert_msg(strstr(text, part), "not '%s': %s", part, text);
    ck_assert_uint_lt(strlen(text), sizeof(text) - 1);
}

START_TEST(more_of_the_threads_that_have_no_time_left)
{
    struct job_figures figures = busy_figures(JOB_LOAD);
    expect_advice(&figures, 10, 1, "try -R 4");
    figures = busy_figures(JOB_PROCESS);
    expect_advice(&figures, 10, 1, "try -j 4");
    figures = busy_figures(JOB_STORE);
    expect_advice(&figures, 10, 1, "try -W 4");
}
END_TEST

START_TEST(not_more_than_the_processors_can_do)
{
    struct job_figures figures = busy_figures(JOB_PROCESS);
    expect_advice(&figures, 38, 4,
                  "the processors were busy 95% of the time, most of it in process");
    expect_advice(&figures, 10, 9, "other programs use the processors");
}
END_TEST

START_TEST(more_than_processors_where_threads_wait)
{
    struct job_figures figures = busy_figures(JOB_PROCESS);
    figures.stages[JOB_PROCESS].thread_count = 4;
    expect_advice(&figures, 4, 1, "try -j 8");
}
END_TEST

START_TEST(what_takes_one_at_a_time)
{
    struct job_figures figures = busy_figures(JOB_LOAD);
    figures.is_serial_source = true;
    expect_advice(&figures, 10, 1, "-R does not help: the input is a serial stream");
    figures = busy_figures(JOB_STORE);
    figures.is_serial_sink = true;
    expect_advice(&figures, 10, 1, "-W does not help: the output takes one item at a time");
    figures = idle_figures();
    figures.is_serial_source = true;
    expect_advice(&figures, 10, 1, "-R and -j do not help: the input is a serial stream");
    figures.is_serial_source = false;
    figures.is_serial_sink = figures.is_ordered = true;
    expect_advice(&figures, 10, 1, "--unordered");
}
END_TEST

START_TEST(memory_that_was_used_up)
{
    struct job_figures figures = idle_figures();
    expect_advice(&figures, 10, 1, "no stage was busy");
    figures.memory_peak_bytes = figures.memory_bytes;
    expect_advice(&figures, 10, 1, "--memory");
    /* Two that take two thirds each are never in it at once. */
    figures.memory_peak_bytes = figures.memory_item_bytes = figures.memory_bytes / 3 * 2;
    expect_advice(&figures, 10, 1, "--memory");
    figures.memory_item_bytes = figures.memory_bytes / 4;
    expect_advice(&figures, 10, 1, "no stage was busy");
}
END_TEST

START_TEST(one_pool_for_all)
{
    struct job_figures figures = {.elapsed_s = 10, .is_shared = true, .limiting = JOB_STORE};
    for (unsigned s = 0; s < JOB_STAGES; s++)
        figures.stages[s] = (struct job_stage_figures){.thread_count = 2, .thread_s = 20};
    figures.idle_s = 1;
    expect_advice(&figures, 20, 2, "try -j 4");
    expect_advice(&figures, 39, 2, "most of it in store");
    figures.idle_s = 15;
    figures.is_serial_source = true;
    expect_advice(&figures, 5, 1, "serial stream");
}
END_TEST

START_TEST(short_runs_say_nothing)
{
    struct job_figures figures = busy_figures(JOB_LOAD);
    figures.elapsed_s = 0.2;
    expect_advice(&figures, 0.1, 1, "too short");
    figures.elapsed_s = 0;
    expect_advice(&figures, 0, 0, "too short");
}
END_TEST

Suite *advice_suite(void)
{
    Suite *suite = suite_create("advice");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, more_of_the_threads_that_have_no_time_left);
    tcase_add_test(tests, not_more_than_the_processors_can_do);
    tcase_add_test(tests, more_than_processors_where_threads_wait);
    tcase_add_test(tests, what_takes_one_at_a_time);
    tcase_add_test(tests, memory_that_was_used_up);
    tcase_add_test(tests, one_pool_for_all);
    tcase_add_test(tests, short_runs_say_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
