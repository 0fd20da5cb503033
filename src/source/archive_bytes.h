/*
 * archive_bytes.h - the bytes of one archive file, from a descriptor to libarchive's callbacks.
 *
 * A regular file is read by offset, so the descriptor's own position never moves. Of a pipe
 * everything that was read is kept until archive_bytes_forget(), so that it can be handed back.
 */
#ifndef MR_SOURCE_ARCHIVE_BYTES_H
#define MR_SOURCE_ARCHIVE_BYTES_H

#include <archive.h>
#include <stdint.h>

#include "source/archive_formats.h"
#include "source/decode_ahead.h"

struct archive_bytes;

/* fd is owned from now on, also on failure. limits are copied; NULL: the defaults. MR_OK, MR_E_SYSTEM, MR_E_MEMORY. */
enum mr_status archive_bytes_create(int fd, const struct decode_limits *limits,
                                    struct archive_bytes **bytes, struct mr_error *err);
void archive_bytes_destroy(struct archive_bytes *bytes); /* NULL is a no-op */

/*
 * The first bytes, want_bytes of them unless the input is shorter or is longer than what is kept of
 * a pipe. *data is valid until the next call. *is_all: the input has no more than these. MR_OK,
 * MR_E_SYSTEM, MR_E_MEMORY.
 */
enum mr_status archive_bytes_head(struct archive_bytes *bytes, size_t want_bytes,
                                  const unsigned char **data, size_t *got_bytes, bool *is_all,
                                  struct mr_error *err);

/* Copies a pipe to a nameless temporary file, which takes its place. MR_OK, MR_E_SYSTEM,
 * MR_E_MEMORY. */
enum mr_status archive_bytes_spool(struct archive_bytes *bytes, struct mr_error *err);

/*
 * Opens a prepared handle on the bytes, from their beginning, which must not be gone (see
 * archive_bytes_can_rewind()). Compression around the archive that choice allows and unwrap.h knows
 * is taken off here, and checked; after archive_bytes_forget() by a thread of its own, when there is
 * enough of it. Returns libarchive's status. No other handle may be used on the bytes any more.
 */
int archive_bytes_open(struct archive_bytes *bytes, struct archive *archive,
                       const struct archive_choice *choice);

/*
 * After the last member: reads what is left of compressed data around the archive, whose checksum
 * comes at its end. MR_OK (also when there is none), MR_E_DATA (it is damaged, or goes on for ever),
 * MR_E_UNSUPPORTED, MR_E_MEMORY, MR_E_SYSTEM.
 */
enum mr_status archive_bytes_finish(struct archive_bytes *bytes, struct mr_error *err);

/* What was read of a pipe is not needed any more. */
void archive_bytes_forget(struct archive_bytes *bytes);

/*
 * Hands back the descriptor and what was read of a pipe (malloc; NULL when nothing) and leaves
 * bytes good for archive_bytes_destroy() alone. False when it cannot: what was read is not kept any
 * more.
 */
bool archive_bytes_take(struct archive_bytes *bytes, int *fd, void **head, size_t *head_bytes);

/* Another descriptor (the caller's) of an input that can seek, at its beginning; -1 with errno. */
int archive_bytes_duplicate(const struct archive_bytes *bytes);

/* What limits said. */
bool archive_bytes_is_lenient(const struct archive_bytes *bytes);
bool archive_bytes_can_seek(const struct archive_bytes *bytes);
/* True while everything that was read can be read again: always for a file, for a pipe as long as
 * all is kept. */
bool archive_bytes_can_rewind(const struct archive_bytes *bytes);
/* The most memory that taking the compression off needs besides a few buffers. */
uint64_t archive_bytes_memory(const struct archive_bytes *bytes);
/* The size of an input that can seek, else how much of it was read so far. Any thread. */
uint64_t archive_bytes_input(const struct archive_bytes *bytes);
/* The errno of the last failed system call, 0 when none failed. */
int archive_bytes_errno(const struct archive_bytes *bytes);

#endif
