#include "support/zips.h"

#include <zlib.h>

#include "config.h"

#if MR_HAVE_ZSTD
#include <zstd.h>
#endif

void zips_put16(unsigned char *at, unsigned value)
{
    at[0] = (unsigned char)value;
    at[1] = (unsigned char)(value >> 8);
}

void zips_put32(unsigned char *at, uint32_t value)
{
    zips_put16(at, value & 0xffff);
    zips_put16(at + 2, value >> 16);
}

void zips_put64(unsigned char *at, uint64_t value)
{
    zips_put32(at, (uint32_t)value);
    zips_put32(at + 4, (uint32_t)(value >> 32));
}

static void append(unsigned char **to, size_t *bytes, size_t *cap_bytes, const void *data,
                   size_t size_bytes)
{
    if (*bytes + size_bytes > *cap_bytes) {
        *cap_bytes = (*bytes + size_bytes) * 2;
        *to = realloc(*to, *cap_bytes);
        ck_assert_ptr_nonnull(*to);
    }
    if (size_bytes > 0)
        memcpy(*to + *bytes, data, size_bytes);
    *bytes += size_bytes;
}

void zips_append(struct zips *zip, const void *data, size_t size_bytes)
{
    append(&zip->data, &zip->bytes, &zip->cap_bytes, data, size_bytes);
}

static void append_central(struct zips *zip, const void *data, size_t size_bytes)
{
    append(&zip->directory, &zip->directory_bytes, &zip->directory_cap_bytes, data, size_bytes);
}

void zips_begin(struct zips *zip, size_t prefix_bytes)
{
    unsigned char *prefix = support_text(99, prefix_bytes);
    *zip = (struct zips){.prefix_bytes = prefix_bytes};
    zips_append(zip, prefix, prefix_bytes);
    free(prefix);
}

void zips_clear(struct zips *zip)
{
    free(zip->data);
    free(zip->directory);
    *zip = (struct zips){0};
}

/* The content as method stores it. The caller's to free. */
static unsigned char *encode(const struct zips_member *member, size_t *stored_bytes)
{
    size_t cap = member->data_bytes * 2 + 1024;
    unsigned char *out = malloc(cap);
    ck_assert_ptr_nonnull(out);
    *stored_bytes = member->data_bytes;
    if (member->method == ZIPS_DEFLATE) {
        z_stream zlib = {.next_in = (unsigned char *)(uintptr_t)member->data,
                         .avail_in = (uInt)member->data_bytes,
                         .next_out = out,
                         .avail_out = (uInt)cap};
        ck_assert_int_eq(deflateInit2(&zlib, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
        ck_assert_int_eq(deflate(&zlib, Z_FINISH), Z_STREAM_END);
        *stored_bytes = cap - zlib.avail_out;
        deflateEnd(&zlib);
        return out;
    }
#if MR_HAVE_ZSTD
    if (member->method == ZIPS_ZSTD) {
        *stored_bytes = ZSTD_compress(out, cap, member->data, member->data_bytes, 3);
        ck_assert(!ZSTD_isError(*stored_bytes));
        return out;
    }
#endif
    if (member->data_bytes > 0)
        memcpy(out, member->data, member->data_bytes);
    return out;
}

/* The sizes of a local header, which is about to be appended to the data. */
static void add_local(struct zips *zip, const struct zips_member *member, size_t name_bytes,
                      uint32_t crc, size_t stored_bytes)
{
    unsigned char local[30] = "PK\003\004", extra[20] = {1, 0, 16, 0};
    bool is_long = member->is_zip64 && !member->is_streamed;
    zips_put16(local + 4, member->is_zip64 ? 45 : 20);
    zips_put16(local + 6, member->flags | (member->is_streamed ? 8 : 0));
    zips_put16(local + 8, member->method);
    zips_put32(local + 10, member->dos_time);
    if (!member->is_streamed) {
        zips_put32(local + 14, crc);
        zips_put32(local + 18, is_long ? UINT32_MAX : (uint32_t)stored_bytes);
        zips_put32(local + 22, is_long ? UINT32_MAX : (uint32_t)member->data_bytes);
    }
    zips_put16(local + 26, (unsigned)name_bytes);
    zips_put16(local + 28, is_long ? 20 : 0);
    zips_put64(extra + 4, member->data_bytes);
    zips_put64(extra + 12, stored_bytes);
    zips_append(zip, local, sizeof(local));
    zips_append(zip, member->name, name_bytes);
    zips_append(zip, extra, is_long ? 20 : 0);
}

static void add_central(struct zips *zip, const struct zips_member *member, size_t name_bytes,
                        uint32_t crc, size_t stored_bytes, size_t local_at)
{
    unsigned char central[46] = "PK\001\002", extra[28] = {1, 0, 24, 0};
    size_t long_bytes = member->is_zip64 ? sizeof(extra) : 0;
    central[4] = member->is_zip64 ? 45 : 20;
    central[5] = (unsigned char)member->host;
    zips_put16(central + 6, central[4]);
    zips_put16(central + 8, member->flags | (member->is_streamed ? 8 : 0));
    zips_put16(central + 10, member->method);
    zips_put32(central + 12, member->dos_time);
    zips_put32(central + 16, crc);
    zips_put32(central + 20, long_bytes ? UINT32_MAX : (uint32_t)stored_bytes);
    zips_put32(central + 24, long_bytes ? UINT32_MAX : (uint32_t)member->data_bytes);
    zips_put16(central + 28, (unsigned)name_bytes);
    zips_put16(central + 30, (unsigned)(member->extra_bytes + long_bytes));
    zips_put32(central + 38, member->attributes);
    zips_put32(central + 42, long_bytes ? UINT32_MAX : (uint32_t)local_at);
    zips_put64(extra + 4, member->data_bytes);
    zips_put64(extra + 12, stored_bytes);
    zips_put64(extra + 20, local_at);
    append_central(zip, central, sizeof(central));
    append_central(zip, member->name, name_bytes);
    append_central(zip, member->extra, member->extra_bytes);
    append_central(zip, extra, long_bytes);
}

void zips_add(struct zips *zip, const struct zips_member *member)
{
    size_t stored_bytes, local_at = zip->bytes, central_at = zip->directory_bytes;
    size_t name_bytes = member->name_bytes ? member->name_bytes : strlen(member->name);
    unsigned char *stored = encode(member, &stored_bytes);
    uint32_t crc = (uint32_t)crc32(0, member->data, (uInt)member->data_bytes);
    add_local(zip, member, name_bytes, crc, stored_bytes);
    size_t data_at = zip->bytes;
    zips_append(zip, stored, stored_bytes);
    free(stored);
    if (member->is_streamed) {
        unsigned char behind[16] = "PK\007\010";
        zips_put32(behind + 4, crc);
        zips_put32(behind + 8, (uint32_t)stored_bytes);
        zips_put32(behind + 12, (uint32_t)member->data_bytes);
        zips_append(zip, behind, sizeof(behind));
    }
    add_central(zip, member, name_bytes, crc, stored_bytes, local_at - zip->prefix_bytes);
    if (zip->count < ZIPS_PLACES_MAX) {
        zip->local_at[zip->count] = local_at;
        zip->data_at[zip->count] = data_at;
        zip->central_at[zip->count] = central_at;
    }
    zip->count++;
}

void zips_add_text(struct zips *zip, const char *name, unsigned method, const char *text)
{
    zips_add(zip, &(struct zips_member){.name = name,
                                        .data = text,
                                        .data_bytes = strlen(text),
                                        .method = method,
                                        .host = ZIPS_UNIX,
                                        .attributes = 0100644u << 16,
                                        .dos_time = 0x58a638e4}); /* 2024-05-06 07:07:08 */
}

void zips_end(struct zips *zip, bool is_zip64, const char *comment)
{
    unsigned char end64[56] = "PK\006\006", locator[20] = "PK\006\007", end[22] = "PK\005\006";
    size_t count = zip->count, bytes = zip->directory_bytes;
    zip->directory_at = zip->bytes;
    zips_append(zip, zip->directory, bytes);
    size_t at = zip->directory_at - zip->prefix_bytes;
    zip->end64_at = zip->bytes;
    zips_put64(end64 + 4, 44);
    zips_put16(end64 + 12, 45);
    zips_put16(end64 + 14, 45);
    zips_put64(end64 + 24, count);
    zips_put64(end64 + 32, count);
    zips_put64(end64 + 40, bytes);
    zips_put64(end64 + 48, at);
    zips_put64(locator + 8, zip->end64_at - zip->prefix_bytes);
    zips_put32(locator + 16, 1);
    zips_append(zip, end64, is_zip64 ? sizeof(end64) : 0);
    zip->locator_at = zip->bytes;
    zips_append(zip, locator, is_zip64 ? sizeof(locator) : 0);
    zip->end_at = zip->bytes;
    zips_put16(end + 8, is_zip64 ? 0xffff : (unsigned)count);
    zips_put16(end + 10, is_zip64 ? 0xffff : (unsigned)count);
    zips_put32(end + 12, is_zip64 ? UINT32_MAX : (uint32_t)bytes);
    zips_put32(end + 16, is_zip64 ? UINT32_MAX : (uint32_t)at);
    size_t comment_bytes = comment ? strlen(comment) : 0;
    zips_put16(end + 20, (unsigned)comment_bytes);
    zips_append(zip, end, sizeof(end));
    zips_append(zip, comment, comment_bytes);
}
