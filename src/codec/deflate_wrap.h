/* deflate_wrap.h - headers and trailers of gzip (RFC 1952) and zlib (RFC 1950). */
#ifndef MR_CODEC_DEFLATE_WRAP_H
#define MR_CODEC_DEFLATE_WRAP_H

#include <stddef.h>
#include <stdint.h>

#define DEFLATE_WRAP_BYTES 18 /* header and trailer of one kind, at most */

/* Each returns how many bytes it put. */
size_t deflate_wrap_le32(unsigned char *out, uint32_t value);
/* No name, no time, so that the bytes depend on the content alone; system 255: unknown. */
size_t deflate_wrap_gzip(int level, unsigned char *out);
size_t deflate_wrap_gzip_end(uint32_t crc, uint32_t content_bytes, unsigned char *out);
size_t deflate_wrap_zlib(int level, unsigned char *out);
size_t deflate_wrap_zlib_end(uint32_t adler, unsigned char *out);

#endif
