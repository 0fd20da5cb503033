/*
 * Written from the specification: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input
 * PRF" (INDOCRYPT 2012), sections 2.1 to 2.4; the 128-bit output (the constants 0xee and 0xdd, the
 * second half after four more rounds) as its authors define it in the notes to their reference
 * implementation.
 */
#include "base/siphash.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/io.h"

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t read_le64(const unsigned char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value)); /* one load: half of all is this function otherwise */
    return le64toh(value);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] = rotate_left(v[2], 32);
}

static inline void sip_rounds(uint64_t v[4], unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        sip_round(v);
}

static inline void take_word(uint64_t v[4], uint64_t word, unsigned rounds)
{
    v[3] ^= word;
    sip_rounds(v, rounds);
    v[0] ^= word;
}

void siphash_start(struct siphash *state, enum siphash_kind kind,
                   const unsigned char key[SIPHASH_KEY_BYTES])
{
    uint64_t k0 = read_le64(key);
    uint64_t k1 = read_le64(key + 8);
    *state = (struct siphash){.v = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du ^ 0xee,
                                    k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u},
                              .kind = kind};
}

/* Whole words. Called with a number for rounds, so that there is a loop for each. */
static inline void take_words(uint64_t state[4], const unsigned char *at, size_t count,
                              unsigned rounds)
{
    uint64_t v[4]; /* of its own, so that it stays in registers */
    memcpy(v, state, sizeof(v));
    for (; count > 0; count--, at += 8)
        take_word(v, read_le64(at), rounds);
    memcpy(state, v, sizeof(v));
}

/* A byte at a time, until that makes a word. Returns what is left. */
static const unsigned char *take_bytes(struct siphash *state, const unsigned char *at,
                                       const unsigned char *end)
{
    while (at < end) {
        state->word |= (uint64_t)*at++ << (8 * (state->size_bytes++ % 8));
        if (state->size_bytes % 8 != 0)
            continue;
        take_word(state->v, state->word, state->kind == SIPHASH_1_3 ? 1 : 2);
        state->word = 0;
        break;
    }
    return at;
}

void siphash_add(struct siphash *state, const void *data, size_t size_bytes)
{
    const unsigned char *at = data, *end = at + size_bytes;
    if (state->size_bytes % 8 != 0)
        at = take_bytes(state, at, end);
    size_t count = (size_t)(end - at) / 8;
    if (count > 0 && state->kind == SIPHASH_1_3)
        take_words(state->v, at, count, 1);
    else if (count > 0)
        take_words(state->v, at, count, 2);
    state->size_bytes += 8 * count;
    take_bytes(state, at + 8 * count, end);
}

void siphash_end(struct siphash *state, uint64_t hash[2])
{
    uint64_t *v = state->v;
    unsigned rounds = state->kind == SIPHASH_1_3 ? 1 : 2, last_rounds = rounds + 2;
    take_word(v, state->word | state->size_bytes << 56, rounds);
    v[2] ^= 0xee;
    sip_rounds(v, last_rounds);
    hash[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
    sip_rounds(v, last_rounds);
    hash[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}

void siphash_128(const unsigned char key[SIPHASH_KEY_BYTES], const void *data, size_t size_bytes,
                 uint64_t hash[2])
{
    struct siphash state;
    siphash_start(&state, SIPHASH_2_4, key);
    siphash_add(&state, data, size_bytes);
    siphash_end(&state, hash);
}

enum mr_status siphash_make_key(unsigned char key[SIPHASH_KEY_BYTES], struct mr_error *err)
{
    if (io_random(key, SIPHASH_KEY_BYTES) == 0)
        return MR_OK;
    return mr_error_set(err, MR_E_SYSTEM, errno, "cannot get random bytes from the system");
}
