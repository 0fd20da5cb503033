/*
 * A tree of the file system, walked lazily: a stack of the directories on the way down, each with
 * the names that are left in it. No recursion, no chdir; names are looked up below the descriptor
 * of their own directory.
 */
#include "base/io.h"
#include "source/sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/dircache.h"
#include "base/path.h"
#include "source/local.h"
#include "source/names.h"

/* Directories on the way down that stay open; the others are opened again on the way up. */
#define OPEN_MAX_COUNT 64
#define LISTING_BYTES  32768
#define VANISHED       "vanished after its directory was read"

/* A directory on the way down. */
struct level {
    struct names *names;
    int fd;            /* -1: closed to stay below OPEN_MAX_COUNT, or the root's own */
    size_t path_bytes; /* how much of the path names this directory */
    dev_t device;
    ino_t inode;
};

struct directory_source {
    struct mr_source source;
    struct walk_config config;
    char *label;
    struct below root;
    struct dircache *dirs; /* for opening files: of the directories below the root */
    struct level *levels;  /* the first is the root */
    size_t level_count, level_cap_count;
    size_t open_max_count; /* of them, at most OPEN_MAX_COUNT */
    bool has_first;        /* config.first_name is in the root and still to be given */
    char path[PATH_TOTAL_MAX_BYTES + 1]; /* of the entry given last, relative to the root */
    bool is_to_enter;                    /* the entry given last is a directory to be entered */
    dev_t device;                        /* of that directory */
    ino_t inode;
    char listing[LISTING_BYTES] __attribute__((aligned(8)));
};

static struct directory_source *walk_of(struct mr_source *source)
{
    return (struct directory_source *)source;
}

static enum mr_status out_of_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* Is it the name in the root that comes before all others? Then it is not among them. */
static bool is_first(const struct directory_source *walk, const char *name)
{
    const char *first = walk->config.first_name;
    return first && walk->level_count == 0 && strcmp(name, first) == 0;
}

/* Reads all names of the open directory fd. */
static enum mr_status list(struct directory_source *walk, int fd, struct names **names,
                           struct mr_error *err)
{
    enum mr_status status = names_create(NAMES_MEMORY_BYTES, walk->config.is_unsorted, names, err);
    while (status == MR_OK) {
        ssize_t got = getdents64(fd, walk->listing, sizeof(walk->listing));
        if (got == 0)
            break;
        if (got < 0)
            status = mr_error_set(err, MR_E_SYSTEM, errno, "cannot read the directory");
        for (ssize_t at = 0; at < got && status == MR_OK;) {
            const struct dirent64 *found = (const void *)(walk->listing + at);
            const char *name = found->d_name;
            at += found->d_reclen;
            bool is_dot = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
            if (is_dot || (walk->config.leaves_out_hidden && *name == '.'))
                continue;
            if (is_first(walk, name))
                walk->has_first = true;
            else
                status = names_add(*names, name, err);
        }
    }
    if (status == MR_OK)
        status = names_seal(*names, err);
    if (status != MR_OK) {
        names_destroy(*names);
        *names = NULL;
    }
    return status;
}

static int level_fd(const struct directory_source *walk, const struct level *level)
{
    return level == walk->levels ? walk->root.fd : level->fd;
}

/* The rest of the run needs most of the descriptors that a process may have. */
static size_t choose_open_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 4 >= OPEN_MAX_COUNT)
        return OPEN_MAX_COUNT;
    return limit.rlim_cur < 8 ? 2 : (size_t)limit.rlim_cur / 4;
}

/* Puts the open directory fd on top. Takes fd and names, also on failure. */
static enum mr_status push(struct directory_source *walk, int fd, struct names *names,
                           struct mr_error *err)
{
    if (walk->level_count == walk->level_cap_count) {
        size_t cap = walk->level_cap_count ? walk->level_cap_count * 2 : 16;
        struct level *grown = realloc(walk->levels, cap * sizeof(*grown));
        if (!grown) {
            if (fd >= 0)
                close(fd);
            names_destroy(names);
            return out_of_memory(err);
        }
        walk->levels = grown;
        walk->level_cap_count = cap;
    }
    if (walk->level_count > walk->open_max_count) {
        struct level *old = &walk->levels[walk->level_count - walk->open_max_count];
        if (old->fd >= 0)
            close(old->fd);
        old->fd = -1;
    }
    walk->levels[walk->level_count++] = (struct level){.names = names,
                                                       .fd = fd,
                                                       .path_bytes = strlen(walk->path),
                                                       .device = walk->device,
                                                       .inode = walk->inode};
    return MR_OK;
}

/* Is it the directory that was found? otherwise: what to say if not. */
static enum mr_status check_directory(int fd, dev_t device, ino_t inode, const char *otherwise,
                                      struct mr_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "the directory cannot be looked at");
    if (st.st_dev == device && st.st_ino == inode)
        return MR_OK;
    return mr_error_set(err, MR_E_CHANGED, 0, "%s", otherwise);
}

/* Opens path below the root as the walk is allowed to: with -L links may lead anywhere. */
static int open_path(const struct directory_source *walk, const char *path, int flags)
{
    if (walk->config.follows_links)
        return below_follow(&walk->root, path, flags);
    return below_open(&walk->root, path, flags, 0);
}

/*
 * Drops the directory on top. The one below it is opened again if it has to be; when that fails, it
 * is dropped with the next call.
 */
static enum mr_status pop(struct directory_source *walk, struct mr_error *err)
{
    struct level *top = &walk->levels[--walk->level_count];
    names_destroy(top->names);
    if (top->fd >= 0)
        close(top->fd);
    if (walk->level_count <= 1)
        return MR_OK;
    top = &walk->levels[walk->level_count - 1];
    if (top->fd >= 0)
        return MR_OK;
    walk->path[top->path_bytes] = '\0';
    top->fd = open_path(walk, walk->path, LOCAL_READ_FLAGS | O_DIRECTORY);
    const char *gone = "was moved or replaced while it was walked: the rest of it is left out";
    enum mr_status status = top->fd >= 0
                                ? check_directory(top->fd, top->device, top->inode, gone, err)
                                : mr_error_set(err, MR_E_CHANGED, 0, "%s", gone);
    if (status == MR_OK)
        return MR_OK;
    names_destroy(top->names);
    top->names = NULL;
    return status;
}

/* Opens the directory that was given last, lists it and puts it on top. */
static enum mr_status enter(struct directory_source *walk, struct mr_error *err)
{
    struct level *top = &walk->levels[walk->level_count - 1];
    int flags = LOCAL_READ_FLAGS | O_DIRECTORY | (walk->config.follows_links ? 0 : O_NOFOLLOW);
    int fd = io_openat(level_fd(walk, top), path_base(walk->path), flags, 0);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
        return mr_error_set(err, MR_E_CHANGED, 0,
                            "vanished or was replaced before it could be read");
    if (fd < 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read the directory");
    struct names *names = NULL;
    enum mr_status status =
        check_directory(fd, walk->device, walk->inode, "was replaced before it could be read", err);
    if (status == MR_OK)
        status = list(walk, fd, &names, err);
    if (status != MR_OK) {
        close(fd);
        return status;
    }
    return push(walk, fd, names, err);
}

/* Is that directory one of those on the way down? Links and mounts can make such loops. */
static bool is_loop(const struct directory_source *walk, const struct stat *st)
{
    for (size_t i = 0; i < walk->level_count; i++)
        if (walk->levels[i].device == st->st_dev && walk->levels[i].inode == st->st_ino)
            return true;
    return false;
}

/* What stands at name: MR_OK, MR_SKIPPED for the run's own output, or an error. */
static enum mr_status look(const struct directory_source *walk, int parent, const char *name,
                           struct stat *st, struct mr_error *err)
{
    struct stat link;
    if (fstatat(parent, name, st, walk->config.follows_links ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
        int fault = errno;
        if (walk->config.follows_links && (fault == ENOENT || fault == ELOOP || fault == ENOTDIR) &&
            fstatat(parent, name, &link, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(link.st_mode))
            return mr_error_set(err, MR_E_SYSTEM, fault, "the link leads nowhere");
        if (fault == ENOENT)
            return mr_error_set(err, MR_E_CHANGED, 0, VANISHED);
        return mr_error_set(err, MR_E_SYSTEM, fault, "cannot be looked at");
    }
    return local_is_own(&walk->config, st) ? MR_SKIPPED : MR_OK;
}

/*
 * Decides whether the directory, which was given as an entry, is entered by the next call. MR_OK,
 * or the error for a loop.
 */
static enum mr_status plan_entering(struct directory_source *walk, const struct stat *st,
                                    struct mr_error *err)
{
    const struct walk_config *config = &walk->config;
    if (is_loop(walk, st))
        return mr_error_set(
            err, MR_E_SYSTEM, 0,
            "leads back to a directory that it lies in: a loop, which is not followed");
    walk->is_to_enter = !(config->stays_on_device && st->st_dev != walk->levels[0].device) &&
                        !(config->max_depth != 0 && walk->level_count >= config->max_depth) &&
                        !(config->descends && !config->descends(config->ctx, walk->path));
    walk->device = st->st_dev;
    walk->inode = st->st_ino;
    return MR_OK;
}

/*
 * The extended attributes of what can be opened; what cannot will say so when its content is read.
 */
static enum mr_status add_xattrs(int parent, const char *name, bool follows, struct mr_entry *entry,
                                 struct mr_error *err)
{
    if (entry->kind != MR_KIND_FILE && entry->kind != MR_KIND_DIRECTORY)
        return MR_OK;
    int fd = io_openat(parent, name, LOCAL_READ_FLAGS | (follows ? 0 : O_NOFOLLOW), 0);
    if (fd < 0)
        return MR_OK;
    enum mr_status status = local_read_xattrs(fd, entry, err);
    close(fd);
    return status;
}

/* Makes walk->path that of name in the directory on top. False when it is too long. */
static bool set_path(struct directory_source *walk, const struct level *top, const char *name)
{
    size_t at = top->path_bytes, name_bytes = strlen(name);
    if (at + 1 + name_bytes > PATH_TOTAL_MAX_BYTES)
        return false;
    if (at > 0)
        walk->path[at++] = '/';
    memcpy(walk->path + at, name, name_bytes + 1);
    return true;
}

/* An error that is about the directory walk->path; the root's has no path, so its text names it. */
static enum mr_status directory_failed(struct directory_source *walk, enum mr_status status,
                                       struct mr_entry *entry, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    if (walk->path[0] == '\0')
        mr_error_prefix(err, "%s", path_show(shown, sizeof(shown), walk->label));
    else if (mr_entry_set_path(entry, walk->path) != MR_OK)
        return out_of_memory(err);
    return status;
}

/* A dangling link or a loop that is excluded is no error. */
static bool is_left_out(const struct directory_source *walk)
{
    return walk->config.leaves_out && walk->config.leaves_out(walk->config.ctx, walk->path);
}

/* Fills entry from name in the directory on top. MR_SKIPPED when it is to be left out. */
static enum mr_status take(struct directory_source *walk, const char *name, struct mr_entry *entry,
                           struct mr_error *err)
{
    const struct level *top = &walk->levels[walk->level_count - 1];
    int parent = level_fd(walk, top);
    if (!set_path(walk, top, name)) {
        walk->path[top->path_bytes] = '\0';
        char shown[PATH_SHOW_BYTES];
        enum mr_status status =
            mr_error_set(err, MR_E_LIMIT, 0, "the path of %s in it is longer than %d bytes",
                         path_show(shown, sizeof(shown), name), PATH_TOTAL_MAX_BYTES);
        return directory_failed(walk, status, entry, err);
    }
    struct stat st;
    enum mr_status status = look(walk, parent, name, &st, err);
    if (status == MR_SKIPPED)
        return status;
    if (mr_status_is_error(status) && is_left_out(walk))
        return MR_SKIPPED;
    if (mr_entry_set_path(entry, walk->path) != MR_OK)
        return out_of_memory(err);
    if (status != MR_OK)
        return status;
    local_describe(entry, &st);
    if (S_ISLNK(st.st_mode))
        status = local_read_link(parent, name, entry, err);
    else if (S_ISDIR(st.st_mode))
        status = plan_entering(walk, &st, err);
    if (mr_status_is_error(status) && is_left_out(walk)) {
        mr_entry_clear(entry);
        return MR_SKIPPED;
    }
    if (status == MR_OK && walk->config.reads_xattrs)
        status = add_xattrs(parent, name, walk->config.follows_links, entry, err);
    return status;
}

/* The next name in the directory on top. MR_OK, MR_DONE, or an error. */
static enum mr_status next_name(struct directory_source *walk, const struct level *top,
                                const char **name, struct mr_error *err)
{
    if (walk->has_first) {
        walk->has_first = false;
        *name = walk->config.first_name;
        return MR_OK;
    }
    return top->names ? names_next(top->names, name, err) : MR_DONE;
}

static enum mr_status directory_next(struct mr_source *source, struct mr_entry *entry,
                                     struct mr_error *err)
{
    struct directory_source *walk = walk_of(source);
    if (walk->is_to_enter) {
        walk->is_to_enter = false;
        enum mr_status status = enter(walk, err);
        if (status != MR_OK)
            return directory_failed(walk, status, entry, err);
    }
    while (walk->level_count > 0) {
        struct level *top = &walk->levels[walk->level_count - 1];
        const char *name = NULL;
        enum mr_status status = next_name(walk, top, &name, err);
        if (status == MR_OK) {
            status = take(walk, name, entry, err);
            if (status != MR_SKIPPED)
                return status;
            continue;
        }
        if (mr_status_is_error(status)) {
            walk->path[top->path_bytes] = '\0';
            names_destroy(top->names);
            top->names = NULL;
            return directory_failed(walk, status, entry, err);
        }
        status = pop(walk, err);
        if (status != MR_OK)
            return directory_failed(walk, status, entry, err);
    }
    /* Items that are under way keep their sources: many of them must not keep many descriptors. */
    dircache_shut(walk->dirs);
    return MR_DONE;
}

static enum mr_status directory_open(struct mr_source *source, const struct mr_entry *entry,
                                     struct mr_reader **reader, struct mr_error *err)
{
    const struct directory_source *walk = walk_of(source);
    int fd = walk->config.follows_links ? below_follow(&walk->root, entry->path, LOCAL_READ_FLAGS)
                                        : dircache_open(walk->dirs, entry->path, LOCAL_READ_FLAGS);
    return local_open(fd, entry, reader, err);
}

static void directory_destroy(struct mr_source *source)
{
    struct directory_source *walk = walk_of(source);
    for (size_t i = 0; i < walk->level_count; i++) {
        names_destroy(walk->levels[i].names);
        if (walk->levels[i].fd >= 0)
            close(walk->levels[i].fd);
    }
    free(walk->levels);
    free(walk->label);
    dircache_destroy(walk->dirs);
    if (walk->root.fd >= 0)
        close(walk->root.fd);
    free(walk);
}

static enum mr_status directory_remove(struct mr_source *source, const struct mr_entry *entry,
                                       struct mr_error *err)
{
    return local_remove(below_open_parent(&walk_of(source)->root, entry->path),
                        path_base(entry->path), entry, err);
}

static const struct mr_source_ops directory_ops = {
    .kind = "directory",
    .next = directory_next,
    .open = directory_open,
    .read = local_read,
    .open_size = local_open_size,
    .update = local_update,
    .descriptor = local_descriptor,
    .remove = directory_remove,
    .close = local_close,
    .destroy = directory_destroy,
};

/* Opens and lists the root. */
static enum mr_status start(struct directory_source *walk, const char *path, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    struct stat st;
    int fd = io_open(path, LOCAL_READ_FLAGS | O_DIRECTORY, 0);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int fault = errno;
        if (fd >= 0)
            close(fd);
        return mr_error_set(err, MR_E_SYSTEM, fault, "cannot open the directory %s",
                            path_show(shown, sizeof(shown), path));
    }
    below_init(&walk->root, fd);
    walk->dirs = dircache_create(&walk->root, 0);
    if (!walk->dirs)
        return out_of_memory(err);
    walk->device = st.st_dev;
    walk->inode = st.st_ino;
    struct names *names = NULL;
    enum mr_status status = list(walk, fd, &names, err);
    if (status != MR_OK) {
        mr_error_prefix(err, "%s", path_show(shown, sizeof(shown), path));
        return status;
    }
    return push(walk, -1, names, err);
}

enum mr_status directory_source_create(const char *path, const struct walk_config *config,
                                       struct mr_source **source, struct mr_error *err)
{
    struct directory_source *new = calloc(1, sizeof(*new));
    if (!new)
        return out_of_memory(err);
    new->root.fd = -1;
    new->config = *config;
    new->open_max_count = choose_open_max();
    new->label = strdup(path);
    new->source = (struct mr_source){
        .ops = &directory_ops, .flags = MR_SOURCE_REOPENABLE, .label = new->label};
    enum mr_status status = new->label ? start(new, path, err) : out_of_memory(err);
    if (status != MR_OK) {
        directory_destroy(&new->source);
        return status;
    }
    *source = &new->source;
    return MR_OK;
}
