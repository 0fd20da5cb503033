#include "codec/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "codec/inflate.h"
#include "codec/unwrap_formats.h"
#include "config.h"

#if MR_HAVE_ZSTD
#include <zstd.h>
#endif

#define GZIP_APART_BYTES ((size_t)512 << 10) /* of compressed data, at least, in a piece by guess  \
                                              */
#define PLAIN_BYTES      ((size_t)1 << 20)   /* small members make a piece together, up to this */
#define GZIP_FIXED_BYTES ((size_t)10)        /* of a header, RFC 1952 section 2.3 */
#define ROOM_BYTES       ((size_t)1 << 20)   /* to begin with */

struct piece_decoder {
    const struct unwrap_format *format;
    struct inflater *inflater;
#if MR_HAVE_ZSTD
    ZSTD_DCtx *zstd;
#endif
};

static bool is_zstd(const struct unwrap_format *format)
{
#if MR_HAVE_ZSTD
    return format == &unwrap_zstd;
#else
    (void)format;
    return false;
#endif
}

bool pieces_are_possible(const struct unwrap_format *format)
{
    return format == &unwrap_gzip || is_zstd(format);
}

static unsigned get_16(const unsigned char *at)
{
    return at[0] | (unsigned)at[1] << 8;
}

static uint32_t get_32(const unsigned char *at)
{
    return get_16(at) | (uint32_t)get_16(at + 2) << 16;
}

/* A header as programs write it: flags, XFL and OS with the values that RFC 1952 knows. */
static bool may_be_gzip(const unsigned char *head)
{
    bool is_known = head[8] == 0 || head[8] == 2 || head[8] == 4;
    return head[0] == 0x1f && head[1] == 0x8b && head[2] == 8 && (head[3] & 0xe0) == 0 &&
           is_known && (head[9] <= 13 || head[9] == 255);
}

/* The size of a bgzf block with its header and trailer; 0: it is none, or not all of its header is
 * there. */
static size_t bgzf_block_bytes(const unsigned char *data, size_t size_bytes)
{
    enum { HEAD_BYTES = 18, HAS_EXTRA = 4 };
    if (size_bytes < HEAD_BYTES || !may_be_gzip(data) || data[3] != HAS_EXTRA ||
        get_16(data + 10) != 6 || data[12] != 'B' || data[13] != 'C' || get_16(data + 14) != 2)
        return 0;
    return (size_t)get_16(data + 16) + 1;
}

static enum mr_status cut_bgzf(const unsigned char *data, size_t size_bytes, bool is_all,
                               size_t out_max_bytes, size_t *in_bytes)
{
    enum { BLOCK_MIN_BYTES = 26 };
    size_t at = 0, plain = 0;
    size_t most = PLAIN_BYTES < out_max_bytes ? PLAIN_BYTES : out_max_bytes;
    for (;;) {
        size_t block = bgzf_block_bytes(data + at, size_bytes - at);
        if (block < BLOCK_MIN_BYTES || block > size_bytes - at)
            break;
        size_t more = get_32(data + at + block - 4);
        if (more > most - plain)
            break;
        plain += more;
        at += block;
    }
    *in_bytes = at;
    if (at > 0)
        return MR_OK;
    return is_all || size_bytes > 2 * (size_t)UINT16_MAX ? MR_DONE : MR_AGAIN;
}

static enum mr_status cut_gzip(const unsigned char *data, size_t size_bytes, bool is_all,
                               size_t out_max_bytes, size_t *in_bytes)
{
    if (size_bytes < GZIP_FIXED_BYTES || !may_be_gzip(data))
        return MR_DONE;
    if (bgzf_block_bytes(data, size_bytes) > 0)
        return cut_bgzf(data, size_bytes, is_all, out_max_bytes, in_bytes);
    size_t at = GZIP_APART_BYTES;
    while (at + GZIP_FIXED_BYTES <= size_bytes) {
        const unsigned char *found =
            memchr(data + at, 0x1f, size_bytes - at - GZIP_FIXED_BYTES + 1);
        if (!found)
            break;
        at = (size_t)(found - data);
        if (may_be_gzip(found)) {
            *in_bytes = at;
            return MR_OK;
        }
        at++;
    }
    *in_bytes = size_bytes;
    return is_all ? MR_OK : MR_AGAIN;
}

#if MR_HAVE_ZSTD
/* The frame at data: its size, 0 when it is not all there or is none. */
static size_t zstd_frame_bytes(const unsigned char *data, size_t size_bytes, uint64_t *plain_bytes)
{
    size_t bytes = ZSTD_findFrameCompressedSize(data, size_bytes);
    if (ZSTD_isError(bytes) || bytes > size_bytes)
        return 0;
    *plain_bytes = ZSTD_getFrameContentSize(data, size_bytes); /* 0 for one to skip */
    return bytes;
}

static enum mr_status cut_zstd(const unsigned char *data, size_t size_bytes, bool is_all,
                               size_t out_max_bytes, size_t *in_bytes)
{
    size_t at = 0, plain = 0;
    while (at < size_bytes && plain < PLAIN_BYTES) {
        uint64_t more = 0;
        size_t frame = zstd_frame_bytes(data + at, size_bytes - at, &more);
        if (frame == 0)
            break;
        if (more > out_max_bytes - plain) { /* also when it is not known */
            if (at == 0)
                return MR_DONE;
            break;
        }
        at += frame;
        plain += (size_t)more;
    }
    *in_bytes = at;
    if (at > 0)
        return MR_OK;
    return is_all ? MR_DONE : MR_AGAIN;
}
#endif

enum mr_status pieces_cut(const struct unwrap_format *format, const unsigned char *data,
                          size_t size_bytes, bool is_all, size_t out_max_bytes, size_t *in_bytes)
{
    if (size_bytes == 0)
        return MR_DONE;
#if MR_HAVE_ZSTD
    if (is_zstd(format))
        return cut_zstd(data, size_bytes, is_all, out_max_bytes, in_bytes);
#endif
    return format == &unwrap_gzip ? cut_gzip(data, size_bytes, is_all, out_max_bytes, in_bytes)
                                  : MR_DONE;
}

struct piece_decoder *pieces_decoder_create(const struct unwrap_format *format)
{
    struct piece_decoder *made = calloc(1, sizeof(*made));
    if (!made)
        return NULL;
    made->format = format;
    bool is_made;
#if MR_HAVE_ZSTD
    if (is_zstd(format))
        is_made = (made->zstd = ZSTD_createDCtx()) != NULL;
    else
#endif
        is_made = (made->inflater = inflate_create(INFLATE_GZIP)) != NULL;
    if (is_made)
        return made;
    pieces_decoder_destroy(made);
    return NULL;
}

void pieces_decoder_destroy(struct piece_decoder *decoder)
{
    if (!decoder)
        return;
#if MR_HAVE_ZSTD
    ZSTD_freeDCtx(decoder->zstd);
#endif
    inflate_destroy(decoder->inflater);
    free(decoder);
}

/* Room for need_bytes in all. False when that is too much. */
static bool grow(struct piece_room *room, size_t need_bytes, size_t max_bytes)
{
    if (need_bytes <= room->cap_bytes)
        return true;
    size_t cap = 2 * room->cap_bytes < ROOM_BYTES ? ROOM_BYTES : 2 * room->cap_bytes;
    cap = cap < need_bytes ? need_bytes : cap;
    cap = cap > max_bytes ? max_bytes : cap;
    if (cap < need_bytes)
        return false;
    unsigned char *grown = realloc(room->bytes, cap);
    if (!grown)
        return false;
    room->bytes = grown;
    room->cap_bytes = cap;
    return true;
}

static enum mr_status decode_gzip(struct piece_decoder *decoder, const unsigned char *in,
                                  size_t in_bytes, size_t out_max_bytes, struct piece_room *room)
{
    const char *problem = NULL;
    struct mr_io io = {.in = in, .in_bytes = in_bytes, .is_last = true};
    inflate_reset(decoder->inflater);
    for (;;) {
        if (!grow(room, room->size_bytes + 1, out_max_bytes))
            return MR_E_LIMIT;
        size_t room_bytes = room->cap_bytes - room->size_bytes;
        io.out = room->bytes + room->size_bytes;
        io.out_bytes = room_bytes;
        enum mr_status status = inflate_step(decoder->inflater, &io, &problem);
        room->size_bytes += room_bytes - io.out_bytes;
        if (status == MR_DONE) {
            if (io.in_bytes == 0)
                return MR_OK;
            inflate_reset(decoder->inflater);
        } else if (status != MR_OK) {
            return status;
        } else if (io.out_bytes > 0) { /* it broke off */
            return MR_E_DATA;
        }
    }
}

#if MR_HAVE_ZSTD
static enum mr_status decode_zstd(struct piece_decoder *decoder, const unsigned char *in,
                                  size_t in_bytes, size_t out_max_bytes, struct piece_room *room)
{
    uint64_t plain = 0, more = 0;
    for (size_t at = 0; at < in_bytes; plain += more) {
        size_t frame = zstd_frame_bytes(in + at, in_bytes - at, &more);
        if (frame == 0 || more > out_max_bytes - plain)
            return MR_E_DATA;
        at += frame;
    }
    if (!grow(room, (size_t)plain + 1, out_max_bytes + 1))
        return MR_E_LIMIT;
    size_t made = ZSTD_decompressDCtx(decoder->zstd, room->bytes, room->cap_bytes, in, in_bytes);
    if (ZSTD_isError(made) || made != plain)
        return MR_E_DATA;
    room->size_bytes = made;
    return MR_OK;
}
#endif

enum mr_status pieces_decode(struct piece_decoder *decoder, const unsigned char *in,
                             size_t in_bytes, size_t out_max_bytes, struct piece_room *room)
{
    room->size_bytes = 0;
#if MR_HAVE_ZSTD
    if (is_zstd(decoder->format))
        return decode_zstd(decoder, in, in_bytes, out_max_bytes, room);
#endif
    return decode_gzip(decoder, in, in_bytes, out_max_bytes, room);
}
