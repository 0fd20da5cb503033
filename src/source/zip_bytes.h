/*
 * zip_bytes.h - the bytes of a zip archive, read by offset on any thread, and the numbers in its
 * records, which are little endian (APPNOTE.TXT 4.4.1.1).
 */
#ifndef MR_SOURCE_ZIP_BYTES_H
#define MR_SOURCE_ZIP_BYTES_H

#include <stdint.h>

#include "millrace/status.h"

/*
 * What readers differ on: where one archive may be read as two, it is refused as damaged, unless
 * the user wants it all the same; then the first of these faults is kept here.
 */
struct zip_doubts {
    bool accepts;
    struct mr_error first; /* status MR_OK: there is none */
};

struct zip_bytes {
    int fd;              /* a regular file; borrowed */
    int64_t start_bytes; /* where the input begins in the file */
    int64_t size_bytes;  /* of the input, when it was opened; offsets count from its beginning */
    struct zip_doubts *doubts; /* during the check */
};

/*
 * Reads exactly size_bytes at an offset. MR_OK; MR_E_DATA when not all of them lie in the input, or
 * it has become shorter; MR_E_SYSTEM. The text names no archive. Thread-safe.
 */
enum mr_status zip_bytes_read(const struct zip_bytes *bytes, int64_t at_bytes, void *buffer,
                              size_t size_bytes, struct mr_error *err);

/* MR_E_DATA, with words that are the same for every damage: "damaged or truncated archive: ". */
enum mr_status zip_damaged(struct mr_error *err, const char *format, ...) MR_PRINTF(2, 3);

/* Keeps a fault that is worth a word only. MR_OK. */
enum mr_status zip_remark(const struct zip_bytes *bytes, const char *text);
/* zip_damaged() where doubts are refused; else zip_remark(). */
enum mr_status zip_doubt(const struct zip_bytes *bytes, struct mr_error *err, const char *format,
                         ...) MR_PRINTF(3, 4);

static inline uint16_t zip_get16(const unsigned char *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t zip_get32(const unsigned char *at)
{
    return (uint32_t)zip_get16(at) | (uint32_t)zip_get16(at + 2) << 16;
}

static inline uint64_t zip_get64(const unsigned char *at)
{
    return (uint64_t)zip_get32(at) | (uint64_t)zip_get32(at + 4) << 32;
}

#endif
