#include "source/archive_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE            UINT32_MAX /* the length of a text that is not there */
#define XATTR_MAX_COUNT 4096

struct fixed_entry {
    int64_t size_bytes, mtime_s;
    uint64_t uid, gid;
    uint32_t kind, mode, mtime_ns;
    uint8_t has_mode, has_mtime, has_owner, is_encrypted;
    uint32_t path_bytes, target_bytes, uname_bytes, gname_bytes;
    uint32_t xattr_count, zero;
};

struct fixed_xattr {
    uint32_t name_bytes, value_bytes;
};

struct fixed_error {
    uint32_t status;
    int32_t sys_errno;
    uint32_t text_bytes, path_bytes;
};

void wire_fini(struct wire *wire)
{
    free(wire->bytes);
    *wire = (struct wire){0};
}

/* ---- writing ---- */

static bool add(struct wire *wire, const void *data, size_t size_bytes)
{
    if (size_bytes > wire->cap_bytes - wire->size_bytes) {
        size_t cap_bytes = 2 * (wire->size_bytes + size_bytes);
        unsigned char *grown = realloc(wire->bytes, cap_bytes);
        if (!grown)
            return false;
        wire->bytes = grown;
        wire->cap_bytes = cap_bytes;
    }
    if (size_bytes > 0)
        memcpy(wire->bytes + wire->size_bytes, data, size_bytes);
    wire->size_bytes += size_bytes;
    return true;
}

static uint32_t length_of(const char *text)
{
    size_t length = text ? strlen(text) : NONE;
    return length < NONE ? (uint32_t)length : NONE;
}

static bool add_text(struct wire *wire, const char *text, uint32_t length)
{
    return length == NONE || add(wire, text, length);
}

bool wire_write_entry(struct wire *wire, const struct mr_entry *entry)
{
    const struct fixed_entry fixed = {
        .size_bytes = entry->size_bytes,
        .mtime_s = entry->mtime_s,
        .uid = entry->uid,
        .gid = entry->gid,
        .kind = entry->kind,
        .mode = entry->mode,
        .mtime_ns = entry->mtime_ns,
        .has_mode = entry->has_mode,
        .has_mtime = entry->has_mtime,
        .has_owner = entry->has_owner,
        .is_encrypted = entry->is_encrypted,
        .path_bytes = length_of(entry->path),
        .target_bytes = length_of(entry->target),
        .uname_bytes = length_of(entry->uname),
        .gname_bytes = length_of(entry->gname),
        .xattr_count =
            entry->xattr_count < XATTR_MAX_COUNT ? (uint32_t)entry->xattr_count : XATTR_MAX_COUNT,
    };
    wire->size_bytes = 0;
    bool is_done = add(wire, &fixed, sizeof(fixed)) &&
                   add_text(wire, entry->path, fixed.path_bytes) &&
                   add_text(wire, entry->target, fixed.target_bytes) &&
                   add_text(wire, entry->uname, fixed.uname_bytes) &&
                   add_text(wire, entry->gname, fixed.gname_bytes);
    for (uint32_t i = 0; is_done && i < fixed.xattr_count; i++) {
        const struct mr_xattr *xattr = &entry->xattrs[i];
        size_t value_bytes = xattr->value_bytes < NONE ? xattr->value_bytes : 0;
        const struct fixed_xattr sizes = {length_of(xattr->name), (uint32_t)value_bytes};
        is_done = add(wire, &sizes, sizeof(sizes)) &&
                  add_text(wire, xattr->name, sizes.name_bytes) &&
                  add(wire, xattr->value, value_bytes);
    }
    return is_done;
}

bool wire_write_error(struct wire *wire, const struct mr_error *error, const struct mr_entry *entry)
{
    const char *path = entry ? entry->path : NULL;
    const struct fixed_error fixed = {
        .status = error->status,
        .sys_errno = error->sys_errno,
        .text_bytes = length_of(error->text),
        .path_bytes = length_of(path),
    };
    wire->size_bytes = 0;
    return add(wire, &fixed, sizeof(fixed)) && add_text(wire, error->text, fixed.text_bytes) &&
           add_text(wire, path, fixed.path_bytes);
}

/* ---- reading ---- */

struct cursor {
    const unsigned char *at;
    size_t left_bytes;
};

static bool take(struct cursor *cursor, void *to, size_t size_bytes)
{
    if (size_bytes > cursor->left_bytes)
        return false;
    memcpy(to, cursor->at, size_bytes);
    cursor->at += size_bytes;
    cursor->left_bytes -= size_bytes;
    return true;
}

/* A text without NUL, the caller's to free; *text stays NULL when there is none. */
static bool take_text(struct cursor *cursor, uint32_t length, char **text)
{
    errno = EBADMSG;
    if (length == NONE)
        return true;
    if (length > cursor->left_bytes || memchr(cursor->at, '\0', length))
        return false;
    char *made = malloc((size_t)length + 1);
    if (!made)
        return false; /* with ENOMEM */
    take(cursor, made, length);
    made[length] = '\0';
    *text = made;
    return true;
}

static bool take_xattr(struct cursor *cursor, struct mr_xattr *xattr)
{
    struct fixed_xattr sizes;
    if (!take(cursor, &sizes, sizeof(sizes)) || sizes.name_bytes == NONE ||
        !take_text(cursor, sizes.name_bytes, &xattr->name) ||
        sizes.value_bytes > cursor->left_bytes)
        return false;
    if (sizes.value_bytes == 0)
        return true;
    xattr->value = malloc(sizes.value_bytes);
    xattr->value_bytes = xattr->value ? sizes.value_bytes : 0;
    return xattr->value && take(cursor, xattr->value, sizes.value_bytes);
}

static bool take_xattrs(struct cursor *cursor, uint32_t count, struct mr_entry *entry)
{
    if (count > XATTR_MAX_COUNT || count > cursor->left_bytes / sizeof(struct fixed_xattr))
        return false;
    if (count == 0)
        return true;
    entry->xattrs = calloc(count, sizeof(*entry->xattrs));
    if (!entry->xattrs)
        return false;
    while (entry->xattr_count < count) /* counted first: what is half there is cleared too */
        if (!take_xattr(cursor, &entry->xattrs[entry->xattr_count++]))
            return false;
    return true;
}

static bool is_sound(const struct fixed_entry *fixed)
{
    const uint8_t flags[] = {fixed->has_mode, fixed->has_mtime, fixed->has_owner,
                             fixed->is_encrypted};
    for (size_t i = 0; i < sizeof(flags); i++)
        if (flags[i] > 1)
            return false;
    bool is_link = fixed->kind == MR_KIND_SYMLINK || fixed->kind == MR_KIND_HARDLINK;
    bool has_target = fixed->target_bytes != NONE;
    return fixed->kind <= MR_KIND_OTHER && fixed->mode <= 07777 && fixed->mtime_ns <= 999999999 &&
           fixed->size_bytes >= MR_SIZE_UNKNOWN && fixed->path_bytes != NONE &&
           (is_link ? has_target || fixed->is_encrypted : !has_target);
}

bool wire_read_entry(const unsigned char *bytes, size_t size_bytes, struct mr_entry *entry)
{
    struct cursor cursor = {bytes, size_bytes};
    struct fixed_entry fixed;
    errno = EBADMSG;
    if (!take(&cursor, &fixed, sizeof(fixed)) || !is_sound(&fixed))
        return false;
    entry->kind = (enum mr_kind)fixed.kind;
    entry->mode = fixed.mode;
    entry->has_mode = fixed.has_mode;
    entry->has_mtime = fixed.has_mtime;
    entry->has_owner = fixed.has_owner;
    entry->is_encrypted = fixed.is_encrypted;
    entry->mtime_s = fixed.mtime_s;
    entry->mtime_ns = fixed.mtime_ns;
    entry->size_bytes = fixed.size_bytes;
    entry->uid = fixed.uid;
    entry->gid = fixed.gid;
    entry->link_count = 1;
    return take_text(&cursor, fixed.path_bytes, &entry->path) &&
           take_text(&cursor, fixed.target_bytes, &entry->target) &&
           take_text(&cursor, fixed.uname_bytes, &entry->uname) &&
           take_text(&cursor, fixed.gname_bytes, &entry->gname) &&
           take_xattrs(&cursor, fixed.xattr_count, entry) && cursor.left_bytes == 0;
}

bool wire_read_error(const unsigned char *bytes, size_t size_bytes, struct mr_error *error,
                     struct mr_entry *entry)
{
    struct cursor cursor = {bytes, size_bytes};
    struct fixed_error fixed;
    char *text = NULL;
    errno = EBADMSG;
    if (!take(&cursor, &fixed, sizeof(fixed)) || fixed.status > MR_E_STEP ||
        !mr_status_is_error((enum mr_status)fixed.status) || fixed.text_bytes == 0 ||
        fixed.text_bytes >= sizeof(error->text) || !take_text(&cursor, fixed.text_bytes, &text))
        return false;
    *error =
        (struct mr_error){.status = (enum mr_status)fixed.status, .sys_errno = fixed.sys_errno};
    for (size_t i = 0; text[i]; i++)
        error->text[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
    free(text);
    return take_text(&cursor, fixed.path_bytes, &entry->path) && cursor.left_bytes == 0;
}
