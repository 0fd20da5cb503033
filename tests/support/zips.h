/*
 * zips.h - builds zip archives byte by byte, also such as no tool would write. Every function ends
 * the test when it cannot do its work.
 */
#ifndef MR_TESTS_ZIPS_H
#define MR_TESTS_ZIPS_H

#include "support/support.h"

#define ZIPS_PLACES_MAX 16

enum { ZIPS_STORE = 0, ZIPS_DEFLATE = 8, ZIPS_ZSTD = 93 };
enum { ZIPS_DOS = 0, ZIPS_UNIX = 3 };

/* Zero-initialised: an empty file, stored, made on DOS, of no time. */
struct zips_member {
    const char *name;
    size_t name_bytes; /* 0: strlen(name) */
    const void *data;  /* the plain content */
    size_t data_bytes;
    unsigned method, flags, host;
    uint32_t attributes, dos_time;
    const void *extra; /* of the central header */
    size_t extra_bytes;
    bool is_streamed; /* sizes behind the data */
    bool is_zip64;    /* sizes and place in a zip64 field, whether they need it or not */
};

struct zips {
    unsigned char *data; /* owned; bytes of it */
    size_t bytes, cap_bytes;
    unsigned char *directory; /* owned; the central headers until zips_end() */
    size_t directory_bytes, directory_cap_bytes;
    size_t prefix_bytes; /* offsets count from behind it */
    size_t count;
    /* Of the first members, for tests that change bytes; central_at counts from directory_at. */
    size_t local_at[ZIPS_PLACES_MAX], data_at[ZIPS_PLACES_MAX], central_at[ZIPS_PLACES_MAX];
    size_t directory_at, end64_at, locator_at, end_at; /* after zips_end() */
};

/* Begins an archive; prefix_bytes of other bytes stand before it. zips_clear() frees it. */
void zips_begin(struct zips *zip, size_t prefix_bytes);
void zips_add(struct zips *zip, const struct zips_member *member);
/* A short way for a small text file made on Unix with mode 0644. */
void zips_add_text(struct zips *zip, const char *name, unsigned method, const char *text);
/* Writes the directory and the end. comment may be NULL. */
void zips_end(struct zips *zip, bool is_zip64, const char *comment);
void zips_clear(struct zips *zip);
/* Appends any bytes. */
void zips_append(struct zips *zip, const void *data, size_t size_bytes);
void zips_put16(unsigned char *at, unsigned value);
void zips_put32(unsigned char *at, uint32_t value);
void zips_put64(unsigned char *at, uint64_t value);

#endif
