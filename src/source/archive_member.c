#include "source/archive_member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HELD_MAX_COUNT 4096

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* What libarchive can give: the bytes as they are, or else UTF-8 that it makes. NULL: the name
 * cannot be had. */
static const char *text_of(struct archive_entry *member,
                           const char *(*bytes)(struct archive_entry *member),
                           const char *(*utf8)(struct archive_entry *member))
{
    const char *text = bytes(member);
    return text ? text : utf8(member);
}

/* zip: attributes may say FIFO where there is a file with content; everything that is no directory
 * or link is one. */
static enum mr_kind kind_of(struct archive_entry *member, int format, const char *path)
{
    size_t length = path ? strlen(path) : 0;
    switch (archive_entry_filetype(member)) {
    case AE_IFREG:
        return MR_KIND_FILE;
    case AE_IFDIR:
        return MR_KIND_DIRECTORY;
    case AE_IFLNK:
        return MR_KIND_SYMLINK;
    case 0:
        return length > 0 && path[length - 1] == '/' ? MR_KIND_DIRECTORY : MR_KIND_FILE;
    default:
        return format == ARCHIVE_FORMAT_ZIP ? MR_KIND_FILE : MR_KIND_OTHER;
    }
}

static bool read_xattrs(struct archive_entry *member, struct mr_entry *entry)
{
    int count = archive_entry_xattr_reset(member);
    if (count <= 0)
        return true;
    entry->xattrs = calloc((size_t)count, sizeof(*entry->xattrs));
    if (!entry->xattrs)
        return false;
    const char *name;
    const void *value;
    size_t value_bytes;
    while (entry->xattr_count < (size_t)count &&
           archive_entry_xattr_next(member, &name, &value, &value_bytes) == ARCHIVE_OK) {
        if (!name)
            continue;
        struct mr_xattr *xattr = &entry->xattrs[entry->xattr_count];
        xattr->name = strdup(name);
        if (!xattr->name)
            return false;
        entry->xattr_count++;
        if (!value || value_bytes == 0)
            continue;
        xattr->value = malloc(value_bytes);
        if (!xattr->value)
            return false;
        memcpy(xattr->value, value, value_bytes);
        xattr->value_bytes = value_bytes;
    }
    return true;
}

static bool read_owner(struct archive_entry *member, struct mr_entry *entry)
{
    int64_t uid = archive_entry_uid(member), gid = archive_entry_gid(member);
    entry->has_owner = uid >= 0 && gid >= 0;
    if (!entry->has_owner)
        return true;
    entry->uid = (uint64_t)uid;
    entry->gid = (uint64_t)gid;
    const char *uname = archive_entry_uname(member), *gname = archive_entry_gname(member);
    entry->uname = uname && *uname ? strdup(uname) : NULL;
    entry->gname = gname && *gname ? strdup(gname) : NULL;
    return (entry->uname || !uname || !*uname) && (entry->gname || !gname || !*gname);
}

static void read_numbers(struct archive_entry *member, int format, struct mr_entry *entry)
{
    int family = format & ARCHIVE_FORMAT_BASE_MASK;
    entry->mode = (uint32_t)archive_entry_perm(member) & 07777;
    /* Where no mode is stored libarchive says 0; tar and cpio always store one. */
    entry->has_mode =
        entry->mode != 0 || family == ARCHIVE_FORMAT_TAR || family == ARCHIVE_FORMAT_CPIO;
    if (archive_entry_mtime_is_set(member)) {
        long ns = archive_entry_mtime_nsec(member);
        entry->has_mtime = true;
        entry->mtime_s = archive_entry_mtime(member);
        entry->mtime_ns = ns >= 0 && ns <= 999999999 ? (uint32_t)ns : 0;
    }
    entry->size_bytes = 0;
    if (entry->kind == MR_KIND_FILE)
        entry->size_bytes =
            archive_entry_size_is_set(member) ? archive_entry_size(member) : MR_SIZE_UNKNOWN;
    entry->is_encrypted = archive_entry_is_encrypted(member) != 0;
    entry->link_count = 1;
}

static enum mr_status refuse(struct mr_entry *entry, uint64_t index, struct mr_error *err,
                             const char *reason)
{
    if (!entry->path && asprintf(&entry->path, "(member %llu)", (unsigned long long)index) < 0) {
        entry->path = NULL;
        return no_memory(err);
    }
    return mr_error_set(err, MR_E_DATA, 0, "%s", reason);
}

enum mr_status archive_member_read(struct archive_entry *member, int format, uint64_t index,
                                   struct mr_entry *entry, struct mr_error *err)
{
    const char *path = text_of(member, archive_entry_pathname, archive_entry_pathname_utf8);
    if (!path)
        return refuse(entry, index, err,
                      "its name is missing or not in the character set that the archive claims");
    const char *hardlink = text_of(member, archive_entry_hardlink, archive_entry_hardlink_utf8);
    const char *symlink = text_of(member, archive_entry_symlink, archive_entry_symlink_utf8);
    entry->kind = kind_of(member, format, path);
    bool has_content = archive_entry_size_is_set(member) && archive_entry_size(member) > 0;
    if (hardlink && !has_content)
        entry->kind = MR_KIND_HARDLINK; /* with content it is a file all the same */
    read_numbers(member, format, entry);
    entry->path = strdup(path);
    if (!entry->path || !read_owner(member, entry) || !read_xattrs(member, entry))
        return no_memory(err);
    if (entry->size_bytes < MR_SIZE_UNKNOWN)
        return refuse(entry, index, err, "damaged archive: its size is negative");
    const char *target = entry->kind == MR_KIND_HARDLINK  ? hardlink
                         : entry->kind == MR_KIND_SYMLINK ? symlink
                                                          : NULL;
    if (target && !(entry->target = strdup(target)))
        return no_memory(err);
    if (entry->kind == MR_KIND_SYMLINK && !target && !entry->is_encrypted)
        return refuse(entry, index, err,
                      "damaged archive: the target of this symbolic link cannot be read");
    return MR_OK;
}

struct held_link {
    struct held_link *next;
    struct mr_entry entry;
    uint64_t device;
    int64_t inode;
    bool is_ready;
};

bool archive_member_is_top(const struct mr_entry *entry)
{
    return entry->kind == MR_KIND_DIRECTORY && entry->path[0] == '.' &&
           strspn(entry->path, "./") == strlen(entry->path) && !strstr(entry->path, "..");
}

void archive_links_init(struct archive_links *links)
{
    *links = (struct archive_links){NULL, &links->first, 0, 0};
}

void archive_links_fini(struct archive_links *links)
{
    while (links->first) {
        struct held_link *link = links->first;
        links->first = link->next;
        mr_entry_clear(&link->entry);
        free(link);
    }
    archive_links_init(links);
}

bool archive_links_hold(struct archive_links *links, struct archive_entry *member,
                        struct mr_entry *entry)
{
    bool is_candidate = archive_entry_filetype(member) == AE_IFREG &&
                        archive_entry_nlink(member) > 1 && archive_entry_size(member) == 0 &&
                        links->held_count < HELD_MAX_COUNT;
    if (!is_candidate)
        return false;
    uint64_t device = archive_entry_dev(member);
    int64_t inode = archive_entry_ino64(member);
    if (entry->kind ==
        MR_KIND_HARDLINK) { /* to a name that had its content, unless that one is held as well */
        struct held_link *held = links->first;
        while (held && (held->is_ready || held->device != device || held->inode != inode))
            held = held->next;
        if (!held)
            return false;
    }
    struct held_link *link = malloc(sizeof(*link));
    if (!link)
        return false;
    *link = (struct held_link){NULL, *entry, device, inode, false};
    memset(entry, 0, sizeof(*entry));
    *links->last = link;
    links->last = &link->next;
    links->held_count++;
    return true;
}

static bool make_ready(struct archive_links *links, uint64_t device, int64_t inode,
                       const char *target)
{
    for (struct held_link *link = links->first; link; link = link->next) {
        if (link->is_ready || link->device != device || link->inode != inode)
            continue;
        if (mr_entry_set_target(&link->entry, target) != MR_OK)
            return false;
        link->entry.kind = MR_KIND_HARDLINK;
        link->is_ready = true;
        links->ready_count++;
    }
    return true;
}

bool archive_links_resolve(struct archive_links *links, struct archive_entry *member,
                           struct mr_entry *entry)
{
    if (links->held_count == links->ready_count)
        return true;
    return make_ready(links, archive_entry_dev(member), archive_entry_ino64(member), entry->path);
}

bool archive_links_pop(struct archive_links *links, bool is_all, struct mr_entry *entry)
{
    if (links->ready_count == 0 && (!is_all || links->held_count == 0))
        return false;
    struct held_link **at = &links->first;
    while (links->ready_count > 0 && !(*at)->is_ready)
        at = &(*at)->next;
    struct held_link *link = *at;
    *at = link->next;
    if (links->last == &link->next)
        links->last = at;
    links->held_count--;
    if (link->is_ready) {
        links->ready_count--;
    } else { /* no content came: an empty file with several names */
        link->entry.kind = MR_KIND_FILE;
        mr_entry_set_target(&link->entry, NULL);
        make_ready(links, link->device, link->inode, link->entry.path);
    }
    *entry = link->entry;
    free(link);
    return true;
}
