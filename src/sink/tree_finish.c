/*
 * What a directory sink does last, in this order: hard links, symbolic links, a look whether one of
 * those leads outside, and the times and modes of directories, which everything before would have
 * changed.
 */
#include "sink/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nameset.h"

#define REPLACING_MEMORY_BYTES (1u << 20)

struct problems {
    void (*on_problem)(void *ctx, const char *path, const struct mr_error *problem);
    void *ctx;
};

static void tell(const struct problems *problems, const char *path, const struct mr_error *problem)
{
    if (problems->on_problem)
        problems->on_problem(problems->ctx, path, problem);
}

/* The regular file below the root that a hard link is to be one more name of. -1 with *err. */
static int open_target(const struct tree *tree, const struct mr_entry *entry, struct stat *st,
                       struct mr_error *err)
{
    int fd = below_open(&tree->root, entry->target, O_PATH, 0);
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), entry->target);
    if (fd < 0 && errno == ENOENT)
        mr_error_set(err, MR_E_DATA, 0, "the file that it is a hard link to was not stored: %s",
                     shown);
    else if (fd < 0 || fstat(fd, st) != 0)
        tree_failed(tree, entry->target, errno, "cannot link to", err);
    else if (!S_ISREG(st->st_mode))
        mr_error_set(err, MR_E_UNSAFE, 0, "a hard link to what is no regular file is not made: %s",
                     shown);
    else
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/*
 * Makes the hard link under a temporary name and checks that it is the file that was opened: the
 * name of the target may have been given to something else meanwhile.
 */
static enum mr_status link_temp(struct tree *tree, const struct mr_entry *entry, int parent,
                                char temp[TREE_TEMP_BYTES], struct mr_error *err)
{
    struct stat target, made;
    int fd = open_target(tree, entry, &target, err);
    if (fd < 0)
        return err->status;
    close(fd);
    int target_parent = below_open_parent(&tree->root, entry->target);
    if (target_parent < 0)
        return tree_failed(tree, entry->target, errno, "cannot link to", err);
    tree_temp_name(tree, temp);
    int result = linkat(target_parent, path_base(entry->target), parent, temp, 0);
    int fault = errno;
    close(target_parent);
    if (result != 0)
        return tree_failed(tree, entry->path, fault, "cannot make the hard link", err);
    fault = fstatat(parent, temp, &made, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
    if (fault == 0 && made.st_dev == target.st_dev && made.st_ino == target.st_ino)
        return MR_OK;
    unlinkat(parent, temp, 0);
    if (fault != 0)
        return tree_failed(tree, entry->path, fault, "cannot look at the hard link", err);
    return mr_error_set(err, MR_E_CHANGED, 0, "the file to link to was replaced meanwhile");
}

static enum mr_status symlink_temp(struct tree *tree, const struct mr_entry *entry, int parent,
                                   char temp[TREE_TEMP_BYTES], struct mr_error *err)
{
    tree_temp_name(tree, temp);
    if (symlinkat(entry->target, parent, temp) != 0)
        return tree_failed(tree, entry->path, errno, "cannot make the link", err);
    unsigned preserve = tree->config.preserve;
    if (preserve & PRESERVE_OWNER && entry->has_owner &&
        fchownat(parent, temp, (uid_t)entry->uid, (gid_t)entry->gid, AT_SYMLINK_NOFOLLOW) != 0)
        atomic_fetch_add_explicit(&tree->lost_owner_count, 1, memory_order_relaxed);
    if (!(preserve & PRESERVE_MTIME) || !entry->has_mtime)
        return MR_OK;
    const struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = (time_t)entry->mtime_s, .tv_nsec = (long)entry->mtime_ns}};
    if (utimensat(parent, temp, times, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOTSUP)
        return MR_OK;
    int fault = errno;
    unlinkat(parent, temp, 0);
    return tree_failed(tree, entry->path, fault, "cannot set the time of the link", err);
}

/* Links are not to lead outside. */
static bool is_guarded(const struct tree *tree)
{
    return tree->config.is_untrusted && !tree->config.allows_unsafe;
}

/* Did the earlier run that this one goes on with make just this link? */
static bool is_made_already(const struct tree *tree, int parent, const struct mr_entry *entry)
{
    const char *name = path_base(entry->path);
    struct stat there, target;
    if (!tree->config.is_resumed || fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    if (entry->kind == MR_KIND_SYMLINK) {
        char text[PATH_MAX + 1];
        ssize_t length = readlinkat(parent, name, text, sizeof(text));
        return length >= 0 && strncmp(text, entry->target, (size_t)length) == 0 &&
               entry->target[length] == '\0';
    }
    struct mr_error ignored;
    int fd = open_target(tree, entry, &target, &ignored);
    if (fd < 0)
        return false;
    close(fd);
    return target.st_dev == there.st_dev && target.st_ino == there.st_ino;
}

static enum mr_status make_link(struct tree *tree, const struct mr_entry *entry,
                                struct mr_error *err)
{
    int parent = below_make_parent(&tree->root, entry->path);
    if (parent < 0)
        return tree_failed(tree, entry->path, errno, "cannot make the directory for", err);
    char temp[TREE_TEMP_BYTES];
    bool is_made = is_made_already(tree, parent, entry);
    enum mr_status status = is_made ? MR_OK : tree_look(tree, parent, entry, err);
    if (status == MR_OK && !is_made)
        status = entry->kind == MR_KIND_HARDLINK ? link_temp(tree, entry, parent, temp, err)
                                                 : symlink_temp(tree, entry, parent, temp, err);
    if (status == MR_OK && !is_made) {
        status = tree_publish(tree, parent, temp, entry, err);
        /* rename() does nothing when both names are the same file already. */
        if (status == MR_OK && entry->kind == MR_KIND_HARDLINK)
            unlinkat(parent, temp, 0);
    }
    close(parent);
    if (status == MR_OK && entry->kind == MR_KIND_SYMLINK && is_guarded(tree)) {
        status = tree->made ? MR_OK : later_create(&tree->made, err);
        return status != MR_OK ? status : later_add(tree->made, entry, err);
    }
    return status == MR_SKIPPED ? MR_OK : status;
}

/* How many bytes of target its last ".." ends after, of those that come behind a name; 0: none. */
static size_t climb_of(const char *target)
{
    size_t climb_bytes = 0;
    bool has_name = false;
    for (const char *part = target; *part; part += strspn(part, "/")) {
        size_t bytes = strcspn(part, "/");
        bool is_up = bytes == 2 && memcmp(part, "..", 2) == 0;
        bool is_here = bytes == 0 || (bytes == 1 && *part == '.');
        part += bytes;
        if (is_up && has_name)
            climb_bytes = (size_t)(part - target);
        has_name = has_name || !(is_up || is_here);
    }
    return climb_bytes;
}

/*
 * A link whose ".." all come first cannot leave the root by itself: it starts in a real directory,
 * and what it goes through then is inside or a link that was checked too. Behind a name ".." must
 * find real directories, which stay; a later run may let links lead elsewhere.
 */
static bool climbs_safely(const struct tree *tree, const struct mr_entry *entry)
{
    size_t climb_bytes = climb_of(entry->target);
    char *path = NULL;
    if (climb_bytes == 0)
        return true;
    if (asprintf(&path, "%.*s%.*s", (int)(path_base(entry->path) - entry->path), entry->path,
                 (int)climb_bytes, entry->target) < 0)
        return false;
    bool is_real = below_resolve_real(&tree->root, path) == 0;
    free(path);
    return is_real;
}

/*
 * Two links that stay inside by their text can lead outside together ("d" -> ".", "e" ->
 * "d/d/../.."), so each is followed once all are there, and removed when it leaves the root, or
 * could once others are made or replaced.
 */
static enum mr_status check_link(struct tree *tree, const struct mr_entry *entry,
                                 struct mr_error *err)
{
    bool is_inside = below_resolve(&tree->root, entry->path) == 0 || errno != EXDEV;
    if (is_inside && climbs_safely(tree, entry))
        return MR_OK;
    int parent = below_open_parent(&tree->root, entry->path);
    struct stat st;
    const char *name = path_base(entry->path);
    if (parent >= 0 && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
        unlinkat(parent, name, 0);
    if (parent >= 0)
        close(parent);
    return mr_error_set(err, MR_E_UNSAFE, 0,
                        is_inside
                            ? "its '..' leads back out of what is no real directory here: removed"
                            : "together with other links it leads out of the output "
                              "directory: removed");
}

/* Other shards, which may still have to write into it, cannot if this process is no root. */
static bool stays_open(const struct tree *tree, const struct mr_entry *entry)
{
    return tree->config.shard_count > 0 && geteuid() != 0 &&
           tree->config.preserve & PRESERVE_MODE && entry->has_mode && (entry->mode & 0700) != 0700;
}

static bool is_restrictive(const struct tree *tree, const struct mr_entry *entry)
{
    return !stays_open(tree, entry) && tree->config.preserve & PRESERVE_MODE && entry->has_mode &&
           (entry->mode & 0700) != 0700;
}

static unsigned depth_of(const char *path)
{
    unsigned depth = 1;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
        depth++;
    return depth;
}

static enum mr_status set_directory(struct tree *tree, const struct mr_entry *entry, bool is_shared,
                                    struct mr_error *err)
{
    int fd = below_open(&tree->root, entry->path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 && is_shared && errno == ENOENT)
        return MR_OK; /* the other shard makes it, and what is in it, later */
    if (fd < 0)
        return tree_failed(tree, entry->path, errno, "cannot set time and mode of the directory",
                           err);
    struct mr_entry set = *entry;
    if (stays_open(tree, entry)) {
        set.mode |= 0700;
        tree->open_mode_count++;
    }
    enum mr_status status = tree_set_metadata(tree, fd, &set, false, err);
    close(fd);
    return status;
}

/* What one pass over the list is about. */
enum pass { PASS_HARDLINKS, PASS_SYMLINKS, PASS_CHECK, PASS_DIRECTORIES, PASS_RESTRICTIVE };

struct pass_state {
    struct nameset *replacing; /* names that replaced an earlier item; NULL: none */
    unsigned depth;            /* PASS_RESTRICTIVE: directories of this depth */
    bool is_shared;            /* the list is of directories that other shards make */
    unsigned depth_next;       /* the deepest of the restrictive ones above it; 0: none */
};

/* Notes the names of all items that took the place of an earlier one. */
static enum mr_status note_replacing(struct tree *tree, struct nameset **replacing,
                                     struct mr_error *err)
{
    enum mr_status status = nameset_create(REPLACING_MEMORY_BYTES, replacing, err);
    later_seek(tree->later, 0);
    while (status == MR_OK) {
        struct mr_entry entry = {0};
        bool was_there;
        status = later_next(tree->later, &entry, err);
        if (status == MR_OK && entry.replaces_earlier)
            status = nameset_add(*replacing, entry.path, &was_there, err);
        mr_entry_clear(&entry);
    }
    return status == MR_DONE ? MR_OK : status;
}

/* Does an item that came after the link, which was read last, have its place? *is_replaced tells.
 */
static enum mr_status find_replacing(struct tree *tree, struct nameset *replacing,
                                     const struct mr_entry *link, bool *is_replaced,
                                     struct mr_error *err)
{
    *is_replaced = false;
    bool is_candidate = false;
    enum mr_status status =
        replacing ? nameset_has(replacing, link->path, &is_candidate, err) : MR_OK;
    if (status != MR_OK || !is_candidate)
        return status;
    int64_t position = later_tell(tree->later);
    while (status == MR_OK && !*is_replaced) {
        struct mr_entry entry = {0};
        status = later_next(tree->later, &entry, err);
        *is_replaced =
            status == MR_OK && entry.replaces_earlier && strcmp(entry.path, link->path) == 0;
        mr_entry_clear(&entry);
    }
    later_seek(tree->later, position);
    return status == MR_DONE ? MR_OK : status;
}

/* Makes the link, unless a later item has its place. */
static enum mr_status settle_link(struct tree *tree, const struct pass_state *state,
                                  const struct mr_entry *entry, struct mr_error *err)
{
    bool is_replaced;
    enum mr_status status = find_replacing(tree, state->replacing, entry, &is_replaced, err);
    return status != MR_OK || is_replaced ? status : make_link(tree, entry, err);
}

static enum mr_status do_one(struct tree *tree, enum pass pass, struct pass_state *state,
                             const struct mr_entry *entry, struct mr_error *err)
{
    switch (pass) {
    case PASS_HARDLINKS:
        return entry->kind == MR_KIND_HARDLINK ? settle_link(tree, state, entry, err) : MR_OK;
    case PASS_SYMLINKS:
        return entry->kind == MR_KIND_SYMLINK ? settle_link(tree, state, entry, err) : MR_OK;
    case PASS_CHECK:
        return check_link(tree, entry, err);
    case PASS_DIRECTORIES:
    case PASS_RESTRICTIVE:
        break;
    }
    if (entry->kind != MR_KIND_DIRECTORY)
        return MR_OK;
    if (!is_restrictive(tree, entry))
        return pass == PASS_DIRECTORIES ? set_directory(tree, entry, state->is_shared, err) : MR_OK;
    unsigned depth = depth_of(entry->path);
    if (depth < state->depth && depth > state->depth_next)
        state->depth_next = depth;
    return pass == PASS_RESTRICTIVE && depth == state->depth
               ? set_directory(tree, entry, state->is_shared, err)
               : MR_OK;
}

/*
 * Goes over the whole list; the problems of single entries are told. MR_OK, or the list cannot be
 * read.
 */
static enum mr_status run_pass(struct tree *tree, enum pass pass, struct pass_state *state,
                               const struct problems *problems, struct mr_error *err)
{
    struct later *list = pass == PASS_CHECK ? tree->made
                         : state->is_shared ? tree->shared
                                            : tree->later;
    later_seek(list, 0);
    for (;;) {
        struct mr_entry entry = {0};
        enum mr_status status = later_next(list, &entry, err);
        struct mr_error problem = {0};
        struct mr_stored replaced; /* the list may be read on meanwhile */
        if (entry.replaces) {
            replaced = *entry.replaces;
            entry.replaces = &replaced;
        }
        if (status == MR_OK && do_one(tree, pass, state, &entry, &problem) != MR_OK &&
            !state->is_shared) /* else it is the other shard's to tell */
            tell(problems, entry.path, &problem);
        mr_entry_clear(&entry);
        if (status != MR_OK)
            return status == MR_DONE ? MR_OK : status;
    }
}

/*
 * One pass over all directories: those of this run, and those of other shards. MR_OK, or a list
 * cannot be read.
 */
static enum mr_status pass_directories(struct tree *tree, enum pass pass, struct pass_state *state,
                                       const struct problems *problems, struct mr_error *err)
{
    enum mr_status status = run_pass(tree, pass, state, problems, err);
    state->is_shared = true;
    if (status == MR_OK && tree->shared)
        status = run_pass(tree, pass, state, problems, err);
    state->is_shared = false;
    return status;
}

/*
 * Directories that their owner may not enter or read come after all others, the deepest first, one
 * pass for each depth: they would shut out what lies in them.
 */
static enum mr_status finish_directories(struct tree *tree, const struct problems *problems,
                                         struct mr_error *err)
{
    struct pass_state state = {.depth = UINT32_MAX};
    enum mr_status status = pass_directories(tree, PASS_DIRECTORIES, &state, problems, err);
    while (status == MR_OK && state.depth_next > 0) {
        state = (struct pass_state){.depth = state.depth_next};
        status = pass_directories(tree, PASS_RESTRICTIVE, &state, problems, err);
    }
    return status;
}

/* Hard links before symbolic ones, so that none is made to a link. */
static enum mr_status finish_links(struct tree *tree, const struct problems *problems,
                                   struct mr_error *err)
{
    bool has_hardlinks = later_count(tree->later, MR_KIND_HARDLINK) > 0;
    bool has_symlinks = later_count(tree->later, MR_KIND_SYMLINK) > 0;
    struct pass_state state = {0};
    enum mr_status status = MR_OK;
    if ((has_hardlinks || has_symlinks) && atomic_load(&tree->has_replaced))
        status = note_replacing(tree, &state.replacing, err);
    if (status == MR_OK && has_hardlinks)
        status = run_pass(tree, PASS_HARDLINKS, &state, problems, err);
    if (status == MR_OK && has_symlinks)
        status = run_pass(tree, PASS_SYMLINKS, &state, problems, err);
    nameset_destroy(state.replacing);
    if (status == MR_OK && tree->made)
        status = run_pass(tree, PASS_CHECK, &state, problems, err);
    return status;
}

enum mr_status tree_finish(struct mr_sink *sink,
                           void (*on_problem)(void *ctx, const char *path,
                                              const struct mr_error *problem),
                           void *ctx, struct mr_error *err)
{
    struct tree *tree = (struct tree *)sink;
    const struct problems problems = {.on_problem = on_problem, .ctx = ctx};
    enum mr_status status = finish_links(tree, &problems, err);
    if (status == MR_OK && (tree->shared || later_count(tree->later, MR_KIND_DIRECTORY) > 0))
        status = finish_directories(tree, &problems, err);
    return status == MR_OK ? tree_sync_all(tree, err) : status;
}
