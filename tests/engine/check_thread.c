#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/quota.h"
#include "engine/thread.h"
#include "support/support.h"

Suite *thread_suite(void);

struct seen {
    char name[16];
    int blocked_count;
    struct lock lock;
    struct condition changed;
    bool is_done;
};

static void look(void *arg)
{
    struct seen *seen = arg;
    sigset_t mask;
    pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGALRM, SIGUSR1};
    seen->blocked_count = 0;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        seen->blocked_count += sigismember(&mask, signals[i]);
    lock_take(&seen->lock);
    seen->is_done = true;
    condition_signal(&seen->changed);
    lock_give(&seen->lock);
}

START_TEST(test_start)
{
    struct seen seen = {.is_done = false};
    struct thread thread;
    struct mr_error err = {0};
    sigset_t before, after;
    ck_assert_int_eq(lock_init(&seen.lock), MR_OK);
    ck_assert_int_eq(condition_init(&seen.changed), MR_OK);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    ck_assert_ok(thread_start(&thread, "a-name-that-is-too-long", look, &seen, &err), err);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    lock_take(&seen.lock);
    while (!seen.is_done)
        condition_wait(&seen.changed, &seen.lock);
    lock_give(&seen.lock);
    thread_join(&thread);
    ck_assert_str_eq(seen.name, "a-name-that-is-");
    ck_assert_int_eq(seen.blocked_count, 7);
    ck_assert_int_eq(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
    condition_fini(&seen.changed);
    lock_fini(&seen.lock);
}
END_TEST

/* How threads are scheduled. */
struct policies {
    int starting; /* of the thread that starts the other, which sets it; -1: as it is */
    int started;
    int child; /* of a process that the started one starts */
};

static void look_at_policies(void *arg)
{
    struct policies *policies = arg;
    int status = 0;
    policies->started = sched_getscheduler(0);
    pid_t child = fork();
    if (child == 0)
        _exit(sched_getscheduler(0));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    policies->child = WEXITSTATUS(status);
}

/* On a thread that is none of the engine's. */
static void *start_and_look(void *arg)
{
    struct policies *policies = arg;
    const struct sched_param none = {0};
    struct thread thread;
    struct mr_error err = {0};
    if (policies->starting >= 0)
        ck_assert_int_eq(sched_setscheduler(0, policies->starting, &none), 0);
    ck_assert_ok(thread_start(&thread, "policies", look_at_policies, policies, &err), err);
    thread_join(&thread);
    return NULL;
}

static struct policies policies_from(int starting)
{
    struct policies policies = {.starting = starting};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, start_and_look, &policies), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    return policies;
}

/* Whoever runs the process under another policy than the default one wants that. Linux hands on
 * what a thread has to processes that it starts. */
START_TEST(test_policy)
{
    bool is_default = sched_getscheduler(0) == SCHED_OTHER;
    struct policies policies = policies_from(-1);
    int expected = is_default ? SCHED_BATCH : sched_getscheduler(0);
    ck_assert_int_eq(policies.started, expected);
    ck_assert_int_eq(policies.child, expected);
    static const int others[] = {SCHED_BATCH, SCHED_IDLE};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        policies = policies_from(others[i]);
        ck_assert_int_eq(policies.started, others[i]);
        ck_assert_int_eq(policies.child, others[i]);
    }
}
END_TEST

START_TEST(test_deadlines)
{
    struct lock lock;
    struct condition condition;
    ck_assert_int_eq(deadline_from_ms(-1), INT64_MAX);
    ck_assert_int_eq(deadline_from_ms(INT64_MAX), INT64_MAX);
    int64_t now_ns = clock_now_ns(), deadline_ns = deadline_from_ms(30);
    ck_assert_int_ge(deadline_ns, now_ns + 30000000);
    ck_assert_int_lt(deadline_ns, now_ns + 10030000000);
    ck_assert_int_eq(lock_init(&lock), MR_OK);
    ck_assert_int_eq(condition_init(&condition), MR_OK);
    lock_take(&lock);
    while (condition_wait_until(&condition, &lock, deadline_ns))
        ;
    ck_assert_int_ge(clock_now_ns(), deadline_ns);
    ck_assert(!condition_wait_until(&condition, &lock, 0));
    ck_assert(!condition_wait_until(&condition, &lock, -5));
    lock_give(&lock);
    condition_fini(&condition);
    lock_fini(&lock);
}
END_TEST

/* ---- quotas ---- */

static char *root;

static unsigned quota(const char *list)
{
    char path[512];
    support_write_file(root, "list", list, strlen(list));
    snprintf(path, sizeof(path), "%s/list", root);
    return quota_processor_count(path, root);
}

static void put(const char *name, const char *text)
{
    support_write_file(root, name, text, strlen(text));
}

START_TEST(test_quota_version_2)
{
    root = support_temp_directory();
    ck_assert_uint_eq(quota(""), 0);
    ck_assert_uint_eq(quota("0::/a/b\n"), 0);
    put("a/b/cpu.max", "max 100000\n");
    ck_assert_uint_eq(quota("0::/a/b\n"), 0);
    put("a/b/cpu.max", "250000 100000\n");
    ck_assert_uint_eq(quota("0::/a/b\n"), 3); /* rounded up */
    put("a/cpu.max", "200000 100000\n");
    ck_assert_uint_eq(quota("0::/a/b\n"), 2); /* a parent's is smaller */
    put("cpu.max", "1000 100000\n");
    ck_assert_uint_eq(quota("0::/a/b\n"), 1);
    ck_assert_uint_eq(quota("0::/\n"), 1);
    ck_assert_uint_eq(quota("0::/not/mounted/here\n"), 1); /* in a container: the root counts */
    put("cpu.max", "nonsense\n");
    ck_assert_uint_eq(quota("0::/a\n"), 2);
    put("a/cpu.max", "0 0\n");
    ck_assert_uint_eq(quota("0::/a\n"), 0);
    ck_assert_uint_eq(quota("no colons\n:\n::\n0:\n"), 0);
    ck_assert_uint_eq(quota_processor_count("/nonexistent", root), 0);
    support_remove(root);
}
END_TEST

START_TEST(test_quota_version_1)
{
    root = support_temp_directory();
    put("cpu/x/cpu.cfs_quota_us", "150000\n");
    ck_assert_uint_eq(quota("4:cpu,cpuacct:/x\n"), 0); /* no period */
    put("cpu/x/cpu.cfs_period_us", "50000\n");
    ck_assert_uint_eq(quota("4:cpu,cpuacct:/x\n"), 3);
    ck_assert_uint_eq(quota("5:memory:/x\n4:cpuacct,cpu:/x/y\n0::/\n"), 3);
    ck_assert_uint_eq(quota("4:cpuset,cpuacct:/x\n"), 0); /* not the cpu controller */
    put("cpu/x/cpu.cfs_quota_us", "-1\n");
    ck_assert_uint_eq(quota("4:cpu:/x\n"), 0);
    support_remove(root);
}
END_TEST

START_TEST(test_processor_count)
{
    cpu_set_t set, one;
    unsigned count = thread_processor_count();
    ck_assert_uint_ge(count, 1);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
    ck_assert_uint_le(count, (unsigned)CPU_COUNT(&set));
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &set)) {
            CPU_SET(i, &one);
            break;
        }
    }
    ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
    ck_assert_uint_eq(thread_processor_count(), 1);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(set), &set), 0);
}
END_TEST

Suite *thread_suite(void)
{
    Suite *suite = suite_create("thread");
    TCase *tests = tcase_create("thread");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_start);
    tcase_add_test(tests, test_policy);
    tcase_add_test(tests, test_deadlines);
    tcase_add_test(tests, test_quota_version_2);
    tcase_add_test(tests, test_quota_version_1);
    tcase_add_test(tests, test_processor_count);
    suite_add_tcase(suite, tests);
    return suite;
}
