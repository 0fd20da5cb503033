/* recompress: decompress and a codec, as a chain of two. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "operation/chain.h"
#include "operation/operations.h"

static const char *const targets[] = {"gzip", "zlib", "zstd", "xz", "bzip2", "lz4", NULL};

struct config {
    const char *to;      /* one of targets, NULL until set */
    char level[24];      /* "" for the codec's own */
    struct chain *chain; /* owned; made by config_check() */
};

static enum mr_status config_create(void **config, struct mr_error *err)
{
    *config = calloc(1, sizeof(struct config));
    return *config ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static void config_destroy(void *config)
{
    chain_destroy(((struct config *)config)->chain);
    free(config);
}

static enum mr_status config_set(void *config, const char *key, const char *value,
                                 struct mr_error *err)
{
    struct config *recompress = config;
    char shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), value);
    if (key[0] == 'l') {
        int length = snprintf(recompress->level, sizeof(recompress->level), "level=%s", value);
        bool fits = length > 0 && (size_t)length < sizeof(recompress->level) && !strchr(value, ',');
        return fits ? MR_OK : mr_error_set(err, MR_E_USAGE, 0, "\"%s\" is not a level", shown);
    }
    for (size_t i = 0; targets[i]; i++) {
        if (strcmp(targets[i], value) == 0) {
            recompress->to = targets[i];
            return MR_OK;
        }
    }
    return mr_error_set(err, MR_E_USAGE, 0, "\"%s\" must be gzip, zlib, zstd, xz, bzip2 or lz4",
                        shown);
}

/* Makes the chain: a codec that this build has not, or a level that it has not, is found here. */
static enum mr_status config_check(void *config, struct mr_error *err)
{
    struct config *recompress = config;
    if (!recompress->to)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "say to what: to=gzip, zlib, zstd, xz, bzip2 or lz4");
    char codec[48];
    snprintf(codec, sizeof(codec), "%s%s%s", recompress->to, recompress->level[0] ? ":" : "",
             recompress->level);
    enum mr_status status = chain_create(&recompress->chain, err);
    if (status == MR_OK)
        status = chain_add(recompress->chain, operation_decompress.name, err);
    if (status == MR_OK)
        status = chain_add(recompress->chain, codec, err);
    return status;
}

static const struct chain *chain_of(const void *config)
{
    return ((const struct config *)config)->chain;
}

static size_t state_bytes(const void *config)
{
    return chain_state_bytes(chain_of(config));
}

static enum mr_status rename_swapped(const void *config, char **path)
{
    return chain_rename(chain_of(config), path);
}

static enum mr_status state_create(const void *config, void **state, struct mr_error *err)
{
    struct chain_state *made;
    enum mr_status status = chain_state_create(chain_of(config), &made, err);
    if (status == MR_OK)
        *state = made;
    return status;
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    return chain_start(state, entry, err);
}

static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    return chain_process(state, io, err);
}

static void stop(void *state)
{
    chain_stop(state);
}

static void state_destroy(void *state)
{
    chain_state_destroy(state);
}

static const struct mr_setting settings[] = {
    {"to", "gzip|zlib|zstd|xz|bzip2|lz4", "", "what it becomes; must be given"},
    {"level", "as of that codec", "as of that codec", "for the codec"},
    {NULL, NULL, NULL, NULL},
};

const struct mr_operation operation_recompress = {
    .struct_bytes = sizeof(struct mr_operation),
    .flags = MR_OPERATION_UNPACKS,
    .name = "recompress",
    .summary = "decompress, then compress by another codec; the suffix is swapped",
    .settings = settings,
    .config_create = config_create,
    .config_set = config_set,
    .config_check = config_check,
    .config_destroy = config_destroy,
    .state_bytes = state_bytes,
    .rename = rename_swapped,
    .state_create = state_create,
    .start = start,
    .process = process,
    .stop = stop,
    .state_destroy = state_destroy,
};
