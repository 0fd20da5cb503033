/* line_leave.c - how items end: the turn goes on, cost and place are given back, the line is done.
 */
#include <assert.h>

#include "engine/line_private.h"

/* Is everything over? Line lock held. */
bool line_becomes_done_locked(struct line *line)
{
    if (line->is_done || line->in_flight_count > 0 || line->feed_state != FEED_ENDED ||
        (!line->config.client.feed && !line->is_closed))
        return false;
    line->is_done = true;
    condition_broadcast(&line->changed);
    return true;
}

void line_tell_done(struct line *line)
{
    if (line->config.client.done)
        line->config.client.done(line->config.client.ctx);
}

static void item_unref(struct line_item *item)
{
    if (atomic_fetch_sub_explicit(&item->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct line *line = item->line;
    uint64_t cost_bytes = item->cost_bytes;
    line->config.client.end(item);
    lock_take(&line->lock);
    assert(line->in_flight_count > 0 && line->budget_used_bytes >= cost_bytes);
    line->in_flight_count--;
    line->budget_used_bytes -= cost_bytes;
    line->ended_count++;
    bool wakes_feed = line_feed_should_wake_locked(line);
    if (wakes_feed)
        line->feed_state = FEED_ACTIVE;
    bool is_over = line_becomes_done_locked(line);
    lock_give(&line->lock);
    if (wakes_feed)
        line_post_feed(line);
    if (is_over)
        line_tell_done(line);
}

/* Passes the turn on when item had it. Returns who has it now and waits for it, with a reference,
 * or NULL. Line lock held. */
static struct line_item *pass_turn_locked(struct line *line, struct line_item *item)
{
    struct line_item *next = NULL;
    if (line->config.order == LINE_IN_ORDER) {
        unsigned size = line->config.in_flight_max;
        line->ring[item->seq % size].item = NULL;
        if (item->seq != line->turn_seq)
            return NULL;
        while (line->turn_seq < line->next_seq && !line->ring[line->turn_seq % size].item)
            line->turn_seq++;
        if (line->turn_seq < line->next_seq)
            next = line->ring[line->turn_seq % size].item;
        if (next && !next->awaits_turn)
            next = NULL; /* it will ask by itself */
    } else if (line->holder == item) {
        next = line->queue_first;
        line->holder = next;
        if (next)
            line->queue_first = next->next;
        if (!line->queue_first)
            line->queue_last = NULL;
    } else if (item->awaits_turn) {
        struct line_item **link = &line->queue_first, *before = NULL;
        for (; *link != item; link = &(*link)->next)
            before = *link;
        *link = item->next;
        if (line->queue_last == item)
            line->queue_last = before;
    }
    if (next) {
        next->awaits_turn = false;
        atomic_fetch_add_explicit(&next->refs, 1, memory_order_relaxed);
    }
    return next;
}

/* Makes an item that is through leave; then whoever got its turn, should that be through at once,
 * and so on. */
void line_leave(struct line_item *item)
{
    while (item) {
        struct line *line = item->line;
        struct line_item *next = NULL;
        if (line->config.order != LINE_FREE) {
            lock_take(&line->lock);
            next = pass_turn_locked(line, item);
            lock_give(&line->lock);
        }
        item_unref(item);
        item = NULL;
        if (next) {
            if (line_kick_once(next))
                item = next;
            item_unref(next); /* the reference of pass_turn_locked(); in flight it keeps its own */
        }
    }
}

void line_kick(struct line_item *item)
{
    if (line_kick_once(item))
        line_leave(item);
}

void line_hold(struct line_item *item)
{
    atomic_fetch_add_explicit(&item->refs, 1, memory_order_relaxed);
}

void line_release(struct line_item *item)
{
    item_unref(item);
}

bool line_has_turn(struct line_item *item)
{
    struct line *line = item->line;
    if (line->config.order == LINE_FREE)
        return true;
    lock_take(&line->lock);
    bool has = false;
    if (line->config.order == LINE_IN_ORDER) {
        has = item->seq == line->turn_seq;
        item->awaits_turn = !has;
    } else if (line->holder == item || !line->holder) {
        line->holder = item;
        has = true;
    } else if (!item->awaits_turn) {
        item->awaits_turn = true;
        item->next = NULL;
        if (line->queue_last)
            line->queue_last->next = item;
        else
            line->queue_first = item;
        line->queue_last = item;
    }
    lock_give(&line->lock);
    return has;
}
