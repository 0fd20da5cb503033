#include "sink/zip_records.h"

#include <string.h>
#include <time.h>

#define SIGNATURE_LOCAL         0x04034b50u
#define SIGNATURE_DESCRIPTOR    0x08074b50u
#define SIGNATURE_CENTRAL       0x02014b50u
#define SIGNATURE_END           0x06054b50u
#define SIGNATURE_ZIP64_END     0x06064b50u
#define SIGNATURE_ZIP64_LOCATOR 0x07064b50u

#define EXTRA_ZIP64 0x0001
#define EXTRA_TIME  0x5455 /* Info-ZIP: "UT" */
#define EXTRA_OWNER 0x7875 /* Info-ZIP: "ux" */

#define FLAG_STREAMED 0x0008u
#define FLAG_UTF8     0x0800u

#define MADE_BY_UNIX 0x0300u
#define MARK_16      0xffffu /* the real value stands in a zip64 record */
#define MARK_32      0xffffffffu

#define DOS_TIME_MIN ((uint32_t)(1 << 5 | 1) << 16) /* 1980-01-01 */
#define DOS_TIME_MAX ((uint32_t)(127 << 9 | 12 << 5 | 31) << 16 | 23 << 11 | 59 << 5 | 29)

static unsigned char *put_16(unsigned char *to, unsigned value)
{
    to[0] = (unsigned char)value;
    to[1] = (unsigned char)(value >> 8);
    return to + 2;
}

static unsigned char *put_32(unsigned char *to, uint32_t value)
{
    return put_16(put_16(to, value & 0xffff), value >> 16);
}

static unsigned char *put_64(unsigned char *to, uint64_t value)
{
    return put_32(put_32(to, (uint32_t)value), (uint32_t)(value >> 32));
}

/* A value that is the mark itself has to stand in the zip64 record too. */
static bool is_huge(uint64_t value)
{
    return value >= MARK_32;
}

static uint32_t cut_32(uint64_t value)
{
    return is_huge(value) ? MARK_32 : (uint32_t)value;
}

uint32_t zip_dos_time(int64_t seconds, bool is_utc)
{
    time_t when = (time_t)seconds;
    struct tm tm;
    if (!(is_utc ? gmtime_r(&when, &tm) : localtime_r(&when, &tm)))
        return seconds < 0 ? DOS_TIME_MIN : DOS_TIME_MAX;
    if (tm.tm_year < 80)
        return DOS_TIME_MIN;
    if (tm.tm_year > 207)
        return DOS_TIME_MAX;
    unsigned second = tm.tm_sec > 59 ? 59 : (unsigned)tm.tm_sec;
    unsigned date =
        (unsigned)(tm.tm_year - 80) << 9 | (unsigned)(tm.tm_mon + 1) << 5 | (unsigned)tm.tm_mday;
    unsigned time = (unsigned)tm.tm_hour << 11 | (unsigned)tm.tm_min << 5 | second / 2;
    return (uint32_t)date << 16 | time;
}

/* Are the sizes of the local header, or of the descriptor, those of zip64? */
static bool has_huge_sizes(const struct zip_member *member)
{
    if (member->is_streamed)
        return member->may_be_huge;
    return is_huge(member->stored_bytes) || is_huge(member->plain_bytes);
}

/* What a reader must know (4.4.3); the same in both headers. */
static unsigned version_needed(const struct zip_member *member)
{
    if (member->method == ZIP_METHOD_ZSTD)
        return 63;
    return has_huge_sizes(member) || is_huge(member->offset_bytes) ? 45 : 20;
}

static unsigned flags(const struct zip_member *member)
{
    return (member->is_streamed ? FLAG_STREAMED : 0) | (member->is_utf8 ? FLAG_UTF8 : 0);
}

/* From the version to the date, which both headers have alike. */
static unsigned char *put_common(const struct zip_member *member, unsigned char *to)
{
    to = put_16(to, version_needed(member));
    to = put_16(to, flags(member));
    to = put_16(to, member->method);
    return put_32(to, member->dos_time);
}

static unsigned char *put_name(const struct zip_member *member, unsigned char *to)
{
    memcpy(to, member->name, member->name_bytes);
    to += member->name_bytes;
    if (member->has_slash)
        *to++ = '/';
    return to;
}

/* The extra fields that both headers have alike. */
static unsigned char *put_metadata(const struct zip_member *member, unsigned char *to)
{
    if (member->has_mtime && !member->is_bare) {
        to = put_16(put_16(to, EXTRA_TIME), 5);
        *to++ = 1; /* the time of modification, and no other */
        to = put_32(to, (uint32_t)member->mtime_s);
    }
    if (member->has_owner && !member->is_bare) {
        to = put_16(put_16(to, EXTRA_OWNER), 11);
        *to++ = 1; /* version */
        *to++ = 4;
        to = put_32(to, member->uid);
        *to++ = 4;
        to = put_32(to, member->gid);
    }
    return to;
}

size_t zip_put_local(const struct zip_member *member, unsigned char *to)
{
    bool is_known = !member->is_streamed, has_zip64 = has_huge_sizes(member);
    unsigned char *at = put_common(member, put_32(to, SIGNATURE_LOCAL));
    at = put_32(at, is_known ? member->crc : 0);
    at = put_32(at, has_zip64 ? MARK_32 : is_known ? (uint32_t)member->stored_bytes : 0);
    at = put_32(at, has_zip64 ? MARK_32 : is_known ? (uint32_t)member->plain_bytes : 0);
    at = put_16(at, (unsigned)member->name_bytes + member->has_slash);
    unsigned char *extra_bytes = at;
    unsigned char *extra = put_name(member, at + 2);
    at = extra;
    if (has_zip64) { /* in a local header both sizes, always (4.5.3) */
        at = put_16(put_16(at, EXTRA_ZIP64), 16);
        at = put_64(at, is_known ? member->plain_bytes : 0);
        at = put_64(at, is_known ? member->stored_bytes : 0);
    }
    at = put_metadata(member, at);
    put_16(extra_bytes, (unsigned)(at - extra));
    return (size_t)(at - to);
}

size_t zip_put_descriptor(const struct zip_member *member, unsigned char *to)
{
    unsigned char *at = put_32(put_32(to, SIGNATURE_DESCRIPTOR), member->crc);
    if (has_huge_sizes(member)) {
        at = put_64(put_64(at, member->stored_bytes), member->plain_bytes);
    } else {
        at = put_32(at, (uint32_t)member->stored_bytes);
        at = put_32(at, (uint32_t)member->plain_bytes);
    }
    return (size_t)(at - to);
}

/* In the central directory just what does not fit, in this order (4.5.3). */
static unsigned char *put_zip64(const struct zip_member *member, unsigned char *to)
{
    const uint64_t values[] = {member->plain_bytes, member->stored_bytes, member->offset_bytes};
    unsigned char *at = to + 4;
    for (size_t i = 0; i < 3; i++)
        if (is_huge(values[i]))
            at = put_64(at, values[i]);
    if (at == to + 4)
        return to;
    put_16(put_16(to, EXTRA_ZIP64), (unsigned)(at - to - 4));
    return at;
}

size_t zip_put_central(const struct zip_member *member, unsigned char *to)
{
    unsigned char *at = put_32(to, SIGNATURE_CENTRAL);
    at = put_16(at, MADE_BY_UNIX | version_needed(member));
    at = put_common(member, at);
    at = put_32(at, member->crc);
    at = put_32(at, cut_32(member->stored_bytes));
    at = put_32(at, cut_32(member->plain_bytes));
    at = put_16(at, (unsigned)member->name_bytes + member->has_slash);
    unsigned char *extra_bytes = at;
    at = put_16(at + 2, 0); /* length of the comment */
    at = put_16(at, 0);     /* number of the disk */
    at = put_16(at, 0);     /* internal attributes */
    at = put_32(at, member->attributes);
    at = put_32(at, cut_32(member->offset_bytes));
    unsigned char *extra = put_name(member, at);
    at = put_metadata(member, put_zip64(member, extra));
    put_16(extra_bytes, (unsigned)(at - extra));
    return (size_t)(at - to);
}

static unsigned char *put_zip64_end(const struct zip_directory *directory, unsigned char *to)
{
    unsigned char *at = put_32(to, SIGNATURE_ZIP64_END);
    at = put_64(at, 44); /* bytes of this record that follow */
    at = put_16(at, MADE_BY_UNIX | 45);
    at = put_16(at, 45);
    at = put_32(put_32(at, 0), 0); /* this disk, and the directory's */
    at = put_64(at, directory->member_count);
    at = put_64(at, directory->member_count);
    at = put_64(at, directory->size_bytes);
    at = put_64(at, directory->offset_bytes);
    at = put_32(put_32(at, SIGNATURE_ZIP64_LOCATOR), 0);
    at = put_64(at, directory->offset_bytes + directory->size_bytes);
    return put_32(at, 1); /* disks in all */
}

size_t zip_put_end(const struct zip_directory *directory, unsigned char *to)
{
    bool has_many = directory->member_count >= MARK_16;
    unsigned count = has_many ? MARK_16 : (unsigned)directory->member_count;
    unsigned char *at = to;
    if (has_many || is_huge(directory->size_bytes) || is_huge(directory->offset_bytes))
        at = put_zip64_end(directory, at);
    at = put_32(at, SIGNATURE_END);
    at = put_16(put_16(at, 0), 0); /* this disk, and the directory's */
    at = put_16(put_16(at, count), count);
    at = put_32(at, cut_32(directory->size_bytes));
    at = put_32(at, cut_32(directory->offset_bytes));
    at = put_16(at, 0); /* length of the comment */
    return (size_t)(at - to);
}
