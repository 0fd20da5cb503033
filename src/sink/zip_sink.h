/*
 * zip_sink.h - a ZIP archive (PKWARE APPNOTE.TXT 6.3.10) of members whose content comes as it is to
 * stand there: see mr_sink.encoding. Written from front to end, never back, so that any output will
 * do.
 */
#ifndef MR_SINK_ZIP_SINK_H
#define MR_SINK_ZIP_SINK_H

#include "sink/archive_target.h"

struct zip_sink_config {
    struct mr_sink_encoding encoding; /* what the job is asked for */
    struct archive_target_config target;
    bool is_reproducible; /* no owners; the DOS times do not depend on the time zone */
};

/*
 * An archive at path, under a temporary name beside it until finish(); path "-" writes to stdout.
 * Names are bytes, marked as UTF-8 when they are that. Kept are modes, times in seconds and the
 * numbers of owners. The records of the members take at most 4 MiB of memory, then a temporary
 * file. MR_OK, MR_E_EXISTS, MR_E_SYSTEM, MR_E_MEMORY.
 */
enum mr_status zip_sink_create(const char *path, const struct zip_sink_config *config,
                               struct mr_sink **sink, struct mr_error *err);

#endif
