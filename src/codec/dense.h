/*
 * dense.h - finds content that deflate cannot make smaller, so that it is stored without the
 * attempt.
 *
 * Content is judged in pieces. A few bytes of each tell text, programs and pictures from noise at
 * next to no cost. Only what looks like noise is then looked at in full: a piece is dense when its
 * byte values are as frequent as chance makes them and nothing in it repeats.
 */
#ifndef MR_CODEC_DENSE_H
#define MR_CODEC_DENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DENSE_PIECE_BYTES ((size_t)64 << 10)
#define DENSE_SEEN_BITS   12

/* Working memory, 17 KiB: need not be initialised; for one call at a time. */
struct dense {
    uint32_t seen[1 << DENSE_SEEN_BITS]; /* where four bytes were met last, by their hash */
    uint32_t counts[256];
};

/*
 * Judges the beginning of in: puts whether it is dense, and returns how many bytes that holds for:
 * whole pieces, or all that is left. bytes must be less than 2^32.
 */
size_t dense_run(struct dense *dense, const unsigned char *in, size_t bytes, bool *is_dense);

#endif
