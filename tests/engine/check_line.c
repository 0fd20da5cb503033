/*
 * The line under random schedules: one thread, manual pools, a seed for each configuration. A model
 * job of three steps (load, process, store) with windows, failing and expanding items, serial
 * sources, turns and tiny budgets runs on the real scheduler; whoever is posted next is drawn by
 * lot. Nothing may get stuck, go over a bound or come out of order.
 */
#include "base/clock.h"
#include "engine/line.h"

#include "support/support.h"

enum { LOAD, PROCESS, STORE, STEPS };
#define POOLS_MAX 3

struct model {
    struct line *line;
    struct mr_pool *pools[STEPS];
    uint64_t random, seed;
    unsigned item_count, made_count, ended_count, stored_count, failed_count, cancelled_count;
    unsigned window_max, expansion_max, fail_percent;
    unsigned width; /* of PROCESS */
    unsigned sleep_percent, asleep_count, woken_count;
    bool is_serial, is_cancelled;
    enum line_order order;
    uint64_t budget_bytes, cost_in_flight, next_stored_seq;
    struct item *loading;      /* serial source: not loaded yet */
    struct mr_pool *feed_pool; /* NULL: items are admitted from outside, by the task intake */
    struct task intake;
    struct mr_pool *intake_pool;
    struct line_item *refused; /* there was no room for it yet */
    unsigned task_count, task; /* started so far; the one that runs, by number */
    struct item *storing; /* between the first and the last store of an item of a serial sink */
    unsigned in_flight;
    uint64_t told_count;   /* runs that were told */
    int64_t told_until_ns; /* the end of the last one: this is one thread */
    unsigned together_percent,
        together_count; /* runs of PROCESS that may be with others; that were */
};

/* Of all models: the mode is not left out. */
static unsigned all_together_count;

struct item {
    struct line_item line;
    struct line_run runs[STEPS + 8];
    struct model *model;
    unsigned chunks, expansion; /* chunks to load; what PROCESS makes of each */
    unsigned in_window, out_window;
    unsigned loaded, in_box, claimed_in, processed, owed, out_box, stored, storing;
    unsigned fail_step, fail_at;
    unsigned claimed_by; /* the task in which the last claim of LOAD was made */
    bool is_failed, is_loaded, is_processed, is_stored, is_asleep;
};

static struct item *item_of(struct line_item *line_item)
{
    return (struct item *)line_item;
}

static bool is_stopped(struct item *item)
{
    return item->is_failed || item->model->is_cancelled;
}

static unsigned draw(struct model *model, unsigned below)
{
    return (unsigned)(support_random(&model->random) % below);
}

/* At the end of a settle: at times the item sleeps, a while or no time at all. */
static void may_sleep(struct item *item)
{
    struct model *model = item->model;
    if (item->is_asleep || draw(model, 100) >= model->sleep_percent)
        return;
    item->is_asleep = true;
    model->asleep_count++;
    line_sleep(&item->line, clock_now_ns() + (int64_t)draw(model, 3) * 20000);
}

static void woken(struct line_item *line_item)
{
    struct item *item = item_of(line_item);
    ck_assert(item->is_asleep);
    item->is_asleep = false;
    item->model->asleep_count--;
    item->model->woken_count++;
}

static enum line_claim load_claim(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    (void)run;
    if (item->is_asleep)
        return LINE_NOTHING;
    if (item->is_loaded)
        return LINE_NOTHING;
    item->claimed_by = item->model->task;
    if (is_stopped(item))
        return LINE_READY;
    return item->in_box + item->claimed_in < item->in_window ? LINE_READY : LINE_HELD;
}

static void load_run(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    struct model *model = item->model;
    (void)run;
    if (!model->is_serial)
        return;
    ck_assert_ptr_eq(model->loading, item);
    /* The feed itself starts to load what it waits for, in the task that admitted it; but never in
     * another step's pool. */
    if (item->loaded == 0)
        ck_assert_int_eq(item->claimed_by == model->task, model->feed_pool == model->pools[LOAD]);
}

static void load_settle(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    (void)run;
    if (item->fail_step == LOAD && item->loaded == item->fail_at)
        item->is_failed = true;
    if (is_stopped(item)) {
        item->is_loaded = true;
    } else {
        item->in_box++;
        item->is_loaded = ++item->loaded == item->chunks;
    }
    if (item->is_loaded && item->model->loading == item) {
        item->model->loading = NULL;
        line_feed_kick(item->model->line);
    }
    may_sleep(item);
}

/* One run takes one chunk and owes `expansion` chunks, which it gives one at a time while there is
 * room. */
static enum line_claim process_claim(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    (void)run;
    if (item->is_asleep || item->is_processed)
        return LINE_NOTHING;
    if (is_stopped(item))
        return item->claimed_in == 0 ? LINE_READY : LINE_NOTHING;
    if (item->in_box == 0 && item->owed == 0)
        return LINE_NOTHING;
    if (item->out_box + item->storing + item->claimed_in >= item->out_window)
        return LINE_HELD;
    if (item->owed == 0) {
        item->in_box--;
        item->owed = item->expansion;
    }
    item->owed--;
    item->claimed_in++;
    return LINE_READY;
}

static void process_run(struct line_item *line_item, struct line_run *run)
{
    (void)line_item;
    (void)run;
}

static unsigned others(const struct line_run *run)
{
    struct model *model = item_of(run->item)->model;
    return draw(model, 100) < model->together_percent ? 1 + draw(model, LINE_TOGETHER_MAX - 1) : 0;
}

static bool goes_with(const struct line_run *run, const struct line_run *other)
{
    struct model *model = item_of(run->item)->model;
    ck_assert_ptr_ne(run, other);
    ck_assert_uint_eq(other->step, PROCESS);
    return draw(model, 4) > 0;
}

static void run_together(struct line_run *const *runs, unsigned count)
{
    ck_assert_uint_ge(count, 2);
    ck_assert_uint_le(count, LINE_TOGETHER_MAX);
    for (unsigned i = 0; i < count; i++) {
        ck_assert(runs[i]->is_active);
        item_of(runs[i]->item)->model->together_count++;
    }
}

static const struct line_together together = {PROCESS, others, goes_with, run_together};

static void process_settle(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    (void)run;
    if (item->fail_step == PROCESS && item->processed == item->fail_at)
        item->is_failed = true;
    item->claimed_in -= item->claimed_in > 0;
    if (is_stopped(item)) {
        item->is_processed = item->claimed_in == 0;
        return;
    }
    item->processed++;
    item->out_box++;
    ck_assert_uint_le(item->out_box + item->storing, item->out_window);
    item->is_processed = item->processed == item->chunks * item->expansion;
}

static enum line_claim store_claim(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    (void)run;
    if (item->is_asleep || item->is_stored)
        return LINE_NOTHING;
    if (is_stopped(item))
        return item->is_processed ? LINE_READY : LINE_NOTHING;
    if (item->out_box == 0)
        return LINE_NOTHING;
    if (!line_has_turn(line_item))
        return LINE_HELD;
    item->storing = item->out_box;
    item->out_box = 0;
    return LINE_READY;
}

static void store_run(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    struct model *model = item->model;
    (void)run;
    if (model->order == LINE_FREE || item->storing == 0)
        return;
    ck_assert_msg(!model->storing || model->storing == item, "two items in a serial sink");
    model->storing = item;
    if (model->order == LINE_IN_ORDER)
        ck_assert_uint_ge(line_item->seq, model->next_stored_seq);
    model->next_stored_seq = line_item->seq;
}

static void store_settle(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    (void)run;
    if (item->fail_step == STORE && item->stored >= item->fail_at)
        item->is_failed = true;
    if (is_stopped(item)) {
        item->storing = 0;
        item->is_stored = item->is_processed;
    } else {
        item->stored += item->storing;
        item->storing = 0;
        item->is_stored = item->stored == item->chunks * item->expansion;
    }
    if (item->is_stored && item->model->storing == item)
        item->model->storing = NULL;
    may_sleep(item);
}

static bool is_done(struct line_item *line_item)
{
    struct item *item = item_of(line_item);
    return !item->is_asleep && item->is_loaded && item->is_processed && item->is_stored;
}

static void end(struct line_item *line_item)
{
    struct item *item = item_of(line_item);
    struct model *model = item->model;
    model->ended_count++;
    if (item->is_failed)
        model->failed_count++;
    else if (item->stored == item->chunks * item->expansion)
        model->stored_count++;
    else
        model->cancelled_count++;
    model->cost_in_flight -= line_item->cost_bytes;
    line_item_fini(line_item);
    free(item);
}

static enum line_feed feed(void *ctx, struct line_item **line_item)
{
    struct model *model = ctx;
    if (model->made_count == model->item_count)
        return LINE_FEED_END;
    struct item *item = calloc(1, sizeof(*item));
    ck_assert_ptr_nonnull(item);
    ck_assert_int_eq(line_item_init(model->line, &item->line, item->runs), MR_OK);
    item->model = model;
    item->chunks = 1 + draw(model, 6);
    item->expansion = 1 + draw(model, model->expansion_max);
    item->in_window = 1 + draw(model, model->window_max);
    item->out_window = 1 + draw(model, model->window_max);
    item->fail_step = draw(model, 100) < model->fail_percent ? draw(model, STEPS) : STEPS;
    item->fail_at = draw(model, 4);
    item->line.cost_bytes = item->in_window + item->out_window;
    model->made_count++;
    model->cost_in_flight += item->line.cost_bytes;
    if (model->is_serial)
        model->loading = item;
    *line_item = &item->line;
    return LINE_FEED_ITEM;
}

static bool run_one(struct model *model);

/* At times others go on before the feed gets the answer, as they may on their own threads: what it
 * waits for has come then, before it sleeps. */
static bool pauses(void *ctx)
{
    struct model *model = ctx;
    bool is_loading = model->loading != NULL;
    while (draw(model, 3) == 0 && run_one(model))
        model->told_until_ns = 0; /* the feed's own run began before */
    return is_loading;
}

static void ran(void *ctx, struct line_item *line_item, unsigned step, int64_t start_ns,
                int64_t end_ns)
{
    struct model *model = ctx;
    ck_assert_int_le(start_ns, end_ns);
    if (!line_item)
        return;
    ck_assert_uint_lt(step, STEPS);
    ck_assert_ptr_eq(item_of(line_item)->model, model);
    ck_assert_int_ge(start_ns, model->told_until_ns);
    model->told_until_ns = end_ns;
    model->told_count++;
}

static unsigned count_posted(const struct model *model)
{
    unsigned total = 0;
    for (unsigned s = 0; s < STEPS; s++)
        if (s == 0 || model->pools[s] != model->pools[0])
            total += pool_manual_count(model->pools[s]);
    return total;
}

/* Admits an item from outside; there must be something else to run when there is no room for it. */
static void intake_run(struct task *task)
{
    struct model *model = (struct model *)(void *)((char *)task - offsetof(struct model, intake));
    if (!model->refused && feed(model, &model->refused) == LINE_FEED_END) {
        line_close(model->line);
        return;
    }
    struct line_item *item = model->refused;
    enum mr_status status =
        draw(model, 2) ? line_admit(model->line, item) : line_admit_here(model->line, item);
    if (status == MR_CLOSED) {
        model->made_count--;
        model->item_count--;
        line_item_fini(item);
        free(item_of(item));
        return;
    }
    if (status == MR_OK)
        model->refused = NULL;
    else
        ck_assert_msg(count_posted(model) > 0 || model->asleep_count > 0, "no room: seed %llu",
                      (unsigned long long)model->seed);
    pool_post_one(model->intake_pool, task);
}

/* Draws the next task to run among all pools. False when nothing is posted. */
static bool run_one(struct model *model)
{
    unsigned total = count_posted(model);
    if (total == 0)
        return false;
    unsigned pick = draw(model, total);
    for (unsigned s = 0; s < STEPS; s++) {
        if (s > 0 && model->pools[s] == model->pools[0])
            continue;
        unsigned count = pool_manual_count(model->pools[s]);
        if (pick < count) {
            unsigned before = model->task;
            model->task = ++model->task_count;
            pool_manual_run(model->pools[s], pick);
            model->task = before;
            return true;
        }
        pick -= count;
    }
    return false;
}

static void make_pools(struct model *model, bool is_shared)
{
    for (unsigned s = 0; s < STEPS; s++) {
        if (s > 0 && is_shared)
            model->pools[s] = model->pools[0];
        else
            ck_assert_int_eq(pool_create_manual("sim", 1 + draw(model, 3), &model->pools[s]),
                             MR_OK);
    }
}

static void check_figures(const struct model *model)
{
    struct line_figures figures;
    line_figures(model->line, &figures);
    ck_assert_uint_eq(figures.in_flight_count, 0);
    ck_assert_uint_eq(figures.budget_used_bytes, 0);
    ck_assert_uint_eq(figures.admitted_count, model->made_count);
    ck_assert_uint_eq(figures.ended_count, model->made_count);
    uint64_t run_count = 0;
    for (unsigned s = 0; s < STEPS; s++)
        run_count += figures.step_runs[s];
    ck_assert_uint_eq(model->told_count, run_count);
    uint64_t largest = 2 * (uint64_t)model->window_max;
    ck_assert_uint_le(figures.budget_peak_bytes,
                      model->budget_bytes > largest ? model->budget_bytes : largest);
    ck_assert_uint_le(figures.largest_cost_bytes, figures.budget_peak_bytes);
    ck_assert(figures.largest_cost_bytes > 0 || model->made_count == 0);
    ck_assert_uint_eq(model->ended_count, model->made_count);
    ck_assert_uint_eq(model->stored_count + model->failed_count + model->cancelled_count,
                      model->made_count);
    if (!model->is_cancelled) {
        ck_assert_uint_eq(model->made_count, model->item_count);
        ck_assert_uint_eq(model->cancelled_count, 0);
    }
}

static void run_configuration(uint64_t seed)
{
    struct model model = {.random = seed, .seed = seed};
    bool is_shared = draw(&model, 2);
    model.order = (enum line_order)draw(&model, 3);
    model.is_serial = draw(&model, 3) == 0;
    /* Most are short, as there are many to try; some go on for as long as real ones. */
    model.item_count = draw(&model, 16) == 0 ? draw(&model, 250) : draw(&model, 12);
    model.window_max = 1 + draw(&model, 3);
    model.expansion_max = 1 + draw(&model, 4);
    model.fail_percent = draw(&model, 3) * 20;
    model.budget_bytes = 1 + draw(&model, 20);
    model.width = 1 + draw(&model, 3);
    model.sleep_percent = draw(&model, 3) == 0 ? 30 : 0;
    model.together_percent = draw(&model, 2) * 70;
    make_pools(&model, is_shared);
    model.feed_pool = model.pools[draw(&model, 3) == 0 ? STORE : LOAD];
    if (!model.is_serial && draw(&model, 3) == 0)
        model.feed_pool = NULL;
    model.intake_pool = model.pools[draw(&model, STEPS)];
    struct line_step steps[STEPS] = {
        {"load", model.pools[LOAD], 1, load_claim, load_run, load_settle},
        {"process", model.pools[PROCESS], model.width, process_claim, process_run, process_settle},
        {"store", model.pools[STORE], 1, store_claim, store_run, store_settle},
    };
    const struct line_config config = {
        .steps = steps,
        .step_count = STEPS,
        .together = model.together_percent > 0 ? &together : NULL,
        .order = model.order,
        .budget_bytes = model.budget_bytes,
        .in_flight_max = 1 + draw(&model, 8),
        .feed_pool = model.feed_pool,
        .client = {.feed = model.feed_pool ? feed : NULL,
                   .feed_pauses = pauses,
                   .is_done = is_done,
                   .end = end,
                   .woken = woken,
                   .ran = ran,
                   .ctx = &model},
    };
    ck_assert_int_eq(line_create(&config, &model.line), MR_OK);
    unsigned cancel_after = draw(&model, 8) == 0 ? draw(&model, 60) : UINT32_MAX;
    line_start(model.line);
    model.intake.run = intake_run;
    if (!model.feed_pool)
        pool_post_one(model.intake_pool, &model.intake);
    for (unsigned tasks = 0; run_one(&model) || model.asleep_count > 0; tasks++) {
        if (model.asleep_count > 0 && draw(&model, 4) == 0)
            line_wait(model.line, 0);
        if (tasks == cancel_after) {
            model.is_cancelled = draw(&model, 2);
            line_close(model.line);
            model.item_count = model.made_count;
        }
    }
    ck_assert_msg(line_is_done(model.line), "stuck: seed %llu", (unsigned long long)seed);
    check_figures(&model);
    all_together_count += model.together_count;
    line_destroy(model.line);
    for (unsigned s = 0; s < STEPS; s++)
        if (s == 0 || !is_shared)
            mr_pool_destroy(model.pools[s]);
}

/* One item that sleeps for `sleep_ns` after it was loaded; *line is done or closed meanwhile as the
 * test says. */
struct sleeper {
    struct item item;
    int64_t sleep_ns;
};

static void sleeper_settle(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    (void)run;
    item->is_loaded = item->is_processed = item->is_stored = item->is_asleep = true;
    line_sleep(line_item, clock_now_ns() + ((struct sleeper *)(void *)item)->sleep_ns);
}

static void sleeper_woken(struct line_item *line_item)
{
    item_of(line_item)->is_asleep = false;
}

static void sleeper_end(struct line_item *line_item)
{
    line_item_fini(line_item);
}

/* How long line_wait() takes when items sleep for these times. */
static int64_t sleep_for(const int64_t *sleep_ns, unsigned count, bool closes)
{
    struct mr_pool *pool;
    struct line *line;
    const struct mr_pool_config pool_config = {
        .struct_bytes = sizeof(pool_config), .name = "sleep", .thread_count = 1};
    struct model model = {0};
    struct sleeper sleepers[4] = {0};
    ck_assert_int_eq(mr_pool_create(&pool_config, &pool, NULL), MR_OK);
    const struct line_step step = {"load", pool, 1, load_claim, load_run, sleeper_settle};
    const struct line_config config = {
        .steps = &step,
        .step_count = 1,
        .in_flight_max = 4,
        .client = {.is_done = is_done, .end = sleeper_end, .woken = sleeper_woken}};
    ck_assert_int_eq(line_create(&config, &line), MR_OK);
    int64_t start_ns = clock_now_ns();
    for (unsigned i = 0; i < count; i++) {
        struct item *item = &sleepers[i].item;
        ck_assert_int_eq(line_item_init(line, &item->line, item->runs), MR_OK);
        item->model = &model;
        item->in_window = 1;
        sleepers[i].sleep_ns = sleep_ns[i];
        ck_assert_int_eq(line_admit(line, &item->line), MR_OK);
    }
    ck_assert(!line_wait(line, clock_now_ns() + 1000000)); /* over before any of them */
    struct line_figures figures;
    do
        line_figures(line, &figures);
    while (!closes && figures.ended_count < count && !line_wait(line, clock_now_ns() + 500000));
    line_close(line);
    ck_assert(line_wait(line, INT64_MAX));
    int64_t took_ns = clock_now_ns() - start_ns;
    mr_pool_shutdown(pool, MR_SHUTDOWN_DRAIN);
    line_destroy(line);
    mr_pool_destroy(pool);
    return took_ns;
}

START_TEST(what_sleeps_is_woken_in_time)
{
    const int64_t ms = 1000000, times[] = {90 * ms, 30 * ms, 60 * ms};
    int64_t took_ns = sleep_for(times, 3, false);
    ck_assert_int_ge(took_ns, 90 * ms);
    ck_assert_int_lt(took_ns, SUPPORT_HANG_MS * ms);
}
END_TEST

START_TEST(closing_wakes_what_sleeps)
{
    const int64_t hour = INT64_C(3600000000000), times[] = {hour, INT64_MAX / 2};
    ck_assert_int_lt(sleep_for(times, 2, true), hour / 60);
}
END_TEST

START_TEST(random_schedules)
{
    for (uint64_t i = 0; i < 2500; i++)
        run_configuration((uint64_t)_i * 2500 + i + 1);
    ck_assert_uint_gt(all_together_count, 100);
}
END_TEST

Suite *line_suite(void)
{
    Suite *suite = suite_create("line");
    TCase *tcase = tcase_create("schedules");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, random_schedules, 0, 8);
    tcase_add_test(tcase, what_sleeps_is_woken_in_time);
    tcase_add_test(tcase, closing_wakes_what_sleeps);
    suite_add_tcase(suite, tcase);
    return suite;
}
