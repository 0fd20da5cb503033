/*
 * uncompress: .Z, what compress of Unix makes; for what decompress finds. LZW with codes of 9 to 16
 * bits, lowest bit first; see T. A. Welch, "A Technique for High-Performance Data Compression",
 * IEEE Computer 17/6, 1984, and compress.c of ncompress. There is no checksum and no mark of the
 * end: what is cut off at a code cannot be told from the whole.
 */
#include <stdlib.h>
#include <string.h>

#include "operation/codec.h"
#include "operation/operations.h"

#define HEAD_BYTES     3
#define FIRST_BITS     9
#define BITS_MAX       16
#define CODE_COUNT     (1u << BITS_MAX)
#define CLEAR          256 /* with IS_BLOCK_MODE: the table begins anew */
#define IS_BLOCK_MODE  0x80
#define RESERVED_FLAGS 0x60

struct uncompressor {
    struct codec_decoder decoder;
    unsigned bits, bits_max, first_free, free_code; /* bits: of a code */
    bool is_block_mode, has_last;
    unsigned head_count;
    uint32_t held; /* bits that were read, held_count of them */
    unsigned held_count;
    unsigned group_count;  /* codes of this width, modulo 8: they stand in groups of eight */
    unsigned dropped_bits; /* still to be passed over, at the end of a group */
    unsigned last;
    unsigned char last_first; /* the first byte of what last stood for */
    size_t stack_count;       /* what a code stands for, last byte first */
    uint16_t prefix[CODE_COUNT];
    unsigned char suffix[CODE_COUNT], stack[CODE_COUNT + 1];
};

static bool match(const unsigned char *head, size_t count)
{
    return head[0] == 0x1f && (count < 2 || head[1] == 0x9d);
}

static enum mr_status begin(struct codec_decoder *decoder, struct mr_error *err)
{
    struct uncompressor *state = (struct uncompressor *)decoder;
    (void)err;
    memset((char *)state + sizeof(*decoder), 0,
           offsetof(struct uncompressor, prefix) - sizeof(*decoder));
    return MR_OK;
}

static enum mr_status take_head(struct uncompressor *state, unsigned char byte,
                                struct mr_error *err)
{
    if (++state->head_count < HEAD_BYTES)
        return MR_OK;
    state->bits_max = byte & 0x1f;
    state->is_block_mode = (byte & IS_BLOCK_MODE) != 0;
    if ((byte & RESERVED_FLAGS) || state->bits_max > BITS_MAX || state->bits_max < FIRST_BITS)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0,
                            "this kind of compress data is not supported");
    state->bits = FIRST_BITS;
    state->first_free = state->is_block_mode ? CLEAR + 1 : CLEAR;
    state->free_code = state->first_free;
    return MR_OK;
}

/* Codes of another width begin behind the group of eight. */
static void end_group(struct uncompressor *state)
{
    if (state->group_count % 8 != 0)
        state->dropped_bits = (8 - state->group_count % 8) * state->bits;
    state->group_count = 0;
}

/* Puts what the code stands for on the stack. False: there is no such code yet. */
static bool expand(struct uncompressor *state, unsigned code)
{
    unsigned at = code;
    if (code >= state->free_code) { /* the one that is made right now */
        if (code > state->free_code || !state->has_last)
            return false;
        state->stack[state->stack_count++] = state->last_first;
        at = state->last;
    }
    for (; at >= 256; at = state->prefix[at])
        state->stack[state->stack_count++] = state->suffix[at];
    state->stack[state->stack_count++] = (unsigned char)at;
    return true;
}

static bool take_code(struct uncompressor *state, unsigned code)
{
    state->group_count++;
    if (code == CLEAR && state->is_block_mode) {
        end_group(state);
        state->bits = FIRST_BITS;
        state->free_code = state->first_free;
        state->has_last = false;
        return true;
    }
    if ((!state->has_last && code >= 256) || !expand(state, code))
        return false;
    unsigned char first = state->stack[state->stack_count - 1];
    if (state->has_last && state->free_code < 1u << state->bits_max) {
        state->prefix[state->free_code] = (uint16_t)state->last;
        state->suffix[state->free_code++] = first;
        if (state->free_code == 1u << state->bits && state->bits < state->bits_max) {
            end_group(state);
            state->bits++;
        }
    }
    state->last = code;
    state->last_first = first;
    state->has_last = true;
    return true;
}

static void drain(struct uncompressor *state, struct mr_io *io)
{
    for (; state->stack_count > 0 && io->out_bytes > 0; io->out_bytes--)
        *io->out++ = state->stack[--state->stack_count];
}

/* The next code, when there are bits for it. */
static bool next_code(struct uncompressor *state, unsigned *code)
{
    unsigned dropped =
        state->dropped_bits < state->held_count ? state->dropped_bits : state->held_count;
    state->held = dropped < 32 ? state->held >> dropped : 0;
    state->held_count -= dropped;
    state->dropped_bits -= dropped;
    if (state->dropped_bits > 0 || state->held_count < state->bits)
        return false;
    *code = state->held & ((1u << state->bits) - 1);
    state->held >>= state->bits;
    state->held_count -= state->bits;
    return true;
}

static enum mr_status step(struct codec_decoder *decoder, struct mr_io *io, struct mr_error *err)
{
    struct uncompressor *state = (struct uncompressor *)decoder;
    unsigned code;
    for (;;) {
        drain(state, io);
        if (state->stack_count > 0)
            return MR_OK;
        if (state->head_count == HEAD_BYTES && next_code(state, &code)) {
            if (!take_code(state, code))
                return codec_damaged(decoder, NULL, err);
            continue;
        }
        if (io->in_bytes == 0)
            break;
        unsigned char byte = *io->in;
        codec_advance(io, 1, 0);
        if (state->head_count < HEAD_BYTES) {
            enum mr_status status = take_head(state, byte, err);
            if (status != MR_OK)
                return status;
            continue;
        }
        state->held |= (uint32_t)byte << state->held_count;
        state->held_count += 8;
    }
    bool is_end = io->is_last && state->head_count == HEAD_BYTES;
    if (is_end && state->held != 0) /* part of a code */
        return mr_error_set(err, MR_E_DATA, 0,
                            "the compress data is truncated: its end is missing");
    return is_end ? MR_DONE : MR_OK;
}

static const struct codec_decoder_calls calls = {
    .format = "compress",
    .head_bytes = 2,
    .is_single = true,
    .match = match,
    .begin = begin,
    .step = step,
};

static size_t state_bytes(const void *config)
{
    (void)config;
    return sizeof(struct uncompressor);
}

static enum mr_status rename_uncompressed(const void *config, char **path)
{
    (void)config;
    return codec_suffix_remove(path, "compress");
}

static enum mr_status create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    return codec_decoder_create(&calls, sizeof(struct uncompressor), state, err);
}

const struct mr_operation operation_uncompress = {
    CODEC_DECODER,
    .name = "uncompress",
    .summary = "unpacks .Z of compress",
    .state_bytes = state_bytes,
    .rename = rename_uncompressed,
    .state_create = create,
    .state_destroy = free,
};
