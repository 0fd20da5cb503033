#include "sink/archive_outputs.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/path.h"
#include "config.h"

#define SECOND_NS 1000000000

static const struct archive_ability pax_ability = {
    .has_xattrs = true,
    .has_owners = true,
    .has_owner_names = true,
    .has_hardlinks = true,
    .has_plain_headers = true,
    .mtime_unit_ns = 1,
    .mtime_min_s = INT64_MIN,
    .mtime_max_s = INT64_MAX,
};
static const struct archive_ability gnu_ability = {
    .has_owners = true,
    .has_owner_names = true,
    .has_hardlinks = true,
    .mtime_unit_ns = SECOND_NS,
    .mtime_min_s = INT64_MIN,
    .mtime_max_s = INT64_MAX,
};
static const struct archive_ability ustar_ability = {
    .has_owners = true,
    .has_owner_names = true,
    .has_hardlinks = true,
    .mtime_unit_ns = SECOND_NS,
    .mtime_min_s = 0,
    .mtime_max_s = 077777777777,
};
static const struct archive_ability cpio_ability = {
    .has_owners = true,
    .needs_inodes = true,
    .mtime_unit_ns = SECOND_NS,
    .mtime_min_s = 0,
    .mtime_max_s = UINT32_MAX,
};
static const struct archive_ability seven_zip_ability = {
    .is_utf8_only = true,
    .mtime_unit_ns = 100,
    .mtime_min_s = -11644473600, /* 1601 */
    .mtime_max_s = 910692730085,
};

struct level_range {
    int min, max, usual; /* all 0: no levels */
};
static const struct level_range no_levels = {0, 0, 0};
#if MR_HAVE_ZSTD
static const struct level_range zstd_levels = {1, 22, 3};
#endif

/* One value of a setting, and what it decides; what is not set is left as it is. */
struct archive_flavour {
    const char *key, *value;
    int (*set_format)(struct archive *archive); /* with ability; zip and sqlar, which libarchive
                                                   does not write, have none */
    const struct archive_ability *ability;
    const struct block_codec *(*codec)(void);
    bool has_method; /* zip, sqlar: method and levels count */
    enum mr_method method;
    const struct level_range *levels; /* NULL: those of the format */
};

/* The first of each table is the default. */
#define TAR_FLAVOURS                                                                               \
    {.key = "format",                                                                              \
     .value = "pax",                                                                               \
     .set_format = archive_write_set_format_pax_restricted,                                        \
     .ability = &pax_ability},                                                                     \
        {.key = "format",                                                                          \
         .value = "gnu",                                                                           \
         .set_format = archive_write_set_format_gnutar,                                            \
         .ability = &gnu_ability},                                                                 \
    {                                                                                              \
        .key = "format", .value = "ustar", .set_format = archive_write_set_format_ustar,           \
        .ability = &ustar_ability                                                                  \
    }

static const struct archive_flavour tar_flavours[] = {TAR_FLAVOURS, {.key = NULL}};
static const struct archive_flavour tar_gz_flavours[] = {
    TAR_FLAVOURS,
    {.key = "layout", .value = "member", .codec = block_codec_gzip},
    {.key = "layout", .value = "bgzf", .codec = block_codec_bgzf},
    {.key = NULL},
};
static const struct archive_flavour zip_flavours[] = {
    {.key = "method", .value = "deflate", .has_method = true, .method = MR_METHOD_DEFLATE},
    {.key = "method", .value = "store", .has_method = true, .levels = &no_levels},
#if MR_HAVE_ZSTD
    {.key = "method",
     .value = "zstd",
     .has_method = true,
     .method = MR_METHOD_ZSTD,
     .levels = &zstd_levels},
#endif
    {.key = NULL},
};
#if MR_HAVE_SQLITE
static const struct archive_flavour sqlar_flavours[] = {
    {.key = "method", .value = "zlib", .has_method = true, .method = MR_METHOD_ZLIB},
    {.key = "method", .value = "store", .has_method = true, .levels = &no_levels},
    {.key = NULL},
};
#endif
static const struct archive_flavour cpio_flavours[] = {
    {.set_format = archive_write_set_format_cpio_newc, .ability = &cpio_ability},
};
static const struct archive_flavour seven_zip_flavours[] = {
    {.set_format = archive_write_set_format_7zip, .ability = &seven_zip_ability},
};

struct row {
    struct archive_output public;
    const struct archive_flavour *flavours; /* ends with a NULL key */
    /* How the archive's bytes are compressed: by us in blocks, else by libarchive. Both NULL: not
     * at all, or by the format itself, which then takes the level. */
    const struct block_codec *(*codec)(void);
    int (*add_filter)(struct archive *archive);
};

static const struct row rows[] = {
    {{"tar", ".tar", "tar (pax)", 0, 0, 0, true}, tar_flavours, NULL, NULL},
    {{"tar.gz", ".tar.gz|.tgz", "tar, gzip", 0, 12, 6, true},
     tar_gz_flavours,
     block_codec_gzip,
     NULL},
    {{"tar.zst", ".tar.zst|.tzst", "tar, zstd", 1, 22, 3, true},
     tar_flavours,
     block_codec_zstd,
     archive_write_add_filter_zstd},
    {{"tar.xz", ".tar.xz|.txz", "tar, xz", 0, 9, 6, true},
     tar_flavours,
     block_codec_xz,
     archive_write_add_filter_xz},
    {{"tar.bz2", ".tar.bz2|.tbz2|.tbz", "tar, bzip2", 1, 9, 9, true},
     tar_flavours,
     block_codec_bzip2,
     archive_write_add_filter_bzip2},
    {{"tar.lz4", ".tar.lz4|.tlz4", "tar, lz4", 1, 9, 1, true},
     tar_flavours,
     block_codec_lz4,
     archive_write_add_filter_lz4},
    {{"zip", ".zip|.jar|.epub|.odt|.ods|.odp|.cbz", "zip", 0, 12, 6, false},
     zip_flavours,
     NULL,
     NULL},
    {{"cpio", ".cpio", "cpio (newc)", 0, 0, 0, false}, cpio_flavours, NULL, NULL},
    {{"7z", ".7z", "7-Zip, LZMA", 0, 9, 6, false}, seven_zip_flavours, NULL, NULL},
#if MR_HAVE_SQLITE
    {{"sqlar", ".sqlar|.sqlite", "SQLite archive, zlib", 0, 12, 6, false},
     sqlar_flavours,
     NULL,
     NULL},
#endif
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

const struct archive_output *archive_output_at(size_t index)
{
    return index < ROW_COUNT ? &rows[index].public : NULL;
}

/* Calls is_fit for each suffix of output. True when one fits. */
static bool any_suffix(const struct archive_output *output, const char *text,
                       bool (*is_fit)(const char *suffix, size_t length, const char *text))
{
    for (const char *suffix = output->suffixes; *suffix;) {
        size_t length = strcspn(suffix, "|");
        if (is_fit(suffix, length, text))
            return true;
        suffix += length;
        suffix += *suffix == '|';
    }
    return false;
}

static bool is_same(const char *suffix, size_t length, const char *text)
{
    return strlen(text) == length - 1 && strncasecmp(suffix + 1, text, length - 1) == 0;
}

/* The suffix alone is no name: ".zip" is a hidden file. */
static bool is_ending(const char *suffix, size_t length, const char *text)
{
    const char *name = path_base(text);
    size_t name_length = strlen(name);
    return name_length > length && strncasecmp(name + name_length - length, suffix, length) == 0;
}

const struct archive_output *archive_output_find(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcasecmp(rows[i].public.name, name) == 0 ||
            any_suffix(&rows[i].public, name, is_same))
            return &rows[i].public;
    return NULL;
}

const struct archive_output *archive_output_by_suffix(const char *path)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (any_suffix(&rows[i].public, path, is_ending))
            return &rows[i].public;
    return NULL;
}

static void list_settings(const struct archive_flavour *flavours, char *text, size_t cap_bytes)
{
    text[0] = '\0';
    const char *key = NULL;
    for (const struct archive_flavour *at = flavours; at->key; at++) {
        size_t used = strlen(text);
        if (key && strcmp(key, at->key) == 0)
            snprintf(text + used, cap_bytes - used, "|%s", at->value);
        else
            snprintf(text + used, cap_bytes - used, "%s%s=%s", key ? ", " : "", at->key, at->value);
        key = at->key;
    }
}

void archive_output_settings(const struct archive_output *output, char *text, size_t cap_bytes)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (&rows[i].public == output)
            list_settings(rows[i].flavours, text, cap_bytes);
}

/* Puts what settings ask for over the defaults in *chosen; of one key the last value counts. */
static enum mr_status parse_settings(const struct row *row, const char *settings,
                                     struct archive_flavour *chosen, struct mr_error *err)
{
    *chosen = row->flavours[0];
    chosen->codec = row->codec;
    while (settings && *settings) {
        size_t length = strcspn(settings, ",");
        const struct archive_flavour *at = row->flavours;
        while (at->key) {
            size_t key_length = strlen(at->key);
            if (key_length + 1 + strlen(at->value) == length &&
                strncmp(settings, at->key, key_length) == 0 && settings[key_length] == '=' &&
                strncmp(settings + key_length + 1, at->value, length - key_length - 1) == 0)
                break;
            at++;
        }
        if (!at->key) {
            char given[80], shown[PATH_SHOW_BYTES], allowed[80];
            snprintf(given, sizeof(given), "%.*s",
                     (int)(length < sizeof(given) ? length : sizeof(given)), settings);
            if (strncmp(given, "level=", 6) == 0)
                return mr_error_set(err, MR_E_USAGE, 0, "%s: the level is set by --level N",
                                    row->public.name);
            list_settings(row->flavours, allowed, sizeof(allowed));
            return mr_error_set(err, MR_E_USAGE, 0, "%s: unknown setting \"%s\" (%s%s)",
                                row->public.name, path_show(shown, sizeof(shown), given),
                                *allowed ? "allowed: " : "it has none", allowed);
        }
        if (at->set_format) {
            chosen->set_format = at->set_format;
            chosen->ability = at->ability;
        }
        if (at->codec)
            chosen->codec = at->codec;
        if (at->has_method) {
            chosen->method = at->method;
            chosen->levels = at->levels;
            chosen->value = at->value; /* for check_level() */
        }
        settings += length;
        settings += *settings == ',';
    }
    return MR_OK;
}

static enum mr_status check_level(const struct archive_output *output,
                                  const struct archive_flavour *flavour, int *level,
                                  struct mr_error *err)
{
    struct level_range levels = {output->level_min, output->level_max, output->level_default};
    char name[40];
    snprintf(name, sizeof(name), "%s", output->name);
    if (flavour->levels) {
        levels = *flavour->levels;
        snprintf(name, sizeof(name), "%s:%s=%s", output->name, flavour->key, flavour->value);
    }
    if (*level == -1) {
        *level = levels.usual;
        return MR_OK;
    }
    if (levels.max == 0)
        return mr_error_set(err, MR_E_USAGE, 0, "--level: %s has no compression levels", name);
    if (*level < levels.min || *level > levels.max)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "--level: %s has the compression levels %d to %d, not %d", name,
                            levels.min, levels.max, *level);
    return MR_OK;
}

/* What settings and *level (-1 becomes the default) ask for. */
static enum mr_status choose(const struct archive_output *output, const char *settings, int *level,
                             const struct row **row, struct archive_flavour *flavour,
                             struct mr_error *err)
{
    *row = rows;
    while (&(*row)->public != output)
        (*row)++;
    enum mr_status status = parse_settings(*row, settings, flavour, err);
    return status == MR_OK ? check_level(output, flavour, level, err) : status;
}

static bool set_level(struct archive *archive, const struct row *row, bool is_filter, int level)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", level);
    if (row->public.level_max == 0)
        return true;
    if (is_filter)
        return archive_write_set_filter_option(archive, NULL, "compression-level", text) ==
               ARCHIVE_OK;
    return archive_write_set_format_option(archive, NULL, "compression-level", text) == ARCHIVE_OK;
}

enum mr_status archive_outputs_prepare(struct archive *archive, const struct archive_output *output,
                                       const char *settings, int *level,
                                       const struct archive_ability **ability,
                                       const struct block_codec **codec, struct mr_error *err)
{
    const struct row *row;
    struct archive_flavour flavour;
    enum mr_status status = choose(output, settings, level, &row, &flavour, err);
    if (status != MR_OK)
        return status;
    *ability = flavour.ability;
    *codec = flavour.codec ? flavour.codec() : NULL;
    bool is_set = flavour.set_format(archive) == ARCHIVE_OK;
    /* GNU tar warns of the other form, LIBARCHIVE.xattr. */
    if (is_set && flavour.ability->has_xattrs)
        is_set =
            archive_write_set_format_option(archive, NULL, "xattrheader", "SCHILY") == ARCHIVE_OK;
    bool is_filter = !*codec && row->add_filter;
    if (is_set && is_filter)
        is_set = row->add_filter(archive) == ARCHIVE_OK;
    if (is_set && !*codec)
        is_set = set_level(archive, row, is_filter, *level);
    if (!is_set)
        return mr_error_set(err, MR_E_MEMORY, 0, "libarchive cannot write %s: %s", output->name,
                            archive_error_string(archive) ? archive_error_string(archive)
                                                          : "out of memory");
    return MR_OK;
}

bool archive_outputs_is_zip(const struct archive_output *output)
{
    return output && strcmp(output->name, "zip") == 0;
}

bool archive_output_is_database(const struct archive_output *output)
{
    return output && strcmp(output->name, "sqlar") == 0;
}

enum mr_status archive_outputs_encoding(const struct archive_output *output, const char *settings,
                                        int level, struct mr_sink_encoding *encoding,
                                        struct mr_error *err)
{
    const struct row *row;
    struct archive_flavour flavour;
    encoding->recodes = level != -1 || (settings && *settings);
    enum mr_status status = choose(output, settings, &level, &row, &flavour, err);
    if (status != MR_OK)
        return status;
    encoding->method = level == 0 ? MR_METHOD_PLAIN : flavour.method;
    encoding->level = level;
    return MR_OK;
}
