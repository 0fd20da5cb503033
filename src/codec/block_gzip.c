/*
 * block_gzip.c - one gzip member (RFC 1952) out of blocks that are compressed apart.
 *
 * With libdeflate each block is a deflate stream (RFC 1951) of its own. All but the last are opened
 * at their end: the bit that says "final" is cleared in the header of the stream's last deflate
 * block, and an empty stored block leads on to a byte boundary, so that the streams can be put one
 * behind the other. Where that header is, zlib's inflate tells: with Z_BLOCK it stops at every end
 * of a deflate block, to the bit. Without libdeflate, zlib ends the blocks by a sync flush.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "config.h"
#include "codec/block.h"

#if MR_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

#define GZIP_BLOCK_BYTES ((size_t)1 << 20)
#define HEADER_BYTES     10
#define TRAILER_BYTES    8
#define STORED_END_BYTES 8 /* room for an empty stored block */
#define SCRATCH_BYTES    65536

struct gzip_state {
    const struct block_options *options;
    z_stream inflate; /* finds the last deflate block; its output is not looked at */
#if MR_HAVE_LIBDEFLATE
    struct libdeflate_compressor *compressor;
#else
    z_stream deflate;
#endif
    unsigned char scratch[SCRATCH_BYTES];
};

struct gzip_summary {
    uLong crc;
    uint32_t in_bytes; /* modulo 2^32, as the format has it */
};

/* zlib and libdeflate never make more of it than stored blocks would: 5 bytes for each 5,000, and
 * slack. */
static size_t gzip_bound(const struct block_options *options, size_t in_bytes)
{
    (void)options;
    return in_bytes + in_bytes / 1000 + 1024;
}

static size_t gzip_block_bytes(const struct block_options *options)
{
    (void)options;
    return GZIP_BLOCK_BYTES;
}

static size_t gzip_state_bytes(const struct block_options *options)
{
    return sizeof(struct gzip_state) + (options->level > 9 ? (size_t)9 << 20 : (size_t)800 << 10);
}

static void gzip_state_destroy(void *object)
{
    struct gzip_state *state = object;
    if (!state)
        return;
    inflateEnd(&state->inflate);
#if MR_HAVE_LIBDEFLATE
    libdeflate_free_compressor(state->compressor);
#else
    deflateEnd(&state->deflate);
#endif
    free(state);
}

static void *gzip_state_create(const struct block_options *options)
{
    struct gzip_state *state = calloc(1, sizeof(*state));
    if (!state)
        return NULL;
    state->options = options;
    if (inflateInit2(&state->inflate, -15) != Z_OK) {
        free(state);
        return NULL;
    }
#if MR_HAVE_LIBDEFLATE
    state->compressor = libdeflate_alloc_compressor(options->level);
    if (!state->compressor) {
        gzip_state_destroy(state);
        return NULL;
    }
#else
    if (deflateInit2(&state->deflate, options->level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        inflateEnd(&state->inflate);
        free(state);
        return NULL;
    }
#endif
    return state;
}

#if MR_HAVE_LIBDEFLATE

/* Where, in bits, the last deflate block of the stream begins and where it ends. False: it is no
 * complete stream. */
static bool find_last_block(struct gzip_state *state, const unsigned char *stream, size_t bytes,
                            size_t *begin_bit, size_t *end_bit)
{
    z_stream *inflater = &state->inflate;
    inflateReset(inflater);
    inflater->next_in = (unsigned char *)stream;
    inflater->avail_in = (uInt)bytes;
    *begin_bit = *end_bit = 0;
    for (;;) {
        inflater->next_out = state->scratch;
        inflater->avail_out = SCRATCH_BYTES;
        int result = inflate(inflater, Z_BLOCK);
        if (result != Z_OK && result != Z_STREAM_END)
            return false;
        bool is_at_end = (inflater->data_type & 128) != 0,
             is_last = (inflater->data_type & 64) != 0;
        if (is_at_end) {
            *begin_bit = *end_bit;
            *end_bit = (size_t)inflater->total_in * 8 - (size_t)(inflater->data_type & 7);
        }
        if (is_at_end && is_last)
            return true;
        if (result == Z_STREAM_END)
            return false;
    }
}

/* Makes the stream one that another can follow. */
static size_t open_end(unsigned char *stream, size_t begin_bit, size_t end_bit)
{
    stream[begin_bit / 8] &= (unsigned char)~(1u << (begin_bit % 8));
    size_t used_bytes = (end_bit + 7) / 8;
    if (end_bit % 8 != 0)
        stream[used_bytes - 1] &= (unsigned char)((1u << (end_bit % 8)) - 1);
    /* An empty stored block: three zero bits, zeros up to the next byte, length 0 and its
     * complement. */
    size_t length_at = (end_bit + 3 + 7) / 8;
    memset(stream + used_bytes, 0, length_at - used_bytes);
    static const unsigned char empty[4] = {0x00, 0x00, 0xff, 0xff};
    memcpy(stream + length_at, empty, sizeof(empty));
    return length_at + sizeof(empty);
}

static enum mr_status deflate_block(struct gzip_state *state, const struct block *block,
                                    unsigned char *out, size_t cap_bytes, size_t *out_bytes)
{
    size_t bytes = libdeflate_deflate_compress(state->compressor, block->in, block->in_bytes, out,
                                               cap_bytes - STORED_END_BYTES);
    size_t begin_bit, end_bit;
    if (bytes == 0)
        return MR_E_MEMORY;
    if (!block->is_last) {
        if (!find_last_block(state, out, bytes, &begin_bit, &end_bit))
            return MR_E_DATA;
        bytes = open_end(out, begin_bit, end_bit);
    }
    *out_bytes = bytes;
    return MR_OK;
}

#else

static enum mr_status deflate_block(struct gzip_state *state, const struct block *block,
                                    unsigned char *out, size_t cap_bytes, size_t *out_bytes)
{
    z_stream *deflater = &state->deflate;
    deflateReset(deflater);
    deflater->next_in = (unsigned char *)block->in;
    deflater->avail_in = (uInt)block->in_bytes;
    deflater->next_out = out;
    deflater->avail_out = (uInt)cap_bytes;
    int result = deflate(deflater, block->is_last ? Z_FINISH : Z_SYNC_FLUSH);
    *out_bytes = cap_bytes - deflater->avail_out;
    return result == Z_STREAM_END || (result == Z_OK && !block->is_last) ? MR_OK : MR_E_DATA;
}

#endif

/* RFC 1952: no name, no time, so that the bytes depend on the content alone; 255: unknown system.
 */
static size_t put_header(unsigned char *out)
{
    static const unsigned char header[HEADER_BYTES] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
    memcpy(out, header, sizeof(header));
    return sizeof(header);
}

static uLong crc_of(const struct block *block)
{
#if MR_HAVE_LIBDEFLATE
    return libdeflate_crc32(0, block->in, block->in_bytes);
#else
    return crc32(crc32(0, NULL, 0), block->in, (uInt)block->in_bytes);
#endif
}

static enum mr_status gzip_compress(void *object, struct block *block)
{
    struct gzip_state *state = object;
    size_t header_bytes = block->is_first ? put_header(block->out) : 0;
    size_t cap_bytes = gzip_bound(state->options, block->in_bytes) - header_bytes;
    enum mr_status status =
        deflate_block(state, block, block->out + header_bytes, cap_bytes, &block->out_bytes);
    block->out_bytes += header_bytes;
    block->check = (uint32_t)crc_of(block);
    return status;
}

static enum mr_status gzip_add(void *object, const struct block *block)
{
    struct gzip_summary *summary = object;
    summary->crc = crc32_combine(summary->crc, block->check, (z_off_t)block->in_bytes);
    summary->in_bytes += (uint32_t)block->in_bytes;
    return MR_OK;
}

static unsigned char *gzip_end(void *object, size_t *bytes)
{
    const struct gzip_summary *summary = object;
    const uint32_t words[2] = {(uint32_t)summary->crc, summary->in_bytes};
    unsigned char *trailer = malloc(TRAILER_BYTES);
    *bytes = TRAILER_BYTES;
    for (unsigned i = 0; trailer && i < TRAILER_BYTES; i++)
        trailer[i] = (unsigned char)(words[i / 4] >> (8 * (i % 4)));
    return trailer;
}

static const struct block_codec codec_gzip = {
    .name = "gzip",
    .block_bytes = gzip_block_bytes,
    .bound = gzip_bound,
    .state_bytes = gzip_state_bytes,
    .state_create = gzip_state_create,
    .state_destroy = gzip_state_destroy,
    .compress = gzip_compress,
    .summary_bytes = sizeof(struct gzip_summary),
    .add = gzip_add,
    .end = gzip_end,
};

const struct block_codec *block_codec_gzip(void)
{
    return &codec_gzip;
}
