#include "codec/deflate_wrap.h"

#include <string.h>

size_t deflate_wrap_le32(unsigned char *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (unsigned char)(value >> (8 * i));
    return 4;
}

size_t deflate_wrap_gzip(int level, unsigned char *out)
{
    unsigned char effort = level < 2 ? 4 : level >= 9 ? 2 : 0;
    const unsigned char header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, effort, 255};
    memcpy(out, header, sizeof(header));
    return sizeof(header);
}

size_t deflate_wrap_gzip_end(uint32_t crc, uint32_t content_bytes, unsigned char *out)
{
    size_t at = deflate_wrap_le32(out, crc);
    return at + deflate_wrap_le32(out + at, content_bytes);
}

size_t deflate_wrap_zlib(int level, unsigned char *out)
{
    unsigned effort = level < 2 ? 0 : level < 6 ? 1 : level < 7 ? 2 : 3;
    unsigned header = 0x7800u | effort << 6;
    header += 31 - header % 31;
    out[0] = (unsigned char)(header >> 8);
    out[1] = (unsigned char)header;
    return 2;
}

size_t deflate_wrap_zlib_end(uint32_t adler, unsigned char *out)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (unsigned char)(adler >> (24 - 8 * i));
    return 4;
}
