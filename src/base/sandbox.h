/*
 * sandbox.h - takes from a process everything that it does not need to turn bytes into other bytes:
 * for helper processes that run libraries on hostile input.
 *
 * Afterwards it can read, write (by offset, in memory, and messages on one socket) what it already
 * has open, and allocate memory, and nothing else:
 * - no_new_privs (prctl(2));
 * - Landlock (landlock(7)), as far as the kernel has it: no access to any file by its name, no
 *   TCP, no signals to or abstract sockets of others;
 * - a seccomp filter (seccomp(2)) on x86-64 and aarch64: opening a file fails with EACCES, for
 *   libraries look for tables when they need them; writing to descriptors fails with EPERM; every
 *   other system call that is not listed in sandbox.c kills the process (SIGSYS);
 * - limits (setrlimit(2)): memory, no core file, no files written, no new descriptors, no
 * processes.
 *
 * A build with sanitizers leaves out the filter and the limit of memory, which the sanitizers
 * cannot live with.
 */
#ifndef MR_BASE_SANDBOX_H
#define MR_BASE_SANDBOX_H

#include <stdint.h>

#include "millrace/status.h"

struct sandbox_config {
    int socket_fd;         /* the one on which messages are sent and received */
    uint64_t memory_bytes; /* private memory that may be allocated (RLIMIT_DATA); 0: no limit */
};

/*
 * Confines the process; all threads must be there already, which are best none. Descriptors must be
 * below 16. There is no way back. MR_OK, also where the kernel has no Landlock or seccomp;
 * MR_E_SYSTEM: it refused what every kernel must give, and the process may not go on.
 */
enum mr_status sandbox_enter(const struct sandbox_config *config);

#endif
