/*
 * archive_feed.h - libarchive's callbacks on the bytes of one archive, and a look at them without
 * looking for an archive.
 */
#ifndef MR_SOURCE_ARCHIVE_FEED_H
#define MR_SOURCE_ARCHIVE_FEED_H

#include "source/archive_formats.h"
#include "source/archive_reading.h"
#include "source/pax_check.h"

struct archive_feed {
    struct archive_input input;
    enum mr_status status; /* of the last read() of input that failed; MR_OK: none did */
    int sys_errno;         /* of MR_E_SYSTEM */
    int64_t at_bytes;      /* of the input, as libarchive sees it */
    int64_t leaps_bytes;   /* seeking has taken it back by so much, in all */
    const void *block;     /* the last bytes that it was given, which end there */
    size_t block_bytes;
    int64_t zeros_at_bytes; /* of the bytes read so far, all from there on are zero */
    struct pax_check pax;   /* looks at what it is given */
};

/* Opens a prepared handle on the input, which is at its beginning. Returns libarchive's status. */
int archive_feed_open(struct archive_feed *feed, struct archive *archive);

/* Reads on behind what libarchive wanted. As read() of the input. */
enum mr_status archive_feed_read(struct archive_feed *feed, const void **data, size_t *size_bytes,
                                 const char **problem);

/* The headers of the next member of a tar lie at_bytes from the beginning of the input: a look is
 * taken at them while libarchive reads them. */
void archive_feed_look(struct archive_feed *feed, int64_t at_bytes);

enum archive_probe {
    ARCHIVE_PROBE_EMPTY,   /* exactly an archive that was made of nothing */
    ARCHIVE_PROBE_DAMAGED, /* compressed, and cannot be decompressed */
    ARCHIVE_PROBE_OTHER    /* something else */
};

/* Looks at an input that is at its beginning. Inside locale_enter(). No other handle may be in use
 * on it. */
enum archive_probe archive_feed_probe(struct archive_feed *feed);

/*
 * How much of the input was used up since archive_feed_begin(): what libarchive took or passed
 * over. Seeking uses up nothing, but for what it had been given and not taken.
 */
void archive_feed_begin(struct archive_feed *feed, struct archive *archive);
uint64_t archive_feed_used(const struct archive_feed *feed, struct archive *archive);

#endif
