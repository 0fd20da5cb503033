/* pieces_zstd.c - zstd of several frames that tell their sizes. */
#include "codec/pieces_formats.h"
#include "config.h"

#if MR_HAVE_ZSTD

#include <zstd.h>

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
    while (at < size_bytes && plain < PIECES_PLAIN_BYTES) {
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
static enum mr_status decode_zstd(void *decoder, const unsigned char *in, size_t in_bytes,
                                  size_t out_max_bytes, struct piece_room *room)
{
    uint64_t plain = 0, more = 0;
    for (size_t at = 0; at < in_bytes; plain += more) {
        size_t frame = zstd_frame_bytes(in + at, in_bytes - at, &more);
        if (frame == 0 || more > out_max_bytes - plain)
            return MR_E_DATA;
        at += frame;
    }
    if (!piece_room_grow(room, (size_t)plain + 1, out_max_bytes + 1))
        return MR_E_LIMIT;
    size_t made = ZSTD_decompressDCtx(decoder, room->bytes, room->cap_bytes, in, in_bytes);
    if (ZSTD_isError(made) || made != plain)
        return MR_E_DATA;
    room->size_bytes = made;
    return MR_OK;
}
static void *create(void)
{
    return ZSTD_createDCtx();
}

static void destroy(void *decoder)
{
    ZSTD_freeDCtx(decoder);
}

const struct pieces_format pieces_zstd = {
    .format = &unwrap_zstd,
    .cut = cut_zstd,
    .create = create,
    .destroy = destroy,
    .decode = decode_zstd,
};

#endif
