/*
 * filelock.h - locks of files and directories against other processes: advisory (flock(2)), gone
 * with the process that has them, nothing is left behind.
 */
#ifndef MR_BASE_FILELOCK_H
#define MR_BASE_FILELOCK_H

#include <sys/types.h>

/*
 * Takes the lock of the open file or directory (not O_PATH), which lasts until the last copy of fd
 * is closed. 0; -1 with errno: EWOULDBLOCK says that another process has it, and *owner becomes its
 * number, or 0 where that cannot be known; anything else, that there are no locks here (some
 * network file systems).
 */
int filelock_take(int fd, pid_t *owner);

#endif
