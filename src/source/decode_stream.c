#include "source/decode_stream.h"

#include <errno.h>
#include <stdlib.h>

bool decode_block_empty(struct decode_block *block)
{
    if (!block->home && !block->own) {
        block->own = malloc(DECODE_BLOCK_BYTES);
        block->own_bytes = DECODE_BLOCK_BYTES;
    }
    block->bytes = block->home ? block->home : block->own;
    block->cap_bytes = block->home ? DECODE_BLOCK_BYTES : block->own_bytes;
    block->size_bytes = 0;
    block->end.status = MR_OK;
    return block->bytes != NULL;
}

void decode_block_fini(struct decode_block *block)
{
    free(block->own);
    block->own = NULL;
}

bool decode_stream_init(struct decode_stream *stream, const struct unwrap_format *format,
                        const struct decode_input *input, const struct unwrap_options *options)
{
    *stream = (struct decode_stream){.input = *input, .unwrap = unwrap_create(format, options)};
    return stream->unwrap != NULL;
}

void decode_stream_fini(struct decode_stream *stream)
{
    unwrap_destroy(stream->unwrap);
    stream->unwrap = NULL;
}

/* More input. False when it cannot be read: then the block says so. */
static bool refill(struct decode_stream *stream, struct decode_block *block)
{
    const void *data = NULL;
    ssize_t got = stream->input.pull(stream->input.ctx, &data);
    if (got < 0) {
        block->end.status = MR_E_SYSTEM;
        block->end.sys_errno = errno;
        return false;
    }
    stream->is_input_ended = got == 0;
    stream->in = data;
    stream->in_bytes = (size_t)got;
    stream->pulled_bytes += (uint64_t)got;
    return true;
}

/* One step. True when it used or made something. */
static bool step(struct decode_stream *stream, struct decode_block *block)
{
    struct mr_io io = {.in = stream->in,
                       .in_bytes = stream->in_bytes,
                       .is_last = stream->is_input_ended,
                       .out = block->bytes + block->size_bytes,
                       .out_bytes = block->cap_bytes - block->size_bytes};
    size_t out_bytes = io.out_bytes;
    block->end.status = unwrap_step(stream->unwrap, &io, &block->end.problem);
    bool is_moved = io.in_bytes != stream->in_bytes || io.out_bytes != out_bytes;
    stream->in = io.in;
    stream->in_bytes = io.in_bytes;
    block->size_bytes += out_bytes - io.out_bytes;
    return is_moved;
}

bool decode_stream_fill(struct decode_stream *stream, struct decode_block *block,
                        bool stops_between)
{
    block->end.status = MR_OK;
    block->end.problem = NULL;
    while (block->size_bytes < block->cap_bytes) {
        bool is_moved = step(stream, block);
        if (block->end.status != MR_OK)
            return false;
        if (is_moved && stops_between && unwrap_is_between(stream->unwrap))
            return true;
        if (is_moved || stream->in_bytes > 0)
            continue;
        if (stream->is_input_ended) /* threads of the library are at work */
            return false;
        if (block->size_bytes > 0 && !stream->input.pread)
            return false;
        if (!refill(stream, block))
            return false;
    }
    return false;
}

int64_t decode_stream_offset(const struct decode_stream *stream)
{
    return (int64_t)(stream->pulled_bytes - stream->in_bytes);
}

void decode_stream_seek(struct decode_stream *stream, int64_t offset_bytes)
{
    stream->input.seek(stream->input.ctx, offset_bytes);
    stream->in_bytes = 0;
    stream->is_input_ended = false;
    stream->pulled_bytes = (uint64_t)offset_bytes;
}
