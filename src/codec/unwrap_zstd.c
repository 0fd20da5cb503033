#include "codec/unwrap_formats.h"
#include "config.h"

#if MR_HAVE_ZSTD

#include <stdlib.h>
#include <string.h>

#include "codec/zstd_stream.h"

/* 128 MiB; --ultra --long needs more and has to be asked for in zstd too. */
#define WINDOW_LOG_MAX 27

static bool begins(const unsigned char *head, size_t count)
{
    static const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd};
    static const unsigned char skippable[] = {0x50, 0x2a, 0x4d, 0x18};
    return memcmp(head, frame, count) == 0 ||
           ((head[0] & 0xf0) == skippable[0] && memcmp(head + 1, skippable + 1, count - 1) == 0);
}

/* A frame to skip may be of lz4 as well. pzstd begins with one of four bytes, before a frame. */
static bool begins_file(const unsigned char *head)
{
    static const unsigned char pzstd[] = {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0};
    return memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0 || memcmp(head, pzstd, sizeof(pzstd)) == 0;
}

static void destroy(void *state)
{
    struct zstd_stream *stream = state;
    ZSTD_freeDCtx(stream->zstd);
    free(stream);
}

static void *create(const struct unwrap_options *options)
{
    (void)options;
    struct zstd_stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return NULL;
    stream->zstd = ZSTD_createDCtx();
    if (stream->zstd) {
        ZSTD_DCtx_setParameter(stream->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
        return stream;
    }
    destroy(stream);
    return NULL;
}

static enum mr_status start(void *state)
{
    struct zstd_stream *stream = state;
    ZSTD_DCtx_reset(stream->zstd, ZSTD_reset_session_only);
    stream->header_bytes = 0;
    return MR_OK;
}

static enum mr_status step(void *state, struct mr_io *io, const char **problem)
{
    size_t code = zstd_stream_step(state, io);
    if (ZSTD_isError(code)) {
        *problem = ZSTD_getErrorName(code);
        return MR_E_DATA;
    }
    return code == 0 ? MR_DONE : MR_OK;
}

const struct unwrap_format unwrap_zstd = {
    .name = "zst",
    .truncated = "truncated zstd data",
    .head_bytes = 4,
    .begins_file = begins_file,
    .begins = begins,
    .create = create,
    .destroy = destroy,
    .start = start,
    .step = step,
};

#endif
