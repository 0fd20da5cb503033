/* job.c - makes a job of its parts, starts, stops and ends it. */
#include "flow/job.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/path.h"
#include "flow/ledger.h"
#include "flow/stages.h"
#include "operation/internals.h"

/* Items in flight for each thread: enough to hide the time of a system call, few enough to stay in
 * the caches. */
#ifdef __SANITIZE_ADDRESS__
#define IDLE_ITEMS_MAX 0 /* so that a use after the end is seen */
#else
#define IDLE_ITEMS_MAX 256
#endif
#define IN_FLIGHT_EACH  64
#define IN_FLIGHT_LEAST 64
#define IN_FLIGHT_MOST  2048
/* Of the descriptors that the process may have, items in flight get one in so many; each may need
 * two. */
#define DESCRIPTORS_SHARE 4
/* Blocks of one large item that are worked on at once, at most. */
#define ENCODE_WIDTH_MAX 32
#define GRANTED_BYTES    ((uint64_t)24 << 20)
#define NAMES_BYTES      ((size_t)4 << 20)

static bool load_is_held(void *ctx)
{
    const struct job *job = ctx;
    return line_is_held(job->line, STEP_LOAD);
}

static bool process_is_held(void *ctx)
{
    const struct job *job = ctx;
    return line_is_held(job->line, STEP_PROCESS) || line_is_held(job->line, STEP_ENCODE);
}

static bool store_is_held(void *ctx)
{
    const struct job *job = ctx;
    return line_is_held(job->line, STEP_STORE);
}

/* ---- making ---- */

static enum mr_status out_of_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* Once there is a line that can be asked. */
static void give_reasons(struct job *job)
{
    const struct decode_watch watch = {.ran = runs_decode_ran, .ctx = job};
    bool is_watched = job->config.observer.ran != NULL;
    bool is_shared = job->config.pools == JOB_POOLS_SHARED;
    if (is_watched)
        pool_set_ran(job->pools[JOB_PROCESS], runs_function_ran, job);
    inputs_decode(job->config.inputs, is_shared ? job->pools[JOB_PROCESS] : NULL,
                  is_watched ? &watch : NULL);
    static bool (*const reasons[JOB_STAGES])(void *) = {load_is_held, process_is_held,
                                                        store_is_held};
    if (is_shared)
        return;
    for (unsigned s = 0; s < JOB_STAGES; s++)
        pool_set_idle_reason(job->pools[s], reasons[s], job);
}

static enum line_order order_of(const struct job *job)
{
    if (job->notes || job->config.collide == JOB_COLLIDE_LAST)
        return LINE_IN_ORDER;
    if (!(job->config.sink->flags & MR_SINK_SERIAL))
        return LINE_FREE;
    return job->config.is_unordered ? LINE_EXCLUSIVE : LINE_IN_ORDER;
}

static unsigned in_flight_max(const struct job_config *config)
{
    unsigned threads = config->worker_count;
    if (config->pools == JOB_POOLS_SPLIT)
        threads += config->reader_count + config->writer_count;
    unsigned count = threads * IN_FLIGHT_EACH;
    if (count < IN_FLIGHT_LEAST)
        count = IN_FLIGHT_LEAST;
    if (count > IN_FLIGHT_MOST)
        count = IN_FLIGHT_MOST;
    /* A large item that waits keeps its file open, and perhaps a spool beside it. */
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / DESCRIPTORS_SHARE < count)
        count = (unsigned)(files.rlim_cur / DESCRIPTORS_SHARE);
    return count > 1 ? count : 1;
}

static unsigned long long mib_of(uint64_t bytes)
{
    return (bytes >> 20) + ((bytes & ((1u << 20) - 1)) != 0);
}

/*
 * What one thread of it needs must fit, or no number of threads will do. A little is always
 * granted: a budget below it would rule out everything.
 */
static enum mr_status check_memory(const struct job *job, const char *what, uint64_t needed_bytes,
                                   struct mr_error *err)
{
    uint64_t memory_bytes = job->config.memory_bytes;
    if (needed_bytes <= memory_bytes || needed_bytes <= GRANTED_BYTES || job->config.is_dry)
        return MR_OK;
    return mr_error_set(
        err, MR_E_LIMIT, 0,
        "%s needs %llu MiB of memory at this level, and %llu MiB are allowed: lower "
        "the level, or raise --memory",
        what, mib_of(needed_bytes), mib_of(memory_bytes));
}

/*
 * A sink that has work of its own may use the compute pool and a quarter of the memory. What it
 * takes is no longer there for items; should it need more than that, items still get a part.
 */
static enum mr_status give_sink_its_share(struct job *job, uint64_t *share_bytes,
                                          struct mr_error *err)
{
    struct mr_sink *sink = job->config.sink;
    uint64_t all_bytes = job->config.memory_bytes;
    *share_bytes = 0;
    if (!sink->ops->use_pool || job->config.is_dry)
        return MR_OK;
    uint64_t used_bytes = sink->ops->use_pool(
        sink, job->pools[JOB_PROCESS], pool_thread_count(job->pools[JOB_PROCESS]), all_bytes / 4);
    job->sink_uses_pool = used_bytes > 0;
    *share_bytes = used_bytes < all_bytes / 2 ? used_bytes : all_bytes / 2;
    return check_memory(job, "the archive", used_bytes, err);
}

static enum mr_status check_chain(const struct job *job, struct mr_error *err)
{
    const struct chain *chain = job->config.chain;
    const char *largest = "";
    size_t largest_bytes = 0;
    for (unsigned i = 0; i < chain_count(chain); i++) {
        const void *config;
        const struct mr_operation *operation = chain_operation(chain, i, &config);
        const struct block_options *options;
        const struct block_codec *codec = operation_blocks(operation, config, &options);
        size_t bytes = codec                    ? codec->state_bytes(options)
                       : operation->state_bytes ? operation->state_bytes(config)
                                                : 0;
        if (bytes < largest_bytes)
            continue;
        largest = operation->name;
        largest_bytes = bytes;
    }
    return check_memory(job, largest, largest_bytes, err);
}

static enum mr_status make_line(struct job *job, struct mr_error *err)
{
    job->encode_width =
        job->config.worker_count < ENCODE_WIDTH_MAX ? job->config.worker_count : ENCODE_WIDTH_MAX;
    const struct line_step steps[STEP_COUNT] = {
        [STEP_LOAD] = {"load", job->pools[JOB_LOAD], 1, load_claim, load_run, load_settle},
        [STEP_PROCESS] = {"process", job->pools[JOB_PROCESS], 1, process_claim, process_run,
                          process_settle},
        [STEP_ENCODE] = {"encode", job->pools[JOB_PROCESS], job->encode_width, encode_claim,
                         encode_run, encode_settle},
        [STEP_STORE] = {"store", job->pools[JOB_STORE], 1, store_claim, store_run, store_settle},
    };
    uint64_t sink_bytes = 0, source_bytes = inputs_memory_bytes(job->config.inputs);
    if (source_bytes > job->config.memory_bytes / 4)
        source_bytes = job->config.memory_bytes / 4;
    enum mr_status status = give_sink_its_share(job, &sink_bytes, err);
    if (status != MR_OK)
        return status;
    const struct line_config config = {
        .steps = steps,
        .step_count = STEP_COUNT,
        .together = job->config.is_isolated ? &process_together : NULL,
        .order = order_of(job),
        .budget_bytes = job->config.memory_bytes - sink_bytes - source_bytes,
        .in_flight_max = in_flight_max(&job->config),
        .feed_pool = job->pools[JOB_LOAD],
        .client = {.feed = feed_next,
                   .feed_pauses = feed_pauses,
                   .is_done = item_is_done,
                   .end = item_end,
                   .woken = item_woken,
                   .ran = runs_are_wanted(job) ? runs_item_ran : NULL,
                   .ctx = job},
    };
    job->order = config.order;
    if ((job->config.is_isolated || chain_is_outside(job->config.chain)) &&
        seats_create(job->config.worker_count, &job->seats) != MR_OK)
        return out_of_memory(err);
    return line_create(&config, &job->line) == MR_OK ? MR_OK : out_of_memory(err);
}

/* Chunks that wait between two steps of a large item: fewer when memory is tight. Never more than
 * changes speed. */
static unsigned windows_for(uint64_t memory_bytes)
{
    if (memory_bytes >= 64 * CHUNK_ROOM_BYTES / 2)
        return 3;
    return memory_bytes >= 16 * CHUNK_ROOM_BYTES / 2 ? 2 : 1;
}

static bool names_may_collide(const struct job_config *config)
{
    return config->portable || inputs_may_collide(config->inputs) ||
           chain_count(config->chain) > 0 || (config->naming && naming_may_collide(config->naming));
}

static enum mr_status make_parts(struct job *job, struct mr_error *err)
{
    const struct job_config *config = &job->config;
    const char *notes_path = config->is_dry ? NULL : chain_notes_path(config->chain);
    enum mr_status status = MR_OK;
    if (names_may_collide(config))
        status = nameset_create(NAMES_BYTES, &job->names, err);
    if (status == MR_OK && notes_path)
        status = notes_create(notes_path, &job->notes, err);
    if (status == MR_OK && config->policy.timeout_percent > 0 &&
        !(job->median = calloc(1, sizeof(*job->median))))
        status = out_of_memory(err);
    if (status == MR_OK)
        status = stages_create(job, err);
    if (status != MR_OK)
        return status;
    status = check_chain(job, err);
    if (status != MR_OK)
        return status;
    if (chunk_pool_create(&job->chunks) != MR_OK ||
        stash_create(IDLE_ITEMS_MAX, free, &job->idle_items) != MR_OK ||
        links_create(&job->links[0]) != MR_OK || links_create(&job->links[1]) != MR_OK ||
        routes_create(config->chain, config->sink->encoding, config->worker_count,
                      config->memory_bytes, config->is_isolated, &job->routes) != MR_OK)
        return out_of_memory(err);
    if (config->is_isolated && !config->is_dry)
        status = routes_try(job->routes, err);
    if (status == MR_OK)
        status = make_line(job, err);
    if (status == MR_OK)
        give_reasons(job);
    return status;
}

enum mr_status job_create(const struct job_config *config, struct job **job, struct mr_error *err)
{
    struct job *made = calloc(1, sizeof(*made));
    if (!made)
        return out_of_memory(err);
    made->config = *config;
    made->window_count = windows_for(config->memory_bytes);
    atomic_flag_clear(&made->has_stop_error);
    enum mr_status status = make_parts(made, err);
    if (status != MR_OK) {
        job_destroy(made);
        return status;
    }
    *job = made;
    return MR_OK;
}

void job_destroy(struct job *job)
{
    if (!job)
        return;
    stages_shut(job); /* no thread is inside the line any more when it goes */
    inputs_leave(job->config.inputs); /* it may use the pool */
    line_destroy(job->line);
    seats_destroy(job->seats);
    stages_destroy(job);
    routes_destroy(job->routes);
    stash_destroy(job->idle_items);
    chunk_pool_destroy(job->chunks);
    links_destroy(job->links[0]);
    links_destroy(job->links[1]);
    lost_clear(&job->lost);
    free(job->last_parent);
    nameset_destroy(job->names);
    notes_destroy(job->notes);
    free(job->median);
    free(job);
}

/* ---- running ---- */

void job_start(struct job *job)
{
    job->start_ns = clock_now_ns();
    line_start(job->line);
}

bool job_wait(struct job *job, int64_t timeout_ms)
{
    int64_t deadline_ns = deadline_from_ms(timeout_ms);
    bool is_done = false, is_over = false;
    while (!is_done && !is_over) {
        int64_t look_ns = stages_next_ns(job);
        is_over = deadline_ns < look_ns;
        is_done = line_wait(job->line, is_over ? deadline_ns : look_ns);
        if (!is_done && !is_over)
            stages_look(job);
    }
    if (is_done && job->end_ns == 0) {
        job->end_ns = clock_now_ns();
        for (unsigned s = 0; s < JOB_STAGES; s++)
            pool_times(job->pools[s], &job->end_times[s]); /* the threads idle on */
    }
    return is_done;
}

void job_stop(struct job *job, bool is_hard)
{
    if (is_hard)
        atomic_store(&job->is_cancelled, true);
    atomic_store(&job->is_closing, true);
    line_close(job->line);
}

void job_end(struct job *job, const struct mr_error *error)
{
    if (atomic_flag_test_and_set(&job->has_stop_error))
        return;
    job->stop_error = *error;
    atomic_store(&job->stop_error_is_set, true);
    job_stop(job, false);
}

void job_give_up(struct job *job, const struct mr_error *error)
{
    if (!atomic_flag_test_and_set(&job->has_stop_error)) {
        job->stop_error = *error;
        atomic_store(&job->stop_error_is_set, true);
    }
    atomic_store(&job->is_cancelled, true);
    atomic_store(&job->is_closing, true);
    line_close(job->line);
}

/* ---- ending ---- */

static void finish_problem(void *ctx, const char *path, const struct mr_error *problem)
{
    struct job *job = ctx;
    char shown[PATH_SHOW_BYTES];
    const struct job_item told = {
        .shown = path_show(shown, sizeof(shown), path),
        .output = path,
        .outcome = JOB_FAILED,
        .error = problem,
        .failed_in = JOB_STORE,
    };
    atomic_fetch_sub(&job->outcomes[JOB_STORED], 1);
    ledger_failed_late(job, path, problem);
    job_tell(job, &told);
}

bool job_is_given_up(const struct job *job)
{
    return atomic_load(&job->stop_error_is_set);
}

enum mr_status job_finish(struct job *job, struct mr_error *err)
{
    struct mr_sink *sink = job->config.sink;
    bool discards = (sink->flags & MR_SINK_FINAL) != 0;
    bool has_error = atomic_load(&job->stop_error_is_set),
         is_stopped = atomic_load(&job->is_closing);
    if (has_error && err)
        *err = job->stop_error;
    enum mr_status status = MR_OK;
    if (has_error)
        status = job->stop_error.status;
    else if (is_stopped)
        status = mr_error_set(err, MR_CANCELLED, 0, "stopped");
    if (job->config.is_dry || (status != MR_OK && discards))
        return status;
    /* What is complete in a tree stays: its links and times are still set. */
    enum mr_status finished =
        sink->ops->finish(sink, finish_problem, job, status == MR_OK ? err : NULL);
    if (status == MR_OK)
        status = finished;
    if (status == MR_OK && job->notes)
        status = notes_finish(job->notes, err);
    return status;
}
