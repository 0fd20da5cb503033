/*
 * zstd, unzstd. Whole content becomes one frame that says its size; a stream is cut into blocks by
 * libzstd alone, since the end of the frame is asked for only when all input is in.
 */
#include "config.h"

#if MR_HAVE_ZSTD

#include <stdint.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "operation/codec.h"
#include "operation/operations.h"

#define LEVEL_MIN      1
#define LEVEL_MAX      22
#define LEVEL_DEFAULT  3
#define WINDOW_LOG_MAX 27 /* 128 MiB: more is refused, as zstd does without --long */
#define FRAME_EXTRA_BYTES                                                                          \
    32 /* header and checksum, which the bound of libzstd counts for long content only */
/* A window of 8 MiB, the most that zstd makes up to level 19, with the tables around it. */
#define USUAL_DECODER_BYTES ((size_t)9 << 20)

struct compressor {
    struct codec_encoder encoder;
    ZSTD_CCtx *zstd;
};

struct decompressor {
    struct codec_decoder decoder;
    ZSTD_DCtx *zstd; /* NULL: made when needed */
};

static enum mr_status failed(size_t code, struct mr_error *err)
{
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    return mr_error_set(err, MR_E_SYSTEM, 0, "libzstd could not compress the content (%s)",
                        ZSTD_getErrorName(code));
}

static size_t bound(const void *config, size_t in_bytes)
{
    (void)config;
    size_t most = ZSTD_compressBound(in_bytes);
    return ZSTD_isError(most) || most == 0 ? SIZE_MAX : codec_sum(most, FRAME_EXTRA_BYTES);
}

static enum mr_status whole(struct codec_encoder *encoder, const struct mr_io *io,
                            unsigned char *out, size_t cap_bytes, size_t *out_bytes,
                            struct mr_error *err)
{
    struct compressor *compressor = (struct compressor *)encoder;
    ZSTD_CCtx_reset(compressor->zstd, ZSTD_reset_session_only);
    size_t made = ZSTD_compress2(compressor->zstd, out, cap_bytes, io->in, io->in_bytes);
    if (ZSTD_isError(made))
        return failed(made, err);
    *out_bytes = made;
    return MR_OK;
}

static enum mr_status encode_begin(struct codec_encoder *encoder, size_t content_bytes,
                                   struct mr_error *err)
{
    (void)content_bytes;
    (void)err;
    ZSTD_CCtx_reset(((struct compressor *)encoder)->zstd, ZSTD_reset_session_only);
    return MR_OK;
}

static enum mr_status encode_step(struct codec_encoder *encoder, struct mr_io *io,
                                  struct mr_error *err)
{
    ZSTD_CCtx *zstd = ((struct compressor *)encoder)->zstd;
    ZSTD_inBuffer in = {io->in, io->in_bytes, 0};
    ZSTD_outBuffer out = {io->out, io->out_bytes, 0};
    size_t left = 0;
    while (in.pos < in.size && out.pos < out.size && !ZSTD_isError(left))
        left = ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_continue);
    bool is_ending = io->is_last && in.pos == in.size && out.pos < out.size && !ZSTD_isError(left);
    if (is_ending)
        left = ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_end);
    codec_advance(io, in.pos, out.pos);
    if (ZSTD_isError(left))
        return failed(left, err);
    return is_ending && left == 0 ? MR_DONE : MR_OK;
}

static const struct codec_encoder_calls encoder_calls = {
    .bound = bound,
    .whole = whole,
    .begin = encode_begin,
    .step = encode_step,
};

static enum mr_status config_create(void **config, struct mr_error *err)
{
    return codec_config_create(config, LEVEL_DEFAULT, err);
}

static enum mr_status config_set(void *config, const char *key, const char *value,
                                 struct mr_error *err)
{
    struct codec_config *codec = config;
    if (key[0] == 'l')
        return codec_level_set(value, LEVEL_MIN, LEVEL_MAX, &codec->level, err);
    return codec_flag_set(value, &codec->has_checksum, err);
}

/* What ZSTD_estimateCStreamSize() of zstd 1.5 says, rounded up; it is not in the stable part of the
 * library. */
static size_t encoder_bytes(const void *config)
{
    static const size_t mib[LEVEL_MAX + 1] = {0,  2,  2,  4,  5,  6,  6,  9,  9,   17,  29, 29,
                                              53, 53, 53, 69, 69, 69, 69, 90, 194, 386, 778};
    const struct codec_config *codec = config;
    return sizeof(struct compressor) + (mib[codec->level] << 20);
}

static enum mr_status rename_packed(const void *config, char **path)
{
    (void)config;
    return codec_suffix_add(path, ".zst");
}

static enum mr_status encoder_create(const void *config, void **state, struct mr_error *err)
{
    const struct codec_config *codec = config;
    struct compressor *compressor = calloc(1, sizeof(*compressor));
    if (!compressor)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    codec_encoder_init(&compressor->encoder, &encoder_calls, codec);
    compressor->zstd = ZSTD_createCCtx();
    if (!compressor->zstd) {
        free(compressor);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    size_t code = ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_compressionLevel, codec->level);
    if (!ZSTD_isError(code))
        code = ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_checksumFlag, codec->has_checksum);
    if (ZSTD_isError(code)) {
        ZSTD_freeCCtx(compressor->zstd);
        free(compressor);
        return failed(code, err);
    }
    *state = compressor;
    return MR_OK;
}

static void encoder_destroy(void *state)
{
    struct compressor *compressor = state;
    ZSTD_freeCCtx(compressor->zstd);
    codec_encoder_fini(&compressor->encoder);
    free(compressor);
}

/* A frame, or one that decoders skip (pzstd writes those). */
static bool match(const unsigned char *head, size_t count)
{
    static const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd},
                               skippable[] = {0x50, 0x2a, 0x4d, 0x18};
    bool is_frame = true, is_skippable = true;
    for (size_t i = 0; i < count; i++) {
        is_frame = is_frame && head[i] == frame[i];
        is_skippable = is_skippable && (i == 0 ? head[i] & 0xf0 : head[i]) == skippable[i];
    }
    return is_frame || is_skippable;
}

static enum mr_status decode_begin(struct codec_decoder *decoder, struct mr_error *err)
{
    struct decompressor *decompressor = (struct decompressor *)decoder;
    if (!decompressor->zstd)
        decompressor->zstd = ZSTD_createDCtx();
    if (!decompressor->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(
                                   decompressor->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    return MR_OK;
}

static enum mr_status decode_step(struct codec_decoder *decoder, struct mr_io *io,
                                  struct mr_error *err)
{
    ZSTD_inBuffer in = {io->in, io->in_bytes, 0};
    ZSTD_outBuffer out = {io->out, io->out_bytes, 0};
    size_t left = ZSTD_decompressStream(((struct decompressor *)decoder)->zstd, &out, &in);
    codec_advance(io, in.pos, out.pos);
    if (!ZSTD_isError(left))
        return left == 0 ? MR_DONE : MR_OK;
    switch (ZSTD_getErrorCode(left)) {
    case ZSTD_error_memory_allocation:
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    case ZSTD_error_frameParameter_windowTooLarge:
        return mr_error_set(err, MR_E_LIMIT, 0,
                            "the zstd data needs a window of more than 128 MiB to be unpacked");
    case ZSTD_error_dictionary_wrong:
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "the zstd data needs a dictionary");
    default:
        return codec_damaged(decoder, ZSTD_getErrorName(left), err);
    }
}

/* The next frame begins anew; a large window is not kept. */
static void rest(struct codec_decoder *decoder)
{
    struct decompressor *decompressor = (struct decompressor *)decoder;
    if (!decompressor->zstd)
        return;
    if (ZSTD_sizeof_DCtx(decompressor->zstd) > USUAL_DECODER_BYTES) {
        ZSTD_freeDCtx(decompressor->zstd);
        decompressor->zstd = NULL;
        return;
    }
    ZSTD_DCtx_reset(decompressor->zstd, ZSTD_reset_session_only);
}

static const struct codec_decoder_calls decoder_calls = {
    .format = "zstd",
    .head_bytes = 4,
    .padding_unit = 1,
    .match = match,
    .begin = decode_begin,
    .step = decode_step,
    .rest = rest,
};

/* Of what is usual; a file with a larger window takes up to 128 MiB for as long as it lasts. */
static size_t decoder_bytes(const void *config)
{
    (void)config;
    return sizeof(struct decompressor) + USUAL_DECODER_BYTES;
}

static enum mr_status rename_unpacked(const void *config, char **path)
{
    (void)config;
    return codec_suffix_remove(path, "zstd");
}

static enum mr_status decoder_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    struct decompressor *decompressor = calloc(1, sizeof(*decompressor));
    if (!decompressor)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    codec_decoder_init(&decompressor->decoder, &decoder_calls);
    *state = decompressor;
    return MR_OK;
}

static void decoder_destroy(void *state)
{
    struct decompressor *decompressor = state;
    ZSTD_freeDCtx(decompressor->zstd);
    free(decompressor);
}

static const struct mr_setting settings[] = {
    {"level", "1-22", "3",
     "1 is fastest, 22 smallest; from 20 on it takes 200-800 MiB for each worker"},
    {"checksum", "yes|no", "yes", "ends the content with a checksum, by which damage is found"},
    {NULL, NULL, NULL, NULL},
};

const struct mr_operation operation_zstd = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "zstd",
    .summary = "compresses to .zst: fast for its size, very fast to unpack",
    .settings = settings,
    .config_create = config_create,
    .config_set = config_set,
    .config_destroy = codec_config_destroy,
    .bound = bound,
    .state_bytes = encoder_bytes,
    .rename = rename_packed,
    .state_create = encoder_create,
    .start = codec_encode_start,
    .process = codec_encode_process,
    .stop = codec_encode_stop,
    .state_destroy = encoder_destroy,
};

const struct mr_operation operation_unzstd = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "unzstd",
    .summary = "unpacks .zst, all frames of it",
    .state_bytes = decoder_bytes,
    .rename = rename_unpacked,
    .state_create = decoder_create,
    .start = codec_decode_start,
    .process = codec_decode_process,
    .stop = codec_decode_stop,
    .state_destroy = decoder_destroy,
};

#endif
