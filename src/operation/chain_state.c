/* Runs the operations of a chain on one item at a time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/path.h"
#include "operation/chain_links.h"
#include "operation/internals.h"
#include "operation/member.h"
#include "operation/operations.h"

#define FIRST_ROOM_BYTES ((size_t)64 << 10)

/* What an operation has made. A middle one fills it, then the next one empties it; they take turns.
 */
struct buffer {
    unsigned char *bytes; /* owned */
    size_t cap_bytes, count, at;
    bool is_ready; /* the next operation's turn */
};

struct stage {
    const struct mr_operation *operation;
    const void *config;
    const struct plugin *plugin; /* that it is of, or NULL */
    void *state;                 /* owned */
    bool has_state;
    bool is_open; /* started, and neither done nor stopped */
    bool is_done;
    bool is_called;                  /* process() was called for this item */
    uint64_t used_bytes, made_bytes; /* of this item */
    size_t promised_bytes;           /* by bound(); SIZE_MAX: nothing */
    struct buffer made; /* behind the last one: what exceeds the caller's room, if the bound does */
};

struct chain_state {
    const struct mr_entry *entry; /* of the current item */
    const struct stage *failed;   /* of it; NULL: none */
    unsigned count;               /* at least 1 */
    struct stage stages[];
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

void chain_state_destroy(struct chain_state *state)
{
    if (!state)
        return;
    for (unsigned i = 0; i < state->count; i++) {
        struct stage *stage = &state->stages[i];
        if (stage->has_state && stage->operation->state_destroy)
            stage->operation->state_destroy(stage->state);
        free(stage->made.bytes);
    }
    free(state);
}

enum mr_status chain_state_create(const struct chain *chain, struct chain_state **state,
                                  struct mr_error *err)
{
    static const struct chain_link copy = {.operation = &operation_copy};
    unsigned count = chain->count > 0 ? chain->count : 1;
    struct chain_state *made = calloc(1, sizeof(*made) + count * sizeof(made->stages[0]));
    if (!made)
        return no_memory(err);
    made->count = count;
    for (unsigned i = 0; i < count; i++) {
        const struct chain_link *link = chain->count > 0 ? &chain->links[i] : &copy;
        struct stage *stage = &made->stages[i];
        stage->operation = link->operation;
        stage->config = link->config;
        stage->plugin = link->plugin;
        enum mr_status status =
            link->operation->state_create
                ? link->operation->state_create(link->config, &stage->state, err)
                : MR_OK;
        if (status != MR_OK) {
            chain_state_destroy(made);
            return chain_failed(link->operation->name, status, err);
        }
        stage->has_state = true;
    }
    *state = made;
    return MR_OK;
}

static void stop_stage(struct stage *stage)
{
    if (stage->is_open && stage->operation->stop)
        stage->operation->stop(stage->state);
    stage->is_open = false;
    stage->is_done = true;
}

void chain_stop(struct chain_state *state)
{
    for (unsigned i = 0; i < state->count; i++)
        stop_stage(&state->stages[i]);
}

enum mr_status chain_start(struct chain_state *state, const struct mr_entry *entry,
                           struct mr_error *err)
{
    state->entry = entry;
    state->failed = NULL;
    chain_stop(state);
    for (unsigned i = 0; i < state->count; i++) {
        struct stage *stage = &state->stages[i];
        enum mr_status status =
            stage->operation->start ? stage->operation->start(stage->state, entry, err) : MR_OK;
        if (status != MR_OK) {
            state->failed = stage;
            chain_stop(state);
            return chain_failed(stage->operation->name, status, err);
        }
        stage->is_open = true;
        stage->is_done = stage->is_called = false;
        stage->used_bytes = stage->made_bytes = 0;
        stage->promised_bytes = SIZE_MAX;
        stage->made.count = stage->made.at = 0;
        stage->made.is_ready = false;
    }
    return MR_OK;
}

void chain_give_file(struct chain_state *state, int fd)
{
    state->stages[0].operation->internals->give_file(state->stages[0].state, fd);
}

void chain_ahead(struct chain_state *state, const struct operation_ahead *items, unsigned count)
{
    state->stages[0].operation->internals->ahead(state->stages[0].state, items, count);
}

/* Makes room for cap_bytes in all. */
static bool grow(struct buffer *buffer, size_t cap_bytes)
{
    if (cap_bytes <= buffer->cap_bytes)
        return true;
    unsigned char *larger = realloc(buffer->bytes, cap_bytes);
    if (!larger)
        return false;
    buffer->bytes = larger;
    buffer->cap_bytes = cap_bytes;
    return true;
}

/* Moves what the last operation made beyond the caller's room. True when nothing is left. */
static bool drain(struct buffer *buffer, struct mr_io *io)
{
    size_t left = buffer->count - buffer->at;
    size_t moved = left < io->out_bytes ? left : io->out_bytes;
    if (moved > 0) {
        memcpy(io->out, buffer->bytes + buffer->at, moved);
        buffer->at += moved;
        io->out += moved;
        io->out_bytes -= moved;
    }
    if (buffer->at < buffer->count)
        return false;
    buffer->at = buffer->count = 0;
    return true;
}

/* It is the turn of the index-th operation: it has input, or it knows that there is none, and it
 * has room. */
static bool can_run(const struct chain_state *state, unsigned index, const struct mr_io *io)
{
    const struct stage *stage = &state->stages[index];
    if (stage->is_done)
        return false;
    bool has_input =
        index == 0 ? io->in_bytes > 0 || io->is_last : state->stages[index - 1].made.is_ready;
    bool has_room = index + 1 == state->count ? io->out_bytes > 0 : !stage->made.is_ready;
    return has_input && has_room;
}

/*
 * What the operation gets to read. At most CHAIN_BUFFER_BYTES, so that "all the content at once"
 * has a bounded bound; the caller of a chain of one has seen to the room himself.
 */
static void give_input(const struct chain_state *state, unsigned index, const struct mr_io *io,
                       struct mr_io *part)
{
    static const unsigned char none[1];
    bool is_last = io->is_last;
    if (index == 0) {
        part->in = io->in ? io->in : none;
        part->in_bytes = io->in_bytes;
    } else {
        const struct stage *before = &state->stages[index - 1];
        part->in = before->made.bytes ? before->made.bytes + before->made.at : none;
        part->in_bytes = before->made.count - before->made.at;
        is_last = before->is_done;
    }
    part->is_last = is_last;
    if (part->in_bytes > CHAIN_BUFFER_BYTES && state->count > 1) {
        part->in_bytes = CHAIN_BUFFER_BYTES;
        part->is_last = false;
    }
}

/* The room for it: the caller's, or in the buffer behind it. MR_OK or MR_E_MEMORY. *buffer: NULL
 * for the caller's. */
static enum mr_status give_room(struct chain_state *state, unsigned index, const struct mr_io *io,
                                struct mr_io *part, struct buffer **buffer, struct mr_error *err)
{
    struct stage *stage = &state->stages[index];
    size_t bound = 0;
    if (!stage->is_called && part->is_last) {
        bound = chain_link_bound(stage->operation, stage->config, state->entry, part->in_bytes);
        bound = bound == SIZE_MAX ? 0 : bound;
        stage->promised_bytes = chain_promise(stage->operation, stage->config, part->in_bytes);
    }
    *buffer = NULL;
    if (index + 1 == state->count && bound <= io->out_bytes) {
        part->out = io->out;
        part->out_bytes = io->out_bytes;
        return MR_OK;
    }
    struct buffer *made = &stage->made;
    size_t limit = bound > CHAIN_BUFFER_BYTES ? bound : CHAIN_BUFFER_BYTES;
    size_t wanted = bound > FIRST_ROOM_BYTES ? bound : FIRST_ROOM_BYTES;
    if (made->count > 0 && made->count >= made->cap_bytes)
        wanted = 2 * made->cap_bytes < limit ? 2 * made->cap_bytes : limit;
    if (!grow(made, wanted))
        return no_memory(err);
    part->out = made->bytes + made->count;
    part->out_bytes = (made->cap_bytes < limit ? made->cap_bytes : limit) - made->count;
    *buffer = made;
    return MR_OK;
}

/* The index-th operation is done: what comes before it has nobody to read it. */
static void finish_until(struct chain_state *state, unsigned index, struct mr_io *io)
{
    state->stages[index].is_open = false;
    state->stages[index].is_done = true;
    for (unsigned i = 0; i < index; i++) {
        stop_stage(&state->stages[i]);
        state->stages[i].made.count = state->stages[i].made.at = 0;
    }
    if (io->in_bytes > 0)
        io->in += io->in_bytes;
    io->in_bytes = 0;
}

static void take_input(struct chain_state *state, unsigned index, struct mr_io *io, size_t used)
{
    if (used == 0 && index == 0)
        return;
    if (index == 0) {
        io->in += used;
        io->in_bytes -= used;
        return;
    }
    struct stage *before = &state->stages[index - 1];
    before->made.at += used;
    if (before->made.at == before->made.count) {
        before->made.at = before->made.count = 0;
        before->made.is_ready = before->is_done;
    }
}

/* Do counts and pointers of an operation say the same, and something that can be? */
static bool has_counted(const struct mr_io *given, const struct mr_io *left)
{
    return left->in_bytes <= given->in_bytes && left->out_bytes <= given->out_bytes &&
           left->in == given->in + (given->in_bytes - left->in_bytes) &&
           left->out == given->out + (given->out_bytes - left->out_bytes);
}

/* What an operation broke of its promises by a call in which it used and made so many bytes, or
 * NULL. */
static const char *find_fault(struct stage *stage, enum mr_status status, const struct mr_io *given,
                              size_t used, size_t made)
{
    bool is_identity = stage->operation->flags & MR_OPERATION_IDENTITY;
    bool is_all = given->is_last && used == given->in_bytes;
    stage->used_bytes += used;
    stage->made_bytes += made;
    if (status == MR_OK && used == 0 && made == 0)
        return "does not go on";
    if (stage->made_bytes > stage->promised_bytes)
        return "made more than its bound() promised";
    if (status == MR_DONE && is_identity && !(is_all && stage->used_bytes == stage->made_bytes))
        return "promised to leave the content as it is, and made another size of it";
    return NULL;
}

static enum mr_status misbehaves(const struct stage *stage, const char *fault, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    if (!stage->plugin)
        return mr_error_set(err, MR_E_STEP, 0, "%s: the operation %s", stage->operation->name,
                            fault);
    return mr_error_set(err, MR_E_STEP, 0, "%s: the operation %s (plugin %s)",
                        stage->operation->name, fault,
                        path_show(shown, sizeof(shown), plugin_path(stage->plugin)));
}

/* After the index-th operation has made something. */
static enum mr_status check_limits(struct chain_state *state, unsigned index,
                                   const struct chain_limits *limits, struct mr_error *err)
{
    const struct stage *stage = &state->stages[index];
    const struct mr_operation *operation = stage->operation;
    uint64_t made_bytes = stage->made_bytes, stored_bytes = state->stages[0].used_bytes;
    int64_t plain_bytes = 0;
    if (!limits)
        return MR_OK;
    bool unpacks = (operation->flags & MR_OPERATION_UNPACKS) != 0;
    /* What is moved as it is stands for more than what comes out. */
    if (unpacks && operation_encoding(operation, stage->state, &plain_bytes) &&
        (uint64_t)plain_bytes > made_bytes)
        made_bytes = (uint64_t)plain_bytes;
    if (limits->stored_bytes >= 0 && (uint64_t)limits->stored_bytes > stored_bytes)
        stored_bytes = (uint64_t)limits->stored_bytes;
    enum mr_status status = limits_check_item(limits->limits, made_bytes, err);
    if (status == MR_OK && unpacks)
        status = limits_check_ratio(limits->limits, made_bytes, stored_bytes, err);
    return status == MR_OK ? MR_OK : chain_failed(operation->name, status, err);
}

/* What the operations before it make is still the content that the entry names. */
static bool is_unchanged_before(const struct chain_state *state, unsigned index)
{
    for (unsigned i = 0; i < index; i++) {
        const struct mr_operation *before = state->stages[i].operation;
        bool is_member = before == &operation_member_inflate || before == &operation_member_check;
        if (!is_member && !(before->flags & MR_OPERATION_IDENTITY))
            return false;
    }
    return true;
}

/* As far as is known now what of the time since the call is not the item's. 0: none. */
static int64_t deadline_of(const struct mr_io *io)
{
    int64_t deadline_ns;
    if (io->deadline_ns == 0 || !io->excused_ns ||
        __builtin_add_overflow(io->deadline_ns, *io->excused_ns, &deadline_ns))
        return io->deadline_ns;
    return deadline_ns;
}

static enum mr_status run(struct chain_state *state, unsigned index, struct mr_io *io,
                          struct mr_error *err)
{
    struct stage *stage = &state->stages[index];
    struct mr_io part = {.is_cancelled = io->is_cancelled,
                         .cancel_ctx = io->cancel_ctx,
                         .excused_ns = io->excused_ns,
                         .deadline_ns = deadline_of(io),
                         .limits = io->limits,
                         .is_as_named = io->is_as_named && is_unchanged_before(state, index)};
    struct buffer *buffer;
    give_input(state, index, io, &part);
    enum mr_status status = give_room(state, index, io, &part, &buffer, err);
    if (status != MR_OK)
        return status;
    const struct mr_io given = part;
    stage->is_called = true;
    status = stage->operation->process(stage->state, &part, err);
    if (status != MR_OK && status != MR_DONE) {
        state->failed = stage;
        return chain_failed(stage->operation->name, status, err);
    }
    size_t used = given.in_bytes - part.in_bytes, made = given.out_bytes - part.out_bytes;
    const char *fault = !has_counted(&given, &part)
                            ? "says that it used or made more than there was"
                            : find_fault(stage, status, &given, used, made);
    if (fault)
        return misbehaves(stage, fault, err);
    if (buffer) {
        buffer->count += made;
        buffer->is_ready = status == MR_DONE || buffer->count >= CHAIN_BUFFER_BYTES;
    } else {
        io->out = part.out;
        io->out_bytes = part.out_bytes;
    }
    if (part.remark)
        io->remark = part.remark;
    take_input(state, index, io, used);
    if (status == MR_DONE)
        finish_until(state, index, io);
    return check_limits(state, index, io->limits, err);
}

enum mr_status chain_process(struct chain_state *state, struct mr_io *io, struct mr_error *err)
{
    struct stage *last = &state->stages[state->count - 1];
    for (;;) {
        if (!drain(&last->made, io))
            return MR_OK;
        if (last->is_done)
            return MR_DONE;
        unsigned index = state->count;
        while (index > 0 && !can_run(state, index - 1, io))
            index--;
        if (index == 0)
            return MR_OK;
        enum mr_status status = run(state, index - 1, io, err);
        if (status != MR_OK)
            return status;
        if (io->deadline_ns != 0 && !last->is_done && clock_now_ns() > deadline_of(io)) {
            mr_error_set(err, MR_E_TIMEOUT, 0, "out of time");
            return chain_failed(state->stages[index - 1].operation->name, MR_E_TIMEOUT, err);
        }
    }
}

uint64_t chain_made_bytes(const struct chain_state *state)
{
    uint64_t most = 0;
    for (unsigned i = 0; i < state->count; i++)
        if (state->stages[i].made_bytes > most)
            most = state->stages[i].made_bytes;
    return most;
}

const struct mr_encoding *chain_encoding(struct chain_state *state, int64_t *plain_bytes)
{
    const struct stage *last = &state->stages[state->count - 1];
    return operation_encoding(last->operation, last->state, plain_bytes);
}

char *chain_details(struct chain_state *state)
{
    const struct stage *stage = state->failed;
    const struct mr_operation_internals *own = stage ? stage->operation->internals : NULL;
    return own && own->details ? own->details(stage->state) : NULL;
}

const char *chain_note(struct chain_state *state)
{
    for (unsigned i = 0; i < state->count; i++) {
        const struct stage *stage = &state->stages[i];
        const struct mr_operation *operation = stage->operation;
        if ((operation->flags & MR_OPERATION_NOTES) && operation->notes_path && operation->note &&
            operation->notes_path(stage->config))
            return operation->note(stage->state);
    }
    return NULL;
}
