/*
 * pax_check.h - a strict look at the extended headers of a tar archive (POSIX.1-2017, pax, "pax
 * Extended Header": records "LENGTH KEYWORD=VALUE\n" in the content of a header of type x, Sun's X,
 * or g).
 *
 * libarchive takes what it can of records that make no sense, cuts a name at a NUL and passes over
 * global headers, where other readers do otherwise. This looks at the same bytes beside it, and
 * only says whether they are as they should be: which header comes where is for libarchive alone to
 * say.
 *
 * Zero-initialised looks at nothing. Used by one thread at a time.
 */
#ifndef MR_SOURCE_PAX_CHECK_H
#define MR_SOURCE_PAX_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAX_BLOCK_BYTES = 512 };

enum pax_part {
    PAX_NOTHING, /* nothing more is looked at until the next pax_check_begin() */
    PAX_HEADER,
    PAX_RECORDS, /* the content of a header of type x, X or g */
    PAX_OTHER    /* the content of another header that stands before the member's own */
};

struct pax_check {
    int64_t at_bytes; /* of the archive: what is looked at next */
    enum pax_part part;
    size_t left_bytes, padding_bytes; /* of the part; records are padded */
    unsigned char header[PAX_BLOCK_BYTES];
    unsigned char *records; /* owned; those of the header so far */
    size_t records_bytes, records_cap_bytes;
    bool has_size;       /* those of the member say one that is not 0 */
    const char *problem; /* what is wrong with one; static; NULL: nothing so far */
};

void pax_check_fini(struct pax_check *check);

/* A member's first header lies at_bytes from the beginning of the archive. problem stays. */
void pax_check_begin(struct pax_check *check, int64_t at_bytes);

/* These bytes lie at_bytes from the beginning; of what is not wanted, nothing is taken. Bytes that
 * were missed, or no memory, end the look without a problem. */
void pax_check_take(struct pax_check *check, int64_t at_bytes, const unsigned char *data,
                    size_t size_bytes);

/* What is wrong with these records (of a global header, or of a member's): a static text, or NULL.
 */
const char *pax_check_records(const unsigned char *records, size_t size_bytes, bool is_global);

#endif
