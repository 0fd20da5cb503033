/* gzip, zlib: deflate in two wrappings. */
#include <string.h>

#include "base/path.h"
#include "operation/codec.h"
#include "operation/operations.h"

#define LEVEL_MIN     0
#define LEVEL_MAX     12
#define LEVEL_DEFAULT 6

static enum mr_status gzip_config_create(void **config, struct mr_error *err)
{
    return codec_config_create(block_codec_gzip(), LEVEL_DEFAULT, config, err);
}

static enum mr_status zlib_config_create(void **config, struct mr_error *err)
{
    return codec_config_create(block_codec_zlib(), LEVEL_DEFAULT, config, err);
}

static enum mr_status layout_set(const char *value, const struct block_codec **codec,
                                 struct mr_error *err)
{
    bool is_bgzf = strcmp(value, "bgzf") == 0;
    char shown[PATH_SHOW_BYTES];
    if (!is_bgzf && strcmp(value, "member") != 0)
        return mr_error_set(err, MR_E_USAGE, 0, "\"%s\" is not a layout: it must be member or bgzf",
                            path_show(shown, sizeof(shown), value));
    *codec = is_bgzf ? block_codec_bgzf() : block_codec_gzip();
    return MR_OK;
}

static enum mr_status config_set(void *config, const char *key, const char *value,
                                 struct mr_error *err)
{
    struct codec_config *codec = config;
    if (strcmp(key, "layout") == 0)
        return layout_set(value, &codec->codec, err);
    return codec_level_set(value, LEVEL_MIN, LEVEL_MAX, &codec->options.level, err);
}

bool gzip_is_default(const void *config)
{
    const struct codec_config *codec = config;
    return codec->codec == block_codec_gzip() && codec->options.level == LEVEL_DEFAULT;
}

static enum mr_status gzip_rename(const void *config, char **path)
{
    (void)config;
    return codec_suffix_add(path, ".gz");
}

static enum mr_status zlib_rename(const void *config, char **path)
{
    (void)config;
    return codec_suffix_add(path, ".zz");
}

#define LEVEL_SETTING                                                                              \
    {                                                                                              \
        "level", "0-12", "6",                                                                      \
            "1 is fastest, 9 what gzip calls best, 12 smallest; 0 does not compress"               \
    }

static const struct mr_setting gzip_settings[] = {
    LEVEL_SETTING,
    {"layout", "member|bgzf", "member",
     "one member, which everybody reads; or many small ones, to be read from the middle (bgzip)"},
    {NULL, NULL, NULL, NULL},
};

static const struct mr_setting zlib_settings[] = {
    LEVEL_SETTING,
    {NULL, NULL, NULL, NULL},
};

const struct mr_operation operation_gzip = {
    CODEC_ENCODER,
    .name = "gzip",
    .summary = "compresses to .gz: read everywhere, moderate in speed and size",
    .settings = gzip_settings,
    .config_create = gzip_config_create,
    .config_set = config_set,
    .rename = gzip_rename,
    .internals = &codec_internals,
};

const struct mr_operation operation_zlib = {
    CODEC_ENCODER,
    .name = "zlib",
    .summary = "compresses to .zz: gzip's compression in the short wrapping of RFC 1950",
    .settings = zlib_settings,
    .config_create = zlib_config_create,
    .config_set = config_set,
    .rename = zlib_rename,
    .internals = &codec_internals,
};
