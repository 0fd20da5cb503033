/*
 * archive_shared.h - the memory that a reader of archives in a helper process shares with the
 * process that started it.
 *
 * Two memfds: this header with a ring of records that the helper writes; and blocks of plain bytes
 * of the archive, which only who fills them can change. Blocks are filled by whoever reads the
 * archive: the helper when it was given the file, else the parent, which decodes compressed
 * archives right there. Records refer to content in blocks; so it is copied once, by the parent, to
 * where it is wanted, or lent. A side that waits says so in its words here and sleeps on the
 * socket; the other one sends it a message when what it waits for is there.
 *
 * The helper trusts the parent. The parent trusts nothing here: not even what it wrote itself to
 * the first memory, of which it keeps its own copy; what it reads, it reads once, unless it lies in
 * a block that nobody can change.
 */
#ifndef MR_SOURCE_ARCHIVE_SHARED_H
#define MR_SOURCE_ARCHIVE_SHARED_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/helper.h"

#define ARCHIVE_HELPER_ROLE "read"

/* Descriptors of the helper besides those of base/helper.h. */
#define SHARED_MEMORY_FD HELPER_FIRST_FD
#define SHARED_BLOCKS_FD (HELPER_FIRST_FD + 1)
#define SHARED_FILE_FD   (HELPER_FIRST_FD + 2) /* the archive, with is_file */

#define SHARED_BLOCK_BYTES ((size_t)256 << 10)
/* Blocks that the helper has at once; bytes that lie elsewhere are copied to the first ones. */
#define SHARED_BLOCK_COUNT 8
/* Behind those, blocks that a decoder of the parent fills and reuses itself. */
#define SHARED_HOME_COUNT   12
#define SHARED_ALL_COUNT    (SHARED_BLOCK_COUNT + SHARED_HOME_COUNT)
#define SHARED_RING_BYTES   ((size_t)1 << 20) /* a power of two */
#define SHARED_RING_AT      ((size_t)8192)    /* offset in the memory */
#define SHARED_BYTES        (SHARED_RING_AT + SHARED_RING_BYTES)
#define SHARED_BLOCKS_BYTES (SHARED_ALL_COUNT * SHARED_BLOCK_BYTES)

#define SHARED_RECORD_MAX_BYTES ((size_t)512 << 10) /* of one record, with its head */
#define SHARED_FORMAT_BYTES     32
#define SHARED_PROBLEM_BYTES    200

/* A record begins at a multiple of 8 with this head. */
struct shared_record {
    uint32_t kind;       /* enum shared_kind */
    uint32_t size_bytes; /* of what follows, before it is padded to a multiple of 8 */
    uint64_t used_bytes; /* of the input: see struct archive_reading */
};

enum shared_kind {
    SHARED_STARTED = 1, /* it is an archive */
    SHARED_REFUSED,  /* it is none, or cannot be read: an error (archive_wire.h); the last record */
    SHARED_ENTRY,    /* the next member: an entry (archive_wire.h) */
    SHARED_FAILED,   /* next() failed: an error, which may have an entry */
    SHARED_REMARKED, /* an error that is none: next() gave MR_SKIPPED */
    SHARED_ENDED,    /* no more members; the last record */
    SHARED_BYTES_HERE,  /* content: the bytes that follow */
    SHARED_BYTES_THERE, /* content: struct shared_there */
    SHARED_HOLE,        /* content: zeros; an int64_t that says how many */
    SHARED_CONTENT_ENDED,
    SHARED_CONTENT_FAILED, /* an error; no more content */
    SHARED_CONTENT_CUT,    /* the same, where passing the content over would have failed too */
    SHARED_RELEASE         /* the oldest block that the parent filled is not used any more */
};

/* What the helper waits for. */
enum shared_wait {
    SHARED_FOR_TAIL = 1, /* the ring's tail to reach wake_tail */
    SHARED_FOR_INPUT,
    SHARED_FOR_DECISION /* about content */
};

struct shared_there {
    uint32_t block, offset_bytes, size_bytes, zero;
};

/* What a block that the parent filled holds. */
struct shared_filled {
    uint32_t block; /* which of all it is */
    uint32_t size_bytes;
    uint32_t status; /* enum mr_status: MR_OK with bytes; MR_DONE and errors without */
    int32_t sys_errno;
    uint32_t turn; /* of the rewinds; a block of an earlier turn is void */
    char problem[SHARED_PROBLEM_BYTES];
};

struct shared {
    /* The parent's, constant once the helper is started. */
    char format[SHARED_FORMAT_BYTES]; /* "": any */
    uint8_t is_file, is_decoded, is_weak, is_claimed, is_tar, is_names_only;
    int64_t start_bytes, size_bytes; /* is_file: where in the file, and how much */
    uint64_t memory_bytes;           /* that it may allocate */

    /* Written by the helper. */
    _Alignas(64) _Atomic uint64_t head; /* of the ring: what was written, since the beginning */
    _Atomic uint32_t helper_sleeps;     /* enum shared_wait: for what; 0: it does not */
    _Atomic uint64_t wake_tail;
    _Atomic uint64_t taken;      /* blocks of the parent that it has taken */
    _Atomic uint64_t read_bytes; /* of the file, so far: it is alive */
    _Atomic uint32_t turn;       /* times that it wanted the input from the beginning again */

    /* Written by the parent. */
    _Alignas(64) _Atomic uint64_t tail; /* of the ring: what was read */
    _Atomic uint32_t parent_sleeps;
    _Atomic uint64_t
        filled; /* blocks, since the beginning: blocks[filled % SHARED_BLOCK_COUNT] is next */
    /* The last member (from 1) whose content was asked for, and that was passed over. */
    _Atomic uint64_t wanted, skipped;
    struct shared_filled blocks[SHARED_BLOCK_COUNT];
};
_Static_assert(sizeof(struct shared) <= SHARED_RING_AT, "the header fits before the ring");

#endif
