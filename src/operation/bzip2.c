/* bzip2, bunzip2. libbz2 has no reset: its memory is taken anew for each stream. */
#include "config.h"

#if MR_HAVE_BZIP2

#include <bzlib.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include "operation/codec.h"
#include "operation/operations.h"

#define LEVEL_MIN     1
#define LEVEL_MAX     9
#define LEVEL_DEFAULT 9
#define DECODER_BYTES ((size_t)100000 + 4 * (size_t)900000) /* the most, by its manual */

struct decompressor {
    struct codec_decoder decoder;
    bz_stream bzip2;
    bool has_bzip2;
};

static enum mr_status config_create(void **config, struct mr_error *err)
{
    return codec_config_create(block_codec_bzip2(), LEVEL_DEFAULT, config, err);
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
    return codec_suffix_add(path, ".bz2");
}

static bool match(const unsigned char *head, size_t count)
{
    return head[0] == 'B' && (count < 2 || head[1] == 'Z') && (count < 3 || head[2] == 'h') &&
           (count < 4 || (head[3] >= '1' && head[3] <= '9'));
}

static void rest(struct codec_decoder *decoder)
{
    struct decompressor *decompressor = (struct decompressor *)decoder;
    if (decompressor->has_bzip2)
        BZ2_bzDecompressEnd(&decompressor->bzip2);
    decompressor->has_bzip2 = false;
}

static enum mr_status decode_begin(struct codec_decoder *decoder, struct mr_error *err)
{
    struct decompressor *decompressor = (struct decompressor *)decoder;
    rest(decoder);
    decompressor->bzip2 = (bz_stream){.opaque = NULL};
    if (BZ2_bzDecompressInit(&decompressor->bzip2, 0, 0) != BZ_OK)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    decompressor->has_bzip2 = true;
    return MR_OK;
}

static unsigned clamp(size_t bytes)
{
    return bytes < UINT_MAX ? (unsigned)bytes : UINT_MAX;
}

static enum mr_status decode_step(struct codec_decoder *decoder, struct mr_io *io,
                                  struct mr_error *err)
{
    bz_stream *bzip2 = &((struct decompressor *)decoder)->bzip2;
    unsigned in_bytes = clamp(io->in_bytes), out_bytes = clamp(io->out_bytes);
    bzip2->next_in = (char *)io->in; /* libbz2 only reads it */
    bzip2->avail_in = in_bytes;
    bzip2->next_out = (char *)io->out;
    bzip2->avail_out = out_bytes;
    int code = BZ2_bzDecompress(bzip2);
    codec_advance(io, in_bytes - bzip2->avail_in, out_bytes - bzip2->avail_out);
    switch (code) {
    case BZ_OK:
        return MR_OK;
    case BZ_STREAM_END:
        return MR_DONE;
    case BZ_MEM_ERROR:
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    default:
        return codec_damaged(decoder, NULL, err);
    }
}

static const struct codec_decoder_calls decoder_calls = {
    .format = "bzip2",
    .head_bytes = 4,
    .padding_unit = 1,
    .match = match,
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
    return codec_suffix_remove(path, "bzip2");
}

static enum mr_status decoder_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    return codec_decoder_create(&decoder_calls, sizeof(struct decompressor), state, err);
}

static void decoder_destroy(void *state)
{
    struct decompressor *decompressor = state;
    rest(&decompressor->decoder);
    free(decompressor);
}

static const struct mr_setting settings[] = {
    {"level", "1-9", "9", "the block in 100 kB: 9 is smallest and takes 8-20 MB for each worker"},
    {NULL, NULL, NULL, NULL},
};

const struct mr_operation operation_bzip2 = {
    CODEC_ENCODER,
    .name = "bzip2",
    .summary = "compresses to .bz2: smaller than gzip on text, slow both ways",
    .settings = settings,
    .config_create = config_create,
    .config_set = config_set,
    .rename = rename_packed,
    .internals = &codec_internals,
};

const struct mr_operation operation_bunzip2 = {
    CODEC_DECODER,
    .name = "bunzip2",
    .summary = "unpacks .bz2, all streams of it",
    .state_bytes = decoder_bytes,
    .rename = rename_unpacked,
    .state_create = decoder_create,
    .state_destroy = decoder_destroy,
};

#endif
