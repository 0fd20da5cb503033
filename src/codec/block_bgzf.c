/*
 * block_bgzf.c - BGZF, gzip in small members of known size, which can be read from the middle and
 * on several threads (SAM specification, section 4.1): each member has an extra field "BC" that
 * holds its size, and an empty one marks the end.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/block_deflate.h"
#include "codec/deflate_wrap.h"
#include "codec/deflater.h"
#include "codec/sums.h"

/* Content, as bgzip has it: what it becomes stays below 64 KiB. */
#define MEMBER_MAX_BYTES   ((size_t)65280)
#define HEADER_BYTES       18
#define TRAILER_BYTES      8
#define MEMBER_EXTRA_BYTES (HEADER_BYTES + TRAILER_BYTES)

static const unsigned char empty_member[] = {0x1f, 0x8b, 8,  4, 0, 0, 0, 0, 0, 255, 6, 0, 'B', 'C',
                                             2,    0,    27, 0, 3, 0, 0, 0, 0, 0,   0, 0, 0,   0};

struct summary {
    uint32_t crc;
};

static size_t member_count(size_t in_bytes)
{
    return (in_bytes + MEMBER_MAX_BYTES - 1) / MEMBER_MAX_BYTES;
}

static size_t bgzf_bound(const struct block_options *options, size_t in_bytes)
{
    (void)options;
    size_t count = member_count(in_bytes);
    return in_bytes + count * (deflater_bound(0) + MEMBER_EXTRA_BYTES) + sizeof(empty_member);
}

/* One member at out, its size in *bytes. */
static enum mr_status put_member(struct deflater *deflater, const unsigned char *in,
                                 size_t in_bytes, unsigned char *out, size_t *bytes)
{
    size_t made;
    memcpy(out, empty_member, HEADER_BYTES);
    unsigned char header[DEFLATE_WRAP_BYTES];
    deflate_wrap_gzip(deflater_level(deflater), header);
    out[8] = header[8]; /* how hard it was tried */
    enum mr_status status = deflater_run(deflater, in, in_bytes, true, out + HEADER_BYTES, &made);
    size_t at = HEADER_BYTES + made;
    at += deflate_wrap_gzip_end(sums_crc32(0, in, in_bytes), (uint32_t)in_bytes, out + at);
    out[16] = (unsigned char)(at - 1);
    out[17] = (unsigned char)((at - 1) >> 8);
    *bytes = at;
    return status;
}

/* The members of a block are of one size, give or take: a small one at the end would cost more. */
static enum mr_status bgzf_compress(void *object, struct block *block)
{
    size_t at = 0, count = member_count(block->in_bytes);
    enum mr_status status = MR_OK;
    block->out_bytes = 0;
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        size_t end = block->in_bytes * (i + 1) / count, made;
        status = put_member(object, block->in + at, end - at, block->out + block->out_bytes, &made);
        block->out_bytes += made;
        at = end;
    }
    block->check = sums_crc32(0, block->in, block->in_bytes);
    return status;
}

static enum mr_status bgzf_add(void *object, const struct block *block)
{
    struct summary *summary = object;
    summary->crc = sums_crc32_join(summary->crc, block->check, block->in_bytes);
    return MR_OK;
}

static uint32_t bgzf_crc(const void *object)
{
    return ((const struct summary *)object)->crc;
}

static unsigned char *bgzf_end(void *object, size_t *bytes)
{
    (void)object;
    unsigned char *end = malloc(sizeof(empty_member));
    *bytes = sizeof(empty_member);
    if (end)
        memcpy(end, empty_member, sizeof(empty_member));
    return end;
}

static const struct block_codec codec_bgzf = {
    .name = "bgzf",
    .block_bytes = block_deflate_bytes,
    .bound = bgzf_bound,
    .state_bytes = block_deflate_state_bytes,
    .state_create = block_deflate_state_create,
    .state_destroy = block_deflate_state_destroy,
    .compress = bgzf_compress,
    .summary_bytes = sizeof(struct summary),
    .add = bgzf_add,
    .end = bgzf_end,
    .crc = bgzf_crc,
};

const struct block_codec *block_codec_bgzf(void)
{
    return &codec_bgzf;
}
