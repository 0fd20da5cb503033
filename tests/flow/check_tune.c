/* The sizes of pools by models of what holds a run back; no threads, no time. */
#include "flow/tune.h"
#include "support/support.h"

Suite *tune_suite(void);

#define PROCESSORS 2

/* What limits the run. */
struct model {
    double each;      /* work a second of one thread that is alone */
    double most;      /* of all threads; 0: any */
    double disturbs;  /* part of the work that each further thread costs all */
    double cpu_s;     /* processor seconds for one unit of work */
    unsigned pool;    /* whose threads do it; those of others are idle */
    double runs_each; /* steps for one unit of work */
};

/* A tenth of a second of it. */
static struct tune_sample sample_of(const struct model *model, const struct tune *tune)
{
    unsigned count = tune->pools[model->pool].count;
    double rate = count * model->each / (1 + model->disturbs * (count - 1));
    if (model->most > 0 && rate > model->most)
        rate = model->most;
    if (model->cpu_s > 0 && rate * model->cpu_s > PROCESSORS)
        rate = PROCESSORS / model->cpu_s;
    struct tune_sample sample = {.seconds = 0.1,
                                 .work = rate * 0.1,
                                 .runs = rate * 0.1 * model->runs_each,
                                 .idle_s = 0.1 * (PROCESSORS - rate * model->cpu_s)};
    sample.busy_s[model->pool] = 0.1 * count;
    return sample;
}

static void run(struct tune *tune, const struct model *model, unsigned samples)
{
    for (unsigned i = 0; i < samples; i++) {
        struct tune_sample sample = sample_of(model, tune);
        unsigned before[TUNE_POOLS_MAX], changes = 0;
        for (unsigned p = 0; p < tune->pool_count; p++)
            before[p] = tune->pools[p].count;
        bool has_changed = tune_step(tune, &sample);
        for (unsigned p = 0; p < tune->pool_count; p++) {
            changes += tune->pools[p].count != before[p];
            ck_assert_uint_ge(tune->pools[p].count, 1);
            ck_assert_uint_le(tune->pools[p].count, tune->pools[p].max);
            ck_assert_uint_le(tune->pools[p].least_seen, tune->pools[p].count);
            ck_assert_uint_ge(tune->pools[p].most_seen, tune->pools[p].count);
        }
        ck_assert_uint_eq(changes, has_changed);
    }
}

static void init_one(struct tune *tune, unsigned count, unsigned max)
{
    tune_init(tune, PROCESSORS, 1, &count, &max);
}

/* Part of the samples, in percent, in which the first pool does not have so many threads. */
static unsigned away_percent(struct tune *tune, const struct model *model, unsigned count,
                             unsigned samples)
{
    unsigned away = 0;
    for (unsigned i = 0; i < samples; i++) {
        run(tune, model, 1);
        away += tune->pools[0].count != count;
    }
    return away * 100 / samples;
}

START_TEST(threads_that_sleep_get_company)
{
    struct tune tune;
    const struct model slow = {.each = 100, .runs_each = 1};
    init_one(&tune, 2, 32);
    run(&tune, &slow, 15);
    ck_assert_uint_eq(tune.pools[0].count, 32);
    ck_assert_uint_eq(tune.pools[0].least_seen, 2);

    /* One step takes a second: it takes as long until that shows, and no longer. */
    const struct model slower = {.each = 1, .runs_each = 1};
    init_one(&tune, 2, 32);
    run(&tune, &slower, 200);
    ck_assert_uint_eq(tune.pools[0].count, 32);

    /* What has no more to give than ten threads take. */
    const struct model shared = {.each = 100, .most = 1000, .runs_each = 1};
    init_one(&tune, 2, 32);
    run(&tune, &shared, 15);
    ck_assert_uint_eq(tune.pools[0].count, 16);
    ck_assert_uint_le(away_percent(&tune, &shared, 16, 1000), 5);
}
END_TEST

START_TEST(full_processors_get_no_more_threads)
{
    struct tune tune;
    const struct model work = {.each = 10, .cpu_s = 0.1, .runs_each = 1};
    init_one(&tune, PROCESSORS, 32);
    run(&tune, &work, 1000);
    ck_assert_uint_eq(tune.pools[0].most_seen, PROCESSORS);
    ck_assert_uint_eq(tune.pools[0].least_seen, PROCESSORS);
}
END_TEST

START_TEST(what_does_not_help_is_undone_and_seldom_tried)
{
    struct tune tune;
    const struct model stuck = {.each = 100, .most = 100, .runs_each = 1};
    init_one(&tune, 2, 32);
    ck_assert_uint_le(away_percent(&tune, &stuck, 2, 100), 15);
    ck_assert_uint_gt(tune.pools[0].most_seen, 2);
    ck_assert_uint_le(away_percent(&tune, &stuck, 2, 2000), 1);

    const struct model dead = {.runs_each = 1};
    init_one(&tune, 2, 32);
    run(&tune, &dead, 1000);
    ck_assert_uint_le(tune.pools[0].most_seen, 4);
}
END_TEST

START_TEST(what_disturbs_each_other_gets_fewer)
{
    struct tune tune;
    const struct model disk = {.each = 100, .disturbs = 2, .runs_each = 1};
    init_one(&tune, 4, 32);
    run(&tune, &disk, 200);
    ck_assert_uint_eq(tune.pools[0].count, 1);
}
END_TEST

START_TEST(threads_go_when_they_are_of_no_more_use)
{
    struct tune tune;
    const struct model slow = {.each = 100, .runs_each = 1};
    const struct model work = {.each = 10, .cpu_s = 0.1, .runs_each = 10};
    const struct model little = {.each = 1, .pool = 1, .runs_each = 100};
    init_one(&tune, 2, 32);
    run(&tune, &slow, 15);
    ck_assert_uint_eq(tune.pools[0].count, 32);
    run(&tune, &work, 20);
    ck_assert_uint_eq(tune.pools[0].count, 32);
    run(&tune, &work, 200);
    ck_assert_uint_eq(tune.pools[0].count, 2);

    const unsigned counts[] = {2, 2}, maxima[] = {32, 2};
    tune_init(&tune, PROCESSORS, 2, counts, maxima);
    run(&tune, &slow, 15);
    ck_assert_uint_eq(tune.pools[0].count, 32);
    run(&tune, &little, 300);
    ck_assert_uint_eq(tune.pools[0].count, 2);
}
END_TEST

START_TEST(only_the_pool_that_is_busy_changes)
{
    const unsigned counts[] = {2, 4, 2}, maxima[] = {32, 0, 32};
    const struct model writes = {.each = 100, .pool = 2, .runs_each = 1},
                       works = {.each = 100, .pool = 1, .runs_each = 1};
    struct tune tune;
    tune_init(&tune, PROCESSORS, 3, counts, maxima);
    run(&tune, &writes, 20);
    ck_assert_uint_eq(tune.pools[0].most_seen, 2);
    ck_assert_uint_eq(tune.pools[1].most_seen, 4);
    ck_assert_uint_eq(tune.pools[2].count, 32);
    tune_init(&tune, PROCESSORS, 3, counts, maxima);
    run(&tune, &works, 1000); /* its size was given */
    ck_assert_uint_eq(tune.pools[1].most_seen, 4);
    ck_assert_uint_eq(tune.pools[1].least_seen, 4);
}
END_TEST

Suite *tune_suite(void)
{
    Suite *suite = suite_create("tune");
    TCase *tests = tcase_create("tune");
    tcase_add_test(tests, threads_that_sleep_get_company);
    tcase_add_test(tests, full_processors_get_no_more_threads);
    tcase_add_test(tests, what_does_not_help_is_undone_and_seldom_tried);
    tcase_add_test(tests, what_disturbs_each_other_gets_fewer);
    tcase_add_test(tests, threads_go_when_they_are_of_no_more_use);
    tcase_add_test(tests, only_the_pool_that_is_busy_changes);
    suite_add_tcase(suite, tests);
    return suite;
}
