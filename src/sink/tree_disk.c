/* tree_disk.c - what a tree has to do with the disk: bringing things there, and looking at what is
 * there. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/io.h"
#include "sink/tree.h"

#define VERIFY_BUFFER_BYTES ((size_t)256 << 10)

/* Reads the open file from the disk. Returns 0 or an errno. */
static int sum_up(int fd, uint64_t *size_bytes, uint32_t *crc)
{
    unsigned char *buffer = malloc(VERIFY_BUFFER_BYTES);
    if (!buffer)
        return ENOMEM;
    size_t got = VERIFY_BUFFER_BYTES;
    int fault = 0;
    uLong sum = crc32(0, NULL, 0);
    *size_bytes = 0;
    while (fault == 0 && got == VERIFY_BUFFER_BYTES) {
        if (io_pread(fd, buffer, VERIFY_BUFFER_BYTES, (int64_t)*size_bytes, &got) != 0)
            fault = errno;
        sum = crc32(sum, buffer, (uInt)got);
        *size_bytes += got;
    }
    free(buffer);
    *crc = (uint32_t)sum;
    return fault;
}

/* Brings the names on the way to path to the disk: that of the file, and of directories that may be
 * new. Returns 0 or an errno. */
static int sync_parents(const struct below *root, const char *path)
{
    int fault = 0;
    size_t bytes = strlen(path);
    char *parent = strdup(path);
    if (!parent)
        return ENOMEM;
    while (fault == 0 && bytes > 0) {
        while (bytes > 0 && parent[bytes - 1] != '/')
            bytes--;
        bytes -= bytes > 0;
        parent[bytes] = '\0'; /* "" is the root */
        int fd = below_open(root, parent, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0 || fsync(fd) != 0)
            fault = errno;
        if (fd >= 0)
            close(fd);
    }
    free(parent);
    return fault;
}

enum mr_status tree_sync_file(const struct tree *tree, int fd, const struct mr_entry *entry,
                              struct mr_error *err)
{
    if (tree->config.sync == SYNC_NONE || fsync(fd) == 0)
        return MR_OK;
    return tree_failed(tree, entry->path, errno, "cannot bring to the disk", err);
}

/* All the way up: any of the directories may have been made by this run a moment ago, on another
 * thread. */
enum mr_status tree_sync_name(const struct tree *tree, const struct mr_entry *entry,
                              struct mr_error *err)
{
    int fault = tree->config.sync == SYNC_ALL ? sync_parents(&tree->root, entry->path) : 0;
    return fault == 0 ? MR_OK
                      : tree_failed(tree, entry->path, fault, "cannot bring to the disk", err);
}

enum mr_status tree_sync_all(const struct tree *tree, struct mr_error *err)
{
    if (tree->config.sync != SYNC_ALL)
        return MR_OK;
    int fd = below_open(&tree->root, "", O_RDONLY | O_DIRECTORY, 0);
    int fault = fd < 0 || syncfs(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return fault == 0 ? MR_OK : tree_failed(tree, "", fault, "cannot bring to the disk", err);
}

enum mr_status tree_find(struct mr_sink *sink, const struct mr_entry *entry, bool has_crc,
                         struct mr_stored *found, struct mr_error *err)
{
    const struct tree *tree = (struct tree *)sink;
    struct dirhold parent;
    struct stat st = {0};
    if (dircache_hold_parent(tree->dirs, entry->path, &parent) != 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? MR_DONE
                   : tree_failed(tree, entry->path, errno, "cannot look at", err);
    const char *name = path_base(entry->path);
    int fault = fstatat(parent.fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
    bool is_file = fault == 0 && S_ISREG(st.st_mode);
    *found = (struct mr_stored){.size_bytes = st.st_size,
                                .mtime_s = st.st_mtim.tv_sec,
                                .mtime_ns = (uint32_t)st.st_mtim.tv_nsec};
    if (is_file && has_crc) {
        uint64_t size_bytes;
        int fd = io_openat(parent.fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
        fault = fd < 0 ? errno : sum_up(fd, &size_bytes, &found->crc);
        if (fd >= 0)
            close(fd);
    }
    dircache_let_go(&parent);
    if (fault != 0 && fault != ENOENT)
        return tree_failed(tree, entry->path, fault, "cannot look at", err);
    return is_file && fault == 0 ? MR_OK : MR_DONE;
}

enum mr_status tree_verify(struct mr_sink *sink, const struct mr_entry *entry, uint64_t size_bytes,
                           uint32_t crc, struct mr_error *err)
{
    const struct tree *tree = (struct tree *)sink;
    int fd = below_open(&tree->root, entry->path, O_RDONLY, 0);
    if (fd < 0)
        return tree_failed(tree, entry->path, errno, "cannot read back", err);
    uint64_t found_bytes = 0;
    uint32_t found_crc = 0;
    int fault = fsync(fd) != 0 ? errno : sync_parents(&tree->root, entry->path);
    if (fault == 0) {
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* what is read back comes from the disk */
        fault = sum_up(fd, &found_bytes, &found_crc);
    }
    close(fd);
    if (fault != 0)
        return tree_failed(tree, entry->path, fault, "cannot read back", err);
    char shown[PATH_SHOW_BYTES];
    if (found_bytes != size_bytes || found_crc != crc)
        return mr_error_set(err, MR_E_DATA, 0, "%s is not what was written: the source is kept",
                            path_show(shown, sizeof(shown), entry->path));
    return MR_OK;
}
