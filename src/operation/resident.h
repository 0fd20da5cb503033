/*
 * resident.h - commands that outlive items: started when one is needed, idle between items, asked
 * to go at the end.
 *
 * A group is all those of one -x. It keeps the idle ones, for whoever needs one next: so that there
 * are not more than items at work at once. A group is used by any thread; a resident that is not
 * idle by one at a time.
 */
#ifndef MR_OPERATION_RESIDENT_H
#define MR_OPERATION_RESIDENT_H

#include "operation/child.h"
#include "operation/exec_config.h"

struct resident_group;

/* The first member of something that was allocated with malloc(). */
struct resident {
    struct resident_group *group;
    struct child child; /* child.pid 0: it does not run */
    unsigned slot;      /* its number among the running ones; 0: it does not run */
    int64_t start_ns;   /* by the clock */
};

/* The group owns exec, on success. MR_OK or MR_E_MEMORY. */
enum mr_status resident_group_create(struct exec_config *exec, struct resident_group **group,
                                     struct mr_error *err);
/*
 * When all that run are idle. Closes their stdin, so that they can save what they have to save, and
 * waits for all together: up to 5 s, half a second more after SIGTERM; then they are killed. Frees
 * them. NULL is a no-op.
 */
void resident_group_destroy(struct resident_group *group);

const struct exec_config *resident_group_exec(const struct resident_group *group);
/* Did one of them want no more items? */
bool resident_group_is_over(const struct resident_group *group);
void resident_group_end(struct resident_group *group); /* it did */

/* It does not run. */
void resident_init(struct resident *resident, struct resident_group *group);
/* One that is idle; NULL: none is. */
struct resident *resident_take(struct resident_group *group);
/* It runs, and is idle: the group owns it. */
void resident_put(struct resident *resident);
/*
 * Starts it. MR_OK; MR_E_CHILD (it cannot be executed, or those before have failed to greet three
 * times in a row); MR_E_LIMIT (too many run); MR_E_MEMORY; MR_E_SYSTEM.
 */
enum mr_status resident_start(struct resident *resident, struct mr_error *err);
/* It got through its start, or not. Returns how long that took, in ns. */
int64_t resident_note_start(struct resident *resident, bool is_good);
/* The longest good start so far, in ns; 0: there was none. */
int64_t resident_group_start_ns(const struct resident_group *group);
/* Keeps what its stderr has now. */
void resident_drain_stderr(struct resident *resident);
/* Has it ended within half a second? Its stdin is closed. */
bool resident_await(struct resident *resident);
/* Ends it: SIGTERM, half a second, SIGKILL; also its process group. A no-op when it does not run.
 */
void resident_dismiss(struct resident *resident);

#endif
