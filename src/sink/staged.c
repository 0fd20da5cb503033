#include "sink/staged.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <unistd.h>

#include "base/io.h"

#define TEMP_TRY_COUNT 100
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

/*
 * File systems of this machine, on which close() has nothing left to tell: a nameless file gets its
 * name before it is closed.
 */
static bool is_local(long fs_type)
{
    return fs_type == TMPFS_MAGIC || fs_type == EXT4_SUPER_MAGIC || fs_type == XFS_SUPER_MAGIC ||
           fs_type == BTRFS_SUPER_MAGIC;
}

static int open_nameless(int parent, mode_t mode)
{
    return io_openat(parent, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, mode);
}

/*
 * Some systems give a nameless file no name without a privilege, or by way of /proc alone. They say
 * so before they look at the new name, and this one is there.
 */
bool staged_can_name(const struct tree *tree)
{
    int fd = open_nameless(tree->root.fd, 0600);
    if (fd < 0)
        return false;
    bool can = linkat(fd, "", tree->root.fd, ".", AT_EMPTY_PATH) != 0 && errno == EEXIST;
    close(fd);
    return can;
}

/* Where something is to be replaced, a name is needed that can be renamed. */
static bool may_be_nameless(const struct tree *tree, const struct dirhold *parent)
{
    bool replaces =
        tree->config.existing == EXISTING_OVERWRITE || tree->config.existing == EXISTING_UPDATE;
    return tree->names_nameless && is_local(parent->fs_type) && (parent->is_new || !replaces);
}

static void hold_list(struct tree *tree)
{
    while (atomic_flag_test_and_set_explicit(&tree->named_is_busy, memory_order_acquire))
        sched_yield();
}

static void let_list_go(struct tree *tree)
{
    atomic_flag_clear_explicit(&tree->named_is_busy, memory_order_release);
}

static void enlist(struct tree *tree, int parent, struct staged *file)
{
    file->parent = parent;
    file->before = NULL;
    hold_list(tree);
    file->after = tree->named;
    if (file->after)
        file->after->before = file;
    tree->named = file;
    let_list_go(tree);
}

static void strike_out(struct tree *tree, struct staged *file)
{
    hold_list(tree);
    if (file->before)
        file->before->after = file->after;
    else
        tree->named = file->after;
    if (file->after)
        file->after->before = file->before;
    let_list_go(tree);
}

/* Keeps the list: whoever wants to change it now waits for the end of the process. */
void staged_abandon(struct mr_sink *sink)
{
    struct tree *tree = (struct tree *)sink;
    hold_list(tree);
    for (const struct staged *file = tree->named; file; file = file->after)
        unlinkat(file->parent, file->temp, 0);
    tree_let_go(tree);
}

int staged_open(struct tree *tree, const struct dirhold *parent, mode_t mode, struct staged *file)
{
    file->temp[0] = '\0';
    file->fd = may_be_nameless(tree, parent) ? open_nameless(parent->fd, mode) : -1;
    if (file->fd >= 0)
        return 0;
    for (unsigned i = 0; i < TEMP_TRY_COUNT && file->fd < 0; i++) {
        tree_temp_name(tree, file->temp);
        file->fd = io_openat(parent->fd, file->temp,
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (file->fd < 0 && errno != EEXIST)
            break;
    }
    if (file->fd < 0)
        return -1;
    enlist(tree, parent->fd, file);
    return 0;
}

void staged_discard(struct tree *tree, int parent, struct staged *file)
{
    if (file->fd < 0)
        return;
    if (file->temp[0] != '\0') {
        unlinkat(parent, file->temp, 0);
        strike_out(tree, file);
    }
    close(file->fd);
    file->fd = -1;
}

/* tree_publish() knows what is to be done about what stands there, with a file that has a name. */
static enum mr_status publish_nameless(struct tree *tree, int parent, struct staged *file,
                                       const struct mr_entry *entry, struct mr_error *err)
{
    if (linkat(file->fd, "", parent, path_base(entry->path), AT_EMPTY_PATH) == 0)
        return MR_OK;
    if (errno == EEXIST) {
        tree_temp_name(tree, file->temp);
        if (linkat(file->fd, "", parent, file->temp, AT_EMPTY_PATH) == 0)
            return tree_publish(tree, parent, file->temp, entry, err);
    }
    return tree_failed(tree, entry->path, errno, "cannot store", err);
}

enum mr_status staged_publish(struct tree *tree, int parent, struct staged *file,
                              const struct mr_entry *entry, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    bool is_nameless = file->temp[0] == '\0';
    if (is_nameless)
        status = publish_nameless(tree, parent, file, entry, err);
    /* Some file systems tell only here that the bytes found no room. */
    int fault = close(file->fd) != 0 && errno != EINTR && !is_nameless ? errno : 0;
    file->fd = -1;
    if (is_nameless)
        return status;
    if (fault == 0) {
        status = tree_publish(tree, parent, file->temp, entry, err);
    } else {
        unlinkat(parent, file->temp, 0);
        status = tree_failed(tree, entry->path, fault, "cannot write", err);
    }
    strike_out(tree, file);
    return status;
}
