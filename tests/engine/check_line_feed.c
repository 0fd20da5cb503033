/* Whose turn it is in the pool when the line is fed: that of the feed, or of the items. */
#include "engine/line.h"
#include "engine/task.h"
#include "support/support.h"

Suite *line_feed_suite(void);

#define ITEM_COUNT    100
#define IN_FLIGHT_MAX 32

struct item {
    struct line_item line;
    struct line_run run;
    bool is_through;
};

static struct item items[ITEM_COUNT];
static unsigned fed_count, run_count;
static struct line *line;

static enum line_feed feed(void *ctx, struct line_item **item)
{
    (void)ctx;
    if (fed_count == ITEM_COUNT)
        return LINE_FEED_END;
    struct item *fed = &items[fed_count++];
    fed->is_through = false;
    ck_assert_int_eq(line_item_init(line, &fed->line, &fed->run), MR_OK);
    *item = &fed->line;
    return LINE_FEED_ITEM;
}

/* The last one that was fed is to be run before there are more. */
static bool pauses(void *ctx)
{
    (void)ctx;
    return fed_count > 0 && !items[fed_count - 1].is_through;
}

static enum line_claim claim(struct line_item *item, struct line_run *run)
{
    (void)run;
    return ((struct item *)item)->is_through ? LINE_NOTHING : LINE_READY;
}

static void run(struct line_item *item, struct line_run *run)
{
    (void)item;
    (void)run;
    run_count++;
}

static void settle(struct line_item *item, struct line_run *run)
{
    (void)run;
    ((struct item *)item)->is_through = true;
}

static bool is_done(struct line_item *item)
{
    return ((struct item *)item)->is_through;
}

static struct mr_pool *start(bool (*feed_pauses)(void *ctx))
{
    struct mr_pool *pool;
    ck_assert_int_eq(pool_create_manual("sim", 2, &pool), MR_OK);
    const struct line_step step = {"step", pool, 1, claim, run, settle};
    const struct line_config config = {
        .steps = &step,
        .step_count = 1,
        .in_flight_max = IN_FLIGHT_MAX,
        .feed_pool = pool,
        .client = {
            .feed = feed, .feed_pauses = feed_pauses, .is_done = is_done, .end = line_item_fini}};
    fed_count = run_count = 0;
    ck_assert_int_eq(line_create(&config, &line), MR_OK);
    line_start(line);
    return pool;
}

static void finish(struct mr_pool *pool)
{
    while (pool_manual_count(pool) > 0)
        pool_manual_run(pool, 0);
    ck_assert(line_is_done(line));
    ck_assert_uint_eq(run_count, ITEM_COUNT);
    mr_pool_shutdown(pool, MR_SHUTDOWN_DRAIN);
    line_destroy(line);
    mr_pool_destroy(pool);
}

/* As long as there is room, no thread takes an item while nobody feeds: the others would run out of
 * work. */
START_TEST(a_feed_goes_before_items)
{
    struct mr_pool *pool = start(NULL);
    while (run_count == 0)
        pool_manual_run(pool, 0);
    ck_assert_uint_gt(fed_count, IN_FLIGHT_MAX);
    unsigned least_count = IN_FLIGHT_MAX;
    while (fed_count < ITEM_COUNT) {
        pool_manual_run(pool, 0);
        unsigned waiting_count = fed_count - run_count;
        least_count = waiting_count < least_count ? waiting_count : least_count;
    }
    ck_assert_uint_gt(least_count, IN_FLIGHT_MAX / 2);
    finish(pool);
}
END_TEST

static void note_other(struct task *task)
{
    task->run = NULL;
}

/* One that does the first step of what it feeds takes its turn behind what was posted before. */
START_TEST(a_feed_that_loads_takes_its_turn)
{
    struct mr_pool *pool = start(pauses);
    struct task other = {.run = note_other};
    pool_post_one(pool, &other);
    pool_manual_run(pool, 0);
    ck_assert_uint_gt(run_count, 1);
    ck_assert_uint_lt(run_count, ITEM_COUNT);
    ck_assert(other.run);
    pool_manual_run(pool, 0);
    ck_assert(!other.run);
    finish(pool);
}
END_TEST

Suite *line_feed_suite(void)
{
    Suite *suite = suite_create("line_feed");
    TCase *tests = tcase_create("feed");
    tcase_add_test(tests, a_feed_goes_before_items);
    tcase_add_test(tests, a_feed_that_loads_takes_its_turn);
    suite_add_tcase(suite, tests);
    return suite;
}
