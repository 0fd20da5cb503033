/* Pools that get another number of threads while they run. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "engine/pool_state.h"
#include "support/support.h"

Suite *pool_size_suite(void);

static void sleep_us(long us)
{
    struct timespec time = {.tv_nsec = us * 1000};
    nanosleep(&time, NULL);
}

static struct mr_pool *make_pool(unsigned thread_count, unsigned thread_max)
{
    const struct mr_pool_config config = {
        .struct_bytes = sizeof(config), .name = "sized", .thread_count = thread_count};
    struct mr_pool *pool;
    struct mr_error err = {0};
    ck_assert_ok(pool_create_sized(&config, thread_max, &pool, &err), err);
    return pool;
}

static void resize(struct mr_pool *pool, unsigned thread_count)
{
    struct mr_error err = {0};
    ck_assert_ok(pool_resize(pool, thread_count, &err), err);
    ck_assert_uint_eq(pool_thread_count(pool), thread_count);
}

/* Counts who is inside, and holds them until it is opened. */
struct gate {
    atomic_bool is_open;
    atomic_int inside_count, most_count, done_count;
};

static enum mr_status pass(void *arg, void **result, struct mr_error *err)
{
    struct gate *gate = arg;
    (void)result;
    (void)err;
    int inside = atomic_fetch_add(&gate->inside_count, 1) + 1;
    int most = atomic_load(&gate->most_count);
    while (inside > most && !atomic_compare_exchange_weak(&gate->most_count, &most, inside))
        ;
    while (!atomic_load(&gate->is_open))
        sleep_us(50);
    sleep_us(20);
    atomic_fetch_sub(&gate->inside_count, 1);
    atomic_fetch_add(&gate->done_count, 1);
    return MR_OK;
}

static void submit(struct mr_pool *pool, struct gate *gate, int count)
{
    struct mr_error err = {0};
    for (int i = 0; i < count; i++)
        ck_assert_ok(mr_pool_submit(pool, pass, gate, NULL, &err), err);
}

static void await_inside(struct gate *gate, int count)
{
    while (atomic_load(&gate->inside_count) < count)
        sleep_us(50);
}

static void await_parked(struct mr_pool *pool, unsigned count)
{
    for (unsigned parked = 0; parked != count; sleep_us(50)) {
        lock_take(&pool->lock);
        parked = 0;
        for (struct pool_worker *worker = pool->parked; worker; worker = worker->below)
            parked++;
        lock_give(&pool->lock);
    }
}

START_TEST(more_threads_take_what_waits)
{
    struct mr_pool *pool = make_pool(1, 4);
    struct gate gate = {0};
    submit(pool, &gate, 4);
    await_inside(&gate, 1);
    resize(pool, 4);
    await_inside(&gate, 4);
    atomic_store(&gate.is_open, true);
    mr_pool_destroy(pool);
    ck_assert_int_eq(atomic_load(&gate.done_count), 4);
}
END_TEST

START_TEST(fewer_threads_end_what_runs)
{
    struct mr_pool *pool = make_pool(4, 4);
    struct gate gate = {0};
    submit(pool, &gate, 4);
    await_inside(&gate, 4);
    resize(pool, 1);
    submit(pool, &gate, 50);
    atomic_store(&gate.is_open, true);
    await_parked(pool, 3);
    ck_assert_int_eq(mr_pool_drain(pool, -1), MR_OK);
    ck_assert_int_eq(atomic_load(&gate.done_count), 54);

    struct gate alone = {.is_open = true};
    submit(pool, &alone, 200);
    ck_assert_int_eq(mr_pool_drain(pool, -1), MR_OK);
    ck_assert_int_eq(atomic_load(&alone.most_count), 1);
    ck_assert_int_eq(atomic_load(&alone.done_count), 200);

    struct gate again = {0};
    resize(pool, 3);
    submit(pool, &again, 3);
    await_inside(&again, 3);
    atomic_store(&again.is_open, true);
    mr_pool_destroy(pool);
    ck_assert_int_eq(atomic_load(&again.done_count), 3);
}
END_TEST

START_TEST(parked_threads_have_no_times)
{
    struct mr_pool *pool = make_pool(4, 4);
    resize(pool, 1);
    await_parked(pool, 3);
    struct pool_times before, after;
    int64_t start_ns = clock_now_ns();
    pool_times(pool, &before);
    sleep_us(50000);
    pool_times(pool, &after);
    int64_t passed_ns = clock_now_ns() - start_ns;
    int64_t counted_ns = after.busy_ns + after.starved_ns + after.blocked_ns -
                         (before.busy_ns + before.starved_ns + before.blocked_ns);
    ck_assert_int_gt(counted_ns, 0);
    ck_assert_int_le(counted_ns, passed_ns);
    struct pool_times sum = {0}, each;
    for (unsigned i = 0; i < 5; i++) {
        pool_worker_times(pool, i, start_ns + passed_ns, &each);
        sum.busy_ns += each.busy_ns;
        sum.starved_ns += each.starved_ns;
    }
    ck_assert_int_ge(sum.busy_ns + sum.starved_ns, after.busy_ns + after.starved_ns);
    ck_assert_int_eq(each.busy_ns + each.starved_ns, 0); /* there is no fifth */
    mr_pool_destroy(pool);
}
END_TEST

START_TEST(nothing_is_lost_while_sizes_change)
{
    enum { ROUNDS = 40, EACH = 50, MOST = 5 };
    for (unsigned start = 1; start <= MOST; start += 2) {
        struct mr_pool *pool = make_pool(start, MOST);
        struct gate gate = {.is_open = true};
        uint64_t seed = start;
        for (int i = 0; i < ROUNDS; i++) {
            submit(pool, &gate, EACH);
            resize(pool, 1 + (unsigned)(support_random(&seed) % MOST));
            if (i % 8 == 0)
                ck_assert_int_eq(mr_pool_drain(pool, -1), MR_OK);
        }
        resize(pool, 1);
        if (start == 1)
            ck_assert_int_eq(mr_pool_drain(pool, -1), MR_OK);
        mr_pool_destroy(pool); /* with threads that are parked, and others that are not yet */
        ck_assert_int_eq(atomic_load(&gate.done_count), ROUNDS * EACH);
        ck_assert_int_le(atomic_load(&gate.most_count), MOST);
    }
}
END_TEST

START_TEST(a_pool_that_ends_keeps_its_size)
{
    struct mr_pool *pool = make_pool(1, 2);
    ck_assert_int_eq(mr_pool_shutdown(pool, MR_SHUTDOWN_DRAIN), MR_OK);
    ck_assert_int_eq(pool_resize(pool, 2, NULL), MR_CLOSED);
    ck_assert_uint_eq(pool_thread_count(pool), 1);
    mr_pool_destroy(pool);
}
END_TEST

/* ---- sizes that change while the pool ends, and that cannot be had ---- */

static void *change_sizes(void *arg)
{
    enum mr_status status = MR_OK;
    for (unsigned i = 0; status == MR_OK; i++)
        status = pool_resize(arg, 1 + i % 5, NULL);
    ck_assert_int_eq(status, MR_CLOSED);
    return NULL;
}

START_TEST(sizes_may_change_while_the_pool_ends)
{
    enum { ROUNDS = MR_SANITIZED ? 20 : 100, EACH = 30 };
    for (int round = 0; round < ROUNDS; round++) {
        struct mr_pool *pool = make_pool(1 + (unsigned)round % 3, 5);
        struct gate gate = {.is_open = true};
        pthread_t thread;
        submit(pool, &gate, EACH);
        ck_assert_int_eq(pthread_create(&thread, NULL, change_sizes, pool), 0);
        bool cancels = round % 2;
        ck_assert_int_eq(mr_pool_shutdown(pool, cancels ? MR_SHUTDOWN_CANCEL : MR_SHUTDOWN_DRAIN),
                         MR_OK);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        mr_pool_destroy(pool);
        ck_assert_int_le(atomic_load(&gate.done_count), EACH);
        if (!cancels)
            ck_assert_int_eq(atomic_load(&gate.done_count), EACH);
    }
}
END_TEST

#if !MR_SANITIZED /* their own memory does not fit */

/* Room for the stacks of some threads, and not for those of all. */
static void limit_address_space(struct rlimit *before)
{
    ck_assert_int_eq(getrlimit(RLIMIT_AS, before), 0);
    struct rlimit limit = {.rlim_cur = (rlim_t)1 << 30, .rlim_max = before->rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

START_TEST(threads_that_cannot_all_be_started)
{
    struct rlimit before;
    struct mr_pool *sized = make_pool(1, 1000), *none = sized;
    struct mr_error err = {0};
    const struct mr_pool_config config = {.struct_bytes = sizeof(config), .thread_count = 1000};
    struct gate gate = {.is_open = true};
    limit_address_space(&before);
    ck_assert_int_eq(mr_pool_create(&config, &none, &err), MR_E_SYSTEM);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(err.status, MR_E_SYSTEM);
    ck_assert_int_eq(pool_resize(sized, 1000, &err), MR_E_SYSTEM);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &before), 0);
    ck_assert_uint_eq(pool_thread_count(sized), 1);
    submit(sized, &gate, 50);
    ck_assert_int_eq(mr_pool_drain(sized, -1), MR_OK);
    ck_assert_int_eq(atomic_load(&gate.done_count), 50);
    ck_assert_int_eq(atomic_load(&gate.most_count), 1);
    mr_pool_destroy(sized);
}
END_TEST

#endif

Suite *pool_size_suite(void)
{
    Suite *suite = suite_create("pool_size");
    TCase *tests = tcase_create("pool_size");
    tcase_add_test(tests, more_threads_take_what_waits);
    tcase_add_test(tests, fewer_threads_end_what_runs);
    tcase_add_test(tests, parked_threads_have_no_times);
    tcase_add_test(tests, nothing_is_lost_while_sizes_change);
    tcase_add_test(tests, a_pool_that_ends_keeps_its_size);
    tcase_add_test(tests, sizes_may_change_while_the_pool_ends);
#if !MR_SANITIZED
    tcase_add_test(tests, threads_that_cannot_all_be_started);
#endif
    suite_add_tcase(suite, tests);
    return suite;
}
