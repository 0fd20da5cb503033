/*
 * begin.h - how a helper process begins, whatever its task is. Its descriptors: base/helper.h.
 *
 * The programs here are not for people: they are started by the library and say nothing on stdout
 * or stderr, which are /dev/null.
 */
#ifndef MR_HELPER_BEGIN_H
#define MR_HELPER_BEGIN_H

#include <stdbool.h>

/* Exit statuses of a helper that could not begin. */
/* Not started by the library: there is no socket at HELPER_SOCKET_FD. */
#define HELPER_EXIT_NOT_STARTED 64
#define HELPER_EXIT_NO_LIMITS   65 /* the system refused what begin() asks for */

/*
 * To be called first in main(). Ends the process unless it was started by the library. From then on
 * the process
 * - is killed by the system as soon as the one that started it has ended, also in the middle of an
 * endless loop;
 * - passes the descriptors that it was given to no program that it starts;
 * - leaves no core file, and can gain no privileges (no_new_privs), nor can what it starts.
 */
void begin(void);
/* The same, but the process outlives the one that started it: it has something to do then. */
void begin_unleashed(void);

/* The part of begin() that ends the process with the one that started it, for a process that was
 * forked with a leash of its own at HELPER_LEASH_FD. False: it has ended already, or the system
 * refuses. */
bool begin_leash(void);

#endif
