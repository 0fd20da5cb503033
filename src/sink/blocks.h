/*
 * blocks.h - compresses a stream in blocks of a fixed size on a compute pool, and writes them in
 * order.
 *
 * What comes out depends on the content alone: not on the pool, the number of threads or the
 * window. The calls are made by one thread at a time (a serial sink); the blocks are compressed by
 * functions that are submitted to the pool. A thread that finds the window full never waits for a
 * block that nobody has begun: it compresses it itself.
 */
#ifndef MR_SINK_BLOCKS_H
#define MR_SINK_BLOCKS_H

#include <stdint.h>

#include "codec/block.h"
#include "millrace/pool.h"

struct blocks;

/*
 * write(ctx, data, bytes) puts finished bytes away, in order, on the thread that calls
 * blocks_write() or blocks_finish(); it returns 0 or an errno. options is copied. MR_OK,
 * MR_E_MEMORY.
 */
enum mr_status blocks_create(const struct block_codec *codec, const struct block_options *options,
                             int (*write)(void *ctx, const void *data, size_t bytes), void *ctx,
                             struct blocks **blocks);
/* The least memory it can do with: one block, what it becomes, and one state of the codec. */
uint64_t blocks_least_bytes(const struct blocks *blocks);
/*
 * Before the first write: compress on pool (which has thread_count threads, or gets more later, and
 * must outlive all writes) within memory_bytes, but blocks_least_bytes() at least. Returns the
 * memory that will be used. Without this call, or when there is no memory for more than one block,
 * everything is done by the calling thread.
 */
uint64_t blocks_use_pool(struct blocks *blocks, struct mr_pool *pool, unsigned thread_count,
                         uint64_t memory_bytes);
/* Adds to the stream. MR_OK, MR_E_MEMORY, MR_E_SYSTEM (write failed: *sys_errno says why). After an
 * error only blocks_destroy() may follow. */
enum mr_status blocks_write(struct blocks *blocks, const void *data, size_t bytes, int *sys_errno);
/* Ends the stream: also an empty one. Like blocks_write(). */
enum mr_status blocks_finish(struct blocks *blocks, int *sys_errno);
/* Frees everything; waits for blocks that are being compressed. NULL is a no-op. */
void blocks_destroy(struct blocks *blocks);

#endif
