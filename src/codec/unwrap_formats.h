/* unwrap_formats.h - what a format gives to unwrap.c, and the formats that there are. */
#ifndef MR_CODEC_UNWRAP_FORMATS_H
#define MR_CODEC_UNWRAP_FORMATS_H

#include "codec/unwrap.h"

struct unwrap_format {
    const char *name;
    const char *truncated; /* what to say when a frame breaks off */
    size_t head_bytes;     /* enough to know that a frame begins; at most UNWRAP_HEAD_BYTES */
    bool has_threads;
    bool skips_zeros; /* zero bytes between two frames are padding */
    /* May a file begin like this? There are UNWRAP_HEAD_BYTES of it. */
    bool (*begins_file)(const unsigned char *head);
    /* May another frame begin like this? count is at least 1, at most head_bytes. */
    bool (*begins)(const unsigned char *head, size_t count);
    /* NULL when out of memory. */
    void *(*create)(const struct unwrap_options *options);
    void (*destroy)(void *state);
    /* A frame begins. MR_OK, MR_E_MEMORY. */
    enum mr_status (*start)(void *state);
    /* MR_OK: needs more of what ran out. MR_DONE: the frame ended. MR_TIMEOUT: its threads still
     * work. Errors as for unwrap_step(). */
    enum mr_status (*step)(void *state, struct mr_io *io, const char **problem);
};

/* Moves io on. */
static inline void unwrap_advance(struct mr_io *io, size_t used_bytes, size_t made_bytes)
{
    if (used_bytes > 0)
        io->in += used_bytes;
    io->in_bytes -= used_bytes;
    io->out += made_bytes;
    io->out_bytes -= made_bytes;
}

extern const struct unwrap_format unwrap_gzip, unwrap_zstd, unwrap_xz, unwrap_bzip2, unwrap_lz4;

#endif
