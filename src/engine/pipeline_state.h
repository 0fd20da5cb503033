/*
 * pipeline_state.h - the inside of mr_pipeline: pipeline.c makes and ends it, pipeline_node.c keeps
 * nodes and bundles, pipeline_intake.c is how values get in, pipeline_run.c is what the line calls,
 * pipeline_batch.c is for steps that do several values together, pipeline_watch.c sees to it that
 * bundles make nobody wait, pipeline_flow.c is how results get out, pipeline_map.c does both ends
 * on one thread.
 *
 * A node is one value under way. An input is a root node; what a step emits becomes a child node,
 * unless it is the only one: then the node itself moves on with the new value. What the last step
 * emits beside others is a leaf: only a result. A node lives until all its children are gone and
 * its own result was taken; so do its parents, and with the root the input's cost is returned.
 *
 * Nodes travel in bundles. A bundle is an item of the line: up to BUNDLE_MAX nodes that are at the
 * same step, so that what a hand-over costs is paid once for all of them. Its size follows the
 * time that the steps take: where they are slow it is 1. What does not simply go on leaves the
 * bundle: it fails, is dropped, or gets a bundle of its own (a child, a node that goes on
 * emitting).
 *
 * Where a step does several values together, what waits for it is moved into the bundle that runs
 * next, and bundles are of the usual size again after it.
 *
 * Nobody may wait for another one's slow call because they share a bundle: a bundle that has been
 * running for DOZE_NS is split by whoever has nothing to do (pipeline_watch.c), into what is
 * through, what runs, and what has not begun. For the same reason whoever waits for results or for
 * room dozes first: it is woken only for a batch, but looks by itself after DOZE_NS; from then on
 * it sleeps, and is woken by the first thing that comes.
 *
 * Locks: an item's lock before the pipeline's, which is a leaf. No calls out of the pipeline with
 * either of them.
 */
#ifndef MR_ENGINE_PIPELINE_STATE_H
#define MR_ENGINE_PIPELINE_STATE_H

#include <stdalign.h>
#include <stdatomic.h>

#include "engine/line.h"
#include "millrace/pipeline.h"

#define BUNDLE_MAX       64
#define BUNDLE_NS        100000 /* what a bundle should take in its slowest step */
#define WAKE_NS          50000  /* work that is worth waking another thread */
#define NODES_IDLE_MAX   4096   /* that are kept for later */
#define CACHE_LINE_BYTES 64
#define DOZE_NS          POOL_DOZE_NS
#define BATCH_NS         1000000 /* what values that a step does together should take */
/* Before others take those that were not called they may take so much longer: who works on them has
 * begun already. */
#define BATCH_PATIENCE_NS 50000000
#define BUNDLE_SPLIT      0x10000u
#define BUNDLE_HELD       0x20000u

enum node_state {
    NODE_MOVES,  /* in a bundle */
    NODE_WINDOW, /* in one of its own: its step goes on once alive_count is below the window */
    NODE_OVER    /* will not run any more: it stays for its children and its result */
};

enum node_verdict {
    VERDICT_ADVANCE,  /* value goes to the next step, or is a result */
    VERDICT_AGAIN,    /* its step wants to be called again */
    VERDICT_FINISHED, /* nothing of its own is left */
    VERDICT_FAILED    /* status and error are its result */
};

struct node;
struct bundle;

struct node_list {
    struct node *first, *last;
    unsigned count;
};

/* The first cache line travels from the submitter to the workers and on to the taker; the second
 * is hardly touched by workers. */
struct node {
    struct node *next_queued; /* in a node_list; pipeline lock */
    struct node *parent;      /* NULL: an input */
    void *user;               /* of the input */
    uint64_t cost_bytes;      /* of an input */

    /* whose run it is, then whose result it is: */
    void *value;
    enum mr_status status;
    unsigned char verdict; /* enum node_verdict */
    unsigned char failed_step;
    bool has_children; /* ever had */

    /* pipeline lock: */
    bool is_ready;       /* its own result may be taken */
    unsigned char state; /* enum node_state */

    /* whose result it is: */
    alignas(CACHE_LINE_BYTES) struct mr_error *error; /* NULL: no memory for it, or no failure */
    /* pipeline lock: */
    bool is_linked;        /* in its parent's children, or in the roots; ordered pipelines only */
    unsigned alive_count;  /* children that are not gone */
    struct bundle *bundle; /* NODE_WINDOW: which waits with it */
    struct node *before, *after;           /* children of one parent, or roots, */
    struct node *first_child, *last_child; /* in the order of submission, or emission */
};

struct bundle {
    struct line_item item; /* first: the line's callbacks cast */
    struct mr_pipeline *pipeline;

    /* item lock: */
    unsigned step;   /* that runs next or now */
    bool is_running; /* claimed */
    bool goes_on;    /* its only node was called before and has more to emit */
    bool has_slot;   /* may run in a step that a shared pool limits */
    unsigned count;  /* of nodes; const while it runs; 0: it may leave */

    /* Of the run: step and index of the node that is called next, and whether the bundle was split,
     * or must not be (see pipeline_watch.c). Whoever splits it takes all but the node that is being
     * called. */
    atomic_uint cursor;
    atomic_int_fast64_t start_ns;

    /* pipeline lock: */
    bool is_watched;               /* has, or had, more than one node */
    struct bundle *before, *after; /* among those that are watched */
    struct bundle *next_queued;    /* idle, full of inputs, or waiting for a slot */

    struct node *nodes[BUNDLE_MAX];
    struct line_run runs[];
};

struct bundle_queue {
    struct bundle *first, *last;
};

struct step_state {
    struct mr_step spec; /* name is ours */
    struct mr_pipeline *pipeline;
    unsigned index;
    unsigned worker_count;
    struct mr_pool *pool;
    /* What changes has cache lines of its own: each call reads what is above. */
    alignas(CACHE_LINE_BYTES)
        atomic_int_fast64_t item_ns; /* what a call takes of late; 0: not known */

    /* The step may run for so many bundles at once. For a shared pool's limit, and so that what
     * waits for a step that does several values together does so where it can be found. Pipeline
     * lock */
    bool has_slots; /* const; false: no limit */
    unsigned free_slot_count;
    struct bundle_queue slot_queue;
    unsigned waiting_count; /* nodes in it */

    atomic_uint_fast64_t item_count, emit_count, failed_count, call_count;
};

/* A task of the first step's pool that makes bundles of inputs and runs them. One for each thread.
 */
struct intake {
    struct task task;
    struct mr_pipeline *pipeline;
    bool is_active; /* posted or running; pipeline lock */
};

struct mr_pipeline {
    struct mr_pipeline_config config; /* its steps and names are not used after create */
    struct step_state steps[MR_PIPELINE_STEPS_MAX];
    unsigned step_count, pool_count;
    struct mr_pool *pools[MR_PIPELINE_STEPS_MAX];
    struct line *line;
    struct intake *intakes;
    unsigned intake_count;
    atomic_bool is_cancelled;
    atomic_bool is_refusing; /* the bounds kept an input out, and none was let in since */
    alignas(CACHE_LINE_BYTES) atomic_uint watched_count; /* bundles with more than one node */

    alignas(CACHE_LINE_BYTES) struct lock lock;
    /* all below: lock */

    /* Out: */
    struct condition has_result; /* a result can be taken, all is through, or there is room */
    unsigned taker_count;        /* wait for it */
    unsigned room_watcher_count; /* of them, those that want to hear of room, too */
    unsigned sleeper_count;      /* of them, those that do not doze */
    struct node *first_root, *last_root; /* ordered */
    struct node_list ready;              /* not ordered: a queue */
    unsigned ready_count;
    uint64_t delivered_count; /* results */

    /* In: */
    struct condition has_room, gate_changed;
    unsigned gate_waiter_count;
    bool is_gate_taken;  /* by the one submitter that waits for room; the others wait for it */
    bool is_gate_dozing; /* it is woken only for a batch */
    uint64_t gate_cost_bytes;
    bool is_closed;
    struct bundle *open;      /* takes inputs; NULL: none is begun */
    struct bundle_queue full; /* of inputs */
    unsigned waiting_count;   /* inputs in those two */
    unsigned bundle_size;     /* that a bundle should have at most */
    int64_t input_ns;         /* that an input takes of a thread of the first pool; 0: not known */
    unsigned active_intake_count;
    unsigned in_flight_count, in_flight_peak_count; /* inputs */
    uint64_t cost_bytes, cost_peak_bytes, submitted_count, ended_count;

    unsigned bundle_count; /* in flight */
    struct bundle *idle_bundles, *first_watched;
    struct node_list idle_nodes;
    enum mr_status first_status;
    struct mr_error first_error;
};

/* ---- pipeline_node.c ---- */

void queue_push(struct node_list *queue, struct node *node);
struct node *queue_pop(struct node_list *queue);
/* Memory for a node, to be initialised; NULL: there is none. No lock needed. */
struct node *node_new(void);
/* parent: NULL for an input, whose cost is 0 then. */
void node_init(struct node *node, struct node *parent, void *value, void *user);
/* A node with value; NULL: no memory. Gives the lock back for a moment when it has to allocate. */
struct node *node_create_locked(struct mr_pipeline *pipeline, struct node *parent, void *value,
                                void *user);
/* Frees one. Its value is the caller's. */
void node_destroy_locked(struct mr_pipeline *pipeline, struct node *node);
/* Puts it behind its siblings; only for ordered pipelines. */
void node_link_locked(struct mr_pipeline *pipeline, struct node *node);
void node_unlink_locked(struct mr_pipeline *pipeline, struct node *node);
/*
 * The node's own result was taken, or it has none: it goes when it has no children, and so may its
 * parents. Returns a bundle to kick with no lock held, or NULL.
 */
struct bundle *node_release_locked(struct mr_pipeline *pipeline, struct node *node);
/* Frees a value meant for step (the number of steps: a result). */
void node_drop_value(struct mr_pipeline *pipeline, unsigned step, void *value);
/* An empty bundle at step, that line_admit() may take; NULL: no memory. */
struct bundle *bundle_create_locked(struct mr_pipeline *pipeline, unsigned step);
/* Of one that left the line, or never got in: it is kept for later. */
void bundle_destroy_locked(struct bundle *bundle);
void bundle_push(struct bundle_queue *queue, struct bundle *bundle);
struct bundle *bundle_pop(struct bundle_queue *queue);
/* Kicks what node_release_locked() returned. No lock held. */
void bundle_kick_all(struct bundle_queue *queue);

/* ---- pipeline_run.c ---- */

extern const struct line_client bundle_client; /* but for ctx */
void bundle_steps(struct mr_pipeline *pipeline, struct line_step *steps);
/*
 * Puts down the first count nodes, which have been called in step: results are published, those
 * that are over released, the others moved to the front of nodes. Returns their number. Adds to
 * *woken what must be kicked.
 */
unsigned bundle_settle_locked(struct mr_pipeline *pipeline, unsigned step, struct node **nodes,
                              unsigned count, struct bundle_queue *woken);

/* ---- pipeline_batch.c ---- */

/* Can the step do several values together at all? */
static inline bool batch_is_possible(const struct step_state *step)
{
    return step->spec.begin != NULL;
}
/* How many it should be given together, by what they take; 1: each goes by itself. */
unsigned batch_size(const struct step_state *step);
/* Of what waits, for one of so many workers. */
static inline unsigned batch_share(unsigned waiting_count, unsigned worker_count)
{
    return (waiting_count + worker_count - 1) / worker_count;
}
/* Moves what waits for the step of a bundle that is about to run there into the bundle, as long as
 * it has no more than size nodes and leaves the other workers their share. */
void batch_gather(struct bundle *bundle, unsigned size);
/* Tells the step of what is called next: size nodes from first on, or as many as there are. What
 * the step returns; NULL: they go by themselves. */
void *batch_begin(struct bundle *bundle, unsigned first, unsigned size);
/* After the step: makes bundles of the usual size of this one, which is at the next step. */
void batch_disperse(struct bundle *bundle);

/* ---- pipeline_watch.c ---- */

/* A bundle was given all its nodes, or leaves the line. */
void watch_add_locked(struct bundle *bundle);
void watch_remove_locked(struct bundle *bundle);
/* It begins to run its step, on the calling thread. */
void watch_begin(struct bundle *bundle, int64_t now_ns);
/* The index of the next node to call; the number of nodes: there is none; BUNDLE_SPLIT: it was
 * split. */
unsigned watch_next(struct bundle *bundle);
/* Keeps a bundle that runs from being split, until watch_release(). False: it was split. */
bool watch_hold(struct bundle *bundle);
/* It may be split again, as if its step began to run at start_ns; 0: as before. */
void watch_release(struct bundle *bundle, int64_t start_ns);
/* For pool_set_watch(): true while there is something to watch. */
bool watch_look(void *pipeline);
/*
 * Waits until signalled (*is_woken), or until deadline_ns, or, dozing, for DOZE_NS: then the caller
 * looks by itself, with watch_look() and the lock given back. False when deadline_ns has passed.
 */
bool watch_wait(struct condition *condition, struct lock *lock, int64_t deadline_ns, bool is_dozing,
                bool *is_woken);

/* ---- pipeline_intake.c ---- */

void intake_run(struct task *task);
/* An intake that is idle, to be posted with no lock held; NULL: there is none, or no input waits.
 */
struct intake *intake_pick_locked(struct mr_pipeline *pipeline);
struct intake *intake_pick_if_worth_it_locked(struct mr_pipeline *pipeline);
void intake_post(struct intake *intake); /* NULL: nothing */
/* Is there room for an input of this cost? */
bool intake_has_room_locked(const struct mr_pipeline *pipeline, uint64_t cost_bytes);
/* Inputs have ended, which cost so much together: tells who waits for room, and who waits for the
 * end. */
void intake_inputs_ended_locked(struct mr_pipeline *pipeline, unsigned count, uint64_t cost_bytes);
/*
 * Takes an input in, whose node is initialised and has its cost: MR_OK; else the node is still the
 * caller's: MR_AGAIN: no room, or others wait for it; MR_CLOSED, MR_E_MEMORY. Then, after one or
 * several, intake_pick_if_worth_it_locked() finds what is to be posted.
 */
enum mr_status intake_try_locked(struct mr_pipeline *pipeline, struct node *node);
/* Sets the text for a status with which nothing was taken in, and returns it. */
enum mr_status intake_refused(enum mr_status status, struct mr_error *err);

/* ---- pipeline_flow.c ---- */

/* The node whose result may be taken next, or NULL. */
struct node *flow_find_ready_locked(const struct mr_pipeline *pipeline);
/* Takes up to max_count ready nodes off, which stay until they are released. Returns how many. */
unsigned flow_take_locked(struct mr_pipeline *pipeline, struct node **nodes, unsigned max_count);
/* Copies the result out of a node that was taken off. */
void flow_show(const struct mr_pipeline *pipeline, const struct node *node,
               struct mr_result *result);
/*
 * Waits for has_result once. *dozes is true at first; it is false once a doze went by in which
 * there was nothing to watch. Returns false when deadline_ns has passed.
 */
bool flow_wait_locked(struct mr_pipeline *pipeline, int64_t deadline_ns, bool *dozes);
/* Blocks until a result can be taken, which is returned, there may be room, or the pipeline is
 * closed. */
struct node *flow_await_result_or_room_locked(struct mr_pipeline *pipeline, uint64_t cost_bytes,
                                              bool *dozes);
/* Something may have become ready: wakes one taker. */
void flow_signal_locked(struct mr_pipeline *pipeline);
/* The node's own result may be taken, when its turn comes. Wakes nobody. */
void flow_publish_locked(struct mr_pipeline *pipeline, struct node *node);
bool flow_is_through_locked(const struct mr_pipeline *pipeline);
bool flow_is_own_thread(const struct mr_pipeline *pipeline);

#endif
