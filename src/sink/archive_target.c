#include "sink/archive_target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/filelock.h"
#include "base/io.h"
#include "base/path.h"

#define TEMP_NAME_BYTES  256
#define TEMP_TRIES_COUNT 100
#define TAIL_CHARS       6   /* at the end of a temporary name */
#define SHORT_NAME_CHARS 200 /* of the final name in the temporary one: together below NAME_MAX */

struct archive_target {
    char *path; /* owned; as it was given */
    char *name; /* owned; final name in directory; NULL: written to directly */
    int fd;
    int directory;                   /* descriptor, -1 with name NULL */
    char temp_name[TEMP_NAME_BYTES]; /* "" when there is no temporary file (any more) */
    struct archive_target_config config;
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static enum mr_status fail(const struct archive_target *target, int sys_errno, const char *what,
                           struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_SYSTEM, sys_errno, "%s %s", what,
                        path_show(shown, sizeof(shown), target->path));
}

static enum mr_status exists(const struct archive_target *target, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_EXISTS, 0, "%s exists already (-f overwrites it)",
                        path_show(shown, sizeof(shown), target->path));
}

static bool make_temp_name(struct archive_target *target)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    unsigned char random[TAIL_CHARS];
    char tail[sizeof(random) + 1];
    if (io_random(random, sizeof(random)) != 0)
        return false;
    for (size_t i = 0; i < sizeof(random); i++)
        tail[i] = letters[random[i] % (sizeof(letters) - 1)];
    tail[sizeof(random)] = '\0';
    snprintf(target->temp_name, sizeof(target->temp_name), ".%.*s.millrace-%s", SHORT_NAME_CHARS,
             target->name, tail);
    return true;
}

/* Is name that of another temporary file for the same archive? */
static bool is_other_temp(const struct archive_target *target, const char *name)
{
    size_t head_chars = strlen(target->temp_name) - TAIL_CHARS;
    return strlen(name) == head_chars + TAIL_CHARS &&
           strncmp(name, target->temp_name, head_chars) == 0 &&
           strcmp(name, target->temp_name) != 0;
}

static enum mr_status refuse_second(const struct archive_target *target, pid_t owner,
                                    struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), target->path);
    if (owner == 0)
        return mr_error_set(err, MR_E_SYSTEM, 0, "another run makes %s", shown);
    return mr_error_set(err, MR_E_SYSTEM, 0, "another run (process %d) makes %s", (int)owner,
                        shown);
}

/*
 * Each run has the lock of its own temporary file. One that is locked is being written; one that
 * is not was left by a run that was killed. When two begin at the same moment, both may be refused.
 */
static enum mr_status look_at_other(const struct archive_target *target, const char *name,
                                    struct mr_error *err)
{
    pid_t owner = 0;
    int fd = io_openat(target->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd < 0)
        return MR_OK;
    enum mr_status status = MR_OK;
    if (filelock_take(fd, false, &owner) == 0) {
        if (target->config.is_resumed)
            unlinkat(target->directory, name, 0);
    } else if (errno == EWOULDBLOCK) {
        status = refuse_second(target, owner, err);
    }
    close(fd);
    return status;
}

/* Locks the new file, and looks at those beside it. */
static enum mr_status claim(const struct archive_target *target, struct mr_error *err)
{
    pid_t owner;
    if (!target->config.is_exclusive)
        return MR_OK;
    filelock_take(target->fd, false,
                  &owner); /* where there are no locks, it is left to the users */
    int fd = io_openat(target->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory && fd >= 0)
        close(fd);
    enum mr_status status = MR_OK;
    const struct dirent *at;
    while (directory && status == MR_OK && (at = readdir(directory)))
        if (is_other_temp(target, at->d_name))
            status = look_at_other(target, at->d_name, err);
    if (directory)
        closedir(directory);
    return status;
}

/* Opens the directory of final and a new file in it. */
static enum mr_status open_temp(struct archive_target *target, const char *final,
                                struct mr_error *err)
{
    const char *name = path_base(final);
    char *directory = name == final ? strdup(".") : strndup(final, (size_t)(name - final));
    target->name = strdup(name);
    if (!directory || !target->name) {
        free(directory);
        return no_memory(err);
    }
    target->directory = io_open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    int sys_errno = errno;
    free(directory);
    if (target->directory < 0)
        return fail(target, sys_errno, "cannot open the directory of", err);
    for (int tries = 0; tries < TEMP_TRIES_COUNT; tries++) {
        if (!make_temp_name(target))
            break;
        target->fd = io_openat(target->directory, target->temp_name,
                               O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (target->fd >= 0)
            return claim(target, err);
        if (errno != EEXIST)
            break;
    }
    sys_errno = errno;
    target->temp_name[0] = '\0';
    return fail(target, sys_errno, "cannot make a file beside", err);
}

static enum mr_status open_target(struct archive_target *target, struct mr_error *err)
{
    if (strcmp(target->path, "-") == 0) {
        target->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        return target->fd >= 0 ? MR_OK
                               : mr_error_set(err, MR_E_SYSTEM, errno, "cannot write to stdout");
    }
    struct stat st;
    if (stat(target->path, &st) != 0) {
        if (errno != ENOENT)
            return fail(target, errno, "cannot make", err);
        if (lstat(target->path, &st) == 0 && !target->config.overwrites) /* a link to nothing */
            return exists(target, err);
        return open_temp(target, target->path, err);
    }
    if (S_ISDIR(st.st_mode))
        return fail(target, EISDIR, "cannot write an archive to", err);
    if (!S_ISREG(st.st_mode)) {
        /* Not io_open(): the other end of a pipe may be waited for, until a signal comes. */
        target->fd = open(target->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return target->fd >= 0 ? MR_OK : fail(target, errno, "cannot write to", err);
    }
    if (!target->config.overwrites && !target->config.is_resumed)
        return exists(target, err);
    char *real = realpath(target->path, NULL);
    if (!real)
        return errno == ENOMEM ? no_memory(err) : fail(target, errno, "cannot replace", err);
    enum mr_status status = open_temp(target, real, err);
    free(real);
    return status;
}

enum mr_status archive_target_create(const char *path, const struct archive_target_config *config,
                                     struct archive_target **target, struct mr_error *err)
{
    struct archive_target *made = calloc(1, sizeof(*made));
    if (!made)
        return no_memory(err);
    made->fd = made->directory = -1;
    made->config = *config;
    made->path = strdup(path);
    enum mr_status status = made->path ? open_target(made, err) : no_memory(err);
    if (status == MR_OK)
        *target = made;
    else
        archive_target_destroy(made);
    return status;
}

int archive_target_fd(const struct archive_target *target)
{
    return target->fd;
}

const char *archive_target_label(const struct archive_target *target)
{
    return strcmp(target->path, "-") == 0 ? "stdout" : target->path;
}

/* Renames without replacing; by link and unlink where the file system cannot. Returns 0 or an
 * errno. */
static int rename_new(const struct archive_target *target)
{
    int directory = target->directory;
    if (renameat2(directory, target->temp_name, directory, target->name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    if (linkat(directory, target->temp_name, directory, target->name, 0) != 0)
        return errno;
    return unlinkat(directory, target->temp_name, 0) == 0 ? 0 : errno;
}

/* Returns 0 or an errno. */
static int give_name(const struct archive_target *target)
{
    int directory = target->directory;
    if (!target->config.overwrites) {
        int fault = rename_new(target);
        if (fault != EEXIST || !target->config.is_resumed ||
            !io_is_same_content(directory, target->temp_name, target->name))
            return fault;
    }
    return renameat(directory, target->temp_name, directory, target->name) == 0 ? 0 : errno;
}

/* Returns 0 or an errno. */
static int sync_directory(const struct archive_target *target)
{
    int fd = io_openat(target->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    int fault = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return fault;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Is what stands there not what config.replaced says any more, or gone? */
static bool has_changed(const struct archive_target *target)
{
    const struct stat *then = target->config.replaced;
    struct stat now;
    return then && (fstatat(target->directory, target->name, &now, AT_SYMLINK_NOFOLLOW) != 0 ||
                    now.st_dev != then->st_dev || now.st_ino != then->st_ino ||
                    now.st_size != then->st_size || !is_same_time(&now.st_mtim, &then->st_mtim) ||
                    !is_same_time(&now.st_ctim, &then->st_ctim));
}

enum mr_status archive_target_commit(struct archive_target *target, struct mr_error *err)
{
    int fd = target->fd;
    target->fd = -1;
    bool syncs = target->name && target->config.sync != SYNC_NONE;
    int fault = syncs && fsync(fd) != 0 ? errno : 0;
    /* The lock goes with it, just before the name that it was for. */
    if (close(fd) != 0 && errno != EINTR && fault == 0)
        fault = errno;
    if (fault != 0)
        return fail(target, fault, "cannot write", err);
    if (!target->name)
        return MR_OK;
    if (has_changed(target))
        return mr_error_set(err, MR_E_CHANGED, 0,
                            "left as it is, because it has changed meanwhile");
    fault = give_name(target);
    if (fault == EEXIST)
        return exists(target, err);
    if (fault != 0)
        return fail(target, fault, "cannot make", err);
    target->temp_name[0] = '\0';
    if (target->config.sync == SYNC_ALL && (fault = sync_directory(target)) != 0)
        return fail(target, fault, "cannot bring to the disk", err);
    return MR_OK;
}

void archive_target_abandon(struct archive_target *target)
{
    if (target->temp_name[0])
        unlinkat(target->directory, target->temp_name, 0);
}

void archive_target_destroy(struct archive_target *target)
{
    if (!target)
        return;
    if (target->fd >= 0)
        close(target->fd);
    if (target->temp_name[0])
        unlinkat(target->directory, target->temp_name, 0);
    if (target->directory >= 0)
        close(target->directory);
    free(target->name);
    free(target->path);
    free(target);
}
