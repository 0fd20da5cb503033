/* tree_claim.c - makes an output directory this run's: nobody else writes to it meanwhile, and what
 * an earlier run left in it is gone. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/filelock.h"
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
        else if (tree_is_reserved(at->d_name))
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

/* Where there are no locks, or the directory may not be read, it is left to the users. */
static enum mr_status lock(struct tree *tree, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    pid_t owner;
    tree->lock_fd = below_open(&tree->root, "", O_RDONLY | O_DIRECTORY, 0);
    if (tree->lock_fd < 0 || filelock_take(tree->lock_fd, &owner) == 0 || errno != EWOULDBLOCK)
        return MR_OK;
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
