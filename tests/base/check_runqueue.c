#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/runqueue.h"
#include "support/support.h"

Suite *runqueue_suite(void);

static void spend(int64_t ns)
{
    for (int64_t end_ns = clock_cpu_ns() + ns; clock_cpu_ns() < end_ns;)
        ;
}

START_TEST(who_shares_a_processor_waits_for_it)
{
    int64_t before_ns = runqueue_waited_ns();
    if (before_ns < 0)
        return; /* this system does not tell */
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
    pid_t other = fork();
    if (other == 0) {
        spend(200000000);
        _exit(0);
    }
    int64_t start_ns = clock_now_ns();
    spend(100000000);
    int64_t waited_ns = runqueue_waited_ns() - before_ns, passed_ns = clock_now_ns() - start_ns;
    ck_assert_int_eq(waitpid(other, NULL, 0), other);
    /* What passed and was not spent; the counts may be late by a turn. */
    ck_assert_int_ge(waited_ns, (passed_ns - 100000000) / 2);
    ck_assert_int_gt(waited_ns, 10000000);
}
END_TEST

START_TEST(who_sleeps_neither_waits_nor_spends)
{
    struct timespec nap = {.tv_nsec = 1000000};
    int64_t cpu_ns = clock_cpu_ns(), start_ns = clock_now_ns();
    for (int i = 0; i < 50; i++)
        nanosleep(&nap, NULL);
    ck_assert_int_lt(clock_cpu_ns() - cpu_ns, clock_now_ns() - start_ns);
    ck_assert_int_ge(runqueue_waited_ns(), -1);
}
END_TEST

Suite *runqueue_suite(void)
{
    Suite *suite = suite_create("runqueue");
    TCase *tests = tcase_create("runqueue");
    tcase_add_test(tests, who_shares_a_processor_waits_for_it);
    tcase_add_test(tests, who_sleeps_neither_waits_nor_spends);
    suite_add_tcase(suite, tests);
    return suite;
}
