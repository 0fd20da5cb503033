/*
 * lanes.h - lines of many threads in one file, without a lock: each thread has a lane, a buffer of
 * its own, and takes a place in the file when that is full. Lines of one thread keep their order,
 * those of several do not.
 *
 * The lines are elements of a JSON array: each begins with a comma, and ends with a newline. The
 * first one of the file gets a space instead of the comma.
 */
#ifndef MR_OBSERVE_LANES_H
#define MR_OBSERVE_LANES_H

#include <stdint.h>

#include "millrace/status.h"

#define LANE_LINE_BYTES ((size_t)176 * 1024) /* at least so much room for a line */

struct lanes;

/* A thread's. */
struct lane {
    struct lane *next; /* const */
    struct lanes *lanes;
    int thread_id; /* of the kernel */
    char tag[64];  /* whatever the client keeps of it */
    size_t tag_bytes;
    size_t used_bytes;
    char *buffer;
};

/*
 * The file from at_bytes on is theirs; fd stays the caller's. A lane is written when it holds
 * spill_bytes: a program that is killed loses so much of each thread at most. started(ctx, lane),
 * which may be NULL, is called on the thread of each new lane, and may put lines into it. MR_OK,
 * MR_E_MEMORY.
 */
enum mr_status lanes_create(int fd, int64_t at_bytes, size_t spill_bytes,
                            void (*started)(void *ctx, struct lane *lane), void *ctx,
                            struct lanes **lanes);
/* Of the calling thread, until it ends or the lanes do. NULL: out of memory, which lanes_end()
 * tells. Any thread. */
struct lane *lanes_mine(struct lanes *lanes);
/* Where the next line goes, at least LANE_LINE_BYTES; lane_put() says how many it came to. The
 * lane's thread. */
char *lane_room(struct lane *lane);
void lane_put(struct lane *lane, size_t bytes);
/*
 * Writes what the lanes still hold: no thread may use them any more. *end_bytes is where they end
 * in the file. MR_OK; MR_E_SYSTEM, MR_E_MEMORY: lines are missing, for that reason.
 */
enum mr_status lanes_end(struct lanes *lanes, int64_t *end_bytes, struct mr_error *err);
void lanes_destroy(struct lanes *lanes); /* NULL is a no-op */

#endif
