#include "source/local.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"

struct mr_reader {
    int fd;
    int64_t offset_bytes;
    bool is_at_end;
    struct stat opened; /* as it was when it was opened */
};

static enum mr_kind kind_of(mode_t mode)
{
    if (S_ISREG(mode))
        return MR_KIND_FILE;
    if (S_ISDIR(mode))
        return MR_KIND_DIRECTORY;
    return S_ISLNK(mode) ? MR_KIND_SYMLINK : MR_KIND_OTHER;
}

void local_describe(struct mr_entry *entry, const struct stat *st)
{
    entry->kind = kind_of(st->st_mode);
    entry->mode = st->st_mode & 07777;
    entry->has_mode = entry->has_mtime = entry->has_owner = true;
    entry->mtime_s = st->st_mtim.tv_sec;
    entry->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
    entry->size_bytes = entry->kind == MR_KIND_FILE ? (int64_t)st->st_size : 0;
    entry->uid = st->st_uid;
    entry->gid = st->st_gid;
    entry->device = st->st_dev;
    entry->inode = st->st_ino;
    entry->link_count = st->st_nlink;
}

enum mr_status local_read_link(int parent, const char *name, struct mr_entry *entry,
                               struct mr_error *err)
{
    char target[PATH_MAX + 1];
    ssize_t length = readlinkat(parent, name, target, sizeof(target));
    if (length < 0 && (errno == ENOENT || errno == EINVAL))
        return mr_error_set(err, MR_E_CHANGED, 0,
                            "vanished or changed after its directory was read");
    if (length < 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read the link");
    if ((size_t)length == sizeof(target))
        return mr_error_set(err, MR_E_SYSTEM, ENAMETOOLONG, "cannot read the link");
    target[length] = '\0';
    if (mr_entry_set_target(entry, target) != MR_OK)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    return MR_OK;
}

bool local_is_own(const struct walk_config *config, const struct stat *st)
{
    for (size_t i = 0; i < config->own_count; i++)
        if (config->own[i].device == st->st_dev && config->own[i].inode == st->st_ino)
            return true;
    return false;
}

/* Adds one attribute to entry. MR_OK also when it is gone meanwhile. */
static enum mr_status read_xattr(int fd, const char *name, struct mr_entry *entry,
                                 struct mr_error *err)
{
    ssize_t size = fgetxattr(fd, name, NULL, 0);
    void *value = NULL;
    if (size > 0 && !(value = malloc((size_t)size)))
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (size > 0)
        size = fgetxattr(fd, name, value, (size_t)size);
    if (size < 0) {
        int fault = errno;
        free(value);
        if (fault == ENODATA || fault == EPERM || fault == EACCES || fault == ENOTSUP)
            return MR_OK;
        return mr_error_set(err, MR_E_SYSTEM, fault, "cannot read the extended attributes");
    }
    struct mr_xattr *grown = realloc(entry->xattrs, (entry->xattr_count + 1) * sizeof(*grown));
    if (grown)
        entry->xattrs = grown;
    char *copy = strdup(name);
    if (!grown || !copy) {
        free(copy);
        free(value);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    if (size == 0) {
        free(value);
        value = NULL;
    }
    entry->xattrs[entry->xattr_count++] =
        (struct mr_xattr){.name = copy, .value = value, .value_bytes = (size_t)size};
    return MR_OK;
}

enum mr_status local_read_xattrs(int fd, struct mr_entry *entry, struct mr_error *err)
{
    ssize_t size = flistxattr(fd, NULL, 0);
    if (size == 0 || (size < 0 && errno == ENOTSUP))
        return MR_OK;
    char *list = size > 0 ? malloc((size_t)size) : NULL;
    if (size > 0 && !list)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (size > 0)
        size = flistxattr(fd, list, (size_t)size);
    enum mr_status status = MR_OK;
    if (size < 0)
        status = mr_error_set(err, MR_E_SYSTEM, errno, "cannot list the extended attributes");
    for (ssize_t at = 0; at < size && status == MR_OK; at += (ssize_t)strlen(list + at) + 1)
        status = read_xattr(fd, list + at, entry, err);
    free(list);
    return status;
}

static enum mr_status open_failed(int fault, struct mr_error *err)
{
    if (fault == ENOENT || fault == ENOTDIR)
        return mr_error_set(err, MR_E_CHANGED, 0, "vanished before it could be read");
    if (fault == ELOOP || fault == EXDEV || fault == ENXIO)
        return mr_error_set(err, MR_E_CHANGED, 0, "is no longer the file that was found");
    return mr_error_set(err, MR_E_SYSTEM, fault, "cannot open");
}

enum mr_status local_open(int fd, const struct mr_entry *entry, struct mr_reader **reader,
                          struct mr_error *err)
{
    if (fd < 0)
        return open_failed(errno, err);
    struct stat st;
    if (fstat(fd, &st) != 0) {
        int fault = errno;
        close(fd);
        return mr_error_set(err, MR_E_SYSTEM, fault, "cannot open");
    }
    if (!S_ISREG(st.st_mode) || st.st_dev != entry->device || st.st_ino != entry->inode) {
        close(fd);
        return mr_error_set(err, MR_E_CHANGED, 0, "is no longer the file that was found");
    }
    struct mr_reader *new = calloc(1, sizeof(*new));
    if (!new) {
        close(fd);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    new->fd = fd;
    new->opened = st;
    *reader = new;
    return MR_OK;
}

/*
 * Reads up to the size that the file had when it was opened, which spares the call that would only
 * find the end; growth is noticed by local_close(). A file that says 0 may be one of those that
 * hold something all the same.
 */
enum mr_status local_read(struct mr_source *source, struct mr_reader *reader, void *buffer,
                          size_t cap_bytes, size_t *got_bytes, struct mr_error *err)
{
    (void)source;
    *got_bytes = 0;
    size_t want = cap_bytes;
    int64_t left = reader->opened.st_size - reader->offset_bytes;
    if (reader->opened.st_size > 0 && left < (int64_t)want)
        want = left > 0 ? (size_t)left : 0;
    if (want > 0 && !reader->is_at_end) {
        if (io_pread(reader->fd, buffer, want, reader->offset_bytes, got_bytes) != 0)
            return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read");
        reader->offset_bytes += (int64_t)*got_bytes;
    }
    if (*got_bytes < cap_bytes)
        reader->is_at_end = true;
    return MR_OK;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

enum mr_status local_remove(int parent, const char *name, const struct mr_entry *entry,
                            struct mr_error *err)
{
    struct stat st;
    int fault = 0;
    bool is_same = false;
    if (parent < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        fault = errno;
    else
        is_same = S_ISREG(st.st_mode) && st.st_dev == entry->device && st.st_ino == entry->inode &&
                  st.st_size == entry->size_bytes && st.st_mtim.tv_sec == entry->mtime_s &&
                  st.st_mtim.tv_nsec == (long)entry->mtime_ns;
    if (fault == 0 && is_same && unlinkat(parent, name, 0) != 0)
        fault = errno;
    if (parent >= 0)
        close(parent);
    if (fault != 0)
        return mr_error_set(err, MR_E_SYSTEM, fault, "stored, but the source cannot be removed");
    if (!is_same)
        return mr_error_set(err, MR_E_CHANGED, 0, "stored, but the source has changed and is kept");
    return MR_OK;
}

bool local_update(struct mr_source *source, const struct mr_reader *reader, struct mr_entry *entry)
{
    const struct stat *st = &reader->opened;
    (void)source;
    if (st->st_size == entry->size_bytes && st->st_mtim.tv_sec == entry->mtime_s &&
        st->st_mtim.tv_nsec == (long)entry->mtime_ns && (st->st_mode & 07777) == entry->mode)
        return false;
    entry->size_bytes = st->st_size;
    entry->mode = st->st_mode & 07777;
    entry->mtime_s = st->st_mtim.tv_sec;
    entry->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
    return true;
}

int64_t local_open_size(struct mr_source *source, struct mr_reader *reader)
{
    (void)source;
    return reader->opened.st_size;
}

int local_descriptor(struct mr_source *source, struct mr_reader *reader)
{
    (void)source;
    return reader->fd;
}

enum mr_status local_close(struct mr_source *source, struct mr_reader *reader, struct mr_error *err)
{
    (void)source;
    if (!reader)
        return MR_OK;
    struct stat st;
    enum mr_status status = MR_OK;
    if (fstat(reader->fd, &st) != 0)
        status = mr_error_set(err, MR_E_SYSTEM, errno,
                              "cannot tell whether it changed while it was read");
    else if (st.st_size != reader->opened.st_size ||
             !is_same_time(&st.st_mtim, &reader->opened.st_mtim) ||
             !is_same_time(&st.st_ctim, &reader->opened.st_ctim) ||
             (reader->is_at_end && st.st_size > 0 && reader->offset_bytes != st.st_size))
        status = mr_error_set(err, MR_E_CHANGED, 0, "changed while it was read");
    close(reader->fd);
    free(reader);
    return status;
}
