/*
 * unwrap.h - takes the compression off a file, whatever number of members, frames or streams it is
 * made of: gzip (RFC 1952), zstd (RFC 8878), xz, bzip2 and lz4, as far as this build has the
 * libraries. Zeros behind the last of them are padding; anything else there is left out, which is
 * told.
 */
#ifndef MR_CODEC_UNWRAP_H
#define MR_CODEC_UNWRAP_H

#include <stdint.h>

#include "millrace/operation.h"

#define UNWRAP_HEAD_BYTES 10 /* that a format is recognised by */

struct unwrap_format;
struct unwrap;

struct unwrap_options {
    unsigned thread_count;  /* that a library may use besides the caller's; 0 and 1: none */
    uint64_t threads_bytes; /* memory for these threads; a format that has none does not look */
};

/*
 * The format that a file begins with, by its first bytes, UNWRAP_HEAD_BYTES or all there are (at
 * least 1); NULL: none that this build decodes.
 */
const struct unwrap_format *unwrap_recognise(const unsigned char *head, size_t head_bytes);
/* "gz", "zst", "xz", "bz2", "lz4". */
const char *unwrap_format_name(const struct unwrap_format *format);
/* True when a library has threads of its own for it. */
bool unwrap_format_has_threads(const struct unwrap_format *format);

/* options is copied. NULL when out of memory. Used by one thread at a time. */
struct unwrap *unwrap_create(const struct unwrap_format *format,
                             const struct unwrap_options *options);
void unwrap_destroy(struct unwrap *unwrap); /* NULL is a no-op */

/*
 * Decodes until the input is used up, the room is full, or a frame has ended, and advances io;
 * io->is_last says that no input follows. MR_OK: call again, with more of what ran out; it may have
 * done nothing for a while when it waits for threads. MR_DONE: that was all; where *problem was
 * set, it says what else there is. MR_E_DATA (damaged or cut off), MR_E_UNSUPPORTED, MR_E_MEMORY:
 * *problem says what, a constant text; what was made before is good.
 */
enum mr_status unwrap_step(struct unwrap *unwrap, struct mr_io *io, const char **problem);

/* True between two frames, when nothing of the next one was taken yet. */
bool unwrap_is_between(const struct unwrap *unwrap);

#endif
