/*
 * decode_ahead.h - the plain bytes of a compressed input, decoded by the reader at first, and ahead
 * of it by other threads once that pays: one at a time, or, of what consists of pieces
 * (decode_pieces.h), several at once when the input can seek and there is memory for it.
 */
#ifndef MR_SOURCE_DECODE_AHEAD_H
#define MR_SOURCE_DECODE_AHEAD_H

#include "millrace/pool.h"
#include "source/decode_stream.h"

struct decode_ahead;

/* What it may take; zero-initialised is the default. */
struct decode_limits {
    uint64_t memory_bytes;    /* 0: DECODE_MEMORY_DEFAULT_BYTES; at least two blocks are taken */
    unsigned thread_count;    /* for what can be decoded at once; 0: the processors, at most 4 */
    bool has_unnamed_threads; /* else they are called after what they do */
    bool is_lenient_zip;      /* of zip archives, see zip_source_create() */
    /* Where that is done by threads which have other work, too: with an input that can seek.
     * NULL: by threads of its own. */
    struct mr_pool *pool;
    struct decode_watch watch;
};

#define DECODE_MEMORY_DEFAULT_BYTES ((uint64_t)128 << 20)

/*
 * input is copied. From decode_ahead_start() on its pull, pread and seek are called by changing
 * threads, one at a time. MR_OK, MR_E_MEMORY.
 */
enum mr_status decode_ahead_create(const struct unwrap_format *format,
                                   const struct decode_input *input,
                                   const struct decode_limits *limits, struct decode_ahead **ahead);
/* Ends at once what is being decoded. NULL is a no-op. Any thread, when no other is in a call. */
void decode_ahead_destroy(struct decode_ahead *ahead);

/*
 * Blocks of plain bytes are filled from now on in memory, which has room for count of
 * DECODE_BLOCK_BYTES and must live as long. Before decode_ahead_start().
 */
void decode_ahead_place(struct decode_ahead *ahead, unsigned char *memory, size_t count);
/*
 * The bytes that were read last, from data on, stay valid until decode_ahead_let_go(), and may lie
 * beside others that do. False: they do not lie in that memory, or too many blocks are kept.
 */
bool decode_ahead_keep(struct decode_ahead *ahead, const void *data);
void decode_ahead_let_go(struct decode_ahead *ahead, const void *data);

/* Others decode from now on; when that cannot be, it goes on as before. Once. */
void decode_ahead_start(struct decode_ahead *ahead);

/* The most memory it takes within these limits. */
uint64_t decode_ahead_memory(const struct unwrap_format *format, bool can_seek,
                             const struct decode_limits *limits);

/*
 * The next plain bytes, valid until the next call unless they are kept, and their number. MR_OK:
 * *size_bytes > 0. MR_DONE: that was all; *problem says what else follows, or is NULL. An error
 * comes behind the bytes that could be decoded: MR_E_SYSTEM with errno, else *problem says what
 * (MR_E_DATA, MR_E_UNSUPPORTED, MR_E_MEMORY). It comes again.
 */
enum mr_status decode_ahead_read(struct decode_ahead *ahead, const void **data, size_t *size_bytes,
                                 const char **problem);
/*
 * How much of the compressed input became the first plain_bytes of those that were read: exact
 * where a block of them ended, of the last dozen of blocks. By whoever reads.
 */
uint64_t decode_ahead_used(const struct decode_ahead *ahead, uint64_t plain_bytes);
/* Were bytes decoded already, by the thread, that decode_ahead_read() would give at once? */
bool decode_ahead_is_ready(const struct decode_ahead *ahead);
/* What is known to follow the bytes that were read last: MR_OK: perhaps more; MR_DONE, or the error
 * that the next call gives. After decode_ahead_read(). */
enum mr_status decode_ahead_outlook(const struct decode_ahead *ahead);

#endif
