/*
 * forks.h - a helper process that forks: it does nothing itself but make a process for every task,
 * each of which knows nothing of the one before. That is far cheaper than to start the program for
 * each: it is loaded and linked once.
 */
#ifndef MR_HELPER_FORKS_H
#define MR_HELPER_FORKS_H

#include <stdbool.h>

/*
 * Serves the requests of helper_fork() (base/helper.h), after begin(). True, in every process that
 * is made: it is what helper_start() would have started, with the descriptors of base/helper.h and
 * the leash of begin(), and a child of the process that asked. False, in the first process: no
 * more is wanted. There must be one thread.
 */
bool forks_serve(void);

#endif
