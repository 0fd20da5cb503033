/*
 * filelock.h - locks of files and directories against other processes: advisory (flock(2), and
 * fcntl_locking(2) for parts of files), gone with the process that has them, nothing is left
 * behind.
 */
#ifndef MR_BASE_FILELOCK_H
#define MR_BASE_FILELOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Takes the lock of the open file or directory (not O_PATH), which lasts until the last copy of fd
 * is closed. 0; -1 with errno: EWOULDBLOCK says that another process has it, and *owner becomes its
 * number, or 0 where that cannot be known; anything else, that there are no locks here (some
 * network file systems). While that process is none any more, it is waited for up to two seconds:
 * what it was starting still has a copy. is_shared: others may have it too, if they share it.
 */
int filelock_take(int fd, bool is_shared, pid_t *owner);

/*
 * Likewise a lock of size_bytes bytes (0: to the end of all files) of a file that is open for
 * reading and writing, from offset_bytes on; what stands in them is no matter. It belongs to the
 * open file, as above, and may replace an own one. 0; -1 with errno, EWOULDBLOCK as above.
 */
int filelock_take_part(int fd, int64_t offset_bytes, int64_t size_bytes, bool is_shared);
/* Has somebody else locked any of these bytes? *found_bytes is where the lock that was found first
 * begins. */
bool filelock_find_part(int fd, int64_t offset_bytes, int64_t size_bytes, int64_t *found_bytes);

#endif
