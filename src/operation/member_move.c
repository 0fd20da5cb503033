/*
 * Deflate data on its way from one wrapping to another, as it is: each piece is decoded for its
 * size and CRC, and handed on. Out of a container it goes into a container or a gzip member; out of
 * gzip members it becomes one raw stream.
 *
 * Members are joined by clearing the bit that says "final" in the header of each one's last deflate
 * block, leading on to a byte boundary by an empty stored block (RFC 1951, section 3.2.4), and
 * ending it by an empty final block. zlib's inflate tells where headers are (Z_BLOCK).
 */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "codec/deflate_walk.h"
#include "codec/inflate.h"
#include "config.h"
#include "operation/codec.h"
#include "operation/member.h"

/* ISA-L takes less time than libdeflate and the walk. */
#define USES_LIBDEFLATE (MR_HAVE_LIBDEFLATE && !MR_HAVE_ISAL)
#if USES_LIBDEFLATE
#include <libdeflate.h>
#endif

#define SCRATCH_BYTES    ((size_t)64 << 10)
#define WHOLE_MAX_BYTES  ((size_t)1 << 20)
#define GZIP_WRAPPING    18 /* header and trailer */
#define GZIP_WINDOW_BITS (15 + 16)
#define JOIN_BYTES       16  /* what ends a joined stream, at most */
#define IS_AT_BLOCK      128 /* in zlib's data_type */
#define IS_LAST_BLOCK    64

struct mover {
    const struct mr_entry *entry;
    struct member_sum sum;
    struct mr_encoding encoding;
    bool is_fresh, is_ended; /* is_ended: the deflate data, or the gzip member */
    uint64_t made_bytes;     /* handed on, what waits in the spill included */
    struct codec_spill spill;
    struct inflater *inflater; /* out of a container; made when the first large member comes */
    z_stream zlib;             /* out of gzip members, likewise */
    bool has_zlib;
#if USES_LIBDEFLATE
    struct libdeflate_decompressor *decompressor;
    struct deflate_walk walk;
#endif
    unsigned char *scratch; /* what was decoded, and is not looked at */
    size_t scratch_bytes;

    /* Joining gzip members: */
    bool is_in_body;  /* behind the member's header, before the end of its last deflate block */
    bool has_padding; /* zero bytes behind a member: nothing else may follow */
    bool has_held, clears_next;
    unsigned char held; /* the last byte of the body so far: the next block may begin in it */
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static enum mr_status create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    *state = calloc(1, sizeof(struct mover));
    return *state ? MR_OK : no_memory(err);
}

static void destroy(void *state)
{
    struct mover *mover = state;
    inflate_destroy(mover->inflater);
    if (mover->has_zlib)
        inflateEnd(&mover->zlib);
#if USES_LIBDEFLATE
    libdeflate_free_decompressor(mover->decompressor);
#endif
    free(mover->spill.bytes);
    free(mover->scratch);
    free(mover);
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    (void)err;
    struct mover *mover = state;
    mover->entry = entry;
    mover->sum = (struct member_sum){0, 0};
    mover->is_fresh = true;
    mover->is_ended = false;
    mover->made_bytes = 0;
    mover->spill.at = mover->spill.count = 0;
    mover->is_in_body = mover->has_padding = mover->has_held = mover->clears_next = false;
    return MR_OK;
}

static enum mr_status damaged(const char *what, struct mr_error *err)
{
    return mr_error_set(err, MR_E_DATA, 0, "%s", what);
}

static bool need_scratch(struct mover *mover, size_t bytes)
{
    if (mover->scratch_bytes >= bytes)
        return true;
    unsigned char *larger = realloc(mover->scratch, bytes);
    if (!larger)
        return false;
    mover->scratch = larger;
    mover->scratch_bytes = bytes;
    return true;
}

static void hand_on(struct mover *mover, struct mr_io *io, size_t bytes)
{
    if (bytes > 0)
        memcpy(io->out, io->in, bytes);
    mover->made_bytes += bytes;
    codec_advance(io, bytes, bytes);
}

/* ---- out of a container ---- */

static enum mr_status begin_pass(struct mover *mover, struct mr_error *err)
{
    if (mover->inflater)
        inflate_reset(mover->inflater);
    else
        mover->inflater = inflate_create(INFLATE_RAW);
    return mover->inflater && need_scratch(mover, SCRATCH_BYTES) ? MR_OK : no_memory(err);
}

#if USES_LIBDEFLATE
/* A small member, checked at once. False: the stream has to say what is wrong with it. */
static bool pass_whole(struct mover *mover, struct mr_io *io)
{
    int64_t size_bytes = mover->entry->size_bytes;
    if (!io->is_last || size_bytes < 0 || size_bytes > (int64_t)WHOLE_MAX_BYTES ||
        io->in_bytes > io->out_bytes || !need_scratch(mover, (size_t)size_bytes + 1))
        return false;
    if (!mover->decompressor)
        mover->decompressor = libdeflate_alloc_decompressor();
    size_t used = 0, made = 0;
    if (!mover->decompressor ||
        libdeflate_deflate_decompress_ex(mover->decompressor, io->in, io->in_bytes, mover->scratch,
                                         (size_t)size_bytes, &used, &made) != LIBDEFLATE_SUCCESS ||
        used != io->in_bytes)
        return false;
    uint64_t begin_bit, end_bit; /* libdeflate takes two symbols that RFC 1951 rules out */
    if (!deflate_walk_last(&mover->walk, io->in, used, &begin_bit, &end_bit))
        return false;
    member_sum_add(&mover->sum, mover->scratch, made);
    hand_on(mover, io, used);
    mover->is_ended = true;
    return true;
}
#endif

/* Decodes as much as there is room for as far as the scratch goes, and hands on what was used. */
static enum mr_status pass_part(struct mover *mover, struct mr_io *io, struct mr_error *err)
{
    size_t part = io->in_bytes < io->out_bytes ? io->in_bytes : io->out_bytes;
    struct mr_io look = {
        .in = io->in, .in_bytes = part, .out = mover->scratch, .out_bytes = SCRATCH_BYTES};
    const char *problem = NULL;
    enum mr_status status = inflate_step(mover->inflater, &look, &problem);
    if (status == MR_E_MEMORY)
        return no_memory(err);
    if (status != MR_OK && status != MR_DONE)
        return mr_error_set(err, MR_E_DATA, 0, "damaged archive: %s", problem);
    size_t used = part - look.in_bytes, made = SCRATCH_BYTES - look.out_bytes;
    member_sum_add(&mover->sum, mover->scratch, made);
    hand_on(mover, io, used);
    mover->is_ended = status == MR_DONE;
    int64_t size_bytes = mover->entry->size_bytes;
    if (size_bytes >= 0 && mover->sum.bytes > (uint64_t)size_bytes)
        return damaged("damaged archive: it is longer than its header declares", err);
    if (!mover->is_ended && used == 0 && made == 0 && io->is_last)
        return damaged("damaged archive: its content breaks off", err);
    return MR_OK;
}

static enum mr_status pass_some(struct mover *mover, struct mr_io *io, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    while (status == MR_OK && !mover->is_ended && io->in_bytes > 0 && io->out_bytes > 0)
        status = pass_part(mover, io, err);
    /* What is still held back comes without input. */
    while (status == MR_OK && !mover->is_ended && io->in_bytes == 0 && io->is_last)
        status = pass_part(mover, io, err);
    if (status == MR_OK && mover->is_ended && io->in_bytes > 0)
        return damaged("damaged archive: something follows the end of its content", err);
    return status;
}

static enum mr_status pass(struct mover *mover, struct mr_io *io, struct mr_error *err)
{
    if (mover->is_fresh) {
        mover->is_fresh = false;
        bool is_done = false;
#if USES_LIBDEFLATE
        is_done = pass_whole(mover, io);
#endif
        enum mr_status status = is_done ? MR_OK : begin_pass(mover, err);
        if (status != MR_OK)
            return status;
    }
    enum mr_status status = pass_some(mover, io, err);
    if (status != MR_OK || !mover->is_ended || !io->is_last)
        return status;
    status = member_sum_check(&mover->sum, mover->entry, err);
    return status == MR_OK ? MR_DONE : status;
}

static enum mr_status pass_process(void *state, struct mr_io *io, struct mr_error *err)
{
    return pass(state, io, err);
}

static size_t same_bound(const void *config, size_t in_bytes)
{
    (void)config;
    return in_bytes;
}

static size_t state_bytes(const void *config)
{
    (void)config;
    return sizeof(struct mover) + WHOLE_MAX_BYTES + INFLATE_MEMORY_BYTES;
}

static const struct mr_encoding *encoding(void *state, int64_t *plain_bytes)
{
    struct mover *mover = state;
    *plain_bytes = (int64_t)mover->sum.bytes;
    mover->encoding = (struct mr_encoding){.method = MR_METHOD_DEFLATE,
                                           .has_crc = true,
                                           .crc = mover->sum.crc,
                                           .stored_bytes = (int64_t)mover->made_bytes};
    return &mover->encoding;
}

const struct mr_operation operation_member_pass = {
    .struct_bytes = sizeof(struct mr_operation),
    .flags = MR_OPERATION_UNPACKS,
    .name = "member",
    .summary = "hands a deflated member on as it is, once its size and CRC are checked",
    .bound = same_bound,
    .state_bytes = state_bytes,
    .state_create = create,
    .start = start,
    .process = pass_process,
    .state_destroy = destroy,
    .internals = &(const struct mr_operation_internals){.encoding = encoding},
};

/* ---- into a gzip member ---- */

static enum mr_status wrap_process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct mover *mover = state;
    /* No name, no time, 255: unknown system (RFC 1952). */
    static const unsigned char header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
    enum mr_status status = MR_OK;
    if (mover->is_fresh && mover->spill.count == 0)
        status = codec_spill_put(&mover->spill, header, sizeof(header), err);
    if (status != MR_OK || !codec_spill_drain(&mover->spill, io))
        return status;
    if (mover->is_in_body) /* here: the trailer is out */
        return MR_DONE;
    status = pass(mover, io, err);
    if (status != MR_DONE)
        return status;
    unsigned char trailer[8];
    for (unsigned i = 0; i < 4; i++) {
        trailer[i] = (unsigned char)(mover->sum.crc >> (8 * i));
        trailer[4 + i] = (unsigned char)(mover->sum.bytes >> (8 * i));
    }
    mover->is_in_body = true;
    status = codec_spill_put(&mover->spill, trailer, sizeof(trailer), err);
    if (status != MR_OK)
        return status;
    return codec_spill_drain(&mover->spill, io) ? MR_DONE : MR_OK;
}

static size_t wrap_bound(const void *config, size_t in_bytes)
{
    (void)config;
    return codec_sum(in_bytes, GZIP_WRAPPING);
}

static enum mr_status wrap_rename(const void *config, char **path)
{
    (void)config;
    return codec_suffix_add(path, ".gz");
}

const struct mr_operation operation_member_to_gzip = {
    .struct_bytes = sizeof(struct mr_operation),
    .flags = MR_OPERATION_UNPACKS,
    .name = "gzip",
    .summary = "puts a deflated member into a gzip member as it is",
    .bound = wrap_bound,
    .state_bytes = state_bytes,
    .rename = wrap_rename,
    .state_create = create,
    .start = start,
    .process = wrap_process,
    .state_destroy = destroy,
};

/* ---- out of gzip members ---- */

static enum mr_status begin_member(struct mover *mover, struct mr_error *err)
{
    if (!need_scratch(mover, SCRATCH_BYTES))
        return no_memory(err);
    int code =
        mover->has_zlib ? inflateReset(&mover->zlib) : inflateInit2(&mover->zlib, GZIP_WINDOW_BITS);
    mover->has_zlib = mover->has_zlib || code == Z_OK;
    return code == Z_OK ? MR_OK : no_memory(err);
}

/* Decodes *used bytes of in, for the sums, up to the next block header. Returns zlib's code. */
static int look_into(struct mover *mover, const unsigned char *in, size_t in_bytes, size_t *used)
{
    z_stream *zlib = &mover->zlib;
    uInt given = in_bytes < UINT_MAX ? (uInt)in_bytes : UINT_MAX;
    zlib->next_in = (z_const Bytef *)in;
    zlib->avail_in = given;
    zlib->next_out = mover->scratch;
    zlib->avail_out = (uInt)SCRATCH_BYTES;
    int code = inflate(zlib, Z_BLOCK);
    *used = given - zlib->avail_in;
    member_sum_add(&mover->sum, mover->scratch, SCRATCH_BYTES - zlib->avail_out);
    return code;
}

/* The next bytes of a body, with the "final" bits that were met cleared. */
static void hand_on_body(struct mover *mover, struct mr_io *io, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned char next = io->in[i];
        if (mover->clears_next)
            next &= 0xfe;
        mover->clears_next = false;
        if (mover->has_held) {
            *io->out++ = mover->held;
            io->out_bytes--;
            mover->made_bytes++;
        }
        mover->held = next;
        mover->has_held = true;
    }
    codec_advance(io, bytes, 0);
}

/* The end of a member's last block, with unused bits left in the byte that is held. */
static enum mr_status end_body(struct mover *mover, unsigned unused, struct mr_error *err)
{
    unsigned char end[JOIN_BYTES];
    size_t count = 0;
    end[count++] = (unsigned char)(mover->held & (0xffu >> unused));
    if (unused < 3)
        end[count++] = 0;
    static const unsigned char empty[4] = {0x00, 0x00, 0xff, 0xff};
    memcpy(end + count, empty, sizeof(empty));
    count += sizeof(empty);
    mover->has_held = mover->is_in_body = false;
    mover->made_bytes += count;
    return codec_spill_put(&mover->spill, end, count, err);
}

/* zlib has stopped; the bytes that it took were handed on. */
static enum mr_status look_where(struct mover *mover, struct mr_error *err)
{
    unsigned type = (unsigned)mover->zlib.data_type, unused = type & 7;
    if (!(type & IS_AT_BLOCK))
        return MR_OK;
    if (type & IS_LAST_BLOCK)
        return mover->is_in_body ? end_body(mover, unused, err) : MR_OK;
    bool begins = !mover->is_in_body;
    mover->is_in_body = true;
    if (begins || unused == 0)
        mover->clears_next = true;
    else
        mover->held &= (unsigned char)~(1u << (8 - unused));
    return MR_OK;
}

static enum mr_status join_some(struct mover *mover, struct mr_io *io, struct mr_error *err)
{
    size_t used = 0, part = io->in_bytes < io->out_bytes ? io->in_bytes : io->out_bytes;
    int code = look_into(mover, io->in_bytes > 0 ? io->in : (const unsigned char *)"", part, &used);
    if (code == Z_MEM_ERROR)
        return no_memory(err);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return damaged("the gzip data is damaged", err);
    if (mover->is_in_body)
        hand_on_body(mover, io, used);
    else
        codec_advance(io, used, 0);
    mover->is_ended = code == Z_STREAM_END;
    return mover->is_ended ? MR_OK : look_where(mover, err);
}

/* What is no gzip data at all is told apart from what is damaged. */
static enum mr_status first_member(struct mover *mover, const struct mr_io *io,
                                   struct mr_error *err)
{
    if (io->in_bytes == 0 && io->is_last)
        return damaged("empty input is no gzip file", err);
    if ((io->in_bytes > 0 && io->in[0] != 0x1f) || (io->in_bytes > 1 && io->in[1] != 0x8b))
        return damaged("this is no gzip file", err);
    return begin_member(mover, err);
}

/* Between members. MR_DONE: that was all. */
static enum mr_status next_member(struct mover *mover, struct mr_io *io, struct mr_error *err)
{
    for (; io->in_bytes > 0 && *io->in == 0; codec_advance(io, 1, 0))
        mover->has_padding = true;
    if (io->in_bytes == 0)
        return io->is_last ? MR_DONE : MR_OK;
    if (mover->has_padding || *io->in != 0x1f) {
        codec_advance(io, io->in_bytes, 0);
        io->remark = "trailing garbage after the end of the compressed data was left out";
        return MR_DONE;
    }
    mover->is_ended = false;
    return begin_member(mover, err);
}

static enum mr_status join_process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct mover *mover = state;
    enum mr_status status = MR_OK;
    if (mover->is_fresh) {
        mover->is_fresh = false;
        status = first_member(mover, io, err);
    }
    while (status == MR_OK) {
        if (!codec_spill_drain(&mover->spill, io) || io->out_bytes == 0)
            return MR_OK;
        if (mover->is_ended && mover->clears_next) /* here: the final block is out */
            return MR_DONE;
        if (mover->is_ended) {
            size_t before = io->in_bytes;
            status = next_member(mover, io, err);
            if (status == MR_OK && mover->is_ended && (before == 0 || io->in_bytes == 0))
                return MR_OK;
            if (status == MR_DONE) {
                static const unsigned char final[] = {0x03, 0x00};
                mover->clears_next = true;
                mover->made_bytes += sizeof(final);
                status = codec_spill_put(&mover->spill, final, sizeof(final), err);
            }
            continue;
        }
        size_t had_in = io->in_bytes;
        uint64_t had_sum = mover->sum.bytes;
        status = join_some(mover, io, err);
        bool is_stuck = had_in == io->in_bytes && had_sum == mover->sum.bytes &&
                        mover->spill.count == 0 && !mover->is_ended;
        if (status == MR_OK && io->in_bytes == 0 && is_stuck)
            return io->is_last ? damaged("the gzip data is truncated: its end is missing", err)
                               : MR_OK;
    }
    return status;
}

static size_t join_bound(const void *config, size_t in_bytes)
{
    (void)config;
    return codec_sum(in_bytes, JOIN_BYTES);
}

static enum mr_status join_rename(const void *config, char **path)
{
    (void)config;
    return codec_suffix_remove(path, "gzip");
}

const struct mr_operation operation_gzip_to_member = {
    .struct_bytes = sizeof(struct mr_operation),
    .flags = MR_OPERATION_UNPACKS,
    .name = "gunzip",
    .summary = "takes the deflate data out of gzip members as it is",
    .bound = join_bound,
    .state_bytes = state_bytes,
    .rename = join_rename,
    .state_create = create,
    .start = start,
    .process = join_process,
    .state_destroy = destroy,
    .internals = &(const struct mr_operation_internals){.encoding = encoding},
};
