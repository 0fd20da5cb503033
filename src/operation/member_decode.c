/* The members of a container as they are decoded: plain ones, and raw deflate. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/inflate.h"
#include "codec/sums.h"
#include "config.h"
#include "operation/codec.h"
#include "operation/member.h"

#if MR_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

#define PROMISED_MAX_BYTES ((size_t)1 << 20)

void member_sum_add(struct member_sum *sum, const void *data, size_t bytes)
{
    sum->crc = sums_crc32(sum->crc, data, bytes);
    sum->bytes += bytes;
}

enum mr_status member_sum_check(const struct member_sum *sum, const struct mr_entry *entry,
                                struct mr_error *err)
{
    if (entry->size_bytes >= 0 && sum->bytes != (uint64_t)entry->size_bytes)
        return mr_error_set(err, MR_E_DATA, 0,
                            "damaged archive: has %llu bytes where its header declares %lld",
                            (unsigned long long)sum->bytes, (long long)entry->size_bytes);
    if (entry->encoding.has_crc && sum->crc != entry->encoding.crc)
        return mr_error_set(err, MR_E_DATA, 0, "damaged archive: its checksum is wrong");
    return MR_OK;
}

static size_t declared_bound(const void *config, const struct mr_entry *entry, size_t in_bytes)
{
    (void)config;
    (void)in_bytes;
    bool is_small = entry->size_bytes >= 0 && entry->size_bytes <= (int64_t)PROMISED_MAX_BYTES;
    return is_small ? (size_t)entry->size_bytes : SIZE_MAX;
}

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* ---- plain ---- */

struct checker {
    const struct mr_entry *entry;
    struct member_sum sum;
};

static enum mr_status check_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    *state = calloc(1, sizeof(struct checker));
    return *state ? MR_OK : no_memory(err);
}

static enum mr_status check_start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    (void)err;
    *(struct checker *)state = (struct checker){.entry = entry};
    return MR_OK;
}

static enum mr_status check_process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct checker *checker = state;
    size_t bytes = io->in_bytes < io->out_bytes ? io->in_bytes : io->out_bytes;
    if (bytes > 0) {
        memcpy(io->out, io->in, bytes);
        member_sum_add(&checker->sum, io->out, bytes);
        codec_advance(io, bytes, bytes);
    }
    if (io->in_bytes > 0 || !io->is_last)
        return MR_OK;
    enum mr_status status = member_sum_check(&checker->sum, checker->entry, err);
    return status == MR_OK ? MR_DONE : status;
}

const struct mr_operation operation_member_check = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "member",
    .summary = "checks the size and CRC of a member",
    .flags = MR_OPERATION_IDENTITY,
    .state_create = check_create,
    .start = check_start,
    .process = check_process,
    .state_destroy = free,
    .internals = &(const struct mr_operation_internals){.bound_entry = declared_bound},
};

/* ---- deflate ---- */

struct member_inflater {
    enum inflate_wrap wrap; /* RAW or ZLIB */
    const struct mr_entry *entry;
    struct member_sum sum;
    bool is_fresh, is_ended;
    struct inflater *stream; /* made when the first large member comes */
#if MR_HAVE_LIBDEFLATE
    struct libdeflate_decompressor *decompressor;
#endif
};

static enum mr_status inflater_create(enum inflate_wrap wrap, void **state, struct mr_error *err)
{
    struct member_inflater *made = calloc(1, sizeof(*made));
    if (!made)
        return no_memory(err);
    made->wrap = wrap;
    *state = made;
    return MR_OK;
}

static enum mr_status deflated_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    return inflater_create(INFLATE_RAW, state, err);
}

static enum mr_status zlib_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    return inflater_create(INFLATE_ZLIB, state, err);
}

static void deflated_destroy(void *state)
{
    struct member_inflater *inflater = state;
    inflate_destroy(inflater->stream);
#if MR_HAVE_LIBDEFLATE
    libdeflate_free_decompressor(inflater->decompressor);
#endif
    free(inflater);
}

static enum mr_status deflated_start(void *state, const struct mr_entry *entry,
                                     struct mr_error *err)
{
    (void)err;
    struct member_inflater *inflater = state;
    inflater->entry = entry;
    inflater->sum = (struct member_sum){0, 0};
    inflater->is_fresh = true;
    inflater->is_ended = false;
    return MR_OK;
}

static enum mr_status damaged(const char *what, struct mr_error *err)
{
    return mr_error_set(err, MR_E_DATA, 0, "damaged archive: %s", what);
}

#if MR_HAVE_LIBDEFLATE
/* All of a small member at once. False: it has to go through the stream, which also says what is
 * wrong with it. */
static bool inflate_whole(struct member_inflater *inflater, struct mr_io *io)
{
    if (!io->is_last || inflater->entry->size_bytes < 0 ||
        (uint64_t)inflater->entry->size_bytes > io->out_bytes)
        return false;
    if (!inflater->decompressor)
        inflater->decompressor = libdeflate_alloc_decompressor();
    size_t used = 0, made = 0;
    enum libdeflate_result (*decompress)(struct libdeflate_decompressor *, const void *, size_t,
                                         void *, size_t, size_t *, size_t *) =
        inflater->wrap == INFLATE_RAW ? libdeflate_deflate_decompress_ex
                                      : libdeflate_zlib_decompress_ex;
    if (!inflater->decompressor ||
        decompress(inflater->decompressor, io->in, io->in_bytes, io->out,
                   (size_t)inflater->entry->size_bytes, &used, &made) != LIBDEFLATE_SUCCESS ||
        used != io->in_bytes)
        return false;
    member_sum_add(&inflater->sum, io->out, made);
    codec_advance(io, used, made);
    inflater->is_ended = true;
    return true;
}
#endif

static enum mr_status begin_stream(struct member_inflater *inflater, struct mr_error *err)
{
    if (!inflater->stream)
        inflater->stream = inflate_create(inflater->wrap);
    else
        inflate_reset(inflater->stream);
    return inflater->stream ? MR_OK : no_memory(err);
}

static enum mr_status inflate_some(struct member_inflater *inflater, struct mr_io *io,
                                   struct mr_error *err)
{
    const unsigned char *made = io->out;
    const char *problem = NULL;
    enum mr_status status = inflate_step(inflater->stream, io, &problem);
    member_sum_add(&inflater->sum, made, (size_t)(io->out - made));
    inflater->is_ended = status == MR_DONE;
    if (status != MR_OK && status != MR_DONE)
        return status == MR_E_MEMORY ? no_memory(err) : damaged(problem, err);
    int64_t size_bytes = inflater->entry->size_bytes;
    if (size_bytes >= 0 && inflater->sum.bytes > (uint64_t)size_bytes)
        return damaged("it is longer than its header declares", err);
    if (!inflater->is_ended && io->in_bytes == 0 && io->out_bytes > 0 && io->is_last)
        return damaged("its content breaks off", err);
    return MR_OK;
}

static enum mr_status deflated_process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct member_inflater *inflater = state;
    if (inflater->is_fresh) {
        inflater->is_fresh = false;
        bool is_done = false;
#if MR_HAVE_LIBDEFLATE
        is_done = inflate_whole(inflater, io);
#endif
        enum mr_status status = is_done ? MR_OK : begin_stream(inflater, err);
        if (status != MR_OK)
            return status;
    }
    if (!inflater->is_ended) {
        enum mr_status status = inflate_some(inflater, io, err);
        if (status != MR_OK || !inflater->is_ended)
            return status;
    }
    if (io->in_bytes > 0)
        return damaged("something follows the end of its content", err);
    if (!io->is_last)
        return MR_OK;
    enum mr_status status = member_sum_check(&inflater->sum, inflater->entry, err);
    return status == MR_OK ? MR_DONE : status;
}

static size_t deflated_state_bytes(const void *config)
{
    (void)config;
    return sizeof(struct member_inflater) + INFLATE_MEMORY_BYTES + ((size_t)16 << 10);
}

#define INFLATER                                                                                   \
    .struct_bytes = sizeof(struct mr_operation), .flags = MR_OPERATION_UNPACKS, .name = "member",  \
    .state_bytes = deflated_state_bytes, .start = deflated_start, .process = deflated_process,     \
    .state_destroy = deflated_destroy, .internals = &(const struct mr_operation_internals)         \
    {                                                                                              \
        .bound_entry = declared_bound                                                              \
    }

const struct mr_operation operation_member_inflate = {
    INFLATER,
    .summary = "decodes a deflated member and checks its size and CRC",
    .state_create = deflated_create,
};

const struct mr_operation operation_member_unzlib = {
    INFLATER,
    .summary = "decodes a zlib member and checks its size and checksum",
    .state_create = zlib_create,
};
