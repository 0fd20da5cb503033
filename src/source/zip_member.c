#include "source/zip_member.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "config.h"

#if MR_HAVE_ZSTD
#include <zstd.h>
#endif

#define LOCAL_BYTES ((size_t)30)
#define USUAL_BYTES ((size_t)512) /* of a local header, with name and extra fields */
/* Of a symbolic link: no encoding makes it so much longer. */
#define STORED_MAX_BYTES ((size_t)8192)

/* A size of the local header: that of the directory; or none, when it stands behind the data. */
static bool is_same(uint64_t local, int64_t central, bool is_streamed)
{
    return local == (uint64_t)central || (local == 0 && is_streamed);
}

/* Are the sizes those of header? extra: of the local header. */
static bool has_sizes(const unsigned char *local, const unsigned char *extra, size_t extra_bytes,
                      const struct zip_header *header)
{
    bool is_streamed = (zip_get16(local + 6) & ZIP_FLAG_STREAMED) != 0;
    uint64_t stored = zip_get32(local + 18), plain = zip_get32(local + 22);
    size_t left = 0;
    const unsigned char *field = zip_extra_find(extra, extra_bytes, ZIP_EXTRA_ZIP64, &left);
    if (field && plain == UINT32_MAX && left >= 8) {
        plain = zip_get64(field);
        field += 8;
        left -= 8;
    }
    if (field && stored == UINT32_MAX && left >= 8)
        stored = zip_get64(field);
    return is_same(stored, header->stored_bytes, is_streamed) &&
           is_same(plain, header->plain_bytes, is_streamed);
}

#define FLAGS_THAT_MATTER                                                                          \
    (ZIP_FLAG_ENCRYPTED | ZIP_FLAG_STREAMED | ZIP_FLAG_PATCH | ZIP_FLAG_STRONG | ZIP_FLAG_UTF8 |   \
     ZIP_FLAG_MASKED)

static enum mr_status check_local(const struct zip_bytes *bytes, const unsigned char *local,
                                  const struct zip_header *header, struct mr_error *err)
{
    unsigned flags = zip_get16(local + 6);
    uint32_t crc = zip_get32(local + 14);
    if (memcmp(local, "PK\003\004", 4) != 0)
        return zip_damaged(err, "its local header is not where the directory says");
    if ((flags & ZIP_FLAG_ENCRYPTED) != (header->flags & ZIP_FLAG_ENCRYPTED) ||
        zip_get16(local + 8) != header->method)
        return zip_doubt(bytes, err,
                         "its local header tells of another encoding than the directory");
    if (zip_get16(local + 26) != header->name_bytes ||
        memcmp(local + LOCAL_BYTES, header->name, header->name_bytes) != 0)
        return zip_doubt(bytes, err, "its local header has another name than the directory");
    if (crc != header->crc && (crc != 0 || !(flags & ZIP_FLAG_STREAMED)))
        return zip_doubt(bytes, err, "its local header has another CRC than the directory");
    if (((flags ^ header->flags) & FLAGS_THAT_MATTER) != 0)
        return zip_doubt(bytes, err, "its local header has other flags than the directory");
    return MR_OK;
}

/* The Unicode path of one header; NULL: there is none, or none that was made for the name beside
 * it, and counts. */
static const unsigned char *path_field(const unsigned char *extra, size_t extra_bytes,
                                       const struct zip_header *header, size_t *size_bytes)
{
    const unsigned char *field = zip_extra_find(extra, extra_bytes, ZIP_EXTRA_PATH, size_bytes);
    bool counts = field && *size_bytes >= 5 && field[0] == 1 &&
                  zip_get32(field + 1) == crc32(0, header->name, (uInt)header->name_bytes);
    return counts ? field : NULL;
}

/* The local header must not have another one than the directory: some readers take the one name,
 * some the other. */
static enum mr_status check_path(const struct zip_bytes *bytes, const unsigned char *extra,
                                 size_t extra_bytes, const struct zip_header *header,
                                 struct mr_error *err)
{
    size_t size = 0, local_size = 0;
    const unsigned char *field = path_field(header->extra, header->extra_bytes, header, &size);
    const unsigned char *local = path_field(extra, extra_bytes, header, &local_size);
    if (!local || (field && size == local_size && memcmp(field, local, size) == 0))
        return MR_OK;
    return zip_doubt(bytes, err, "its local header has another Unicode path than the directory");
}

static enum mr_status check_fields(const struct zip_bytes *bytes, const unsigned char *local,
                                   const unsigned char *extra, size_t extra_bytes,
                                   const struct zip_header *header, struct mr_error *err)
{
    if (!zip_extra_is_whole(extra, extra_bytes))
        return zip_doubt(bytes, err, "the extra fields of its local header are cut");
    if (zip_extra_count(extra, extra_bytes, ZIP_EXTRA_ZIP64) > 1 ||
        zip_extra_count(header->extra, header->extra_bytes, ZIP_EXTRA_ZIP64) > 1)
        return zip_doubt(bytes, err, "it has two zip64 fields");
    if (!has_sizes(local, extra, extra_bytes, header))
        return zip_doubt(bytes, err, "its local header has other sizes than the directory");
    return check_path(bytes, extra, extra_bytes, header, err);
}

/* The extra fields of a local header whose first read_bytes are there. */
static enum mr_status check_extra(const struct zip_bytes *bytes, const unsigned char *local,
                                  size_t read_bytes, const struct zip_header *header,
                                  struct zip_span *span, struct mr_error *err)
{
    size_t at = LOCAL_BYTES + zip_get16(local + 26), extra_bytes = zip_get16(local + 28), size = 0;
    const unsigned char *extra = local + at;
    unsigned char *copy = NULL;
    if (at + extra_bytes > read_bytes) { /* far longer than usual */
        if (!(copy = malloc(extra_bytes)))
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        enum mr_status status =
            zip_bytes_read(bytes, header->local_at_bytes + (int64_t)at, copy, extra_bytes, err);
        if (status != MR_OK) {
            free(copy);
            return status;
        }
        extra = copy;
    }
    enum mr_status status = check_fields(bytes, local, extra, extra_bytes, header, err);
    span->may_be_long = zip_extra_find(extra, extra_bytes, ZIP_EXTRA_ZIP64, &size) ||
                        zip_extra_find(header->extra, header->extra_bytes, ZIP_EXTRA_ZIP64, &size);
    free(copy);
    return status;
}

enum mr_status zip_member_check(const struct zip_bytes *bytes, const struct zip_header *header,
                                int64_t limit_bytes, struct zip_span *span, struct mr_error *err)
{
    unsigned char usual[USUAL_BYTES], *local = usual;
    size_t size = LOCAL_BYTES + header->name_bytes, read_bytes = sizeof(usual);
    int64_t room = limit_bytes - header->local_at_bytes;
    if (header->local_at_bytes < 0 || room < (int64_t)size)
        return zip_damaged(err, "it does not lie before the directory of the archive");
    if (size > sizeof(usual)) {
        if (!(local = malloc(size)))
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        read_bytes = size;
    }
    if (room < (int64_t)read_bytes)
        read_bytes = (size_t)room;
    enum mr_status status = zip_bytes_read(bytes, header->local_at_bytes, local, read_bytes, err);
    if (status == MR_OK)
        status = check_local(bytes, local, header, err);
    if (status == MR_OK) {
        room -= (int64_t)(LOCAL_BYTES + zip_get16(local + 26) + zip_get16(local + 28));
        if (room < header->stored_bytes)
            status = zip_damaged(err, "its data reaches into the directory of the archive");
    }
    if (status == MR_OK) {
        *span =
            (struct zip_span){.local_at_bytes = header->local_at_bytes,
                              .data_at_bytes = limit_bytes - room,
                              .data_end_bytes = limit_bytes - room + header->stored_bytes,
                              .crc = header->crc,
                              .stored_bytes = header->stored_bytes,
                              .plain_bytes = header->plain_bytes,
                              .has_descriptor = (zip_get16(local + 6) & ZIP_FLAG_STREAMED) != 0};
        status = check_extra(bytes, local, read_bytes, header, span, err);
    }
    if (local != usual)
        free(local);
    return status;
}

#define DESCRIPTOR_MAX_BYTES 24

/* Does it say what the directory says? It has a signature or not, and sizes of 32 or 64 bits. */
static bool is_descriptor(const struct zip_span *span, const unsigned char *at, size_t size_bytes)
{
    bool is_marked = size_bytes == 16 || size_bytes == 24, is_long = size_bytes >= 20;
    if (is_marked && memcmp(at, "PK\007\010", 4) != 0)
        return false;
    at += is_marked ? 4 : 0;
    uint64_t stored = is_long ? zip_get64(at + 4) : zip_get32(at + 4);
    uint64_t plain = is_long ? zip_get64(at + 12) : zip_get32(at + 8);
    return zip_get32(at) == span->crc && stored == (uint64_t)span->stored_bytes &&
           plain == (uint64_t)span->plain_bytes && (!is_long || span->may_be_long);
}

#define PADDING_MAX_BYTES 4096

/* Zeros are padding; anything else may be what another reader takes for a member. */
static enum mr_status check_gap(const struct zip_bytes *bytes, int64_t at_bytes, int64_t gap_bytes,
                                struct mr_error *err)
{
    unsigned char gap[PADDING_MAX_BYTES];
    if (gap_bytes <= PADDING_MAX_BYTES) {
        enum mr_status status = zip_bytes_read(bytes, at_bytes, gap, (size_t)gap_bytes, err);
        if (status != MR_OK)
            return status;
        if (gap[0] == 0 && memcmp(gap, gap + 1, (size_t)gap_bytes - 1) == 0)
            return MR_OK;
    }
    return zip_doubt(bytes, err, "%lld bytes that belong to no member stand behind it",
                     (long long)gap_bytes);
}

enum mr_status zip_member_check_end(const struct zip_bytes *bytes, const struct zip_span *span,
                                    int64_t next_bytes, struct mr_error *err)
{
    unsigned char descriptor[DESCRIPTOR_MAX_BYTES];
    int64_t gap = next_bytes - span->data_end_bytes;
    if (gap < 0)
        return zip_damaged(err, "its data reaches into another member");
    if (gap == 0 && !span->has_descriptor)
        return MR_OK;
    if (!span->has_descriptor)
        return check_gap(bytes, span->data_end_bytes, gap, err);
    if (gap != 12 && gap != 16 && gap != 20 && gap != 24)
        return zip_doubt(bytes, err, "something else than its descriptor stands behind it");
    enum mr_status status =
        zip_bytes_read(bytes, span->data_end_bytes, descriptor, (size_t)gap, err);
    if (status != MR_OK || is_descriptor(span, descriptor, (size_t)gap))
        return status;
    return zip_doubt(bytes, err, "its descriptor says something else than the directory");
}

enum mr_status zip_member_find(const struct zip_bytes *bytes, int64_t local_at_bytes,
                               int64_t stored_bytes, int64_t limit_bytes, int64_t *data_at_bytes,
                               struct mr_error *err)
{
    unsigned char local[LOCAL_BYTES];
    struct mr_error problem;
    enum mr_status status = zip_bytes_read(bytes, local_at_bytes, local, sizeof(local), &problem);
    if (status == MR_E_SYSTEM) {
        if (err)
            *err = problem;
        return status;
    }
    if (status == MR_OK)
        *data_at_bytes =
            local_at_bytes + (int64_t)(LOCAL_BYTES + zip_get16(local + 26) + zip_get16(local + 28));
    if (status != MR_OK || memcmp(local, "PK\003\004", 4) != 0 ||
        *data_at_bytes > limit_bytes - stored_bytes)
        return mr_error_set(err, MR_E_CHANGED, 0,
                            "is not where the directory of the archive says: it is damaged, or "
                            "changed while it was read");
    return MR_OK;
}

/* Exactly plain_bytes must come out. */
static bool inflate_whole(const unsigned char *in, size_t in_bytes, unsigned char *out,
                          size_t plain_bytes)
{
    z_stream zlib = {.next_in = (unsigned char *)(uintptr_t)in,
                     .avail_in = (uInt)in_bytes,
                     .next_out = out,
                     .avail_out = (uInt)plain_bytes};
    if (inflateInit2(&zlib, -15) != Z_OK) /* raw */
        return false;
    int result = inflate(&zlib, Z_FINISH);
    inflateEnd(&zlib);
    return result == Z_STREAM_END && zlib.avail_out == 0;
}

static bool decode(const struct zip_header *header, const unsigned char *in, size_t in_bytes,
                   unsigned char *out, size_t plain_bytes)
{
#if MR_HAVE_ZSTD
    if (header->method == ZIP_METHOD_ZSTD)
        return ZSTD_decompress(out, plain_bytes, in, in_bytes) == plain_bytes;
#endif
    if (header->method == ZIP_METHOD_DEFLATE)
        return inflate_whole(in, in_bytes, out, plain_bytes);
    if (header->method != ZIP_METHOD_STORE || in_bytes != plain_bytes)
        return false;
    memcpy(out, in, in_bytes);
    return true;
}

enum mr_status zip_member_read_target(const struct zip_bytes *bytes,
                                      const struct zip_header *header, int64_t data_at_bytes,
                                      char **target, struct mr_error *err)
{
    unsigned char stored[STORED_MAX_BYTES], plain[PATH_MAX];
    if (header->plain_bytes >= PATH_MAX || header->stored_bytes > (int64_t)sizeof(stored))
        return zip_damaged(err, "the target of this symbolic link is too long");
    size_t stored_bytes = (size_t)header->stored_bytes, plain_bytes = (size_t)header->plain_bytes;
    enum mr_status status = zip_bytes_read(bytes, data_at_bytes, stored, stored_bytes, err);
    if (status != MR_OK)
        return status;
    if (!decode(header, stored, stored_bytes, plain, plain_bytes) ||
        crc32(0, plain, (uInt)plain_bytes) != header->crc || memchr(plain, '\0', plain_bytes))
        return zip_damaged(err, "the target of this symbolic link cannot be read");
    plain[plain_bytes] = '\0';
    *target = strdup((const char *)plain);
    return *target ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}
