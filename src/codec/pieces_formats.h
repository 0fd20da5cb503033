/* pieces_formats.h - what a format gives to pieces.c, and the formats that there are. */
#ifndef MR_CODEC_PIECES_FORMATS_H
#define MR_CODEC_PIECES_FORMATS_H

#include "codec/pieces.h"
#include "codec/unwrap_formats.h"

/* Members that are small make a piece together, up to this. */
#define PIECES_PLAIN_BYTES ((size_t)1 << 20)

struct pieces_format {
    const struct unwrap_format *format;
    size_t decoder_bytes; /* of memory that one takes, beside its piece and what it makes */
    /* As pieces_cut(); size_bytes is at least 1. */
    enum mr_status (*cut)(const unsigned char *data, size_t size_bytes, bool is_all,
                          size_t out_max_bytes, size_t *in_bytes);
    void *(*create)(void); /* NULL when out of memory */
    void (*destroy)(void *decoder);
    /* As pieces_decode(), into an empty room. */
    enum mr_status (*decode)(void *decoder, const unsigned char *in, size_t in_bytes,
                             size_t out_max_bytes, struct piece_room *room);
};

extern const struct pieces_format pieces_gzip, pieces_zstd, pieces_xz;

/* Room for need_bytes in all, of at most max_bytes. False when that is too much, or there is no
 * memory. */
bool piece_room_grow(struct piece_room *room, size_t need_bytes, size_t max_bytes);

#endif
