#include "operation/codec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/path.h"

enum mr_status codec_config_create(const struct block_codec *codec, int level, void **config,
                                   struct mr_error *err)
{
    struct codec_config *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->codec = codec;
    made->options = (struct block_options){.level = level, .has_checksum = true};
    *config = made;
    return MR_OK;
}

void codec_config_destroy(void *config)
{
    free(config);
}

enum mr_status codec_level_set(const char *value, int min, int max, int *level,
                               struct mr_error *err)
{
    uint64_t count;
    if (parse_count(value, (uint64_t)min, (uint64_t)max, &count, NULL) == MR_OK) {
        *level = (int)count;
        return MR_OK;
    }
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_USAGE, 0, "\"%s\" is not a level: it must be %d-%d",
                        path_show(shown, sizeof(shown), value), min, max);
}

enum mr_status codec_flag_set(const char *value, bool *flag, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    bool is_yes = strcmp(value, "yes") == 0;
    if (!is_yes && strcmp(value, "no") != 0)
        return mr_error_set(err, MR_E_USAGE, 0, "\"%s\" must be yes or no",
                            path_show(shown, sizeof(shown), value));
    *flag = is_yes;
    return MR_OK;
}

size_t codec_sum(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

void codec_advance(struct mr_io *io, size_t used_bytes, size_t made_bytes)
{
    if (used_bytes > 0)
        io->in += used_bytes;
    io->in_bytes -= used_bytes;
    io->out += made_bytes;
    io->out_bytes -= made_bytes;
}

static const struct suffix {
    const char *format;
    const char *suffix;
    const char *plain; /* what stands in its place */
} suffixes[] = {
    {"gzip", ".gz", ""},       {"gzip", ".tgz", ".tar"},  {"gzip", ".taz", ".tar"},
    {"gzip", ".svgz", ".svg"}, {"zlib", ".zz", ""},       {"zstd", ".zst", ""},
    {"zstd", ".zstd", ""},     {"zstd", ".tzst", ".tar"}, {"xz", ".xz", ""},
    {"xz", ".txz", ".tar"},    {"lzma", ".lzma", ""},     {"lzma", ".tlz", ".tar"},
    {"bzip2", ".bz2", ""},     {"bzip2", ".bz", ""},      {"bzip2", ".tbz2", ".tar"},
    {"bzip2", ".tbz", ".tar"}, {"lz4", ".lz4", ""},       {"lz4", ".tlz4", ".tar"},
    {"lzip", ".lz", ""},       {"compress", ".Z", ""},    {NULL, NULL, NULL},
};

enum mr_status codec_suffix_add(char **path, const char *suffix)
{
    size_t path_bytes = strlen(*path);
    size_t suffix_bytes = strlen(suffix);
    char *longer = realloc(*path, path_bytes + suffix_bytes + 1);
    if (!longer)
        return MR_E_MEMORY;
    memcpy(longer + path_bytes, suffix, suffix_bytes + 1);
    *path = longer;
    return MR_OK;
}

/* ".Z" alone is told from ".z" (pack), by its case. */
static bool has_suffix(const char *path, const struct suffix *row)
{
    size_t suffix_bytes = strlen(row->suffix);
    /* A file that is called ".gz" keeps its name. */
    if (strlen(path_base(path)) <= suffix_bytes)
        return false;
    const char *end = path + strlen(path) - suffix_bytes;
    return (strcmp(row->format, "compress") == 0 ? strcmp : strcasecmp)(end, row->suffix) == 0;
}

bool codec_suffix_is_there(const char *path)
{
    for (const struct suffix *row = suffixes; row->format; row++)
        if (has_suffix(path, row))
            return true;
    return false;
}

enum mr_status codec_suffix_remove(char **path, const char *format)
{
    for (const struct suffix *row = suffixes; row->format; row++) {
        if ((format && strcmp(format, row->format) != 0) || !has_suffix(*path, row))
            continue;
        char *end = *path + strlen(*path) - strlen(row->suffix);
        memcpy(end, row->plain, strlen(row->plain) + 1); /* never longer than the suffix */
        return MR_OK;
    }
    return MR_OK;
}

unsigned char *codec_spill_room(struct codec_spill *spill, size_t bytes)
{
    if (bytes > SIZE_MAX - spill->count)
        return NULL;
    if (spill->count + bytes > spill->cap_bytes) {
        unsigned char *larger = realloc(spill->bytes, spill->count + bytes);
        if (!larger)
            return NULL;
        spill->bytes = larger;
        spill->cap_bytes = spill->count + bytes;
    }
    return spill->bytes + spill->count;
}

enum mr_status codec_spill_put(struct codec_spill *spill, const void *bytes, size_t count,
                               struct mr_error *err)
{
    unsigned char *room = codec_spill_room(spill, count);
    if (!room)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    memcpy(room, bytes, count);
    spill->count += count;
    return MR_OK;
}

bool codec_spill_drain(struct codec_spill *spill, struct mr_io *io)
{
    size_t left = spill->count - spill->at;
    size_t moved = left < io->out_bytes ? left : io->out_bytes;
    if (moved > 0) {
        memcpy(io->out, spill->bytes + spill->at, moved);
        spill->at += moved;
        codec_advance(io, 0, moved);
    }
    if (spill->at < spill->count)
        return false;
    spill->at = spill->count = 0;
    return true;
}
