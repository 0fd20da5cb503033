/*
 * zip_directory.h - the central directory of a zip archive (APPNOTE.TXT 6.3.x, 4.3.12): one header
 * for each member, walked in pieces. No table of all of them is kept, except of 8 bytes each where
 * the members do not lie in the order of the directory.
 */
#ifndef MR_SOURCE_ZIP_DIRECTORY_H
#define MR_SOURCE_ZIP_DIRECTORY_H

#include "source/zip_bytes.h"
#include "source/zip_end.h"

enum zip_flag { /* APPNOTE.TXT 4.4.4 */
                ZIP_FLAG_ENCRYPTED = 1 << 0,
                ZIP_FLAG_STREAMED =
                    1 << 3, /* sizes and CRC stand behind the data, the local header has zeros */
                ZIP_FLAG_PATCH = 1 << 5,
                ZIP_FLAG_STRONG = 1 << 6,
                ZIP_FLAG_UTF8 = 1 << 11,
                ZIP_FLAG_MASKED = 1 << 13
};

enum zip_method { /* APPNOTE.TXT 4.4.5 */
                  ZIP_METHOD_STORE = 0,
                  ZIP_METHOD_DEFLATE = 8,
                  ZIP_METHOD_ZSTD = 93,
                  ZIP_METHOD_AES = 99
};

#define ZIP_EXTRA_ZIP64 1u      /* APPNOTE.TXT 4.5.3 */
#define ZIP_EXTRA_PATH  0x7075u /* Unicode path, APPNOTE.TXT 4.6.9 */

/* One central header. What it points to is the walk's, until the next step. */
struct zip_header {
    int64_t at_bytes;       /* of the header itself */
    int64_t local_at_bytes; /* of the local header; not checked against the input */
    int64_t stored_bytes, plain_bytes;
    uint32_t crc, attributes, dos_time; /* dos_time: the date is the upper half */
    unsigned flags, method, host;       /* host: on which the attributes are understood */
    const unsigned char *name, *extra;
    size_t name_bytes, extra_bytes;
};

/* The extra field of that id (APPNOTE.TXT 4.5), the first if there are several; NULL: there is
 * none. */
const unsigned char *zip_extra_find(const unsigned char *extra, size_t extra_bytes, unsigned id,
                                    size_t *size_bytes);

/* How many there are of that id. */
unsigned zip_extra_count(const unsigned char *extra, size_t extra_bytes, unsigned id);

/* Do the fields fill the extra bytes, but for up to 3 at the end, with which some writers align
 * data? */
bool zip_extra_is_whole(const unsigned char *extra, size_t extra_bytes);

/* Is its method one that we decode? */
bool zip_header_is_decoded(const struct zip_header *header);

/* Is what this member holds kept from us? */
bool zip_header_is_encrypted(const struct zip_header *header);

struct zip_directory {
    struct zip_bytes bytes;
    struct zip_end end;
    uint64_t entry_count; /* as counted */
    bool is_ascending;    /* local headers follow each other in the order of the directory */
    int64_t *local_at;    /* of all, sorted; owned; NULL when is_ascending, and after zip_check() */
    bool is_for_others;   /* a member is in a method that libarchive decodes, and we do not */
};

/* A walk through the directory, on one thread at a time. */
struct zip_walk {
    const struct zip_directory *directory;
    int64_t next_bytes; /* of the input: what was read up to */
    unsigned char *buffer;
    size_t cap_bytes, used_bytes, filled_bytes; /* used_bytes: of filled_bytes, walked over */
    bool is_owned;                              /* buffer is ours to free */
};

/*
 * Starts a walk at the header at at_bytes. buffer is the caller's, for as long as the walk: what it
 * has room for is read at once; a header that does not fit makes the walk take one of its own.
 */
void zip_walk_begin(struct zip_walk *walk, const struct zip_directory *directory, int64_t at_bytes,
                    void *buffer, size_t cap_bytes);
void zip_walk_end(struct zip_walk *walk);
/* MR_OK, MR_DONE at the end of the directory, MR_E_DATA, MR_E_SYSTEM, MR_E_MEMORY. */
enum mr_status zip_walk_next(struct zip_walk *walk, struct zip_header *header,
                             struct mr_error *err);

/*
 * Finds the directory and goes through it once: every header is whole, and there are as many as the
 * end record says. MR_OK; MR_E_UNSUPPORTED: there is no end record; MR_E_LIMIT: more than
 * 16,777,216 members out of order; MR_E_DATA, MR_E_SYSTEM, MR_E_MEMORY. On MR_OK
 * zip_directory_fini() frees what it holds. Const from then on, and good for any thread.
 */
enum mr_status zip_directory_init(struct zip_directory *directory, const struct zip_bytes *bytes,
                                  struct mr_error *err);
void zip_directory_fini(struct zip_directory *directory);

/* Where members do not lie in order: the place of the one that is next behind at_bytes, or
 * end_bytes. *is_shared: two are at at_bytes. */
int64_t zip_directory_next_place(const struct zip_directory *directory, int64_t at_bytes,
                                 int64_t end_bytes, bool *is_shared);

#endif
