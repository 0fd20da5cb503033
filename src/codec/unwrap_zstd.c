#include "codec/unwrap_formats.h"
#include "config.h"

#if MR_HAVE_ZSTD

#include <string.h>
#include <zstd.h>

#define WINDOW_LOG_MAX                                                                             \
    27 /* 128 MiB; --ultra --long needs more and has to be asked for in zstd too */

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

static void *create(const struct unwrap_options *options)
{
    (void)options;
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    if (zstd)
        ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    return zstd;
}

static void destroy(void *state)
{
    ZSTD_freeDCtx(state);
}

static enum mr_status start(void *state)
{
    ZSTD_DCtx_reset(state, ZSTD_reset_session_only);
    return MR_OK;
}

static enum mr_status step(void *state, struct mr_io *io, const char **problem)
{
    ZSTD_inBuffer in = {io->in, io->in_bytes, 0};
    ZSTD_outBuffer out = {io->out, io->out_bytes, 0};
    size_t code = ZSTD_decompressStream(state, &out, &in);
    unwrap_advance(io, in.pos, out.pos);
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
