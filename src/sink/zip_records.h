/*
 * zip_records.h - the records of a ZIP archive (PKWARE APPNOTE.TXT 6.3.10, sections 4.3 to 4.5), as
 * they are written. Nothing here keeps anything or fails; any thread.
 */
#ifndef MR_SINK_ZIP_RECORDS_H
#define MR_SINK_ZIP_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of compression methods (4.4.5). */
#define ZIP_METHOD_STORE   0
#define ZIP_METHOD_DEFLATE 8
#define ZIP_METHOD_ZSTD    93

#define ZIP_NAME_MAX_BYTES 65535 /* its length has 16 bits */

/* The most that each record takes besides the name. */
#define ZIP_LOCAL_MAX_BYTES      (30 + 20 + 9 + 15)
#define ZIP_CENTRAL_MAX_BYTES    (46 + 28 + 9 + 15)
#define ZIP_DESCRIPTOR_MAX_BYTES 24
#define ZIP_END_MAX_BYTES        (56 + 20 + 22)

/* What is said of one member, in its local header and in the central directory. */
struct zip_member {
    const char *name; /* borrowed; any bytes but NUL */
    size_t name_bytes;
    bool has_slash; /* a '/' follows the name (a directory); at most ZIP_NAME_MAX_BYTES together */
    bool is_utf8;   /* the name has characters beyond ASCII, in UTF-8 */
    bool is_streamed; /* sizes and CRC are not in the local header but behind the content */
    bool may_be_huge; /* streamed, and a size may get to be 4 GiB or more */
    bool is_bare;     /* no extra fields (where the sizes need none) */
    uint16_t method;
    uint32_t dos_time;   /* zip_dos_time() */
    uint32_t attributes; /* external: st_mode << 16, and DOS attributes */
    bool has_mtime;
    int32_t mtime_s; /* seconds since 1970 */
    bool has_owner;
    uint32_t uid, gid;
    uint32_t crc; /* of the plain content */
    uint64_t stored_bytes, plain_bytes;
    uint64_t offset_bytes; /* of the local header in the archive */
};

/* A date and a time of day, with a unit of two seconds (4.4.6). UTC, or the time zone of the
 * process. What lies outside 1980..2107 becomes the first or the last that there is. */
uint32_t zip_dos_time(int64_t seconds, bool is_utc);

/*
 * Each writes its record to `to` and returns how many bytes it has. The room: the maximum above,
 * and for headers the name with its slash.
 */
size_t zip_put_local(const struct zip_member *member, unsigned char *to);
size_t zip_put_descriptor(const struct zip_member *member, unsigned char *to);
size_t zip_put_central(const struct zip_member *member, unsigned char *to);

/* The central directory as a whole. */
struct zip_directory {
    uint64_t member_count;
    uint64_t offset_bytes, size_bytes;
};
/* All records that follow it, those of zip64 where they are needed. */
size_t zip_put_end(const struct zip_directory *directory, unsigned char *to);

#endif
