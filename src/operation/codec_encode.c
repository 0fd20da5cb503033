/*
 * The driver of the encoders: gathers blocks, compresses each, and gives out what was made. Content
 * and room are used in place where they are whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "operation/codec.h"

struct codec_encoder {
    const struct codec_config *config;
    size_t block_bytes;
    void *state;             /* of the codec */
    void *summary;           /* of the codec, over the blocks of this item */
    unsigned char *gathered; /* room for a block, made when first needed */
    size_t gathered_bytes;
    bool has_begun, has_ended; /* the first, the last block was compressed */
    struct codec_spill spill;
    /* For a container: */
    uint64_t plain_bytes, made_bytes;
    struct mr_encoding encoding;
};

size_t codec_bound(const void *config, size_t in_bytes)
{
    const struct codec_config *codec = config;
    const struct block_options *options = &codec->options;
    size_t block_bytes = codec->codec->block_bytes(options), count = in_bytes / block_bytes,
           each = codec->codec->bound(options, block_bytes);
    if (in_bytes > SIZE_MAX / 4)
        return SIZE_MAX; /* no block becomes twice its size */
    return count * each + codec->codec->bound(options, in_bytes % block_bytes);
}

size_t codec_state_bytes(const void *config)
{
    const struct codec_config *codec = config;
    const struct block_options *options = &codec->options;
    size_t block_bytes = codec->codec->block_bytes(options);
    return sizeof(struct codec_encoder) + codec->codec->state_bytes(options) + block_bytes +
           codec->codec->bound(options, block_bytes);
}

const struct block_codec *codec_blocks(const void *config, const struct block_options **options)
{
    const struct codec_config *codec = config;
    *options = &codec->options;
    return codec->codec;
}

const struct mr_operation_internals codec_internals = {.blocks = codec_blocks};

void codec_encoder_destroy(void *state)
{
    struct codec_encoder *encoder = state;
    const struct block_codec *codec = encoder->config->codec;
    codec_encode_stop(state);
    codec->state_destroy(encoder->state);
    free(encoder->summary);
    free(encoder->gathered);
    free(encoder->spill.bytes);
    free(encoder);
}

enum mr_status codec_encoder_create(const void *config, void **state, struct mr_error *err)
{
    struct codec_encoder *encoder = calloc(1, sizeof(*encoder));
    if (!encoder)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    encoder->config = config;
    const struct block_codec *codec = encoder->config->codec;
    encoder->block_bytes = codec->block_bytes(&encoder->config->options);
    encoder->summary = calloc(1, codec->summary_bytes ? codec->summary_bytes : 1);
    if (encoder->summary)
        encoder->state = codec->state_create(&encoder->config->options);
    if (!encoder->state) {
        free(encoder->summary);
        free(encoder);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    *state = encoder;
    return MR_OK;
}

void codec_encode_stop(void *state)
{
    struct codec_encoder *encoder = state;
    const struct block_codec *codec = encoder->config->codec;
    if (codec->summary_clear)
        codec->summary_clear(encoder->summary);
    memset(encoder->summary, 0, codec->summary_bytes);
    encoder->gathered_bytes = 0;
    encoder->spill.count = encoder->spill.at = 0;
    encoder->has_begun = encoder->has_ended = false;
    encoder->plain_bytes = encoder->made_bytes = 0;
    encoder->encoding.method = encoder->config->method;
}

enum mr_status codec_encode_start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    (void)entry;
    (void)err;
    codec_encode_stop(state);
    return MR_OK;
}

static enum mr_status failed(const struct codec_encoder *encoder, enum mr_status status,
                             struct mr_error *err)
{
    const char *name = encoder->config->codec->name;
    if (status == MR_E_MEMORY)
        return mr_error_set(err, status, 0, "out of memory");
    if (status == MR_E_LIMIT)
        return mr_error_set(err, status, 0, "the content is too large for one file of %s", name);
    return mr_error_set(err, MR_E_SYSTEM, 0, "the %s library could not compress the content", name);
}

/* What ends the stream: *end is the caller's to free, NULL: nothing. */
static enum mr_status make_end(struct codec_encoder *encoder, unsigned char **end,
                               size_t *end_bytes, struct mr_error *err)
{
    const struct block_codec *codec = encoder->config->codec;
    *end = codec->end ? codec->end(encoder->summary, end_bytes) : NULL;
    return *end || *end_bytes == 0 ? MR_OK : failed(encoder, MR_E_MEMORY, err);
}

/* The one block of small content stands plain in a container, without an end, where it does not get
 * smaller. */
static void keep_smaller(struct codec_encoder *encoder, struct block *block, size_t *end_bytes)
{
    bool is_whole = block->is_first && block->is_last;
    if (encoder->config->method == MR_METHOD_PLAIN || !is_whole ||
        block->out_bytes + *end_bytes < block->in_bytes)
        return;
    *end_bytes = 0;
    encoder->encoding.method = MR_METHOD_PLAIN;
    block->out_bytes = block->in_bytes;
    if (block->in_bytes > 0)
        memcpy(block->out, block->in, block->in_bytes);
}

const struct mr_encoding *codec_encoding(void *state, int64_t *plain_bytes)
{
    struct codec_encoder *encoder = state;
    *plain_bytes = (int64_t)encoder->plain_bytes;
    const struct block_codec *codec = encoder->config->codec;
    encoder->encoding.has_crc = codec->crc != NULL;
    encoder->encoding.crc = codec->crc ? codec->crc(encoder->summary) : 0;
    encoder->encoding.stored_bytes = (int64_t)encoder->made_bytes;
    return &encoder->encoding;
}

/* One block, into the room of io where it fits whatever it becomes, else into the spill, which is
 * empty. The size of the room does not change what is made. */
static enum mr_status compress(struct codec_encoder *encoder, const unsigned char *in, size_t bytes,
                               bool is_last, struct mr_io *io, struct mr_error *err)
{
    const struct block_codec *codec = encoder->config->codec;
    size_t bound = codec->bound(&encoder->config->options, bytes);
    bool is_direct = io->out_bytes >= bound;
    struct block block = {
        .in = in,
        .in_bytes = bytes,
        .is_first = !encoder->has_begun,
        .is_last = is_last,
        .out = is_direct ? io->out : codec_spill_room(&encoder->spill, bound),
    };
    if (!block.out)
        return failed(encoder, MR_E_MEMORY, err);
    enum mr_status status = codec->compress(encoder->state, &block);
    if (status == MR_OK && codec->add)
        status = codec->add(encoder->summary, &block);
    if (status != MR_OK)
        return failed(encoder, status, err);
    unsigned char *end = NULL;
    size_t end_bytes = 0;
    status = is_last ? make_end(encoder, &end, &end_bytes, err) : MR_OK;
    if (status != MR_OK)
        return status;
    keep_smaller(encoder, &block, &end_bytes);
    encoder->has_begun = true;
    encoder->has_ended = is_last;
    encoder->plain_bytes += bytes;
    encoder->made_bytes += block.out_bytes + end_bytes;
    if (is_direct)
        codec_advance(io, 0, block.out_bytes);
    else
        encoder->spill.count += block.out_bytes;
    if (end_bytes > 0)
        status = codec_spill_put(&encoder->spill, end, end_bytes, err);
    free(end);
    return status;
}

/* Adds to the block that is gathered. */
static enum mr_status gather(struct codec_encoder *encoder, struct mr_io *io, struct mr_error *err)
{
    size_t room = encoder->block_bytes - encoder->gathered_bytes,
           part = io->in_bytes < room ? io->in_bytes : room;
    if (part == 0)
        return MR_OK;
    if (!encoder->gathered)
        encoder->gathered = malloc(encoder->block_bytes);
    if (!encoder->gathered)
        return failed(encoder, MR_E_MEMORY, err);
    memcpy(encoder->gathered + encoder->gathered_bytes, io->in, part);
    encoder->gathered_bytes += part;
    codec_advance(io, part, 0);
    return MR_OK;
}

/*
 * The next block, if it is complete: a full one is only when more follows, since the last one must
 * know that it is the last. *is_idle: there is none.
 */
static enum mr_status next_block(struct codec_encoder *encoder, struct mr_io *io, bool *is_idle,
                                 struct mr_error *err)
{
    const size_t block_bytes = encoder->block_bytes;
    *is_idle = false;
    if (encoder->gathered_bytes == 0 && (io->in_bytes > block_bytes || io->is_last)) {
        bool is_last = io->in_bytes <= block_bytes;
        size_t bytes = is_last ? io->in_bytes : block_bytes;
        enum mr_status status = compress(encoder, io->in, bytes, is_last, io, err);
        codec_advance(io, bytes, 0);
        return status;
    }
    enum mr_status status = gather(encoder, io, err);
    if (status != MR_OK)
        return status;
    bool is_last = io->is_last && io->in_bytes == 0;
    if (is_last || io->in_bytes > 0) {
        size_t bytes = encoder->gathered_bytes;
        encoder->gathered_bytes = 0;
        return compress(encoder, encoder->gathered, bytes, is_last, io, err);
    }
    *is_idle = true;
    return MR_OK;
}

enum mr_status codec_encode_process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct codec_encoder *encoder = state;
    for (;;) {
        if (!codec_spill_drain(&encoder->spill, io))
            return MR_OK;
        if (encoder->has_ended)
            return MR_DONE;
        bool is_idle;
        enum mr_status status = next_block(encoder, io, &is_idle, err);
        if (status != MR_OK || is_idle)
            return status;
    }
}
