/*
 * deflate_walk.h - where the last deflate block of a deflate stream (RFC 1951) lies, to the bit.
 *
 * The symbols are decoded, the content is not made: distances and lengths are only stepped over,
 * so a distance that reaches back too far is not noticed. All reads stay within the stream.
 */
#ifndef MR_CODEC_DEFLATE_WALK_H
#define MR_CODEC_DEFLATE_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEFLATE_WALK_SYMBOLS   288 /* of the larger code */
#define DEFLATE_WALK_BITS_MAX  15
#define DEFLATE_WALK_FAST_BITS 11

/* One Huffman code. */
struct deflate_walk_code {
    uint16_t count[DEFLATE_WALK_BITS_MAX + 1];  /* codewords of each length */
    uint16_t sorted[DEFLATE_WALK_SYMBOLS];      /* symbols by length, then by value */
    uint16_t fast[1 << DEFLATE_WALK_FAST_BITS]; /* by the next bits of the stream */
};

/* Working memory, about 10 KiB: need not be initialised; for one call at a time. */
struct deflate_walk {
    struct deflate_walk_code literals, distances;
    uint8_t lengths[DEFLATE_WALK_SYMBOLS + 32];
};

/*
 * Bit n is bit n % 8, counted from the lowest, of byte n / 8. begin_bit is the bit that says
 * "final", end_bit the first one behind the block. False: the stream is damaged or cut short. What
 * follows the last block is not looked at.
 */
bool deflate_walk_last(struct deflate_walk *walk, const unsigned char *stream, size_t bytes,
                       uint64_t *begin_bit, uint64_t *end_bit);

#endif
