#include "base/below.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"

#define PARENT_FLAGS    (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define AGAIN_MAX_COUNT 16 /* openat2 gives EAGAIN when something was renamed meanwhile */

static int call_openat2(int fd, const char *path, int flags, mode_t mode, unsigned resolve)
{
    struct open_how how = {.flags = (unsigned)flags, .resolve = resolve};
    if (flags & O_CREAT)
        how.mode = mode;
    long got;
    unsigned again_count = 0;
    do {
        got = syscall(SYS_openat2, fd, path, &how, sizeof(how));
    } while (got < 0 && (errno == EINTR || (errno == EAGAIN && ++again_count < AGAIN_MAX_COUNT)));
    return (int)got;
}

void below_init(struct below *below, int fd)
{
    below->fd = fd;
    int probe = call_openat2(fd, ".", PARENT_FLAGS, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    below->has_openat2 = probe >= 0 || (errno != ENOSYS && errno != EPERM);
    if (probe >= 0)
        close(probe);
}

static int close_failed(int fd, int fault)
{
    if (fd >= 0)
        close(fd);
    errno = fault;
    return -1;
}

/* Takes the next component of *path into name. 0 at the end, 1, or -1 with errno. */
static int take_component(const char **path, char name[PATH_NAME_MAX_BYTES + 1])
{
    for (;;) {
        *path += strspn(*path, "/");
        size_t length = strcspn(*path, "/");
        if (length == 0)
            return 0;
        if (length > PATH_NAME_MAX_BYTES) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, *path, length);
        name[length] = '\0';
        *path += length;
        if (strcmp(name, "..") == 0) {
            errno = EXDEV;
            return -1;
        }
        if (strcmp(name, ".") != 0)
            return 1;
    }
}

/* Opens one component as a directory. A link is ELOOP, as openat2 says it. */
static int open_component(int parent, const char *name)
{
    int fd = io_openat(parent, name, PARENT_FLAGS, 0);
    struct stat st;
    if (fd < 0 && errno == ENOTDIR) {
        bool links = fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
        errno = links ? ELOOP : ENOTDIR;
    }
    return fd;
}

/* Walks down all of path, making what is missing when makes is set. */
static int walk(const struct below *below, const char *path, bool makes)
{
    if (*path == '/')
        return close_failed(-1, EXDEV);
    int fd = io_openat(below->fd, ".", PARENT_FLAGS, 0);
    char name[PATH_NAME_MAX_BYTES + 1];
    int got = 0;
    while (fd >= 0 && (got = take_component(&path, name)) > 0) {
        int next = open_component(fd, name);
        if (next < 0 && errno == ENOENT && makes) {
            if (mkdirat(fd, name, 0777) != 0 && errno != EEXIST)
                return close_failed(fd, errno);
            next = open_component(fd, name);
        }
        if (next < 0)
            return close_failed(fd, errno);
        close(fd);
        fd = next;
    }
    return got < 0 ? close_failed(fd, errno) : fd;
}

/* The part of path before its last component, "" when there is only one. False with errno. */
static bool parent_of(const char *path, char parent[PATH_TOTAL_MAX_BYTES + 1])
{
    size_t length = (size_t)(path_base(path) - path);
    if (length > PATH_TOTAL_MAX_BYTES) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(parent, path, length);
    parent[length] = '\0';
    return true;
}

static int walk_open(const struct below *below, const char *path, int flags, mode_t mode)
{
    int parent = below_open_parent(below, path);
    if (parent < 0)
        return -1;
    const char *base = path_base(path);
    if (strcmp(base, "..") == 0)
        return close_failed(parent, EXDEV);
    int fd = io_openat(parent, *base ? base : ".", flags, mode);
    struct stat st;
    if (fd < 0 && errno == ENOTDIR && fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(st.st_mode))
        return close_failed(parent, ELOOP);
    if (fd < 0)
        return close_failed(parent, errno);
    close(parent);
    return fd;
}

static int open_by_openat2(const struct below *below, const char *path, int flags, mode_t mode)
{
    return call_openat2(below->fd, *path ? path : ".", flags, mode,
                        RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

/* Is the last component of path a link? */
static bool is_link(const struct below *below, const char *path)
{
    struct stat st;
    int fd = open_by_openat2(below, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    bool result = fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
    if (fd >= 0)
        close(fd);
    return result;
}

int below_open(const struct below *below, const char *path, int flags, mode_t mode)
{
    flags |= O_NOFOLLOW | O_CLOEXEC;
    if (!below->has_openat2)
        return walk_open(below, path, flags, mode);
    int fd = open_by_openat2(below, path, flags, mode);
    /*
     * With O_DIRECTORY the system calls a link no directory; whoever asked should know what it is.
     */
    if (fd < 0 && errno == ENOTDIR && flags & O_DIRECTORY)
        errno = is_link(below, path) ? ELOOP : ENOTDIR;
    return fd;
}

int below_follow(const struct below *below, const char *path, int flags)
{
    path = *path ? path : ".";
    if (!below->has_openat2)
        return io_openat(below->fd, path, flags | O_CLOEXEC, 0);
    return call_openat2(below->fd, path, flags | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS);
}

int below_open_parent(const struct below *below, const char *path)
{
    char parent[PATH_TOTAL_MAX_BYTES + 1];
    if (!parent_of(path, parent))
        return -1;
    if (!below->has_openat2)
        return walk(below, parent, false);
    return below_open(below, parent, O_PATH | O_DIRECTORY, 0);
}

int below_make_parent(const struct below *below, const char *path)
{
    int fd = below_open_parent(below, path);
    char parent[PATH_TOTAL_MAX_BYTES + 1];
    if (fd >= 0 || errno != ENOENT || !parent_of(path, parent))
        return fd;
    char name[PATH_NAME_MAX_BYTES + 1];
    const char *rest = parent;
    int got;
    while ((got = take_component(&rest, name)) > 0)
        continue;
    return got < 0 ? -1
                   : walk(below, parent, true); /* nothing is made for a name that is refused */
}

static int resolve(const struct below *below, const char *path, unsigned flags)
{
    if (!below->has_openat2) {
        errno = ENOSYS;
        return -1;
    }
    int fd = call_openat2(below->fd, path, O_PATH | O_CLOEXEC, 0, RESOLVE_BENEATH | flags);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

int below_resolve(const struct below *below, const char *path)
{
    return resolve(below, path, RESOLVE_NO_MAGICLINKS);
}

int below_resolve_real(const struct below *below, const char *path)
{
    return resolve(below, path, RESOLVE_NO_SYMLINKS);
}
