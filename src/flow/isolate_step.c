/* isolate_step.c - worker processes for a program's own pipelines. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/stash.h"
#include "engine/thread.h"
#include "millrace/isolate.h"
#include "operation/internals.h"
#include "operation/isolate.h"

#define RESULT_BYTES_MAX ((uint64_t)1 << 30) /* unless the caller says otherwise */
#define FIRST_ROOM_BYTES CHAIN_BUFFER_BYTES  /* where no bound is known */
#define TIMEOUT_MS_MAX   (INT64_MAX / 4 / NS_PER_MS)
#define NS_PER_MS        INT64_C(1000000)

struct mr_isolate {
    struct chain *inner, *chain; /* the operations, and what runs them */
    struct stash *states;        /* idle ones: each is a process */
    int64_t timeout_ms;          /* 0: none */
    uint64_t result_bytes_max;
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* ---- buffers ---- */

void mr_buffer_destroy(struct mr_buffer *buffer)
{
    if (!buffer)
        return;
    free(buffer->name);
    free(buffer->data);
    free(buffer);
}

enum mr_status mr_buffer_create(const char *name, const void *data, size_t bytes,
                                struct mr_buffer **buffer)
{
    struct mr_buffer *made = calloc(1, sizeof(*made));
    *buffer = NULL;
    if (!made)
        return MR_E_MEMORY;
    made->name = name ? strdup(name) : NULL;
    made->data = bytes > 0 ? calloc(1, bytes) : NULL;
    made->bytes = bytes;
    if ((name && !made->name) || (bytes > 0 && !made->data)) {
        mr_buffer_destroy(made);
        return MR_E_MEMORY;
    }
    if (bytes > 0 && data)
        memcpy(made->data, data, bytes);
    *buffer = made;
    return MR_OK;
}

/* ---- making ---- */

static void destroy_state(void *state)
{
    chain_state_destroy(state);
}

void mr_isolate_destroy(struct mr_isolate *isolate)
{
    if (!isolate)
        return;
    stash_destroy(isolate->states);
    chain_destroy(isolate->chain);
    chain_destroy(isolate->inner);
    free(isolate);
}

static enum mr_status make(struct mr_isolate *isolate, const struct mr_isolate_config *config,
                           struct mr_error *err)
{
    unsigned idle_count = config->idle_count > 0 ? config->idle_count : thread_processor_count();
    struct chain_state *first;
    enum mr_status status = chain_create(&isolate->inner, err);
    if (status == MR_OK)
        status = chain_create(&isolate->chain, err);
    for (unsigned i = 0; i < config->operation_count && status == MR_OK; i++)
        status = isolate_add(isolate->inner, config->operations[i], err);
    if (status == MR_OK)
        status = isolate_borrow(isolate->chain, isolate->inner, 0, config->operation_count, err);
    if (status == MR_OK && stash_create(idle_count, destroy_state, &isolate->states) != MR_OK)
        status = no_memory(err);
    if (status == MR_OK)
        status = chain_state_create(isolate->chain, &first, err);
    if (status == MR_OK)
        stash_put(isolate->states, first);
    return status;
}

enum mr_status mr_isolate_create(const struct mr_isolate_config *config,
                                 struct mr_isolate **isolate, struct mr_error *err)
{
    if (isolate)
        *isolate = NULL;
    bool is_usable = isolate && config && config->struct_bytes == sizeof(*config) &&
                     config->operations && config->operation_count > 0 && config->timeout_ms >= 0 &&
                     config->timeout_ms <= TIMEOUT_MS_MAX && config->result_bytes_max < SIZE_MAX;
    for (unsigned i = 0; is_usable && i < config->operation_count; i++)
        is_usable = config->operations[i] != NULL;
    if (!is_usable)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "mr_isolate_create: NULL, no operation, or a wrong number");
    struct mr_isolate *made = calloc(1, sizeof(*made));
    if (!made)
        return no_memory(err);
    made->timeout_ms = config->timeout_ms;
    made->result_bytes_max =
        config->result_bytes_max > 0 ? config->result_bytes_max : RESULT_BYTES_MAX;
    enum mr_status status = make(made, config, err);
    if (status != MR_OK) {
        mr_isolate_destroy(made);
        return status;
    }
    *isolate = made;
    return MR_OK;
}

/* ---- running ---- */

static enum mr_status too_large(const struct mr_isolate *isolate, struct mr_error *err)
{
    return mr_error_set(err, MR_E_LIMIT, 0, "the result is larger than %llu bytes",
                        (unsigned long long)isolate->result_bytes_max);
}

/* More room for the result, which is full. */
static enum mr_status grow(const struct mr_isolate *isolate, struct mr_buffer *out,
                           size_t *cap_bytes, struct mr_error *err)
{
    size_t most = (size_t)isolate->result_bytes_max +
                  1; /* one more than is allowed shows that there is more */
    if (*cap_bytes >= most)
        return too_large(isolate, err);
    size_t larger = *cap_bytes > 0 ? 2 * *cap_bytes : FIRST_ROOM_BYTES;
    larger = larger < most ? larger : most;
    unsigned char *data = realloc(out->data, larger);
    if (!data)
        return no_memory(err);
    out->data = data;
    *cap_bytes = larger;
    return MR_OK;
}

/* For what is made at first; at least 1. */
static size_t first_room(const struct mr_isolate *isolate, const struct mr_entry *entry,
                         size_t in_bytes)
{
    size_t bound_bytes = chain_bound(isolate->chain, entry, in_bytes);
    size_t most = (size_t)isolate->result_bytes_max + 1;
    if (bound_bytes > most)
        bound_bytes = FIRST_ROOM_BYTES < most ? FIRST_ROOM_BYTES : most;
    return bound_bytes > 0 ? bound_bytes : 1;
}

/* io: input, deadline and cancel are set. */
static enum mr_status process(const struct mr_isolate *isolate, struct chain_state *state,
                              const struct mr_entry *entry, struct mr_io *io, struct mr_buffer *out,
                              struct mr_error *err)
{
    size_t cap_bytes = first_room(isolate, entry, io->in_bytes);
    enum mr_status status = MR_OK;
    out->data = malloc(cap_bytes);
    if (!out->data)
        return no_memory(err);
    while (status == MR_OK) {
        if (out->bytes == cap_bytes)
            status = grow(isolate, out, &cap_bytes, err);
        if (status != MR_OK)
            break;
        io->out = out->data + out->bytes;
        io->out_bytes = cap_bytes - out->bytes;
        status = chain_process(state, io, err);
        out->bytes = cap_bytes - io->out_bytes;
    }
    if (status == MR_DONE && out->bytes > isolate->result_bytes_max)
        status = too_large(isolate, err);
    return status == MR_DONE ? MR_OK : status;
}

/* Gives back what the result does not need. */
static void trim(struct mr_buffer *out)
{
    unsigned char *smaller = out->bytes > 0 ? realloc(out->data, out->bytes) : NULL;
    if (smaller)
        out->data = smaller;
}

static struct mr_entry entry_of(const struct mr_buffer *in)
{
    static char none[] = "";
    return (struct mr_entry){.path = in->name ? in->name : none, .size_bytes = (int64_t)in->bytes};
}

/* entry: of in. */
static enum mr_status run_in(struct mr_isolate *isolate, struct chain_state *state,
                             const struct mr_buffer *in, const struct mr_entry *entry,
                             bool (*is_cancelled)(void *), void *ctx, struct mr_buffer **out,
                             struct mr_error *err)
{
    static const unsigned char nothing;
    struct mr_io io = {.in = in->bytes > 0 ? in->data : &nothing,
                       .in_bytes = in->bytes,
                       .is_last = true,
                       .is_cancelled = is_cancelled,
                       .cancel_ctx = ctx,
                       .deadline_ns = isolate->timeout_ms > 0
                                          ? clock_now_ns() + isolate->timeout_ms * NS_PER_MS
                                          : 0};
    struct mr_buffer *made;
    if (mr_buffer_create(in->name, NULL, 0, &made) != MR_OK)
        return no_memory(err);
    enum mr_status status = chain_start(state, entry, err);
    if (status == MR_OK)
        status = process(isolate, state, entry, &io, made, err);
    chain_stop(state); /* nothing, after its end */
    if (status != MR_OK) {
        mr_buffer_destroy(made);
        return status;
    }
    trim(made);
    *out = made;
    return MR_OK;
}

static enum mr_status take_state(struct mr_isolate *isolate, struct chain_state **state,
                                 struct mr_error *err)
{
    *state = stash_take(isolate->states);
    return *state ? MR_OK : chain_state_create(isolate->chain, state, err);
}

static enum mr_status run(struct mr_isolate *isolate, const struct mr_buffer *in,
                          bool (*is_cancelled)(void *), void *ctx, struct mr_buffer **out,
                          struct mr_error *err)
{
    const struct mr_entry entry = entry_of(in);
    struct chain_state *state;
    enum mr_status status = take_state(isolate, &state, err);
    if (status != MR_OK)
        return status;
    status = run_in(isolate, state, in, &entry, is_cancelled, ctx, out, err);
    stash_put(isolate->states, state);
    return status;
}

enum mr_status mr_isolate_run(struct mr_isolate *isolate, const struct mr_buffer *in,
                              struct mr_buffer **out, struct mr_error *err)
{
    if (out)
        *out = NULL;
    if (!isolate || !in || !out || (in->bytes > 0 && !in->data))
        return mr_error_set(err, MR_E_USAGE, 0, "mr_isolate_run: NULL");
    return run(isolate, in, NULL, NULL, out, err);
}

/* ---- steps ---- */

/* Values that a process was handed together. */
struct batch {
    struct chain_state *state;
    const struct mr_buffer *values[OPERATION_AHEAD_MAX]; /* to be recognised by */
    struct mr_entry entries[OPERATION_AHEAD_MAX];
    unsigned count, at; /* at: the next one */
};

/* Those that come before the first one that is not small. */
static void hand_over(const struct mr_isolate *isolate, struct batch *batch, void *const *values,
                      unsigned count)
{
    static const unsigned char nothing;
    struct operation_ahead items[OPERATION_AHEAD_MAX];
    while (batch->count < count) {
        const struct mr_buffer *in = values[batch->count];
        struct mr_entry *entry = &batch->entries[batch->count];
        *entry = entry_of(in);
        if (!chain_goes_ahead(isolate->chain, in->bytes))
            break;
        items[batch->count] =
            (struct operation_ahead){.entry = entry,
                                     .in = in->bytes > 0 ? in->data : &nothing,
                                     .in_bytes = in->bytes,
                                     .room_bytes = first_room(isolate, entry, in->bytes)};
        batch->values[batch->count++] = in;
    }
    if (batch->count > 1)
        chain_ahead(batch->state, items, batch->count);
}

static void *begin(void *const *values, unsigned count, void *user)
{
    struct batch *batch = malloc(sizeof(*batch));
    if (!batch)
        return NULL;
    if (take_state(user, &batch->state, NULL) != MR_OK) {
        free(batch);
        return NULL;
    }
    batch->count = batch->at = 0;
    hand_over(user, batch, values, count);
    return batch;
}

static void end(void *object, void *user)
{
    struct mr_isolate *isolate = user;
    struct batch *batch = object;
    if (batch->at < batch->count)
        chain_ahead(batch->state, NULL, 0); /* the others do not come */
    stash_put(isolate->states, batch->state);
    free(batch);
}

static bool is_cancelled(void *ctx)
{
    return mr_step_is_cancelled(ctx);
}

static enum mr_status run_in_batch(struct mr_isolate *isolate, struct batch *batch,
                                   const struct mr_buffer *in, struct mr_step_call *call,
                                   struct mr_buffer **out, struct mr_error *err)
{
    const struct mr_entry other = entry_of(in), *entry = &other;
    if (batch->at < batch->count && batch->values[batch->at] == in)
        entry = &batch->entries[batch->at++];
    return run_in(isolate, batch->state, in, entry, is_cancelled, call, out, err);
}

static enum mr_status run_step(struct mr_step_call *call, void *value, void *user,
                               struct mr_error *err)
{
    struct mr_buffer *in = value, *out = NULL;
    struct batch *batch = mr_step_batch(call);
    enum mr_status status = batch ? run_in_batch(user, batch, in, call, &out, err)
                                  : run(user, in, is_cancelled, call, &out, err);
    mr_buffer_destroy(in);
    if (status == MR_OK)
        status = mr_emit(call, out);
    if (status != MR_OK)
        mr_buffer_destroy(out);
    return status;
}

static void drop(void *value, void *user)
{
    (void)user;
    mr_buffer_destroy(value);
}

struct mr_step mr_isolate_step(struct mr_isolate *isolate, const char *name, unsigned worker_count)
{
    return (struct mr_step){.name = name,
                            .run = run_step,
                            .user = isolate,
                            .worker_count = worker_count,
                            .drop = drop,
                            .batch_count = OPERATION_AHEAD_MAX,
                            .begin = begin,
                            .end = end};
}
