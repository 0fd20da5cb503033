/*
 * decode_pieces.h - pieces of a compressed input, decoded at once by threads of their own and given
 * in order. See codec/pieces.h.
 *
 * Used by one thread. It waits for pieces, whose threads wait for nothing.
 */
#ifndef MR_SOURCE_DECODE_PIECES_H
#define MR_SOURCE_DECODE_PIECES_H

#include "codec/pieces.h"
#include "millrace/pool.h"
#include "source/decode_stream.h"

#define DECODE_PIECE_MIN_BYTES ((size_t)1 << 20) /* smaller ones are not worth it */

struct decode_pieces;

/*
 * piece_max_bytes: of one piece, both compressed and plain. input and watch are copied; input can
 * seek. Pieces are decoded in pool, by the caller what nobody there has begun when it is wanted;
 * or, when that is NULL, by threads that are started with the first piece, in a pool called
 * pool_name (not copied). NULL when out of memory.
 */
struct decode_pieces *decode_pieces_create(const struct unwrap_format *format,
                                           const struct decode_input *input, unsigned thread_count,
                                           size_t piece_max_bytes, struct mr_pool *pool,
                                           const char *pool_name, const struct decode_watch *watch);
/* Ends what is being decoded. NULL is a no-op. */
void decode_pieces_destroy(struct decode_pieces *pieces);

/* How many pieces are in memory at once. */
unsigned decode_pieces_count(unsigned thread_count);

/* Begins at an offset where a frame may begin. */
void decode_pieces_start(struct decode_pieces *pieces, int64_t offset_bytes);
/*
 * Puts the next piece into the block, whose own bytes it exchanges for others. False: there is
 * none; the data must be decoded in order from decode_pieces_offset() on, and nothing is being
 * decoded any more.
 */
bool decode_pieces_next(struct decode_pieces *pieces, struct decode_block *block);
/* Behind the last piece that was given. */
int64_t decode_pieces_offset(const struct decode_pieces *pieces);

#endif
