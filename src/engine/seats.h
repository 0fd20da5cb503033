/*
 * seats.h - at most so many items of a line at once in a part of their way: those with a running
 * command, say.
 *
 * Items that want a seat stand in a row; the first ones of the row, as many as there are seats, may
 * sit. Where they join it in the order of their admission, as an ordered line needs it, the item
 * whose turn it is may always sit, as all before it have left: nobody who sits waits for somebody
 * who cannot. Nobody blocks: an item that may not sit yet is kicked when it may.
 */
#ifndef MR_ENGINE_SEATS_H
#define MR_ENGINE_SEATS_H

#include "engine/line.h"

struct seats;

/* An item's place in the row; embedded in the item, zeroed at first. All under the lock of seats.
 */
struct seat {
    struct line_item *item;
    struct seat *before, *next;
    bool may_sit;
    bool is_asked; /* it is kicked when it may */
};

/* count: seats, at least 1. MR_OK or MR_E_MEMORY. */
enum mr_status seats_create(unsigned count, struct seats **seats);
void seats_destroy(struct seats *seats); /* NULL is a no-op; asserts that all have left */
/* The item joins the row at its end. Any thread, item lock held or not. */
void seats_join(struct seats *seats, struct seat *seat, struct line_item *item);
/* In claim: may it sit? Else it is kicked when it may. What was true stays true. Item lock held. */
bool seats_may_sit(struct seats *seats, struct seat *seat);
/* It is not kicked any more: before an item may end without having sat. Any thread. */
void seats_forget(struct seats *seats, struct seat *seat);
/* Leaves the row: an item that sits, or that is not kicked. Any thread, no item lock held. */
void seats_leave(struct seats *seats, struct seat *seat);

#endif
