#include "sink/archive_items.h"

#include <stdio.h>
#include <string.h>

#include "base/path.h"

enum mr_status archive_items_check(const struct mr_entry *entry, const char *format,
                                   bool has_hardlinks, struct mr_error *err)
{
    if (entry->kind == MR_KIND_OTHER)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "is no file, directory or link");
    if (entry->kind == MR_KIND_HARDLINK && !has_hardlinks)
        return mr_error_set(
            err, MR_E_UNSUPPORTED, 0,
            "is a hard link, which %s output cannot hold (tar can; from a directory, "
            "--preserve without links stores copies)",
            format);
    bool is_link = entry->kind == MR_KIND_HARDLINK || entry->kind == MR_KIND_SYMLINK;
    if (is_link && !entry->target)
        return mr_error_set(err, MR_E_USAGE, 0, "an archive needs the target of a link");
    return MR_OK;
}

uint32_t archive_items_mode(const struct mr_entry *entry)
{
    if (entry->has_mode)
        return entry->mode & 07777;
    if (entry->kind == MR_KIND_DIRECTORY)
        return 0755;
    return entry->kind == MR_KIND_SYMLINK ? 0777 : 0644;
}

enum mr_status archive_items_cut_short(struct mr_error *err)
{
    return mr_error_set(err, MR_E_DATA, 0,
                        "nothing can be added to the archive after an item was cut short");
}

enum mr_status archive_items_not_complete(const char *label, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_DATA, 0,
                        "%s: the archive is not complete, because an item failed in the middle",
                        path_show(shown, sizeof(shown), label));
}

static void add_loss(char *text, size_t cap_bytes, uint64_t count, const char *what)
{
    size_t used = strlen(text);
    if (count > 0 && used < cap_bytes)
        snprintf(text + used, cap_bytes - used, "%s of %llu item%s\n", what,
                 (unsigned long long)count, count == 1 ? "" : "s");
}

void archive_losses_tell(const struct archive_losses *losses, char *text, size_t cap_bytes)
{
    add_loss(text, cap_bytes, losses->xattr_count, "extended attributes");
    add_loss(text, cap_bytes, losses->owner_count, "the owner");
    add_loss(text, cap_bytes, losses->fraction_count, "fractions of a second of the time");
    add_loss(text, cap_bytes, losses->time_count, "the time (out of the format's range)");
    char other[160];
    snprintf(other, sizeof(other), "details (%s)", losses->other_text);
    add_loss(text, cap_bytes, losses->other_count, other);
}
