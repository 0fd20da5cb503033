/* line_feed.c - how items come in: the feed, and admission from outside. */
#include "base/clock.h"
#include "engine/line_private.h"

/* Items that the feed admits before it lets other tasks of its pool run. */
#define FEED_BATCH_COUNT 16

/* May an item of this cost come in? Line lock held. */
bool line_has_room_locked(const struct line *line, const struct line_item *item)
{
    if (line->in_flight_count == 0)
        return true; /* what is larger than the whole budget runs alone */
    if (line->in_flight_count >= line->config.in_flight_max)
        return false;
    if (line->config.order == LINE_IN_ORDER &&
        line->next_seq - line->turn_seq >= line->config.in_flight_max)
        return false;
    uint64_t budget = line->config.budget_bytes;
    return budget == 0 || (line->budget_used_bytes <= budget &&
                           item->cost_bytes <= budget - line->budget_used_bytes);
}

/* Is it worth waking the feed that waits for room? Room for a batch, so that it is not woken for
 * each item. Line lock held. */
bool line_feed_should_wake_locked(const struct line *line)
{
    return line->feed_state == FEED_IDLE &&
           atomic_load_explicit(&line->feed_wants_room, memory_order_relaxed) &&
           line->in_flight_count <= line->config.in_flight_max - line->config.in_flight_max / 4 &&
           line_has_room_locked(line, line->pending);
}

/* Takes place, cost and turn for an item that has room. Line lock held. */
static void admit_locked(struct line *line, struct line_item *item)
{
    item->seq = line->next_seq++;
    line->in_flight_count++;
    line->budget_used_bytes += item->cost_bytes;
    if (line->in_flight_count > line->in_flight_peak_count)
        line->in_flight_peak_count = line->in_flight_count;
    if (line->budget_used_bytes > line->budget_peak_bytes)
        line->budget_peak_bytes = line->budget_used_bytes;
    if (item->cost_bytes > line->largest_cost_bytes)
        line->largest_cost_bytes = item->cost_bytes;
    if (line->ring)
        line->ring[item->seq % line->config.in_flight_max].item = item;
}

/* Claims the first runs of an item that was just admitted; they are added to list. */
static void start_item(struct line_item *item, struct task_list *list)
{
    lock_take(&item->lock);
    bool is_through = line_claim_all_locked(item, list);
    lock_give(&item->lock);
    if (is_through)
        line_leave(item);
}

/* The feed goes to sleep, unless somebody called for it meanwhile. True when it must go on. */
static bool feed_sleeps_not(struct line *line, bool wants_room)
{
    lock_take(&line->lock);
    bool goes_on = line->feed_again || (wants_room && line_has_room_locked(line, line->pending));
    line->feed_again = false;
    atomic_store_explicit(&line->feed_wants_room, wants_room && !goes_on, memory_order_relaxed);
    if (!goes_on)
        line->feed_state = FEED_IDLE;
    lock_give(&line->lock);
    return goes_on;
}

static bool feed_admits_pending(struct line *line)
{
    lock_take(&line->lock);
    bool has_room = line_has_room_locked(line, line->pending);
    if (has_room) {
        admit_locked(line, line->pending);
        line->pending = NULL;
    }
    lock_give(&line->lock);
    return has_room;
}

static void feed_ends(struct line *line)
{
    lock_take(&line->lock);
    line->feed_state = FEED_ENDED;
    bool is_over = line_becomes_done_locked(line);
    lock_give(&line->lock);
    if (is_over)
        line_tell_done(line);
}

/*
 * Feeding has to pause until the item that was just admitted has been loaded, and its first step is
 * for threads of the feed's pool: then this thread does it at once. Otherwise the run would be
 * posted, and the feed again after it: two hand-overs for each small member of an archive. What
 * else became ready is posted before. Returns the time that it took, which is not the feed's.
 */
static int64_t load_here(struct line *line, struct task_list *list)
{
    const struct line_client *client = &line->config.client;
    struct mr_pool *pool = line->config.feed_pool;
    int64_t start_ns = 0, now_ns = 0;
    while (client->feed_pauses && client->feed_pauses(client->ctx)) {
        struct line_run *run = line_take_run(list, pool, 1);
        if (!run)
            break;
        if (start_ns == 0)
            start_ns = now_ns = clock_now_ns();
        line->feed_loads = true;
        line_post_runs(line, list);
        struct line_item *item = run->item;
        if (line_run_once(run, &now_ns, list))
            line_leave(item);
    }
    return now_ns - start_ns;
}

enum feed_step { FEED_GOES_ON, FEED_SLEEPS, FEED_WAITS_FOR_ROOM, FEED_IS_OVER };

/* Feeds and admits one item. *loading_ns grows by the time that was spent on its first step. */
static enum feed_step feed_one(struct line *line, int64_t *loading_ns)
{
    const struct line_client *client = &line->config.client;
    if (!line->pending) {
        lock_take(&line->lock);
        bool is_closed = line->is_closed;
        lock_give(&line->lock);
        if (is_closed)
            return FEED_IS_OVER;
        if (client->feed_pauses && client->feed_pauses(client->ctx))
            return FEED_SLEEPS;
        struct line_item *item = NULL;
        enum line_feed fed = client->feed(client->ctx, &item);
        if (fed != LINE_FEED_ITEM)
            return fed == LINE_FEED_END ? FEED_IS_OVER : FEED_SLEEPS;
        line->pending = item;
    }
    struct line_item *item = line->pending;
    if (!feed_admits_pending(line))
        return FEED_WAITS_FOR_ROOM;
    struct task_list list = {0};
    start_item(item, &list);
    *loading_ns += load_here(line, &list);
    /* What was admitted must be under way before the client is asked again, which may block. */
    line_post_runs(line, &list);
    return FEED_GOES_ON;
}

/* Feeds a batch. True when the feed must run again soon, because there may be more. */
static bool feed_batch(struct line *line, int64_t *loading_ns)
{
    atomic_store_explicit(&line->feed_wants_room, false, memory_order_relaxed);
    line->feed_loads = false;
    for (unsigned i = 0; i < FEED_BATCH_COUNT; i++) {
        enum feed_step step = feed_one(line, loading_ns);
        if (step == FEED_GOES_ON)
            continue;
        if (step == FEED_IS_OVER) {
            feed_ends(line);
            return false;
        }
        if (!feed_sleeps_not(line, step == FEED_WAITS_FOR_ROOM))
            return false;
    }
    return true;
}

/*
 * The feed goes before all that waits in its pool: it takes little, and when it finds the queue
 * empty, the other threads have run out of work. Not so when it loads items itself: that is work
 * like any other.
 */
void line_post_feed(struct line *line)
{
    if (line->feed_loads)
        pool_post_one(line->config.feed_pool, &line->feed_task);
    else
        pool_post_first(line->config.feed_pool, &line->feed_task);
}

void line_feed_run(struct task *task)
{
    struct line *line = (struct line *)(void *)((char *)task - offsetof(struct line, feed_task));
    int64_t start_ns = clock_now_ns(), loading_ns = 0;
    bool goes_on = feed_batch(line, &loading_ns);
    /* The line is still there: its pools are shut down before it goes. */
    int64_t end_ns = clock_now_ns();
    atomic_fetch_add_explicit(&line->feed_busy_ns, end_ns - start_ns - loading_ns,
                              memory_order_relaxed);
    if (line->config.client.ran)
        line->config.client.ran(line->config.client.ctx, NULL, 0, start_ns, end_ns);
    if (goes_on)
        line_post_feed(line);
}

void line_feed_kick(struct line *line)
{
    lock_take(&line->lock);
    bool posts = line->feed_state == FEED_IDLE;
    if (posts)
        line->feed_state = FEED_ACTIVE;
    else
        line->feed_again = true;
    lock_give(&line->lock);
    if (posts)
        line_post_feed(line);
}

void line_start(struct line *line)
{
    if (line->config.client.feed)
        line_feed_kick(line);
}

void line_close(struct line *line)
{
    lock_take(&line->lock);
    line->is_closed = true;
    if (line->sleepers)
        condition_broadcast(&line->changed);
    bool is_over = line_becomes_done_locked(line);
    lock_give(&line->lock);
    if (is_over)
        line_tell_done(line);
    else if (line->config.client.feed)
        line_feed_kick(line);
}

/* Admits an item, when there is room; its first runs go to list. */
static enum mr_status admit(struct line *line, struct line_item *item, struct task_list *list)
{
    enum mr_status status = MR_OK;
    lock_take(&line->lock);
    if (line->is_closed)
        status = MR_CLOSED;
    else if (!line_has_room_locked(line, item))
        status = MR_AGAIN;
    else
        admit_locked(line, item);
    lock_give(&line->lock);
    if (status == MR_OK)
        start_item(item, list);
    return status;
}

enum mr_status line_admit(struct line *line, struct line_item *item)
{
    struct task_list list = {0};
    enum mr_status status = admit(line, item, &list);
    line_post_runs(line, &list);
    return status;
}

enum mr_status line_admit_here(struct line *line, struct line_item *item)
{
    struct task_list list = {0};
    enum mr_status status = admit(line, item, &list);
    struct line_run *run = line_take_run(&list, pool_current(), LINE_STEPS_MAX);
    line_post_runs(line, &list);
    if (run)
        line_run_on(run);
    return status;
}
