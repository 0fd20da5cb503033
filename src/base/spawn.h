/*
 * spawn.h - starting a program as a child process by posix_spawn() (never fork(): the program may
 * have threads and a lot of memory), and how it ended.
 *
 * The child is the leader of a process group of its own, has default signal dispositions, no signal
 * blocked, and no descriptor but those that it is given. Any thread.
 */
#ifndef MR_BASE_SPAWN_H
#define MR_BASE_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct spawn_request {
    const char *program; /* looked up in PATH when it has no '/' */
    char *const *argv;   /* ends with NULL; so does envp */
    char *const *envp;
    const int *fds;    /* fds[i] becomes descriptor i; -1: /dev/null. Each is at least fd_count: see
                          spawn_lift_fd() */
    unsigned fd_count; /* at least 3 */
};

/* Starts it; *pid is then to be given to spawn_finish() once. *pidfd becomes readable when it ends;
 * -1 where the kernel has none. Returns 0, or an error number: ENOENT, EACCES, ENOEXEC... when the
 * program cannot be executed. */
int spawn_start(const struct spawn_request *request, pid_t *pid, int *pidfd);

/* Moves *fd to a number of at least least, close-on-exec. Returns 0, or an error number and leaves
 * it. */
int spawn_lift_fd(int *fd, int least);
/* Closes *fd unless it is -1, and sets it to that. */
void spawn_close_fd(int *fd);

enum spawn_end_kind {
    SPAWN_EXITED, /* number: the exit status */
    SPAWN_KILLED, /* number: the signal */
    SPAWN_LOST    /* somebody else took its status: the program ignores SIGCHLD, or waits for all
                     children */
};
struct spawn_end {
    enum spawn_end_kind kind;
    int number;
};

/* Has it ended? Then *end says how; it stays a zombie, so that its number and its group's are
 * nobody else's until spawn_finish(). Never blocks. */
bool spawn_has_ended(pid_t pid, struct spawn_end *end);

/*
 * Kills what is left of its process group and takes its status. Waits for a process that was
 * killed, so not for long. Nothing of the group is left behind, but what made itself a group of its
 * own.
 */
void spawn_finish(pid_t pid, struct spawn_end *end);

/* "exited with status 3", "was killed by signal 11 (SEGV)" or why that is not known, into text.
 * Returns text. */
#define SPAWN_END_BYTES 128 /* a fitting buffer */
char *spawn_end_text(const struct spawn_end *end, char *text, size_t cap_bytes);

#endif
