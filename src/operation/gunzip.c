/*
 * gunzip, unzlib. A file that is all there is decoded by libdeflate as far as whole members fit
 * into the room; what is left, and everything that is damaged, goes through codec/inflate.h, which
 * makes the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "codec/inflate.h"
#include "config.h"
#include "operation/codec.h"
#include "operation/operations.h"

#if MR_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

#define STATE_BYTES (INFLATE_MEMORY_BYTES + ((size_t)16 << 10)) /* and libdeflate's tables */

struct unpacker {
    struct codec_decoder decoder;
    enum inflate_wrap wrap;
    struct inflater *inflater; /* made when first needed, as the other */
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
/* libdeflate reads past a checksum of the header where the inflater checks it. */
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

static uint64_t unpack_whole(struct codec_decoder *decoder, struct mr_io *io)
{
    struct unpacker *unpacker = (struct unpacker *)decoder;
    bool is_gzip = unpacker->wrap == INFLATE_GZIP;
    if (!unpacker->decompressor)
        unpacker->decompressor = libdeflate_alloc_decompressor();
    if (!unpacker->decompressor || (is_gzip && is_too_large(io)))
        return 0;
    uint64_t frame_count = 0;
    while (io->in_bytes > 0 && io->out_bytes > 0 &&
           !(decoder->calls->is_single && frame_count > 0)) {
        if (is_gzip && has_header_check(io))
            break;
        size_t used = 0, made = 0;
        enum libdeflate_result result =
            is_gzip ? libdeflate_gzip_decompress_ex(unpacker->decompressor, io->in, io->in_bytes,
                                                    io->out, io->out_bytes, &used, &made)
                    : libdeflate_zlib_decompress_ex(unpacker->decompressor, io->in, io->in_bytes,
                                                    io->out, io->out_bytes, &used, &made);
        if (result != LIBDEFLATE_SUCCESS)
            break;
        codec_advance(io, used, made);
        frame_count++;
    }
    return frame_count;
}
#endif

static enum mr_status stream_begin(struct codec_decoder *decoder, struct mr_error *err)
{
    struct unpacker *unpacker = (struct unpacker *)decoder;
    if (unpacker->inflater)
        inflate_reset(unpacker->inflater);
    else
        unpacker->inflater = inflate_create(unpacker->wrap);
    return unpacker->inflater ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static enum mr_status stream_step(struct codec_decoder *decoder, struct mr_io *io,
                                  struct mr_error *err)
{
    const char *problem = NULL;
    enum mr_status status = inflate_step(((struct unpacker *)decoder)->inflater, io, &problem);
    if (status == MR_E_DATA)
        return codec_damaged(decoder, problem, err);
    return problem ? mr_error_set(err, status, 0, "%s", problem) : status;
}

static const struct codec_decoder_calls gzip_calls = {
    .format = "gzip",
    .head_bytes = 2,
    .padding_unit = 1,
    .match = gzip_match,
#if MR_HAVE_LIBDEFLATE
    .whole = unpack_whole,
#endif
    .begin = stream_begin,
    .step = stream_step,
};

static const struct codec_decoder_calls zlib_calls = {
    .format = "zlib",
    .head_bytes = 2,
    .is_single = true,
    .match = zlib_match,
#if MR_HAVE_LIBDEFLATE
    .whole = unpack_whole,
#endif
    .begin = stream_begin,
    .step = stream_step,
};

static size_t state_bytes(const void *config)
{
    (void)config;
    return sizeof(struct unpacker) + STATE_BYTES;
}

static enum mr_status create_state(const struct codec_decoder_calls *calls, enum inflate_wrap wrap,
                                   void **state, struct mr_error *err)
{
    struct unpacker *unpacker = calloc(1, sizeof(*unpacker));
    if (!unpacker)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    codec_decoder_init(&unpacker->decoder, calls);
    unpacker->wrap = wrap;
    *state = unpacker;
    return MR_OK;
}

static enum mr_status gunzip_state_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    return create_state(&gzip_calls, INFLATE_GZIP, state, err);
}

static enum mr_status unzlib_state_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    return create_state(&zlib_calls, INFLATE_ZLIB, state, err);
}

static void state_destroy(void *state)
{
    struct unpacker *unpacker = state;
    inflate_destroy(unpacker->inflater);
#if MR_HAVE_LIBDEFLATE
    libdeflate_free_decompressor(unpacker->decompressor);
#endif
    free(unpacker);
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
