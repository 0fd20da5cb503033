#include "config.h"

#if MR_HAVE_ZSTD

#include "codec/zstd_stream.h"

#define HEADER_MAX_BYTES 18 /* with its magic number: RFC 8878, section 3.1.1.1 */

/* Does the frame that begins here go in as it is: with all of its header, or even whole? */
static bool goes_in_whole(const struct mr_io *io)
{
    return io->in_bytes >= HEADER_MAX_BYTES ||
           !ZSTD_isError(ZSTD_findFrameCompressedSize(io->in, io->in_bytes));
}

size_t zstd_stream_step(struct zstd_stream *stream, struct mr_io *io)
{
    ZSTD_inBuffer in = {io->in, 0, 0};
    ZSTD_outBuffer out = {io->out, io->out_bytes, 0};
    size_t code;
    bool is_header;
    if (stream->header_bytes == 0 && goes_in_whole(io))
        stream->header_bytes = HEADER_MAX_BYTES; /* the frame begins where the input does */
    do {
        size_t before = in.pos;
        is_header = stream->header_bytes < HEADER_MAX_BYTES && in.pos < io->in_bytes;
        in.size = is_header ? in.pos + 1 : io->in_bytes;
        code = ZSTD_decompressStream(stream->zstd, &out, &in);
        if (is_header)
            stream->header_bytes += (unsigned)(in.pos - before);
    } while (is_header && in.pos == in.size && in.pos < io->in_bytes && code > 0 &&
             !ZSTD_isError(code));
    if (in.pos > 0) /* io->in may be NULL */
        io->in += in.pos;
    io->in_bytes -= in.pos;
    io->out += out.pos;
    io->out_bytes -= out.pos;
    return code;
}

#endif
