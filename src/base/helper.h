/*
 * helper.h - a helper process of millrace's own: a program for one task ("operate": runs
 * operations; "read": reads archives) that talks to this process over a socket, and whose death
 * harms nobody else.
 *
 * The program is millrace-ROLE, looked for beside the running program, then in ../libexec/millrace
 * from there, then in ../libexec/millrace and ../../libexec/millrace from the shared library's
 * directory, then where that was to be installed; nothing in the environment has a say in it.
 * The program's side of this is src/helper/begin.h.
 *
 * A struct helper is used by one thread at a time.
 */
#ifndef MR_BASE_HELPER_H
#define MR_BASE_HELPER_H

#include "base/spawn.h"
#include "millrace/status.h"

/* Descriptors of the helper process. 0, 1 and 2 are /dev/null. */
/* SOCK_SEQPACKET: a message is sent and received whole; its end: this process wants no more. */
#define HELPER_SOCKET_FD 3
#define HELPER_LEASH_FD  4 /* a pipe that hangs up when this process has ended, however it ended */
#define HELPER_FIRST_FD  5 /* those of helper_start(), in order */
#define HELPER_FDS_MAX   4

struct helper {
    pid_t pid;            /* 0: none */
    int pidfd;            /* readable when it has ended; -1: none, or the kernel has none */
    int socket_fd;        /* of this process, blocking, close-on-exec; -1: none */
    int leash_fd;         /* the other end of HELPER_LEASH_FD; only ever closed */
    struct spawn_end end; /* after helper_stop() */
};

/* No process. */
void helper_init(struct helper *helper);

/*
 * Starts the helper for role. fds: fd_count (at most HELPER_FDS_MAX) more descriptors for it, which
 * stay the caller's; NULL: none. The environment is that of this process. MR_OK; MR_E_SYSTEM (no
 * descriptors, no process); MR_E_UNSUPPORTED (the program is not where it should be: the text says
 * where that is). After a failure there is no process.
 */
enum mr_status helper_start(struct helper *helper, const char *role, const int *fds,
                            unsigned fd_count, struct mr_error *err);

/*
 * The same by a fork of server, a helper whose program serves that (src/helper/forks.h): a process
 * that has nothing of what others of its kind were given, and is a child of this process like
 * every other helper. server, in which there is a process, is used by one thread at a time. MR_OK;
 * MR_E_SYSTEM; MR_E_CHILD: server has ended, or did not answer for timeout_ms; it was stopped, with
 * what it may have made; *err is not set.
 */
enum mr_status helper_fork(struct helper *server, int timeout_ms, struct helper *helper,
                           const int *fds, unsigned fd_count, struct mr_error *err);

/* Has it ended by itself? Never blocks. There must be a process. */
bool helper_has_ended(const struct helper *helper);
/* Waits until it has ended by itself; false: it has not, after timeout_ms. */
bool helper_wait(const struct helper *helper, int timeout_ms);

/* Kills it with its process group unless it has ended, takes its status (helper->end) and closes
 * everything. A no-op when there is no process. */
void helper_stop(struct helper *helper);

#endif
