/*
 * Content as a container keeps it: plain, deflated, or as Zstandard frames. Content of one block is kept plain when
 * encoding it does not make it smaller; a stream stays encoded, because its beginning is under way by then.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/block.h"
#include "operation/codec.h"
#include "operation/member.h"

enum mr_status member_config(int level, void **config, struct mr_error *err)
{
    struct block_options *options = calloc(1, sizeof(*options));
    if (!options)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    options->level = level;
    *config = options;
    return MR_OK;
}

/* ---- plain ---- */

struct storer {
    struct member_sum sum;
    struct mr_encoding encoding;
};

static enum mr_status store_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    *state = calloc(1, sizeof(struct storer));
    return *state ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static enum mr_status store_start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    (void)entry;
    (void)err;
    memset(state, 0, sizeof(struct storer));
    return MR_OK;
}

static enum mr_status store_process(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)err;
    size_t bytes = io->in_bytes < io->out_bytes ? io->in_bytes : io->out_bytes;
    if (bytes > 0) {
        memcpy(io->out, io->in, bytes);
        member_sum_add(&((struct storer *)state)->sum, io->out, bytes);
        codec_advance(io, bytes, bytes);
    }
    return io->in_bytes == 0 && io->is_last ? MR_DONE : MR_OK;
}

static const struct mr_encoding *store_encoding(void *state, int64_t *plain_bytes)
{
    struct storer *storer = state;
    *plain_bytes = (int64_t)storer->sum.bytes;
    storer->encoding = (struct mr_encoding){.method = MR_METHOD_PLAIN,
                                            .has_crc = true,
                                            .crc = storer->sum.crc,
                                            .stored_bytes = (int64_t)storer->sum.bytes};
    return &storer->encoding;
}

static size_t same_bound(const void *config, size_t in_bytes)
{
    (void)config;
    return in_bytes;
}

const struct mr_operation operation_member_store = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "member",
    .summary = "keeps content plain, and sums it up",
    .flags = MR_OPERATION_IDENTITY,
    .bound = same_bound,
    .state_create = store_create,
    .start = store_start,
    .process = store_process,
    .encoding = store_encoding,
    .state_destroy = free,
};

/* ---- encoded ---- */

struct packer {
    const struct block_codec *codec;
    const struct block_options *options;
    enum mr_method method;
    void *state;   /* of the codec; made when it is first needed */
    void *summary; /* likewise */
    struct codec_spill gathered, made; /* the content of a block; what has no room yet */
    bool is_first, is_ended;
    uint64_t plain_bytes, made_bytes;
    struct mr_encoding encoding;
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static void clear_summary(struct packer *packer)
{
    if (packer->summary && packer->codec->summary_clear)
        packer->codec->summary_clear(packer->summary);
    if (packer->summary)
        memset(packer->summary, 0, packer->codec->summary_bytes);
}

static void pack_destroy(void *state)
{
    struct packer *packer = state;
    if (packer->state)
        packer->codec->state_destroy(packer->state);
    clear_summary(packer);
    free(packer->summary);
    free(packer->gathered.bytes);
    free(packer->made.bytes);
    free(packer);
}

static enum mr_status pack_create(const void *config, const struct block_codec *codec,
                                  enum mr_method method, void **state, struct mr_error *err)
{
    struct packer *packer = calloc(1, sizeof(*packer));
    if (!packer)
        return no_memory(err);
    packer->codec = codec;
    packer->options = config;
    packer->method = method;
    packer->state = codec->state_create(config);
    packer->summary = calloc(1, codec->summary_bytes);
    if (!packer->state || !packer->summary) {
        pack_destroy(packer);
        return no_memory(err);
    }
    *state = packer;
    return MR_OK;
}

static enum mr_status pack_start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    (void)entry;
    (void)err;
    struct packer *packer = state;
    clear_summary(packer);
    packer->gathered.count = packer->made.count = packer->made.at = 0;
    packer->is_first = true;
    packer->is_ended = false;
    packer->plain_bytes = packer->made_bytes = 0;
    return MR_OK;
}

/* The one block of small content stands plain where it does not get smaller. */
static size_t choose(struct packer *packer, const struct block *block, unsigned char *out)
{
    bool is_whole = block->is_first && block->is_last;
    packer->encoding.method = packer->method;
    if (!is_whole || block->out_bytes < block->in_bytes)
        return block->out_bytes;
    packer->encoding.method = MR_METHOD_PLAIN;
    if (block->in_bytes > 0)
        memcpy(out, block->in, block->in_bytes);
    return block->in_bytes;
}

/* Compresses a block, into the caller's room where the bound fits. */
static enum mr_status pack_block(struct packer *packer, struct mr_io *io, const unsigned char *in,
                                 size_t in_bytes, bool is_last, struct mr_error *err)
{
    size_t bound = packer->codec->bound(packer->options, in_bytes);
    bool is_direct = packer->made.count == 0 && io->out_bytes >= bound;
    unsigned char *out = is_direct ? io->out : codec_spill_room(&packer->made, bound);
    if (!out)
        return no_memory(err);
    struct block block = {.in = in,
                          .in_bytes = in_bytes,
                          .is_first = packer->is_first,
                          .is_last = is_last,
                          .out = out};
    enum mr_status status = packer->codec->compress(packer->state, &block);
    if (status == MR_OK)
        status = packer->codec->add(packer->summary, &block);
    if (status != MR_OK)
        return no_memory(err);
    size_t bytes = choose(packer, &block, out);
    if (is_direct)
        codec_advance(io, 0, bytes);
    else
        packer->made.count += bytes;
    packer->is_first = false;
    packer->is_ended = is_last;
    packer->plain_bytes += in_bytes;
    packer->made_bytes += bytes;
    return MR_OK;
}

static enum mr_status gather(struct packer *packer, struct mr_io *io, size_t block_bytes,
                             struct mr_error *err)
{
    size_t room = block_bytes - packer->gathered.count;
    size_t part = io->in_bytes < room ? io->in_bytes : room;
    enum mr_status status = codec_spill_put(&packer->gathered, io->in, part, err);
    if (status == MR_OK)
        codec_advance(io, part, 0);
    return status;
}

static enum mr_status pack_process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct packer *packer = state;
    size_t block_bytes = packer->codec->block_bytes(packer->options);
    static const unsigned char none[1];
    for (;;) {
        if (!codec_spill_drain(&packer->made, io))
            return MR_OK;
        if (packer->is_ended)
            return MR_DONE;
        enum mr_status status = MR_OK;
        struct codec_spill *gathered = &packer->gathered;
        bool is_whole = gathered->count == 0 && io->is_last && io->in_bytes <= block_bytes;
        if (is_whole) {
            status = pack_block(packer, io, io->in_bytes > 0 ? io->in : none, io->in_bytes, true,
                                err);
            codec_advance(io, io->in_bytes, 0);
        } else if (io->in_bytes > 0 && gathered->count < block_bytes) {
            status = gather(packer, io, block_bytes, err);
        } else if (io->in_bytes > 0 || io->is_last) {
            status = pack_block(packer, io, gathered->bytes, gathered->count, io->in_bytes == 0,
                                err);
            gathered->count = 0;
        } else {
            return MR_OK;
        }
        if (status != MR_OK)
            return status;
    }
}

static const struct mr_encoding *pack_encoding(void *state, int64_t *plain_bytes)
{
    struct packer *packer = state;
    *plain_bytes = (int64_t)packer->plain_bytes;
    packer->encoding.has_crc = true;
    packer->encoding.crc = packer->codec->crc(packer->summary);
    packer->encoding.stored_bytes = (int64_t)packer->made_bytes;
    return &packer->encoding;
}

static size_t pack_bound(const struct block_codec *codec, const void *config, size_t in_bytes)
{
    return in_bytes <= codec->block_bytes(config) ? codec->bound(config, in_bytes) : SIZE_MAX;
}

/* A state may gather a block. */
static size_t pack_state_bytes(const struct block_codec *codec, const void *config)
{
    return sizeof(struct packer) + codec->state_bytes(config) + codec->block_bytes(config);
}

/* ---- deflate ---- */

static enum mr_status deflate_create(const void *config, void **state, struct mr_error *err)
{
    return pack_create(config, block_codec_deflate(), MR_METHOD_DEFLATE, state, err);
}

static size_t deflate_bound(const void *config, size_t in_bytes)
{
    return pack_bound(block_codec_deflate(), config, in_bytes);
}

static size_t deflate_state_bytes(const void *config)
{
    return pack_state_bytes(block_codec_deflate(), config);
}

static const struct block_codec *deflate_blocks(const void *config,
                                                const struct block_options **options)
{
    *options = config;
    return block_codec_deflate();
}

const struct mr_operation operation_member_deflate = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "deflate",
    .summary = "deflates content for a container",
    .config_destroy = free,
    .bound = deflate_bound,
    .state_bytes = deflate_state_bytes,
    .state_create = deflate_create,
    .start = pack_start,
    .process = pack_process,
    .blocks = deflate_blocks,
    .encoding = pack_encoding,
    .state_destroy = pack_destroy,
};

/* ---- zstd ---- */

static enum mr_status zstd_create(const void *config, void **state, struct mr_error *err)
{
    if (!block_codec_member_zstd())
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "this build has no zstd");
    return pack_create(config, block_codec_member_zstd(), MR_METHOD_ZSTD, state, err);
}

static size_t zstd_bound(const void *config, size_t in_bytes)
{
    return block_codec_member_zstd() ? pack_bound(block_codec_member_zstd(), config, in_bytes)
                                     : SIZE_MAX;
}

static size_t zstd_state_bytes(const void *config)
{
    return block_codec_member_zstd() ? pack_state_bytes(block_codec_member_zstd(), config) : 0;
}

static const struct block_codec *zstd_blocks(const void *config,
                                             const struct block_options **options)
{
    *options = config;
    return block_codec_member_zstd();
}

const struct mr_operation operation_member_zstd = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "zstd",
    .summary = "compresses content by zstd for a container",
    .config_destroy = free,
    .bound = zstd_bound,
    .state_bytes = zstd_state_bytes,
    .state_create = zstd_create,
    .start = pack_start,
    .process = pack_process,
    .blocks = zstd_blocks,
    .encoding = pack_encoding,
    .state_destroy = pack_destroy,
};
