/*
 * pieces.h - compressed data that is made of many members or frames, cut into pieces that can be
 * decoded each on its own and at once: bgzf (the BC field of the SAM specification, section 4.1),
 * gzip of several members, zstd of several frames that tell their sizes, xz of several streams.
 *
 * A cut between gzip members is a guess, which decoding proves: a piece is good when its last
 * member ends just at its end.
 */
#ifndef MR_CODEC_PIECES_H
#define MR_CODEC_PIECES_H

#include "codec/unwrap.h"

/* A good number to begin to look for a piece in. */
#define PIECES_READ_BYTES ((size_t)640 << 10)

/* True when data of the format may be cut. */
bool pieces_are_possible(const struct unwrap_format *format);
/* Memory that a decoder takes beside a piece and what comes of it; 0: next to nothing. */
size_t pieces_decoder_bytes(const struct unwrap_format *format);

/*
 * Looks for a piece at the beginning of data, where a member or frame should begin. is_all: nothing
 * follows data. MR_OK: *in_bytes of it are one. MR_AGAIN: more data is needed to tell. MR_DONE:
 * there is none that makes at most out_max_bytes.
 */
enum mr_status pieces_cut(const struct unwrap_format *format, const unsigned char *data,
                          size_t size_bytes, bool is_all, size_t out_max_bytes, size_t *in_bytes);

/* Decodes pieces of a format; used by one thread at a time. NULL when out of memory. */
struct piece_decoder;
struct piece_decoder *pieces_decoder_create(const struct unwrap_format *format);
void pieces_decoder_destroy(struct piece_decoder *decoder); /* NULL is a no-op */

/* Plain bytes; grown by realloc() as needed. Zero-initialised is empty. */
struct piece_room {
    unsigned char *bytes; /* owned */
    size_t cap_bytes, size_bytes;
};

/* Decodes a piece from the beginning of room. MR_OK, or any error when it is no good piece, makes
 * more than out_max_bytes, or memory ran out: then the data must be decoded in order. */
enum mr_status pieces_decode(struct piece_decoder *decoder, const unsigned char *in,
                             size_t in_bytes, size_t out_max_bytes, struct piece_room *room);

#endif
