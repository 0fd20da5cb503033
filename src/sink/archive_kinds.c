#include "sink/archive_kinds.h"

#include "config.h"
#include "sink/archive_outputs.h"
#include "sink/sqlar_sink.h"
#include "sink/zip_sink.h"

struct archive_target_config archive_target_config_of(const struct archive_sink_config *config)
{
    return (struct archive_target_config){config->overwrites, config->sync, config->is_exclusive,
                                          config->is_resumed, config->replaced};
}

static enum mr_status create_zip(const char *path, const struct archive_output *output,
                                 const struct archive_sink_config *config, struct mr_sink **sink,
                                 struct mr_error *err)
{
    struct zip_sink_config zip = {.target = archive_target_config_of(config),
                                  .is_reproducible = config->is_reproducible};
    enum mr_status status =
        archive_outputs_encoding(output, config->settings, config->level, &zip.encoding, err);
    return status == MR_OK ? zip_sink_create(path, &zip, sink, err) : status;
}

#if MR_HAVE_SQLITE
static enum mr_status create_sqlar(const char *path, const struct archive_output *output,
                                   const struct archive_sink_config *config, struct mr_sink **sink,
                                   struct mr_error *err)
{
    struct sqlar_sink_config sqlar = {.target = archive_target_config_of(config),
                                      .table = config->table,
                                      .appends = config->appends,
                                      .existing = config->existing};
    enum mr_status status =
        archive_outputs_encoding(output, config->settings, config->level, &sqlar.encoding, err);
    return status == MR_OK ? sqlar_sink_create(path, &sqlar, sink, err) : status;
}
#endif

enum mr_status archive_sink_create(const char *path, const struct archive_sink_config *config,
                                   struct mr_sink **sink, struct mr_error *err)
{
    const struct archive_output *output = archive_output_find(config->format);
    if (archive_outputs_is_zip(output))
        return create_zip(path, output, config, sink, err);
#if MR_HAVE_SQLITE
    if (archive_output_is_database(output))
        return create_sqlar(path, output, config, sink, err);
#endif
    return archive_sink_create_stream(path, config, sink, err);
}
