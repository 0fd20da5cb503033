/*
 * archive_bytes.h - the bytes of one archive file, from a descriptor to whoever reads it.
 *
 * A regular file is read by offset, so the descriptor's own position never moves. Of a pipe
 * everything that was read is kept until archive_bytes_forget(), so that it can be handed back.
 */
#ifndef MR_SOURCE_ARCHIVE_BYTES_H
#define MR_SOURCE_ARCHIVE_BYTES_H

#include <stdint.h>

#include "source/archive_formats.h"
#include "source/archive_reading.h"
#include "source/decode_ahead.h"

struct archive_bytes;

/* fd is owned from now on, also on failure. limits are copied; NULL: the defaults. MR_OK,
 * MR_E_SYSTEM, MR_E_MEMORY. */
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
 * Finds out whether the input is compressed in a way that choice allows and unwrap.h knows. That is
 * then taken off what archive_bytes_input() gives, and checked; after archive_bytes_forget() ahead
 * of who reads, when there is enough of it (decode_ahead.h). MR_OK, MR_E_MEMORY.
 */
enum mr_status archive_bytes_unwrap(struct archive_bytes *bytes,
                                    const struct archive_choice *choice, struct mr_error *err);
/*
 * The first bytes below the compression, which stay where they are for who reads. *data is valid
 * until then. False: there is none, or what is below cannot be read. Once, before anything is read.
 */
bool archive_bytes_peek(struct archive_bytes *bytes, const unsigned char **data,
                        size_t *size_bytes);
/* The input for a reader, from its beginning; it can be rewound while archive_bytes_can_rewind().
 * Nothing else may read the bytes meanwhile. */
void archive_bytes_input(struct archive_bytes *bytes, struct archive_input *input);
/* The descriptor (still owned) of a regular file that needs no compression taken off, and where the
 * input begins in it; -1: it is none. */
int archive_bytes_file(const struct archive_bytes *bytes, int64_t *start_bytes);

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
uint64_t archive_bytes_stored(const struct archive_bytes *bytes);
/*
 * How much of the input, as it is, lies before the plain_bytes-th of those that
 * archive_bytes_input() gave: exact without compression, else within a block; never more than was
 * read. By whoever reads.
 */
uint64_t archive_bytes_used(const struct archive_bytes *bytes, uint64_t plain_bytes);

#endif
