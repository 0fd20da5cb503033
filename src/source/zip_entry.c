#include "source/zip_entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

#include "base/path.h"

enum zip_host { /* APPNOTE.TXT 4.4.2.2 */
                HOST_DOS = 0,
                HOST_UNIX = 3,
                HOST_NTFS = 10,
                HOST_VFAT = 14,
                HOST_MACOS = 19
};

enum extra_id { /* APPNOTE.TXT 4.5.2, and proginfo/extrafld.txt of Info-ZIP */
                EXTRA_NTFS = 0x000a,
                EXTRA_TIME = 0x5455,
                EXTRA_UNIX_OLD = 0x5855,
                EXTRA_OWNER = 0x7875
};

#define DOS_DIRECTORY      0x10u
#define NTFS_EPOCH_SECONDS INT64_C(11644473600) /* from 1601 to 1970 */
#define NTFS_TICKS         INT64_C(10000000)    /* in a second */
/* deflate (RFC 1951) makes at most 258 bytes of 2 bits, zstd far more. */
#define DEFLATE_MAX_RATIO 1032

static bool is_unix(const struct zip_header *header)
{
    return header->host == HOST_UNIX || header->host == HOST_MACOS;
}

static bool is_dos(const struct zip_header *header)
{
    return header->host == HOST_DOS || header->host == HOST_NTFS || header->host == HOST_VFAT;
}

/* The bytes of the name: of the header, or of its Unicode path field when that was made for it. */
static const unsigned char *find_name(const struct zip_header *header, size_t *size_bytes,
                                      bool *is_utf8)
{
    size_t size = 0;
    const unsigned char *field =
        zip_extra_find(header->extra, header->extra_bytes, ZIP_EXTRA_PATH, &size);
    *is_utf8 = (header->flags & ZIP_FLAG_UTF8) != 0;
    *size_bytes = header->name_bytes;
    if (*is_utf8 || !field || size <= 5 || field[0] != 1 ||
        zip_get32(field + 1) != crc32(0, header->name, (uInt)header->name_bytes))
        return header->name;
    *is_utf8 = true;
    *size_bytes = size - 5;
    return field + 5;
}

static enum mr_status refuse(uint64_t index, struct mr_entry *entry, struct mr_error *err,
                             const char *reason)
{
    if (!entry->path && asprintf(&entry->path, "(member %llu)", (unsigned long long)index) < 0) {
        entry->path = NULL;
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    return mr_error_set(err, MR_E_DATA, 0, "%s", reason);
}

static enum mr_status read_name(const struct zip_header *header, uint64_t index,
                                struct mr_entry *entry, struct mr_error *err)
{
    size_t size;
    bool is_utf8;
    const unsigned char *name = find_name(header, &size, &is_utf8);
    if (size == 0)
        return refuse(index, entry, err, "damaged archive: its name is missing");
    if (memchr(name, '\0', size))
        return refuse(index, entry, err, "damaged archive: its name holds a NUL");
    char *path = malloc(size + 1); /* what is behind name need not end in a NUL */
    if (!path)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    memcpy(path, name, size);
    path[size] = '\0';
    if (is_utf8 && !path_is_utf8(path)) {
        free(path);
        return refuse(index, entry, err,
                      "its name is not in the character set that the archive claims");
    }
    /* Some writers on Windows separate with backslashes, against APPNOTE.TXT 4.4.17.1. */
    if (is_dos(header) && !memchr(path, '/', size))
        for (char *at = path; (at = strchr(at, '\\')); at++)
            *at = '/';
    entry->path = path;
    return MR_OK;
}

/* Attributes may say FIFO where there is a file with content: what is no directory or link is a
 * file. */
static enum mr_kind kind_of(const struct zip_header *header, const char *path)
{
    unsigned type = is_unix(header) ? (header->attributes >> 16) & S_IFMT : 0;
    bool has_slash = path[strlen(path) - 1] == '/';
    if (type == S_IFLNK)
        return MR_KIND_SYMLINK;
    if (type == S_IFDIR)
        return MR_KIND_DIRECTORY;
    if (has_slash)
        return type == S_IFREG && header->plain_bytes > 0 ? MR_KIND_FILE : MR_KIND_DIRECTORY;
    bool is_marked = type == 0 && (is_dos(header) || is_unix(header)) &&
                     (header->attributes & DOS_DIRECTORY) != 0 && header->plain_bytes == 0;
    return is_marked ? MR_KIND_DIRECTORY : MR_KIND_FILE;
}

/*
 * The seconds since 1970 of a local time. mktime() would look at the file of the time zone again
 * for each of very many members.
 */
static int64_t from_local(struct tm *tm)
{
    time_t wanted = timegm(tm), guess = wanted;
    for (int i = 0; i < 2; i++) { /* the second time with the offset of about the right moment */
        struct tm local;
        if (!localtime_r(&guess, &local))
            return wanted;
        guess = wanted - local.tm_gmtoff;
    }
    return guess;
}

/* MS-DOS (APPNOTE.TXT 4.4.6): local time, in steps of two seconds. */
static bool read_dos_time(uint32_t dos_time, struct mr_entry *entry)
{
    struct tm tm = {
        .tm_year = (int)(dos_time >> 25) + 80,
        .tm_mon = (int)(dos_time >> 21 & 15) - 1,
        .tm_mday = (int)(dos_time >> 16 & 31),
        .tm_hour = (int)(dos_time >> 11 & 31),
        .tm_min = (int)(dos_time >> 5 & 63),
        .tm_sec = (int)(dos_time & 31) * 2,
    };
    if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday == 0 || tm.tm_hour > 23 || tm.tm_min > 59 ||
        tm.tm_sec > 59)
        return false;
    entry->mtime_s = from_local(&tm);
    return true;
}

static bool read_ntfs_time(const unsigned char *at, size_t size_bytes, struct mr_entry *entry)
{
    size_t tag_bytes = 0;
    if (!at || size_bytes < 4)
        return false;
    const unsigned char *tag = zip_extra_find(at + 4, size_bytes - 4, 1, &tag_bytes);
    if (!tag || tag_bytes < 8 || zip_get64(tag) == 0 || zip_get64(tag) > INT64_MAX)
        return false;
    int64_t ticks = (int64_t)zip_get64(tag);
    entry->mtime_s = ticks / NTFS_TICKS - NTFS_EPOCH_SECONDS;
    entry->mtime_ns = (uint32_t)(ticks % NTFS_TICKS) * 100;
    return true;
}

/* The most exact time there is. Seconds since 1970 have 32 bits and a sign. */
static bool read_time(const struct zip_header *header, struct mr_entry *entry)
{
    size_t size = 0;
    const unsigned char *at = zip_extra_find(header->extra, header->extra_bytes, EXTRA_TIME, &size);
    if (at && size >= 5 && (at[0] & 1)) {
        entry->mtime_s = (int32_t)zip_get32(at + 1);
        return true;
    }
    at = zip_extra_find(header->extra, header->extra_bytes, EXTRA_NTFS, &size);
    if (read_ntfs_time(at, size, entry))
        return true;
    at = zip_extra_find(header->extra, header->extra_bytes, EXTRA_UNIX_OLD, &size);
    if (at && size >= 8) { /* the time of access comes first */
        entry->mtime_s = (int32_t)zip_get32(at + 4);
        return true;
    }
    return read_dos_time(header->dos_time, entry);
}

/* A number of up to 8 bytes behind a byte that says how many. False: it is cut. */
static bool take_id(const unsigned char **at, size_t *left_bytes, uint64_t *id)
{
    size_t size = *left_bytes > 0 ? **at : 0;
    if (size == 0 || size > 8 || size >= *left_bytes)
        return false;
    *id = 0;
    for (size_t i = size; i > 0; i--)
        *id = *id << 8 | (*at)[i];
    *at += 1 + size;
    *left_bytes -= 1 + size;
    return true;
}

static void read_owner(const struct zip_header *header, struct mr_entry *entry)
{
    size_t left = 0;
    const unsigned char *at =
        zip_extra_find(header->extra, header->extra_bytes, EXTRA_OWNER, &left);
    if (!at || left < 1 || *at++ != 1)
        return;
    left--;
    entry->has_owner = take_id(&at, &left, &entry->uid) && take_id(&at, &left, &entry->gid);
}

static void read_encoding(const struct zip_header *header, struct mr_entry *entry)
{
    entry->has_encoding = true;
    entry->encoding = (struct mr_encoding){
        .method = header->method == ZIP_METHOD_STORE  ? MR_METHOD_PLAIN
                  : header->method == ZIP_METHOD_ZSTD ? MR_METHOD_ZSTD
                                                      : MR_METHOD_DEFLATE,
        .has_crc = true,
        .crc = header->crc,
        .stored_bytes = header->stored_bytes,
    };
}

/* Can so many bytes be the content that is declared? */
static bool is_possible(const struct zip_header *header)
{
    int64_t stored = header->stored_bytes, plain = header->plain_bytes;
    if (header->method == ZIP_METHOD_STORE)
        return stored == plain;
    return header->method != ZIP_METHOD_DEFLATE || plain / DEFLATE_MAX_RATIO <= stored;
}

enum mr_status zip_entry_read(const struct zip_header *header, uint64_t index,
                              struct mr_entry *entry, struct mr_error *err)
{
    enum mr_status status = read_name(header, index, entry, err);
    if (status != MR_OK)
        return status;
    if (!zip_header_is_decoded(header) && !zip_header_is_encrypted(header))
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "its method %u is not supported",
                            header->method);
    uint32_t mode = is_unix(header) ? header->attributes >> 16 : 0;
    entry->place = (uint64_t)header->local_at_bytes;
    entry->kind = kind_of(header, entry->path);
    entry->mode = mode & 07777;
    entry->has_mode = mode != 0;
    entry->is_encrypted = zip_header_is_encrypted(header);
    entry->link_count = 1;
    entry->has_mtime = read_time(header, entry);
    read_owner(header, entry);
    if (entry->kind == MR_KIND_DIRECTORY && header->plain_bytes > 0)
        return refuse(index, entry, err, "damaged archive: a directory that holds content");
    if (entry->kind == MR_KIND_DIRECTORY)
        return MR_OK;
    if (!entry->is_encrypted && !is_possible(header))
        return refuse(index, entry, err, "damaged archive: its sizes do not go together");
    if (entry->kind != MR_KIND_FILE)
        return MR_OK;
    entry->size_bytes = header->plain_bytes;
    if (!entry->is_encrypted)
        read_encoding(header, entry);
    return MR_OK;
}
