#include "source/zip_member.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "config.h"

#if MR_HAVE_ZSTD
#include <zstd.h>
#endif

#define LOCAL_BYTES      ((size_t)30)
#define NAME_USUAL_BYTES ((size_t)512)
#define STORED_MAX_BYTES                                                                           \
    ((size_t)8192) /* of a symbolic link: no encoding makes it so much longer */

/* A size or CRC of the local header: that of the directory; or nothing, when it stands behind the
 * data. */
static bool is_same(uint32_t local, int64_t central, bool is_streamed)
{
    /* All ones: it stands in the zip64 field. */
    return local == central || (local == 0 && is_streamed) || local == UINT32_MAX;
}

static enum mr_status check_local(const unsigned char *local, const struct zip_header *header,
                                  struct mr_error *err)
{
    unsigned flags = zip_get16(local + 6);
    bool is_streamed = (flags & ZIP_FLAG_STREAMED) != 0;
    uint32_t crc = zip_get32(local + 14);
    if ((flags & ZIP_FLAG_ENCRYPTED) != (header->flags & ZIP_FLAG_ENCRYPTED) ||
        zip_get16(local + 8) != header->method)
        return zip_damaged(err, "its local header tells of another encoding than the directory");
    if (zip_get16(local + 26) != header->name_bytes ||
        memcmp(local + LOCAL_BYTES, header->name, header->name_bytes) != 0)
        return zip_damaged(err, "its local header has another name than the directory");
    if ((crc != header->crc && (crc != 0 || !is_streamed)) ||
        !is_same(zip_get32(local + 18), header->stored_bytes, is_streamed) ||
        !is_same(zip_get32(local + 22), header->plain_bytes, is_streamed))
        return zip_damaged(err,
                           "its local header has other sizes or another CRC than the directory");
    return MR_OK;
}

enum mr_status zip_member_find(const struct zip_bytes *bytes, const struct zip_header *header,
                               int64_t limit_bytes, int64_t *data_at_bytes, struct mr_error *err)
{
    unsigned char usual[LOCAL_BYTES + NAME_USUAL_BYTES], *local = usual;
    size_t size = LOCAL_BYTES + header->name_bytes;
    int64_t room = limit_bytes - header->local_at_bytes;
    if (header->local_at_bytes < 0 || room < (int64_t)size)
        return zip_damaged(err, "it does not lie before the directory of the archive");
    if (size > sizeof(usual) && !(local = malloc(size)))
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status = zip_bytes_read(bytes, header->local_at_bytes, local, size, err);
    if (status == MR_OK && memcmp(local, "PK\003\004", 4) != 0)
        status = zip_damaged(err, "its local header is not where the directory says");
    if (status == MR_OK)
        status = check_local(local, header, err);
    if (status == MR_OK) {
        room -= (int64_t)(size + zip_get16(local + 28));
        if (room < header->stored_bytes)
            status = zip_damaged(err, "its data reaches into the directory of the archive");
        *data_at_bytes = limit_bytes - room;
    }
    if (local != usual)
        free(local);
    return status;
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
    *target = strndup((const char *)plain, plain_bytes);
    return *target ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}
