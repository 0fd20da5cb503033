/* pieces_gzip.c - gzip of several members, and bgzf, which is that with the sizes of its blocks. */
#include <string.h>

#include "codec/inflate.h"
#include "codec/pieces_formats.h"

/* Of compressed data, at least, in a piece by guess. */
#define GZIP_APART_BYTES ((size_t)512 << 10)
/* Of a header, RFC 1952 section 2.3. */
#define GZIP_FIXED_BYTES ((size_t)10)

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
    size_t most = PIECES_PLAIN_BYTES < out_max_bytes ? PIECES_PLAIN_BYTES : out_max_bytes;
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

static enum mr_status decode_gzip(void *decoder, const unsigned char *in, size_t in_bytes,
                                  size_t out_max_bytes, struct piece_room *room)
{
    const char *problem = NULL;
    struct mr_io io = {.in = in, .in_bytes = in_bytes, .is_last = true};
    inflate_reset(decoder);
    for (;;) {
        if (!piece_room_grow(room, room->size_bytes + 1, out_max_bytes))
            return MR_E_LIMIT;
        size_t room_bytes = room->cap_bytes - room->size_bytes;
        io.out = room->bytes + room->size_bytes;
        io.out_bytes = room_bytes;
        enum mr_status status = inflate_step(decoder, &io, &problem);
        room->size_bytes += room_bytes - io.out_bytes;
        if (status == MR_DONE) {
            if (io.in_bytes == 0)
                return MR_OK;
            inflate_reset(decoder);
        } else if (status != MR_OK) {
            return status;
        } else if (io.out_bytes > 0) { /* it broke off */
            return MR_E_DATA;
        }
    }
}

static void *create(void)
{
    return inflate_create(INFLATE_GZIP);
}

static void destroy(void *decoder)
{
    inflate_destroy(decoder);
}

const struct pieces_format pieces_gzip = {
    .format = &unwrap_gzip,
    .cut = cut_gzip,
    .create = create,
    .destroy = destroy,
    .decode = decode_gzip,
};
