#include "codec/deflate_engine.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"

#if MR_HAVE_LIBDEFLATE
#include <libdeflate.h>

#include "codec/deflate_walk.h"
#else
#include <zlib.h>
#endif
#if MR_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif

#if MR_HAVE_ISAL
#define FAST_LEVEL 1 /* the level that is ISA-L's */
#else
#define FAST_LEVEL 0 /* none */
#endif

#if MR_HAVE_ISAL
struct fast {
    struct isal_zstream isal;
    unsigned char buffer[ISAL_DEF_LVL1_DEFAULT];
};
#endif

struct deflate_engine {
#if MR_HAVE_ISAL
    struct fast *fast; /* at FAST_LEVEL, else NULL */
#endif
#if MR_HAVE_LIBDEFLATE
    struct libdeflate_compressor *compressor; /* at FAST_LEVEL NULL until it is needed */
    struct deflate_walk walk;
#else
    z_stream zlib;
    bool has_zlib;
#endif
};

#if MR_HAVE_ISAL

static bool fast_create(struct deflate_engine *engine)
{
    engine->fast = malloc(sizeof(*engine->fast));
    if (engine->fast)
        isal_deflate_init(&engine->fast->isal);
    return engine->fast != NULL;
}

/*
 * ISA-L (up to 2.32 at least) does not hash the content from its third byte on when it has nothing
 * before it: it hashes the address of its state, and what comes of that changes from run to run.
 * Therefore a byte is said to come before the content. Nothing may refer to it, as nobody who
 * decodes has it; matches are of four bytes and more, so that it is enough when that byte and the
 * first three of the content are nowhere in the content. -1: there is no such byte.
 */
static int byte_before(const unsigned char *in, size_t in_bytes)
{
    static const unsigned char rare[] = {0x01, 0x1b, 0xc1, 0xf7, 0x7f, 0xd5};
    bool is_met[256] = {false};
    for (size_t i = 0; i < sizeof(rare); i++)
        if (!memchr(in, rare[i], in_bytes))
            return rare[i];
    for (size_t i = 1; i + 3 <= in_bytes; i++)
        if (in[i] == in[0] && in[i + 1] == in[1] && in[i + 2] == in[2])
            is_met[in[i - 1]] = true;
    for (int byte = 0; byte < 256; byte++)
        if (!is_met[byte])
            return byte;
    return -1;
}

/* The reset keeps level and buffer; it must not be left to it what the wrapping is. */
static size_t fast_run(struct fast *fast, const unsigned char *in, size_t in_bytes, int before,
                       bool is_last, unsigned char *out, size_t cap_bytes)
{
    struct isal_zstream *isal = &fast->isal;
    unsigned char dictionary = (unsigned char)before;
    isal_deflate_reset(isal);
    isal->level = FAST_LEVEL;
    isal->level_buf = fast->buffer;
    isal->level_buf_size = sizeof(fast->buffer);
    isal->gzip_flag = IGZIP_DEFLATE;
    isal->end_of_stream = is_last;
    isal->flush = is_last ? NO_FLUSH : SYNC_FLUSH;
    isal->next_in = (unsigned char *)in; /* it is only read */
    isal->avail_in = (uint32_t)in_bytes;
    isal->next_out = out;
    isal->avail_out = (uint32_t)cap_bytes;
    if (isal_deflate_set_dict(isal, &dictionary, 1) != COMP_OK || isal_deflate(isal) != COMP_OK ||
        isal->avail_in > 0)
        return 0;
    enum isal_zstate_state state = isal->internal_state.state;
    /* With the room full there may be more to come. */
    if (is_last ? state != ZSTATE_END : isal->avail_out == 0)
        return 0;
    return isal->total_out;
}

#endif

#if MR_HAVE_LIBDEFLATE

static bool slow_create(struct deflate_engine *engine, int level)
{
    if (!engine->compressor)
        engine->compressor = libdeflate_alloc_compressor(level);
    return engine->compressor != NULL;
}

static void slow_destroy(struct deflate_engine *engine)
{
    libdeflate_free_compressor(engine->compressor);
}

/* Of version 1.14, rounded up. */
static size_t slow_bytes(int level)
{
    return level == 1 ? (size_t)200 << 10 : level < 10 ? (size_t)656 << 10 : (size_t)9 << 20;
}

/* Makes the stream one that another can follow; false: there is no room for it. */
static bool open_end(unsigned char *stream, size_t cap_bytes, uint64_t begin_bit, uint64_t end_bit,
                     size_t *bytes)
{
    static const unsigned char empty[4] = {0x00, 0x00, 0xff, 0xff};
    /* An empty stored block: three zero bits, zeros up to the next byte, length 0 and its
     * complement. */
    size_t used_bytes = *bytes, length_at = (size_t)(end_bit + 3 + 7) / 8;
    if (length_at + sizeof(empty) > cap_bytes)
        return false;
    stream[begin_bit / 8] &= (unsigned char)~(1u << (begin_bit % 8));
    if (end_bit % 8 != 0)
        stream[used_bytes - 1] &= (unsigned char)((1u << (end_bit % 8)) - 1);
    memset(stream + used_bytes, 0, length_at - used_bytes);
    memcpy(stream + length_at, empty, sizeof(empty));
    *bytes = length_at + sizeof(empty);
    return true;
}

static enum mr_status slow_run(struct deflate_engine *engine, const unsigned char *in,
                               size_t in_bytes, bool is_last, unsigned char *out, size_t cap_bytes,
                               size_t *out_bytes)
{
    size_t bytes = libdeflate_deflate_compress(engine->compressor, in, in_bytes, out, cap_bytes);
    if (bytes > 0 && !is_last) {
        uint64_t begin_bit, end_bit;
        if (!deflate_walk_last(&engine->walk, out, bytes, &begin_bit, &end_bit) ||
            (end_bit + 7) / 8 != bytes)
            return MR_E_DATA;
        if (!open_end(out, cap_bytes, begin_bit, end_bit, &bytes))
            bytes = 0;
    }
    *out_bytes = bytes;
    return MR_OK;
}

#else

#define ZLIB_LEVEL_MAX 9

static bool slow_create(struct deflate_engine *engine, int level)
{
    int zlib_level = level < ZLIB_LEVEL_MAX ? level : ZLIB_LEVEL_MAX;
    engine->has_zlib = engine->has_zlib || deflateInit2(&engine->zlib, zlib_level, Z_DEFLATED, -15,
                                                        8, Z_DEFAULT_STRATEGY) == Z_OK;
    return engine->has_zlib;
}

static void slow_destroy(struct deflate_engine *engine)
{
    if (engine->has_zlib)
        deflateEnd(&engine->zlib);
}

static size_t slow_bytes(int level)
{
    (void)level;
    return (size_t)268 << 10;
}

static enum mr_status slow_run(struct deflate_engine *engine, const unsigned char *in,
                               size_t in_bytes, bool is_last, unsigned char *out, size_t cap_bytes,
                               size_t *out_bytes)
{
    z_stream *zlib = &engine->zlib;
    deflateReset(zlib);
    zlib->next_in = (z_const Bytef *)in;
    zlib->avail_in = (uInt)in_bytes;
    zlib->next_out = out;
    zlib->avail_out = (uInt)cap_bytes;
    int code = deflate(zlib, is_last ? Z_FINISH : Z_SYNC_FLUSH);
    bool is_done =
        is_last ? code == Z_STREAM_END : code == Z_OK && zlib->avail_in == 0 && zlib->avail_out > 0;
    *out_bytes = is_done ? cap_bytes - zlib->avail_out : 0;
    return MR_OK;
}

#endif

struct deflate_engine *deflate_engine_create(int level)
{
    struct deflate_engine *engine = calloc(1, sizeof(*engine));
    if (!engine)
        return NULL;
    bool is_made = false;
#if MR_HAVE_ISAL
    if (level == FAST_LEVEL)
        is_made = fast_create(engine);
#endif
    if (level != FAST_LEVEL)
        is_made = slow_create(engine, level);
    if (is_made)
        return engine;
    deflate_engine_destroy(engine);
    return NULL;
}

void deflate_engine_destroy(struct deflate_engine *engine)
{
    if (!engine)
        return;
#if MR_HAVE_ISAL
    free(engine->fast);
#endif
    slow_destroy(engine);
    free(engine);
}

size_t deflate_engine_bytes(int level)
{
    size_t bytes = sizeof(struct deflate_engine);
#if MR_HAVE_ISAL
    if (level == FAST_LEVEL)
        bytes += sizeof(struct fast);
#endif
    return bytes + slow_bytes(level);
}

enum mr_status deflate_engine_run(struct deflate_engine *engine, const unsigned char *in,
                                  size_t in_bytes, bool is_last, unsigned char *out,
                                  size_t cap_bytes, size_t *out_bytes)
{
#if MR_HAVE_ISAL
    int before = engine->fast ? byte_before(in, in_bytes) : -1;
    if (before >= 0) {
        *out_bytes = fast_run(engine->fast, in, in_bytes, before, is_last, out, cap_bytes);
        return MR_OK;
    }
    if (engine->fast && !slow_create(engine, FAST_LEVEL))
        return MR_E_MEMORY;
#endif
    return slow_run(engine, in, in_bytes, is_last, out, cap_bytes, out_bytes);
}
