/*
 * io.h - reading and writing descriptors whole: EINTR and short transfers are looped over,
 * non-blocking descriptors are waited for. No threads, no items.
 */
#ifndef MR_BASE_IO_H
#define MR_BASE_IO_H

#include <stdint.h>
#include <sys/types.h>

#include "millrace/status.h"

/*
 * open(2), openat(2) and ftruncate(2), again when a signal came meanwhile: file systems of a
 * network or in user space break off then. mode is of a file that flags make, 0 otherwise. They
 * return what those return, with errno. Not for a path that may be a pipe whose other end is waited
 * for: a signal is to end that.
 */
int io_open(const char *path, int flags, mode_t mode);
int io_openat(int directory, const char *path, int flags, mode_t mode);
int io_truncate(int fd, int64_t size_bytes);

/* Reads until size_bytes or the end; *got_bytes says how much. Returns 0, or -1 with errno (then
 * *got_bytes were read). */
int io_read(int fd, void *buffer, size_t size_bytes, size_t *got_bytes);
/* Like io_read(), at an offset. */
int io_pread(int fd, void *buffer, size_t size_bytes, int64_t offset_bytes, size_t *got_bytes);
/* Writes all. Returns 0, or -1 with errno. */
int io_write(int fd, const void *data, size_t size_bytes);
int io_pwrite(int fd, const void *data, size_t size_bytes, int64_t offset_bytes);

/*
 * Makes the process's table of descriptors large enough for about count of them, or as many as it
 * may have. Call it before any thread starts: once there are several, whoever opens a file when the
 * table is full waits for the system to be sure that nobody uses the old one, 10 ms and more each
 * time that it doubles (Linux, fs/file.c, expand_fdtable()). A hint: nothing is told. Descriptor 0
 * is open.
 */
void io_reserve_descriptors(unsigned count);

/*
 * send(2) and recv(2) of a socket between processes, again when a signal came meanwhile. flags:
 * MSG_DONTWAIT, or 0 to wait; a socket without a peer raises no SIGPIPE. They return what those
 * return, with errno.
 */
ssize_t io_send(int socket_fd, const void *data, size_t size_bytes, int flags);
ssize_t io_receive(int socket_fd, void *buffer, size_t size_bytes, int flags);

/* Fills room with at most 256 bytes that nobody can guess. Returns 0, or -1 with errno. */
int io_random(void *room, size_t size_bytes);

/*
 * Do two regular files of an open directory hold the same bytes? No link is followed; what cannot
 * be read differs.
 */
bool io_is_same_content(int directory, const char *a, const char *b);

/*
 * Chooses the directory for temporary files (copied; NULL or "" is back to the default). The
 * default is $TMPDIR when that is an absolute path, else /var/tmp, else /tmp. Only where bytes wait
 * for a while depends on it, never a result. Call it before any thread starts.
 */
void io_set_temp_directory(const char *path);
/*
 * A new, empty, nameless file (O_TMPFILE, else made and unlinked) for reading and writing,
 * close-on-exec. Returns the descriptor, or -1 and *err (MR_E_SYSTEM, names the directory).
 */
int io_temp_file(struct mr_error *err);

#endif
