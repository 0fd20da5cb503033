/* archive_kinds.h - the sinks of archives behind archive_sink_create(), which chooses one by the
 * format. */
#ifndef MR_SINK_ARCHIVE_KINDS_H
#define MR_SINK_ARCHIVE_KINDS_H

#include "sink/archive_target.h"

/* As archive_sink_create(), for the formats that libarchive writes. */
enum mr_status archive_sink_create_stream(const char *path,
                                          const struct archive_sink_config *config,
                                          struct mr_sink **sink, struct mr_error *err);

/* What config says of the file. */
struct archive_target_config archive_target_config_of(const struct archive_sink_config *config);

#endif
