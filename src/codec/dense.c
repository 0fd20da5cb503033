#include "codec/dense.h"

#include <string.h>

#define SMALLEST_BYTES ((size_t)4 << 10) /* less is compressed before it is looked at */
#define SAMPLE_BYTES   64
#define SAMPLE_COUNT   4
/* Of 256 bytes of noise 162 are different, give or take 6; of text less than 80. */
#define SAMPLE_VALUES_MIN 140
#define WINDOW_BYTES      ((size_t)32 << 10) /* how far deflate reaches back */
#define MATCH_COST_BYTES  3                  /* what a match takes, about */

static size_t piece_at(size_t left)
{
    return left < DENSE_PIECE_BYTES ? left : DENSE_PIECE_BYTES;
}

/* How many byte values there are in a few samples. */
static bool may_be_dense(const unsigned char *piece, size_t bytes)
{
    uint64_t met[4] = {0};
    if (bytes < SMALLEST_BYTES)
        return false;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const unsigned char *sample = piece + (bytes - SAMPLE_BYTES) * i / (SAMPLE_COUNT - 1);
        for (size_t k = 0; k < SAMPLE_BYTES; k++)
            met[sample[k] / 64] |= (uint64_t)1 << (sample[k] % 64);
    }
    int values = 0;
    for (size_t i = 0; i < 4; i++)
        values += __builtin_popcountll(met[i]);
    return values >= SAMPLE_VALUES_MIN;
}

/*
 * Whether the byte values are as frequent as in noise. For noise the sum of
 * (count - mean)^2 / mean is 255, give or take 23; each 1.4 more are a bit that Huffman coding
 * would save. 0.1% of the piece may be lost.
 */
static bool is_even(struct dense *dense, const unsigned char *piece, size_t bytes)
{
    memset(dense->counts, 0, sizeof(dense->counts));
    for (size_t i = 0; i < bytes; i++)
        dense->counts[piece[i]]++;
    double mean = (double)bytes / 256, sum = 0;
    for (size_t i = 0; i < 256; i++) {
        double off = (double)dense->counts[i] - mean;
        sum += off * off;
    }
    double saved_bits = (sum / mean - 255) / 1.386;
    return saved_bits < (double)bytes * 8 / 1000 + 32;
}

static uint32_t load32(const unsigned char *from)
{
    uint32_t word;
    memcpy(&word, from, sizeof(word));
    return word;
}

/* Whether what stands in in[from..to) was met before within reach, more than 0.1% of it. */
static bool repeats(struct dense *dense, const unsigned char *in, size_t from, size_t to)
{
    size_t saved = 0, limit = (to - from) / 1000 + 4;
    for (size_t i = from; i + 4 <= to && saved <= limit;) {
        uint32_t word = load32(in + i);
        uint32_t *seen = &dense->seen[(word * 2654435761u) >> (32 - DENSE_SEEN_BITS)];
        size_t before = *seen, length = 4;
        *seen = (uint32_t)i;
        if (before >= i || i - before > WINDOW_BYTES || load32(in + before) != word) {
            i++;
            continue;
        }
        while (i + length < to && in[before + length] == in[i + length])
            length++;
        saved += length - MATCH_COST_BYTES;
        i += length;
    }
    return saved > limit;
}

size_t dense_run(struct dense *dense, const unsigned char *in, size_t bytes, bool *is_dense)
{
    size_t at = 0, piece = 0;
    bool is_first = true, is_fresh = true;
    for (*is_dense = false; at < bytes; at += piece) {
        piece = piece_at(bytes - at);
        bool looks_dense = may_be_dense(in + at, piece) && is_even(dense, in + at, piece);
        if (looks_dense && is_fresh) {
            memset(dense->seen, 0xff, sizeof(dense->seen)); /* nothing met */
            is_fresh = false;
        }
        looks_dense = looks_dense && !repeats(dense, in, at, at + piece);
        if (!is_first && looks_dense != *is_dense)
            break;
        *is_dense = looks_dense;
        is_first = false;
    }
    return at;
}
