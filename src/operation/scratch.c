#include "operation/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"

void scratch_init(struct scratch *scratch)
{
    scratch->path = NULL;
    scratch->fd = -1;
}

enum mr_status scratch_open(struct scratch *scratch, const char *parent, struct mr_error *err)
{
    if (scratch->path)
        return MR_OK;
    char *path = NULL;
    if (asprintf(&path, "%s/millrace-XXXXXX", parent) < 0)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    int fd = -1, failure = mkdtemp(path) ? 0 : errno;
    if (failure == 0) {
        fd = io_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
        failure = fd < 0 ? errno : 0;
        if (fd < 0)
            rmdir(path);
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

char *scratch_path(const struct scratch *scratch, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", scratch->path, name) < 0 ? NULL : path;
}

/* Opened so that it can be emptied, whatever its mode. */
static int open_directory(int parent, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = io_openat(parent, name, flags, 0);
    if (fd < 0 && errno == EACCES) {
        fchmodat(parent, name, 0700, 0);
        fd = io_openat(parent, name, flags, 0);
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
