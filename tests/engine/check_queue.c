#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "millrace/queue.h"
#include "support/support.h"

Suite *queue_suite(void);

#define VALUE(number) ((void *)(intptr_t)(number))

static struct mr_queue *make(size_t capacity_count)
{
    struct mr_queue *queue;
    ck_assert_int_eq(mr_queue_create(capacity_count, &queue), MR_OK);
    return queue;
}

START_TEST(test_create)
{
    struct mr_queue *queue = VALUE(1);
    ck_assert_int_eq(mr_queue_create(0, &queue), MR_E_USAGE);
    ck_assert_ptr_null(queue);
    ck_assert_int_eq(mr_queue_create(1, NULL), MR_E_USAGE);
    ck_assert_int_eq(mr_queue_create(SIZE_MAX / 4, &queue), MR_E_MEMORY);
    mr_queue_destroy(NULL, NULL);
}
END_TEST

START_TEST(test_first_in_first_out)
{
    for (size_t capacity = 1; capacity <= 5; capacity++) {
        struct mr_queue *queue = make(capacity);
        long pushed = 0, popped = 0;
        void *item;
        uint64_t random = capacity;
        for (int i = 0; i < 2000; i++) {
            size_t count = (size_t)(pushed - popped);
            ck_assert_uint_eq(mr_queue_count(queue), count);
            if (support_random(&random) % 2) {
                enum mr_status status = mr_queue_try_push(queue, VALUE(pushed));
                ck_assert_int_eq(status, count < capacity ? MR_OK : MR_AGAIN);
                pushed += status == MR_OK;
            } else {
                enum mr_status status = mr_queue_try_pop(queue, &item);
                ck_assert_int_eq(status, count > 0 ? MR_OK : MR_AGAIN);
                if (status == MR_OK)
                    ck_assert_ptr_eq(item, VALUE(popped++));
            }
        }
        mr_queue_destroy(queue, NULL);
    }
}
END_TEST

START_TEST(test_timeouts)
{
    struct mr_queue *queue = make(1);
    void *item = VALUE(7);
    int64_t start_ns = clock_now_ns();
    ck_assert_int_eq(mr_queue_pop(queue, &item, 20), MR_TIMEOUT);
    ck_assert_ptr_eq(item, VALUE(7));
    ck_assert_int_ge(clock_now_ns() - start_ns, 20000000);
    ck_assert_int_eq(mr_queue_pop(queue, &item, 0), MR_TIMEOUT);
    ck_assert_int_eq(mr_queue_push(queue, NULL, 20), MR_OK);
    start_ns = clock_now_ns();
    ck_assert_int_eq(mr_queue_push(queue, NULL, 20), MR_TIMEOUT);
    ck_assert_int_ge(clock_now_ns() - start_ns, 20000000);
    ck_assert_int_eq(mr_queue_pop(queue, &item, INT64_MAX), MR_OK);
    ck_assert_ptr_null(item);
    mr_queue_destroy(queue, NULL);
}
END_TEST

static void *pop_one(void *arg)
{
    void *item;
    return VALUE(mr_queue_pop(arg, &item, -1));
}

static void *push_one(void *arg)
{
    return VALUE(mr_queue_push(arg, NULL, -1));
}

START_TEST(test_close_wakes_everybody)
{
    struct mr_queue *empty = make(1), *full = make(1);
    pthread_t threads[8];
    ck_assert_int_eq(mr_queue_push(full, VALUE(9), -1), MR_OK);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, pop_one, empty), 0);
        ck_assert_int_eq(pthread_create(&threads[4 + i], NULL, push_one, full), 0);
    }
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    mr_queue_close(empty);
    mr_queue_close(full);
    for (int i = 0; i < 8; i++) {
        void *status;
        pthread_join(threads[i], &status);
        ck_assert_int_eq((int)(intptr_t)status, MR_CLOSED);
    }
    /* What is left is still popped. */
    void *item;
    mr_queue_close(full);
    ck_assert_int_eq(mr_queue_try_push(full, NULL), MR_CLOSED);
    ck_assert_int_eq(mr_queue_pop(full, &item, -1), MR_OK);
    ck_assert_ptr_eq(item, VALUE(9));
    ck_assert_int_eq(mr_queue_pop(full, &item, -1), MR_CLOSED);
    ck_assert_int_eq(mr_queue_try_pop(full, &item), MR_CLOSED);
    mr_queue_destroy(empty, NULL);
    mr_queue_destroy(full, NULL);
}
END_TEST

struct party {
    struct mr_queue *queue;
    atomic_long *sum, *count;
    long first;
    int64_t timeout_ms;
};

#define PARTY_COUNT 20000

static void *push_many(void *arg)
{
    struct party *party = arg;
    for (long i = 0; i < PARTY_COUNT; i++) {
        while (mr_queue_push(party->queue, VALUE(party->first + i), party->timeout_ms) != MR_OK)
            ;
    }
    return NULL;
}

static void *pop_many(void *arg)
{
    struct party *party = arg;
    void *item;
    enum mr_status status;
    while ((status = mr_queue_pop(party->queue, &item, party->timeout_ms)) != MR_CLOSED) {
        if (status != MR_OK)
            continue;
        atomic_fetch_add(party->sum, (long)(intptr_t)item);
        atomic_fetch_add(party->count, 1);
    }
    return NULL;
}

START_TEST(test_many_producers_and_consumers)
{
    for (size_t capacity = 1; capacity <= 64; capacity *= 4) {
        struct mr_queue *queue = make(capacity);
        atomic_long sum = 0, count = 0;
        struct party parties[3];
        pthread_t producers[3], consumers[3];
        for (int i = 0; i < 3; i++) {
            /* some with a timeout that often runs out just when they are woken */
            parties[i] = (struct party){queue, &sum, &count, i * PARTY_COUNT, i == 2 ? 1 : -1};
            ck_assert_int_eq(pthread_create(&producers[i], NULL, push_many, &parties[i]), 0);
            ck_assert_int_eq(pthread_create(&consumers[i], NULL, pop_many, &parties[i]), 0);
        }
        for (int i = 0; i < 3; i++)
            pthread_join(producers[i], NULL);
        mr_queue_close(queue);
        for (int i = 0; i < 3; i++)
            pthread_join(consumers[i], NULL);
        long all = 3 * PARTY_COUNT;
        ck_assert_int_eq(atomic_load(&count), all);
        ck_assert_int_eq(atomic_load(&sum), all * (all - 1) / 2);
        mr_queue_destroy(queue, NULL);
    }
}
END_TEST

static long dropped[4];
static int dropped_count;

static void drop(void *item)
{
    dropped[dropped_count++] = (long)(intptr_t)item;
}

START_TEST(test_destroy_drops_what_is_left)
{
    struct mr_queue *queue = make(4);
    void *item;
    for (long i = 0; i < 4; i++)
        ck_assert_int_eq(mr_queue_try_push(queue, VALUE(i)), MR_OK);
    ck_assert_int_eq(mr_queue_try_pop(queue, &item), MR_OK);
    ck_assert_int_eq(mr_queue_try_push(queue, VALUE(4)), MR_OK);
    dropped_count = 0;
    mr_queue_destroy(queue, drop);
    ck_assert_int_eq(dropped_count, 4);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(dropped[i], i + 1);
}
END_TEST

Suite *queue_suite(void)
{
    Suite *suite = suite_create("queue");
    TCase *tests = tcase_create("queue");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_create);
    tcase_add_test(tests, test_first_in_first_out);
    tcase_add_test(tests, test_timeouts);
    tcase_add_test(tests, test_close_wakes_everybody);
    tcase_add_test(tests, test_many_producers_and_consumers);
    tcase_add_test(tests, test_destroy_drops_what_is_left);
    suite_add_tcase(suite, tests);
    return suite;
}
