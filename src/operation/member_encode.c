/* Content as a container keeps it: plain, deflated, or as Zstandard frames. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "operation/codec.h"
#include "operation/member.h"

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
    .state_destroy = free,
    .internals = &(const struct mr_operation_internals){.encoding = store_encoding},
};

/* ---- encoded ---- */

enum mr_status member_config(enum mr_method method, int level, void **config, struct mr_error *err)
{
    const struct block_codec *codec = method == MR_METHOD_DEFLATE ? block_codec_deflate()
                                      : method == MR_METHOD_ZLIB  ? block_codec_zlib()
                                                                  : block_codec_member_zstd();
    if (!codec)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "this build has no zstd");
    enum mr_status status = codec_config_create(codec, level, config, err);
    if (status == MR_OK)
        ((struct codec_config *)*config)->method = method;
    return status;
}

const struct mr_operation operation_member_pack = {
    CODEC_ENCODER,
    .name = "member",
    .summary = "compresses content for a container",
    .internals =
        &(const struct mr_operation_internals){.blocks = codec_blocks, .encoding = codec_encoding},
};
