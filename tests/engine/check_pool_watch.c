/* Threads of a pool that have nothing to do watch: one of them does as long as there is need. */
#include <stdatomic.h>

#include "engine/pool_state.h"
#include "engine/pool_support.h"
#include "support/support.h"

Suite *pool_watch_suite(void);

struct need {
    atomic_bool is_there;
    atomic_int look_count; /* while it is there */
};

static bool look(void *ctx)
{
    struct need *need = ctx;
    bool is_there = atomic_load(&need->is_there);
    atomic_fetch_add(&need->look_count, is_there);
    return is_there;
}

static bool looks_again(struct need *need)
{
    int before = atomic_load(&need->look_count);
    for (int ms = 0; ms < SUPPORT_HANG_MS && atomic_load(&need->look_count) == before; ms++)
        sleep_us(1000);
    return atomic_load(&need->look_count) > before;
}

/* Each function takes a thread away, mostly the one that watches: the others slept before there was
 * anything to watch. Those that are left watch, down to the last one. */
START_TEST(test_who_gets_a_task_leaves_the_watch_to_another)
{
    enum { THREADS = 4 };
    struct need need = {0};
    struct gate gate = {0};
    struct mr_pool_config config = {
        .struct_bytes = sizeof(config), .name = "watch", .thread_count = THREADS};
    struct mr_pool *pool;
    struct mr_error err = {0};
    ck_assert_ok(mr_pool_create(&config, &pool, &err), err);
    pool_set_watch(pool, look, &need);
    while (atomic_load(&pool->sleeper_count) < THREADS)
        sleep_us(100);
    atomic_store(&need.is_there, true);
    if (pool_needs_watch(pool))
        pool_nudge(pool);
    for (int i = 1; i < THREADS; i++) {
        ck_assert(looks_again(&need));
        ck_assert_ok(mr_pool_submit(pool, wait_at_gate, &gate, NULL, &err), err);
        while (atomic_load(&gate.arrived_count) < i)
            sleep_us(100);
    }
    ck_assert(looks_again(&need));
    atomic_store(&need.is_there, false);
    atomic_store(&gate.is_open, true);
    mr_pool_destroy(pool);
}
END_TEST

Suite *pool_watch_suite(void)
{
    Suite *suite = suite_create("pool_watch");
    TCase *tests = tcase_create("pool_watch");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, test_who_gets_a_task_leaves_the_watch_to_another, 0, 8);
    suite_add_tcase(suite, tests);
    return suite;
}
