/* zstd, unzstd. */
#include "config.h"

#if MR_HAVE_ZSTD

#include <stdint.h>
#include <stdlib.h>
#include <zstd_errors.h>

#include "codec/zstd_stream.h"
#include "operation/codec.h"
#include "operation/operations.h"

#define LEVEL_MIN      1
#define LEVEL_MAX      22
#define LEVEL_DEFAULT  3
#define WINDOW_LOG_MAX 27 /* 128 MiB: more is refused, as zstd does without --long */
/* A window of 8 MiB, the most that zstd makes up to level 19, with the tables around it. */
#define USUAL_DECODER_BYTES ((size_t)9 << 20)

struct decompressor {
    struct codec_decoder decoder;
    struct zstd_stream stream; /* its zstd NULL: made when needed */
};

static enum mr_status config_create(void **config, struct mr_error *err)
{
    return codec_config_create(block_codec_zstd(), LEVEL_DEFAULT, config, err);
}

static enum mr_status config_set(void *config, const char *key, const char *value,
                                 struct mr_error *err)
{
    struct codec_config *codec = config;
    if (key[0] == 'l')
        return codec_level_set(value, LEVEL_MIN, LEVEL_MAX, &codec->options.level, err);
    return codec_flag_set(value, &codec->options.has_checksum, err);
}

static enum mr_status rename_packed(const void *config, char **path)
{
    (void)config;
    return codec_suffix_add(path, ".zst");
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
    struct zstd_stream *stream = &((struct decompressor *)decoder)->stream;
    stream->header_bytes = 0;
    if (!stream->zstd)
        stream->zstd = ZSTD_createDCtx();
    if (!stream->zstd ||
        ZSTD_isError(ZSTD_DCtx_setParameter(stream->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    return MR_OK;
}

static enum mr_status decode_step(struct codec_decoder *decoder, struct mr_io *io,
                                  struct mr_error *err)
{
    size_t left = zstd_stream_step(&((struct decompressor *)decoder)->stream, io);
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
    struct zstd_stream *stream = &((struct decompressor *)decoder)->stream;
    if (!stream->zstd)
        return;
    if (ZSTD_sizeof_DCtx(stream->zstd) > USUAL_DECODER_BYTES) {
        ZSTD_freeDCtx(stream->zstd);
        stream->zstd = NULL;
        return;
    }
    ZSTD_DCtx_reset(stream->zstd, ZSTD_reset_session_only);
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
    return codec_decoder_create(&decoder_calls, sizeof(struct decompressor), state, err);
}

static void decoder_destroy(void *state)
{
    struct decompressor *decompressor = state;
    ZSTD_freeDCtx(decompressor->stream.zstd);
    free(decompressor);
}

static const struct mr_setting settings[] = {
    {"level", "1-22", "3",
     "1 is fastest, 22 smallest; from 20 on it takes 200-800 MiB for each worker"},
    {"checksum", "yes|no", "yes", "ends the content with a checksum, by which damage is found"},
    {NULL, NULL, NULL, NULL},
};

const struct mr_operation operation_zstd = {
    CODEC_ENCODER,
    .name = "zstd",
    .summary = "compresses to .zst: fast for its size, very fast to unpack",
    .settings = settings,
    .config_create = config_create,
    .config_set = config_set,
    .rename = rename_packed,
    .internals = &codec_internals,
};

const struct mr_operation operation_unzstd = {
    CODEC_DECODER,
    .name = "unzstd",
    .summary = "unpacks .zst, all frames of it",
    .state_bytes = decoder_bytes,
    .rename = rename_unpacked,
    .state_create = decoder_create,
    .state_destroy = decoder_destroy,
};

#endif
