#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/usage.h"
#include "support/support.h"

#define SPENT_NS INT64_C(300000000)
#define SPENT_S  0.3
/* The system counts what others use in ticks of 10 ms, for each of four numbers. */
#define LEAST_S (SPENT_S - 0.05)

Suite *usage_suite(void);

static void spend(void)
{
    for (int64_t end_ns = clock_cpu_ns() + SPENT_NS; clock_cpu_ns() < end_ns;)
        continue;
}

/* Spends time, says so, and stays. */
static pid_t start_child(void)
{
    int done[2];
    char byte;
    ck_assert_int_eq(pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        spend();
        if (write(done[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(done[1]);
    ck_assert_int_eq(read(done[0], &byte, 1), 1);
    close(done[0]);
    return child;
}

static void end_child(pid_t child)
{
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

START_TEST(counts_itself)
{
    double before_s = usage_cpu_s();
    spend();
    ck_assert_double_ge(usage_cpu_s() - before_s, LEAST_S);
}
END_TEST

/* The same before and after it is waited for. */
START_TEST(counts_children_that_run)
{
    double before_s = usage_cpu_s();
    pid_t child = start_child();
    double running_s = usage_cpu_s() - before_s;
    end_child(child);
    double ended_s = usage_cpu_s() - before_s;
    ck_assert_double_ge(running_s, LEAST_S);
    ck_assert_double_ge(ended_s, running_s - 0.05);
    ck_assert_double_le(ended_s, running_s + 0.2);
}
END_TEST

static void *start_in_thread(void *child)
{
    *(pid_t *)child = start_child();
    return NULL;
}

/* Also the child of a thread that is no more. */
START_TEST(counts_children_of_threads)
{
    pthread_t thread;
    pid_t child;
    double before_s = usage_cpu_s();
    ck_assert_int_eq(pthread_create(&thread, NULL, start_in_thread, &child), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_double_ge(usage_cpu_s() - before_s, LEAST_S);
    end_child(child);
}
END_TEST

Suite *usage_suite(void)
{
    Suite *suite = suite_create("usage");
    TCase *tests = tcase_create("usage");
    tcase_add_test(tests, counts_itself);
    tcase_add_test(tests, counts_children_that_run);
    tcase_add_test(tests, counts_children_of_threads);
    suite_add_tcase(suite, tests);
    return suite;
}
