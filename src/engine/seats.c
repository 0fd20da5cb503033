#include "engine/seats.h"

#include <assert.h>
#include <stdlib.h>

struct seats {
    struct lock lock;
    unsigned count;
    /* under lock: */
    unsigned sitting_count;     /* how many may sit: the first of the row */
    struct seat *first, *last;  /* of the row */
    struct seat *first_waiting; /* behind those that may sit; NULL: there is none */
};

enum mr_status seats_create(unsigned count, struct seats **seats)
{
    assert(count > 0);
    struct seats *made = calloc(1, sizeof(*made));
    if (!made)
        return MR_E_MEMORY;
    made->count = count;
    if (lock_init(&made->lock) != MR_OK) {
        free(made);
        return MR_E_MEMORY;
    }
    *seats = made;
    return MR_OK;
}

void seats_destroy(struct seats *seats)
{
    if (!seats)
        return;
    assert(!seats->first && seats->sitting_count == 0);
    lock_fini(&seats->lock);
    free(seats);
}

/* The first of those that wait may sit now, when there is one and a seat. Returns it. Lock held. */
static struct seat *let_sit_locked(struct seats *seats)
{
    struct seat *seat = seats->first_waiting;
    if (!seat || seats->sitting_count == seats->count)
        return NULL;
    seat->may_sit = true;
    seats->sitting_count++;
    seats->first_waiting = seat->next;
    return seat;
}

void seats_join(struct seats *seats, struct seat *seat, struct line_item *item)
{
    lock_take(&seats->lock);
    *seat = (struct seat){.item = item, .before = seats->last};
    if (seats->last)
        seats->last->next = seat;
    else
        seats->first = seat;
    seats->last = seat;
    if (!seats->first_waiting)
        seats->first_waiting = seat;
    let_sit_locked(seats);
    lock_give(&seats->lock);
}

bool seats_may_sit(struct seats *seats, struct seat *seat)
{
    lock_take(&seats->lock);
    bool may_sit = seat->may_sit;
    seat->is_asked = !may_sit;
    lock_give(&seats->lock);
    return may_sit;
}

void seats_forget(struct seats *seats, struct seat *seat)
{
    lock_take(&seats->lock);
    seat->is_asked = false;
    lock_give(&seats->lock);
}

void seats_leave(struct seats *seats, struct seat *seat)
{
    lock_take(&seats->lock);
    if (seat->before)
        seat->before->next = seat->next;
    else
        seats->first = seat->next;
    if (seat->next)
        seat->next->before = seat->before;
    else
        seats->last = seat->before;
    if (seats->first_waiting == seat)
        seats->first_waiting = seat->next;
    if (seat->may_sit)
        seats->sitting_count--;
    struct seat *next = let_sit_locked(seats);
    struct line_item *item = next && next->is_asked ? next->item : NULL;
    /* It cannot end before it has left the row, for which it needs the lock. */
    if (item)
        line_hold(item);
    lock_give(&seats->lock);
    if (!item)
        return;
    line_kick(item);
    line_release(item);
}
