/*
 * chunk.h - pieces of content on their way, in memory that is reused.
 *
 * A chunk has exactly one owner at a time and is moved, never shared. Memory that belongs to
 * somebody else may be in one, to be read only. Capacities come in classes (powers of two from 4
 * KiB, the full one, and that times powers of two), so that a chunk that was given back fits the
 * next taker; a bounded number of idle chunks of each class is kept.
 */
#ifndef MR_FLOW_CHUNK_H
#define MR_FLOW_CHUNK_H

#include <stddef.h>

#include "millrace/source.h"
#include "operation/chain.h"

/* Content of one usual chunk, and room for it: the room is larger, so that a codec's bound fits. A
 * codec with larger blocks gets larger chunks: n times the content, n times the room. */
#define CHUNK_CONTENT_BYTES CHAIN_BUFFER_BYTES
#define CHUNK_ROOM_BYTES    (CHAIN_BUFFER_BYTES + CHAIN_SLACK_BYTES)

struct chunk {
    struct chunk *next;
    unsigned size_class;
    bool is_last;      /* nothing of the item follows */
    size_t cap_bytes;  /* room in data */
    size_t used_bytes; /* content in data */
    size_t at_bytes;   /* of it: consumed already */
    unsigned char *data;
    struct mr_source *lender; /* data is to be given back to it; NULL: data is the chunk's */
};

struct chunk_list {
    struct chunk *first, *last;
    unsigned count;
    size_t used_bytes; /* content of all */
};

void chunk_list_push(struct chunk_list *list, struct chunk *chunk);
struct chunk *chunk_list_pop(struct chunk_list *list); /* NULL: empty */

struct chunk_pool;

enum mr_status chunk_pool_create(struct chunk_pool **pool);
void chunk_pool_destroy(struct chunk_pool *pool); /* NULL is a no-op; all chunks are back */
#define CHUNK_LARGEST_BYTES (CHUNK_ROOM_BYTES << 8)

/* Memory that a chunk for room_bytes (at most CHUNK_LARGEST_BYTES) takes. */
size_t chunk_cost_bytes(size_t room_bytes);
/* An empty chunk with at least room_bytes; NULL when out of memory. Any thread. */
struct chunk *chunk_take(struct chunk_pool *pool, size_t room_bytes);
/* A chunk of data that lender has lent; NULL when out of memory. Any thread. */
struct chunk *chunk_borrow(struct chunk_pool *pool, struct mr_source *lender, const void *data,
                           size_t size_bytes);
void chunk_give(struct chunk_pool *pool, struct chunk *chunk); /* NULL is a no-op; any thread */
void chunk_give_all(struct chunk_pool *pool, struct chunk_list *list);

#endif
