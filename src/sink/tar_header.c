#include "sink/tar_header.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "sink/archive_items.h"

/* A block of POSIX.1-1988 (ustar). Numbers are octal digits and a space; those of 8 bytes have a
 * zero behind it. */
struct header {
    char name[100];
    char mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
    char type, target[100];
    char magic[8];
    char uname[32], gname[32];
    char device_major[8], device_minor[8];
    char prefix[155], unused[12];
};
static_assert(sizeof(struct header) == TAR_BLOCK_BYTES, "a block");

/* With its '/' the name of a directory still fits into header.name. */
#define NAME_MOST_BYTES   99
#define TARGET_MOST_BYTES 100
#define OWNER_MOST_BYTES  31
#define ID_END            (1 << 18)
#define SIZE_END          (INT64_C(1) << 33)
#define MTIME_END         0x7fffffff
/* "PaxHeader/" is put into the name, and libarchive makes long ones shorter. */
#define NAME_OF_EXTENSION_MOST_BYTES 80
#define EXTENSION_DIRECTORY          "PaxHeader/"

/* Has text at most that many bytes, all of them ASCII? */
static bool is_short(const char *text, size_t most_bytes)
{
    size_t length = 0;
    while (text[length] && (unsigned char)text[length] < 0x80 && length < most_bytes)
        length++;
    return text[length] == '\0';
}

static bool is_name_plain(const struct mr_entry *entry)
{
    const char *path = entry->path;
    if (!*path)
        return false;
    if (!entry->has_mtime || entry->mtime_ns == 0)
        return is_short(path, NAME_MOST_BYTES);
    /* Of a name that ends in "/" or "/." libarchive takes off what is too much. */
    char last = path[strlen(path) - 1];
    return is_short(path, NAME_OF_EXTENSION_MOST_BYTES) && last != '/' && last != '.';
}

static bool is_owner_plain(const struct mr_entry *entry)
{
    return entry->uid < ID_END && entry->gid < ID_END &&
           (!entry->uname || is_short(entry->uname, OWNER_MOST_BYTES)) &&
           (!entry->gname || is_short(entry->gname, OWNER_MOST_BYTES));
}

/*
 * Would libarchive put nothing but the basic header, and the time when it has a fraction, into the
 * archive? (archive_write_pax_header() decides it.) Where its versions differ, or what it does is
 * intricate, the answer is no: libarchive then does it itself.
 */
static bool is_plain(const struct mr_entry *entry, int64_t size_bytes, bool has_owner)
{
    bool is_link = entry->kind == MR_KIND_SYMLINK || entry->kind == MR_KIND_HARDLINK;
    return is_name_plain(entry) && size_bytes < SIZE_END && entry->xattr_count == 0 &&
           (!is_link || (*entry->target && is_short(entry->target, TARGET_MOST_BYTES))) &&
           (!entry->has_mtime || (entry->mtime_s >= 0 && entry->mtime_s < MTIME_END)) &&
           (!has_owner || is_owner_plain(entry));
}

static void put_number(char *field, size_t digit_count, uint64_t value)
{
    field[digit_count] = ' ';
    for (size_t i = digit_count; i > 0; i--) {
        field[i - 1] = (char)('0' + (value & 7));
        value >>= 3;
    }
}

/* The text is known to fit; without a zero when it fills the field. */
static void put_text(char *field, const char *text)
{
    memcpy(field, text, strlen(text));
}

static char type_of(enum mr_kind kind)
{
    switch (kind) {
    case MR_KIND_HARDLINK:
        return '1';
    case MR_KIND_SYMLINK:
        return '2';
    case MR_KIND_DIRECTORY:
        return '5';
    case MR_KIND_FILE:
    case MR_KIND_OTHER:
        break;
    }
    return '0';
}

/* What an item's header and that of its extension have alike. */
static void put_common(struct header *header, const struct mr_entry *entry, uint32_t mode,
                       int64_t size_bytes, bool has_owner)
{
    memset(header, 0, sizeof(*header));
    put_number(header->mode, 6, mode);
    put_number(header->uid, 6, has_owner ? entry->uid : 0);
    put_number(header->gid, 6, has_owner ? entry->gid : 0);
    put_number(header->size, 11, (uint64_t)size_bytes);
    put_number(header->mtime, 11, entry->has_mtime ? (uint64_t)entry->mtime_s : 0);
    memcpy(header->magic,
           "ustar\0"
           "00",
           sizeof(header->magic));
    if (has_owner && entry->uname)
        put_text(header->uname, entry->uname);
    if (has_owner && entry->gname)
        put_text(header->gname, entry->gname);
    put_number(header->device_major, 6, 0);
    put_number(header->device_minor, 6, 0);
}

static void put_checksum(struct header *header)
{
    memset(header->checksum, ' ', sizeof(header->checksum));
    const unsigned char *bytes = (const unsigned char *)header;
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof(*header); i++)
        sum += bytes[i];
    put_number(header->checksum, 6, sum);
    header->checksum[6] = '\0';
    header->checksum[7] = ' ';
}

static void put_item(struct header *header, const struct mr_entry *entry, int64_t size_bytes,
                     bool has_owner)
{
    put_common(header, entry, archive_items_mode(entry), size_bytes, has_owner);
    size_t length = strlen(entry->path);
    memcpy(header->name, entry->path, length);
    if (entry->kind == MR_KIND_DIRECTORY && entry->path[length - 1] != '/')
        header->name[length] = '/';
    header->type = type_of(entry->kind);
    if (header->type == '1' || header->type == '2')
        put_text(header->target, entry->target);
    put_checksum(header);
}

/* The time with its fraction, in two blocks: "LENGTH mtime=SECONDS.FRACTION", a line. */
static void put_extension(struct header *header, char *body, const struct mr_entry *entry,
                          bool has_owner)
{
    char text[40];
    int length = snprintf(text, sizeof(text), "%lld.%09u", (long long)entry->mtime_s,
                          (unsigned)entry->mtime_ns);
    while (text[length - 1] == '0')
        text[--length] = '\0';
    /* The length counts itself: always two digits here. */
    int size_bytes = length + (int)sizeof("NN mtime=\n") - 1;
    memset(body, 0, TAR_BLOCK_BYTES);
    snprintf(body, TAR_BLOCK_BYTES, "%d mtime=%s\n", size_bytes, text);
    put_common(header, entry, archive_items_mode(entry) & 0777, size_bytes, has_owner);
    const char *slash = strrchr(entry->path, '/');
    size_t before = slash ? (size_t)(slash + 1 - entry->path) : 0;
    memcpy(header->name, entry->path, before);
    put_text(header->name + before, EXTENSION_DIRECTORY);
    put_text(header->name + before + sizeof(EXTENSION_DIRECTORY) - 1, entry->path + before);
    header->type = 'x';
    put_checksum(header);
}

size_t tar_header_make(const struct mr_entry *entry, int64_t size_bytes, bool has_owner,
                       unsigned char room[TAR_HEADER_MOST_BYTES])
{
    if (!is_plain(entry, size_bytes, has_owner))
        return 0;
    size_t used = 0;
    if (entry->has_mtime && entry->mtime_ns > 0) {
        put_extension((struct header *)room, (char *)room + TAR_BLOCK_BYTES, entry, has_owner);
        used = 2 * (size_t)TAR_BLOCK_BYTES;
    }
    put_item((struct header *)(room + used), entry, size_bytes, has_owner);
    return used + TAR_BLOCK_BYTES;
}
