#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

/* What is asked of the system in one call: below every system's own limit. */
#define TRANSFER_MAX_BYTES ((size_t)1 << 30)

/*
 * What io_set_temp_directory() was given, "" for none. One byte more than a path can have, so that
 * a path that is too long is refused by the system instead of being another one. Written before any
 * thread starts, only read later.
 */
static char temp_directory[PATH_MAX + 1];

/* After a failed transfer: true when it is to be tried again. A descriptor that somebody made
 * non-blocking is waited for. */
static bool is_worth_again(int fd, short events)
{
    if (errno == EINTR)
        return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return false;
    struct pollfd wait = {.fd = fd, .events = events};
    return poll(&wait, 1, -1) >= 0 || errno == EINTR;
}

int io_open(const char *path, int flags, mode_t mode)
{
    return io_openat(AT_FDCWD, path, flags, mode);
}

int io_openat(int directory, const char *path, int flags, mode_t mode)
{
    int fd;
    do
        fd = openat(directory, path, flags, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

int io_truncate(int fd, int64_t size_bytes)
{
    int result;
    do
        result = ftruncate(fd, (off_t)size_bytes);
    while (result != 0 && errno == EINTR);
    return result;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* offset_bytes < 0: at the descriptor's own position. */
static int read_all(int fd, unsigned char *to, size_t size_bytes, int64_t offset_bytes,
                    size_t *got_bytes)
{
    *got_bytes = 0;
    while (*got_bytes < size_bytes) {
        size_t want = smaller(size_bytes - *got_bytes, TRANSFER_MAX_BYTES);
        ssize_t got = offset_bytes < 0
                          ? read(fd, to + *got_bytes, want)
                          : pread(fd, to + *got_bytes, want, offset_bytes + (off_t)*got_bytes);
        if (got == 0)
            return 0;
        if (got > 0)
            *got_bytes += (size_t)got;
        else if (!is_worth_again(fd, POLLIN))
            return -1;
    }
    return 0;
}

static int write_all(int fd, const unsigned char *from, size_t size_bytes, int64_t offset_bytes)
{
    size_t put_bytes = 0;
    while (put_bytes < size_bytes) {
        size_t want = smaller(size_bytes - put_bytes, TRANSFER_MAX_BYTES);
        ssize_t put = offset_bytes < 0
                          ? write(fd, from + put_bytes, want)
                          : pwrite(fd, from + put_bytes, want, offset_bytes + (off_t)put_bytes);
        if (put > 0) {
            put_bytes += (size_t)put;
        } else if (put == 0) {
            errno = EIO; /* no progress and no reason: going on could be for ever */
            return -1;
        } else if (!is_worth_again(fd, POLLOUT)) {
            return -1;
        }
    }
    return 0;
}

void io_reserve_descriptors(unsigned count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    rlim_t last = limit.rlim_cur < count ? limit.rlim_cur : count;
    int fd = last > 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, (int)last - 1) : -1;
    if (fd >= 0)
        close(fd);
}

int io_read(int fd, void *buffer, size_t size_bytes, size_t *got_bytes)
{
    return read_all(fd, buffer, size_bytes, -1, got_bytes);
}

int io_pread(int fd, void *buffer, size_t size_bytes, int64_t offset_bytes, size_t *got_bytes)
{
    *got_bytes = 0;
    if (offset_bytes < 0) {
        errno = EINVAL;
        return -1;
    }
    return read_all(fd, buffer, size_bytes, offset_bytes, got_bytes);
}

int io_write(int fd, const void *data, size_t size_bytes)
{
    return write_all(fd, data, size_bytes, -1);
}

int io_pwrite(int fd, const void *data, size_t size_bytes, int64_t offset_bytes)
{
    if (offset_bytes < 0) {
        errno = EINVAL;
        return -1;
    }
    return write_all(fd, data, size_bytes, offset_bytes);
}

ssize_t io_send(int socket_fd, const void *data, size_t size_bytes, int flags)
{
    ssize_t sent;
    do
        sent = send(socket_fd, data, size_bytes, flags | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

ssize_t io_receive(int socket_fd, void *buffer, size_t size_bytes, int flags)
{
    ssize_t got;
    do
        got = recv(socket_fd, buffer, size_bytes, flags);
    while (got < 0 && errno == EINTR);
    return got;
}

int io_random(void *room, size_t size_bytes)
{
    ssize_t got;
    do
        got = getrandom(room, size_bytes, 0); /* so few come whole or not at all */
    while (got < 0 && errno == EINTR);
    if (got == (ssize_t)size_bytes)
        return 0;
    errno = got < 0 ? errno : EIO;
    return -1;
}

void io_set_temp_directory(const char *path)
{
    snprintf(temp_directory, sizeof(temp_directory), "%s", path ? path : "");
}

/* A nameless file in directory, or -1 with errno. */
static int open_nameless(const char *directory)
{
    int fd = io_open(directory, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    /* What kernels and file systems without O_TMPFILE say. */
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    char name[PATH_MAX + 32];
    snprintf(name, sizeof(name), "%s/millrace-XXXXXX", directory);
    fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0 || unlink(name) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int io_temp_file(struct mr_error *err)
{
    const char *chosen = temp_directory;
    if (!*chosen) {
        const char *from_environment = getenv("TMPDIR");
        chosen = from_environment && *from_environment == '/' ? from_environment : NULL;
    }
    int fd = chosen ? open_nameless(chosen) : open_nameless("/var/tmp");
    if (fd < 0 && !chosen) {
        chosen = "/tmp";
        fd = open_nameless(chosen);
    }
    if (fd < 0) {
        int reason = errno;
        char shown[PATH_SHOW_BYTES];
        mr_error_set(err, MR_E_SYSTEM, reason,
                     "cannot make a temporary file in %s (TMPDIR chooses another directory)",
                     path_show(shown, sizeof(shown), chosen));
        errno = reason;
    }
    return fd;
}

bool io_is_same_content(int directory, const char *a, const char *b)
{
    enum { PIECE_BYTES = 65536 };
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    const int fds[2] = {io_openat(directory, a, flags, 0), io_openat(directory, b, flags, 0)};
    struct stat st[2];
    unsigned char *pieces = malloc(2 * PIECE_BYTES);
    bool is_same = fds[0] >= 0 && fds[1] >= 0 && pieces && fstat(fds[0], &st[0]) == 0 &&
                   fstat(fds[1], &st[1]) == 0 && S_ISREG(st[0].st_mode) && S_ISREG(st[1].st_mode) &&
                   st[0].st_size == st[1].st_size;
    size_t got[2] = {PIECE_BYTES, PIECE_BYTES};
    while (is_same && got[0] == PIECE_BYTES)
        is_same = io_read(fds[0], pieces, PIECE_BYTES, &got[0]) == 0 &&
                  io_read(fds[1], pieces + PIECE_BYTES, PIECE_BYTES, &got[1]) == 0 &&
                  got[0] == got[1] && memcmp(pieces, pieces + PIECE_BYTES, got[0]) == 0;
    for (unsigned i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(pieces);
    return is_same;
}
