/*
 * item.h - one item on its way, and the job it belongs to; private to src/flow.
 *
 * An item is created by feed.c alone and freed by item_free() alone. Who may touch what while it is
 * in flight:
 *     const                 set before admission
 *     locked                under the item's lock: in claim and settle
 *     LOAD, PROCESS, STORE  by the run of that step (one at a time), or under the lock when no run
 *                           of it is active
 */
#ifndef MR_FLOW_ITEM_H
#define MR_FLOW_ITEM_H

#include <stdatomic.h>

#include "base/median.h"
#include "base/nameset.h"
#include "engine/line.h"
#include "engine/seats.h"
#include "engine/stash.h"
#include "flow/box.h"
#include "flow/job.h"
#include "flow/links.h"
#include "flow/lost.h"
#include "flow/notes.h"
#include "flow/routes.h"
#include "flow/spool.h"

enum item_stop { ITEM_GOES_ON, ITEM_FAILED, ITEM_SKIPPED, ITEM_CANCELLED };

enum item_doing {
    ITEM_WORKS,  /* this run does the step's work */
    ITEM_SPOOLS, /* STORE: puts aside what has no room, as the sink cannot have it yet */
    ITEM_CLEANS  /* this run lets go of what the step holds, because the item was stopped */
};

/* The steps of the line. ENCODE is the last operation of large content, in blocks, several at a
 * time; it counts as processing. */
enum item_step { STEP_LOAD, STEP_PROCESS, STEP_ENCODE, STEP_STORE, STEP_COUNT };

struct encode;

struct item {
    struct line_item line; /* first */

    /* const */
    struct job *job;
    struct input *input;
    struct mr_entry entry;  /* as in the source; owned */
    struct mr_entry output; /* as the sink sees it: path and target are owned, the rest is borrowed
                               from entry */
    char *copy_path; /* output name when the input is copied instead; owned; NULL: that is not
                        wanted, or is done */
    struct mr_stored replaces; /* what output.replaces points to, when it does */
    bool is_serial;            /* of a serial source: the feed waits until it is loaded */
    bool keeps_input;     /* the input must be kept for another start, as the source cannot give it
                             again */
    bool needs_whole;     /* the sink gets nothing before everything is there */
    bool is_size_known;   /* the sink can be told the size of the plain content before everything is
                             there */
    bool is_operated;     /* the operations of the run apply */
    bool is_of_shard;     /* it falls to this run, where several share the work */
    bool is_small;        /* its content fits a chunk, going by what its source says */
    size_t in_room_bytes; /* of the first chunk */
    int64_t started_ns;   /* when it was made; 0 when nobody wants to know */
    atomic_int_fast64_t stage_ns[JOB_STAGES]; /* that threads worked on it; any run */
    bool is_brief;   /* going by its size, PROCESS is through with it in one run, which other items
                        may share */
    bool wants_seat; /* an operation works outside of this process, and the item may stay in it from
                        run to run */

    /* locked */
    const struct route *route;      /* NULL: content goes through unchanged */
    const struct route *copy_route; /* likewise, when the input is copied instead */
    const struct way *way;          /* what PROCESS runs; NULL: nothing */
    enum item_stop stop;
    enum job_stage stopped_by;
    bool is_loaded, is_processed, is_encoded, is_stored;
    bool is_again, is_copy; /* it started again; with its input copied */
    bool is_waiting;        /* it sleeps until its next attempt; all of its steps have let go */
    bool is_timed;          /* its time was learned from */
    bool has_lost_input;    /* what was to be kept was not, to its end */
    bool is_redone;       /* it started again because its source changed, or its output was lost */
    unsigned retry_count; /* attempts after the first */
    /* LOAD -> in -> PROCESS -> mid -> ENCODE -> out -> STORE; a step that an item does not have is
     * passed over. */
    struct box in, mid, out;
    struct chunk *kept; /* the whole input, for another start */
    struct mr_error error;

    struct load { /* LOAD */
        enum item_doing doing;
        struct mr_reader *reader;
        struct chunk *chunk;
        bool is_open, has_carry;
        bool is_by_file;     /* nothing is read: the open file goes to the operations, and PROCESS
                                closes it */
        bool has_place;      /* in its box, for what this run reads */
        unsigned char carry; /* one byte read ahead, to know what is last */
        uint64_t bytes;
        uint64_t counted_bytes; /* of the content, in the job's in_bytes */
        uint64_t used_bytes;    /* of an input that says so, for it, in the job's found_bytes */
        uint64_t through_bytes; /* of its work, in the job's through_bytes */
        int64_t size_bytes;     /* of the content, as it was when it was opened */
        struct spool *tee;      /* the input, for another start, when it is too large to keep */
        struct mr_error problem;
    } load;
    atomic_int_fast64_t spent_ns; /* inside operations, in this attempt; any run */
    struct encode *encode;        /* ENCODE; owned; NULL: the item does not have that step */
    struct process {              /* PROCESS */
        enum item_doing doing;
        struct chain_state *state;
        struct chain_state *lent; /* to be the state, and not the item's; NULL: none */
        struct chunk *in, *out;
        bool is_done;
        struct seat seat;
        bool has_seat;  /* it stands in the row of those that want one */
        bool is_seated; /* it may work, as far as seats are concerned */
        char *note;     /* owned */
        char *details;  /* of its failure; owned */
        char *remark;   /* of the operations; owned; NULL: none */
        struct chain_limits limits;
        uint64_t made_bytes; /* counted so far */
        struct mr_error problem;
    } process;
    struct { /* of content that is kept encoded: by the last run before is_encoded, then STORE */
        struct mr_encoding encoding;
        int64_t plain_bytes;
    } result;
    struct spool *spool; /* STORE */
    struct store {       /* STORE */
        enum item_doing doing;
        struct mr_writer *writer;
        struct chunk_list chunks;
        unsigned taken_count; /* chunks taken by the run */
        bool is_complete;     /* nothing will come after them */
        bool is_committed;
        int64_t declared_bytes;
        uint64_t bytes;
        uint32_t crc; /* of what was written, when it will be verified or is written down */
        struct mr_error problem;
    } store;

    struct line_run runs[]; /* as many as the line wants */
};

struct job {
    struct job_config config;
    struct line *line;
    struct mr_pool *pools[JOB_STAGES]; /* all the same when shared */
    struct stages *stages;             /* of the owner; NULL: the sizes of the pools stay */
    struct chunk_pool *chunks;
    struct stash *idle_items; /* memory of items that ended, for the next ones */
    struct routes *routes;
    struct seats *seats; /* of items with an operation outside of this process; NULL: no such */
    enum line_order order;
    atomic_int_fast64_t brief_ns; /* what a brief item takes in PROCESS; 0: not known */
    unsigned encode_width;        /* runs of ENCODE that one item may have at once */
    uint64_t operated_count;      /* feed only: items that got a sequence number */
    bool has_stripped;            /* feed only: the '/' of a name, and that was told */
    char *last_parent;            /* feed only; owned: its directories are settled */
    bool sink_uses_pool;
    struct nameset *names;  /* feed only; NULL: names cannot collide */
    struct links *links[2]; /* feed only; of files that the chain runs on, and of others */
    struct lost lost;       /* any thread */
    struct notes *notes;    /* STORE, in turn; NULL: none */
    unsigned window_count;
    int64_t start_ns, end_ns; /* of the owner; end_ns 0: not done yet */
    struct pool_times end_times[JOB_STAGES];

    atomic_bool is_closing, is_cancelled, is_found_all, is_serial_seen, has_unsized;
    atomic_bool is_loading_serial; /* the last item of a serial source is not loaded yet */
    atomic_flag has_stop_error;
    atomic_bool stop_error_is_set;    /* stop_error may be read */
    struct mr_error stop_error;       /* written once, by who got has_stop_error */
    atomic_uint_fast64_t outcomes[4]; /* by enum job_outcome */
    atomic_uint_fast64_t copied_count, retried_count, file_count, found_count, in_bytes, out_bytes;
    atomic_uint_fast64_t found_bytes, through_bytes;
    struct median *median; /* of the times of items, for a limit in percent of it; NULL: none */
    atomic_bool is_halted; /* so much has failed that no operations begin any more */
    atomic_uint_fast64_t loaded_bytes, made_bytes; /* for the limit of the total */
    atomic_uint_fast64_t remarked_count;           /* stored, and something is to be told */
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
/* At the end of every settle: a stopped item that has let go of everything starts again, now or
 * after a while, if that is wanted. Item lock held. */
void item_settled(struct item *item);
/* The while is over, or the job is closing. Item lock held. */
void item_woken(struct line_item *line_item);
/* Will an item that STORE fails for this be done once more, as another file may be luckier? STORE's
 * run. */
bool item_redoes_store(const struct item *item, const struct mr_error *problem);
/* The source has changed before it was opened: what the output takes from it is changed likewise.
 * LOAD, before its first chunk. */
void item_update_output(struct item *item);
/* Will a failed item start again, so that what is not loaded yet of its input must be kept, too?
 * Item lock held. */
bool item_wants_input_again(const struct item *item);
/* Where a step puts its chunks. Item lock held, or the step's own run. */
struct box *item_load_target(struct item *item);
struct box *item_process_target(struct item *item);
/* The content of a chunk that is put there, at most. */
size_t item_target_bytes(const struct item *item, const struct box *target);
/* Puts a chunk down that was made for target; of a stopped item it is dropped. chunk may be NULL.
 * Item lock held. */
void item_put_down(struct item *item, struct box *target, struct chunk *chunk);
/* Ends reading, complete or not; a no-op when nothing is open. By who reads. MR_OK, or what the
 * source says has changed meanwhile. */
enum mr_status item_close_input(struct item *item, struct mr_error *err);
/* A step is done when the step before it is, and the item does not have it. Item lock held. */
void item_pass_over(struct item *item);
/* A chunk of input is used up: back it goes, or it is kept when it is the whole input of an item
 * that may start again. Item lock held. */
void item_used_up(struct item *item, struct box *box, struct chunk *chunk);
/*
 * Sets the item's way, windows and ENCODE step for route (NULL: none). is_small: its content fits a
 * chunk, so that it is not worked on in blocks. MR_OK, MR_E_MEMORY. Feed, or item lock held.
 */
enum mr_status item_set_route(struct item *item, const struct route *route, bool is_small);
bool item_is_done(struct line_item *line_item);
void item_end(struct line_item *line_item);
/* Zeroed, but for its job. NULL: out of memory. Feed. */
struct item *item_make(struct job *job);
/* NULL is a no-op. Any thread. */
void item_free(struct item *item);

enum line_claim load_claim(struct line_item *line_item, struct line_run *run);
void load_run(struct line_item *line_item, struct line_run *run);
void load_settle(struct line_item *line_item, struct line_run *run);
enum line_claim process_claim(struct line_item *line_item, struct line_run *run);
void process_run(struct line_item *line_item, struct line_run *run);
void process_settle(struct line_item *line_item, struct line_run *run);
/* Room for what PROCESS makes of its input; NULL: out of memory. PROCESS. */
struct chunk *process_take_room(struct item *item);

/* Small items that worker processes are handed several at once (process_together.c): see struct
 * line_together. */
extern const struct line_together process_together;
/* Is the item one of them, with content of in_bytes? */
bool process_is_brief(const struct item *item, size_t in_bytes);
/* Around the run of one alone, for the time that it takes: returns when it began, or 0 for any
 * other item. */
int64_t process_brief_begin(const struct item *item);
void process_brief_end(struct item *item, int64_t begin_ns);
enum line_claim encode_claim(struct line_item *line_item, struct line_run *run);
void encode_run(struct line_item *line_item, struct line_run *run);
void encode_settle(struct line_item *line_item, struct line_run *run);
/* Gives the item its ENCODE step: blocks of its route, at most width at once; it takes
 * encode_cost_bytes(). MR_OK, MR_E_MEMORY. */
enum mr_status encode_create(struct item *item, unsigned width);
void encode_destroy(struct encode *encode); /* NULL is a no-op */
size_t encode_cost_bytes(const struct route *route, unsigned width);
enum line_claim store_claim(struct line_item *line_item, struct line_run *run);
void store_run(struct line_item *line_item, struct line_run *run);
void store_settle(struct line_item *line_item, struct line_run *run);

/*
 * One call of the item's chain, with the time that it may take: MR_E_TIMEOUT when it, or this one
 * with those before it, took longer than the job allows. PROCESS.
 */
enum mr_status timing_process(struct item *item, struct mr_io *io, struct mr_error *err);
/* The same for a block: called before it (returns now, or 0 when nobody asks), and after it. */
int64_t timing_begin(const struct item *item);
enum mr_status timing_end(struct item *item, int64_t begin_ns, struct mr_error *err);
/* Once its operations are through, the item's time is one of those that others are measured by.
 * Item lock held. */
void timing_learn(struct item *item);

/*
 * Sees to it that the item's output name is no other item's; may change it (--collide rename).
 * MR_OK; MR_SKIPPED: a directory that an archive has already; MR_E_EXISTS; errors of the set of
 * names. The feed's thread.
 */
enum mr_status collide_settle(struct job *job, struct item *item, struct mr_error *err);

/* The names of a new item, in the output and for a copy instead; what was to be a file may become a
 * hard link. MR_OK, MR_SKIPPED, or why it is refused. The feed's thread. */
enum mr_status feed_settle_names(struct job *job, struct item *item, bool is_selected,
                                 struct mr_error *err);

/* For the line, when the observer wants to know what threads do. */
void runs_item_ran(void *ctx, struct line_item *line_item, unsigned step, int64_t start_ns,
                   int64_t end_ns);
void runs_function_ran(void *ctx, int64_t start_ns, int64_t end_ns);
void runs_decode_ran(void *ctx, int64_t start_ns, int64_t end_ns);
/* Does it? */
bool runs_are_wanted(const struct job *job);

enum line_feed feed_next(void *ctx, struct line_item **line_item);
bool feed_pauses(void *ctx);

/* Ends intake because of error (the first one is kept) and drops what is in flight. Any thread. */
void job_give_up(struct job *job, const struct mr_error *error);
/* Ends intake because of error (the first one is kept); what is in flight is done. Any thread. */
void job_end(struct job *job, const struct mr_error *error);
/* Counts and tells the observer. */
void job_tell(struct job *job, const struct job_item *told);

#endif
