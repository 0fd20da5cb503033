#include "codec/unwrap_formats.h"
#include "config.h"

#if MR_HAVE_LZMA

#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX_BYTES ((uint64_t)1 << 30) /* what a file may ask for, as in libarchive */
#define WAIT_MS          100                 /* then whoever decodes may look whether to go on */

struct xz {
    lzma_stream stream;
    struct unwrap_options options;
};

static bool begins(const unsigned char *head, size_t count)
{
    static const unsigned char magic[] = {0xfd, '7', 'z', 'X', 'Z', 0};
    return memcmp(head, magic, count) == 0;
}

static bool begins_file(const unsigned char *head)
{
    return begins(head, 6);
}

static void *create(const struct unwrap_options *options)
{
    struct xz *made = calloc(1, sizeof(*made));
    if (!made)
        return NULL;
    made->stream = (lzma_stream)LZMA_STREAM_INIT;
    made->options = *options;
    return made;
}

static void destroy(void *state)
{
    struct xz *xz = state;
    lzma_end(&xz->stream);
    free(xz);
}

/* Blocks whose sizes stand in their headers are decoded by several threads at once. */
static enum mr_status start(void *state)
{
    struct xz *xz = state;
#if LZMA_VERSION >= UINT32_C(50040002)
    if (xz->options.thread_count > 1) {
        lzma_mt config = {.threads = xz->options.thread_count,
                          .timeout = WAIT_MS,
                          .memlimit_threading = xz->options.threads_bytes,
                          .memlimit_stop = MEMORY_MAX_BYTES};
        return lzma_stream_decoder_mt(&xz->stream, &config) == LZMA_OK ? MR_OK : MR_E_MEMORY;
    }
#endif
    return lzma_stream_decoder(&xz->stream, MEMORY_MAX_BYTES, 0) == LZMA_OK ? MR_OK : MR_E_MEMORY;
}

static enum mr_status step(void *state, struct mr_io *io, const char **problem)
{
    lzma_stream *stream = &((struct xz *)state)->stream;
    size_t in_bytes = io->in_bytes, out_bytes = io->out_bytes;
    stream->next_in = io->in;
    stream->avail_in = in_bytes;
    stream->next_out = io->out;
    stream->avail_out = out_bytes;
    lzma_ret code = lzma_code(stream, io->is_last ? LZMA_FINISH : LZMA_RUN);
    size_t used = in_bytes - stream->avail_in, made = out_bytes - stream->avail_out;
    unwrap_advance(io, used, made);
    switch (code) {
    case LZMA_OK: /* with nothing done: the threads took longer than WAIT_MS */
        return used == 0 && made == 0 ? MR_TIMEOUT : MR_OK;
    case LZMA_BUF_ERROR:
        return MR_OK;
    case LZMA_STREAM_END:
        return MR_DONE;
    case LZMA_MEM_ERROR:
        *problem = "out of memory";
        return MR_E_MEMORY;
    case LZMA_MEMLIMIT_ERROR:
        *problem = "unsupported xz data: it takes more than 1 GiB of memory to decode";
        return MR_E_UNSUPPORTED;
    case LZMA_OPTIONS_ERROR:
        *problem = "unsupported filter in the xz data";
        return MR_E_UNSUPPORTED;
    default:
        *problem = "damaged xz data";
        return MR_E_DATA;
    }
}

const struct unwrap_format unwrap_xz = {
    .name = "xz",
    .truncated = "truncated xz data",
    .head_bytes = 6,
    .has_threads = true,
    .skips_zeros = true,
    .begins_file = begins_file,
    .begins = begins,
    .create = create,
    .destroy = destroy,
    .start = start,
    .step = step,
};

#endif
