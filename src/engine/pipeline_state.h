/*
 * pipeline_state.h - the inside of mr_pipeline: pipeline.c makes and ends it, pipeline_run.c is
 * what the line calls, pipeline_flow.c is how values get in and results out.
 *
 * A node is one value under way. An input is a root node; what a step emits becomes a child node, a
 * line item of its own, unless it is the only one: then the node itself moves on with the new
 * value. What the last step emits beside others is a leaf: only a result, no line item. A node
 * lives until all its children are gone and its own result was taken; so do its parents, and with
 * the root the input's cost is returned.
 *
 * Nobody but one kicks a node: a node that waits (NODE_WINDOW, NODE_FAMILY) is woken by the one
 * decrement, under its item lock, that takes it out of that state. So a node cannot end under the
 * hands of a second one.
 *
 * Locks: an item's lock before the pipeline's, which is a leaf. No calls out of the pipeline with
 * either of them.
 */
#ifndef MR_ENGINE_PIPELINE_STATE_H
#define MR_ENGINE_PIPELINE_STATE_H

#include <stdatomic.h>

#include "engine/line.h"
#include "millrace/pipeline.h"

/* One submitter at a time is let in, so that the list of roots is in the order of the line's
 * admission. */
enum gate_state {
    GATE_FREE,
    GATE_PASSING, /* for a moment: others wait for it, also those that only try */
    GATE_WAITING  /* its submitter waits for room: there is none for others either */
};

enum node_state {
    NODE_RUNNABLE, /* wants to run its step */
    NODE_RUNNING,  /* claimed */
    NODE_WINDOW,   /* wants to run its step again once alive_count is below the window */
    NODE_FAMILY,   /* will not run any more; alive_count > 0 */
    NODE_DONE      /* may leave */
};

enum node_verdict {
    VERDICT_ADVANCE, /* value goes to the next step, or is a result */
    VERDICT_AGAIN,
    VERDICT_FINISHED, /* nothing of its own is left */
    VERDICT_FAILED    /* status and error are its result */
};

struct node;

struct node_list {
    struct node *first, *last;
};

struct node {
    struct line_item item; /* first: the line's callbacks cast. Not initialised in a leaf */
    struct mr_pipeline *pipeline;
    struct node *parent; /* NULL: an input */
    void *user;          /* of the input */
    bool is_leaf;        /* const */

    /* item lock: */
    enum node_state state;
    unsigned step; /* that runs next or now; the number of steps: a result */
    unsigned
        alive_count; /* children that are not gone, and 1 for an own result that was not taken */
    bool has_slot;   /* may run in a step that a shared pool limits */

    /* whose run it is, then whose result it is: */
    void *value;
    enum node_verdict verdict;
    bool has_children; /* ever had */
    enum mr_status status;
    unsigned failed_step;
    struct mr_error error;

    /* pipeline lock: */
    bool is_ready;  /* its own result may be taken */
    bool is_linked; /* in its parent's children, or in the pipeline's roots; ordered pipelines only
                     */
    struct node *previous, *next; /* there */
    struct node_list children;    /* in the order of emission */
    struct node *next_queued; /* in the queue of ready results, or of those that wait for a slot */

    struct line_run runs[];
};

struct step_state {
    struct mr_step spec; /* name is ours */
    struct mr_pipeline *pipeline;
    unsigned index;
    unsigned worker_count;
    struct mr_pool *pool;

    /* A shared pool may run the step for slot_count nodes at once; pipeline lock */
    bool has_slots; /* const; false: no limit */
    unsigned free_slot_count;
    struct node_list slot_queue;

    atomic_uint_fast64_t item_count, emit_count, failed_count, call_count;
};

struct mr_pipeline {
    struct mr_pipeline_config config; /* its steps and names are not used after create */
    struct step_state steps[MR_PIPELINE_STEPS_MAX];
    unsigned step_count, pool_count;
    struct mr_pool *pools[MR_PIPELINE_STEPS_MAX];
    struct line *line;
    atomic_bool is_cancelled;
    atomic_bool is_refusing; /* the bounds kept an input out, and none was let in since */

    struct lock lock;
    /* all below: lock */
    struct condition
        has_result;       /* a result can be taken, all is through, or (broadcast) an input ended */
    unsigned taker_count; /* wait for it */
    unsigned room_watcher_count;   /* of them, those that want to hear of ended inputs */
    struct condition gate_changed; /* gate, or is_closed */
    unsigned gate_waiter_count;
    enum gate_state gate;
    bool is_closed;
    uint64_t root_count;      /* inputs in flight or being admitted */
    uint64_t ended_count;     /* inputs */
    uint64_t delivered_count; /* results */
    struct node_list roots;   /* ordered */
    struct node_list ready;   /* not ordered: a queue */
    enum mr_status first_status;
    struct mr_error first_error;
};

/* ---- pipeline_run.c ---- */

extern const struct line_client node_client; /* but for ctx */
void node_steps(struct mr_pipeline *pipeline, struct line_step *steps);
/* A node with value for step; NULL: no memory. A leaf is nothing for the line. */
struct node *node_create(struct mr_pipeline *pipeline, struct node *parent, unsigned step,
                         void *value, void *user, bool is_leaf);
/* Frees one that never got into the line. Its value is the caller's. */
void node_destroy(struct node *node);
/* A child is gone, or the own result was taken. The node may be freed by this. */
void node_release(struct node *node);
/* Frees a value meant for step (the number of steps: a result). */
void node_drop_value(struct mr_pipeline *pipeline, unsigned step, void *value);

/* ---- pipeline_flow.c ---- */

void list_append(struct node_list *list, struct node *node);
void list_remove(struct node_list *list, struct node *node);
void queue_push(struct node_list *queue, struct node *node);
struct node *queue_pop(struct node_list *queue);
/* The node whose result may be taken next, or NULL. */
struct node *flow_find_ready_locked(const struct mr_pipeline *pipeline);
/* Something may have become ready: wakes one taker. */
void flow_signal_locked(struct mr_pipeline *pipeline);
/* The node's own result may be taken, when its turn comes. */
void flow_publish(struct node *node);
bool flow_is_own_thread(const struct mr_pipeline *pipeline);

#endif
