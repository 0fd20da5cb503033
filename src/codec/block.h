/*
 * block.h - ways to compress a stream in blocks that know nothing of each other, so that several
 * threads can do it: what they make, put one behind the other, is a stream that everybody reads.
 *
 * The bytes depend on the content and the options alone. Three places use it: the encoding
 * operations, one block after the other; the ENCODE step of src/flow, for large items; and
 * src/sink/blocks.c, for the stream of an archive. A content of one block (is_first and is_last)
 * becomes a stream such as the format's own tool makes of a whole file.
 */
#ifndef MR_CODEC_BLOCK_H
#define MR_CODEC_BLOCK_H

#include <stdint.h>

#include "millrace/status.h"

/* What a user may choose; a codec uses what it has. */
struct block_options {
    int level;
    bool is_extreme;   /* xz */
    bool has_checksum; /* zstd */
};

/* One piece of the stream on its way through a codec. */
struct block {
    const unsigned char *in;
    size_t in_bytes;        /* block_bytes; what is left for the last one, perhaps 0 */
    bool is_first, is_last; /* of the stream */
    unsigned char *out;     /* room for bound(in_bytes) */
    size_t out_bytes;       /* set by compress */
    uint32_t check;         /* for the codec's own use: compress sets it, add reads it */
};

struct block_codec {
    const char *name;
    /* Content of every block but the last: a multiple of 1 MiB that depends on the options alone.
     */
    size_t (*block_bytes)(const struct block_options *options);
    /* The most that in_bytes can become, with what they add to the beginning and the end of the
     * stream. */
    size_t (*bound)(const struct block_options *options, size_t in_bytes);
    /* Memory of a state, for the budget. */
    size_t (*state_bytes)(const struct block_options *options);
    /* NULL when out of memory. A state is used by one thread at a time, for one block after the
     * other; options outlives it. */
    void *(*state_create)(const struct block_options *options);
    void (*state_destroy)(void *state); /* NULL is a no-op */
    /* MR_OK, MR_E_MEMORY. Called on any thread. */
    enum mr_status (*compress)(void *state, struct block *block);

    /* What depends on all blocks, kept in order; a codec that needs nothing has summary_bytes 0 and
     * NULL for the rest. */
    size_t summary_bytes; /* size of *summary, zeroed at the start */
    /* Adds the next block, after compress(). MR_OK, MR_E_MEMORY, MR_E_LIMIT. */
    enum mr_status (*add)(void *summary, const struct block *block);
    /* The bytes that end the stream: the caller's to free, NULL with *bytes 0 when there are none;
     * NULL with *bytes > 0 when out of memory. */
    unsigned char *(*end)(void *summary, size_t *bytes);
    void (*summary_clear)(void *summary); /* frees what the summary owns; may be NULL */
    /* CRC-32 (RFC 1952, section 8) of the content of all blocks added; NULL: this codec does not
     * know it. */
    uint32_t (*crc)(const void *summary);
};

/* Levels 0 (stored) to 12: raw deflate (RFC 1951); one gzip member (RFC 1952); zlib (RFC 1950). All
 * but zlib know the CRC. */
const struct block_codec *block_codec_deflate(void);
const struct block_codec *block_codec_gzip(void);
const struct block_codec *block_codec_zlib(void);
/* BGZF: gzip in members of less than 64 KiB that say their size (SAM specification, section 4.1).
 * Levels 0 to 12. */
const struct block_codec *block_codec_bgzf(void);
/* Zstandard frames (RFC 8878) with content sizes, then a seek table when there are several; NULL in
 * a build without libzstd. */
const struct block_codec *block_codec_zstd(void);
/* The same frames without the table, with a CRC of the content; NULL in a build without libzstd. */
const struct block_codec *block_codec_member_zstd(void);
/* One .xz stream with blocks of three dictionaries, at least 1 MiB, each; NULL in a build without
 * liblzma. */
const struct block_codec *block_codec_xz(void);
/* bzip2 streams, one behind the other; NULL in a build without libbz2. */
const struct block_codec *block_codec_bzip2(void);
/* lz4 frames with content sizes, one behind the other; NULL in a build without liblz4. */
const struct block_codec *block_codec_lz4(void);

#endif
