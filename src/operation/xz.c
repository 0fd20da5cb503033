/* xz, unxz; unlzma for what decompress finds. */
#include "config.h"

#if MR_HAVE_LZMA

#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "operation/codec.h"
#include "operation/operations.h"

#define LEVEL_MIN     0
#define LEVEL_MAX     9
#define LEVEL_DEFAULT 6
/* What a file may ask for: xz -9 needs 65 MiB. */
#define DECODER_LIMIT_BYTES ((uint64_t)128 << 20)
#define USUAL_DECODER_BYTES ((size_t)9 << 20) /* a dictionary of 8 MiB: level 6 */

enum kind { KIND_XZ, KIND_ALONE, KIND_LZIP }; /* .xz, .lzma, .lz */

struct decompressor {
    struct codec_decoder decoder;
    lzma_stream lzma;
    enum kind kind;
};

#define HAS_LZIP (LZMA_VERSION >= UINT32_C(50040002))

/* One call of liblzma. */
static lzma_ret run(lzma_stream *lzma, struct mr_io *io)
{
    lzma->next_in = io->in;
    lzma->avail_in = io->in_bytes;
    lzma->next_out = io->out;
    lzma->avail_out = io->out_bytes;
    lzma_ret code = lzma_code(lzma, LZMA_RUN);
    io->in = lzma->next_in;
    io->in_bytes = lzma->avail_in;
    io->out = lzma->next_out;
    io->out_bytes = lzma->avail_out;
    return code;
}

static enum mr_status config_create(void **config, struct mr_error *err)
{
    return codec_config_create(block_codec_xz(), LEVEL_DEFAULT, config, err);
}

static enum mr_status config_set(void *config, const char *key, const char *value,
                                 struct mr_error *err)
{
    struct codec_config *codec = config;
    if (key[0] == 'l')
        return codec_level_set(value, LEVEL_MIN, LEVEL_MAX, &codec->options.level, err);
    return codec_flag_set(value, &codec->options.is_extreme, err);
}

static enum mr_status rename_packed(const void *config, char **path)
{
    (void)config;
    return codec_suffix_add(path, ".xz");
}

static bool xz_match(const unsigned char *head, size_t count)
{
    static const unsigned char magic[] = {0xfd, '7', 'z', 'X', 'Z', 0};
    return memcmp(head, magic, count) == 0;
}

/* There is no magic number: the first byte is (pb * 5 + lp) * 9 + lc. */
static bool lzma_match(const unsigned char *head, size_t count)
{
    (void)count;
    return head[0] < 225;
}

static enum mr_status decode_begin(struct codec_decoder *decoder, struct mr_error *err)
{
    struct decompressor *decompressor = (struct decompressor *)decoder;
    lzma_ret code = LZMA_OPTIONS_ERROR;
    switch (decompressor->kind) {
    case KIND_XZ:
        code = lzma_stream_decoder(&decompressor->lzma, DECODER_LIMIT_BYTES,
                                   LZMA_TELL_UNSUPPORTED_CHECK);
        break;
    case KIND_ALONE:
        code = lzma_alone_decoder(&decompressor->lzma, DECODER_LIMIT_BYTES);
        break;
    case KIND_LZIP:
#if HAS_LZIP
        code = lzma_lzip_decoder(&decompressor->lzma, DECODER_LIMIT_BYTES, 0);
#endif
        break;
    }
    return code == LZMA_OK ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static enum mr_status decode_step(struct codec_decoder *decoder, struct mr_io *io,
                                  struct mr_error *err)
{
    lzma_stream *lzma = &((struct decompressor *)decoder)->lzma;
    const char *format = decoder->calls->format;
    switch (run(lzma, io)) {
    case LZMA_OK:
    case LZMA_BUF_ERROR:
        return MR_OK;
    case LZMA_STREAM_END:
        return MR_DONE;
    case LZMA_MEM_ERROR:
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    case LZMA_MEMLIMIT_ERROR:
        return mr_error_set(err, MR_E_LIMIT, 0,
                            "the %s data needs %llu MiB to be unpacked, the limit is 128 MiB",
                            format, (unsigned long long)(lzma_memusage(lzma) >> 20));
    case LZMA_OPTIONS_ERROR:
    case LZMA_UNSUPPORTED_CHECK:
        return mr_error_set(err, MR_E_UNSUPPORTED, 0,
                            "the %s data uses a filter or check that liblzma does not have",
                            format);
    default:
        return codec_damaged(decoder, NULL, err);
    }
}

/* A large dictionary is not kept. */
static void rest(struct codec_decoder *decoder)
{
    struct decompressor *decompressor = (struct decompressor *)decoder;
    if (lzma_memusage(&decompressor->lzma) > USUAL_DECODER_BYTES)
        lzma_end(&decompressor->lzma);
}

static const struct codec_decoder_calls xz_calls = {
    .format = "xz",
    .head_bytes = 6,
    .padding_unit = 4,
    .goes_on_after_padding = true,
    .match = xz_match,
    .begin = decode_begin,
    .step = decode_step,
    .rest = rest,
};

static const struct codec_decoder_calls lzma_calls = {
    .format = "lzma",
    .head_bytes = 1,
    .is_single = true,
    .match = lzma_match,
    .begin = decode_begin,
    .step = decode_step,
    .rest = rest,
};

#if HAS_LZIP
static bool lzip_match(const unsigned char *head, size_t count)
{
    return memcmp(head, "LZIP", count) == 0;
}

static const struct codec_decoder_calls lzip_calls = {
    .format = "lzip",
    .head_bytes = 4,
    .match = lzip_match,
    .allows_tail = true,
    .begin = decode_begin,
    .step = decode_step,
    .rest = rest,
};
#endif

/* Of what is usual; a file with a larger dictionary takes up to 128 MiB for as long as it lasts. */
static size_t decoder_bytes(const void *config)
{
    (void)config;
    return sizeof(struct decompressor) + USUAL_DECODER_BYTES;
}

static enum mr_status rename_unxz(const void *config, char **path)
{
    (void)config;
    return codec_suffix_remove(path, "xz");
}

static enum mr_status rename_unlzma(const void *config, char **path)
{
    (void)config;
    return codec_suffix_remove(path, "lzma");
}

static enum mr_status create_decoder(enum kind kind, const struct codec_decoder_calls *calls,
                                     void **state, struct mr_error *err)
{
    enum mr_status status = codec_decoder_create(calls, sizeof(struct decompressor), state, err);
    if (status != MR_OK)
        return status;
    struct decompressor *decompressor = *state;
    decompressor->lzma = (lzma_stream)LZMA_STREAM_INIT;
    decompressor->kind = kind;
    return MR_OK;
}

static enum mr_status unxz_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    return create_decoder(KIND_XZ, &xz_calls, state, err);
}

static enum mr_status unlzma_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    return create_decoder(KIND_ALONE, &lzma_calls, state, err);
}

#if HAS_LZIP
static enum mr_status unlzip_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    return create_decoder(KIND_LZIP, &lzip_calls, state, err);
}

static enum mr_status rename_unlzip(const void *config, char **path)
{
    (void)config;
    return codec_suffix_remove(path, "lzip");
}
#endif

static void decoder_destroy(void *state)
{
    struct decompressor *decompressor = state;
    lzma_end(&decompressor->lzma);
    free(decompressor);
}

static const struct mr_setting settings[] = {
    {"level", "0-9", "6",
     "9 is smallest; long content takes 143 MiB for each worker at 6, 1.1 GiB at 9"},
    {"extreme", "yes|no", "no", "a little smaller, much slower"},
    {NULL, NULL, NULL, NULL},
};

const struct mr_operation operation_xz = {
    CODEC_ENCODER,
    .name = "xz",
    .summary = "compresses to .xz: small and slow, checked by CRC-64",
    .settings = settings,
    .config_create = config_create,
    .config_set = config_set,
    .rename = rename_packed,
    .internals = &codec_internals,
};

const struct mr_operation operation_unxz = {
    CODEC_DECODER,
    .name = "unxz",
    .summary = "unpacks .xz, all streams of it",
    .state_bytes = decoder_bytes,
    .rename = rename_unxz,
    .state_create = unxz_create,
    .state_destroy = decoder_destroy,
};

const struct mr_operation operation_unlzma = {
    CODEC_DECODER,
    .name = "unlzma",
    .summary = "unpacks .lzma",
    .state_bytes = decoder_bytes,
    .rename = rename_unlzma,
    .state_create = unlzma_create,
    .state_destroy = decoder_destroy,
};

#if HAS_LZIP
const struct mr_operation operation_unlzip = {
    CODEC_DECODER,
    .name = "unlzip",
    .summary = "unpacks .lz, all members of it",
    .state_bytes = decoder_bytes,
    .rename = rename_unlzip,
    .state_create = unlzip_create,
    .state_destroy = decoder_destroy,
};
#endif

#endif
