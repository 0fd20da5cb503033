/*
 * decode_stream.h - the plain bytes of a compressed input, block after block, decoded by whoever
 * asks. Used by one thread at a time.
 */
#ifndef MR_SOURCE_DECODE_STREAM_H
#define MR_SOURCE_DECODE_STREAM_H

#include <sys/types.h>

#include "codec/unwrap.h"

#define DECODE_BLOCK_BYTES ((size_t)256 << 10)

/* Where the compressed bytes come from. */
struct decode_input {
    void *ctx;
    /* The next bytes, valid until the next call: their number, 0 at the end, -1 with errno. */
    ssize_t (*pull)(void *ctx, const void **data);
    /* Bytes at an offset from the beginning: their number, less only at the end; -1 with errno.
     * NULL: it cannot seek, and bytes are handed on as they come. */
    ssize_t (*pread)(void *ctx, void *buffer, size_t size_bytes, int64_t offset_bytes);
    /* The next pull() gives what lies there. Only with pread. */
    void (*seek)(void *ctx, int64_t offset_bytes);
    /* Called by another thread: a pull() that waits, and every later one, gives -1 soon. May be
     * NULL when none waits for long. */
    void (*stop)(void *ctx);
};

/* What follows plain bytes. */
struct decode_end {
    /* MR_OK: more of them. MR_DONE: nothing. Or an error. */
    enum mr_status status;
    /* Of an error but MR_E_SYSTEM; with MR_DONE what else follows, or NULL. A constant text. */
    const char *problem;
    int sys_errno; /* of MR_E_SYSTEM */
};

struct decode_block {
    unsigned char *bytes; /* own, or home */
    size_t cap_bytes, size_bytes;
    unsigned char *own; /* owned; own_bytes of it; NULL: none */
    size_t own_bytes;
    unsigned char *home; /* somebody else's DECODE_BLOCK_BYTES, used instead; NULL: none */
    int64_t end_bytes;   /* of the compressed input, as far as these bytes took it */
    struct decode_end end;
    bool ends_run; /* decode_ahead.c's own */
};

/* Makes it empty, with room for DECODE_BLOCK_BYTES at least when it had none. False when out of
 * memory. */
bool decode_block_empty(struct decode_block *block);
void decode_block_fini(struct decode_block *block);

/* Who wants to know what the threads do that decode: told by such a thread what it has just done;
 * times are on clock_now_ns()'s clock, the same one twice where it begins. Zero-initialised:
 * nobody.
 */
struct decode_watch {
    void (*ran)(void *ctx, int64_t start_ns, int64_t end_ns);
    void *ctx;
};

struct decode_stream {
    struct decode_input input;
    struct unwrap *unwrap; /* owned */
    const unsigned char *in;
    size_t in_bytes;       /* pulled and not used */
    bool is_input_ended;   /* pull() gave 0 */
    uint64_t pulled_bytes; /* from the beginning to the end of in */
};

/* input is copied. False when out of memory. */
bool decode_stream_init(struct decode_stream *stream, const struct unwrap_format *format,
                        const struct decode_input *input, const struct unwrap_options *options);
void decode_stream_fini(struct decode_stream *stream);

/*
 * Fills the block, from size_bytes on: until it is full, or, when the input cannot seek, until more
 * would have to be waited for. With stops_between also behind each frame: true when it did that.
 */
bool decode_stream_fill(struct decode_stream *stream, struct decode_block *block,
                        bool stops_between);

/* The offset of the next byte to decode. */
int64_t decode_stream_offset(const struct decode_stream *stream);
/* Goes on at an offset where a frame may begin. Only between two frames, with an input that can
 * seek. */
void decode_stream_seek(struct decode_stream *stream, int64_t offset_bytes);

#endif
