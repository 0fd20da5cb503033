/*
 * item.h - one item on its way, and the job it belongs to; private to src/flow.
 *
 * An item is created by feed.c alone and freed by item_free() alone. Who may touch what while it is
 * in flight: const    set before admission locked   under the item's lock: in claim and settle
 *   LOAD, PROCESS, STORE  by the run of that step (one at a time), or under the lock when no run of
 * it is active
 */
#ifndef MR_FLOW_ITEM_H
#define MR_FLOW_ITEM_H

#include <stdatomic.h>

#include "base/nameset.h"
#include "engine/line.h"
#include "engine/stash.h"
#include "flow/chunk.h"
#include "flow/job.h"
#include "flow/links.h"
#include "flow/lost.h"
#include "flow/notes.h"
#include "flow/spool.h"

enum item_stop { ITEM_GOES_ON, ITEM_FAILED, ITEM_SKIPPED, ITEM_CANCELLED };

enum item_doing {
    ITEM_WORKS, /* this run does the step's work */
    ITEM_CLEANS /* this run lets go of what the step holds, because the item was stopped */
};

struct item {
    struct line_item line; /* first */
    struct line_run runs[JOB_STAGES];

    /* const */
    struct job *job;
    struct input *input;
    struct mr_entry entry;  /* as in the source; owned */
    struct mr_entry output; /* as the sink sees it: path and target are owned, the rest is borrowed
                               from entry */
    char *copy_path;    /* output name when the input is copied instead; owned; NULL: that is not
                           wanted */
    bool is_serial;     /* of a serial source: the feed waits until it is loaded */
    bool keeps_input;   /* the input must be kept for a copy, as the source cannot give it again */
    bool needs_whole;   /* the sink gets nothing before everything is there */
    bool is_size_known; /* the sink will get as many bytes as are loaded */
    unsigned in_window_count,
        out_window_count; /* chunks between two steps, those in hand included */
    size_t in_room_bytes; /* of the first chunk */

    /* locked */
    const struct chain *chain; /* NULL: content goes through unchanged */
    enum item_stop stop;
    enum job_stage stopped_by;
    bool is_loaded, is_processed, is_stored, is_copy;
    struct chunk_list in_box, out_box;
    unsigned in_hands_count, out_hands_count;
    struct chunk *kept; /* the whole input, for a copy */
    struct mr_error error;

    struct load { /* LOAD */
        enum item_doing doing;
        struct mr_reader *reader;
        struct chunk *chunk;
        bool is_open, has_carry;
        unsigned char carry; /* one byte read ahead, to know what is last */
        uint64_t bytes;
        int64_t size_bytes; /* of the content, as it was when it was opened */
        struct spool *tee;  /* the input, for a copy, when it is too large to keep */
        struct mr_error problem;
    } load;
    struct process { /* PROCESS */
        enum item_doing doing;
        struct chain_state *state;
        struct chunk *in, *out;
        bool is_done;
        char *note; /* owned */
        struct mr_error problem;
    } process;
    struct spool *spool; /* the producing step until is_processed, then STORE */
    struct store {       /* STORE */
        enum item_doing doing;
        struct mr_writer *writer;
        struct chunk_list chunks;
        unsigned taken_count; /* chunks taken by the run */
        bool is_committed;
        int64_t declared_bytes;
        uint64_t bytes;
        uint32_t crc; /* of what was written, when it will be verified */
        struct mr_error problem;
    } store;
};

struct job {
    struct job_config config;
    struct line *line;
    struct mr_pool *pools[JOB_STAGES]; /* all the same when shared */
    struct chunk_pool *chunks;
    struct stash *states; /* idle chain states, at most one for each worker */
    char *last_parent;    /* feed only; owned: its directories are settled */
    bool sink_uses_pool;
    struct nameset *names;  /* feed only; NULL: names cannot collide */
    struct links *links[2]; /* feed only; of files that the chain runs on, and of others */
    struct lost lost;       /* any thread */
    struct notes *notes;    /* STORE, in turn; NULL: none */
    unsigned window_count;
    int64_t start_ns, end_ns; /* of the owner; end_ns 0: not done yet */
    struct pool_times end_times[JOB_STAGES];

    atomic_bool is_closing, is_cancelled, is_found_all, is_serial_seen;
    atomic_bool is_loading_serial; /* the last item of a serial source is not loaded yet */
    atomic_flag has_stop_error;
    atomic_bool stop_error_is_set;    /* stop_error may be read */
    struct mr_error stop_error;       /* written once, by who got has_stop_error */
    atomic_uint_fast64_t outcomes[4]; /* by enum job_outcome */
    atomic_uint_fast64_t copied_count, file_count, found_count, in_bytes, out_bytes;
};

static inline struct item *item_of(struct line_item *line_item)
{
    return (struct item *)line_item;
}

static inline bool item_is_content(const struct item *item)
{
    return item->entry.kind == MR_KIND_FILE;
}

/* Has the item been stopped, or must it be because the job is cancelled? Item lock held. */
bool item_is_stopped(struct item *item);
/* How an item ends whose step returned status. */
enum item_stop item_stop_for(enum mr_status status);
/* Stops the item; the first reason stays. error may be NULL. Item lock held. */
void item_stop(struct item *item, enum item_stop stop, enum job_stage by,
               const struct mr_error *error);
/* At the end of every settle: a stopped item that has let go of everything starts again as a copy,
 * if that is wanted. Item lock held. */
void item_copy_instead(struct item *item);
/* Does the producing step (LOAD without a chain, else PROCESS) have room for one more chunk? Item
 * lock held. */
bool item_has_out_room(const struct item *item);
/* Makes room for a chunk of an item that needs_whole, by moving its out box to the spool. Producing
 * step's run. */
enum mr_status item_spool_out(struct item *item, struct mr_error *err);
bool item_is_done(struct line_item *line_item);
void item_end(struct line_item *line_item);
void item_free(struct item *item);

enum line_claim load_claim(struct line_item *line_item, struct line_run *run);
void load_run(struct line_item *line_item, struct line_run *run);
void load_settle(struct line_item *line_item, struct line_run *run);
enum line_claim process_claim(struct line_item *line_item, struct line_run *run);
void process_run(struct line_item *line_item, struct line_run *run);
void process_settle(struct line_item *line_item, struct line_run *run);
enum line_claim store_claim(struct line_item *line_item, struct line_run *run);
void store_run(struct line_item *line_item, struct line_run *run);
void store_settle(struct line_item *line_item, struct line_run *run);

/*
 * Sees to it that the item's output name is no other item's; may change it (--collide rename).
 * MR_OK; MR_SKIPPED: a directory that an archive has already; MR_E_EXISTS; errors of the set of
 * names. The feed's thread.
 */
enum mr_status collide_settle(struct job *job, struct item *item, struct mr_error *err);

enum line_feed feed_next(void *ctx, struct line_item **line_item);
bool feed_pauses(void *ctx);

/* Ends intake because of error (the first one is kept) and drops what is in flight. Any thread. */
void job_give_up(struct job *job, const struct mr_error *error);
/* Counts and tells the observer. */
void job_tell(struct job *job, const struct job_item *told);

#endif
