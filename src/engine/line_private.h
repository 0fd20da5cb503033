/* line_private.h - what line.c (items and runs), line_together.c (runs of several items),
 * line_leave.c (turns and ends), line_feed.c (admission) and line_wait.c (waiting and sleeping)
 * share. */
#ifndef MR_ENGINE_LINE_PRIVATE_H
#define MR_ENGINE_LINE_PRIVATE_H

#include "engine/line.h"

enum feed_state {
    FEED_IDLE,   /* not queued; whoever changes its conditions posts it */
    FEED_ACTIVE, /* queued or running */
    FEED_ENDED   /* will never run again */
};

/* One place of the ring that finds the item whose turn it is. */
struct place {
    struct line_item *item; /* NULL when it has ended */
};

struct line {
    struct line_config config;
    struct line_step steps[LINE_STEPS_MAX];
    unsigned run_count; /* sum of widths */

    struct lock lock;
    struct condition changed; /* the line is done, or the first sleeper's time is another */
    /* under lock: */
    uint64_t next_seq, turn_seq;
    unsigned in_flight_count, in_flight_peak_count;
    uint64_t budget_used_bytes, budget_peak_bytes, largest_cost_bytes, ended_count;
    struct place *ring;                         /* LINE_IN_ORDER: in_flight_max places, by seq */
    struct line_item *holder;                   /* LINE_EXCLUSIVE: who has the turn */
    struct line_item *queue_first, *queue_last; /* LINE_EXCLUSIVE: who asked */
    struct line_item *sleepers;                 /* by wake_ns */
    enum feed_state feed_state;
    bool feed_again; /* asked for while it was active */
    bool is_closed, is_done;

    /* feed task only: */
    struct task feed_task;
    bool feed_loads; /* in its last batch it loaded items itself; also read by who posts it */
    struct line_item *pending; /* fed, and not admitted yet; the pointer is also read under lock */

    atomic_bool feed_wants_room;
    atomic_uint held[LINE_STEPS_MAX];
    atomic_uint_fast64_t runs[LINE_STEPS_MAX];
    atomic_int_fast64_t busy_ns[LINE_STEPS_MAX], feed_busy_ns;
};

/* ---- line.c ---- */

static inline struct line_run *line_run_of(const struct task *task)
{
    return (struct line_run *)(void *)((char *)(uintptr_t)task - offsetof(struct line_run, task));
}

/* Settles a run that has been done; adds what became ready by that to list. True when its item is
 * through. */
bool line_settle(struct line_run *run, struct task_list *list);
void line_count_runs(struct line *line, unsigned step, unsigned run_count, int64_t busy_ns);
/* Tells the client of a run that has been done, if it wants to know. */
static inline void line_tell_run(const struct line_run *run, int64_t start_ns, int64_t end_ns)
{
    const struct line_client *client = &run->item->line->config.client;
    if (client->ran)
        client->ran(client->ctx, run->item, run->step, start_ns, end_ns);
}

/*
 * Asks all steps, the last one first, so that what is nearest to its end goes on first. Adds the
 * runs that became ready to list. Returns true when the item is through: then the caller must make
 * it leave. Item lock held.
 */
bool line_claim_all_locked(struct line_item *item, struct task_list *list);
/* Takes the first run of the steps below step_count that belongs to pool off the list, for the
 * calling thread to run; not one that waits for others. NULL: there is none. */
struct line_run *line_take_run(struct task_list *list, const struct mr_pool *pool,
                               unsigned step_count);
/* Posts the runs of list, which is empty then, to their pools. */
void line_post_runs(struct line *line, struct task_list *list);
/*
 * Runs a claimed run on the calling thread and settles it; adds what became ready by that to list.
 * *start_ns is when it began, and then when it ended. Returns true when the item is through: then
 * the caller must make it leave.
 */
bool line_run_once(struct line_run *run, int64_t *start_ns, struct task_list *list);
/* Asks item's steps and posts what became ready. True when it is through and must leave. Item lock
 * not held. */
bool line_kick_once(struct line_item *item);
/* The same for an item that is no longer on the list of those that sleep; tells the client first.
 */
bool line_wake_once(struct line_item *item);

/* Runs a claimed run on the calling thread, and what becomes ready for the same pool by that. */
void line_run_on(struct line_run *run);

/* ---- line_together.c ---- */

/* Is it worth posting the run rather than doing it at once, as others may come that it can be done
 * with? */
bool line_waits_for_others(const struct line_run *run);
/* Runs a run that was posted together with others that are posted. False: there are none, and
 * nothing was done. */
bool line_run_together(struct line_run *run);

/* ---- line_leave.c ---- */

/* Makes an item that is through leave; then whoever got its turn, should that be through at once,
 * and so on. */
void line_leave(struct line_item *item);
/* Is everything over, for the first time? Then the caller tells the client after unlocking. Line
 * lock held. */
bool line_becomes_done_locked(struct line *line);
void line_tell_done(struct line *line);

/* ---- line_feed.c ---- */

/* May an item of this cost come in? Line lock held. */
bool line_has_room_locked(const struct line *line, const struct line_item *item);
/* Is it worth waking the feed that waits for room? Line lock held. */
bool line_feed_should_wake_locked(const struct line *line);
void line_feed_run(struct task *task);
/* By who made it active. */
void line_post_feed(struct line *line);

#endif
