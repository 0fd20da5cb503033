/* wire.c - an item in a message: how it gets in and out. */
#include "operation/wire.h"

#include <stdlib.h>
#include <string.h>

static bool put_bytes(struct wire_request *request, char *texts, size_t cap_bytes, const void *data,
                      size_t bytes)
{
    size_t at = request->texts_bytes;
    if (bytes > cap_bytes - at)
        return false;
    if (bytes > 0)
        memcpy(texts + at, data, bytes);
    request->texts_bytes = (uint32_t)(at + bytes);
    return true;
}

static bool put_text(struct wire_request *request, char *texts, size_t cap_bytes, const char *text)
{
    return put_bytes(request, texts, cap_bytes, text, strlen(text) + 1);
}

static bool put_xattr(struct wire_request *request, char *texts, size_t cap_bytes,
                      const struct mr_xattr *xattr)
{
    uint32_t value_bytes = (uint32_t)xattr->value_bytes;
    return value_bytes == xattr->value_bytes && put_text(request, texts, cap_bytes, xattr->name) &&
           put_bytes(request, texts, cap_bytes, &value_bytes, sizeof(value_bytes)) &&
           put_bytes(request, texts, cap_bytes, xattr->value, value_bytes);
}

bool wire_put_entry(struct wire_request *request, char *texts, size_t cap_bytes,
                    const struct mr_entry *entry)
{
    const char *const said[WIRE_ENTRY_TEXTS] = {entry->path, entry->target, entry->uname,
                                                entry->gname, entry->output_path};
    for (unsigned i = 0; i < WIRE_ENTRY_TEXTS; i++) {
        if (!said[i])
            continue;
        request->texts |= 1u << i;
        if (!put_text(request, texts, cap_bytes, said[i]))
            return false;
    }
    for (size_t i = 0; i < entry->xattr_count; i++)
        if (!put_xattr(request, texts, cap_bytes, &entry->xattrs[i]))
            return false;
    request->starts = true;
    request->entry = *entry;
    request->entry.path = request->entry.target = request->entry.uname = request->entry.gname =
        NULL;
    request->entry.output_path = NULL;
    request->entry.replaces = NULL;
    request->entry.xattrs = NULL;
    return true;
}

size_t wire_entry_bytes(const struct mr_entry *entry)
{
    const char *const said[WIRE_ENTRY_TEXTS] = {entry->path, entry->target, entry->uname,
                                                entry->gname, entry->output_path};
    size_t bytes = 0;
    for (unsigned i = 0; i < WIRE_ENTRY_TEXTS; i++)
        bytes += said[i] ? strlen(said[i]) + 1 : 0;
    for (size_t i = 0; i < entry->xattr_count && bytes <= UINT32_MAX; i++)
        bytes +=
            strlen(entry->xattrs[i].name) + 1 + sizeof(uint32_t) + entry->xattrs[i].value_bytes;
    return bytes <= UINT32_MAX ? bytes : SIZE_MAX;
}

/* Takes bytes at *at and moves it behind them; NULL: there are not so many. */
static char *take_bytes(char **at, const char *end, size_t bytes)
{
    char *data = *at;
    if (bytes > (size_t)(end - data))
        return NULL;
    *at = data + bytes;
    return data;
}

static char *take_text(char **at, const char *end)
{
    size_t length = strnlen(*at, (size_t)(end - *at));
    return take_bytes(at, end, length + 1);
}

static bool take_xattr(char **at, const char *end, struct mr_xattr *xattr)
{
    uint32_t value_bytes;
    xattr->name = take_text(at, end);
    const char *size = xattr->name ? take_bytes(at, end, sizeof(value_bytes)) : NULL;
    if (!size)
        return false;
    memcpy(&value_bytes, size, sizeof(value_bytes));
    char *value = take_bytes(at, end, value_bytes);
    xattr->value = value_bytes > 0 ? value : NULL;
    xattr->value_bytes = value_bytes;
    return value != NULL;
}

static bool take_xattrs(char **at, const char *end, struct mr_entry *entry,
                        struct mr_xattr **xattrs)
{
    size_t count = entry->xattr_count;
    entry->xattrs = NULL;
    if (count == 0)
        return true;
    if (count > (size_t)(end - *at))
        return false;
    struct mr_xattr *larger = realloc(*xattrs, count * sizeof(**xattrs));
    if (!larger)
        return false;
    *xattrs = entry->xattrs = larger;
    for (size_t i = 0; i < count; i++)
        if (!take_xattr(at, end, &larger[i]))
            return false;
    return true;
}

bool wire_take_entry(const struct wire_request *request, char *texts, struct mr_entry *entry,
                     struct mr_xattr **xattrs)
{
    char *said[WIRE_ENTRY_TEXTS] = {NULL};
    char *at = texts;
    const char *end = texts + request->texts_bytes;
    for (unsigned i = 0; i < WIRE_ENTRY_TEXTS; i++)
        if ((request->texts & (1u << i)) && !(said[i] = take_text(&at, end)))
            return false;
    *entry = request->entry;
    entry->path = said[0];
    entry->target = said[1];
    entry->uname = said[2];
    entry->gname = said[3];
    entry->output_path = said[4];
    return take_xattrs(&at, end, entry, xattrs);
}
