/*
 * box.h - chunks that wait between two steps of an item, with the number that may be on the way.
 *
 * Belongs to one item, under its lock. A step that makes chunks asks for a place before it runs
 * (box_enter), and puts the chunk down when it is done; the place is given back when the next step
 * has let go of it (box_leave).
 */
#ifndef MR_FLOW_BOX_H
#define MR_FLOW_BOX_H

#include <assert.h>

#include "flow/chunk.h"

struct box {
    struct chunk_list chunks;
    unsigned hands_count;  /* places taken: chunks in the box, in the hands of who makes them and of
                              who uses them */
    unsigned window_count; /* places there are */
};

static inline bool box_has_room(const struct box *box)
{
    return box->hands_count < box->window_count;
}

static inline void box_enter(struct box *box)
{
    box->hands_count++;
}

static inline void box_leave(struct box *box, unsigned count)
{
    assert(box->hands_count >= count);
    box->hands_count -= count;
}

#endif
