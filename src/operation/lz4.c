/*
 * lz4, unlz4, in the frame format. Blocks are independent and the context is a new one for each
 * item: liblz4 does not promise that its matches are the same whatever its tables held before, and
 * a result must depend on the content alone.
 */
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
#define BLOCK_BYTES   ((size_t)1 << 20)
#define PIECE_BYTES                                                                                \
    ((size_t)64 << 10) /* input for one call of liblz4, which wants room for the worst */
/* Fast tables of 16 KiB, those of level 3 and up 256 KiB; a block, and the spill for it. */
#define ENCODER_BYTES (2 * BLOCK_BYTES + ((size_t)512 << 10))
/* Two blocks of 4 MiB, the largest that a frame can ask for. */
#define DECODER_BYTES (((size_t)8 << 20) + ((size_t)256 << 10))

struct compressor {
    struct codec_encoder encoder;
    LZ4F_preferences_t preferences;
    LZ4F_cctx *lz4; /* NULL between streams */
};

struct decompressor {
    struct codec_decoder decoder;
    LZ4F_dctx *lz4; /* NULL: made when needed */
};

static LZ4F_preferences_t preferences(const struct codec_config *config)
{
    LZ4F_preferences_t made;
    memset(&made, 0, sizeof(made));
    made.frameInfo.blockSizeID = LZ4F_max1MB;
    made.frameInfo.blockMode = LZ4F_blockIndependent;
    made.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    made.compressionLevel = config->level;
    return made;
}

static enum mr_status failed(size_t code, struct mr_error *err)
{
    return mr_error_set(err, MR_E_SYSTEM, 0, "liblz4 could not compress the content (%s)",
                        LZ4F_getErrorName(code));
}

static size_t bound(const void *config, size_t in_bytes)
{
    if (in_bytes > SIZE_MAX / 2)
        return SIZE_MAX;
    const LZ4F_preferences_t chosen = preferences(config);
    return codec_sum(LZ4F_compressFrameBound(in_bytes, &chosen), LZ4F_HEADER_SIZE_MAX);
}

static enum mr_status whole(struct codec_encoder *encoder, const struct mr_io *io,
                            unsigned char *out, size_t cap_bytes, size_t *out_bytes,
                            struct mr_error *err)
{
    LZ4F_preferences_t chosen = ((struct compressor *)encoder)->preferences;
    chosen.frameInfo.contentSize = io->in_bytes;
    size_t made = LZ4F_compressFrame(out, cap_bytes, io->in, io->in_bytes, &chosen);
    if (LZ4F_isError(made))
        return failed(made, err);
    *out_bytes = made;
    return MR_OK;
}

static void abandon(struct codec_encoder *encoder)
{
    struct compressor *compressor = (struct compressor *)encoder;
    if (compressor->lz4)
        LZ4F_freeCompressionContext(compressor->lz4);
    compressor->lz4 = NULL;
}

static enum mr_status encode_begin(struct codec_encoder *encoder, size_t content_bytes,
                                   struct mr_error *err)
{
    (void)content_bytes;
    struct compressor *compressor = (struct compressor *)encoder;
    abandon(encoder);
    unsigned char *header = codec_spill_room(&encoder->spill, LZ4F_HEADER_SIZE_MAX);
    if (!header || LZ4F_isError(LZ4F_createCompressionContext(&compressor->lz4, LZ4F_VERSION)))
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    size_t made =
        LZ4F_compressBegin(compressor->lz4, header, LZ4F_HEADER_SIZE_MAX, &compressor->preferences);
    if (LZ4F_isError(made))
        return failed(made, err);
    encoder->spill.count += made;
    return MR_OK;
}

static enum mr_status encode_step(struct codec_encoder *encoder, struct mr_io *io,
                                  struct mr_error *err)
{
    struct compressor *compressor = (struct compressor *)encoder;
    struct codec_spill *spill = &encoder->spill;
    /* Holds the end of a frame too. */
    size_t room_bytes = LZ4F_compressBound(PIECE_BYTES, &compressor->preferences);
    while (io->in_bytes > 0 && spill->count == 0) {
        size_t piece_bytes = io->in_bytes < PIECE_BYTES ? io->in_bytes : PIECE_BYTES;
        unsigned char *room = codec_spill_room(spill, room_bytes);
        if (!room)
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        size_t made =
            LZ4F_compressUpdate(compressor->lz4, room, room_bytes, io->in, piece_bytes, NULL);
        if (LZ4F_isError(made))
            return failed(made, err);
        spill->count += made;
        io->in += piece_bytes;
        io->in_bytes -= piece_bytes;
    }
    if (!io->is_last || io->in_bytes > 0 || spill->count > 0)
        return MR_OK;
    unsigned char *room = codec_spill_room(spill, room_bytes);
    if (!room)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    size_t made = LZ4F_compressEnd(compressor->lz4, room, room_bytes, NULL);
    if (LZ4F_isError(made))
        return failed(made, err);
    spill->count += made;
    abandon(encoder);
    return MR_DONE;
}

static const struct codec_encoder_calls encoder_calls = {
    .bound = bound,
    .whole = whole,
    .begin = encode_begin,
    .step = encode_step,
    .abandon = abandon,
};

static enum mr_status config_create(void **config, struct mr_error *err)
{
    return codec_config_create(config, LEVEL_DEFAULT, err);
}

static enum mr_status config_set(void *config, const char *key, const char *value,
                                 struct mr_error *err)
{
    (void)key;
    struct codec_config *codec = config;
    return codec_level_set(value, LEVEL_MIN, LEVEL_MAX, &codec->level, err);
}

static size_t encoder_bytes(const void *config)
{
    (void)config;
    return sizeof(struct compressor) + ENCODER_BYTES;
}

static enum mr_status rename_packed(const void *config, char **path)
{
    (void)config;
    return codec_suffix_add(path, ".lz4");
}

static enum mr_status encoder_create(const void *config, void **state, struct mr_error *err)
{
    struct compressor *compressor = calloc(1, sizeof(*compressor));
    if (!compressor)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    codec_encoder_init(&compressor->encoder, &encoder_calls, config);
    compressor->preferences = preferences(config);
    *state = compressor;
    return MR_OK;
}

static void encoder_destroy(void *state)
{
    struct compressor *compressor = state;
    abandon(&compressor->encoder);
    codec_encoder_fini(&compressor->encoder);
    free(compressor);
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
    if (decompressor->lz4)
        LZ4F_freeDecompressionContext(decompressor->lz4);
    free(decompressor);
}

static const struct mr_setting settings[] = {
    {"level", "1-12", "1", "1 and 2 are very fast, 3-12 search longer; unpacking is equally fast"},
    {NULL, NULL, NULL, NULL},
};

const struct mr_operation operation_lz4 = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "lz4",
    .summary = "compresses to .lz4: the fastest both ways, not small",
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

const struct mr_operation operation_unlz4 = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "unlz4",
    .summary = "unpacks .lz4, all frames of it",
    .state_bytes = decoder_bytes,
    .rename = rename_unpacked,
    .state_create = decoder_create,
    .start = codec_decode_start,
    .process = codec_decode_process,
    .stop = codec_decode_stop,
    .state_destroy = decoder_destroy,
};

#endif
