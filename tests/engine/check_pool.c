#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/pool_support.h"
#include "engine/task.h"
#include "support/support.h"

Suite *pool_suite(void);

static struct mr_pool *make_pool(const char *name, unsigned thread_count, unsigned depth_count)
{
    struct mr_pool_config config = {.struct_bytes = sizeof(config),
                                    .name = name,
                                    .thread_count = thread_count,
                                    .depth_count = depth_count};
    struct mr_pool *pool;
    struct mr_error err = {0};
    ck_assert_ok(mr_pool_create(&config, &pool, &err), err);
    return pool;
}

static enum mr_status count_up(void *arg, void **result, struct mr_error *err)
{
    (void)err;
    atomic_fetch_add((atomic_int *)arg, 1);
    *result = arg;
    return MR_OK;
}

struct seen {
    char name[16];
    bool blocks_signals;
    struct mr_pool *pool;
};

static enum mr_status look(void *arg, void **result, struct mr_error *err)
{
    struct seen *seen = arg;
    sigset_t mask;
    (void)result;
    (void)err;
    pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    seen->blocks_signals = sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGTERM) == 1;
    seen->pool = pool_current();
    return MR_OK;
}

START_TEST(test_threads_without_names_have_that_of_their_maker)
{
    const struct mr_pool_config config = {
        .struct_bytes = sizeof(config), .name = "", .thread_count = 1};
    struct mr_pool *pool;
    struct seen seen = {0};
    char own[16];
    pthread_getname_np(pthread_self(), own, sizeof(own));
    ck_assert_int_eq(mr_pool_create(&config, &pool, NULL), MR_OK);
    ck_assert_int_eq(mr_pool_submit(pool, look, &seen, NULL, NULL), MR_OK);
    mr_pool_destroy(pool);
    ck_assert_str_eq(seen.name, own);
}
END_TEST

START_TEST(test_threads_are_named_and_block_signals)
{
    struct mr_pool *pool = make_pool("read", 1, 0);
    struct seen seen;
    struct mr_error err = {0};
    ck_assert_ok(mr_pool_submit(pool, look, &seen, NULL, &err), err);
    ck_assert_int_eq(mr_pool_drain(pool, -1), MR_OK);
    ck_assert_str_eq(seen.name, "mr-read-0");
    ck_assert(seen.blocks_signals);
    ck_assert_ptr_eq(seen.pool, pool);
    ck_assert_ptr_null(pool_current());
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    ck_assert_int_eq(sigismember(&mask, SIGINT), 0);
    mr_pool_destroy(pool);

    pool = make_pool("a-very-long-name-of-a-pool", 1, 0);
    ck_assert_ok(mr_pool_submit(pool, look, &seen, NULL, &err), err);
    mr_pool_destroy(pool);
    ck_assert_str_eq(seen.name, "mr-a-very-lon-0");
}
END_TEST

/* What pool_set_ran() is told; of one thread. */
struct told {
    unsigned count;
    int64_t until_ns;
};

static void tell(void *ctx, int64_t start_ns, int64_t end_ns)
{
    struct told *told = ctx;
    ck_assert_int_le(told->until_ns, start_ns);
    ck_assert_int_le(start_ns, end_ns);
    told->until_ns = end_ns;
    told->count++;
}

START_TEST(test_functions_are_told)
{
    struct mr_pool *pool = make_pool("told", 1, 0);
    struct told told = {0};
    struct seen seen;
    struct mr_error err = {0};
    pool_set_ran(pool, tell, &told);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_ok(mr_pool_submit(pool, look, &seen, NULL, &err), err);
    ck_assert_uint_le(pool_queued_count(pool), 5);
    ck_assert_int_eq(mr_pool_drain(pool, -1), MR_OK);
    ck_assert_uint_eq(pool_queued_count(pool), 0);
    mr_pool_destroy(pool);
    ck_assert_uint_eq(told.count, 5);
}
END_TEST

START_TEST(test_config)
{
    struct mr_pool *pool;
    struct mr_error err = {0};
    ck_assert_ok(mr_pool_create(NULL, &pool, &err), err);
    ck_assert_uint_ge(pool_thread_count(pool), 1);
    ck_assert_str_eq(pool_name(pool), "pool");
    mr_pool_destroy(pool);
    struct mr_pool_config config = {.struct_bytes = sizeof(config), .thread_count = 4097};
    ck_assert_int_eq(mr_pool_create(&config, &pool, &err), MR_E_USAGE);
    ck_assert_ptr_null(pool);
    ck_assert_int_eq(err.status, MR_E_USAGE);
    config.thread_count = 1;
    config.struct_bytes = 0;
    ck_assert_int_eq(mr_pool_create(&config, &pool, NULL), MR_E_USAGE);
    mr_pool_destroy(NULL);
}
END_TEST

START_TEST(test_every_function_runs_once)
{
    for (unsigned threads = 1; threads <= 4; threads++) {
        for (unsigned depth = 0; depth <= 3; depth++) {
            struct mr_pool *pool = make_pool("all", threads, depth);
            struct mr_error err = {0};
            atomic_int count = 0;
            for (int i = 0; i < 2000; i++)
                ck_assert_ok(mr_pool_submit(pool, count_up, &count, NULL, &err), err);
            mr_pool_destroy(pool);
            ck_assert_int_eq(atomic_load(&count), 2000);
        }
    }
}
END_TEST

START_TEST(test_depth)
{
    struct mr_pool *pool = make_pool("depth", 1, 2);
    struct gate gate = {0};
    atomic_int count = 0;
    struct mr_error err = {0};
    struct mr_future *waiting, *refused = (struct mr_future *)&gate;
    ck_assert_ok(mr_pool_submit(pool, wait_at_gate, &gate, NULL, &err), err);
    await_arrivals(&gate, 1);
    ck_assert_ok(mr_pool_try_submit(pool, count_up, &count, &waiting, &err), err);
    ck_assert_ok(mr_pool_try_submit(pool, count_up, &count, NULL, &err), err);
    ck_assert_int_eq(mr_pool_try_submit(pool, count_up, &count, &refused, &err), MR_AGAIN);
    ck_assert_ptr_null(refused);
    /* A cancelled function gives its place back at once. */
    ck_assert(mr_future_cancel(waiting));
    ck_assert(!mr_future_cancel(waiting));
    ck_assert_ok(mr_pool_try_submit(pool, count_up, &count, NULL, &err), err);
    ck_assert_int_eq(mr_pool_try_submit(pool, count_up, &count, NULL, &err), MR_AGAIN);
    ck_assert_int_eq(mr_pool_drain(pool, 5), MR_TIMEOUT);
    atomic_store(&gate.is_open, true);
    ck_assert_ok(mr_pool_submit(pool, count_up, &count, NULL, &err), err);
    ck_assert_int_eq(mr_pool_drain(pool, -1), MR_OK);
    ck_assert_int_eq(atomic_load(&count), 3);
    ck_assert_int_eq(mr_future_wait(waiting, 0, NULL, &err), MR_CANCELLED);
    mr_future_release(waiting);
    mr_pool_destroy(pool);
}
END_TEST

struct misuse {
    struct mr_pool *pool;
    enum mr_status submit, map, drain, shutdown;
};

static enum mr_status misuse(void *arg, void **result, struct mr_error *err)
{
    struct misuse *tried = arg;
    void *args[1] = {NULL}, *results[1];
    (void)result;
    tried->submit = mr_pool_submit(tried->pool, misuse, arg, NULL, err);
    tried->map = mr_pool_map(tried->pool, misuse, args, 1, results, NULL, err);
    tried->drain = mr_pool_drain(tried->pool, -1);
    tried->shutdown = mr_pool_shutdown(tried->pool, MR_SHUTDOWN_DRAIN);
    return MR_OK;
}

START_TEST(test_calls_from_own_threads)
{
    struct misuse tried = {.pool = make_pool("own", 1, 1)};
    struct mr_error err = {0};
    ck_assert_ok(mr_pool_submit(tried.pool, misuse, &tried, NULL, &err), err);
    ck_assert_int_eq(mr_pool_drain(tried.pool, -1), MR_OK);
    ck_assert_int_eq(tried.submit, MR_E_USAGE);
    ck_assert_int_eq(tried.map, MR_E_USAGE);
    ck_assert_int_eq(tried.drain, MR_E_USAGE);
    ck_assert_int_eq(tried.shutdown, MR_E_USAGE);
    mr_pool_destroy(tried.pool);
}
END_TEST

static enum mr_status square(void *arg, void **result, struct mr_error *err)
{
    long *number = arg;
    if (*number % 10 == 7)
        return mr_error_set(err, MR_E_DATA, 0, "%ld is refused", *number);
    if (*number % 3 == 0)
        sleep_us(20);
    *result = (void *)(*number * *number);
    return MR_OK;
}

START_TEST(test_map)
{
    struct mr_pool *pool = make_pool("map", 3, 4);
    long numbers[100];
    void *args[100], *results[100];
    enum mr_status statuses[100];
    for (long i = 0; i < 100; i++) {
        numbers[i] = i;
        args[i] = &numbers[i];
    }
    struct mr_error err = {0};
    ck_assert_ok(mr_pool_map(pool, square, args, 7, results, NULL, &err), err);
    ck_assert_int_eq(mr_pool_map(pool, square, args, 100, results, statuses, &err), MR_E_DATA);
    ck_assert_str_eq(err.text, "7 is refused");
    for (long i = 0; i < 100; i++) {
        ck_assert_int_eq(statuses[i], i % 10 == 7 ? MR_E_DATA : MR_OK);
        ck_assert_ptr_eq(results[i], i % 10 == 7 ? NULL : (void *)(i * i));
    }
    ck_assert_ok(mr_pool_map(pool, square, NULL, 0, NULL, NULL, &err), err);
    ck_assert_int_eq(mr_pool_shutdown(pool, MR_SHUTDOWN_DRAIN), MR_OK);
    ck_assert_int_eq(mr_pool_map(pool, square, args, 3, results, statuses, &err), MR_CLOSED);
    ck_assert_int_eq(statuses[2], MR_CLOSED);
    mr_pool_destroy(pool);
}
END_TEST

struct nested {
    struct mr_pool *pool;
    atomic_int count, refused_count;
    int levels;
};

/* Each function submits one more until the levels are used up. */
static enum mr_status submit_next(void *arg, void **result, struct mr_error *err)
{
    struct nested *nested = arg;
    (void)result;
    sleep_us(100);
    if (atomic_fetch_add(&nested->count, 1) + 1 < nested->levels &&
        mr_pool_try_submit(nested->pool, submit_next, nested, NULL, err) != MR_OK)
        atomic_fetch_add(&nested->refused_count, 1);
    return MR_OK;
}

START_TEST(test_draining_runs_what_running_functions_submit)
{
    struct nested nested = {.pool = make_pool("nest", 2, 0), .levels = 50};
    struct mr_error err = {0};
    ck_assert_ok(mr_pool_submit(nested.pool, submit_next, &nested, NULL, &err), err);
    ck_assert_int_eq(mr_pool_shutdown(nested.pool, MR_SHUTDOWN_DRAIN), MR_OK);
    ck_assert_int_eq(atomic_load(&nested.count), 50);
    ck_assert_int_eq(atomic_load(&nested.refused_count), 0);
    ck_assert_int_eq(mr_pool_submit(nested.pool, submit_next, &nested, NULL, &err), MR_CLOSED);
    ck_assert_int_eq(mr_pool_shutdown(nested.pool, MR_SHUTDOWN_CANCEL), MR_OK);
    mr_pool_destroy(nested.pool);
}
END_TEST

START_TEST(test_cancelling_ends_every_function)
{
    struct mr_pool *pool = make_pool("cancel", 2, 0);
    struct gate gate = {0};
    atomic_int count = 0;
    struct mr_error err = {0};
    struct mr_future *running[2], *waiting[100];
    for (int i = 0; i < 2; i++)
        ck_assert_ok(mr_pool_submit(pool, wait_at_gate, &gate, &running[i], &err), err);
    await_arrivals(&gate, 2);
    for (int i = 0; i < 100; i++)
        ck_assert_ok(mr_pool_submit(pool, count_up, &count, &waiting[i], &err), err);
    ck_assert(mr_future_cancel(waiting[50]));
    atomic_store(&gate.is_open, true);
    mr_pool_shutdown(pool, MR_SHUTDOWN_CANCEL);
    int ran = 0;
    for (int i = 0; i < 100; i++) {
        enum mr_status status = mr_future_wait(waiting[i], 0, NULL, &err);
        ck_assert(status == MR_OK || status == MR_CANCELLED);
        ran += status == MR_OK;
        mr_future_release(waiting[i]);
    }
    ck_assert_int_eq(ran, atomic_load(&count));
    for (int i = 0; i < 2; i++) {
        void *result = NULL;
        ck_assert_ok(mr_future_wait(running[i], 0, &result, &err), err);
        ck_assert_ptr_eq(result, &gate);
    }
    mr_pool_destroy(pool);
    for (int i = 0; i < 2; i++) /* futures outlive their pool */
        mr_future_release(running[i]);
}
END_TEST

struct race {
    struct mr_pool *pool;
    atomic_int *count;
    int submitted_count;
};

static void *submit_until_closed(void *arg)
{
    struct race *race = arg;
    enum mr_status status;
    while ((status = mr_pool_submit(race->pool, count_up, race->count, NULL, NULL)) == MR_OK)
        race->submitted_count++;
    return status == MR_CLOSED ? race : NULL;
}

START_TEST(test_shutdown_while_others_submit)
{
    for (unsigned round = 0; round < 100; round++) {
        atomic_int count = 0;
        struct mr_pool *pool = make_pool("race", 1 + round % 3, round % 5);
        struct race races[2] = {{.pool = pool, .count = &count}, {.pool = pool, .count = &count}};
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, submit_until_closed, &races[i]), 0);
        sleep_us(200);
        ck_assert_int_eq(mr_pool_shutdown(pool, MR_SHUTDOWN_DRAIN), MR_OK);
        for (int i = 0; i < 2; i++) {
            void *result;
            pthread_join(threads[i], &result);
            ck_assert_ptr_nonnull(result);
        }
        ck_assert_int_eq(atomic_load(&count), races[0].submitted_count + races[1].submitted_count);
        mr_pool_destroy(pool);
    }
}
END_TEST

struct numbered {
    struct task task; /* first: the test casts */
    int number;
    int *order, *order_count;
};

static void note_number(struct task *task)
{
    struct numbered *numbered = (struct numbered *)task;
    numbered->order[(*numbered->order_count)++] = numbered->number;
}

START_TEST(test_manual_pool)
{
    struct mr_pool *pool;
    int order[6], order_count = 0;
    struct numbered tasks[5];
    struct task_list list = {0};
    ck_assert_int_eq(pool_create_manual("sim", 3, &pool), MR_OK);
    ck_assert_uint_eq(pool_thread_count(pool), 3);
    for (int i = 0; i < 5; i++) {
        tasks[i] = (struct numbered){{.run = note_number}, i, order, &order_count};
        task_list_push(&list, &tasks[i].task);
    }
    pool_post(pool, &list);
    ck_assert_uint_eq(list.count, 0);
    ck_assert_uint_eq(pool_manual_count(pool), 5);
    pool_manual_run(pool, 2);
    pool_manual_run(pool, 3); /* the last */
    pool_post_one(pool, &tasks[2].task);
    pool_manual_run(pool, 0);
    pool_manual_run(pool, 1);
    pool_manual_run(pool, 1);
    ck_assert_uint_eq(pool_manual_count(pool), 1);
    mr_pool_destroy(pool); /* runs what is left */
    ck_assert_int_eq(order_count, 6);
    const int expected[] = {2, 4, 0, 3, 2, 1};
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(order[i], expected[i]);
}
END_TEST

START_TEST(test_first)
{
    struct mr_pool *pool;
    int order[4], order_count = 0;
    struct numbered tasks[4];
    ck_assert_int_eq(pool_create_manual("sim", 1, &pool), MR_OK);
    for (int i = 0; i < 4; i++)
        tasks[i] = (struct numbered){{.run = note_number}, i, order, &order_count};
    pool_post_first(pool, &tasks[0].task); /* of none */
    pool_post_one(pool, &tasks[1].task);
    pool_post_first(pool, &tasks[2].task);
    pool_post_one(pool, &tasks[3].task);
    mr_pool_destroy(pool);
    const int expected[] = {2, 0, 1, 3};
    ck_assert_int_eq(order_count, 4);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(order[i], expected[i]);
}
END_TEST

static bool goes_with_odd(const struct task *task, const struct task *other)
{
    (void)task;
    return ((const struct numbered *)other)->number % 2 == 1;
}

/* Those that fit, the oldest first, and no more than are asked for, nor than one thread's part. */
START_TEST(test_more_of_a_kind)
{
    struct mr_pool *pool;
    int order[12], order_count = 0;
    struct numbered tasks[12];
    struct task_list list = {0}, more = {0};
    ck_assert_int_eq(pool_create_manual("sim", 2, &pool), MR_OK);
    for (int i = 0; i < 12; i++) {
        tasks[i] = (struct numbered){{.run = note_number}, i, order, &order_count};
        task_list_push(&list, &tasks[i].task);
    }
    pool_post(pool, &list);
    pool_take_more(pool, NULL, goes_with_odd, 2, &more);
    ck_assert_uint_eq(more.count, 2);
    ck_assert_ptr_eq(task_list_pop(&more), &tasks[1].task);
    ck_assert_ptr_eq(task_list_pop(&more), &tasks[3].task);
    pool_take_more(pool, NULL, goes_with_odd, 10, &more);
    ck_assert_uint_eq(more.count, 4); /* of four; there are ten tasks and two threads */
    for (int i = 5; i < 12; i += 2)
        ck_assert_ptr_eq(task_list_pop(&more), &tasks[i].task);
    ck_assert_uint_eq(pool_manual_count(pool), 6);
    pool_manual_run(pool, 0);
    pool_take_more(pool, NULL, goes_with_odd, 10, &more);
    ck_assert_uint_eq(more.count, 0);
    pool_post_one(pool, &tasks[1].task); /* the end of the list is still its end */
    mr_pool_destroy(pool);
    const int expected[] = {0, 2, 4, 6, 8, 10, 1};
    ck_assert_int_eq(order_count, 7);
    for (int i = 0; i < 7; i++)
        ck_assert_int_eq(order[i], expected[i]);
}
END_TEST

static bool is_blocked(void *ctx)
{
    return atomic_load((atomic_bool *)ctx);
}

START_TEST(test_times)
{
    struct mr_pool *pool = make_pool("times", 2, 0);
    atomic_bool blocked = true;
    struct gate gate = {0};
    struct mr_error err = {0};
    struct pool_times times;
    pool_set_idle_reason(pool, is_blocked, &blocked);
    ck_assert_ok(mr_pool_submit(pool, wait_at_gate, &gate, NULL, &err), err);
    ck_assert_ok(mr_pool_submit(pool, wait_at_gate, &gate, NULL, &err), err);
    await_arrivals(&gate, 2);
    sleep_us(10000);
    atomic_store(&gate.is_open, true);
    mr_pool_drain(pool, -1);
    sleep_us(10000);
    pool_times(pool, &times);
    ck_assert_int_ge(times.busy_ns, 20000000);
    ck_assert_int_ge(times.blocked_ns, 10000000);
    pool_set_idle_reason(pool, NULL, NULL);
    int64_t blocked_ns = times.blocked_ns;
    atomic_store(&gate.is_open, false);
    ck_assert_ok(mr_pool_submit(pool, wait_at_gate, &gate, NULL, &err), err);
    ck_assert_ok(mr_pool_submit(pool, wait_at_gate, &gate, NULL, &err), err);
    await_arrivals(&gate, 4);
    atomic_store(&gate.is_open, true);
    mr_pool_drain(pool, -1);
    pool_times(pool, &times);
    int64_t starved_ns = times.starved_ns;
    sleep_us(10000);
    pool_times(pool, &times);
    ck_assert_int_ge(times.starved_ns, starved_ns + 10000000);
    ck_assert_int_ge(times.blocked_ns, blocked_ns);
    mr_pool_destroy(pool);
}
END_TEST

START_TEST(test_times_of_each_thread)
{
    struct mr_pool *pool = make_pool("each", 2, 0);
    struct gate gate = {0};
    struct mr_error err = {0};
    struct pool_times all, each[2], none;
    ck_assert_ok(mr_pool_submit(pool, wait_at_gate, &gate, NULL, &err), err);
    await_arrivals(&gate, 1);
    sleep_us(20000);
    atomic_store(&gate.is_open, true);
    mr_pool_drain(pool, -1);
    sleep_us(20000);
    mr_pool_shutdown(pool, MR_SHUTDOWN_DRAIN);
    for (unsigned i = 0; i < 2; i++)
        pool_worker_times(pool, i, 0, &each[i]);
    ck_assert_int_ge(each[0].busy_ns > each[1].busy_ns ? each[0].busy_ns : each[1].busy_ns,
                     20000000);
    ck_assert_int_gt(each[0].starved_ns, 0);
    ck_assert_int_gt(each[1].starved_ns, 0);
    ck_assert_int_eq(each[0].busy_ns + each[0].starved_ns, each[1].busy_ns + each[1].starved_ns);
    pool_times(pool, &all);
    ck_assert_int_eq(all.busy_ns, each[0].busy_ns + each[1].busy_ns);
    ck_assert_int_eq(all.starved_ns, each[0].starved_ns + each[1].starved_ns);
    pool_worker_times(pool, 2, 0, &none);
    ck_assert_int_eq(none.busy_ns + none.starved_ns + none.blocked_ns, 0);
    mr_pool_destroy(pool);
}
END_TEST

START_TEST(test_batches_wake_enough_threads)
{
    /* All four must run at once: they wait for each other. */
    struct mr_pool *pool = make_pool("batch", 24, 0);
    struct mr_error err = {0};
    for (int round = 0; round < 20; round++) {
        struct gate gate = {0};
        for (int i = 0; i < 24; i++)
            ck_assert_ok(mr_pool_submit(pool, wait_at_gate, &gate, NULL, &err), err);
        await_arrivals(&gate, 24);
        atomic_store(&gate.is_open, true);
        ck_assert_int_eq(mr_pool_drain(pool, -1), MR_OK);
    }
    mr_pool_destroy(pool);
}
END_TEST

Suite *pool_suite(void)
{
    Suite *suite = suite_create("pool");
    TCase *tests = tcase_create("pool");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_threads_are_named_and_block_signals);
    tcase_add_test(tests, test_threads_without_names_have_that_of_their_maker);
    tcase_add_test(tests, test_functions_are_told);
    tcase_add_test(tests, test_config);
    tcase_add_test(tests, test_every_function_runs_once);
    tcase_add_test(tests, test_depth);
    tcase_add_test(tests, test_calls_from_own_threads);
    tcase_add_test(tests, test_map);
    tcase_add_test(tests, test_draining_runs_what_running_functions_submit);
    tcase_add_test(tests, test_cancelling_ends_every_function);
    tcase_add_test(tests, test_shutdown_while_others_submit);
    tcase_add_test(tests, test_manual_pool);
    tcase_add_test(tests, test_first);
    tcase_add_test(tests, test_more_of_a_kind);
    tcase_add_test(tests, test_times);
    tcase_add_test(tests, test_times_of_each_thread);
    tcase_add_test(tests, test_batches_wake_enough_threads);
    suite_add_tcase(suite, tests);
    return suite;
}
