/*
 * child.h - one child process with pipes at its stdin, stdout and stderr, in a process group of its
 * own.
 *
 * A struct child is used by one thread at a time. Nothing here waits, but child_poll(), and
 * child_stop() for a process that was killed.
 */
#ifndef MR_OPERATION_CHILD_H
#define MR_OPERATION_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "base/spawn.h"
#include "millrace/status.h"

#define CHILD_TAIL_BYTES ((size_t)64 << 10) /* what is kept of stderr: its end */

enum child_flag {
    CHILD_NO_STDIN = 1,     /* stdin is /dev/null: there is no in_fd */
    CHILD_STDOUT_BESIDE = 2 /* stdout goes where stderr goes: there is no out_fd */
};

struct child {
    pid_t pid;  /* 0: none */
    int pidfd;  /* -1: none, or the kernel has none */
    int in_fd;  /* writes to its stdin; -1: closed. These three are non-blocking */
    int out_fd; /* reads its stdout */
    int err_fd; /* reads its stderr */
    bool has_ended;
    struct spawn_end end;        /* meaningful when has_ended */
    uint64_t tail_written_bytes; /* of stderr in all; tail is a ring */
    unsigned char tail[CHILD_TAIL_BYTES];
};

/* No child. */
void child_init(struct child *child);

/*
 * Starts argv[0], looked up in PATH, with the environment envp; both end with NULL. The child has
 * default signal dispositions, no signal blocked, and no descriptor but 0, 1 and 2. flags: enum
 * child_flag. MR_OK; MR_E_CHILD (the command cannot be executed: the text names it); MR_E_SYSTEM
 * (no pipes).
 */
enum mr_status child_spawn(struct child *child, char *const *argv, char *const *envp,
                           unsigned flags, struct mr_error *err);

/*
 * Writes what its stdin takes now; *used_bytes says how much. MR_OK; MR_AGAIN when it takes nothing
 * now; MR_DONE when it wants no more (stdin is then closed); MR_E_SYSTEM. No SIGPIPE is raised or
 * left pending, whatever its disposition is.
 */
enum mr_status child_write(struct child *child, const void *data, size_t bytes, size_t *used_bytes,
                           struct mr_error *err);
void child_close_stdin(struct child *child); /* no more input */

/* Reads what its stdout has now. MR_OK (*got_bytes > 0); MR_AGAIN; MR_DONE at the end (it is then
 * closed); MR_E_SYSTEM. */
enum mr_status child_read(struct child *child, void *room, size_t room_bytes, size_t *got_bytes,
                          struct mr_error *err);
/* Moves what its stderr has now to the tail, at most CHILD_TAIL_BYTES in one call. As child_read().
 */
enum mr_status child_read_stderr(struct child *child, struct mr_error *err);

/*
 * Has it ended? Fills end when it has; it stays a zombie, so that its number and its
 * group's are nobody else's until child_stop(). Never blocks.
 */
bool child_check_end(struct child *child);

/*
 * Waits until stdout or stderr has something, stdin takes something (only with writes), or it ends
 * (unless has_ended). timeout_ms: negative: for ever. MR_OK; MR_TIMEOUT; MR_E_SYSTEM.
 */
enum mr_status child_poll(struct child *child, bool writes, int timeout_ms, struct mr_error *err);

/* Asks its process group to end (SIGTERM, and SIGCONT so that what was stopped hears it), and reads
 * its stdout no more. A no-op when there is no child. */
void child_terminate(struct child *child);

/* Waits until it has ended, or until_ns of the clock has come. Meanwhile its stderr is kept and its
 * stdout dropped. True when it has ended. */
bool child_await(struct child *child, int64_t until_ns);

/* The last line of stderr that is not empty, without its newline; cut at its end when it is longer
 * than line. Returns line. */
char *child_last_line(const struct child *child, char *line, size_t cap_bytes);

/* What is kept of stderr from its byte since_bytes on, without its beginning when that is not a
 * whole line, NUL as a space; the caller's to free. NULL when there is nothing, or no memory. */
char *child_tail(const struct child *child, uint64_t since_bytes);

/*
 * Kills what is left of its process group, takes its status (end) and closes
 * everything. A no-op when there is no child. Nothing of the group is left behind, but what made
 * itself a group of its own.
 */
void child_stop(struct child *child);

#endif
