#include "sink/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "millrace/queue.h"

/* Blocks in the window for each thread, so that nobody waits while one is written; and one that is
 * being filled. */
#define WINDOW_EACH 2

/* Memory for what comes in, block_bytes, and what becomes of it. */
struct room {
    unsigned char *in, *out;
};

struct slot {
    struct block block;
    struct blocks *blocks;
    struct mr_future *future; /* NULL: not submitted, or compressed here */
    bool is_done;             /* compressed here, with this status */
    enum mr_status status;
    struct room room; /* in NULL: none, nothing has come in */
};

struct blocks {
    const struct block_codec *codec;
    struct block_options options;
    size_t block_bytes;
    int (*write)(void *ctx, const void *data, size_t bytes);
    void *ctx;
    struct mr_pool *pool;    /* NULL: none */
    struct mr_queue *states; /* idle ones */
    void *summary;
    struct slot *slots; /* a ring: first is the oldest block that is not written yet */
    unsigned slot_count, first, used;
    struct room *idle; /* a stack: what was used last is still in the cache */
    unsigned idle_count;
    bool has_begun; /* a block has been sent off */
};

static size_t block_memory(const struct blocks *blocks)
{
    return blocks->block_bytes + blocks->codec->bound(&blocks->options, blocks->block_bytes);
}

/* Each block of the window may be worked on at once: the pool may get more threads than it has. */
static uint64_t memory_of(const struct blocks *blocks, unsigned slot_count)
{
    return slot_count *
           (block_memory(blocks) + (uint64_t)blocks->codec->state_bytes(&blocks->options));
}

static struct slot *slot_at(struct blocks *blocks, unsigned index)
{
    return &blocks->slots[(blocks->first + index) % blocks->slot_count];
}

static void free_room(struct room *room)
{
    free(room->in);
    free(room->out);
}

static void free_slots(struct blocks *blocks)
{
    for (unsigned i = 0; i < blocks->slot_count; i++)
        free_room(&blocks->slots[i].room);
    for (unsigned i = 0; i < blocks->idle_count; i++)
        free_room(&blocks->idle[i]);
    free(blocks->slots);
    free(blocks->idle);
    blocks->slots = NULL;
    blocks->idle = NULL;
    blocks->slot_count = blocks->idle_count = 0;
}

/* Room comes when it is first needed. */
static bool make_slots(struct blocks *blocks, unsigned count)
{
    struct slot *slots = calloc(count, sizeof(*slots));
    struct room *idle = calloc(count, sizeof(*idle));
    if (!slots || !idle) {
        free(slots);
        free(idle);
        return false; /* those that are there stay */
    }
    free_slots(blocks);
    blocks->slots = slots;
    blocks->idle = idle;
    blocks->slot_count = count;
    for (unsigned i = 0; i < count; i++)
        slots[i].blocks = blocks;
    return true;
}

enum mr_status blocks_create(const struct block_codec *codec, const struct block_options *options,
                             int (*write)(void *ctx, const void *data, size_t bytes), void *ctx,
                             struct blocks **blocks)
{
    struct blocks *made = calloc(1, sizeof(*made));
    if (!made)
        return MR_E_MEMORY;
    made->codec = codec;
    made->options = *options;
    made->block_bytes = codec->block_bytes(&made->options);
    made->write = write;
    made->ctx = ctx;
    made->summary = calloc(1, codec->summary_bytes ? codec->summary_bytes : 1);
    if (!made->summary || !make_slots(made, 1) || mr_queue_create(1, &made->states) != MR_OK) {
        blocks_destroy(made);
        return MR_E_MEMORY;
    }
    *blocks = made;
    return MR_OK;
}

uint64_t blocks_least_bytes(const struct blocks *blocks)
{
    return memory_of(blocks, 1);
}

uint64_t blocks_use_pool(struct blocks *blocks, struct mr_pool *pool, unsigned thread_count,
                         uint64_t memory_bytes)
{
    unsigned window = thread_count * WINDOW_EACH + 1;
    while (window > 1 && memory_of(blocks, window) > memory_bytes)
        window--;
    struct mr_queue *idle = NULL;
    if (window > 1 && mr_queue_create(window, &idle) == MR_OK && make_slots(blocks, window)) {
        mr_queue_destroy(blocks->states, NULL);
        blocks->states = idle;
        blocks->pool = pool;
        return memory_of(blocks, window);
    }
    mr_queue_destroy(idle, NULL);
    return blocks_least_bytes(blocks);
}

/* On any thread: the block of slot, with an idle state or a new one. */
static enum mr_status compress(struct slot *slot)
{
    struct blocks *blocks = slot->blocks;
    void *state = NULL;
    if (mr_queue_try_pop(blocks->states, &state) != MR_OK)
        state = blocks->codec->state_create(&blocks->options);
    if (!state)
        return MR_E_MEMORY;
    enum mr_status status = blocks->codec->compress(state, &slot->block);
    if (mr_queue_try_push(blocks->states, state) != MR_OK)
        blocks->codec->state_destroy(state);
    return status;
}

static enum mr_status compress_task(void *arg, void **result, struct mr_error *err)
{
    (void)result;
    (void)err;
    return compress(arg);
}

static enum mr_status put(struct blocks *blocks, const void *data, size_t bytes, int *sys_errno)
{
    *sys_errno = bytes > 0 ? blocks->write(blocks->ctx, data, bytes) : 0;
    return *sys_errno == 0 ? MR_OK : MR_E_SYSTEM;
}

/* Compresses the block of slot on the calling thread, unless another has begun it. */
static bool compress_here(struct slot *slot)
{
    if (slot->is_done || (slot->future && !mr_future_cancel(slot->future)))
        return false;
    mr_future_release(slot->future);
    slot->future = NULL;
    slot->status = compress(slot);
    slot->is_done = true;
    return true;
}

/* Writes the oldest block. While somebody else is at work on it, the calling thread helps with
 * those behind it. */
static enum mr_status retire(struct blocks *blocks, int *sys_errno)
{
    struct slot *slot = slot_at(blocks, 0);
    compress_here(slot);
    for (unsigned i = 1; i < blocks->used && slot->future; i++) {
        if (mr_future_poll(slot->future) == MR_FUTURE_ENDED)
            break;
        compress_here(slot_at(blocks, i));
    }
    enum mr_status status = slot->status;
    if (slot->future)
        status = mr_future_wait(slot->future, -1, NULL, NULL);
    mr_future_release(slot->future);
    slot->future = NULL;
    slot->is_done = false;
    if (status == MR_OK && blocks->codec->add)
        status = blocks->codec->add(blocks->summary, &slot->block);
    if (status == MR_OK)
        status = put(blocks, slot->block.out, slot->block.out_bytes, sys_errno);
    slot->block.in_bytes = 0;
    blocks->idle[blocks->idle_count++] = slot->room;
    slot->room = (struct room){NULL, NULL};
    blocks->first = (blocks->first + 1) % blocks->slot_count;
    blocks->used--;
    return status;
}

/* The newest block is complete: off to the pool. Blocks that are done are written; one at least
 * when all places are taken. */
static enum mr_status send_off(struct blocks *blocks, bool is_last, int *sys_errno)
{
    struct slot *slot = slot_at(blocks, blocks->used);
    slot->block.in = slot->room.in;
    slot->block.out = slot->room.out;
    slot->block.is_first = !blocks->has_begun;
    slot->block.is_last = is_last;
    blocks->has_begun = true;
    blocks->used++;
    if (blocks->pool &&
        mr_pool_try_submit(blocks->pool, compress_task, slot, &slot->future, NULL) != MR_OK)
        slot->future = NULL;
    enum mr_status status = MR_OK;
    while (status == MR_OK && blocks->used > 0) {
        const struct slot *oldest = slot_at(blocks, 0);
        bool must = blocks->used == blocks->slot_count || is_last;
        bool can = oldest->is_done ||
                   (oldest->future && mr_future_poll(oldest->future) == MR_FUTURE_ENDED);
        if (!must && !can)
            break;
        status = retire(blocks, sys_errno);
    }
    return status;
}

static bool make_room(const struct blocks *blocks, struct room *room)
{
    room->in = malloc(blocks->block_bytes);
    room->out = malloc(blocks->codec->bound(&blocks->options, blocks->block_bytes));
    if (room->in && room->out)
        return true;
    free_room(room);
    return false;
}

/* The block that is being filled, with its room. NULL when out of memory. */
static struct slot *filling(struct blocks *blocks)
{
    struct slot *slot = slot_at(blocks, blocks->used);
    if (slot->room.in)
        return slot;
    struct room room = {NULL, NULL};
    if (blocks->idle_count > 0)
        room = blocks->idle[--blocks->idle_count];
    else if (!make_room(blocks, &room))
        return NULL;
    slot->room = room;
    return slot;
}

enum mr_status blocks_write(struct blocks *blocks, const void *data, size_t bytes, int *sys_errno)
{
    const unsigned char *from = data;
    *sys_errno = 0;
    while (bytes > 0) {
        struct slot *slot = filling(blocks);
        if (!slot)
            return MR_E_MEMORY;
        /* A full block is only sent off when more comes: the last one must know that it is the
         * last. */
        if (slot->block.in_bytes == blocks->block_bytes) {
            enum mr_status status = send_off(blocks, false, sys_errno);
            if (status != MR_OK)
                return status;
            continue;
        }
        size_t part = blocks->block_bytes - slot->block.in_bytes;
        part = part < bytes ? part : bytes;
        memcpy(slot->room.in + slot->block.in_bytes, from, part);
        slot->block.in_bytes += part;
        from += part;
        bytes -= part;
    }
    return MR_OK;
}

enum mr_status blocks_finish(struct blocks *blocks, int *sys_errno)
{
    *sys_errno = 0;
    if (!filling(blocks))
        return MR_E_MEMORY;
    enum mr_status status = send_off(blocks, true, sys_errno);
    if (status != MR_OK || !blocks->codec->end)
        return status;
    size_t bytes = 0;
    unsigned char *end = blocks->codec->end(blocks->summary, &bytes);
    status = end || bytes == 0 ? put(blocks, end, bytes, sys_errno) : MR_E_MEMORY;
    free(end);
    return status;
}

void blocks_destroy(struct blocks *blocks)
{
    if (!blocks)
        return;
    for (unsigned i = 0; i < blocks->slot_count; i++) {
        struct mr_future *future = blocks->slots[i].future;
        if (future && !mr_future_cancel(future))
            mr_future_wait(future, -1, NULL, NULL);
        mr_future_release(future);
    }
    void *state;
    while (blocks->states && mr_queue_try_pop(blocks->states, &state) == MR_OK)
        blocks->codec->state_destroy(state);
    mr_queue_destroy(blocks->states, NULL);
    if (blocks->summary && blocks->codec->summary_clear)
        blocks->codec->summary_clear(blocks->summary);
    free(blocks->summary);
    free_slots(blocks);
    free(blocks);
}
