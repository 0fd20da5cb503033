#include "sink/archive_header.h"

/*
 * libarchive's restricted pax format writes an extended header only for what needs one, and does
 * not count fractions of a second as a need; when there is one, they are in it. A symlink type is
 * such a need; one that it does not know puts nothing else into the header.
 */
#define FORCES_EXTENSION 3

static void set_mtime(struct archive_entry *member, const struct mr_entry *entry,
                      const struct archive_ability *ability, struct archive_losses *losses)
{
    int64_t seconds = entry->has_mtime ? entry->mtime_s : 0;
    uint32_t ns = entry->has_mtime ? entry->mtime_ns : 0;
    uint32_t kept_ns = ns - ns % ability->mtime_unit_ns;
    if (seconds < ability->mtime_min_s || seconds > ability->mtime_max_s) {
        seconds = seconds < ability->mtime_min_s ? ability->mtime_min_s : ability->mtime_max_s;
        kept_ns = 0;
        losses->time_count++;
    } else if (kept_ns != ns) {
        losses->fraction_count++;
    }
    archive_entry_set_mtime(member, seconds, (long)kept_ns);
    if (kept_ns > 0 && ability->mtime_unit_ns == 1)
        archive_entry_set_symlink_type(member, FORCES_EXTENSION);
}

static void set_owner(struct archive_entry *member, const struct mr_entry *entry,
                      const struct archive_ability *ability, struct archive_losses *losses)
{
    if (!ability->has_owners || ((entry->uname || entry->gname) && !ability->has_owner_names))
        losses->owner_count++;
    if (!ability->has_owners)
        return;
    archive_entry_set_uid(member, (la_int64_t)entry->uid);
    archive_entry_set_gid(member, (la_int64_t)entry->gid);
    archive_entry_copy_uname(member, entry->uname);
    archive_entry_copy_gname(member, entry->gname);
}

static void set_xattrs(struct archive_entry *member, const struct mr_entry *entry,
                       const struct archive_ability *ability, struct archive_losses *losses)
{
    if (entry->xattr_count > 0 && !ability->has_xattrs)
        losses->xattr_count++;
    if (!ability->has_xattrs)
        return;
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct mr_xattr *xattr = &entry->xattrs[i];
        archive_entry_xattr_add_entry(member, xattr->name, xattr->value ? xattr->value : "",
                                      xattr->value_bytes);
    }
}

static void set_kind(struct archive_entry *member, const struct mr_entry *entry, int64_t size_bytes)
{
    switch (entry->kind) {
    case MR_KIND_DIRECTORY:
        archive_entry_set_filetype(member, AE_IFDIR);
        break;
    case MR_KIND_SYMLINK:
        archive_entry_set_filetype(member, AE_IFLNK);
        archive_entry_copy_symlink(member, entry->target);
        break;
    case MR_KIND_HARDLINK:
        archive_entry_set_filetype(member, AE_IFREG);
        archive_entry_copy_hardlink(member, entry->target);
        break;
    case MR_KIND_FILE:
    case MR_KIND_OTHER:
        archive_entry_set_filetype(member, AE_IFREG);
        break;
    }
    archive_entry_set_size(member, entry->kind == MR_KIND_FILE ? size_bytes : 0);
    archive_entry_set_perm(member, archive_items_mode(entry));
}

void archive_header_fill(struct archive_entry *member, const struct mr_entry *entry,
                         int64_t size_bytes, bool has_owner, const struct archive_ability *ability,
                         struct archive_losses *losses)
{
    archive_entry_clear(member);
    archive_entry_copy_pathname(member, entry->path);
    set_kind(member, entry, size_bytes);
    set_mtime(member, entry, ability, losses);
    archive_entry_set_uid(member, 0);
    archive_entry_set_gid(member, 0);
    if (has_owner)
        set_owner(member, entry, ability, losses);
    set_xattrs(member, entry, ability, losses);
    archive_entry_set_nlink(member, 1);
}
