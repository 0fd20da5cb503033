/*
 * millrace/pipeline.h - values through steps: plain functions that run on pools of named threads.
 *
 * A pipeline has up to 16 steps. Each input that is submitted travels through them; a step makes
 * none, one or several values out of the value that it is given, and each of these travels on by
 * itself from the next step. What comes out of the last step is a result, taken by
 * mr_pipeline_next(). So is a failure: nothing is lost.
 *
 * Bounds: an input is in flight from the moment it is taken until everything that came of it has
 * been taken from mr_pipeline_next(). At most in_flight_count inputs are in flight, and their
 * declared costs add up to at most budget_bytes; an input that costs more than the whole budget
 * travels alone. So the memory is bounded also when nobody takes results: submitting blocks then.
 * One thread that both submits and takes must therefore not block in mr_pipeline_submit(): it uses
 * mr_pipeline_submit_or_take() or mr_pipeline_map(), or in_flight_count and budget_bytes 0 (no
 * bound).
 *
 * No thread ever waits inside a pipeline; there is no message that means "the end".
 * mr_pipeline_close() says that no more inputs come; when everything is through, mr_pipeline_next()
 * returns MR_DONE.
 *
 * Ownership of a value: the submitter's until it was taken; then the pipeline's; then the step
 * function's, from the moment it is called until it returns anything but MR_AGAIN; what it emits is
 * the pipeline's; a result is the taker's. A value that cannot travel on (cancel, destroy) goes to
 * the drop function of the step that it was meant for.
 *
 * All calls are thread-safe, but for create and destroy. pipeline must not be NULL unless a call
 * says so. Times are milliseconds. err may be NULL.
 */
#ifndef MILLRACE_PIPELINE_H
#define MILLRACE_PIPELINE_H

#include <stdint.h>

#include "millrace/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MR_PIPELINE_STEPS_MAX 16
#define MR_STEP_BATCH_MAX     64

struct mr_pipeline;
struct mr_step_call; /* one call of a step function; valid until it returns */

/*
 * A step. value is one value of the step before it (or an input), user is the step's own pointer.
 * It calls mr_emit() for each value that it makes, and returns
 *
 * - MR_OK: done; without mr_emit() the value was dropped.
 * - MR_AGAIN: there is more to emit. It is called again with the same value (which stays the
 *   pipeline's in between, so all that it has to remember must hang on the value) once fewer than
 *   window_count of what it emitted are still under way or not yet taken. So one input can become
 *   any number of values in bounded memory; what it emits in one call is not bounded.
 * - any other status: the value failed. A result with this status is delivered, with the text of
 *   *err (never NULL; when it is left empty, the text is that of the status). What was emitted
 *   before travels on all the same.
 *
 * Called on threads of its pool, for different values at once unless it has one worker; for one
 * value by one thread at a time. It may submit to its own pipeline with mr_pipeline_try_submit()
 * only, and must not call mr_pipeline_next(), nor wait for what becomes of another value: it may be
 * waiting for this thread.
 */
typedef enum mr_status (*mr_step_fn)(struct mr_step_call *call, void *value, void *user,
                                     struct mr_error *err);

/*
 * From a step function, on its thread: value (any pointer, also NULL) travels on, at the latest
 * when the function returns. MR_OK: it is the pipeline's now (should there be no memory for it when
 * the function returns, it is dropped and the step's value fails with MR_E_MEMORY). MR_E_MEMORY: it
 * is still the step's.
 */
MR_API enum mr_status mr_emit(struct mr_step_call *call, void *value);

/* From a step function: was the pipeline cancelled? A long step may return MR_CANCELLED then. */
MR_API bool mr_step_is_cancelled(const struct mr_step_call *call);

/* From a step function: what the step's begin() returned for its value (struct mr_step); NULL: the
 * value goes by itself. */
MR_API void *mr_step_batch(const struct mr_step_call *call);

/* One step; zero-initialise. */
struct mr_step {
    /* Also the name of its threads ("mr-NAME-0"). NULL: "step" and its number, from 0. */
    const char *name;
    mr_step_fn run;
    void *user; /* given to run and drop; the caller's, used until the pipeline is destroyed */
    /*
     * With a pool for each step: its number of threads, 0: the processors of this process. With one
     * shared pool: how many of its threads may be in this step at once, 0: all. 1: the function is
     * never called at the same time as itself. At most 4096.
     */
    unsigned worker_count;
    /* Frees a value meant for this step that it will never be called with (again). NULL: nothing
     * to free. Called on any thread that uses the pipeline. */
    void (*drop)(void *value, void *user);
    /*
     * For a step that hands its work to somebody else (another process, a server, a device), where
     * several values at once cost less than one at a time. All three, or none: then each value goes
     * by itself.
     *
     * begin() is called before run() is called for these values, one after the other, in this
     * order, on the same thread: it hands them over together, and each call of run() then takes
     * what has become of its own (mr_step_batch()). count is 2 to batch_count (at most
     * MR_STEP_BATCH_MAX). The pipeline never waits for more values: these are waiting already; and
     * there are no more of them than the step is through with in 1 ms or so. end() is called after
     * the last of them with what begin() returned; not, when that was NULL.
     *
     * Nothing else changes: values still fail, emit, return MR_AGAIN and are dropped one by one.
     * begin() may look at the values until it returns, but they are still the pipeline's. Some of
     * them may stay away: the pipeline was cancelled, or one took so long that an idle thread took
     * those behind it, which are then run by themselves, or in another batch. So nothing may come
     * of begin() but speed. It should not wait for the work: nobody takes the values from it.
     */
    unsigned batch_count;
    void *(*begin)(void *const *values, unsigned count, void *user);
    void (*end)(void *batch, void *user);
};

enum mr_pipeline_pools {
    MR_POOL_EACH,  /* a pool for each step, of worker_count threads */
    MR_POOL_SHARED /* one pool of thread_count threads for all steps */
};

/* Zero-initialise, set struct_bytes, then what differs from the default. Copied by
 * mr_pipeline_create(), and so are the steps and the names. */
struct mr_pipeline_config {
    size_t struct_bytes; /* sizeof(struct mr_pipeline_config) */
    const char *name;    /* of a shared pool; NULL: "pipeline" */
    const struct mr_step *steps;
    unsigned step_count; /* 1 to MR_PIPELINE_STEPS_MAX */
    enum mr_pipeline_pools pools;
    unsigned thread_count; /* of a shared pool; 0: the processors of this process; at most 4096 */
    unsigned in_flight_count; /* inputs in flight, at most; 0: no bound */
    uint64_t budget_bytes;    /* sum of the costs of the inputs in flight, at most; 0: no bound */
    unsigned window_count;    /* for steps that return MR_AGAIN; 0: 16 */
    bool is_ordered;     /* results leave in the order of the inputs, and those of one input in the
                            order of emission, depth first */
    bool stops_at_error; /* the first value that fails (MR_E_*) cancels the pipeline */
    /* Frees a result that is never taken. NULL: nothing to free. Called by mr_pipeline_destroy(),
     * and by a step's thread that has no memory to pass a result on. */
    void (*drop_result)(void *value, void *user);
    void *user; /* for drop_result */
};

/*
 * Starts the threads. MR_OK (then *pipeline is the caller's to destroy), MR_E_MEMORY, MR_E_SYSTEM
 * (a thread could not be started), MR_E_USAGE (a NULL, a wrong struct_bytes or number). *pipeline
 * is NULL after a failure.
 */
MR_API enum mr_status mr_pipeline_create(const struct mr_pipeline_config *config,
                                         struct mr_pipeline **pipeline, struct mr_error *err);

/*
 * Cancels if it is not through, waits until running functions have returned, drops every result
 * that was not taken, ends the threads and frees. No other thread may be in a call on the pipeline;
 * not from a step function. NULL is a no-op.
 */
MR_API void mr_pipeline_destroy(struct mr_pipeline *pipeline);

/*
 * Submits an input: value (any pointer) for the first step; cost_bytes, what everything that
 * becomes of it may hold at once (0: nothing); user, which comes back with every result of it.
 * Blocks while the bounds are reached, for at most timeout_ms (negative: for ever; 0: not at all).
 * MR_OK: value is the pipeline's. MR_TIMEOUT, MR_CLOSED (closed or cancelled, also while it waits),
 * MR_E_MEMORY, MR_E_USAGE (called from a step of the same pipeline): nothing was taken.
 */
MR_API enum mr_status mr_pipeline_submit(struct mr_pipeline *pipeline, void *value,
                                         uint64_t cost_bytes, void *user, int64_t timeout_ms,
                                         struct mr_error *err);

/*
 * Like mr_pipeline_submit(), but MR_AGAIN at once when there is no room (or another thread waits
 * for it already). Allowed from every thread.
 */
MR_API enum mr_status mr_pipeline_try_submit(struct mr_pipeline *pipeline, void *value,
                                             uint64_t cost_bytes, void *user, struct mr_error *err);

/* What came of an input, or of a part of it. */
struct mr_result {
    enum mr_status status; /* MR_OK; MR_CANCELLED; else the status of the step that failed */
    void *value;           /* MR_OK: what the last step emitted, the taker's now; else NULL */
    void *user;            /* of the input */
    const char *step; /* the name of the step that failed or was not run; NULL with MR_OK. Valid as
                         long as the pipeline */
    struct mr_error error; /* why; with MR_OK: no error, no text */
};

/*
 * Takes the next result into *result (not NULL). Blocks for at most timeout_ms (negative: for ever;
 * 0: only looks). MR_OK: *result is set, whatever its status is; MR_DONE: the pipeline was closed
 * or cancelled, and all is through; MR_TIMEOUT; MR_E_USAGE (called from a step of the same
 * pipeline). Several threads may take; each result is given once.
 */
MR_API enum mr_status mr_pipeline_next(struct mr_pipeline *pipeline, int64_t timeout_ms,
                                       struct mr_result *result);

/*
 * For one thread that does both: submits, or takes a result when there is no room. MR_OK:
 * submitted. MR_AGAIN: not submitted, *result was taken instead; call again. MR_CLOSED,
 * MR_E_MEMORY, MR_E_USAGE: neither. Blocks until one of the two is possible.
 */
MR_API enum mr_status mr_pipeline_submit_or_take(struct mr_pipeline *pipeline, void *value,
                                                 uint64_t cost_bytes, void *user,
                                                 struct mr_result *result, struct mr_error *err);

/*
 * Submits values[0..count) (each with cost_bytes, its user is the address of its entry), closes the
 * pipeline, and gives every result to take(result, ctx) on the calling thread, which is the only
 * one that takes, until all is through. take may keep what result->value points to, not result.
 * taken_count (may be NULL) gets the number of values that were taken in: the others, from there
 * on, are still the caller's. MR_OK: all are through, failed or not; MR_CLOSED: the pipeline was
 * closed or cancelled before all were submitted; MR_E_MEMORY; MR_E_USAGE. What was submitted is
 * through in every case but MR_E_USAGE.
 */
MR_API enum mr_status mr_pipeline_map(struct mr_pipeline *pipeline, void *const *values,
                                      size_t count, uint64_t cost_bytes,
                                      void (*take)(const struct mr_result *result, void *ctx),
                                      void *ctx, size_t *taken_count, struct mr_error *err);

/* No more inputs: what is in flight goes on and is delivered. Submitters get MR_CLOSED. Closing
 * again is a no-op. Allowed from every thread. */
MR_API void mr_pipeline_close(struct mr_pipeline *pipeline);

/*
 * Closes, and no step is called any more; those that run are not interrupted. Each value that was
 * under way to a step becomes a result with MR_CANCELLED; finished results are still delivered.
 * Does not wait. Allowed from every thread.
 */
MR_API void mr_pipeline_cancel(struct mr_pipeline *pipeline);

/* The first failure (MR_E_*) of a step, in time: its status, with its text in *err; MR_OK when
 * there was none. */
MR_API enum mr_status mr_pipeline_first_error(struct mr_pipeline *pipeline, struct mr_error *err);

/* All times are sums over threads, in nanoseconds since creation. */
struct mr_step_figures {
    const char *name; /* valid as long as the pipeline */
    unsigned worker_count;
    uint64_t item_count;   /* values that it has finished with, failed ones too; cancelled before it
                              was called: not */
    uint64_t emit_count;   /* values that it emitted */
    uint64_t failed_count; /* values that failed in it */
    uint64_t call_count;   /* calls of the function */
    int64_t busy_ns;       /* in the function */
    /* With a pool for each step; 0 with a shared pool: its idle threads belong to no step. */
    int64_t starved_ns; /* idle: nothing to do */
    int64_t blocked_ns; /* idle: held back by a window, or, first step, by the bounds on what is in
                           flight */
};

struct mr_pipeline_figures {
    uint64_t submitted_count, ended_count;          /* inputs */
    uint64_t delivered_count;                       /* results taken */
    unsigned in_flight_count, in_flight_peak_count; /* inputs */
    uint64_t cost_bytes, cost_peak_bytes;           /* of the inputs in flight */
    int64_t starved_ns, blocked_ns;                 /* idle time of all threads */
    unsigned step_count;
    struct mr_step_figures steps[MR_PIPELINE_STEPS_MAX];
};

/* Fills *figures (not NULL) with where things are now. */
MR_API void mr_pipeline_figures(struct mr_pipeline *pipeline, struct mr_pipeline_figures *figures);

#ifdef __cplusplus
}
#endif
#endif
