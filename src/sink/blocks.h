/*
 * blocks.h - compresses a stream in blocks of a fixed size on a compute pool, and writes them in order.
 *
 * What comes out depends on the content alone: not on the pool, the number of threads or the window. The calls are made by
 * one thread at a time (a serial sink); the blocks are compressed by functions that are submitted to the pool. A thread that
 * finds the window full never waits for a block that nobody has begun: it compresses it itself.
 */
#ifndef MR_SINK_BLOCKS_H
#define MR_SINK_BLOCKS_H

#include <stdint.h>

#include "millrace/pool.h"

/* One piece of the stream on its way through a codec. */
struct block {
    const unsigned char *in;
    size_t in_bytes;
    bool is_first, is_last; /* of the stream */
    unsigned char *out;     /* room for bound(in_bytes) */
    size_t out_bytes;       /* set by compress */
    uint32_t check;         /* for the codec's own use: compress sets it, end reads it */
};

/* A way to compress independent blocks whose results, one after the other, are a stream that everybody reads. */
struct block_codec {
    size_t block_bytes;
    size_t (*bound)(int level, size_t in_bytes);
    size_t (*state_bytes)(int level); /* memory of a state */
    /* NULL when out of memory. A state is used by one thread at a time, for one block after the other. */
    void *(*state_create)(int level);
    void (*state_destroy)(void *state); /* NULL is a no-op */
    /* MR_OK, MR_E_MEMORY. Called on any thread. */
    enum mr_status (*compress)(void *state, struct block *block);

    /* What depends on all blocks, kept in order: NULL for a codec that needs nothing. */
    size_t summary_bytes; /* size of *summary, zeroed at the start */
    /* Adds a block that was written. MR_OK, MR_E_MEMORY. */
    enum mr_status (*add)(void *summary, const struct block *block);
    /* The bytes that end the stream: the caller's to free; NULL with *bytes > 0 when out of memory. */
    unsigned char *(*end)(void *summary, size_t *bytes);
    void (*summary_clear)(void *summary); /* frees what the summary owns; may be NULL */
};

/* One gzip member (RFC 1952), levels 1 to 9. */
const struct block_codec *block_codec_gzip(void);
/* Zstandard frames (RFC 8878) with content sizes and checksums, then a seek table; NULL when the build has no libzstd. */
const struct block_codec *block_codec_zstd(void);

struct blocks;

/*
 * write(ctx, data, bytes) puts finished bytes away, in order, on the thread that calls blocks_write() or
 * blocks_finish(); it returns 0 or an errno. MR_OK, MR_E_MEMORY.
 */
enum mr_status blocks_create(const struct block_codec *codec, int level,
                             int (*write)(void *ctx, const void *data, size_t bytes), void *ctx,
                             struct blocks **blocks);
/*
 * Before the first write: compress on pool (which has thread_count threads and must outlive all writes) within memory_bytes,
 * but with one block at least. Returns the memory that will be used. Without this call everything is done by the calling thread.
 */
uint64_t blocks_use_pool(struct blocks *blocks, struct mr_pool *pool, unsigned thread_count,
                         uint64_t memory_bytes);
/* Adds to the stream. MR_OK, MR_E_MEMORY, MR_E_SYSTEM (write failed: *sys_errno says why). After an error only blocks_destroy() may follow. */
enum mr_status blocks_write(struct blocks *blocks, const void *data, size_t bytes, int *sys_errno);
/* Ends the stream: also an empty one. Like blocks_write(). */
enum mr_status blocks_finish(struct blocks *blocks, int *sys_errno);
/* Frees everything; waits for blocks that are being compressed. NULL is a no-op. */
void blocks_destroy(struct blocks *blocks);

#endif
