/*
 * A tree of files. An item is written out of sight in its own directory and gets its name in
 * commit(); links and what concerns directories are put off to finish(). Every name is opened below
 * the root's descriptor, no link is followed.
 */
#include "sink/sinks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "sink/staged.h"

#define PREALLOCATE_FROM_BYTES (1 << 20)

struct mr_writer {
    const struct mr_entry *entry;
    struct dirhold parent; /* the directory that the item lies in */
    struct staged file;
    int64_t size_bytes, written_bytes;
    bool has_made_directory;
    bool has_mode;       /* the file was made with its final mode */
    bool parent_is_gone; /* the directory was removed since it was opened */
};

static struct tree *tree_of(struct mr_sink *sink)
{
    return (struct tree *)sink;
}

/* With the file, unless it was published. */
static void close_writer(struct tree *tree, struct mr_writer *writer)
{
    staged_discard(tree, writer->parent.fd, &writer->file);
    dircache_let_go(&writer->parent);
    free(writer);
}

/* What needs no look at the disk: names and targets that are refused. */
static enum mr_status check_name(const struct tree *tree, const struct mr_entry *entry,
                                 struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    if (tree_is_reserved(entry->path))
        return mr_error_set(err, MR_E_UNSAFE, 0, "%s: such names are reserved for temporary files",
                            path_show(shown, sizeof(shown), entry->path));
    if (entry->kind == MR_KIND_OTHER)
        return mr_error_set(err, MR_E_UNSAFE, 0, "devices, FIFOs and sockets are not made");
    if (entry->kind != MR_KIND_SYMLINK && entry->kind != MR_KIND_HARDLINK)
        return MR_OK;
    if (!entry->target || !*entry->target)
        return mr_error_set(err, MR_E_DATA, 0, "a link without a target");
    if (entry->kind == MR_KIND_SYMLINK && tree->config.is_untrusted &&
        !tree->config.allows_unsafe && !path_link_stays_inside(entry->path, entry->target))
        return mr_error_set(err, MR_E_UNSAFE, 0,
                            "the link leads out of the output directory, to %s (-P allows it)",
                            path_show(shown, sizeof(shown), entry->target));
    return MR_OK;
}

/*
 * What the policy says of the entry before it is stored. A directory that this run made has nothing
 * in it that was there before, so nobody needs to look: tree_publish() still replaces nothing
 * unasked, should somebody else have put something there meanwhile. Nor where everything is
 * replaced, but for the directories that tree_publish() finds.
 */
static enum mr_status look_first(const struct tree *tree, const struct dirhold *parent,
                                 const struct mr_entry *entry, struct mr_error *err)
{
    enum existing existing = tree->config.existing;
    bool is_link = entry->kind == MR_KIND_SYMLINK || entry->kind == MR_KIND_HARDLINK;
    if (is_link && tree->config.is_resumed) /* it may be there just so: finish() can tell */
        return MR_OK;
    if ((parent->is_new && existing != EXISTING_UPDATE) ||
        (existing == EXISTING_OVERWRITE && entry->kind == MR_KIND_FILE))
        return MR_OK;
    return tree_look(tree, parent->fd, entry, err);
}

static enum mr_status directory_wants(struct mr_sink *sink, const struct mr_entry *entry,
                                      struct mr_error *err)
{
    const struct tree *tree = tree_of(sink);
    enum mr_status status = check_name(tree, entry, err);
    if (status != MR_OK || tree->config.existing == EXISTING_OVERWRITE)
        return status;
    struct dirhold parent;
    if (dircache_hold_parent(tree->dirs, entry->path, &parent) != 0)
        return errno == ENOENT ? MR_OK : tree_failed(tree, entry->path, errno, "cannot store", err);
    status = look_first(tree, &parent, entry, err);
    dircache_let_go(&parent);
    return status;
}

static enum mr_status begin_directory(struct tree *tree, struct mr_writer *writer,
                                      struct mr_error *err)
{
    const struct mr_entry *entry = writer->entry;
    bool keeps_mode = tree->config.preserve & PRESERVE_MODE && entry->has_mode;
    /* Its own mode comes in finish(): until then it must be possible to write into it. */
    mode_t mode = 0700u | (keeps_mode ? (mode_t)entry->mode & 0777u : 0777u);
    if (mkdirat(writer->parent.fd, path_base(entry->path), mode) == 0) {
        writer->has_made_directory = true;
        dircache_add_made(tree->dirs, entry->path, &writer->parent);
        return MR_OK;
    }
    if (errno == EEXIST)
        return tree_look(tree, writer->parent.fd, entry, err);
    writer->parent_is_gone = errno == ENOENT;
    return tree_failed(tree, entry->path, errno, "cannot make the directory", err);
}

/*
 * The mode that a file is made with. It is the final one where nothing has to be done to the file
 * before others may have it, and where it comes out as it is asked for; never a wider one.
 */
static mode_t choose_first_mode(const struct tree *tree, struct mr_writer *writer)
{
    const struct mr_entry *entry = writer->entry;
    unsigned preserve = tree->config.preserve;
    mode_t mode = tree_mode_of(tree, entry);
    bool is_private = !writer->parent.is_plain || (mode & 0600) != 0600 ||
                      (preserve & PRESERVE_OWNER && entry->has_owner) ||
                      (preserve & PRESERVE_XATTR && entry->xattr_count > 0);
    writer->has_mode = !is_private && (mode & tree->umask_bits) == 0;
    return is_private ? 0600 : mode & ~tree->umask_bits;
}

static enum mr_status begin_file(struct tree *tree, struct mr_writer *writer, struct mr_error *err)
{
    const struct mr_entry *entry = writer->entry;
    enum mr_status status = look_first(tree, &writer->parent, entry, err);
    if (status != MR_OK)
        return status;
    if (staged_open(tree, &writer->parent, choose_first_mode(tree, writer), &writer->file) != 0) {
        writer->parent_is_gone = errno == ENOENT;
        return tree_failed(tree, entry->path, errno, "cannot create", err);
    }
    /* An archive may lie about sizes, so nothing is allocated on its word. */
    if (writer->size_bytes > PREALLOCATE_FROM_BYTES && !tree->config.is_untrusted &&
        fallocate(writer->file.fd, FALLOC_FL_KEEP_SIZE, 0, writer->size_bytes) != 0 &&
        (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return tree_failed(tree, entry->path, errno, "no room for", err);
    return MR_OK;
}

static enum mr_status begin_in_parent(struct tree *tree, struct mr_writer *writer,
                                      struct mr_error *err)
{
    const struct mr_entry *entry = writer->entry;
    if (dircache_make_parent(tree->dirs, entry->path, &writer->parent) != 0)
        return tree_failed(tree, entry->path, errno, "cannot make the directory for", err);
    if (entry->kind == MR_KIND_DIRECTORY)
        return begin_directory(tree, writer, err);
    if (entry->kind == MR_KIND_FILE)
        return begin_file(tree, writer, err);
    return look_first(tree, &writer->parent, entry, err);
}

static enum mr_status directory_begin(struct mr_sink *sink, const struct mr_entry *entry,
                                      int64_t size_bytes, struct mr_writer **writer,
                                      struct mr_error *err)
{
    struct tree *tree = tree_of(sink);
    enum mr_status status = check_name(tree, entry, err);
    if (status != MR_OK)
        return status;
    struct mr_writer *new = calloc(1, sizeof(*new));
    if (!new)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    *new = (struct mr_writer){
        .entry = entry, .parent.fd = -1, .file.fd = -1, .size_bytes = size_bytes};
    status = begin_in_parent(tree, new, err);
    if (new->parent_is_gone) { /* it may have been removed, and be made anew */
        dircache_let_go(&new->parent);
        dircache_forget_parent(tree->dirs, entry->path);
        status = begin_in_parent(tree, new, err);
    }
    if (status != MR_OK) {
        close_writer(tree, new);
        return status;
    }
    *writer = new;
    return MR_OK;
}

static enum mr_status directory_write(struct mr_sink *sink, struct mr_writer *writer,
                                      const void *data, size_t size_bytes, struct mr_error *err)
{
    if (writer->file.fd < 0)
        return mr_error_set(err, MR_E_USAGE, 0, "only files have content");
    if (io_write(writer->file.fd, data, size_bytes) != 0)
        return tree_failed(tree_of(sink), writer->entry->path, errno, "cannot write", err);
    writer->written_bytes += (int64_t)size_bytes;
    return MR_OK;
}

static enum mr_status commit_file(struct tree *tree, struct mr_writer *writer, struct mr_error *err)
{
    const struct mr_entry *entry = writer->entry;
    enum mr_status status = MR_OK;
    if (writer->size_bytes >= 0 && writer->written_bytes != writer->size_bytes)
        status = mr_error_set(err, MR_E_DATA, 0, "%lld bytes came where %lld were announced",
                              (long long)writer->written_bytes, (long long)writer->size_bytes);
    if (status == MR_OK)
        status = tree_set_metadata(tree, writer->file.fd, entry, writer->has_mode, err);
    if (status == MR_OK)
        status = tree_sync_file(tree, writer->file.fd, entry, err);
    if (status == MR_OK)
        status = staged_publish(tree, writer->parent.fd, &writer->file, entry, err);
    if (status == MR_OK)
        status = tree_sync_name(tree, entry, err);
    close_writer(tree, writer);
    return status;
}

/* Directories get their xattrs at once, the rest waits. */
static enum mr_status commit_directory(struct tree *tree, const struct mr_writer *writer,
                                       struct mr_error *err)
{
    struct mr_entry only_xattrs = *writer->entry;
    only_xattrs.has_mode = only_xattrs.has_mtime = only_xattrs.has_owner = false;
    if (tree->config.preserve & PRESERVE_XATTR && only_xattrs.xattr_count > 0) {
        int fd = io_openat(writer->parent.fd, path_base(only_xattrs.path),
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
        if (fd < 0)
            return tree_failed(tree, only_xattrs.path, errno, "cannot open the directory", err);
        enum mr_status status = tree_set_metadata(tree, fd, &only_xattrs, false, err);
        close(fd);
        if (status != MR_OK)
            return status;
    }
    return later_add(tree->later, writer->entry, err);
}

static enum mr_status directory_commit(struct mr_sink *sink, struct mr_writer *writer,
                                       struct mr_error *err)
{
    struct tree *tree = tree_of(sink);
    const struct mr_entry *entry = writer->entry;
    if (entry->replaces_earlier)
        atomic_store_explicit(&tree->has_replaced, true, memory_order_relaxed);
    if (entry->kind == MR_KIND_FILE) {
        enum mr_status status = commit_file(tree, writer, err);
        /* finish() must know that a link of that name has been replaced. */
        return status == MR_OK && entry->replaces_earlier ? later_add(tree->later, entry, err)
                                                          : status;
    }
    enum mr_status status = entry->kind == MR_KIND_DIRECTORY ? commit_directory(tree, writer, err)
                                                             : later_add(tree->later, entry, err);
    close_writer(tree, writer);
    return status;
}

static void directory_abort(struct mr_sink *sink, struct mr_writer *writer)
{
    struct tree *tree = tree_of(sink);
    if (writer->has_made_directory) /* it stays when something is in it already */
        unlinkat(writer->parent.fd, path_base(writer->entry->path), AT_REMOVEDIR);
    close_writer(tree, writer);
}

static enum mr_status directory_shares(struct mr_sink *sink, const struct mr_entry *entry,
                                       struct mr_error *err)
{
    struct tree *tree = tree_of(sink);
    enum mr_status status = tree->shared ? MR_OK : later_create(&tree->shared, err);
    return status == MR_OK ? later_add(tree->shared, entry, err) : status;
}

static void directory_destroy(struct mr_sink *sink)
{
    struct tree *tree = tree_of(sink);
    later_destroy(tree->later);
    later_destroy(tree->made);
    later_destroy(tree->shared);
    tree_let_go(tree);
    dircache_destroy(tree->dirs);
    if (tree->root.fd >= 0)
        close(tree->root.fd);
    free(tree->label);
    free(tree);
}

static void directory_losses(struct mr_sink *sink, char *text, size_t cap_bytes)
{
    struct tree *tree = tree_of(sink);
    unsigned long long owners = atomic_load(&tree->lost_owner_count);
    unsigned long long xattrs = atomic_load(&tree->lost_xattr_count);
    unsigned long long modes = tree->open_mode_count;
    size_t used = strnlen(text, cap_bytes);
    if (owners > 0 && used < cap_bytes)
        snprintf(text + used, cap_bytes - used, "the owners of %llu items (that takes root)\n",
                 owners);
    used = strnlen(text, cap_bytes);
    if (xattrs > 0 && used < cap_bytes)
        snprintf(text + used, cap_bytes - used, "extended attributes of %llu items\n", xattrs);
    used = strnlen(text, cap_bytes);
    if (modes > 0 && used < cap_bytes)
        snprintf(text + used, cap_bytes - used,
                 "the modes of %llu directories that even their owner may not write to (other "
                 "shards have to)\n",
                 modes);
}

static const struct mr_sink_ops directory_ops = {
    .kind = "directory",
    .wants = directory_wants,
    .begin = directory_begin,
    .write = directory_write,
    .commit = directory_commit,
    .verify = tree_verify,
    .find = tree_find,
    .abort = directory_abort,
    .finish = tree_finish,
    .destroy = directory_destroy,
    .abandon = staged_abandon,
    .losses = directory_losses,
    .shares = directory_shares,
};

/* Opens the directory path, made with its parents where it is missing: *is_made. -1 with errno. */
static int open_root(const char *path, bool *is_made)
{
    int fd = io_open(path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    *is_made = false;
    if (fd >= 0 || errno != ENOENT)
        return fd;
    char *part = strdup(path);
    if (!part)
        return -1;
    *is_made = true;
    for (char *slash = strchr(part + 1, '/'); *is_made && slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        *is_made = mkdir(part, 0777) == 0 || errno == EEXIST;
        *slash = '/';
    }
    *is_made = *is_made && (mkdir(part, 0777) == 0 || errno == EEXIST);
    int fault = errno;
    free(part);
    errno = fault;
    return *is_made ? io_open(path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0) : -1;
}

/* The umask, without the moment in which umask() would change it for every thread. */
static mode_t find_umask(void)
{
    unsigned bits = 022;
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    while (status && fgets(line, sizeof(line), status))
        if (sscanf(line, "Umask: %o", &bits) == 1)
            break;
    if (status)
        fclose(status);
    return (mode_t)bits & 0777u;
}

enum mr_status directory_sink_create(const char *path, const struct directory_sink_config *config,
                                     struct mr_sink **sink, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    struct tree *tree = calloc(1, sizeof(*tree));
    if (!tree)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status = MR_OK;
    tree->root.fd = tree->lock_fd = tree->shard_fd = -1;
    tree->config = *config;
    if (config->shard_count > 0)
        snprintf(tree->shard_suffix, sizeof(tree->shard_suffix), "-%u-%u", config->shard_index,
                 config->shard_count);
    tree->label = strdup(path);
    tree->sink = (struct mr_sink){.ops = &directory_ops, .label = tree->label};
    tree->umask_bits = find_umask();
    atomic_flag_clear(&tree->named_is_busy);
    clock_gettime(CLOCK_REALTIME_COARSE, &tree->start);
    bool is_made = false;
    int fd = tree->label ? open_root(path, &is_made) : -1;
    if (!tree->label)
        status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    else if (fd < 0)
        status = mr_error_set(err, MR_E_SYSTEM, errno, "cannot make the output directory %s",
                              path_show(shown, sizeof(shown), path));
    else
        below_init(&tree->root, fd);
    if (status == MR_OK)
        status = tree_claim(tree, err);
    if (status == MR_OK && is_made)
        status = tree_sync_all(tree, err);
    tree->names_nameless = status == MR_OK && staged_can_name(tree);
    if (status == MR_OK && io_random(&tree->seed, sizeof(tree->seed)) != 0)
        status = mr_error_set(err, MR_E_SYSTEM, errno, "cannot get random numbers");
    if (status == MR_OK)
        status = later_create(&tree->later, err);
    unsigned flags = DIRCACHE_OUTPUT | (is_made ? DIRCACHE_NEW_ROOT : 0);
    if (status == MR_OK && !(tree->dirs = dircache_create(&tree->root, flags)))
        status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (status != MR_OK) {
        directory_destroy(&tree->sink);
        return status;
    }
    *sink = &tree->sink;
    return MR_OK;
}
