/*
 * gunzip, unzlib. A file that is all there is decoded by libdeflate as far as whole members fit
 * into the room; what is left, and everything that is damaged, goes through zlib, which makes the
 * same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "config.h"
#include "operation/codec.h"
#include "operation/operations.h"

#if MR_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

#define GZIP_WINDOW_BITS (15 + 16)
#define ZLIB_WINDOW_BITS 15
#define STATE_BYTES      ((size_t)64 << 10) /* zlib's window and tables, libdeflate's tables */

struct inflater {
    struct codec_decoder decoder;
    int window_bits;
    z_stream zlib;
    bool has_zlib; /* made when first needed, as the other */
#if MR_HAVE_LIBDEFLATE
    struct libdeflate_decompressor *decompressor;
#endif
};

static bool gzip_match(const unsigned char *head, size_t count)
{
    return head[0] == 0x1f && (count < 2 || head[1] == 0x8b);
}

static bool zlib_match(const unsigned char *head, size_t count)
{
    bool is_deflate = (head[0] & 15) == 8 && head[0] >> 4 <= 7;
    return is_deflate && (count < 2 || (head[0] * 256 + head[1]) % 31 == 0);
}

#if MR_HAVE_LIBDEFLATE
/* libdeflate reads past a checksum of the header where zlib checks it. */
static bool has_header_check(const struct mr_io *io)
{
    return io->in_bytes > 3 && (io->in[3] & 2) != 0;
}

/* True when the size that stands at the end of the file says that the room will not do. */
static bool is_too_large(const struct mr_io *io)
{
    if (io->in_bytes < 18)
        return false;
    const unsigned char *end = io->in + io->in_bytes - 4;
    uint32_t size =
        (uint32_t)end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 | (uint32_t)end[3] << 24;
    return size > io->out_bytes;
}

static uint64_t inflate_whole(struct codec_decoder *decoder, struct mr_io *io)
{
    struct inflater *inflater = (struct inflater *)decoder;
    bool is_gzip = inflater->window_bits == GZIP_WINDOW_BITS;
    if (!inflater->decompressor)
        inflater->decompressor = libdeflate_alloc_decompressor();
    if (!inflater->decompressor || (is_gzip && is_too_large(io)))
        return 0;
    uint64_t frame_count = 0;
    while (io->in_bytes > 0 && io->out_bytes > 0 &&
           !(decoder->calls->is_single && frame_count > 0)) {
        if (is_gzip && has_header_check(io))
            break;
        size_t used = 0, made = 0;
        enum libdeflate_result result =
            is_gzip ? libdeflate_gzip_decompress_ex(inflater->decompressor, io->in, io->in_bytes,
                                                    io->out, io->out_bytes, &used, &made)
                    : libdeflate_zlib_decompress_ex(inflater->decompressor, io->in, io->in_bytes,
                                                    io->out, io->out_bytes, &used, &made);
        if (result != LIBDEFLATE_SUCCESS)
            break;
        codec_advance(io, used, made);
        frame_count++;
    }
    return frame_count;
}
#endif

static enum mr_status inflate_begin(struct codec_decoder *decoder, struct mr_error *err)
{
    struct inflater *inflater = (struct inflater *)decoder;
    int code = inflater->has_zlib ? inflateReset(&inflater->zlib)
                                  : inflateInit2(&inflater->zlib, inflater->window_bits);
    if (code != Z_OK)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    inflater->has_zlib = true;
    return MR_OK;
}

static uInt clamp(size_t bytes)
{
    return bytes < UINT_MAX ? (uInt)bytes : UINT_MAX;
}

static enum mr_status inflate_step(struct codec_decoder *decoder, struct mr_io *io,
                                   struct mr_error *err)
{
    z_stream *zlib = &((struct inflater *)decoder)->zlib;
    uInt in_bytes = clamp(io->in_bytes), out_bytes = clamp(io->out_bytes);
    zlib->next_in = (z_const Bytef *)io->in;
    zlib->avail_in = in_bytes;
    zlib->next_out = io->out;
    zlib->avail_out = out_bytes;
    int code = inflate(zlib, Z_NO_FLUSH);
    size_t used = in_bytes - zlib->avail_in, made = out_bytes - zlib->avail_out;
    codec_advance(io, used, made);
    switch (code) {
    case Z_OK:
    case Z_BUF_ERROR:
        return MR_OK;
    case Z_STREAM_END:
        return MR_DONE;
    case Z_NEED_DICT:
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "the zlib data needs a preset dictionary");
    case Z_MEM_ERROR:
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    default:
        return codec_damaged(decoder, zlib->msg, err);
    }
}

static const struct codec_decoder_calls gzip_calls = {
    .format = "gzip",
    .head_bytes = 2,
    .padding_unit = 1,
    .match = gzip_match,
#if MR_HAVE_LIBDEFLATE
    .whole = inflate_whole,
#endif
    .begin = inflate_begin,
    .step = inflate_step,
};

static const struct codec_decoder_calls zlib_calls = {
    .format = "zlib",
    .head_bytes = 2,
    .is_single = true,
    .match = zlib_match,
#if MR_HAVE_LIBDEFLATE
    .whole = inflate_whole,
#endif
    .begin = inflate_begin,
    .step = inflate_step,
};

static size_t state_bytes(const void *config)
{
    (void)config;
    return sizeof(struct inflater) + STATE_BYTES;
}

static enum mr_status create_state(const struct codec_decoder_calls *calls, int window_bits,
                                   void **state, struct mr_error *err)
{
    struct inflater *inflater = calloc(1, sizeof(*inflater));
    if (!inflater)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    codec_decoder_init(&inflater->decoder, calls);
    inflater->window_bits = window_bits;
    *state = inflater;
    return MR_OK;
}

static enum mr_status gunzip_state_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    return create_state(&gzip_calls, GZIP_WINDOW_BITS, state, err);
}

static enum mr_status unzlib_state_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    return create_state(&zlib_calls, ZLIB_WINDOW_BITS, state, err);
}

static void state_destroy(void *state)
{
    struct inflater *inflater = state;
    if (inflater->has_zlib)
        inflateEnd(&inflater->zlib);
#if MR_HAVE_LIBDEFLATE
    libdeflate_free_decompressor(inflater->decompressor);
#endif
    free(inflater);
}

static enum mr_status gunzip_rename(const void *config, char **path)
{
    (void)config;
    return codec_suffix_remove(path, "gzip");
}

static enum mr_status unzlib_rename(const void *config, char **path)
{
    (void)config;
    return codec_suffix_remove(path, "zlib");
}

const struct mr_operation operation_gunzip = {
    CODEC_DECODER,
    .name = "gunzip",
    .summary = "unpacks .gz, all members of it",
    .state_bytes = state_bytes,
    .rename = gunzip_rename,
    .state_create = gunzip_state_create,
    .state_destroy = state_destroy,
};

const struct mr_operation operation_unzlib = {
    CODEC_DECODER,
    .name = "unzlib",
    .summary = "unpacks zlib data (.zz)",
    .state_bytes = state_bytes,
    .rename = unzlib_rename,
    .state_create = unzlib_state_create,
    .state_destroy = state_destroy,
};
