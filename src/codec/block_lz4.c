/*
 * block_lz4.c - lz4 frames (the LZ4 frame format, version 1.6) one behind the other, each with its
 * content size and a checksum.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/block.h"
#include "config.h"

#if MR_HAVE_LZ4
#include <lz4frame.h>

#define LZ4_FRAME_BYTES ((size_t)4 << 20)
#define LZ4_STATE_BYTES ((size_t)300 << 10) /* the tables from level 3 on */

struct lz4_state {
    LZ4F_preferences_t preferences;
};

static LZ4F_preferences_t preferences_of(const struct block_options *options)
{
    LZ4F_preferences_t made;
    memset(&made, 0, sizeof(made));
    made.frameInfo.blockSizeID = LZ4F_max1MB;
    made.frameInfo.blockMode = LZ4F_blockIndependent;
    made.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    made.compressionLevel = options->level;
    return made;
}

static size_t lz4_block_bytes(const struct block_options *options)
{
    (void)options;
    return LZ4_FRAME_BYTES;
}

static size_t lz4_bound(const struct block_options *options, size_t in_bytes)
{
    const LZ4F_preferences_t preferences = preferences_of(options);
    return LZ4F_compressFrameBound(in_bytes, &preferences) + LZ4F_HEADER_SIZE_MAX;
}

static size_t lz4_state_bytes(const struct block_options *options)
{
    (void)options;
    return sizeof(struct lz4_state) + LZ4_STATE_BYTES;
}

static void *lz4_state_create(const struct block_options *options)
{
    struct lz4_state *state = malloc(sizeof(*state));
    if (state)
        state->preferences = preferences_of(options);
    return state;
}

static void lz4_state_destroy(void *state)
{
    free(state);
}

static enum mr_status lz4_compress(void *object, struct block *block)
{
    LZ4F_preferences_t preferences = ((struct lz4_state *)object)->preferences;
    preferences.frameInfo.contentSize = block->in_bytes;
    size_t room = LZ4F_compressFrameBound(block->in_bytes, &preferences) + LZ4F_HEADER_SIZE_MAX;
    size_t made = LZ4F_compressFrame(block->out, room, block->in, block->in_bytes, &preferences);
    if (LZ4F_isError(made))
        return MR_E_MEMORY; /* the room suffices and the input is plain: nothing else can fail */
    block->out_bytes = made;
    return MR_OK;
}

static const struct block_codec codec_lz4 = {
    .name = "lz4",
    .block_bytes = lz4_block_bytes,
    .bound = lz4_bound,
    .state_bytes = lz4_state_bytes,
    .state_create = lz4_state_create,
    .state_destroy = lz4_state_destroy,
    .compress = lz4_compress,
};

const struct block_codec *block_codec_lz4(void)
{
    return &codec_lz4;
}

#else

const struct block_codec *block_codec_lz4(void)
{
    return NULL;
}

#endif
