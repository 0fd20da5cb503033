/*
 * exec_run.h - one command that runs for an item: its start, what goes through its pipes, and what
 * its end means. Used by one thread at a time.
 */
#ifndef MR_OPERATION_EXEC_RUN_H
#define MR_OPERATION_EXEC_RUN_H

#include "operation/child.h"
#include "operation/exec_config.h"

struct exec_run {
    const struct exec_config *config;
    struct child child;
    unsigned slot; /* its number among the running ones; 0: none runs */
};

/* What a command is started for and with. */
struct exec_target {
    const struct mr_entry *entry;
    const char *in, *out; /* what {in} and {out} stand for; NULL where they are not used */
    unsigned flags;       /* enum child_flag */
};

/* None runs. */
void exec_run_init(struct exec_run *run, const struct exec_config *config);
/* Starts the command; what ran before is stopped. MR_OK; MR_E_CHILD (it cannot be executed),
 * MR_E_LIMIT (too many run), MR_E_MEMORY, MR_E_SYSTEM. */
enum mr_status exec_run_start(struct exec_run *run, const struct exec_target *target,
                              struct mr_error *err);
/*
 * As mr_operation.process(): the input goes to its stdin, its stdout to the room. Returns when the
 * input is used up, the room is full or the command has ended: never because nothing happens to be
 * there yet, so that the result is the same for every timing. MR_OK; MR_DONE: it has ended well;
 * MR_E_CHILD: it has not; MR_E_TIMEOUT: io->deadline_ns has passed, and it was ended for that;
 * MR_CANCELLED; MR_E_SYSTEM. It is stopped unless MR_OK is returned.
 *
 * It may end without having read its input. What it leaves running in its process group is killed
 * when it has ended; when that holds the pipes, they are read until a second has passed in silence.
 */
enum mr_status exec_run_pump(struct exec_run *run, struct mr_io *io, struct mr_error *err);
/* Kills it, when it runs. */
void exec_run_stop(struct exec_run *run);

#endif
