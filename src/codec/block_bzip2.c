/*
 * block_bzip2.c - bzip2 streams one behind the other, which is a file of bzip2 too. Each holds
 * several of bzip2's own blocks: it is chosen so that the last of these is nearly full.
 */
#include <limits.h>
#include <stdlib.h>

#include "codec/block.h"
#include "config.h"

#if MR_HAVE_BZIP2
#include <bzlib.h>

#define MIB          ((size_t)1 << 20)
#define BLOCK_MIB    7  /* at most */
#define UNUSED_BYTES 19 /* of a block of bzip2 */

struct bzip2_state {
    int level;
};

/* By its manual: one percent and 600 bytes. */
static size_t bzip2_bound(const struct block_options *options, size_t in_bytes)
{
    (void)options;
    return in_bytes + in_bytes / 100 + 601;
}

/* The number of MiB of which the part that fills no block is the smallest: 6 at level 9. */
static size_t bzip2_block_bytes(const struct block_options *options)
{
    const size_t own_bytes = (size_t)options->level * 100000 - UNUSED_BYTES;
    size_t best = 1, best_waste = SIZE_MAX;
    for (size_t mib = 1; mib <= BLOCK_MIB; mib++) {
        size_t count = (mib * MIB + own_bytes - 1) / own_bytes,
               waste = (count * own_bytes - mib * MIB) / mib;
        if (waste < best_waste) {
            best = mib;
            best_waste = waste;
        }
    }
    return best * MIB;
}

/* By its manual: 400k + 8 x the block. */
static size_t bzip2_state_bytes(const struct block_options *options)
{
    return sizeof(struct bzip2_state) + 400000 + 800000 * (size_t)options->level;
}

static void *bzip2_state_create(const struct block_options *options)
{
    struct bzip2_state *state = malloc(sizeof(*state));
    if (state)
        state->level = options->level;
    return state;
}

static void bzip2_state_destroy(void *state)
{
    free(state);
}

/* libbz2 has no reset: its memory is taken anew for each block. */
static enum mr_status bzip2_compress(void *object, struct block *block)
{
    const struct bzip2_state *state = object;
    static char nothing[1];
    char *in = block->in_bytes > 0 ? (char *)block->in : nothing; /* it is only read */
    size_t bound = bzip2_bound(NULL, block->in_bytes);
    unsigned made = bound < UINT_MAX ? (unsigned)bound : UINT_MAX;
    int code = BZ2_bzBuffToBuffCompress((char *)block->out, &made, in, (unsigned)block->in_bytes,
                                        state->level, 0, 0);
    block->out_bytes = made;
    return code == BZ_OK ? MR_OK : code == BZ_MEM_ERROR ? MR_E_MEMORY : MR_E_DATA;
}

static const struct block_codec codec_bzip2 = {
    .name = "bzip2",
    .block_bytes = bzip2_block_bytes,
    .bound = bzip2_bound,
    .state_bytes = bzip2_state_bytes,
    .state_create = bzip2_state_create,
    .state_destroy = bzip2_state_destroy,
    .compress = bzip2_compress,
};

const struct block_codec *block_codec_bzip2(void)
{
    return &codec_bzip2;
}

#else

const struct block_codec *block_codec_bzip2(void)
{
    return NULL;
}

#endif
