#include "sink/archive_target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

#define TEMP_NAME_BYTES  256
#define TEMP_TRIES_COUNT 100
#define SHORT_NAME_CHARS 200 /* of the final name in the temporary one: together below NAME_MAX */

struct archive_target {
    char *path; /* owned; as it was given */
    char *name; /* owned; final name in directory; NULL: written to directly */
    int fd;
    int directory;                   /* descriptor, -1 with name NULL */
    char temp_name[TEMP_NAME_BYTES]; /* "" when there is no temporary file (any more) */
    bool overwrites;
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
    unsigned char random[6];
    char tail[sizeof(random) + 1];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return false;
    for (size_t i = 0; i < sizeof(random); i++)
        tail[i] = letters[random[i] % (sizeof(letters) - 1)];
    tail[sizeof(random)] = '\0';
    snprintf(target->temp_name, sizeof(target->temp_name), ".%.*s.millrace-%s", SHORT_NAME_CHARS,
             target->name, tail);
    return true;
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
    target->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int sys_errno = errno;
    free(directory);
    if (target->directory < 0)
        return fail(target, sys_errno, "cannot open the directory of", err);
    for (int tries = 0; tries < TEMP_TRIES_COUNT; tries++) {
        if (!make_temp_name(target))
            break;
        target->fd = openat(target->directory, target->temp_name,
                            O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (target->fd >= 0)
            return MR_OK;
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
        if (lstat(target->path, &st) == 0 && !target->overwrites) /* a link to nothing */
            return exists(target, err);
        return open_temp(target, target->path, err);
    }
    if (S_ISDIR(st.st_mode))
        return fail(target, EISDIR, "cannot write an archive to", err);
    if (!S_ISREG(st.st_mode)) {
        target->fd = open(target->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return target->fd >= 0 ? MR_OK : fail(target, errno, "cannot write to", err);
    }
    if (!target->overwrites)
        return exists(target, err);
    char *real = realpath(target->path, NULL);
    if (!real)
        return errno == ENOMEM ? no_memory(err) : fail(target, errno, "cannot replace", err);
    enum mr_status status = open_temp(target, real, err);
    free(real);
    return status;
}

enum mr_status archive_target_create(const char *path, bool overwrites,
                                     struct archive_target **target, struct mr_error *err)
{
    struct archive_target *made = calloc(1, sizeof(*made));
    if (!made)
        return no_memory(err);
    made->fd = made->directory = -1;
    made->overwrites = overwrites;
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

enum mr_status archive_target_commit(struct archive_target *target, struct mr_error *err)
{
    int fd = target->fd;
    target->fd = -1;
    if (close(fd) != 0 && errno != EINTR)
        return fail(target, errno, "cannot write", err);
    if (!target->name)
        return MR_OK;
    int sys_errno = 0;
    if (!target->overwrites)
        sys_errno = rename_new(target);
    else if (renameat(target->directory, target->temp_name, target->directory, target->name) != 0)
        sys_errno = errno;
    if (sys_errno == EEXIST)
        return exists(target, err);
    if (sys_errno != 0)
        return fail(target, sys_errno, "cannot make", err);
    target->temp_name[0] = '\0';
    return MR_OK;
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
