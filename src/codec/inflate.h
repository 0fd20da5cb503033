/*
 * inflate.h - decodes deflate data (RFC 1951) piece by piece, bare or wrapped as gzip (RFC 1952) or
 * zlib (RFC 1950): by ISA-L where this build has it, else by zlib. The wrapping is read here, so
 * that both find the same faults.
 *
 * An inflater is used by one thread at a time. It takes about 100 KiB.
 */
#ifndef MR_CODEC_INFLATE_H
#define MR_CODEC_INFLATE_H

#include "millrace/operation.h"

enum inflate_wrap { INFLATE_RAW, INFLATE_ZLIB, INFLATE_GZIP };

#define INFLATE_MEMORY_BYTES ((size_t)96 << 10) /* of one inflater, at most */

struct inflater;

/* A new one, ready for the first member. NULL when out of memory. */
struct inflater *inflate_create(enum inflate_wrap wrap);
void inflate_destroy(struct inflater *inflater); /* NULL is a no-op */
/* Makes it ready for another member, whatever was done before. */
void inflate_reset(struct inflater *inflater);

/*
 * Decodes until the input is used up, the room is full or the member has ended, and advances io;
 * io->is_last does not matter. MR_OK: needs more of what ran out. It may then still hold output
 * when the room is full, never when there is room left. MR_DONE: the member has ended, its check
 * values are right, and io->in is just behind it; reset comes next. MR_E_DATA (damaged),
 * MR_E_UNSUPPORTED (a preset dictionary), MR_E_MEMORY: *problem says what, a constant text.
 */
enum mr_status inflate_step(struct inflater *inflater, struct mr_io *io, const char **problem);

#endif
