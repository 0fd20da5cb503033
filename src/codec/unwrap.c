#include "codec/unwrap.h"

#include <stdlib.h>
#include <string.h>

#include "codec/unwrap_formats.h"
#include "config.h"

static const struct unwrap_format *const formats[] = {
    &unwrap_gzip,
#if MR_HAVE_ZSTD
    &unwrap_zstd,
#endif
#if MR_HAVE_LZMA
    &unwrap_xz,
#endif
#if MR_HAVE_BZIP2
    &unwrap_bzip2,
#endif
#if MR_HAVE_LZ4
    &unwrap_lz4,
#endif
};

struct unwrap {
    const struct unwrap_format *format;
    void *state; /* the format's */
    bool is_in_frame;
    bool has_frame;                        /* one ended */
    unsigned char head[UNWRAP_HEAD_BYTES]; /* of a frame: gathered, then fed */
    size_t head_bytes, head_at;
    bool is_in_tail; /* what is there now begins no frame */
};

const struct unwrap_format *unwrap_recognise(const unsigned char *head, size_t head_bytes)
{
    unsigned char whole[UNWRAP_HEAD_BYTES] = {0};
    memcpy(whole, head, head_bytes < sizeof(whole) ? head_bytes : sizeof(whole));
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (formats[i]->begins_file(whole))
            return formats[i];
    return NULL;
}

const char *unwrap_format_name(const struct unwrap_format *format)
{
    return format->name;
}

bool unwrap_format_has_threads(const struct unwrap_format *format)
{
    return format->has_threads;
}

struct unwrap *unwrap_create(const struct unwrap_format *format,
                             const struct unwrap_options *options)
{
    struct unwrap *made = calloc(1, sizeof(*made));
    if (!made)
        return NULL;
    made->format = format;
    made->state = format->create(options);
    if (made->state)
        return made;
    free(made);
    return NULL;
}

void unwrap_destroy(struct unwrap *unwrap)
{
    if (!unwrap)
        return;
    unwrap->format->destroy(unwrap->state);
    free(unwrap);
}

bool unwrap_is_between(const struct unwrap *unwrap)
{
    return unwrap->has_frame && !unwrap->is_in_frame && !unwrap->is_in_tail &&
           unwrap->head_bytes == 0;
}

static enum mr_status truncated(const struct unwrap *unwrap, const char **problem)
{
    *problem = unwrap->format->truncated;
    return MR_E_DATA;
}

/*
 * Behind the last frame zeros are padding, of tapes for instance. All else is told: it may be what
 * is left of a frame whose first bytes are damaged.
 */
static enum mr_status pass_tail(struct unwrap *unwrap, struct mr_io *io, const char **problem)
{
    bool is_padding = true;
    unwrap->is_in_tail = true;
    while (unwrap->head_bytes > 0)
        is_padding = unwrap->head[--unwrap->head_bytes] == 0 && is_padding;
    while (is_padding && io->in_bytes > 0) {
        is_padding = *io->in == 0;
        unwrap_advance(io, 1, 0);
    }
    if (is_padding && !io->is_last)
        return MR_OK;
    if (!is_padding)
        *problem = "something else follows its compressed data, and was left out";
    return MR_DONE;
}

/* Gathers the head of the next frame. MR_OK: see is_in_frame; MR_DONE: there is none. */
static enum mr_status find_frame(struct unwrap *unwrap, struct mr_io *io, const char **problem)
{
    const struct unwrap_format *format = unwrap->format;
    while (unwrap->head_bytes < format->head_bytes && io->in_bytes > 0) {
        bool is_padding = unwrap->has_frame && unwrap->head_bytes == 0 && *io->in == 0;
        if (!is_padding || !format->skips_zeros)
            unwrap->head[unwrap->head_bytes++] = *io->in;
        unwrap_advance(io, 1, 0);
        if (unwrap->head_bytes > 0 && unwrap->has_frame &&
            !format->begins(unwrap->head, unwrap->head_bytes))
            return pass_tail(unwrap, io, problem);
    }
    if (unwrap->head_bytes < format->head_bytes) {
        if (!io->is_last)
            return MR_OK;
        return unwrap->has_frame && unwrap->head_bytes == 0 ? MR_DONE : truncated(unwrap, problem);
    }
    unwrap->head_at = 0;
    unwrap->is_in_frame = true;
    enum mr_status status = format->start(unwrap->state);
    if (status != MR_OK)
        *problem = "out of memory";
    return status;
}

/* One call of the format, with what is left of the head first. */
static enum mr_status step(struct unwrap *unwrap, struct mr_io *io, const char **problem)
{
    if (unwrap->head_at == unwrap->head_bytes)
        return unwrap->format->step(unwrap->state, io, problem);
    struct mr_io head = {.in = unwrap->head + unwrap->head_at,
                         .in_bytes = unwrap->head_bytes - unwrap->head_at,
                         .is_last = io->is_last && io->in_bytes == 0,
                         .out = io->out,
                         .out_bytes = io->out_bytes};
    enum mr_status status = unwrap->format->step(unwrap->state, &head, problem);
    unwrap->head_at = unwrap->head_bytes - head.in_bytes;
    io->out = head.out;
    io->out_bytes = head.out_bytes;
    return status;
}

static enum mr_status decode_frame(struct unwrap *unwrap, struct mr_io *io, const char **problem)
{
    for (;;) {
        size_t in_before = io->in_bytes, out_before = io->out_bytes, head_before = unwrap->head_at;
        enum mr_status status = step(unwrap, io, problem);
        if (status == MR_DONE) {
            unwrap->is_in_frame = false;
            unwrap->has_frame = true;
            unwrap->head_bytes = 0;
            return MR_OK;
        }
        if (status != MR_OK)
            return status == MR_TIMEOUT ? MR_OK : status;
        bool has_input = unwrap->head_at < unwrap->head_bytes || io->in_bytes > 0;
        bool is_idle = in_before == io->in_bytes && out_before == io->out_bytes &&
                       head_before == unwrap->head_at;
        if (io->out_bytes == 0)
            return MR_OK;
        if (is_idle && !has_input)
            return io->is_last ? truncated(unwrap, problem) : MR_OK;
        if (is_idle) {
            *problem = "damaged data";
            return MR_E_DATA;
        }
    }
}

enum mr_status unwrap_step(struct unwrap *unwrap, struct mr_io *io, const char **problem)
{
    if (unwrap->is_in_tail)
        return pass_tail(unwrap, io, problem);
    if (!unwrap->is_in_frame) {
        enum mr_status status = find_frame(unwrap, io, problem);
        if (status != MR_OK || !unwrap->is_in_frame)
            return status;
    }
    return decode_frame(unwrap, io, problem);
}
