#include "observe/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

#define MODE 0644 /* as far as the umask of most people lets files be */

static enum mr_status cannot_write(const char *path, const char *option, int error,
                                   struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_SYSTEM, error, "%s: cannot write %s", option,
                        path_show(shown, sizeof(shown), path));
}

/* A device or a directory is not to be replaced by a file. */
static bool is_in_the_way(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && !S_ISREG(about.st_mode);
}

static void forget(struct draft *draft)
{
    free(draft->path);
    free(draft->temporary);
    *draft = (struct draft){.fd = -1};
}

enum mr_status draft_open(struct draft *draft, const char *path, const char *option,
                          struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    *draft = (struct draft){.fd = -1};
    if (is_in_the_way(path))
        return mr_error_set(err, MR_E_USAGE, 0, "%s: %s is there and is no file", option,
                            path_show(shown, sizeof(shown), path));
    draft->path = strdup(path);
    if (!draft->path || asprintf(&draft->temporary, "%s.tmp-XXXXXX", path) < 0) {
        draft->temporary = NULL;
        forget(draft);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    draft->fd = mkostemp(draft->temporary, O_CLOEXEC);
    if (draft->fd < 0) {
        int error = errno;
        forget(draft);
        return cannot_write(path, option, error, err);
    }
    fchmod(draft->fd, MODE);
    return MR_OK;
}

FILE *draft_stream(struct draft *draft)
{
    if (!draft->out)
        draft->out = fdopen(draft->fd, "w");
    return draft->out;
}

bool draft_file(const struct draft *draft, uint64_t *device, uint64_t *inode)
{
    struct stat about;
    if (fstat(draft->fd, &about) != 0)
        return false;
    *device = (uint64_t)about.st_dev;
    *inode = (uint64_t)about.st_ino;
    return true;
}

/* 0, or the errno of what could not be written. */
static int end_writing(struct draft *draft)
{
    if (!draft->out)
        return close(draft->fd) == 0 ? 0 : errno;
    bool is_bad = ferror(draft->out) != 0;
    errno = 0;
    if (fclose(draft->out) != 0)
        return errno;
    return is_bad ? EIO : 0;
}

enum mr_status draft_keep(struct draft *draft, const char *option, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    int error = end_writing(draft);
    if (error == 0 && rename(draft->temporary, draft->path) != 0)
        error = errno;
    if (error != 0) {
        unlink(draft->temporary);
        status = cannot_write(draft->path, option, error, err);
    }
    forget(draft);
    return status;
}

void draft_drop(struct draft *draft)
{
    if (!draft->temporary)
        return;
    end_writing(draft);
    unlink(draft->temporary);
    forget(draft);
}
