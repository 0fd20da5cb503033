/*
 * line.h - the scheduler: an item is its own small pipeline; pools are only places where ready
 * steps run.
 *
 * A line has up to LINE_STEPS_MAX steps, each bound to a pool. A client embeds struct line_item in
 * what travels and gives, for each step, claim (is there a run to do? lock held), run (the work, no
 * lock) and settle (show the results to the other steps, lock held). After every settle all steps
 * of the item are asked again; a claimed run is posted to its step's pool, or kept by the calling
 * thread when it belongs to that pool. Nobody ever waits for an item: what is not ready is simply
 * not claimed, and whoever makes it ready claims it.
 *
 * Items enter by the feed: a task on the first step's pool that asks the client for the next item
 * and admits it when the budget can pay its whole cost, paid once and returned once. In flight are
 * at most in_flight_max items. "Closed" is a state: the line is done when the feed has ended and
 * nothing is in flight.
 *
 * An item may sleep (line_sleep()) until a time of its own choice. No thread of a pool waits with
 * it: who is in line_wait() wakes it.
 *
 * Locks: an item's lock first, then the line's (a leaf). Never two items. Pools are posted to with
 * no lock held.
 */
#ifndef MR_ENGINE_LINE_H
#define MR_ENGINE_LINE_H

#include <stdatomic.h>
#include <stdint.h>

#include "engine/task.h"
#include "engine/thread.h"

#define LINE_STEPS_MAX 16

struct line;
struct line_item;
struct line_run;

enum line_claim {
    LINE_NOTHING, /* this step has nothing to do for the item now */
    LINE_HELD,    /* it has, but there is no room after it, or it is not the item's turn */
    LINE_READY    /* run it: claim took what the run needs */
};

struct line_step {
    const char *name;
    struct mr_pool *pool;
    /*
     * Runs of one item that this step may have at once (queued and running). 1: one at a time, in
     * order. The client's item has room for the sum of all widths in line_runs.
     */
    unsigned width;
    enum line_claim (*claim)(struct line_item *item, struct line_run *run); /* item lock held */
    void (*run)(struct line_item *item, struct line_run *run);              /* no lock held */
    void (*settle)(struct line_item *item, struct line_run *run);           /* item lock held */
};

/* Runs of a step that are cheaper when those of several items are done together. */
struct line_together {
    unsigned step;
    /* How many others the run, which was claimed, may be done with; at most LINE_TOGETHER_MAX - 1.
     * No lock held. */
    unsigned (*others)(const struct line_run *run);
    /* May other be one of them? The pool's lock held. */
    bool (*goes_with)(const struct line_run *run, const struct line_run *other);
    /* The work of all, of which there are at least two. No lock held. */
    void (*run)(struct line_run *const *runs, unsigned count);
};

#define LINE_TOGETHER_MAX 8

enum line_order {
    LINE_FREE,     /* no turns: line_has_turn() is always true */
    LINE_IN_ORDER, /* the turn goes from item to item as they were admitted */
    LINE_EXCLUSIVE /* one item at a time has the turn, whoever asks first */
};

struct line_run {
    struct task task; /* the pool's while queued */
    struct line_item *item;
    unsigned char step;
    bool is_active; /* queued or running; item lock */
    void *part;     /* the client's: what claim took and settle puts down */
};

struct line_item {
    struct line *line;
    uint64_t seq;        /* order of admission */
    uint64_t cost_bytes; /* set by the client before admission; const from then on */
    struct lock lock;
    atomic_uint refs;               /* one while in flight, one for each kick on its way */
    unsigned held_mask;             /* steps whose last claim said LINE_HELD; item lock */
    unsigned active_count;          /* runs queued or running; item lock */
    bool is_ended;                  /* item lock */
    bool awaits_turn;               /* line lock */
    struct line_item *next;         /* line lock: queue for an exclusive turn */
    int64_t wake_ns;                /* line lock, while it sleeps */
    struct line_item *next_sleeper; /* line lock */
    struct line_run *runs;          /* sum of widths; memory of the client */
};

enum line_feed {
    LINE_FEED_ITEM, /* *item is a new item with its cost set */
    LINE_FEED_NONE, /* nothing for now: line_feed_kick() asks again */
    LINE_FEED_END   /* nothing will come any more */
};

struct line_client {
    /*
     * Gives the next item, on a thread of the first step's pool (or where line_feed_kick() is
     * called, for a line without feed pool); one call at a time; may block in system calls. NULL
     * for a line that is only fed by line_admit().
     */
    enum line_feed (*feed)(void *ctx, struct line_item **item);
    /*
     * Feeding must pause now, for a serial source whose last item is not loaded yet:
     * line_feed_kick() goes on. Feed's thread, before each call of feed(), and after an item was
     * admitted: while it pauses then, the item's first step is run by the feed's thread itself, as
     * long as it is ready, when its pool is the feed's. NULL: never.
     */
    bool (*feed_pauses)(void *ctx);
    /* Is the item through? Asked with the item's lock held when no run is active. */
    bool (*is_done)(struct line_item *item);
    /* The item left the line. Frees it, before its cost and place are given back. No lock held. */
    void (*end)(struct line_item *item);
    /* The item's sleep is over, in time or because the line was closed; all steps are asked after
     * that. Item lock held. NULL: no item sleeps. */
    void (*woken)(struct line_item *item);
    /*
     * A run of the item's step has ended on the calling thread, and is not settled yet; item NULL:
     * a batch of feeding has, and runs of the first step may have come between. On clock_now_ns()'s
     * clock. No lock held. NULL: nobody asks.
     */
    void (*ran)(void *ctx, struct line_item *item, unsigned step, int64_t start_ns, int64_t end_ns);
    /* The line is done: feed ended, nothing in flight. Called once, on some thread, no lock held.
     * May be NULL. */
    void (*done)(void *ctx);
    void *ctx;
};

struct line_config {
    const struct line_step *steps; /* copied */
    unsigned step_count;
    const struct line_together *together; /* not copied; NULL: every run is done by itself */
    enum line_order order;
    uint64_t budget_bytes;     /* 0: no bound */
    unsigned in_flight_max;    /* items between admission and end; at least 1 */
    struct mr_pool *feed_pool; /* where feed() runs; NULL: no feed */
    struct line_client client;
};

struct line_figures {
    uint64_t admitted_count, ended_count;
    unsigned in_flight_count, in_flight_peak_count;
    uint64_t budget_used_bytes, budget_peak_bytes;
    uint64_t largest_cost_bytes; /* of an item that was admitted */
    uint64_t step_runs[LINE_STEPS_MAX];
    int64_t step_busy_ns[LINE_STEPS_MAX];
    int64_t feed_busy_ns;
    unsigned step_held_count[LINE_STEPS_MAX]; /* items that this step holds back now */
};

/* MR_OK, MR_E_MEMORY. The pools are the caller's and must outlive the line. */
enum mr_status line_create(const struct line_config *config, struct line **line);
/*
 * Only when the line is done (or was never started) and no thread is inside it any more: shut the
 * pools down, destroy the line, then destroy the pools. NULL is a no-op. Asserts that every count
 * is whole.
 */
void line_destroy(struct line *line);

/* Starts feeding. */
void line_start(struct line *line);
/* What made feed() say NONE or pause may have changed. Cheap when the feed is running. Any thread,
 * no item lock held. */
void line_feed_kick(struct line *line);
/* No more feeding: what is in flight goes on, and what sleeps is woken. Any thread. */
void line_close(struct line *line);
bool line_is_done(const struct line *line);
/*
 * Blocks until the line is done or deadline_ns (INT64_MAX: never) has passed; true when done. Not
 * from a pool thread. Wakes the items that sleep until now, at least once.
 */
bool line_wait(struct line *line, int64_t deadline_ns);

/* Prepares item->lock and runs; before admission. MR_OK or MR_E_MEMORY. line_item_fini() undoes it
 * for an item never admitted, and in end(). */
enum mr_status line_item_init(struct line *line, struct line_item *item, struct line_run *runs);
void line_item_fini(struct line_item *item);
/* Number of line_runs an item needs. */
unsigned line_run_count(const struct line *line);

/*
 * Admits an item from outside the feed: MR_OK, MR_AGAIN when there is no place or budget for it,
 * MR_CLOSED after line_close(). line_admit_here(), on a thread of a pool, does not post the runs
 * that become ready for that pool: the calling thread runs them, and returns after that.
 */
enum mr_status line_admit(struct line *line, struct line_item *item);
enum mr_status line_admit_here(struct line *line, struct line_item *item);

/* Asks all steps again. Any thread, no item lock held; the item must be in flight (its client keeps
 * it alive). */
void line_kick(struct line_item *item);
/*
 * Keeps an item in flight until line_release(), for a line_kick() that might come too late: taken
 * under a lock without which the item cannot end. Any thread; line_release() with no item lock
 * held.
 */
void line_hold(struct line_item *item);
void line_release(struct line_item *item);
/* In claim: is it this item's turn? Registers the wish: the item is kicked when its turn comes.
 * Item lock held. */
bool line_has_turn(struct line_item *item);

/*
 * In settle or woken(): the item is woken at wake_ns on clock_now_ns()'s clock, at once when the
 * line is closed; is_done() says false until then, and no claim is ready. It keeps its place, its
 * cost and its turn. Items sleep only while a thread is in line_wait() or comes back to it. Item
 * lock held.
 */
void line_sleep(struct line_item *item, int64_t wake_ns);

/*
 * Does the step have work that it may not do for now, because there is no room after it or it is
 * not the item's turn? For pool_set_idle_reason(). Step 0 also when the feed waits for room. Never
 * blocks.
 */
bool line_is_held(const struct line *line, unsigned step);

void line_figures(struct line *line, struct line_figures *figures);

#endif
