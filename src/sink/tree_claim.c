/* tree_claim.c - makes an output directory this run's: nobody else writes to it meanwhile, and what
 * an earlier run left in it is gone. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/filelock.h"
#include "base/io.h"
#include "sink/tree.h"

/* Directories that are still to be looked into. */
struct todo {
    struct todo *next;
    char path[];
};

static bool push(struct todo **todo, const char *path, const char *name)
{
    size_t path_bytes = strlen(path), name_bytes = strlen(name);
    struct todo *added = malloc(sizeof(*added) + path_bytes + name_bytes + 2);
    if (!added)
        return false;
    memcpy(added->path, path, path_bytes);
    if (path_bytes > 0)
        added->path[path_bytes++] = '/';
    memcpy(added->path + path_bytes, name, name_bytes + 1);
    added->next = *todo;
    *todo = added;
    return true;
}

static bool is_directory(int fd, const struct dirent *at)
{
    struct stat st;
    if (at->d_type != DT_UNKNOWN)
        return at->d_type == DT_DIR;
    return fstatat(fd, at->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* What cannot be opened or removed stays: it does no harm but that it is there. */
static bool sweep_one(const struct tree *tree, const char *path, struct todo **todo)
{
    int fd = below_open(&tree->root, path, O_RDONLY | O_DIRECTORY, 0);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory) {
        if (fd >= 0)
            close(fd);
        return true;
    }
    const struct dirent *at;
    bool is_good = true;
    while (is_good && (at = readdir(directory))) {
        if (strcmp(at->d_name, ".") == 0 || strcmp(at->d_name, "..") == 0)
            continue;
        if (is_directory(fd, at))
            is_good = push(todo, path, at->d_name);
        else if (tree_is_temp(tree, at->d_name))
            unlinkat(fd, at->d_name, 0);
    }
    closedir(directory);
    return is_good;
}

static enum mr_status sweep(const struct tree *tree, struct mr_error *err)
{
    struct todo *todo = NULL;
    bool is_good = push(&todo, "", "");
    while (todo) {
        struct todo *next = todo;
        todo = todo->next;
        is_good = is_good && sweep_one(tree, next->path, &todo);
        free(next);
    }
    return is_good ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/*
 * Shards share the lock of the root; which of them are at work is told by locks of parts of one
 * file in it: byte I for the I-th, and one byte for their number, behind those. The last one
 * removes the file.
 */
#define COUNT_OFFSET (INT64_C(1) << 32)

static enum mr_status shard_in_use(const struct tree *tree, uint64_t count, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), tree->label);
    if (count > 0)
        return mr_error_set(err, MR_E_SYSTEM, 0,
                            "other runs write to %s, and share the work in %llu", shown,
                            (unsigned long long)count);
    return mr_error_set(err, MR_E_SYSTEM, 0, "another run does the shard %u/%u of %s",
                        tree->config.shard_index, tree->config.shard_count, shown);
}

/* Takes the locks in the open file. MR_DONE: there are none here. */
static enum mr_status lock_parts(struct tree *tree, struct mr_error *err)
{
    int64_t own = COUNT_OFFSET + tree->config.shard_count, other = 0;
    int fd = tree->shard_fd;
    if (filelock_take_part(fd, own, 1, true) != 0)
        return MR_DONE;
    if (filelock_find_part(fd, COUNT_OFFSET, tree->config.shard_count, &other) ||
        filelock_find_part(fd, own + 1, 0, &other))
        return shard_in_use(tree, (uint64_t)(other - COUNT_OFFSET), err);
    if (filelock_take_part(fd, tree->config.shard_index, 1, false) != 0)
        return errno == EWOULDBLOCK ? shard_in_use(tree, 0, err) : MR_DONE;
    return MR_OK;
}

static bool is_still_there(const struct tree *tree)
{
    struct stat there, own;
    return fstatat(tree->lock_fd, TREE_LOCK_NAME, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstat(tree->shard_fd, &own) == 0 && there.st_dev == own.st_dev &&
           there.st_ino == own.st_ino;
}

static enum mr_status lock_shard(struct tree *tree, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    bool is_good = tree->lock_fd < 0;
    while (!is_good && status == MR_OK) {
        tree->shard_fd = io_openat(tree->lock_fd, TREE_LOCK_NAME,
                                   O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0666);
        if (tree->shard_fd < 0)
            return MR_OK;
        status = lock_parts(tree, err);
        is_good = status == MR_OK && is_still_there(tree); /* who was the last may remove it */
        if (!is_good && status != MR_DONE) {
            close(tree->shard_fd);
            tree->shard_fd = -1;
        }
    }
    return status == MR_DONE ? MR_OK : status;
}

void tree_let_go(struct tree *tree)
{
    if (tree->shard_fd >= 0) {
        if (filelock_take_part(tree->shard_fd, 0, 0, false) == 0 && is_still_there(tree))
            unlinkat(tree->lock_fd, TREE_LOCK_NAME, 0);
        close(tree->shard_fd);
    }
    if (tree->lock_fd >= 0)
        close(tree->lock_fd);
    tree->shard_fd = tree->lock_fd = -1;
}

/* Where there are no locks, or the directory may not be read, it is left to the users. */
static enum mr_status lock(struct tree *tree, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    pid_t owner;
    bool is_shared = tree->config.shard_count > 0;
    tree->lock_fd = below_open(&tree->root, "", O_RDONLY | O_DIRECTORY, 0);
    if (tree->lock_fd < 0 || filelock_take(tree->lock_fd, is_shared, &owner) == 0 ||
        errno != EWOULDBLOCK)
        return is_shared ? lock_shard(tree, err) : MR_OK;
    path_show(shown, sizeof(shown), tree->label);
    if (owner == 0)
        return mr_error_set(err, MR_E_SYSTEM, 0, "another run writes to %s", shown);
    return mr_error_set(err, MR_E_SYSTEM, 0, "another run (process %d) writes to %s", (int)owner,
                        shown);
}

enum mr_status tree_claim(struct tree *tree, struct mr_error *err)
{
    enum mr_status status = tree->config.is_exclusive ? lock(tree, err) : MR_OK;
    return status == MR_OK && tree->config.is_resumed ? sweep(tree, err) : status;
}
