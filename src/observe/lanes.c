#include "observe/lanes.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"

#define BUFFER_BYTES (LANE_LINE_BYTES + 48 * 1024)
#define CACHE_COUNT  4

struct lanes {
    int fd;
    int64_t start_bytes;
    size_t spill_bytes;
    uint64_t id; /* no others of this process have it */
    void (*started)(void *ctx, struct lane *lane);
    void *ctx;
    _Atomic(struct lane *) first;
    atomic_int_fast64_t end_bytes; /* places that were taken */
    atomic_int error;              /* errno of the first that could not be written; 0 */
};

/* The lanes that a thread used last: a pointer alone could be that of others, which were destroyed.
 */
static _Thread_local struct {
    uint64_t id;
    struct lane *lane;
} cache[CACHE_COUNT];

static atomic_uint_fast64_t last_id;

enum mr_status lanes_create(int fd, int64_t at_bytes, size_t spill_bytes,
                            void (*started)(void *ctx, struct lane *lane), void *ctx,
                            struct lanes **lanes)
{
    struct lanes *made = calloc(1, sizeof(*made));
    if (!made)
        return MR_E_MEMORY;
    made->fd = fd;
    made->start_bytes = at_bytes;
    made->spill_bytes = spill_bytes;
    made->id = atomic_fetch_add(&last_id, 1) + 1;
    made->started = started;
    made->ctx = ctx;
    atomic_init(&made->end_bytes, at_bytes);
    *lanes = made;
    return MR_OK;
}

static void note_error(struct lanes *lanes, int error)
{
    int none = 0;
    atomic_compare_exchange_strong(&lanes->error, &none, error);
}

/* What a thread that ended has left is gone on with by one that got its number. */
static struct lane *find(const struct lanes *lanes, int thread_id)
{
    struct lane *lane = atomic_load_explicit(&lanes->first, memory_order_acquire);
    while (lane && lane->thread_id != thread_id)
        lane = lane->next;
    return lane;
}

static struct lane *add(struct lanes *lanes, int thread_id)
{
    struct lane *lane = calloc(1, sizeof(*lane));
    if (lane)
        lane->buffer = malloc(BUFFER_BYTES);
    if (!lane || !lane->buffer) {
        note_error(lanes, ENOMEM);
        free(lane);
        return NULL;
    }
    lane->lanes = lanes;
    lane->thread_id = thread_id;
    lane->next = atomic_load_explicit(&lanes->first, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&lanes->first, &lane->next, lane,
                                                  memory_order_release, memory_order_relaxed))
        ;
    if (lanes->started)
        lanes->started(lanes->ctx, lane);
    return lane;
}

struct lane *lanes_mine(struct lanes *lanes)
{
    unsigned slot = (unsigned)(lanes->id % CACHE_COUNT);
    if (cache[slot].id == lanes->id)
        return cache[slot].lane;
    int thread_id = gettid();
    struct lane *lane = find(lanes, thread_id);
    if (!lane)
        lane = add(lanes, thread_id);
    if (lane) {
        cache[slot].id = lanes->id;
        cache[slot].lane = lane;
    }
    return lane;
}

static void empty(struct lane *lane)
{
    struct lanes *lanes = lane->lanes;
    size_t size_bytes = lane->used_bytes;
    lane->used_bytes = 0;
    if (size_bytes == 0 || atomic_load_explicit(&lanes->error, memory_order_relaxed) != 0)
        return;
    int64_t at_bytes =
        atomic_fetch_add_explicit(&lanes->end_bytes, (int64_t)size_bytes, memory_order_relaxed);
    if (at_bytes == lanes->start_bytes)
        lane->buffer[0] = ' ';
    if (io_pwrite(lanes->fd, lane->buffer, size_bytes, at_bytes) != 0)
        note_error(lanes, errno);
}

char *lane_room(struct lane *lane)
{
    if (BUFFER_BYTES - lane->used_bytes < LANE_LINE_BYTES)
        empty(lane);
    return lane->buffer + lane->used_bytes;
}

void lane_put(struct lane *lane, size_t bytes)
{
    lane->used_bytes += bytes;
    if (lane->used_bytes >= lane->lanes->spill_bytes)
        empty(lane);
}

enum mr_status lanes_end(struct lanes *lanes, int64_t *end_bytes, struct mr_error *err)
{
    for (struct lane *lane = atomic_load(&lanes->first); lane; lane = lane->next)
        empty(lane);
    *end_bytes = atomic_load(&lanes->end_bytes);
    int error = atomic_load(&lanes->error);
    if (error == ENOMEM)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    return error == 0 ? MR_OK : mr_error_set(err, MR_E_SYSTEM, error, "cannot be written");
}

void lanes_destroy(struct lanes *lanes)
{
    if (!lanes)
        return;
    for (struct lane *lane = atomic_load(&lanes->first); lane;) {
        struct lane *next = lane->next;
        free(lane->buffer);
        free(lane);
        lane = next;
    }
    free(lanes);
}
