/* lz4, unlz4, in the frame format. */
#include "config.h"

#if MR_HAVE_LZ4

#include <lz4frame.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "operation/codec.h"
#include "operation/operations.h"

#define LEVEL_MIN     1
#define LEVEL_MAX     12
#define LEVEL_DEFAULT 1
/* Two blocks of 4 MiB, the largest that a frame can ask for. */
#define DECODER_BYTES (((size_t)8 << 20) + ((size_t)256 << 10))

struct decompressor {
    struct codec_decoder decoder;
    LZ4F_dctx *lz4; /* NULL: made when needed */
};

static enum mr_status config_create(void **config, struct mr_error *err)
{
    return codec_config_create(block_codec_lz4(), LEVEL_DEFAULT, config, err);
}

static enum mr_status config_set(void *config, const char *key, const char *value,
                                 struct mr_error *err)
{
    (void)key;
    struct codec_config *codec = config;
    return codec_level_set(value, LEVEL_MIN, LEVEL_MAX, &codec->options.level, err);
}

static enum mr_status rename_packed(const void *config, char **path)
{
    (void)config;
    return codec_suffix_add(path, ".lz4");
}

static bool starts_as(const unsigned char *head, size_t count, const unsigned char *magic)
{
    return memcmp(head, magic, count) == 0;
}

/* A frame, or one that decoders skip. */
static bool match(const unsigned char *head, size_t count)
{
    static const unsigned char frame[] = {0x04, 0x22, 0x4d, 0x18},
                               skippable[] = {0x50, 0x2a, 0x4d, 0x18};
    bool is_skippable =
        (head[0] & 0xf0) == skippable[0] && starts_as(head + 1, count - 1, skippable + 1);
    return is_skippable || starts_as(head, count, frame);
}

static const char *refusal(const unsigned char *head, size_t count)
{
    static const unsigned char legacy[] = {0x02, 0x21, 0x4c, 0x18};
    if (count < sizeof(legacy) || !starts_as(head, count, legacy))
        return NULL;
    return "this is lz4 data in the legacy format, which is not supported: unpack it with lz4 -d";
}

static enum mr_status decode_begin(struct codec_decoder *decoder, struct mr_error *err)
{
    struct decompressor *decompressor = (struct decompressor *)decoder;
    if (!decompressor->lz4 &&
        LZ4F_isError(LZ4F_createDecompressionContext(&decompressor->lz4, LZ4F_VERSION)))
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    LZ4F_resetDecompressionContext(decompressor->lz4);
    return MR_OK;
}

/*
 * After a frame that was cut short the context is of no use: its reset keeps what was left of the
 * content size, and the next frame without one is then taken for damaged (liblz4 1.9).
 */
static void rest(struct codec_decoder *decoder)
{
    struct decompressor *decompressor = (struct decompressor *)decoder;
    if (decoder->phase != CODEC_DECODE_FRAME || !decompressor->lz4)
        return;
    LZ4F_freeDecompressionContext(decompressor->lz4);
    decompressor->lz4 = NULL;
}

static enum mr_status decode_step(struct codec_decoder *decoder, struct mr_io *io,
                                  struct mr_error *err)
{
    size_t used = io->in_bytes, made = io->out_bytes;
    size_t left =
        LZ4F_decompress(((struct decompressor *)decoder)->lz4, io->out, &made, io->in, &used, NULL);
    if (LZ4F_isError(left))
        return codec_damaged(decoder, LZ4F_getErrorName(left), err);
    codec_advance(io, used, made);
    return left == 0 ? MR_DONE : MR_OK;
}

static const struct codec_decoder_calls decoder_calls = {
    .format = "lz4",
    .head_bytes = 4,
    .padding_unit = 1,
    .match = match,
    .refusal = refusal,
    .begin = decode_begin,
    .step = decode_step,
    .rest = rest,
};

static size_t decoder_bytes(const void *config)
{
    (void)config;
    return sizeof(struct decompressor) + DECODER_BYTES;
}

static enum mr_status rename_unpacked(const void *config, char **path)
{
    (void)config;
    return codec_suffix_remove(path, "lz4");
}

static enum mr_status decoder_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    return codec_decoder_create(&decoder_calls, sizeof(struct decompressor), state, err);
}

static void decoder_destroy(void *state)
{
    struct decompressor *decompressor = state;
    if (decompressor->lz4)
        LZ4F_freeDecompressionContext(decompressor->lz4);
    free(decompressor);
}

static const struct mr_setting settings[] = {
    {"level", "1-12", "1", "1 and 2 are very fast, 3-12 search longer; unpacking is equally fast"},
    {NULL, NULL, NULL, NULL},
};

const struct mr_operation operation_lz4 = {
    CODEC_ENCODER,
    .name = "lz4",
    .summary = "compresses to .lz4: the fastest both ways, not small",
    .settings = settings,
    .config_create = config_create,
    .config_set = config_set,
    .rename = rename_packed,
    .internals = &codec_internals,
};

const struct mr_operation operation_unlz4 = {
    CODEC_DECODER,
    .name = "unlz4",
    .summary = "unpacks .lz4, all frames of it",
    .state_bytes = decoder_bytes,
    .rename = rename_unpacked,
    .state_create = decoder_create,
    .state_destroy = decoder_destroy,
};

#endif
