#include "sink/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/io.h"

#define DIGITS "0123456789abcdef"

enum mr_status tree_failed(const struct tree *tree, const char *path, int fault, const char *what,
                           struct mr_error *err)
{
    char root[PATH_SHOW_BYTES / 2], shown[PATH_SHOW_BYTES];
    path_show(root, sizeof(root), tree->label);
    path_show(shown, sizeof(shown), path);
    size_t length = strlen(root);
    const char *slash = length > 0 && root[length - 1] == '/' ? "" : "/";
    switch (fault) {
    case ELOOP:
        return mr_error_set(err, MR_E_UNSAFE, 0,
                            "%s %s%s%s: a symbolic link is in the way and is not followed", what,
                            root, slash, shown);
    case EXDEV:
        return mr_error_set(err, MR_E_UNSAFE, 0, "%s %s%s%s: it leads out of the output directory",
                            what, root, slash, shown);
    case ENOTDIR:
        return mr_error_set(err, MR_E_EXISTS, 0,
                            "%s %s%s%s: a file stands where a directory is needed", what, root,
                            slash, shown);
    case EISDIR:
    case ENOTEMPTY:
        return mr_error_set(err, MR_E_EXISTS, 0, "%s %s%s%s: a directory stands there", what, root,
                            slash, shown);
    case EEXIST:
        return mr_error_set(err, MR_E_EXISTS, 0,
                            "%s%s%s exists already (-f overwrites, -n skips, -u updates)", root,
                            slash, shown);
    default:
        return mr_error_set(err, fault == ENOMEM ? MR_E_MEMORY : MR_E_SYSTEM, fault, "%s %s%s%s",
                            what, root, slash, shown);
    }
}

void tree_temp_name(struct tree *tree, char name[TREE_TEMP_BYTES])
{
    /*
     * splitmix64 of a random seed: never twice the same in a run, and not to be guessed from
     * outside.
     */
    uint64_t z =
        tree->seed +
        atomic_fetch_add_explicit(&tree->temp_count, 1, memory_order_relaxed) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    snprintf(name, TREE_TEMP_BYTES, "%s%0*llx%s", TREE_TEMP_PREFIX, TREE_TEMP_DIGITS,
             (unsigned long long)z, tree->shard_suffix);
}

bool tree_is_temp(const struct tree *tree, const char *name)
{
    size_t bytes = strlen(name), suffix_bytes = strlen(tree->shard_suffix);
    return tree_is_reserved(name) && bytes >= suffix_bytes &&
           strcmp(name + bytes - suffix_bytes, tree->shard_suffix) == 0;
}

bool tree_is_reserved(const char *path)
{
    const size_t prefix_bytes = sizeof(TREE_TEMP_PREFIX) - 1;
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, TREE_TEMP_PREFIX, prefix_bytes) != 0)
            continue;
        size_t bytes = strcspn(part, "/"), digits = strspn(part + prefix_bytes, DIGITS);
        const char *suffix = part + prefix_bytes + TREE_TEMP_DIGITS;
        if (digits == TREE_TEMP_DIGITS && suffix + strspn(suffix, "-0123456789") == part + bytes)
            return true;
        if (bytes == sizeof(TREE_LOCK_NAME) - 1 && memcmp(part, TREE_LOCK_NAME, bytes) == 0)
            return true;
    }
    return false;
}

static bool is_newer(const struct mr_entry *entry, const struct stat *there)
{
    if (!entry->has_mtime)
        return false;
    if (entry->mtime_s != there->st_mtim.tv_sec)
        return entry->mtime_s > there->st_mtim.tv_sec;
    return entry->mtime_ns > there->st_mtim.tv_nsec;
}

/* Did this run store it? Whatever else stands there was there before, and has not changed since. */
static bool is_of_this_run(const struct tree *tree, const struct stat *there)
{
    if (there->st_ctim.tv_sec != tree->start.tv_sec)
        return there->st_ctim.tv_sec > tree->start.tv_sec;
    return there->st_ctim.tv_nsec >= tree->start.tv_nsec;
}

bool tree_is_resumed(const struct tree *tree, int parent, const char *temp,
                     const struct mr_entry *entry, const struct stat *there)
{
    const struct mr_stored *known = entry->replaces;
    /* A hard link too: what it is one more name of may be a new file, stored once more. */
    bool is_file = entry->kind == MR_KIND_FILE || entry->kind == MR_KIND_HARDLINK;
    if (!tree->config.is_resumed || !S_ISREG(there->st_mode) || !is_file)
        return false;
    if (known && known->size_bytes == there->st_size && known->mtime_s == there->st_mtim.tv_sec &&
        known->mtime_ns == (uint32_t)there->st_mtim.tv_nsec)
        return true;
    return !temp || io_is_same_content(parent, temp, path_base(entry->path));
}

enum mr_status tree_judge(const struct tree *tree, const struct mr_entry *entry,
                          const struct stat *there, struct mr_error *err)
{
    if (!there)
        return MR_OK;
    if (entry->kind == MR_KIND_DIRECTORY) {
        if (S_ISDIR(there->st_mode))
            return MR_OK;
        return tree_failed(tree, entry->path, S_ISLNK(there->st_mode) ? ELOOP : ENOTDIR,
                           "cannot make the directory", err);
    }
    if (S_ISDIR(there->st_mode))
        return tree_failed(tree, entry->path, EISDIR, "cannot store", err);
    if (entry->replaces_earlier && is_of_this_run(tree, there))
        return MR_OK;
    /* Else it is told apart by its content, when that is known. */
    if (tree_is_resumed(tree, -1, NULL, entry, there) &&
        (entry->replaces || tree->config.existing == EXISTING_REFUSE))
        return MR_OK;
    switch (tree->config.existing) {
    case EXISTING_OVERWRITE:
        return MR_OK;
    case EXISTING_SKIP:
        return MR_SKIPPED;
    case EXISTING_UPDATE:
        return is_newer(entry, there) ? MR_OK : MR_SKIPPED;
    case EXISTING_REFUSE:
        break;
    }
    return tree_failed(tree, entry->path, EEXIST, "cannot store", err);
}

enum mr_status tree_look(const struct tree *tree, int parent, const struct mr_entry *entry,
                         struct mr_error *err)
{
    struct stat there;
    if (fstatat(parent, path_base(entry->path), &there, AT_SYMLINK_NOFOLLOW) == 0)
        return tree_judge(tree, entry, &there, err);
    return errno == ENOENT ? MR_OK : tree_failed(tree, entry->path, errno, "cannot look at", err);
}

/* Renames without replacing. Returns 0 or -1 with errno. */
static int rename_new(int parent, const char *temp, const char *name)
{
    if (renameat2(parent, temp, parent, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* A kernel or file system without it: a link refuses what is there just as well. */
    if (linkat(parent, temp, parent, name, 0) != 0)
        return -1;
    return unlinkat(parent, temp, 0);
}

/* Something stands there that the policy lets be replaced. Returns 0 or an errno. */
static int replace(const struct tree *tree, int parent, const char *temp,
                   const struct mr_entry *entry)
{
    const char *name = path_base(entry->path);
    struct stat there;
    if (!entry->replaces_earlier) {
        if (fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) != 0)
            return errno;
        if (!tree_is_resumed(tree, parent, temp, entry, &there))
            return EEXIST;
    }
    return renameat(parent, temp, parent, name) == 0 ? 0 : errno;
}

enum mr_status tree_publish(const struct tree *tree, int parent, const char *temp,
                            const struct mr_entry *entry, struct mr_error *err)
{
    const char *name = path_base(entry->path);
    bool replaces =
        tree->config.existing == EXISTING_OVERWRITE || tree->config.existing == EXISTING_UPDATE;
    int result = replaces ? renameat(parent, temp, parent, name) : rename_new(parent, temp, name);
    int fault = result == 0 ? 0 : errno;
    enum mr_status status = fault == EEXIST ? tree_look(tree, parent, entry, err) : MR_OK;
    if (fault == EEXIST && status == MR_OK)
        fault = replace(tree, parent, temp, entry);
    if (fault == 0)
        return MR_OK;
    unlinkat(parent, temp, 0);
    return status != MR_OK ? status : tree_failed(tree, entry->path, fault, "cannot store", err);
}

static bool is_refused(int fault)
{
    return fault == EPERM || fault == ENOTSUP || fault == EINVAL || fault == EACCES;
}

static enum mr_status set_owner(struct tree *tree, int fd, const struct mr_entry *entry,
                                struct mr_error *err)
{
    if (fchown(fd, (uid_t)entry->uid, (gid_t)entry->gid) == 0)
        return MR_OK;
    if (!is_refused(errno))
        return tree_failed(tree, entry->path, errno, "cannot set the owner of", err);
    atomic_fetch_add_explicit(&tree->lost_owner_count, 1, memory_order_relaxed);
    return MR_OK;
}

/* An archive may give what users give each other, but no capabilities, labels or access lists:
 * those grant rights, as the set-id bits do. */
static bool may_set(const struct tree *tree, const char *name)
{
    return !tree->config.is_untrusted || tree->config.allows_unsafe ||
           strncmp(name, "user.", 5) == 0;
}

/* What cannot be set here, or may not, is counted, once for the entry, and told at the end. */
static enum mr_status set_xattrs(struct tree *tree, int fd, const struct mr_entry *entry,
                                 struct mr_error *err)
{
    bool is_lost = false;
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct mr_xattr *xattr = &entry->xattrs[i];
        const void *value = xattr->value ? xattr->value : "";
        bool is_allowed = may_set(tree, xattr->name);
        if (is_allowed && fsetxattr(fd, xattr->name, value, xattr->value_bytes, 0) == 0)
            continue;
        if (is_allowed && !is_refused(errno) && errno != ERANGE && errno != E2BIG)
            return tree_failed(tree, entry->path, errno, "cannot set the extended attributes of",
                               err);
        is_lost = true;
    }
    if (is_lost)
        atomic_fetch_add_explicit(&tree->lost_xattr_count, 1, memory_order_relaxed);
    return MR_OK;
}

static bool keeps_mode_of(const struct tree *tree, const struct mr_entry *entry)
{
    return tree->config.preserve & PRESERVE_MODE && entry->has_mode;
}

mode_t tree_mode_of(const struct tree *tree, const struct mr_entry *entry)
{
    return keeps_mode_of(tree, entry) ? (mode_t)entry->mode & 0777u : 0666u & ~tree->umask_bits;
}

enum mr_status tree_set_metadata(struct tree *tree, int fd, const struct mr_entry *entry,
                                 bool has_mode, struct mr_error *err)
{
    unsigned preserve = tree->config.preserve;
    enum mr_status status = MR_OK;
    if (preserve & PRESERVE_OWNER && entry->has_owner)
        status = set_owner(tree, fd, entry, err);
    if (status == MR_OK && preserve & PRESERVE_XATTR)
        status = set_xattrs(tree, fd, entry, err);
    if (status != MR_OK)
        return status;
    bool keeps_mode = keeps_mode_of(tree, entry);
    mode_t mode = tree_mode_of(tree, entry);
    struct stat st;
    /* What a directory took over from the one that it lies in is not the entry's to take away. */
    if (keeps_mode && entry->kind == MR_KIND_DIRECTORY && fstat(fd, &st) == 0) {
        mode |= st.st_mode & S_ISGID;
        has_mode = mode == (st.st_mode & 07777);
    }
    if (!has_mode && (keeps_mode || entry->kind == MR_KIND_FILE) && fchmod(fd, mode) != 0)
        return tree_failed(tree, entry->path, errno, "cannot set the mode of", err);
    if (preserve & PRESERVE_MTIME && entry->has_mtime) {
        const struct timespec times[2] = {
            {.tv_nsec = UTIME_OMIT},
            {.tv_sec = (time_t)entry->mtime_s, .tv_nsec = (long)entry->mtime_ns}};
        if (futimens(fd, times) != 0)
            return tree_failed(tree, entry->path, errno, "cannot set the time of", err);
    }
    return MR_OK;
}
