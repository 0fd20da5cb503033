/*
 * window.h - memory that this process and one worker process share. It has places for requests: a
 * large one, and small ones for several that are handed over together. A place has an area for
 * messages, one for input and one for output, each between pages that nobody can touch, so that a
 * worker that writes past its room is stopped.
 *
 * A room for output ends where its area ends. The memory cannot be made smaller by the worker
 * process.
 */
#ifndef MR_OPERATION_WINDOW_H
#define MR_OPERATION_WINDOW_H

#include "millrace/status.h"

/* Sizes are multiples of every usual page size. */
#define WINDOW_AREA_BYTES          (((size_t)1 << 20) + ((size_t)64 << 10))
#define WINDOW_MESSAGE_BYTES       ((size_t)192 << 10)
#define WINDOW_SMALL_COUNT         8
#define WINDOW_SMALL_AREA_BYTES    ((size_t)128 << 10)
#define WINDOW_SMALL_MESSAGE_BYTES ((size_t)16 << 10)
#define WINDOW_BYTES                                                                               \
    (WINDOW_MESSAGE_BYTES + 2 * WINDOW_AREA_BYTES +                                                \
     WINDOW_SMALL_COUNT * (WINDOW_SMALL_MESSAGE_BYTES + 2 * WINDOW_SMALL_AREA_BYTES))

struct window_place {
    unsigned char *message;  /* message_bytes */
    unsigned char *in, *out; /* areas of area_bytes */
    size_t message_bytes, area_bytes;
};

struct window {
    unsigned char *base; /* of the mapping; NULL: none */
    size_t mapped_bytes;
    struct window_place places[1 + WINDOW_SMALL_COUNT]; /* the first is the large one */
};

/* Memory for a window: a descriptor, close-on-exec, for window_map() and for the other process; -1
 * with errno. */
int window_open(void);
/* Maps it. is_worker: input can only be read. 0, or -1 with errno; then *window is none. */
int window_map(struct window *window, int fd, bool is_worker);
void window_unmap(struct window *window); /* a no-op when there is none */

/* Where output begins for which there is room_bytes (at most area_bytes). */
unsigned char *window_room(const struct window_place *place, size_t room_bytes);

#endif
