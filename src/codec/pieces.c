#include "codec/pieces.h"

#include <stdlib.h>

#include "codec/pieces_formats.h"
#include "config.h"

#define ROOM_BYTES ((size_t)1 << 20) /* to begin with */

static const struct pieces_format *const formats[] = {
    &pieces_gzip,
#if MR_HAVE_ZSTD
    &pieces_zstd,
#endif
#if MR_HAVE_LZMA
    &pieces_xz,
#endif
};

struct piece_decoder {
    const struct pieces_format *format;
    void *decoder;
};

/* NULL: data of the format is not cut. */
static const struct pieces_format *find(const struct unwrap_format *format)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (formats[i]->format == format)
            return formats[i];
    return NULL;
}

bool pieces_are_possible(const struct unwrap_format *format)
{
    return find(format) != NULL;
}

size_t pieces_decoder_bytes(const struct unwrap_format *format)
{
    const struct pieces_format *found = find(format);
    return found ? found->decoder_bytes : 0;
}

enum mr_status pieces_cut(const struct unwrap_format *format, const unsigned char *data,
                          size_t size_bytes, bool is_all, size_t out_max_bytes, size_t *in_bytes)
{
    const struct pieces_format *found = find(format);
    if (!found || size_bytes == 0)
        return MR_DONE;
    return found->cut(data, size_bytes, is_all, out_max_bytes, in_bytes);
}

struct piece_decoder *pieces_decoder_create(const struct unwrap_format *format)
{
    struct piece_decoder *made = calloc(1, sizeof(*made));
    if (!made)
        return NULL;
    made->format = find(format);
    made->decoder = made->format->create();
    if (made->decoder)
        return made;
    free(made);
    return NULL;
}

void pieces_decoder_destroy(struct piece_decoder *decoder)
{
    if (!decoder)
        return;
    decoder->format->destroy(decoder->decoder);
    free(decoder);
}

bool piece_room_grow(struct piece_room *room, size_t need_bytes, size_t max_bytes)
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

enum mr_status pieces_decode(struct piece_decoder *decoder, const unsigned char *in,
                             size_t in_bytes, size_t out_max_bytes, struct piece_room *room)
{
    room->size_bytes = 0;
    return decoder->format->decode(decoder->decoder, in, in_bytes, out_max_bytes, room);
}
