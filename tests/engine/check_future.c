#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "millrace/pool.h"
#include "support/support.h"

Suite *future_suite(void);

static void sleep_us(long us)
{
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

static struct mr_pool *make_pool(unsigned thread_count)
{
    struct mr_pool_config config = {.struct_bytes = sizeof(config), .thread_count = thread_count};
    struct mr_pool *pool;
    struct mr_error err = {0};
    ck_assert_ok(mr_pool_create(&config, &pool, &err), err);
    return pool;
}

static struct mr_future *submit(struct mr_pool *pool, mr_task_fn fn, void *arg)
{
    struct mr_future *future;
    struct mr_error err = {0};
    ck_assert_ok(mr_pool_submit(pool, fn, arg, &future, &err), err);
    return future;
}

static enum mr_status await_flag(void *arg, void **result, struct mr_error *err)
{
    (void)err;
    while (!atomic_load((atomic_bool *)arg))
        sleep_us(20);
    *result = arg;
    return MR_OK;
}

static enum mr_status fail_with_text(void *arg, void **result, struct mr_error *err)
{
    *result = arg;
    return mr_error_set(err, MR_E_DATA, 0, "bad thing");
}

static enum mr_status fail_silently(void *arg, void **result, struct mr_error *err)
{
    (void)arg;
    (void)result;
    (void)err;
    return MR_E_LIMIT;
}

static enum mr_status do_nothing(void *arg, void **result, struct mr_error *err)
{
    (void)err;
    *result = arg;
    return MR_OK;
}

START_TEST(test_wait_and_poll)
{
    struct mr_pool *pool = make_pool(1);
    atomic_bool is_open = false;
    struct mr_future *first = submit(pool, await_flag, &is_open);
    struct mr_future *second = submit(pool, do_nothing, pool);
    struct mr_error err = {0};
    void *result = &err;
    while (mr_future_poll(first) == MR_FUTURE_WAITING)
        sleep_us(20);
    ck_assert_int_eq(mr_future_poll(first), MR_FUTURE_RUNNING);
    ck_assert_int_eq(mr_future_poll(second), MR_FUTURE_WAITING);
    int64_t start_ns = clock_now_ns();
    ck_assert_int_eq(mr_future_wait(first, 20, &result, &err), MR_TIMEOUT);
    ck_assert_int_ge(clock_now_ns() - start_ns, 20000000);
    ck_assert_int_eq(mr_future_wait(first, 0, &result, &err), MR_TIMEOUT);
    ck_assert_ptr_eq(result, &err);
    ck_assert(!mr_future_cancel(first));
    atomic_store(&is_open, true);
    ck_assert_ok(mr_future_wait(second, -1, &result, &err), err);
    ck_assert_ptr_eq(result, pool);
    ck_assert_ok(mr_future_wait(first, 0, &result, &err), err);
    ck_assert_ptr_eq(result, &is_open);
    ck_assert_ok(mr_future_wait(first, -1, NULL, NULL), err);
    ck_assert_int_eq(mr_future_poll(first), MR_FUTURE_ENDED);
    mr_future_release(first);
    mr_pool_destroy(pool);
    ck_assert_int_eq(mr_future_poll(second), MR_FUTURE_ENDED);
    ck_assert(!mr_future_cancel(second));
    mr_future_release(second);
    mr_future_release(NULL);
}
END_TEST

START_TEST(test_errors)
{
    struct mr_pool *pool = make_pool(1);
    struct mr_error err = {0};
    void *result = NULL;
    struct mr_future *future = submit(pool, fail_with_text, pool);
    ck_assert_int_eq(mr_future_wait(future, -1, &result, &err), MR_E_DATA);
    ck_assert_str_eq(err.text, "bad thing");
    ck_assert_int_eq(err.status, MR_E_DATA);
    ck_assert_ptr_eq(result, pool);
    mr_future_release(future);
    future = submit(pool, fail_silently, NULL);
    ck_assert_int_eq(mr_future_wait(future, -1, &result, &err), MR_E_LIMIT);
    ck_assert_str_eq(err.text, mr_status_text(MR_E_LIMIT));
    ck_assert_int_eq(err.status, MR_E_LIMIT);
    mr_future_release(future);
    mr_pool_destroy(pool);
}
END_TEST

static void *wait_for(void *arg)
{
    struct mr_error err;
    return (void *)(intptr_t)mr_future_wait(arg, -1, NULL, &err);
}

START_TEST(test_cancel_wakes_who_waits)
{
    struct mr_pool *pool = make_pool(1);
    atomic_bool is_open = false;
    struct mr_future *running = submit(pool, await_flag, &is_open);
    struct mr_future *waiting = submit(pool, do_nothing, NULL);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_for, waiting), 0);
    sleep_us(5000);
    ck_assert(mr_future_cancel(waiting));
    for (int i = 0; i < 3; i++) {
        void *status;
        pthread_join(threads[i], &status);
        ck_assert_int_eq((int)(intptr_t)status, MR_CANCELLED);
    }
    struct mr_error err;
    ck_assert_int_eq(mr_future_wait(waiting, 0, NULL, &err), MR_CANCELLED);
    ck_assert_int_eq(err.status, MR_CANCELLED);
    atomic_store(&is_open, true);
    mr_future_release(running); /* released while it runs: it runs on */
    mr_future_release(waiting);
    mr_pool_destroy(pool);
}
END_TEST

START_TEST(test_wait_any)
{
    struct mr_pool *pool = make_pool(4);
    atomic_bool is_open[3] = {false, false, false};
    struct mr_future *futures[5] = {NULL};
    size_t index = 99;
    ck_assert_int_eq(mr_future_wait_any(futures, 5, -1, &index), MR_DONE);
    ck_assert_int_eq(mr_future_wait_any(NULL, 0, -1, &index), MR_DONE);
    for (int i = 0; i < 3; i++)
        futures[1 + i] = submit(pool, await_flag, &is_open[i]);
    futures[4] = futures[1]; /* the same twice */
    ck_assert_int_eq(mr_future_wait_any(futures, 5, 0, &index), MR_TIMEOUT);
    ck_assert_int_eq(mr_future_wait_any(futures, 5, 10, &index), MR_TIMEOUT);
    atomic_store(&is_open[2], true);
    ck_assert_int_eq(mr_future_wait_any(futures, 5, -1, &index), MR_OK);
    ck_assert_uint_eq(index, 3);
    atomic_store(&is_open[1], true);
    mr_future_wait(futures[2], -1, NULL, NULL);
    ck_assert_int_eq(mr_future_wait_any(futures, 5, -1, &index), MR_OK);
    ck_assert_uint_eq(index, 2); /* the lowest */
    atomic_store(&is_open[0], true);
    for (int i = 1; i < 4; i++)
        mr_future_release(futures[i]);
    mr_pool_destroy(pool);
}
END_TEST

START_TEST(test_as_completed)
{
    struct mr_pool *pool = make_pool(4);
    atomic_bool is_open[3] = {false, false, false};
    struct mr_future *futures[5] = {NULL};
    struct mr_as_completed *walk;
    size_t index;
    for (int i = 0; i < 3; i++)
        futures[1 + i] = submit(pool, await_flag, &is_open[i]);
    ck_assert_int_eq(mr_as_completed_create(futures, 5, &walk), MR_OK);
    ck_assert_int_eq(mr_as_completed_next(walk, 5, &index), MR_TIMEOUT);
    const size_t order[] = {2, 3, 1};
    for (int i = 0; i < 3; i++) {
        atomic_store(&is_open[order[i] - 1], true);
        ck_assert_int_eq(mr_as_completed_next(walk, -1, &index), MR_OK);
        ck_assert_uint_eq(index, order[i]);
    }
    ck_assert_int_eq(mr_as_completed_next(walk, -1, &index), MR_DONE);
    mr_as_completed_destroy(walk);
    /* All ended already: in the order of the array. */
    ck_assert_int_eq(mr_as_completed_create(futures, 5, &walk), MR_OK);
    for (size_t i = 1; i <= 3; i++) {
        ck_assert_int_eq(mr_as_completed_next(walk, 0, &index), MR_OK);
        ck_assert_uint_eq(index, i);
    }
    mr_as_completed_destroy(walk);
    ck_assert_int_eq(mr_as_completed_create(NULL, 0, &walk), MR_OK);
    ck_assert_int_eq(mr_as_completed_next(walk, -1, &index), MR_DONE);
    mr_as_completed_destroy(walk);
    mr_as_completed_destroy(NULL);
    for (int i = 1; i < 4; i++)
        mr_future_release(futures[i]);
    mr_pool_destroy(pool);
}
END_TEST

/* Walks that begin and end while futures end and are cancelled: each future is given exactly once.
 */
START_TEST(test_walks_race_with_ends)
{
    struct mr_pool *pool = make_pool(2);
    for (unsigned round = 0; round < 2000; round++) {
        struct mr_future *futures[10];
        struct mr_as_completed *whole, *cut;
        bool seen[10] = {false};
        size_t index;
        for (int i = 0; i < 10; i++)
            futures[i] = submit(pool, i % 3 ? do_nothing : fail_silently, NULL);
        ck_assert_int_eq(mr_as_completed_create(futures, 10, &whole), MR_OK);
        ck_assert_int_eq(mr_as_completed_create(futures, 10, &cut), MR_OK);
        if (round % 2)
            mr_future_cancel(futures[9]);
        for (unsigned i = 0; i < round % 10; i++)
            ck_assert_int_eq(mr_as_completed_next(cut, -1, &index), MR_OK);
        mr_as_completed_destroy(cut);
        ck_assert_int_eq(mr_future_wait_any(futures, 10, -1, &index), MR_OK);
        while (mr_as_completed_next(whole, -1, &index) == MR_OK) {
            ck_assert(!seen[index]);
            seen[index] = true;
        }
        mr_as_completed_destroy(whole);
        for (int i = 0; i < 10; i++) {
            ck_assert(seen[i]);
            ck_assert_int_eq(mr_future_poll(futures[i]), MR_FUTURE_ENDED);
            mr_future_release(futures[i]);
        }
    }
    mr_pool_destroy(pool);
}
END_TEST

START_TEST(test_cancel_races_with_start_and_shutdown)
{
    for (unsigned round = 0; round < 300; round++) {
        struct mr_pool *pool = make_pool(2);
        struct mr_future *futures[50];
        int cancelled_count = 0, ended_count = 0;
        for (int i = 0; i < 50; i++)
            futures[i] = submit(pool, do_nothing, NULL);
        for (int i = 49; i >= 0; i -= 2)
            cancelled_count += mr_future_cancel(futures[i]);
        mr_pool_shutdown(pool, round % 2 ? MR_SHUTDOWN_CANCEL : MR_SHUTDOWN_DRAIN);
        mr_pool_destroy(pool);
        for (int i = 0; i < 50; i++) {
            enum mr_status status = mr_future_wait(futures[i], 0, NULL, NULL);
            ck_assert(status == MR_OK || status == MR_CANCELLED);
            ended_count += status == MR_CANCELLED;
            mr_future_release(futures[i]);
        }
        if (round % 2)
            ck_assert_int_ge(ended_count, cancelled_count);
        else
            ck_assert_int_eq(ended_count, cancelled_count);
    }
}
END_TEST

Suite *future_suite(void)
{
    Suite *suite = suite_create("future");
    TCase *tests = tcase_create("future");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_wait_and_poll);
    tcase_add_test(tests, test_errors);
    tcase_add_test(tests, test_cancel_wakes_who_waits);
    tcase_add_test(tests, test_wait_any);
    tcase_add_test(tests, test_as_completed);
    tcase_add_test(tests, test_walks_race_with_ends);
    tcase_add_test(tests, test_cancel_races_with_start_and_shutdown);
    suite_add_tcase(suite, tests);
    return suite;
}
