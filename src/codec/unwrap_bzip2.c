#include "codec/unwrap_formats.h"
#include "config.h"

#if MR_HAVE_BZIP2

#include <bzlib.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct bzip2 {
    bz_stream stream;
    bool is_open;
};

static bool begins(const unsigned char *head, size_t count)
{
    return memcmp(head, "BZh", count < 3 ? count : 3) == 0 &&
           (count < 4 || (head[3] >= '1' && head[3] <= '9'));
}

/* With the mark of the first block, or of the end: "BZh9" alone may begin a text. */
static bool begins_file(const unsigned char *head)
{
    return begins(head, 4) && (memcmp(head + 4, "1AY&SY", 6) == 0 ||
                               memcmp(head + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
}

static void *create(const struct unwrap_options *options)
{
    (void)options;
    return calloc(1, sizeof(struct bzip2));
}

static void close_stream(struct bzip2 *bzip2)
{
    if (bzip2->is_open)
        BZ2_bzDecompressEnd(&bzip2->stream);
    bzip2->is_open = false;
}

static void destroy(void *state)
{
    close_stream(state);
    free(state);
}

static enum mr_status start(void *state)
{
    struct bzip2 *bzip2 = state;
    close_stream(bzip2);
    bzip2->stream = (bz_stream){0};
    bzip2->is_open = BZ2_bzDecompressInit(&bzip2->stream, 0, 0) == BZ_OK;
    return bzip2->is_open ? MR_OK : MR_E_MEMORY;
}

static enum mr_status step(void *state, struct mr_io *io, const char **problem)
{
    bz_stream *stream = &((struct bzip2 *)state)->stream;
    unsigned in_bytes = io->in_bytes < INT_MAX ? (unsigned)io->in_bytes : INT_MAX;
    unsigned out_bytes = io->out_bytes < INT_MAX ? (unsigned)io->out_bytes : INT_MAX;
    stream->next_in = (char *)io->in;
    stream->avail_in = in_bytes;
    stream->next_out = (char *)io->out;
    stream->avail_out = out_bytes;
    int code = BZ2_bzDecompress(stream);
    unwrap_advance(io, in_bytes - stream->avail_in, out_bytes - stream->avail_out);
    switch (code) {
    case BZ_OK:
        return MR_OK;
    case BZ_STREAM_END:
        return MR_DONE;
    case BZ_MEM_ERROR:
        *problem = "out of memory";
        return MR_E_MEMORY;
    default:
        *problem = "damaged bzip2 data";
        return MR_E_DATA;
    }
}

const struct unwrap_format unwrap_bzip2 = {
    .name = "bz2",
    .truncated = "truncated bzip2 data",
    .head_bytes = 4,
    .begins_file = begins_file,
    .begins = begins,
    .create = create,
    .destroy = destroy,
    .start = start,
    .step = step,
};

#endif
