/*
 * warden.h - a helper process (millrace-warden) that ends the commands of a run when this process
 * was killed and cannot do it itself: those that neither read nor write would stay for ever.
 *
 * Both share a list of the process groups of running commands, so that one more command costs a
 * store and no system call. Where no such process can be started, runs are as without it. Any
 * thread.
 */
#ifndef MR_OPERATION_WARDEN_H
#define MR_OPERATION_WARDEN_H

#include <sys/types.h>

struct warden;

/* NULL when there is no memory for the list; then warden_note() does nothing. */
struct warden *warden_create(void);
/* When no command runs any more. NULL is a no-op. */
void warden_destroy(struct warden *warden);
/* The command that has slot (operation/exec_slots.h) is the leader of group; 0: it has ended. The
 * process is started with the first one. */
void warden_note(struct warden *warden, unsigned slot, pid_t group);

#endif
