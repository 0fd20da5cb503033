#include <zlib.h>

#include "config.h"
#include "support/archives.h"
#if MR_HAVE_ZSTD
#include <zstd.h>
#endif

/* Raw deflate, or with window_bits 15 zlib. Returns how many bytes came, or 0 when cap_bytes are
 * too few. */
static size_t deflate_all(const void *data, size_t size_bytes, int window_bits, unsigned char *to,
                          size_t cap_bytes)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)data,
                       .avail_in = (uInt)size_bytes,
                       .next_out = to,
                       .avail_out = (uInt)cap_bytes};
    ck_assert_int_eq(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    int result = deflate(&stream, Z_FINISH);
    deflateEnd(&stream);
    return result == Z_STREAM_END ? stream.total_out : 0;
}

unsigned char *archives_encode(const struct archives_item *item, enum mr_method method,
                               struct mr_entry *entry)
{
    size_t size_bytes = (size_t)item->entry.size_bytes, stored_bytes = 0;
    size_t cap_bytes = size_bytes + (size_bytes >> 7) + 256;
    unsigned char *stored = malloc(cap_bytes);
    ck_assert_ptr_nonnull(stored);
    if (method == MR_METHOD_DEFLATE && size_bytes > 0)
        stored_bytes = deflate_all(item->data, size_bytes, -15, stored, size_bytes);
    if (method == MR_METHOD_ZLIB && size_bytes > 0)
        stored_bytes = deflate_all(item->data, size_bytes, 15, stored, size_bytes - 1);
#if MR_HAVE_ZSTD
    if (method == MR_METHOD_ZSTD)
        stored_bytes = ZSTD_compress(stored, cap_bytes, item->data, size_bytes, 3);
#endif
    if (stored_bytes == 0) {
        method = MR_METHOD_PLAIN;
        stored_bytes = size_bytes;
        if (size_bytes > 0)
            memcpy(stored, item->data, size_bytes);
    }
    *entry = item->entry;
    entry->has_encoding = true;
    entry->encoding = (struct mr_encoding){.method = method,
                                           .has_crc = method != MR_METHOD_ZLIB,
                                           .crc = (uint32_t)crc32_z(0, item->data, size_bytes),
                                           .stored_bytes = (int64_t)stored_bytes};
    return stored;
}
