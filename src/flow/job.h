/*
 * job.h - the file job: items from the inputs through load, process and store, on the line of
 * src/engine.
 *
 * A job is created, started, waited for and destroyed by one thread (the owner). It never prints or
 * exits: what happens is told to the observer, from any thread, with no lock held.
 */
#ifndef MR_FLOW_JOB_H
#define MR_FLOW_JOB_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/limits.h"
#include "operation/chain.h"
#include "policy/naming.h"
#include "policy/portable.h"
#include "policy/selection.h"
#include "policy/shard.h"
#include "sink/sinks.h"
#include "source/inputs.h"

struct job;
struct journal;
struct journal_past;

enum job_pools { JOB_POOLS_SPLIT, JOB_POOLS_SHARED };
enum job_on_error { JOB_SKIP, JOB_STOP, JOB_COPY };
enum job_collide { JOB_COLLIDE_ERROR, JOB_COLLIDE_RENAME, JOB_COLLIDE_LAST };
enum job_outcome { JOB_STORED, JOB_SKIPPED, JOB_FAILED, JOB_CANCELLED };

struct job_item {
    const char *shown;            /* "outer.zip!/dir/a.txt", escaped; "" when it is about the input
                                     as a whole, or nobody wants it */
    const char *output;           /* name in the output, as it is; NULL when it got none */
    const struct mr_entry *entry; /* NULL when the input as a whole failed */
    enum job_outcome outcome;
    const struct mr_error *error; /* JOB_FAILED: why; the text does not repeat shown. Also set when
                                     JOB_COPY stored the input instead. Else NULL */
    const char *details;          /* what the operation says besides: lines of any bytes; or NULL */
    bool is_remark;               /* stored all the same: error says what was wrong with it */
    uint64_t in_bytes, out_bytes;
    int64_t in_flight_ns;      /* from its admission to its end; 0 when nobody wants it */
    unsigned attempt_count;    /* 1 unless it was tried again; 0 for what never came so far */
    uint64_t number;           /* in the order of admission, from 1; 0: it was not admitted */
    struct input_place source; /* where it came from; all NULL when the input as a whole failed */
    int64_t stage_ns[3]; /* by enum job_stage: threads worked on it for so long, in all attempts; 0
                            when nobody wants it */
    int failed_in;       /* JOB_FAILED: enum job_stage; -1: before it was loaded */
};

/* What a thread of the job does. */
enum job_work {
    JOB_WORK_LOAD,
    JOB_WORK_PROCESS,
    JOB_WORK_ENCODE, /* of large content, in blocks */
    JOB_WORK_STORE,
    JOB_WORK_FEED,   /* finds items; what it loads itself meanwhile is told before */
    JOB_WORK_BLOCK,  /* what the sink has compressed in the pool of the operations */
    JOB_WORK_DECODE, /* of an archive, for its reader: by the pool of all, by threads of its source
                        where each stage has a pool, or by the reader while it feeds or loads */
    JOB_WORKS
};

/* It has just been done by the calling thread; times are on clock_now_ns()'s clock. */
struct job_run {
    enum job_work work;
    uint64_t number;              /* of its item; 0: it is of none */
    const struct mr_entry *entry; /* of the item, or NULL */
    int64_t start_ns, end_ns;
};

struct job_observer {
    void (*item_ended)(void *ctx, const struct job_item *item); /* may be NULL */
    /* Something that the user should know, and that fails nothing. May be NULL. */
    void (*remarked)(void *ctx, const char *text);
    /* May ask job_levels(). Until job_destroy(). May be NULL. */
    void (*ran)(void *ctx, struct job *job, const struct job_run *run);
    void *ctx;
    bool wants_details;
    bool wants_names; /* shown of all items; else of those alone that have an error */
    bool wants_times; /* in_flight_ns */
    bool wants_stage_times;
};

/* What is done about failures before on_error has its say. All 0: nothing. */
struct job_policy {
    /* An item that failed starts again so many times at most, each time after the delay, where that
     * may help: not for damaged content, nor for what is refused. What a sink with MR_SINK_FINAL,
     * or one that takes items in order, gets of it is then complete before any of it is written. */
    unsigned retry_count;
    int64_t retry_delay_ns;
    /* The time that the operations may work on an item, in each attempt: itself, or in percent of
     * the median of the items that they are through with, once there are ten. Only time inside the
     * operations counts. Calls are not interrupted, unless the operation minds mr_io. */
    int64_t timeout_ns;
    unsigned timeout_percent;
    /* No new items, as by JOB_STOP, once so many failed, or more than this part of at least 20 that
     * failed or were stored. Those in flight that no operation has begun are cancelled. */
    uint64_t halt_count;
    unsigned halt_percent;
};

struct job_config {
    struct inputs *inputs; /* the caller's, must outlive the job; so with all pointers here */
    const struct chain *chain;
    struct mr_sink *sink;
    const struct selection *selection; /* NULL: everything */
    const struct naming *naming;       /* NULL: names stay */
    /* Only the items that fall to it; the others are named, and that is all. NULL: all. Used by the
     * job alone while it runs. */
    struct shard *shard;
    unsigned reader_count, worker_count,
        writer_count;                            /* at least 1; shared pool: worker_count threads */
    unsigned reader_max, worker_max, writer_max; /* above these counts: the sizes follow what the
                                                    run shows, up to that; else they stay */
    enum job_pools pools;
    uint64_t memory_bytes;
    bool is_unordered;  /* serial sinks take items as they finish */
    bool copies_others; /* --others copy: what is not selected goes through unchanged */
    enum job_on_error on_error;
    struct job_policy policy;
    struct limits limits;
    enum job_collide collide;
    unsigned preserve;            /* enum preserve */
    mode_t member_umask;          /* taken off the modes of what comes from archives */
    bool has_mtime, clamps_mtime; /* --mtime: set; with clamps_mtime: at most */
    struct timespec mtime;
    bool is_reproducible; /* owners dropped, modes 0644/0755, mtimes clamped or 0 */
    bool removes_sources; /* each file's source, once its output is on the disk and was read back;
                             needs sink->ops->verify */
    bool spends_inputs; /* the output is all that is left of an input: of what would be left out of
                           it with a remark, the item or the input fails instead */
    bool strips_absolute; /* a '/' at the beginning of a member's name is taken off, not refused */
    const struct portable *portable; /* only names that it takes, and none twice; NULL: any */
    bool keeps_names;                /* --in-place: operations do not change names */
    bool has_unnamed_threads;        /* they are not called after what they do */
    bool is_isolated;                /* the operations of chain work in worker processes */
    bool is_dry;                     /* names and selection only: nothing is loaded or stored */
    struct journal *journal;         /* what is done is written down there; NULL: nowhere */
    /* What earlier runs wrote into it, which is not done again; used by the job alone while it
     * runs. NULL: nothing. Not for serial sinks. */
    struct journal_past *past;
    bool retries_failed; /* with past: only what failed is done */
    struct job_observer observer;
};

enum job_stage { JOB_LOAD, JOB_PROCESS, JOB_STORE, JOB_STAGES };

struct job_stage_figures {
    unsigned thread_count;              /* now */
    unsigned thread_least, thread_most; /* since it began */
    double thread_s; /* summed over its threads: the time that they were there for it */
    uint64_t run_count;
    double busy_s, starved_s, blocked_s; /* summed over the stage's threads; starved and blocked are
                                            0 for a shared pool's stages */
};

struct job_figures {
    uint64_t stored_count, skipped_count, failed_count,
        cancelled_count;   /* files, links and directories */
    uint64_t copied_count; /* of stored: their operation failed and the input was copied (--on-error
                              copy) */
    uint64_t retried_count;  /* items that took more than one attempt, however they ended */
    uint64_t remarked_count; /* of stored: something was wrong with the input */
    uint64_t file_count;     /* regular files stored */
    uint64_t found_count;    /* fed so far; is_found_all: all there is */
    uint64_t found_bytes;    /* the work of these, as far as it is known: content of files; of
                                inputs that are read from front to back (used_bytes of struct
                                mr_source_ops) what was used up of their bytes */
    uint64_t through_bytes; /* of found_bytes: of items that are at their end, however; and of large
                               ones what was processed, less a few MiB */
    bool is_found_all;
    bool is_sized; /* the sizes of all that was found are known */
    uint64_t in_bytes,
        out_bytes; /* content read; content stored, or the size of an output archive */
    unsigned in_flight_count;
    uint64_t memory_used_bytes, memory_peak_bytes, memory_bytes;
    uint64_t memory_item_bytes; /* of the item that took most */
    double elapsed_s;
    struct job_stage_figures stages[JOB_STAGES];
    double idle_s;           /* a shared pool's idle time */
    enum job_stage limiting; /* the stage that the others wait for */
    bool is_serial_source;   /* the input can only be loaded one item after the other */
    bool is_serial_sink;     /* the output takes one item at a time */
    bool is_ordered;         /* items are stored in the order in which they came */
    bool is_shared;
};

/* One thread of a stage, since the job was created. */
struct job_worker_figures {
    double busy_s, starved_s, blocked_s;
};

/* MR_OK, MR_E_MEMORY, MR_E_SYSTEM (threads), MR_E_LIMIT (one thread of the operations or the
 * archive needs more than memory_bytes). The config is copied. */
enum mr_status job_create(const struct job_config *config, struct job **job, struct mr_error *err);
void job_start(struct job *job);
/* Blocks until the job is done or timeout_ms has passed (negative: for ever). True when done. */
bool job_wait(struct job *job, int64_t timeout_ms);
/* No new items; with is_hard what is in flight is dropped at the next step. Async-signal-unsafe;
 * any thread. */
void job_stop(struct job *job, bool is_hard);
/* The owner. */
void job_figures(struct job *job, struct job_figures *figures);
/* The index-th thread of a stage; of a shared pool the same ones for each. False: there is none.
 * The owner. */
bool job_worker_figures(struct job *job, enum job_stage stage, unsigned index,
                        struct job_worker_figures *figures);

/* What is in flight now, and what waits for a thread: for one pool all of it under JOB_PROCESS. */
struct job_levels {
    uint64_t memory_used_bytes;
    unsigned in_flight_count;
    unsigned queued_counts[JOB_STAGES];
};
void job_levels(struct job *job, struct job_levels *levels);
/*
 * After job_wait() said done: finishes the sink and says how the run ended. MR_OK (items may have
 * failed: see the figures), MR_CANCELLED (job_stop), any error: the output as a whole failed
 * (*err). Then the output was discarded by not finishing it.
 */
enum mr_status job_finish(struct job *job, struct mr_error *err);
/* Did an error end the job, after which nothing more can be stored? After job_wait() said done. */
bool job_is_given_up(const struct job *job);
/* Did failures end the job, by JOB_STOP or its policy? Any thread. */
bool job_is_halted(const struct job *job);
/* Are so many failures among failed_count + stored_count items what the policy ends a job for? */
bool job_policy_halts(const struct job_policy *policy, uint64_t failed_count,
                      uint64_t stored_count);
void job_destroy(struct job *job); /* NULL is a no-op; after done */

#endif
