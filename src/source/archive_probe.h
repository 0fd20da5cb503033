/* archive_probe.h - a second look at an input in which libarchive found no member. */
#ifndef MR_SOURCE_ARCHIVE_PROBE_H
#define MR_SOURCE_ARCHIVE_PROBE_H

#include "source/archive_bytes.h"

enum archive_probe {
    ARCHIVE_PROBE_EMPTY,   /* exactly an archive that was made of nothing */
    ARCHIVE_PROBE_DAMAGED, /* compressed, and cannot be decompressed */
    ARCHIVE_PROBE_OTHER,   /* something else */
    ARCHIVE_PROBE_GONE     /* a pipe of which too much was read to look again */
};

/* Inside locale_enter(). No other handle may be in use on bytes. */
enum archive_probe archive_probe(struct archive_bytes *bytes);

#endif
