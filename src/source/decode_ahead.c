#include "source/decode_ahead.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "millrace/pool.h"
#include "millrace/queue.h"
#include "source/decode_pieces.h"

#define BLOCK_MAX_COUNT  8
#define THREAD_MAX_COUNT 4  /* by itself */
#define FUTILE_MAX_COUNT 2  /* frames in a row that no piece followed */
#define MARK_COUNT       16 /* more blocks than are on their way behind the reader */

/* So many plain bytes are so many of the input. */
struct mark {
    uint64_t plain_bytes, input_bytes;
};

struct decode_ahead {
    struct decode_stream stream; /* the reader's, from start on the decoder thread's */
    const struct unwrap_format *format;
    struct decode_pieces *pieces; /* the decoder thread's; NULL: none are looked for */
    unsigned futile_count;
    struct decode_watch watch;
    size_t block_count; /* that may be made */
    struct decode_block blocks[BLOCK_MAX_COUNT];
    struct decode_block *held; /* the reader's: it was read last */
    /* The reader's: ends of the blocks that were read last, a ring. Before the first one nothing is
     * nothing. */
    struct mark marks[MARK_COUNT];
    unsigned mark_count;  /* ever added */
    struct mr_pool *pool; /* NULL: decoded by the reader */
    /* Blocks on their way; every one is in one of them, held, or with the decoder. */
    struct mr_queue *filled, *empty;
    atomic_bool is_cancelled;
    bool has_unnamed_threads;
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

static unsigned thread_count_for(const struct decode_limits *limits)
{
    cpu_set_t set;
    if (limits->thread_count > 0)
        return limits->thread_count;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < THREAD_MAX_COUNT ? (unsigned)count : THREAD_MAX_COUNT;
}

/* Of one piece, compressed or plain; 0: no pieces. Plain bytes also lie in the blocks. */
static size_t piece_bytes_for(const struct unwrap_format *format, bool can_seek,
                              const struct decode_limits *limits)
{
    unsigned thread_count = thread_count_for(limits);
    unsigned piece_count = decode_pieces_count(thread_count);
    uint64_t spare = spare_bytes(limits);
    uint64_t decoders = (uint64_t)piece_count * pieces_decoder_bytes(format);
    unsigned part_count = BLOCK_MAX_COUNT + 2 * piece_count;
    uint64_t bytes = spare > decoders ? (spare - decoders) / part_count : 0;
    bool is_possible = can_seek && thread_count > 1 && pieces_are_possible(format);
    return is_possible && bytes >= DECODE_PIECE_MIN_BYTES ? (size_t)bytes : 0;
}

uint64_t decode_ahead_memory(const struct unwrap_format *format, bool can_seek,
                             const struct decode_limits *limits)
{
    uint64_t blocks = block_count_for(limits) * DECODE_BLOCK_BYTES;
    bool takes_more =
        unwrap_format_has_threads(format) || piece_bytes_for(format, can_seek, limits) > 0;
    return takes_more ? blocks + spare_bytes(limits) : blocks;
}

enum mr_status decode_ahead_create(const struct unwrap_format *format,
                                   const struct decode_input *input,
                                   const struct decode_limits *limits, struct decode_ahead **ahead)
{
    const struct unwrap_options options = {thread_count_for(limits), spare_bytes(limits)};
    size_t piece_bytes = piece_bytes_for(format, input->pread != NULL, limits);
    struct decode_ahead *made = calloc(1, sizeof(*made));
    if (!made)
        return MR_E_MEMORY;
    atomic_init(&made->is_cancelled, false);
    made->format = format;
    made->has_unnamed_threads = limits->has_unnamed_threads;
    made->watch = limits->watch;
    made->block_count = block_count_for(limits);
    if (!decode_stream_init(&made->stream, format, input, &options) ||
        !decode_block_init(&made->blocks[0])) {
        decode_ahead_destroy(made);
        return MR_E_MEMORY;
    }
    if (piece_bytes > 0)
        made->pieces =
            decode_pieces_create(format, input, options.thread_count, piece_bytes,
                                 limits->has_unnamed_threads ? "" : "piece", &limits->watch);
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
    decode_pieces_destroy(ahead->pieces);
    decode_stream_fini(&ahead->stream);
    free(ahead);
}

static bool is_cancelled(const struct decode_ahead *ahead)
{
    return atomic_load_explicit(&ahead->is_cancelled, memory_order_relaxed);
}

/* An empty block for the decoder; NULL when the reader is gone. */
static struct decode_block *take_empty(struct decode_ahead *ahead)
{
    void *item = NULL;
    if (is_cancelled(ahead) || mr_queue_pop(ahead->empty, &item, -1) != MR_OK)
        return NULL;
    struct decode_block *block = item;
    block->size_bytes = 0;
    return block;
}

/* Hands a block on, whose bytes took the input to end_bytes, and takes another; NULL when the
 * reader is gone. */
static struct decode_block *hand_on(struct decode_ahead *ahead, struct decode_block *block,
                                    int64_t end_bytes)
{
    block->end_bytes = end_bytes;
    return mr_queue_push(ahead->filled, block, -1) == MR_OK ? take_empty(ahead) : NULL;
}

/*
 * Between two frames: hands on what can be decoded in pieces. Returns the block to go on with, NULL
 * when the reader is gone.
 */
static struct decode_block *decode_in_pieces(struct decode_ahead *ahead, struct decode_block *block)
{
    struct decode_pieces *pieces = ahead->pieces;
    int64_t offset = decode_stream_offset(&ahead->stream);
    decode_pieces_start(pieces, offset);
    do
        if (block->size_bytes > 0)
            block = hand_on(ahead, block, decode_pieces_offset(pieces));
    while (block && decode_pieces_next(pieces, block));
    /* The memory is for pieces or for a library's own threads, which then take over for good. */
    bool is_over = unwrap_format_has_threads(ahead->format);
    if (decode_pieces_offset(pieces) > offset) {
        decode_stream_seek(&ahead->stream, decode_pieces_offset(pieces));
        ahead->futile_count = 0;
    } else if (++ahead->futile_count == FUTILE_MAX_COUNT) {
        is_over = true;
    }
    if (is_over) {
        decode_pieces_destroy(pieces);
        ahead->pieces = NULL;
    }
    return block;
}

/* As decode_stream_fill(), and tells who wants to know. */
static bool fill(struct decode_ahead *ahead, struct decode_block *block)
{
    int64_t start_ns = ahead->watch.ran ? clock_now_ns() : 0;
    bool is_between = decode_stream_fill(&ahead->stream, block, ahead->pieces != NULL);
    if (ahead->watch.ran)
        ahead->watch.ran(ahead->watch.ctx, start_ns, clock_now_ns());
    return is_between;
}

/* The decoder thread: fills blocks until the end, an error, or the reader is gone. */
static enum mr_status decode(void *arg, void **result, struct mr_error *err)
{
    (void)result;
    (void)err;
    struct decode_ahead *ahead = arg;
    struct decode_block *block = take_empty(ahead);
    while (block && !is_cancelled(ahead)) {
        if (fill(ahead, block)) {
            block = decode_in_pieces(ahead, block);
        } else if (block->status != MR_OK) {
            block->end_bytes = decode_stream_offset(&ahead->stream);
            mr_queue_push(ahead->filled, block, -1);
            break;
        } else if (block->size_bytes > 0) {
            block = hand_on(ahead, block, decode_stream_offset(&ahead->stream));
        }
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
    const struct mr_pool_config config = {.struct_bytes = sizeof(config),
                                          .name = ahead->has_unnamed_threads ? "" : "decode",
                                          .thread_count = 1};
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
    block->end_bytes = decode_stream_offset(&ahead->stream);
    return block;
}

static void add_mark(struct decode_ahead *ahead, const struct decode_block *block)
{
    const struct mark *last = &ahead->marks[(ahead->mark_count + MARK_COUNT - 1) % MARK_COUNT];
    struct mark mark = {.plain_bytes = last->plain_bytes + block->size_bytes,
                        .input_bytes = (uint64_t)block->end_bytes};
    ahead->marks[ahead->mark_count++ % MARK_COUNT] = mark;
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
        if (block->size_bytes > 0)
            add_mark(ahead, block);
    }
    if (*size_bytes > 0)
        return MR_OK;
    *problem = block->problem;
    errno = block->sys_errno;
    return block->status;
}

enum mr_status decode_ahead_outlook(const struct decode_ahead *ahead)
{
    return ahead->held->status;
}

uint64_t decode_ahead_used(const struct decode_ahead *ahead, uint64_t plain_bytes)
{
    unsigned oldest = ahead->mark_count > MARK_COUNT ? ahead->mark_count - MARK_COUNT : 0;
    struct mark end = {0}, start = {0};
    for (unsigned i = ahead->mark_count; i > oldest; i--) {
        start = ahead->marks[(i - 1) % MARK_COUNT];
        if (start.plain_bytes <= plain_bytes)
            break;
        end = start;
        start = (struct mark){0};
    }
    if (end.plain_bytes == 0 || end.plain_bytes == start.plain_bytes) /* behind the last one */
        return start.input_bytes;
    double share =
        (double)(plain_bytes - start.plain_bytes) / (double)(end.plain_bytes - start.plain_bytes);
    return start.input_bytes + (uint64_t)(share * (double)(end.input_bytes - start.input_bytes));
}

bool decode_ahead_is_ready(const struct decode_ahead *ahead)
{
    return ahead->pool && mr_queue_count(ahead->filled) > 0;
}
