#include "source/decode_ahead.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "millrace/pool.h"
#include "millrace/queue.h"
#include "source/decode_pieces.h"

#define BLOCK_MAX_COUNT  12
#define THREAD_MAX_COUNT 4  /* by itself */
#define FUTILE_MAX_COUNT 2  /* frames in a row that no piece followed */
#define SEND_SHARE       4  /* of the blocks are empty before somebody is sent to fill them */
#define MARK_COUNT       16 /* more blocks than are on their way behind the reader */

/* So many plain bytes are so many of the input. */
struct mark {
    uint64_t plain_bytes, input_bytes;
};

/*
 * The decoder is what turns input into blocks. At most one function decodes, in a pool, and fills
 * blocks while there are empty ones; when none is on its way, the decoder is the reader's, who
 * sends the next one.
 */
struct decode_ahead {
    /* The decoder's: */
    struct decode_stream stream;
    const struct unwrap_format *format;
    struct decode_pieces *pieces; /* NULL: none are looked for */
    bool is_in_pieces;            /* they are being given, from pieces_start_bytes on */
    int64_t pieces_start_bytes;
    unsigned futile_count;
    struct decode_watch watch;
    /* The reader's: */
    size_t block_count; /* that may be made */
    struct decode_block blocks[BLOCK_MAX_COUNT];
    struct decode_block *held; /* it was read last; NULL: that one is kept */
    struct decode_end last;    /* of the block that was read last */
    size_t kept_count;
    /* Ends of the blocks that were read last, a ring. Before the first one nothing is nothing. */
    struct mark marks[MARK_COUNT];
    unsigned mark_count;      /* ever added */
    bool is_ahead;            /* blocks are decoded before they are asked for */
    bool is_ended;            /* no block follows those that are filled */
    struct mr_future *future; /* of the function that decodes; NULL: none is on its way */
    struct mr_pool *pool;     /* where it runs */
    bool owns_pool;
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
    made->pool = input->pread ? limits->pool : NULL;
    made->watch = limits->watch;
    made->block_count = block_count_for(limits);
    if (!decode_stream_init(&made->stream, format, input, &options) ||
        !decode_block_empty(&made->blocks[0])) {
        decode_ahead_destroy(made);
        return MR_E_MEMORY;
    }
    if (piece_bytes > 0)
        made->pieces =
            decode_pieces_create(format, input, options.thread_count, piece_bytes, made->pool,
                                 limits->has_unnamed_threads ? "" : "piece", &limits->watch);
    *ahead = made;
    return MR_OK;
}

/* No function decodes any more. */
static void call_off(struct decode_ahead *ahead)
{
    if (!ahead->future)
        return;
    atomic_store_explicit(&ahead->is_cancelled, true, memory_order_relaxed);
    if (ahead->stream.input.stop)
        ahead->stream.input.stop(ahead->stream.input.ctx);
    if (!mr_future_cancel(ahead->future))
        mr_future_wait(ahead->future, -1, NULL, NULL);
    mr_future_release(ahead->future);
    ahead->future = NULL;
}

void decode_ahead_destroy(struct decode_ahead *ahead)
{
    if (!ahead)
        return;
    call_off(ahead);
    if (ahead->owns_pool)
        mr_pool_destroy(ahead->pool);
    mr_queue_destroy(ahead->empty, NULL);
    mr_queue_destroy(ahead->filled, NULL);
    for (size_t i = 0; i < BLOCK_MAX_COUNT; i++)
        decode_block_fini(&ahead->blocks[i]);
    decode_pieces_destroy(ahead->pieces);
    decode_stream_fini(&ahead->stream);
    free(ahead);
}

/* ---- the decoder ---- */

/* From here on, between two frames, there may be pieces. */
static void enter_pieces(struct decode_ahead *ahead)
{
    ahead->pieces_start_bytes = decode_stream_offset(&ahead->stream);
    decode_pieces_start(ahead->pieces, ahead->pieces_start_bytes);
    ahead->is_in_pieces = true;
}

/* There are no more: it goes on in order behind the last one. */
static void leave_pieces(struct decode_ahead *ahead)
{
    int64_t end_bytes = decode_pieces_offset(ahead->pieces);
    /* The memory is for pieces or for a library's own threads, which then take over for good. */
    bool is_over = unwrap_format_has_threads(ahead->format);
    ahead->is_in_pieces = false;
    if (end_bytes > ahead->pieces_start_bytes) {
        decode_stream_seek(&ahead->stream, end_bytes);
        ahead->futile_count = 0;
    } else if (++ahead->futile_count == FUTILE_MAX_COUNT) {
        is_over = true;
    }
    if (is_over) {
        decode_pieces_destroy(ahead->pieces);
        ahead->pieces = NULL;
    }
}

/* As decode_stream_fill(), and tells who wants to know. */
static bool fill_in_order(struct decode_ahead *ahead, struct decode_block *block)
{
    int64_t start_ns = ahead->watch.ran ? clock_now_ns() : 0;
    bool stops_between = ahead->pieces && ahead->is_ahead;
    bool is_between = decode_stream_fill(&ahead->stream, block, stops_between);
    if (ahead->watch.ran)
        ahead->watch.ran(ahead->watch.ctx, start_ns, clock_now_ns());
    return is_between;
}

static bool is_cancelled(const struct decode_ahead *ahead)
{
    return atomic_load_explicit(&ahead->is_cancelled, memory_order_relaxed);
}

/* Fills block with what comes next: bytes, the end or an error. False: it was cancelled. */
static bool fill(struct decode_ahead *ahead, struct decode_block *block)
{
    decode_block_empty(block); /* it has room already */
    while (!is_cancelled(ahead)) {
        if (ahead->is_in_pieces) {
            if (decode_pieces_next(ahead->pieces, block)) {
                block->end_bytes = decode_pieces_offset(ahead->pieces);
                return true;
            }
            leave_pieces(ahead);
        }
        bool is_between = fill_in_order(ahead, block);
        block->end_bytes = decode_stream_offset(&ahead->stream);
        if (is_between)
            enter_pieces(ahead);
        if (block->size_bytes > 0 || block->end.status != MR_OK)
            return true;
    }
    return false;
}

/* Somebody who waits for pieces of others decodes, too. */
static void tell_nothing(struct decode_ahead *ahead)
{
    int64_t now_ns = ahead->watch.ran ? clock_now_ns() : 0;
    if (ahead->watch.ran)
        ahead->watch.ran(ahead->watch.ctx, now_ns, now_ns);
}

/* The function: fills blocks, of which there is one at least, and says which is its last. */
static enum mr_status decode(void *arg, void **result, struct mr_error *err)
{
    (void)result;
    (void)err;
    struct decode_ahead *ahead = arg;
    void *item = NULL;
    tell_nothing(ahead);
    mr_queue_try_pop(ahead->empty, &item);
    while (item) {
        struct decode_block *block = item;
        if (!fill(ahead, block))
            break;
        item = NULL;
        if (block->end.status == MR_OK)
            mr_queue_try_pop(ahead->empty, &item);
        block->ends_run = !item;
        mr_queue_try_push(ahead->filled, block); /* there is room for all */
    }
    return MR_OK;
}

/* ---- the reader ---- */

/* Blocks that are not held become empty ones. As many as there is memory for; two will do. */
static bool make_blocks(struct decode_ahead *ahead)
{
    size_t count = 0;
    for (size_t i = 0; i < ahead->block_count; i++) {
        struct decode_block *block = &ahead->blocks[i];
        if (block == ahead->held)
            continue;
        if (!decode_block_empty(block)) {
            ahead->block_count = i;
            break;
        }
        mr_queue_try_push(ahead->empty, block);
        count++;
    }
    return count > 0;
}

/* Sends a function that decodes, unless one is on its way or the blocks are still full enough. */
static void send(struct decode_ahead *ahead)
{
    size_t least = ahead->block_count / SEND_SHARE;
    if (ahead->future || ahead->is_ended || mr_queue_count(ahead->empty) < (least ? least : 1))
        return;
    if (mr_pool_try_submit(ahead->pool, decode, ahead, &ahead->future, NULL) != MR_OK)
        ahead->future = NULL;
}

void decode_ahead_start(struct decode_ahead *ahead)
{
    const struct mr_pool_config config = {.struct_bytes = sizeof(config),
                                          .name = ahead->has_unnamed_threads ? "" : "decode",
                                          .thread_count = 1};
    if (ahead->last.status != MR_OK)
        return;
    if (mr_queue_create(BLOCK_MAX_COUNT, &ahead->filled) != MR_OK ||
        mr_queue_create(BLOCK_MAX_COUNT, &ahead->empty) != MR_OK || !make_blocks(ahead))
        return;
    if (!ahead->pool) {
        ahead->owns_pool = mr_pool_create(&config, &ahead->pool, NULL) == MR_OK;
        if (!ahead->owns_pool)
            return;
    }
    ahead->is_ahead = true;
    send(ahead);
}

/* A block that was filled, if there is one. */
static struct decode_block *take_filled(struct decode_ahead *ahead, int64_t timeout_ms)
{
    void *item = NULL;
    if (mr_queue_pop(ahead->filled, &item, timeout_ms) != MR_OK)
        return NULL;
    struct decode_block *block = item;
    if (block->ends_run) {
        mr_future_wait(ahead->future, -1, NULL, NULL);
        mr_future_release(ahead->future);
        ahead->future = NULL;
    }
    return block;
}

/* The reader does what nobody has begun. */
static struct decode_block *fill_here(struct decode_ahead *ahead)
{
    void *item = NULL;
    mr_queue_try_pop(ahead->empty, &item);
    struct decode_block *block = item;
    block->ends_run = false;
    fill(ahead, block);
    return block;
}

static struct decode_block *next_ahead(struct decode_ahead *ahead)
{
    if (ahead->held)
        mr_queue_try_push(ahead->empty, ahead->held);
    struct decode_block *block = take_filled(ahead, 0);
    if (!block && ahead->future && mr_future_cancel(ahead->future)) {
        mr_future_release(ahead->future);
        ahead->future = NULL;
    }
    if (!block)
        block = ahead->future ? take_filled(ahead, -1) : fill_here(ahead);
    ahead->is_ended = ahead->is_ended || block->end.status != MR_OK;
    send(ahead);
    return block;
}

/* The block after the one that is held. */
static struct decode_block *next_block(struct decode_ahead *ahead)
{
    if (ahead->is_ahead)
        return next_ahead(ahead);
    struct decode_block *block = &ahead->blocks[0];
    fill(ahead, block);
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
    *size_bytes = 0;
    if (ahead->last.status == MR_OK) {
        struct decode_block *block = ahead->held = next_block(ahead);
        ahead->last = block->end;
        *data = block->bytes;
        *size_bytes = block->size_bytes;
        if (block->size_bytes > 0)
            add_mark(ahead, block);
    }
    if (*size_bytes > 0)
        return MR_OK;
    *problem = ahead->last.problem;
    errno = ahead->last.sys_errno;
    return ahead->last.status;
}

void decode_ahead_place(struct decode_ahead *ahead, unsigned char *memory, size_t count)
{
    for (size_t i = 0; i < count && i < BLOCK_MAX_COUNT; i++)
        ahead->blocks[i].home = memory + i * DECODE_BLOCK_BYTES;
}

bool decode_ahead_keep(struct decode_ahead *ahead, const void *data)
{
    /* One is left for the reader, another one to be filled meanwhile. */
    if (!ahead->is_ahead || !ahead->held || ahead->held->home != data ||
        ahead->kept_count + 2 >= ahead->block_count)
        return false;
    ahead->held = NULL;
    ahead->kept_count++;
    return true;
}

void decode_ahead_let_go(struct decode_ahead *ahead, const void *data)
{
    size_t offset_bytes = (size_t)((const unsigned char *)data - ahead->blocks[0].home);
    mr_queue_try_push(ahead->empty, &ahead->blocks[offset_bytes / DECODE_BLOCK_BYTES]);
    ahead->kept_count--;
    send(ahead);
}

enum mr_status decode_ahead_outlook(const struct decode_ahead *ahead)
{
    return ahead->last.status;
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
    return ahead->is_ahead && mr_queue_count(ahead->filled) > 0;
}
