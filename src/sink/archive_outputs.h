/* archive_outputs.h - which archives are written, how libarchive is told, and what each can hold.
 */
#ifndef MR_SINK_ARCHIVE_OUTPUTS_H
#define MR_SINK_ARCHIVE_OUTPUTS_H

#include <archive.h>
#include <stdint.h>

#include "sink/blocks.h"
#include "sink/sinks.h"

/* What a format can hold. Everything holds names, kinds, permission bits and content. */
struct archive_ability {
    bool has_xattrs, has_owners, has_owner_names, has_hardlinks;
    bool is_utf8_only;      /* names must be UTF-8 */
    bool needs_inodes;      /* cpio */
    bool has_plain_headers; /* tar_header_make() makes them */
    uint32_t mtime_unit_ns; /* finer is lost */
    int64_t mtime_min_s, mtime_max_s;
};

/*
 * Prepares a new write handle for output, which is neither zip nor sqlar, with these settings
 * ("key=value,...", or NULL) and *level
 * (-1: the default, which it then becomes). MR_OK with *ability and *codec, which are const and
 * live for ever; *codec is what the archive's bytes are to be compressed with, or NULL when
 * libarchive does what there is to do. MR_E_USAGE, MR_E_MEMORY.
 */
enum mr_status archive_outputs_prepare(struct archive *archive, const struct archive_output *output,
                                       const char *settings, int *level,
                                       const struct archive_ability **ability,
                                       const struct block_codec **codec, struct mr_error *err);

/* Is it the format that zip_sink.c writes and libarchive does not? NULL is none. */
bool archive_outputs_is_zip(const struct archive_output *output);
/* The same for zip and sqlar: what is asked for by settings and level. MR_OK, MR_E_USAGE. */
enum mr_status archive_outputs_encoding(const struct archive_output *output, const char *settings,
                                        int level, struct mr_sink_encoding *encoding,
                                        struct mr_error *err);

#endif
