#include "source/decode_ahead.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "millrace/pool.h"
#include "millrace/queue.h"

#define BLOCK_MAX_COUNT 8

struct decode_ahead {
    struct decode_stream stream; /* the reader's, from start on the decoder thread's */
    size_t block_count;          /* that may be made */
    struct decode_block blocks[BLOCK_MAX_COUNT];
    struct decode_block *held; /* the reader's: it was read last */
    struct mr_pool *pool;      /* NULL: decoded by the reader */
    /* Blocks on their way; every one is in one of them, held, or with the decoder. */
    struct mr_queue *filled, *empty;
    atomic_bool is_cancelled;
};

static size_t block_count_for(const struct decode_limits *limits)
{
    uint64_t fit = limits->memory_bytes / DECODE_BLOCK_BYTES;
    if (limits->memory_bytes == 0 || fit > BLOCK_MAX_COUNT)
        return BLOCK_MAX_COUNT;
    return fit < 2 ? 2 : (size_t)fit;
}

/* What is left for threads and pieces. */
static uint64_t spare_bytes(const struct decode_limits *limits)
{
    uint64_t all = limits->memory_bytes ? limits->memory_bytes : DECODE_MEMORY_DEFAULT_BYTES;
    uint64_t blocks = block_count_for(limits) * DECODE_BLOCK_BYTES;
    return all > blocks ? all - blocks : 0;
}

uint64_t decode_ahead_memory(const struct unwrap_format *format, const struct decode_limits *limits)
{
    uint64_t blocks = block_count_for(limits) * DECODE_BLOCK_BYTES;
    return unwrap_format_has_threads(format) ? blocks + spare_bytes(limits) : blocks;
}

enum mr_status decode_ahead_create(const struct unwrap_format *format,
                                   const struct decode_input *input,
                                   const struct decode_limits *limits, struct decode_ahead **ahead)
{
    struct unwrap_options options = {limits->thread_count ? limits->thread_count : 4,
                                     spare_bytes(limits)};
    struct decode_ahead *made = calloc(1, sizeof(*made));
    if (!made)
        return MR_E_MEMORY;
    atomic_init(&made->is_cancelled, false);
    made->block_count = block_count_for(limits);
    if (!decode_stream_init(&made->stream, format, input, &options) ||
        !decode_block_init(&made->blocks[0])) {
        decode_ahead_destroy(made);
        return MR_E_MEMORY;
    }
    *ahead = made;
    return MR_OK;
}

void decode_ahead_destroy(struct decode_ahead *ahead)
{
    if (!ahead)
        return;
    if (ahead->pool) {
        atomic_store_explicit(&ahead->is_cancelled, true, memory_order_relaxed);
        mr_queue_close(ahead->empty);
        mr_queue_close(ahead->filled);
        if (ahead->stream.input.stop)
            ahead->stream.input.stop(ahead->stream.input.ctx);
        mr_pool_destroy(ahead->pool);
    }
    mr_queue_destroy(ahead->empty, NULL);
    mr_queue_destroy(ahead->filled, NULL);
    for (size_t i = 0; i < BLOCK_MAX_COUNT; i++)
        decode_block_fini(&ahead->blocks[i]);
    decode_stream_fini(&ahead->stream);
    free(ahead);
}

/* The decoder thread: fills blocks until the end, an error, or the reader is gone. */
static enum mr_status decode(void *arg, void **result, struct mr_error *err)
{
    (void)result;
    (void)err;
    struct decode_ahead *ahead = arg;
    void *item;
    while (!atomic_load_explicit(&ahead->is_cancelled, memory_order_relaxed) &&
           mr_queue_pop(ahead->empty, &item, -1) == MR_OK) {
        struct decode_block *block = item;
        block->size_bytes = 0;
        while (!atomic_load_explicit(&ahead->is_cancelled, memory_order_relaxed)) {
            decode_stream_fill(&ahead->stream, block, false);
            if (block->size_bytes > 0 || block->status != MR_OK)
                break;
        }
        bool is_last = block->status != MR_OK;
        if (mr_queue_push(ahead->filled, block, -1) != MR_OK || is_last)
            break;
    }
    return MR_OK;
}

/* Blocks that are not held go to the decoder. As many as there is memory for; two will do. */
static bool hand_over_blocks(struct decode_ahead *ahead)
{
    size_t count = 0;
    for (size_t i = 0; i < ahead->block_count; i++) {
        struct decode_block *block = &ahead->blocks[i];
        if (!block->bytes && !decode_block_init(block))
            break;
        if (block == ahead->held)
            continue;
        mr_queue_push(ahead->empty, block, 0);
        count++;
    }
    return count > 0;
}

void decode_ahead_start(struct decode_ahead *ahead)
{
    const struct mr_pool_config config = {
        .struct_bytes = sizeof(config), .name = "decode", .thread_count = 1};
    if (ahead->held && ahead->held->status != MR_OK)
        return;
    if (mr_queue_create(BLOCK_MAX_COUNT, &ahead->filled) != MR_OK ||
        mr_queue_create(BLOCK_MAX_COUNT, &ahead->empty) != MR_OK || !hand_over_blocks(ahead))
        return;
    if (mr_pool_create(&config, &ahead->pool, NULL) != MR_OK)
        return;
    if (mr_pool_submit(ahead->pool, decode, ahead, NULL, NULL) != MR_OK) {
        mr_pool_destroy(ahead->pool);
        ahead->pool = NULL;
    }
}

/* The block after the one that is held. */
static struct decode_block *next_block(struct decode_ahead *ahead)
{
    void *item = ahead->held;
    if (ahead->pool) {
        if (item)
            mr_queue_push(ahead->empty, item, 0);
        ahead->held = NULL;
        return mr_queue_pop(ahead->filled, &item, -1) == MR_OK ? item : NULL;
    }
    struct decode_block *block = &ahead->blocks[0];
    block->size_bytes = 0;
    do
        decode_stream_fill(&ahead->stream, block, false);
    while (block->size_bytes == 0 && block->status == MR_OK);
    return block;
}

enum mr_status decode_ahead_read(struct decode_ahead *ahead, const void **data, size_t *size_bytes,
                                 const char **problem)
{
    struct decode_block *block = ahead->held;
    *size_bytes = 0;
    if (!block || block->status == MR_OK) {
        block = ahead->held = next_block(ahead);
        *data = block->bytes;
        *size_bytes = block->size_bytes;
    }
    if (*size_bytes > 0)
        return MR_OK;
    *problem = block->problem;
    errno = block->sys_errno;
    return block->status;
}
