/*
 * failing.c - failing DIRECTORY MOUNTPOINT CALL N [once|from]: a file system that shows DIRECTORY,
 * and fails with EIO: at the Nth read, write, fsync or close (of a file; when it is closed the last
 * time), or at that one and all after it. Runs in the background, until it is unmounted.
 *
 * Everything else goes to DIRECTORY, by names below its descriptor. Nothing is cached, so that the
 * kernel asks for each call of the program.
 */
#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int root_fd;
static const char *failing_call;
static unsigned long failing_at;
static bool goes_on_failing;
static atomic_ulong call_count;

/* Is this call to fail? */
static bool fails(const char *call)
{
    if (strcmp(call, failing_call) != 0)
        return false;
    unsigned long number = atomic_fetch_add(&call_count, 1) + 1;
    return number == failing_at || (goes_on_failing && number > failing_at);
}

static const char *below(const char *path)
{
    return path[1] ? path + 1 : ".";
}

static int answer(int result)
{
    return result < 0 ? -errno : 0;
}

/* ---- names ---- */

static int fs_getattr(const char *path, struct stat *status, struct fuse_file_info *file)
{
    if (file)
        return answer(fstat((int)file->fh, status));
    return answer(fstatat(root_fd, below(path), status, AT_SYMLINK_NOFOLLOW));
}

static int fs_readlink(const char *path, char *target, size_t cap_bytes)
{
    ssize_t length = readlinkat(root_fd, below(path), target, cap_bytes - 1);
    if (length >= 0)
        target[length] = '\0';
    return answer((int)length);
}

static int fs_readdir(const char *path, void *list, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *file, enum fuse_readdir_flags flags)
{
    (void)offset;
    (void)file;
    (void)flags;
    int fd = openat(root_fd, below(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory)
        return -errno;
    for (struct dirent *entry; (entry = readdir(directory));)
        fill(list, entry->d_name, NULL, 0, 0);
    closedir(directory);
    return 0;
}

static int fs_mkdir(const char *path, mode_t mode)
{
    return answer(mkdirat(root_fd, below(path), mode));
}

static int fs_unlink(const char *path)
{
    return answer(unlinkat(root_fd, below(path), 0));
}

static int fs_rmdir(const char *path)
{
    return answer(unlinkat(root_fd, below(path), AT_REMOVEDIR));
}

static int fs_symlink(const char *target, const char *path)
{
    return answer(symlinkat(target, root_fd, below(path)));
}

static int fs_link(const char *from, const char *to)
{
    return answer(linkat(root_fd, below(from), root_fd, below(to), 0));
}

static int fs_rename(const char *from, const char *to, unsigned flags)
{
    return answer(renameat2(root_fd, below(from), root_fd, below(to), flags));
}

static int fs_chmod(const char *path, mode_t mode, struct fuse_file_info *file)
{
    return answer(file ? fchmod((int)file->fh, mode) : fchmodat(root_fd, below(path), mode, 0));
}

static int fs_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *file)
{
    (void)file;
    return answer(fchownat(root_fd, below(path), uid, gid, AT_SYMLINK_NOFOLLOW));
}

static int fs_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *file)
{
    (void)file;
    return answer(utimensat(root_fd, below(path), times, AT_SYMLINK_NOFOLLOW));
}

static int fs_statfs(const char *path, struct statvfs *status)
{
    (void)path;
    return answer(fstatvfs(root_fd, status));
}

/* ---- files ---- */

static int fs_create(const char *path, mode_t mode, struct fuse_file_info *file)
{
    int fd = openat(root_fd, below(path), file->flags | O_CREAT | O_CLOEXEC, mode);
    file->fh = (uint64_t)fd;
    return answer(fd);
}

static int fs_open(const char *path, struct fuse_file_info *file)
{
    return fs_create(path, 0, file);
}

static int fs_truncate(const char *path, off_t size, struct fuse_file_info *file)
{
    struct fuse_file_info own = {.flags = O_WRONLY};
    if (file)
        return answer(ftruncate((int)file->fh, size));
    int result = fs_open(path, &own);
    if (result == 0) {
        result = answer(ftruncate((int)own.fh, size));
        close((int)own.fh);
    }
    return result;
}

static int fs_read(const char *path, char *buffer, size_t size_bytes, off_t offset,
                   struct fuse_file_info *file)
{
    (void)path;
    if (fails("read"))
        return -EIO;
    ssize_t got = pread((int)file->fh, buffer, size_bytes, offset);
    return got < 0 ? -errno : (int)got;
}

static int fs_write(const char *path, const char *buffer, size_t size_bytes, off_t offset,
                    struct fuse_file_info *file)
{
    (void)path;
    if (fails("write"))
        return -EIO;
    ssize_t put = pwrite((int)file->fh, buffer, size_bytes, offset);
    return put < 0 ? -errno : (int)put;
}

static int fs_fsync(const char *path, int is_data_only, struct fuse_file_info *file)
{
    (void)path;
    (void)is_data_only;
    return fails("fsync") ? -EIO : answer(fsync((int)file->fh));
}

/* What close(2) waits for, and returns. */
static int fs_flush(const char *path, struct fuse_file_info *file)
{
    (void)path;
    bool is_written = (fcntl((int)file->fh, F_GETFL) & O_ACCMODE) != O_RDONLY;
    return is_written && fails("close") ? -EIO : 0;
}

static int fs_release(const char *path, struct fuse_file_info *file)
{
    (void)path;
    return answer(close((int)file->fh));
}

static void *fs_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->direct_io = 1;
    config->hard_remove = 1;
    config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
    config->use_ino = 1;
    return NULL;
}

static const struct fuse_operations operations = {
    .init = fs_init,
    .getattr = fs_getattr,
    .readlink = fs_readlink,
    .readdir = fs_readdir,
    .mkdir = fs_mkdir,
    .unlink = fs_unlink,
    .rmdir = fs_rmdir,
    .symlink = fs_symlink,
    .link = fs_link,
    .rename = fs_rename,
    .chmod = fs_chmod,
    .chown = fs_chown,
    .utimens = fs_utimens,
    .statfs = fs_statfs,
    .create = fs_create,
    .open = fs_open,
    .truncate = fs_truncate,
    .read = fs_read,
    .write = fs_write,
    .fsync = fs_fsync,
    .flush = fs_flush,
    .release = fs_release,
};

int main(int argc, char **argv)
{
    if (argc < 5 || argc > 6) {
        fprintf(stderr, "usage: %s DIRECTORY MOUNTPOINT CALL N [once|from]\n", argv[0]);
        return 2;
    }
    root_fd = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0) {
        perror(argv[1]);
        return 2;
    }
    failing_call = argv[3];
    failing_at = strtoul(argv[4], NULL, 10);
    goes_on_failing = argc == 6 && strcmp(argv[5], "from") == 0;
    umask(0);
    char *words[] = {argv[0], argv[2], NULL};
    return fuse_main(2, words, &operations, NULL);
}
