/*
 * gzip, zlib: deflate in two wrappings. Content that is all there is compressed by libdeflate as
 * one buffer, a stream by zlib. Both get the same header, made here: no name, no time, system 255
 * (unknown).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "config.h"
#include "operation/codec.h"
#include "operation/operations.h"

#if MR_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

#define LEVEL_MIN        1
#define LEVEL_MAX        12
#define LEVEL_DEFAULT    6
#define ZLIB_LEVEL_MAX   9
#define ZLIB_WINDOW_BITS 15
#define ZLIB_MEMORY      8
#define ZLIB_STATE_BYTES ((size_t)268 << 10)
#define WRAPPING_BYTES   18 /* header and trailer of gzip; those of zlib are shorter */

struct wrapping {
    size_t (*header)(int level, unsigned char *out);
    uint32_t check_initial;
    uint32_t (*check)(uint32_t check, const void *bytes, size_t count);
    size_t (*trailer)(uint32_t check, uint64_t content_bytes, unsigned char *out);
};

struct deflater {
    struct codec_encoder encoder;
    const struct wrapping *wrapping;
    z_stream zlib;
    bool has_zlib; /* zlib is initialised: made when the first stream comes */
    uint32_t check;
    uint64_t content_bytes;
#if MR_HAVE_LIBDEFLATE
    struct libdeflate_compressor *compressor; /* made when the first whole content comes */
#endif
};

static size_t gzip_header(int level, unsigned char *out)
{
    unsigned char effort = level < 2 ? 4 : level >= 9 ? 2 : 0;
    const unsigned char header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, effort, 255};
    memcpy(out, header, sizeof(header));
    return sizeof(header);
}

static size_t put_le32(unsigned char *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (unsigned char)(value >> (8 * i));
    return 4;
}

static size_t gzip_trailer(uint32_t check, uint64_t content_bytes, unsigned char *out)
{
    put_le32(out, check);
    put_le32(out + 4, (uint32_t)content_bytes);
    return 8;
}

static size_t zlib_header(int level, unsigned char *out)
{
    unsigned effort = level < 2 ? 0 : level < 6 ? 1 : level < 7 ? 2 : 3;
    unsigned header = 0x7800u | effort << 6;
    header += 31 - header % 31;
    out[0] = (unsigned char)(header >> 8);
    out[1] = (unsigned char)header;
    return 2;
}

static size_t zlib_trailer(uint32_t check, uint64_t content_bytes, unsigned char *out)
{
    (void)content_bytes;
    for (unsigned i = 0; i < 4; i++)
        out[i] = (unsigned char)(check >> (24 - 8 * i));
    return 4;
}

static uint32_t crc_of(uint32_t check, const void *bytes, size_t count)
{
#if MR_HAVE_LIBDEFLATE
    return libdeflate_crc32(check, bytes, count);
#else
    return (uint32_t)crc32_z(check, bytes, count);
#endif
}

static uint32_t adler_of(uint32_t check, const void *bytes, size_t count)
{
#if MR_HAVE_LIBDEFLATE
    return libdeflate_adler32(check, bytes, count);
#else
    return (uint32_t)adler32_z(check, bytes, count);
#endif
}

static const struct wrapping gzip_wrapping = {gzip_header, 0, crc_of, gzip_trailer};
static const struct wrapping zlib_wrapping = {zlib_header, 1, adler_of, zlib_trailer};

static size_t deflate_bound(const void *config, size_t in_bytes)
{
    (void)config;
    /* Of zlib with these settings, and a little for short content. */
    size_t extra = (in_bytes >> 12) + (in_bytes >> 14) + (in_bytes >> 25) + 13;
    size_t bound = codec_sum(in_bytes, extra);
#if MR_HAVE_LIBDEFLATE
    size_t whole = libdeflate_deflate_compress_bound(NULL, in_bytes);
    bound = whole > bound ? whole : bound;
#endif
    return codec_sum(bound, WRAPPING_BYTES);
}

#if MR_HAVE_LIBDEFLATE
static enum mr_status deflate_whole(struct codec_encoder *encoder, const struct mr_io *io,
                                    unsigned char *out, size_t cap_bytes, size_t *out_bytes,
                                    struct mr_error *err)
{
    struct deflater *deflater = (struct deflater *)encoder;
    const struct wrapping *wrapping = deflater->wrapping;
    if (!deflater->compressor)
        deflater->compressor = libdeflate_alloc_compressor(encoder->config->level);
    if (!deflater->compressor)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    const unsigned char *in = io->in_bytes > 0 ? io->in : (const unsigned char *)"";
    size_t at = wrapping->header(encoder->config->level, out);
    size_t made = libdeflate_deflate_compress(deflater->compressor, in, io->in_bytes, out + at,
                                              cap_bytes - at - 8);
    if (made == 0)
        return mr_error_set(err, MR_E_SYSTEM, 0, "libdeflate could not compress the content");
    uint32_t check = wrapping->check(wrapping->check_initial, in, io->in_bytes);
    at += made;
    *out_bytes = at + wrapping->trailer(check, io->in_bytes, out + at);
    return MR_OK;
}
#endif

static enum mr_status deflate_begin(struct codec_encoder *encoder, size_t content_bytes,
                                    struct mr_error *err)
{
    (void)content_bytes;
    struct deflater *deflater = (struct deflater *)encoder;
    int level = encoder->config->level < ZLIB_LEVEL_MAX ? encoder->config->level : ZLIB_LEVEL_MAX;
    int code = deflater->has_zlib
                   ? deflateReset(&deflater->zlib)
                   : deflateInit2(&deflater->zlib, level, Z_DEFLATED, -ZLIB_WINDOW_BITS,
                                  ZLIB_MEMORY, Z_DEFAULT_STRATEGY);
    if (code != Z_OK)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    deflater->has_zlib = true;
    deflater->check = deflater->wrapping->check_initial;
    deflater->content_bytes = 0;
    unsigned char header[WRAPPING_BYTES];
    size_t header_bytes = deflater->wrapping->header(encoder->config->level, header);
    return codec_spill_put(&encoder->spill, header, header_bytes, err);
}

static uInt clamp(size_t bytes)
{
    return bytes < UINT_MAX ? (uInt)bytes : UINT_MAX;
}

static enum mr_status deflate_step(struct codec_encoder *encoder, struct mr_io *io,
                                   struct mr_error *err)
{
    struct deflater *deflater = (struct deflater *)encoder;
    z_stream *zlib = &deflater->zlib;
    uInt in_bytes = clamp(io->in_bytes), out_bytes = clamp(io->out_bytes);
    zlib->next_in = (z_const Bytef *)io->in;
    zlib->avail_in = in_bytes;
    zlib->next_out = io->out;
    zlib->avail_out = out_bytes;
    int code = deflate(zlib, io->is_last && in_bytes == io->in_bytes ? Z_FINISH : Z_NO_FLUSH);
    size_t used = in_bytes - zlib->avail_in, made = out_bytes - zlib->avail_out;
    if (used > 0)
        deflater->check = deflater->wrapping->check(deflater->check, io->in, used);
    deflater->content_bytes += used;
    codec_advance(io, used, made);
    if (code == Z_STREAM_END) {
        unsigned char trailer[WRAPPING_BYTES];
        size_t count =
            deflater->wrapping->trailer(deflater->check, deflater->content_bytes, trailer);
        enum mr_status status = codec_spill_put(&encoder->spill, trailer, count, err);
        return status == MR_OK ? MR_DONE : status;
    }
    if (code != Z_OK && code != Z_BUF_ERROR)
        return mr_error_set(err, MR_E_SYSTEM, 0, "zlib could not compress the content");
    return MR_OK;
}

static const struct codec_encoder_calls calls = {
    .bound = deflate_bound,
#if MR_HAVE_LIBDEFLATE
    .whole = deflate_whole,
#endif
    .begin = deflate_begin,
    .step = deflate_step,
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

bool gzip_is_default(const void *config)
{
    const struct codec_config *codec = config;
    return codec->level == LEVEL_DEFAULT;
}

/* The compressors of libdeflate 1.14 and the stream of zlib: a state may come to hold both. */
static size_t state_bytes(const void *config)
{
    const struct codec_config *codec = config;
    size_t bytes = sizeof(struct deflater) + ZLIB_STATE_BYTES;
#if MR_HAVE_LIBDEFLATE
    bytes += codec->level == 1   ? (size_t)200 << 10
             : codec->level < 10 ? (size_t)656 << 10
                                 : (size_t)9 << 20;
#else
    (void)codec;
#endif
    return bytes;
}

static enum mr_status create_state(const void *config, const struct wrapping *wrapping,
                                   void **state, struct mr_error *err)
{
    struct deflater *deflater = calloc(1, sizeof(*deflater));
    if (!deflater)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    codec_encoder_init(&deflater->encoder, &calls, config);
    deflater->wrapping = wrapping;
    *state = deflater;
    return MR_OK;
}

static enum mr_status gzip_state_create(const void *config, void **state, struct mr_error *err)
{
    return create_state(config, &gzip_wrapping, state, err);
}

static enum mr_status zlib_state_create(const void *config, void **state, struct mr_error *err)
{
    return create_state(config, &zlib_wrapping, state, err);
}

static void state_destroy(void *state)
{
    struct deflater *deflater = state;
    if (deflater->has_zlib)
        deflateEnd(&deflater->zlib);
#if MR_HAVE_LIBDEFLATE
    libdeflate_free_compressor(deflater->compressor);
#endif
    codec_encoder_fini(&deflater->encoder);
    free(deflater);
}

static enum mr_status gzip_rename(const void *config, char **path)
{
    (void)config;
    return codec_suffix_add(path, ".gz");
}

static enum mr_status zlib_rename(const void *config, char **path)
{
    (void)config;
    return codec_suffix_add(path, ".zz");
}

static const struct mr_setting settings[] = {
    {"level", "1-12", "6",
     "1 is fastest, 12 smallest; content over 1 MiB is a stream, where 10-12 mean 9"},
    {NULL, NULL, NULL, NULL},
};

const struct mr_operation operation_gzip = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "gzip",
    .summary = "compresses to .gz: read everywhere, moderate in speed and size",
    .settings = settings,
    .config_create = config_create,
    .config_set = config_set,
    .config_destroy = codec_config_destroy,
    .bound = deflate_bound,
    .state_bytes = state_bytes,
    .rename = gzip_rename,
    .state_create = gzip_state_create,
    .start = codec_encode_start,
    .process = codec_encode_process,
    .stop = codec_encode_stop,
    .state_destroy = state_destroy,
};

const struct mr_operation operation_zlib = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "zlib",
    .summary = "compresses to .zz: gzip's compression in the short wrapping of RFC 1950",
    .settings = settings,
    .config_create = config_create,
    .config_set = config_set,
    .config_destroy = codec_config_destroy,
    .bound = deflate_bound,
    .state_bytes = state_bytes,
    .rename = zlib_rename,
    .state_create = zlib_state_create,
    .start = codec_encode_start,
    .process = codec_encode_process,
    .stop = codec_encode_stop,
    .state_destroy = state_destroy,
};
