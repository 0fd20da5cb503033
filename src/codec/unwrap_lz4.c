#include "codec/unwrap_formats.h"
#include "config.h"

#if MR_HAVE_LZ4

#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

struct lz4 {
    LZ4F_dctx *context; /* NULL before the first frame */
};

/* A frame, or one to skip. The older form without frames is left to libarchive. */
static bool begins(const unsigned char *head, size_t count)
{
    static const unsigned char frame[] = {0x04, 0x22, 0x4d, 0x18};
    static const unsigned char skippable[] = {0x50, 0x2a, 0x4d, 0x18};
    return memcmp(head, frame, count) == 0 ||
           ((head[0] & 0xf0) == skippable[0] && memcmp(head + 1, skippable + 1, count - 1) == 0);
}

static bool begins_file(const unsigned char *head)
{
    return memcmp(head, "\x04\x22\x4d\x18", 4) == 0;
}

static void *create(const struct unwrap_options *options)
{
    (void)options;
    return calloc(1, sizeof(struct lz4));
}

static void destroy(void *state)
{
    struct lz4 *lz4 = state;
    LZ4F_freeDecompressionContext(lz4->context);
    free(lz4);
}

static enum mr_status start(void *state)
{
    struct lz4 *lz4 = state;
    if (!lz4->context &&
        LZ4F_isError(LZ4F_createDecompressionContext(&lz4->context, LZ4F_VERSION))) {
        lz4->context = NULL;
        return MR_E_MEMORY;
    }
    LZ4F_resetDecompressionContext(lz4->context);
    return MR_OK;
}

static enum mr_status step(void *state, struct mr_io *io, const char **problem)
{
    struct lz4 *lz4 = state;
    size_t used = io->in_bytes, made = io->out_bytes;
    size_t left = LZ4F_decompress(lz4->context, io->out, &made, io->in, &used, NULL);
    if (LZ4F_isError(left)) {
        *problem = LZ4F_getErrorName(left);
        return MR_E_DATA;
    }
    unwrap_advance(io, used, made);
    return left == 0 ? MR_DONE : MR_OK;
}

const struct unwrap_format unwrap_lz4 = {
    .name = "lz4",
    .truncated = "truncated lz4 data",
    .head_bytes = 4,
    .begins_file = begins_file,
    .begins = begins,
    .create = create,
    .destroy = destroy,
    .start = start,
    .step = step,
};

#endif
