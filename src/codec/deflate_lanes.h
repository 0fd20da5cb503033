/* deflate_lanes.h - walks through a deflate block in several places at once; and what that shares
 * with deflate_walk.c, which alone uses this. */
#ifndef MR_CODEC_DEFLATE_LANES_H
#define MR_CODEC_DEFLATE_LANES_H

#include <string.h>

#include "codec/deflate_walk.h"

#define WALK_FAST_SIZE   (1u << DEFLATE_WALK_FAST_BITS)
#define WALK_MARGIN_BITS (16u * 8) /* the fast loops stay so far away from the end */

/*
 * An entry of a fast table: how many bits to step over, extra bits of a length or distance
 * included, none in a slow one; and for building, how many of them are codewords.
 */
#define WALK_STEP_MASK  0x3fu
#define WALK_IS_SLOW    0x80u   /* end of block, a long codeword, or none at all */
#define WALK_IS_MATCH   0x8000u /* a distance follows; the sign */
#define WALK_CODE_SHIFT 8
#define WALK_CODE_MASK  0xfu

struct walk_reader {
    const unsigned char *stream;
    size_t bytes;
    uint64_t at_bit; /* may step over the end, where zeros are read */
};

static inline uint64_t walk_load64(const unsigned char *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof(word));
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* Steps over one symbol, bit by bit. False: it is the end of the block, or none; then the reader
 * stays before it. */
bool deflate_walk_pass(struct walk_reader *reader, const struct deflate_walk *walk);

/*
 * Goes on from one symbol to a later one, as far as that can be done here: not at all in a short
 * stream, else through whole segments of it, or up to what cannot be stepped over. False: there is
 * more to be done here.
 */
bool deflate_lanes_run(struct walk_reader *reader, const struct deflate_walk *walk);

#endif
