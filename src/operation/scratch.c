#include "operation/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"

/* A directory's name: what tells it, and what mkdtemp() makes of it. */
#define NAME_PREFIX     "millrace-scratch-"
#define NAME_PATTERN    "XXXXXX"
#define ATTEMPTS_MAX    100
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

void scratch_init(struct scratch *scratch)
{
    scratch->path = NULL;
    scratch->fd = -1;
}

char *scratch_path(const struct scratch *scratch, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", scratch->path, name) < 0 ? NULL : path;
}

/* ---- emptying ---- */

/* Opened so that it can be emptied, whatever its mode. */
static int open_directory(int parent, const char *name)
{
    int fd = io_openat(parent, name, DIRECTORY_FLAGS, 0);
    if (fd < 0 && errno == EACCES) {
        fchmodat(parent, name, 0700, 0);
        fd = io_openat(parent, name, DIRECTORY_FLAGS, 0);
    }
    if (fd >= 0)
        fchmod(fd, 0700);
    return fd;
}

/* What one look through a directory came to. */
struct look {
    bool has_removed; /* at least one name */
    int inner;        /* a directory in it that is not empty, open; -1: none */
};

/* Removes the files and empty directories of fd, which stays open, up to the first directory that
 * is not empty. */
static struct look remove_names(int fd)
{
    struct look look = {.inner = -1};
    int own = io_openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    DIR *names = own >= 0 ? fdopendir(own) : NULL;
    if (!names) {
        if (own >= 0)
            close(own);
        return look;
    }
    const struct dirent *name;
    while (look.inner < 0 && (name = readdir(names)) != NULL) {
        if (strcmp(name->d_name, ".") == 0 || strcmp(name->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, name->d_name, 0) == 0 || unlinkat(fd, name->d_name, AT_REMOVEDIR) == 0)
            look.has_removed = true;
        else if (errno == ENOTEMPTY || errno == EEXIST || errno == EACCES)
            look.inner = open_directory(fd, name->d_name);
    }
    closedir(names);
    return look;
}

/*
 * Down to a directory that holds no others, which is emptied; then again from the top. So ".." is
 * never asked for, which a process that is left over could have moved elsewhere.
 */
static void remove_all(int top)
{
    bool has_removed = true;
    while (has_removed) {
        int fd = top;
        struct look look;
        has_removed = false;
        do {
            look = remove_names(fd);
            has_removed = has_removed || look.has_removed;
            if (fd != top)
                close(fd);
            fd = look.inner;
        } while (fd >= 0);
    }
}

/* ---- what others left behind ---- */

static bool has_such_name(const char *name)
{
    size_t length = strlen(NAME_PREFIX);
    return strncmp(name, NAME_PREFIX, length) == 0 && strlen(name) == length + strlen(NAME_PATTERN);
}

/* Is it one of ours that nobody has locked? It is then, by fd. */
static bool is_dead(int fd)
{
    struct stat about;
    return fstat(fd, &about) == 0 && about.st_uid == geteuid() && (about.st_mode & 07777) == 0700 &&
           flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void remove_dead(const char *parent)
{
    DIR *names = opendir(parent);
    const struct dirent *name;
    while (names && (name = readdir(names)) != NULL) {
        if (!has_such_name(name->d_name))
            continue;
        int fd = io_openat(dirfd(names), name->d_name, DIRECTORY_FLAGS, 0);
        if (fd < 0)
            continue;
        if (is_dead(fd)) {
            remove_all(fd);
            unlinkat(dirfd(names), name->d_name, AT_REMOVEDIR);
        }
        close(fd);
    }
    if (names)
        closedir(names);
}

/* ---- making ---- */

/*
 * Makes a directory by the pattern path and locks it. Returns 0 or an error number; EAGAIN:
 * somebody removes it already, as it was not locked yet.
 */
static int make_locked(char *path, int *fd)
{
    if (!mkdtemp(path))
        return errno;
    *fd = io_open(path, DIRECTORY_FLAGS, 0);
    if (*fd < 0) {
        int failure = errno;
        rmdir(path);
        return failure == ENOENT ? EAGAIN : failure;
    }
    struct stat about;
    /* Where directories cannot be locked, nobody finds one that he may remove. */
    bool is_lost = flock(*fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!is_lost && fstat(*fd, &about) == 0 && about.st_nlink > 0)
        return 0;
    close(*fd);
    *fd = -1;
    return EAGAIN;
}

enum mr_status scratch_open(struct scratch *scratch, const char *parent, struct mr_error *err)
{
    if (scratch->path)
        return MR_OK;
    remove_dead(parent);
    char *path = NULL;
    int fd = -1, failure = EAGAIN;
    for (int i = 0; i < ATTEMPTS_MAX && failure == EAGAIN; i++) {
        free(path);
        if (asprintf(&path, "%s/" NAME_PREFIX NAME_PATTERN, parent) < 0)
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        failure = make_locked(path, &fd);
    }
    if (failure != 0) {
        char shown[PATH_SHOW_BYTES];
        free(path);
        return mr_error_set(err, MR_E_SYSTEM, failure, "cannot make a temporary directory in %s",
                            path_show(shown, sizeof(shown), parent));
    }
    scratch->path = path;
    scratch->fd = fd;
    return MR_OK;
}

/* ---- ending ---- */

void scratch_clear(struct scratch *scratch)
{
    if (scratch->path)
        remove_all(scratch->fd);
}

void scratch_close(struct scratch *scratch)
{
    if (!scratch->path)
        return;
    remove_all(scratch->fd);
    close(scratch->fd);
    rmdir(scratch->path);
    free(scratch->path);
    scratch_init(scratch);
}
