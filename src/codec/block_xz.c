/*
 * block_xz.c - one .xz stream of several blocks with their sizes in their headers, as `xz -T` makes
 * it (the .xz file format, version 1.0.4). A block has a dictionary that is no larger than its
 * content: the result is the same and the tables need not be cleared for megabytes that never come.
 */
#include <stdlib.h>

#include "codec/block.h"
#include "config.h"

#if MR_HAVE_LZMA
#include <lzma.h>

#define MIB                  ((size_t)1 << 20)
#define DICTIONARY_MIN_BYTES 4096u
#define BLOCK_DICTIONARIES   3 /* as xz -T has it */
/* Of the index for each block, and its ends; header and footer of the stream. */
#define AROUND_BYTES (18 + 16 + 2 * LZMA_STREAM_HEADER_SIZE)

struct xz_state {
    const struct block_options *options;
    lzma_stream lzma; /* initialised anew for each block, which keeps its memory */
};

struct xz_summary {
    lzma_index *index; /* owned; NULL: no block yet */
};

static const lzma_stream_flags stream_flags = {
    .version = 0, .backward_size = LZMA_VLI_UNKNOWN, .check = LZMA_CHECK_CRC64};

static uint32_t preset(const struct block_options *options)
{
    return (uint32_t)options->level | (options->is_extreme ? LZMA_PRESET_EXTREME : 0);
}

static size_t xz_block_bytes(const struct block_options *options)
{
    lzma_options_lzma lzma;
    if (lzma_lzma_preset(&lzma, preset(options)))
        return MIB;
    return (BLOCK_DICTIONARIES * (size_t)lzma.dict_size + MIB - 1) / MIB * MIB;
}

static size_t xz_bound(const struct block_options *options, size_t in_bytes)
{
    (void)options;
    return lzma_block_buffer_bound(in_bytes) + AROUND_BYTES;
}

static size_t xz_state_bytes(const struct block_options *options)
{
    uint64_t bytes = lzma_easy_encoder_memusage(preset(options));
    return bytes < SIZE_MAX / 4 ? sizeof(struct xz_state) + (size_t)bytes : SIZE_MAX / 4;
}

static void *xz_state_create(const struct block_options *options)
{
    struct xz_state *state = malloc(sizeof(*state));
    if (state)
        *state = (struct xz_state){.options = options, .lzma = LZMA_STREAM_INIT};
    return state;
}

static void xz_state_destroy(void *object)
{
    struct xz_state *state = object;
    if (state)
        lzma_end(&state->lzma);
    free(state);
}

/* The encoded block behind its header, for which room is left: the sizes in it are known
 * afterwards. */
static lzma_ret encode(lzma_stream *lzma, lzma_block *header, const struct block *block,
                       unsigned char *out, size_t *out_bytes)
{
    lzma_ret code = lzma_block_encoder(lzma, header);
    if (code != LZMA_OK)
        return code;
    size_t cap_bytes = (size_t)header->compressed_size;
    lzma->next_in = block->in;
    lzma->avail_in = block->in_bytes;
    lzma->next_out = out + header->header_size;
    lzma->avail_out = cap_bytes;
    code = lzma_code(lzma, LZMA_FINISH);
    *out_bytes = header->header_size + cap_bytes - lzma->avail_out;
    return code == LZMA_STREAM_END ? lzma_block_header_encode(header, out) : code;
}

/* One block of the stream; *padding_bytes: what it was rounded up by. */
static lzma_ret put_block(struct xz_state *state, const struct block *block, unsigned char *out,
                          size_t *out_bytes, uint32_t *padding_bytes)
{
    lzma_options_lzma lzma;
    if (lzma_lzma_preset(&lzma, preset(state->options)))
        return LZMA_OPTIONS_ERROR;
    uint32_t dictionary_bytes = DICTIONARY_MIN_BYTES;
    while (dictionary_bytes < lzma.dict_size && dictionary_bytes < block->in_bytes)
        dictionary_bytes *= 2;
    if (dictionary_bytes < lzma.dict_size)
        lzma.dict_size = dictionary_bytes;
    lzma_filter filters[] = {{.id = LZMA_FILTER_LZMA2, .options = &lzma},
                             {.id = LZMA_VLI_UNKNOWN, .options = NULL}};
    lzma_block header = {.version = 0,
                         .check = LZMA_CHECK_CRC64,
                         .filters = filters,
                         .compressed_size = lzma_block_buffer_bound(block->in_bytes),
                         .uncompressed_size = block->in_bytes};
    lzma_ret code = lzma_block_header_size(&header);
    if (code == LZMA_OK)
        code = encode(&state->lzma, &header, block, out, out_bytes);
    if (code == LZMA_OK)
        *padding_bytes = (uint32_t)(*out_bytes - (size_t)lzma_block_unpadded_size(&header));
    return code;
}

static enum mr_status status_of(lzma_ret code)
{
    return code == LZMA_OK ? MR_OK : code == LZMA_MEM_ERROR ? MR_E_MEMORY : MR_E_DATA;
}

static enum mr_status xz_compress(void *state, struct block *block)
{
    size_t at = 0, made = 0;
    lzma_ret code = LZMA_OK;
    if (block->is_first) {
        code = lzma_stream_header_encode(&stream_flags, block->out);
        at = LZMA_STREAM_HEADER_SIZE;
    }
    /* Empty content is a stream without blocks. */
    if (code == LZMA_OK && block->in_bytes > 0)
        code = put_block(state, block, block->out + at, &made, &block->check);
    block->out_bytes = at + made;
    return status_of(code);
}

static enum mr_status xz_add(void *object, const struct block *block)
{
    struct xz_summary *summary = object;
    if (!summary->index)
        summary->index = lzma_index_init(NULL);
    if (!summary->index)
        return MR_E_MEMORY;
    if (block->in_bytes == 0)
        return MR_OK;
    size_t head_bytes = block->is_first ? LZMA_STREAM_HEADER_SIZE : 0;
    lzma_ret code = lzma_index_append(
        summary->index, NULL, block->out_bytes - head_bytes - block->check, block->in_bytes);
    return code == LZMA_DATA_ERROR ? MR_E_LIMIT : status_of(code);
}

/* Index and footer. */
static unsigned char *xz_end(void *object, size_t *bytes)
{
    struct xz_summary *summary = object;
    size_t index_bytes = (size_t)lzma_index_size(summary->index), at = 0;
    *bytes = index_bytes + LZMA_STREAM_HEADER_SIZE;
    unsigned char *made = malloc(*bytes);
    lzma_stream_flags flags = stream_flags;
    flags.backward_size = index_bytes;
    if (made && lzma_index_buffer_encode(summary->index, made, &at, index_bytes) == LZMA_OK &&
        lzma_stream_footer_encode(&flags, made + index_bytes) == LZMA_OK)
        return made;
    free(made);
    return NULL;
}

static void xz_summary_clear(void *object)
{
    struct xz_summary *summary = object;
    lzma_index_end(summary->index, NULL);
}

static const struct block_codec codec_xz = {
    .name = "xz",
    .block_bytes = xz_block_bytes,
    .bound = xz_bound,
    .state_bytes = xz_state_bytes,
    .state_create = xz_state_create,
    .state_destroy = xz_state_destroy,
    .compress = xz_compress,
    .summary_bytes = sizeof(struct xz_summary),
    .add = xz_add,
    .end = xz_end,
    .summary_clear = xz_summary_clear,
};

const struct block_codec *block_codec_xz(void)
{
    return &codec_xz;
}

#else

const struct block_codec *block_codec_xz(void)
{
    return NULL;
}

#endif
