/*
 * resident.h - commands that outlive items: started once, asked to go when they are done with.
 *
 * A group is all those of one -x. One that is let go has the end of its stdin to save what it has
 * to save, and the group waits for all that are left when it goes, together. A group is used by any
 * thread; a resident by one at a time.
 */
#ifndef MR_OPERATION_RESIDENT_H
#define MR_OPERATION_RESIDENT_H

#include "operation/child.h"
#include "operation/exec_config.h"

struct resident_group;

struct resident {
    struct resident_group *group;
    struct child child;    /* child.pid 0: it does not run */
    unsigned slot;         /* its number among the running ones; 0: it does not run */
    struct resident *next; /* the group's, once it was let go */
};

/* The group owns exec, on success. MR_OK or MR_E_MEMORY. */
enum mr_status resident_group_create(struct exec_config *exec, struct resident_group **group,
                                     struct mr_error *err);
/* After all residents were let go. Waits up to 5 s for those that have not ended by then, asks them
 * to (SIGTERM), and kills them after half a second more. NULL is a no-op. */
void resident_group_destroy(struct resident_group *group);

const struct exec_config *resident_group_exec(const struct resident_group *group);
/* Did one of them want no more items? */
bool resident_group_is_over(const struct resident_group *group);
void resident_group_end(struct resident_group *group); /* it did */

/* One that does not run. NULL when out of memory. */
struct resident *resident_create(struct resident_group *group);
/*
 * Starts it. MR_OK; MR_E_CHILD (it cannot be executed, or those before have failed to greet three
 * times in a row); MR_E_LIMIT (too many run); MR_E_MEMORY; MR_E_SYSTEM.
 */
enum mr_status resident_start(struct resident *resident, struct mr_error *err);
/* It got through its start, or not. */
void resident_note_start(struct resident *resident, bool is_good);
/* Keeps what its stderr has now. */
void resident_drain_stderr(struct resident *resident);
/* Has it ended within half a second? Its stdin is closed. */
bool resident_await(struct resident *resident);
/* Ends it: SIGTERM, half a second, SIGKILL; also its process group. A no-op when it does not run.
 */
void resident_dismiss(struct resident *resident);
/* Closes its stdin, and gives it away. NULL is a no-op. Never waits. */
void resident_let_go(struct resident *resident);

#endif
