#include "operation/isolate_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "operation/internals.h"
#include "operation/plugin.h"
#include "operation/worker.h"

struct isolate_state {
    const struct isolate_config *config;
    const struct mr_entry *entry;
    bool has_begun;                                   /* the process knows of the item */
    unsigned begun_count;                             /* items that the process was given */
    const struct mr_entry *ahead[WINDOW_SMALL_COUNT]; /* that it was handed over together */
    unsigned ahead_at;                                /* of them: the next one */
    int64_t ahead_ns;                                 /* when it was handed them */
    struct worker worker;
};

/* The library's own operations have no threads. */
static bool is_all_own(const struct isolate_config *config)
{
    for (unsigned i = 0; i < config->count; i++)
        if (plugin_is_spec(config->specs[i]))
            return false;
    return true;
}

enum mr_status isolate_name_problem(const struct isolate_config *config, enum mr_status status,
                                    struct mr_error *err)
{
    if (status == MR_E_CHILD || status == MR_E_TIMEOUT)
        mr_error_prefix(err, "%s", config->names);
    return status;
}

static enum mr_status start_process(struct isolate_state *state, struct mr_error *err)
{
    const struct isolate_config *config = state->config;
    state->begun_count = 0;
    return worker_start(&state->worker, (const char *const *)config->specs, config->count, err);
}

void isolate_state_destroy(void *object)
{
    struct isolate_state *state = object;
    worker_fini(&state->worker);
    free(state);
}

enum mr_status isolate_state_create(const void *config, void **object, struct mr_error *err)
{
    struct isolate_state *state = calloc(1, sizeof(*state));
    if (!state)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    state->config = config;
    worker_init(&state->worker);
    state->worker.stays_close = is_all_own(config);
    enum mr_status status = start_process(state, err);
    if (status != MR_OK) {
        isolate_state_destroy(state);
        return isolate_name_problem(config, status, err);
    }
    *object = state;
    return MR_OK;
}

/* The process hears of the item together with its first content: one message for a small one. */
enum mr_status isolate_state_start(void *object, const struct mr_entry *entry, struct mr_error *err)
{
    struct isolate_state *state = object;
    (void)err;
    state->entry = entry;
    state->has_begun = false;
    return MR_OK;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Content, and room for what comes of it, in the request's place, and what it may become. */
static void put_content(struct worker *worker, const unsigned char *in, size_t in_bytes,
                        size_t room_bytes, const struct chain_limits *limits)
{
    const struct window_place *place = worker_place(worker);
    if (limits) {
        worker->request.has_limits = true;
        worker->request.limits = *limits->limits;
        worker->request.stored_bytes = limits->stored_bytes;
    }
    in_bytes = smaller(in_bytes, place->area_bytes);
    if (in_bytes > 0)
        memcpy(place->in, in, in_bytes);
    worker->request.in_bytes = in_bytes;
    worker->request.room_bytes = smaller(room_bytes, place->area_bytes);
}

/* What the answer says of the content. */
static void take_content(struct worker *worker, struct mr_io *io)
{
    const char *remark = worker_text(worker, 1);
    const struct wire_answer *answer = &worker->answer;
    size_t used_bytes = answer->used_bytes, made_bytes = answer->made_bytes;
    if (made_bytes > 0)
        memcpy(io->out, window_room(worker_place(worker), worker->request.room_bytes), made_bytes);
    mr_io_advance(io, used_bytes, made_bytes);
    io->remark = remark[0] ? remark : NULL;
}

/* One request for content, and what comes of it. */
static enum mr_status work(struct isolate_state *state, struct mr_io *io, struct mr_error *err)
{
    struct worker *worker = &state->worker;
    enum mr_status status = MR_OK;
    if (state->has_begun)
        worker_request(worker, WIRE_PROCESS);
    else
        status = worker_request_entry(worker, state->entry, io, err);
    if (status != MR_OK)
        return status;
    struct wire_request *request = &worker->request;
    put_content(worker, io->in, io->in_bytes, io->out_bytes, io->limits);
    request->is_as_named = io->is_as_named;
    request->is_last = io->is_last && request->in_bytes == io->in_bytes;
    request->deadline_ns = io->deadline_ns;
    status = worker_ask(worker, io, err);
    if (status == MR_OK || status == MR_DONE)
        take_content(worker, io);
    return status;
}

/* The process outlives the item, whose time does not begin before it is there. */
static enum mr_status replace_process(struct isolate_state *state, struct mr_io *io,
                                      struct mr_error *err)
{
    int64_t begin_ns = clock_now_ns();
    enum mr_status status = start_process(state, err);
    int64_t took_ns = clock_now_ns() - begin_ns;
    if (io->excused_ns)
        *io->excused_ns += took_ns;
    if (io->deadline_ns != 0)
        io->deadline_ns += took_ns;
    return status;
}

static enum mr_status work_in_process(struct isolate_state *state, struct mr_io *io,
                                      struct mr_error *err)
{
    worker_drop_next(&state->worker);
    enum mr_status status = MR_OK;
    if (!worker_is_there(&state->worker))
        status = replace_process(state, io, err);
    if (status != MR_OK)
        return status;
    if (!state->has_begun)
        state->begun_count++;
    return work(state, io, err);
}

static bool is_damage(const struct isolate_state *state, enum mr_status status)
{
    return (status == MR_E_CHILD || status == MR_E_MEMORY) && !state->has_begun &&
           state->begun_count > 1;
}

/* ---- several items together ---- */

bool isolate_state_goes_ahead(const void *object, size_t in_bytes)
{
    (void)object;
    return in_bytes <= WINDOW_SMALL_AREA_BYTES; /* and where the result is larger, it goes on */
}

void isolate_state_ahead(void *object, const struct operation_ahead *items, unsigned count)
{
    struct isolate_state *state = object;
    struct worker *worker = &state->worker;
    worker_drop_next(worker);
    if (count == 0 || (!worker_is_there(worker) && start_process(state, NULL) != MR_OK))
        return;
    for (unsigned i = 0; i < count && i < WINDOW_SMALL_COUNT; i++) {
        const struct operation_ahead *item = &items[i];
        struct wire_request *request = worker_request_together(worker);
        request->is_last = true;
        request->is_as_named = item->is_as_named;
        put_content(worker, item->in, item->in_bytes, item->room_bytes, item->limits);
        if (!worker_add_entry(worker, item->entry))
            break;
        worker_keep(worker);
        state->ahead[i] = item->entry;
    }
    state->ahead_at = 0;
    state->ahead_ns = clock_now_ns();
    if (worker_has_next(worker))
        worker_hand_over(worker);
}

/* Has the process begun with the item already? */
static bool is_ahead(struct isolate_state *state)
{
    return worker_has_next(&state->worker) && !state->has_begun &&
           state->ahead[state->ahead_at] == state->entry;
}

/* What the item took counts, as far as that can be, and not how long this call did. */
static void excuse(const struct isolate_state *state, struct mr_io *io, int64_t begin_ns)
{
    int64_t took_ns = state->worker.answer.took_ns, now_ns = clock_now_ns();
    if (io->excused_ns && took_ns >= 0 && took_ns <= now_ns - state->ahead_ns)
        *io->excused_ns += now_ns - begin_ns - took_ns;
}

/*
 * The item that the process has begun with: what has become of it. MR_OK: there is more of it, as
 * of one that was begun by itself. MR_AGAIN: nothing; it is to be done by itself, from its
 * beginning.
 */
static enum mr_status finish_ahead(struct isolate_state *state, struct mr_io *io,
                                   struct mr_error *err)
{
    struct worker *worker = &state->worker;
    int64_t begin_ns = clock_now_ns();
    state->ahead_at++;
    state->begun_count++;
    enum mr_status status = worker_ask_next(worker, io, err);
    if (mr_status_is_error(status) || status == MR_CANCELLED)
        return status;
    if (worker->request.room_bytes > io->out_bytes) {
        worker_drop(worker);
        return MR_AGAIN;
    }
    excuse(state, io, begin_ns);
    take_content(worker, io);
    return status;
}

/* ---- process ---- */

enum mr_status isolate_state_process(void *object, struct mr_io *io, struct mr_error *err)
{
    struct isolate_state *state = object;
    enum mr_status status = MR_AGAIN;
    if (is_ahead(state))
        status = finish_ahead(state, io, err);
    if (status == MR_AGAIN)
        status = work_in_process(state, io, err);
    if (is_damage(state, status))
        status = work_in_process(state, io, err);
    state->has_begun = true;
    return isolate_name_problem(state->config, status, err);
}

const char *isolate_state_note(void *object)
{
    const struct isolate_state *state = object;
    const char *text = worker_text(&state->worker, 0);
    return text[0] ? text : NULL;
}
