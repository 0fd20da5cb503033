#include "millrace/entry.h"

#include <stdlib.h>
#include <string.h>

static void clear_xattrs(struct mr_entry *entry)
{
    for (size_t i = 0; i < entry->xattr_count; i++) {
        free(entry->xattrs[i].name);
        free(entry->xattrs[i].value);
    }
    free(entry->xattrs);
}

void mr_entry_clear(struct mr_entry *entry)
{
    if (!entry)
        return;
    free(entry->path);
    free(entry->target);
    free(entry->uname);
    free(entry->gname);
    clear_xattrs(entry);
    memset(entry, 0, sizeof(*entry));
}

/* Copies a string that may be NULL. False when out of memory. */
static bool copy_text(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

static bool copy_xattrs(struct mr_entry *to, const struct mr_entry *from)
{
    if (from->xattr_count == 0)
        return true;
    to->xattrs = calloc(from->xattr_count, sizeof(*to->xattrs));
    if (!to->xattrs)
        return false;
    to->xattr_count = from->xattr_count;
    for (size_t i = 0; i < from->xattr_count; i++) {
        const struct mr_xattr *source = &from->xattrs[i];
        struct mr_xattr *copy = &to->xattrs[i];
        if (!copy_text(&copy->name, source->name))
            return false;
        if (source->value_bytes == 0)
            continue;
        copy->value = malloc(source->value_bytes);
        if (!copy->value)
            return false;
        memcpy(copy->value, source->value, source->value_bytes);
        copy->value_bytes = source->value_bytes;
    }
    return true;
}

enum mr_status mr_entry_copy(struct mr_entry *to, const struct mr_entry *from)
{
    *to = *from;
    to->output_path = NULL;
    to->path = to->target = to->uname = to->gname = NULL;
    to->xattrs = NULL;
    to->xattr_count = 0;
    if (copy_text(&to->path, from->path) && copy_text(&to->target, from->target) &&
        copy_text(&to->uname, from->uname) && copy_text(&to->gname, from->gname) &&
        copy_xattrs(to, from))
        return MR_OK;
    mr_entry_clear(to);
    return MR_E_MEMORY;
}

static enum mr_status replace_text(char **text, const char *by)
{
    char *copy;
    if (!copy_text(&copy, by))
        return MR_E_MEMORY;
    free(*text);
    *text = copy;
    return MR_OK;
}

enum mr_status mr_entry_set_path(struct mr_entry *entry, const char *path)
{
    return replace_text(&entry->path, path);
}

enum mr_status mr_entry_set_target(struct mr_entry *entry, const char *target)
{
    return replace_text(&entry->target, target);
}
