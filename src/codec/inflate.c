#include "codec/inflate.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "config.h"

#if MR_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif

/* Bits of FLG, RFC 1952 section 2.3.1. */
enum { HAS_HEADER_CRC = 2, HAS_EXTRA = 4, HAS_NAME = 8, HAS_COMMENT = 16, IS_RESERVED = 0xe0 };

/* In the order in which they come; what a member does not have is passed over. */
enum phase { FIXED, EXTRA_SIZE, EXTRA, NAME, COMMENT, HEADER_CRC, BODY, TRAILER, ENDED };

struct inflater {
    enum inflate_wrap wrap;
    enum phase phase;
    unsigned char field[10]; /* of the header or trailer, as far as it came */
    unsigned field_bytes;
    unsigned flags;       /* FLG */
    unsigned extra_bytes; /* still to come */
    uint32_t header_crc;  /* with HAS_HEADER_CRC */
    uint32_t out_bytes;   /* modulo 2^32, as ISIZE */
#if MR_HAVE_ISAL
    struct inflate_state isal;
#else
    uint32_t check; /* of what was made */
    z_stream zlib;
#endif
};

struct inflater *inflate_create(enum inflate_wrap wrap)
{
    struct inflater *made = malloc(sizeof(*made));
    if (!made)
        return NULL;
    made->wrap = wrap;
#if MR_HAVE_ISAL
    isal_inflate_init(&made->isal);
#else
    made->zlib = (z_stream){0};
    bool has_zlib = inflateInit2(&made->zlib, -MAX_WBITS) == Z_OK;
    if (!has_zlib) {
        free(made);
        return NULL;
    }
#endif
    inflate_reset(made);
    return made;
}

void inflate_destroy(struct inflater *inflater)
{
    if (!inflater)
        return;
#if !MR_HAVE_ISAL
    inflateEnd(&inflater->zlib);
#endif
    free(inflater);
}

void inflate_reset(struct inflater *inflater)
{
    inflater->phase = inflater->wrap == INFLATE_RAW ? BODY : FIXED;
    inflater->field_bytes = 0;
    inflater->out_bytes = 0;
#if MR_HAVE_ISAL
    isal_inflate_reset(&inflater->isal);
    inflater->isal.crc_flag = inflater->wrap == INFLATE_GZIP   ? ISAL_GZIP_NO_HDR
                              : inflater->wrap == INFLATE_ZLIB ? ISAL_ZLIB_NO_HDR
                                                               : ISAL_DEFLATE;
#else
    inflateReset(&inflater->zlib);
    inflater->check = inflater->wrap == INFLATE_ZLIB ? 1 : 0;
#endif
}

static enum mr_status damaged(const char *text, const char **problem)
{
    *problem = text;
    return MR_E_DATA;
}

/* The next part of a gzip header that there is, after phase. */
static enum phase phase_after(const struct inflater *inflater, enum phase phase)
{
    if (phase < EXTRA_SIZE && (inflater->flags & HAS_EXTRA))
        return EXTRA_SIZE;
    if (phase == EXTRA_SIZE && inflater->extra_bytes > 0)
        return EXTRA;
    if (phase < NAME && (inflater->flags & HAS_NAME))
        return NAME;
    if (phase < COMMENT && (inflater->flags & HAS_COMMENT))
        return COMMENT;
    if (phase < HEADER_CRC && (inflater->flags & HAS_HEADER_CRC))
        return HEADER_CRC;
    return BODY;
}

/* Adds a byte to the field; true when it has all of them. */
static bool gather(struct inflater *inflater, unsigned char byte, unsigned field_bytes)
{
    inflater->field[inflater->field_bytes++] = byte;
    if (inflater->field_bytes < field_bytes)
        return false;
    inflater->field_bytes = 0;
    return true;
}

static enum mr_status check_fixed(struct inflater *inflater, const char **problem)
{
    const unsigned char *field = inflater->field;
    if (field[0] != 0x1f || field[1] != 0x8b)
        return damaged("incorrect header check", problem);
    if (field[2] != Z_DEFLATED)
        return damaged("unknown compression method", problem);
    if (field[3] & IS_RESERVED)
        return damaged("unknown header flags set", problem);
    inflater->flags = field[3];
    inflater->header_crc = (uint32_t)crc32(0, field, sizeof(inflater->field));
    return MR_OK;
}

/* The parts behind the fixed one. */
static enum mr_status take_gzip_byte(struct inflater *inflater, unsigned char byte,
                                     const char **problem)
{
    const unsigned char *field = inflater->field;
    bool is_whole = byte == 0; /* of a name or comment */
    if (inflater->phase == EXTRA_SIZE) {
        is_whole = gather(inflater, byte, 2);
        inflater->extra_bytes = field[0] | (unsigned)field[1] << 8;
    } else if (inflater->phase == EXTRA) {
        is_whole = --inflater->extra_bytes == 0;
    } else if (inflater->phase == HEADER_CRC) {
        is_whole = gather(inflater, byte, 2);
        unsigned crc = field[0] | (unsigned)field[1] << 8;
        if (is_whole && crc != (inflater->header_crc & 0xffff))
            return damaged("header crc mismatch", problem);
    }
    if ((inflater->flags & HAS_HEADER_CRC) && inflater->phase != HEADER_CRC)
        inflater->header_crc = (uint32_t)crc32(inflater->header_crc, &byte, 1);
    if (is_whole)
        inflater->phase = phase_after(inflater, inflater->phase);
    return MR_OK;
}

static enum mr_status take_fixed_byte(struct inflater *inflater, unsigned char byte,
                                      const char **problem)
{
    const unsigned char *field = inflater->field;
    if (inflater->wrap == INFLATE_GZIP) {
        if (!gather(inflater, byte, 10))
            return MR_OK;
        enum mr_status status = check_fixed(inflater, problem);
        inflater->phase = phase_after(inflater, FIXED);
        return status;
    }
    if (!gather(inflater, byte, 2))
        return MR_OK;
    if ((field[0] * 256 + field[1]) % 31 != 0)
        return damaged("incorrect header check", problem);
    if ((field[0] & 15) != Z_DEFLATED)
        return damaged("unknown compression method", problem);
    if (field[0] >> 4 > 7)
        return damaged("invalid window size", problem);
    inflater->phase = BODY;
    if (field[1] & 0x20) {
        *problem = "the zlib data needs a preset dictionary";
        return MR_E_UNSUPPORTED;
    }
    return MR_OK;
}

static uint32_t check_value(const struct inflater *inflater)
{
#if MR_HAVE_ISAL
    return inflater->isal.crc;
#else
    return inflater->check;
#endif
}

static enum mr_status take_trailer_byte(struct inflater *inflater, unsigned char byte,
                                        const char **problem)
{
    const unsigned char *field = inflater->field;
    bool is_gzip = inflater->wrap == INFLATE_GZIP;
    if (!gather(inflater, byte, is_gzip ? 8 : 4))
        return MR_OK;
    inflater->phase = ENDED;
    uint32_t values[2] = {0, 0};
    for (unsigned i = 0; i < 8; i++)
        values[i / 4] |= (uint32_t)field[i] << (8 * (i % 4));
    if (!is_gzip)
        values[0] = __builtin_bswap32(values[0]);
    if (values[0] != check_value(inflater))
        return damaged("incorrect data check", problem);
    if (is_gzip && values[1] != inflater->out_bytes)
        return damaged("incorrect length check", problem);
    return MR_DONE;
}

static unsigned clamp(size_t bytes)
{
    return bytes < INT_MAX ? (unsigned)bytes : INT_MAX;
}

#if MR_HAVE_ISAL

/*
 * ISA-L has read up to eight bytes more than it used. At the end of the data they belong to others,
 * and when the room ran out before that was found they may: so they are given back. When the input
 * ran out they belong to the data.
 */
static void give_back(struct inflate_state *isal, unsigned used_bytes)
{
    unsigned back = isal->read_in_length > 0 ? (unsigned)isal->read_in_length / 8 : 0;
    if (isal->tmp_in_size > 0 || back == 0)
        return;
    back = back < used_bytes ? back : used_bytes;
    isal->read_in_length -= (int32_t)(8 * back);
    isal->read_in &= ((uint64_t)1 << isal->read_in_length) - 1;
    isal->next_in -= back;
    isal->avail_in += back;
}

static enum mr_status explain(int code, const char **problem)
{
    switch (code) {
    case ISAL_INVALID_SYMBOL:
        return damaged("invalid code", problem);
    case ISAL_INVALID_LOOKBACK:
        return damaged("invalid distance too far back", problem);
    default:
        return damaged("invalid block", problem);
    }
}

static enum mr_status decode_body(struct inflater *inflater, struct mr_io *io, const char **problem)
{
    struct inflate_state *isal = &inflater->isal;
    unsigned in_bytes = clamp(io->in_bytes), out_bytes = clamp(io->out_bytes);
    isal->next_in = (unsigned char *)io->in;
    isal->avail_in = in_bytes;
    isal->next_out = io->out;
    isal->avail_out = out_bytes;
    int code = isal_inflate(isal);
    bool is_ended = isal->block_state == ISAL_BLOCK_FINISH;
    if (isal->avail_in > in_bytes) /* not its to give back */
        return damaged("invalid block", problem);
    if (is_ended || isal->avail_out == 0)
        give_back(isal, in_bytes - isal->avail_in);
    unsigned used = in_bytes - isal->avail_in, made = out_bytes - isal->avail_out;
    io->in = in_bytes > 0 ? io->in + used : io->in;
    io->in_bytes -= used;
    io->out += made;
    io->out_bytes -= made;
    inflater->out_bytes += made;
    if (code < ISAL_DECOMP_OK)
        return explain(code, problem);
    return is_ended ? MR_DONE : MR_OK;
}

#else

static enum mr_status decode_body(struct inflater *inflater, struct mr_io *io, const char **problem)
{
    z_stream *zlib = &inflater->zlib;
    unsigned in_bytes = clamp(io->in_bytes), out_bytes = clamp(io->out_bytes);
    zlib->next_in = (z_const Bytef *)io->in;
    zlib->avail_in = in_bytes;
    zlib->next_out = io->out;
    zlib->avail_out = out_bytes;
    int code = inflate(zlib, Z_NO_FLUSH);
    unsigned used = in_bytes - zlib->avail_in, made = out_bytes - zlib->avail_out;
    if (inflater->wrap == INFLATE_GZIP)
        inflater->check = (uint32_t)crc32(inflater->check, io->out, made);
    else if (inflater->wrap == INFLATE_ZLIB)
        inflater->check = (uint32_t)adler32(inflater->check, io->out, made);
    io->in = in_bytes > 0 ? io->in + used : io->in;
    io->in_bytes -= used;
    io->out += made;
    io->out_bytes -= made;
    inflater->out_bytes += made;
    switch (code) {
    case Z_OK:
    case Z_BUF_ERROR:
        return MR_OK;
    case Z_STREAM_END:
        return MR_DONE;
    case Z_MEM_ERROR:
        *problem = "out of memory";
        return MR_E_MEMORY;
    default:
        return damaged(zlib->msg ? zlib->msg : "invalid block", problem);
    }
}

#endif

enum mr_status inflate_step(struct inflater *inflater, struct mr_io *io, const char **problem)
{
    enum mr_status status = MR_OK;
    while (status == MR_OK && inflater->phase < BODY && io->in_bytes > 0) {
        unsigned char byte = *io->in++;
        io->in_bytes--;
        status = inflater->phase == FIXED ? take_fixed_byte(inflater, byte, problem)
                                          : take_gzip_byte(inflater, byte, problem);
    }
    if (status == MR_OK && inflater->phase == BODY) {
        status = decode_body(inflater, io, problem);
        if (status == MR_DONE && inflater->wrap != INFLATE_RAW) {
            inflater->phase = TRAILER;
            status = MR_OK;
        }
    }
    while (status == MR_OK && inflater->phase == TRAILER && io->in_bytes > 0) {
        io->in_bytes--;
        status = take_trailer_byte(inflater, *io->in++, problem);
    }
    return status;
}
