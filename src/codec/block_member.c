/* Zstandard frames whose plain content is summed up, for a container that keeps a CRC of every
 * member: no seek table. */
#include "codec/block.h"
#include "codec/sums.h"
#include "config.h"

#if MR_HAVE_ZSTD

struct member_summary {
    uint32_t crc;
};

static size_t member_block_bytes(const struct block_options *options)
{
    return block_codec_zstd()->block_bytes(options);
}

static size_t member_bound(const struct block_options *options, size_t in_bytes)
{
    return block_codec_zstd()->bound(options, in_bytes);
}

static size_t member_state_bytes(const struct block_options *options)
{
    return block_codec_zstd()->state_bytes(options);
}

static void *member_state_create(const struct block_options *options)
{
    return block_codec_zstd()->state_create(options);
}

static void member_state_destroy(void *state)
{
    block_codec_zstd()->state_destroy(state);
}

static enum mr_status member_compress(void *state, struct block *block)
{
    enum mr_status status = block_codec_zstd()->compress(state, block);
    block->check = sums_crc32(0, block->in, block->in_bytes);
    return status;
}

static enum mr_status member_add(void *object, const struct block *block)
{
    struct member_summary *summary = object;
    summary->crc = sums_crc32_join(summary->crc, block->check, block->in_bytes);
    return MR_OK;
}

static uint32_t member_crc(const void *object)
{
    const struct member_summary *summary = object;
    return summary->crc;
}

static const struct block_codec codec_member_zstd = {
    .name = "zstd",
    .block_bytes = member_block_bytes,
    .bound = member_bound,
    .state_bytes = member_state_bytes,
    .state_create = member_state_create,
    .state_destroy = member_state_destroy,
    .compress = member_compress,
    .summary_bytes = sizeof(struct member_summary),
    .add = member_add,
    .crc = member_crc,
};

const struct block_codec *block_codec_member_zstd(void)
{
    return &codec_member_zstd;
}

#else

const struct block_codec *block_codec_member_zstd(void)
{
    return NULL;
}

#endif
