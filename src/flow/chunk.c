#include "flow/chunk.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "engine/stash.h"

#define SMALLEST_BYTES ((size_t)4096)
/* 4 KiB, 8 KiB ... 512 KiB come before CHUNK_ROOM_BYTES, its multiples behind. */
#define FULL_CLASS       8
#define LENT_CLASS       (FULL_CLASS + 9) /* without memory */
#define CLASS_COUNT      (LENT_CLASS + 1)
#define IDLE_CLASS_BYTES ((size_t)2 << 20) /* kept idle in each class */
/* In each class of large ones; of still larger ones none is. */
#define IDLE_LARGE_BYTES ((size_t)16 << 20)
#define IDLE_LENT_COUNT  128
/* From here on memory comes from mmap: it goes back to the system at once, and never fragments the
 * heap. */
#define MAPPED_FROM_BYTES ((size_t)128 << 10)

struct chunk_pool {
    struct stash *classes[CLASS_COUNT];
};

static size_t class_bytes(unsigned size_class)
{
    return size_class >= FULL_CLASS ? CHUNK_ROOM_BYTES << (size_class - FULL_CLASS)
                                    : SMALLEST_BYTES << size_class;
}

static unsigned class_for(size_t room_bytes)
{
    assert(room_bytes <= CHUNK_LARGEST_BYTES);
    unsigned size_class = 0;
    while (class_bytes(size_class) < room_bytes)
        size_class++;
    return size_class;
}

void chunk_list_push(struct chunk_list *list, struct chunk *chunk)
{
    chunk->next = NULL;
    if (list->last)
        list->last->next = chunk;
    else
        list->first = chunk;
    list->last = chunk;
    list->count++;
    list->used_bytes += chunk->used_bytes;
}

struct chunk *chunk_list_pop(struct chunk_list *list)
{
    struct chunk *chunk = list->first;
    if (!chunk)
        return NULL;
    list->first = chunk->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    list->used_bytes -= chunk->used_bytes;
    return chunk;
}

static void chunk_free(void *object)
{
    struct chunk *chunk = object;
    if (chunk->cap_bytes >= MAPPED_FROM_BYTES)
        munmap(chunk->data, chunk->cap_bytes);
    else
        free(chunk->data);
    free(chunk);
}

static struct chunk *chunk_make(unsigned size_class)
{
    struct chunk *chunk = calloc(1, sizeof(*chunk));
    if (!chunk)
        return NULL;
    chunk->size_class = size_class;
    chunk->cap_bytes = class_bytes(size_class);
    if (chunk->cap_bytes >= MAPPED_FROM_BYTES) {
        void *data = mmap(NULL, chunk->cap_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        chunk->data = data == MAP_FAILED ? NULL : data;
    } else {
        chunk->data = malloc(chunk->cap_bytes);
    }
    if (!chunk->data) {
        free(chunk);
        return NULL;
    }
    return chunk;
}

static unsigned idle_count(unsigned size_class)
{
    if (size_class == LENT_CLASS)
        return IDLE_LENT_COUNT;
    if (size_class > FULL_CLASS)
        return (unsigned)(IDLE_LARGE_BYTES / class_bytes(size_class));
    size_t count = IDLE_CLASS_BYTES / class_bytes(size_class);
    return count > 2 ? (unsigned)count : 2;
}

enum mr_status chunk_pool_create(struct chunk_pool **pool)
{
    struct chunk_pool *made = calloc(1, sizeof(*made));
    if (!made)
        return MR_E_MEMORY;
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        if (stash_create(idle_count(c), chunk_free, &made->classes[c]) != MR_OK) {
            chunk_pool_destroy(made);
            return MR_E_MEMORY;
        }
    }
    *pool = made;
    return MR_OK;
}

void chunk_pool_destroy(struct chunk_pool *pool)
{
    if (!pool)
        return;
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        stash_destroy(pool->classes[c]);
    free(pool);
}

size_t chunk_cost_bytes(size_t room_bytes)
{
    return sizeof(struct chunk) + class_bytes(class_for(room_bytes));
}

struct chunk *chunk_take(struct chunk_pool *pool, size_t room_bytes)
{
    unsigned size_class = class_for(room_bytes);
    struct chunk *chunk = stash_take(pool->classes[size_class]);
    if (!chunk)
        return chunk_make(size_class);
    chunk->used_bytes = chunk->at_bytes = 0;
    chunk->is_last = false;
    return chunk;
}

struct chunk *chunk_borrow(struct chunk_pool *pool, struct mr_source *lender, const void *data,
                           size_t size_bytes)
{
    struct chunk *chunk = stash_take(pool->classes[LENT_CLASS]);
    if (!chunk && !(chunk = calloc(1, sizeof(*chunk))))
        return NULL;
    *chunk = (struct chunk){.size_class = LENT_CLASS,
                            .is_last = true,
                            .used_bytes = size_bytes,
                            .data = (unsigned char *)(uintptr_t)data,
                            .lender = lender};
    return chunk;
}

static void end_loan(struct chunk *chunk)
{
    chunk->lender->ops->give_back(chunk->lender, chunk->data);
    chunk->lender = NULL;
    chunk->data = NULL;
}

void chunk_give(struct chunk_pool *pool, struct chunk *chunk)
{
    if (chunk && chunk->lender)
        end_loan(chunk);
    if (chunk)
        stash_put(pool->classes[chunk->size_class], chunk);
}

void chunk_give_all(struct chunk_pool *pool, struct chunk_list *list)
{
    struct chunk *chunk;
    while ((chunk = chunk_list_pop(list)) != NULL)
        chunk_give(pool, chunk);
}
