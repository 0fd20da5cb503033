/*
 * block_deflate.c - raw deflate, gzip and zlib (RFC 1951, 1952, 1950): the same blocks in three
 * wrappings. All blocks make one stream, which is one member.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/block_deflate.h"
#include "codec/deflate_wrap.h"
#include "codec/deflater.h"
#include "codec/sums.h"

#define BLOCK_BYTES ((size_t)1 << 20)

struct summary {
    uint32_t check;    /* CRC-32; of zlib Adler-32 */
    uint32_t in_bytes; /* modulo 2^32, as gzip has it */
    bool has_begun;    /* of zlib: there is a check to go on from */
};

size_t block_deflate_bytes(const struct block_options *options)
{
    (void)options;
    return BLOCK_BYTES;
}

size_t block_deflate_state_bytes(const struct block_options *options)
{
    return deflater_bytes(options->level);
}

void *block_deflate_state_create(const struct block_options *options)
{
    return deflater_create(options->level);
}

void block_deflate_state_destroy(void *state)
{
    deflater_destroy(state);
}

static size_t bound(const struct block_options *options, size_t in_bytes)
{
    (void)options;
    return deflater_bound(in_bytes) + DEFLATE_WRAP_BYTES;
}

/* header_bytes stand in block->out already. */
static enum mr_status compress(struct deflater *deflater, struct block *block, size_t header_bytes)
{
    size_t made;
    enum mr_status status = deflater_run(deflater, block->in, block->in_bytes, block->is_last,
                                         block->out + header_bytes, &made);
    block->out_bytes = header_bytes + made;
    return status;
}

static enum mr_status raw_compress(void *object, struct block *block)
{
    block->check = sums_crc32(0, block->in, block->in_bytes);
    return compress(object, block, 0);
}

static enum mr_status gzip_compress(void *object, struct block *block)
{
    const int level = deflater_level(object);
    size_t header_bytes = block->is_first ? deflate_wrap_gzip(level, block->out) : 0;
    block->check = sums_crc32(0, block->in, block->in_bytes);
    return compress(object, block, header_bytes);
}

static enum mr_status zlib_compress(void *object, struct block *block)
{
    const int level = deflater_level(object);
    size_t header_bytes = block->is_first ? deflate_wrap_zlib(level, block->out) : 0;
    block->check = sums_adler32(1, block->in, block->in_bytes);
    return compress(object, block, header_bytes);
}

static enum mr_status crc_add(void *object, const struct block *block)
{
    struct summary *summary = object;
    summary->check = sums_crc32_join(summary->check, block->check, block->in_bytes);
    summary->in_bytes += (uint32_t)block->in_bytes;
    return MR_OK;
}

static enum mr_status adler_add(void *object, const struct block *block)
{
    struct summary *summary = object;
    summary->check = summary->has_begun
                         ? sums_adler32_join(summary->check, block->check, block->in_bytes)
                         : block->check;
    summary->has_begun = true;
    return MR_OK;
}

static uint32_t crc(const void *object)
{
    return ((const struct summary *)object)->check;
}

static unsigned char *gzip_end(void *object, size_t *bytes)
{
    const struct summary *summary = object;
    unsigned char *trailer = malloc(DEFLATE_WRAP_BYTES);
    *bytes = DEFLATE_WRAP_BYTES;
    if (trailer)
        *bytes = deflate_wrap_gzip_end(summary->check, summary->in_bytes, trailer);
    return trailer;
}

static unsigned char *zlib_end(void *object, size_t *bytes)
{
    const struct summary *summary = object;
    unsigned char *trailer = malloc(DEFLATE_WRAP_BYTES);
    *bytes = DEFLATE_WRAP_BYTES;
    if (trailer)
        *bytes = deflate_wrap_zlib_end(summary->check, trailer);
    return trailer;
}

#define COMMON                                                                                     \
    .block_bytes = block_deflate_bytes, .bound = bound, .state_bytes = block_deflate_state_bytes,  \
    .state_create = block_deflate_state_create, .state_destroy = block_deflate_state_destroy,      \
    .summary_bytes = sizeof(struct summary)

static const struct block_codec codec_deflate = {
    .name = "deflate",
    COMMON,
    .compress = raw_compress,
    .add = crc_add,
    .crc = crc,
};

static const struct block_codec codec_gzip = {
    .name = "gzip",
    COMMON,
    .compress = gzip_compress,
    .add = crc_add,
    .end = gzip_end,
    .crc = crc,
};

static const struct block_codec codec_zlib = {
    .name = "zlib",
    COMMON,
    .compress = zlib_compress,
    .add = adler_add,
    .end = zlib_end,
};

const struct block_codec *block_codec_deflate(void)
{
    return &codec_deflate;
}

const struct block_codec *block_codec_gzip(void)
{
    return &codec_gzip;
}

const struct block_codec *block_codec_zlib(void)
{
    return &codec_zlib;
}
