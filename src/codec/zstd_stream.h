/*
 * zstd_stream.h - decodes a zstd frame (RFC 8878) piece by piece, whatever the pieces are. Only in
 * a build with libzstd.
 *
 * libzstd (ZSTD_decompressStream() of 1.5.4 and others) looks at once for all of a frame that is
 * small, but where the input of that call begins, also when the frame began in an earlier call. Of
 * a frame whose header goes on like another frame it would then give the other one. So a header
 * goes in with all of its bytes, or byte by byte, which are never a frame.
 */
#ifndef MR_CODEC_ZSTD_STREAM_H
#define MR_CODEC_ZSTD_STREAM_H

#include <zstd.h>

#include "millrace/operation.h"

struct zstd_stream {
    ZSTD_DCtx *zstd;       /* the caller's to create and to free */
    unsigned header_bytes; /* of this frame, fed so far: set to 0 where a frame begins */
};

/* Decodes until the input is used up, the room is full, or the frame has ended, and advances io.
 * Returns what ZSTD_decompressStream() does: 0 at the end of the frame. */
size_t zstd_stream_step(struct zstd_stream *stream, struct mr_io *io);

#endif
