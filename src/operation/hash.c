/*
 * hash.c - the operation hash: a digest of each item, instead of its content or in a list beside
 * the unchanged output.
 *
 * The lines are those of sha256sum: "HEX  NAME\n"; a name with a newline, carriage return or
 * backslash has these escaped and a backslash before the line. NAME is the item's name in the
 * input.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/path.h"
#include "config.h"
#include "millrace/operation.h"
#include "operation/operations.h"

#if MR_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
#if MR_HAVE_XXHASH
#include <xxhash.h>
#endif
#if MR_HAVE_CRYPTO
#include <openssl/evp.h>
#endif

#define DIGEST_MAX_BYTES 32
/* A line: backslash, digest, two spaces, the name with every byte escaped, newline, NUL. */
#define LINE_BYTES(name_bytes) (1 + 2 * DIGEST_MAX_BYTES + 2 + 2 * (name_bytes) + 2)

enum hash_algo { ALGO_CRC32, ALGO_SHA256, ALGO_XXH3 };

struct hash_config {
    enum hash_algo algo;
    char *list_path; /* owned; NULL: the line is the output */
};

struct hash_state {
    const struct hash_config *config;
    uint32_t crc32;
#if MR_HAVE_XXHASH
    XXH3_state_t *xxh3;
#endif
#if MR_HAVE_CRYPTO
    EVP_MD_CTX *sha256;
#endif
    char *name; /* of the item; owned */
    char *line; /* owned; NULL until the content is at its end */
    size_t line_bytes, line_used_bytes;
};

#if MR_HAVE_CRYPTO
#define ALGO_INITIAL      ALGO_SHA256
#define ALGO_INITIAL_NAME "sha256"
#else
#define ALGO_INITIAL      ALGO_CRC32
#define ALGO_INITIAL_NAME "crc32"
#endif

static const struct {
    const char *name;
    bool is_built_in;
} algos[] = {
    [ALGO_CRC32] = {"crc32", true},
    [ALGO_SHA256] = {"sha256", MR_HAVE_CRYPTO},
    [ALGO_XXH3] = {"xxh3", MR_HAVE_XXHASH},
};

static const struct mr_setting settings[] = {
    {"algo", "crc32|sha256|xxh3", ALGO_INITIAL_NAME, "the kind of digest (xxh3: its 64-bit form)"},
    {"list", "FILE", "none",
     "leave the content as it is and write the digests, one a line, to FILE; "
     "without it each item becomes its digest"},
    {NULL, NULL, NULL, NULL},
};

static enum mr_status config_create(void **config, struct mr_error *err)
{
    struct hash_config *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->algo = ALGO_INITIAL;
    *config = made;
    return MR_OK;
}

static void config_destroy(void *config)
{
    struct hash_config *hash = config;
    if (!hash)
        return;
    free(hash->list_path);
    free(hash);
}

static enum mr_status set_algo(struct hash_config *hash, const char *value, struct mr_error *err)
{
    for (size_t i = 0; i < sizeof(algos) / sizeof(algos[0]); i++) {
        if (strcmp(value, algos[i].name) != 0)
            continue;
        if (!algos[i].is_built_in)
            return mr_error_set(err, MR_E_USAGE, 0, "this build has no %s; there is crc32", value);
        hash->algo = (enum hash_algo)i;
        return MR_OK;
    }
    return mr_error_set(err, MR_E_USAGE, 0, "must be crc32, sha256 or xxh3");
}

static enum mr_status config_set(void *config, const char *key, const char *value,
                                 struct mr_error *err)
{
    struct hash_config *hash = config;
    if (strcmp(key, "algo") == 0)
        return set_algo(hash, value, err);
    if (strcmp(key, "list") != 0)
        return mr_error_set(err, MR_E_USAGE, 0, "unknown setting; there are algo and list");
    if (!value[0])
        return mr_error_set(err, MR_E_USAGE, 0, "must be the name of a file");
    char *path = strdup(value);
    if (!path)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    free(hash->list_path);
    hash->list_path = path;
    return MR_OK;
}

static size_t bound(const void *config, size_t in_bytes)
{
    const struct hash_config *hash = config;
    return hash->list_path ? in_bytes : LINE_BYTES(PATH_TOTAL_MAX_BYTES);
}

static size_t state_bytes(const void *config)
{
    (void)config;
    return sizeof(struct hash_state) + LINE_BYTES(PATH_TOTAL_MAX_BYTES) + PATH_TOTAL_MAX_BYTES +
           1024;
}

static enum mr_status rename_item(const void *config, char **path)
{
    const struct hash_config *hash = config;
    if (hash->list_path)
        return MR_OK;
    const char *suffix = algos[hash->algo].name;
    size_t cap_bytes = strlen(*path) + 1 + strlen(suffix) + 1;
    char *renamed = malloc(cap_bytes);
    if (!renamed)
        return MR_E_MEMORY;
    snprintf(renamed, cap_bytes, "%s.%s", *path, suffix);
    free(*path);
    *path = renamed;
    return MR_OK;
}

static void state_destroy(void *state)
{
    struct hash_state *hash = state;
    if (!hash)
        return;
#if MR_HAVE_XXHASH
    XXH3_freeState(hash->xxh3);
#endif
#if MR_HAVE_CRYPTO
    EVP_MD_CTX_free(hash->sha256);
#endif
    free(hash->name);
    free(hash->line);
    free(hash);
}

/* What the algorithm needs. False when out of memory. */
static bool create_digest(struct hash_state *hash)
{
    (void)hash; /* not used in a build with crc32 alone */
#if MR_HAVE_XXHASH
    if (hash->config->algo == ALGO_XXH3) {
        hash->xxh3 = XXH3_createState();
        return hash->xxh3 != NULL;
    }
#endif
#if MR_HAVE_CRYPTO
    if (hash->config->algo == ALGO_SHA256) {
        hash->sha256 = EVP_MD_CTX_new();
        return hash->sha256 && EVP_DigestInit_ex(hash->sha256, EVP_sha256(), NULL) == 1;
    }
#endif
    return true;
}

static enum mr_status state_create(const void *config, void **state, struct mr_error *err)
{
    struct hash_state *made = calloc(1, sizeof(*made));
    if (made) {
        made->config = config;
        if (create_digest(made)) {
            *state = made;
            return MR_OK;
        }
    }
    state_destroy(made);
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* These three return false when the library of the digest fails. */
static bool digest_start(struct hash_state *hash)
{
    switch (hash->config->algo) {
#if MR_HAVE_XXHASH
    case ALGO_XXH3:
        return XXH3_64bits_reset(hash->xxh3) == XXH_OK;
#endif
#if MR_HAVE_CRYPTO
    case ALGO_SHA256:
        return EVP_DigestInit_ex(hash->sha256, NULL, NULL) == 1;
#endif
    default:
        hash->crc32 = 0;
        return true;
    }
}

static bool digest_add(struct hash_state *hash, const unsigned char *data, size_t bytes)
{
    if (bytes == 0)
        return true;
    switch (hash->config->algo) {
#if MR_HAVE_XXHASH
    case ALGO_XXH3:
        return XXH3_64bits_update(hash->xxh3, data, bytes) == XXH_OK;
#endif
#if MR_HAVE_CRYPTO
    case ALGO_SHA256:
        return EVP_DigestUpdate(hash->sha256, data, bytes) == 1;
#endif
    default:
#if MR_HAVE_LIBDEFLATE
        hash->crc32 = libdeflate_crc32(hash->crc32, data, bytes);
#else
        hash->crc32 = (uint32_t)crc32_z(hash->crc32, data, bytes);
#endif
        return true;
    }
}

/* hex: 2 * DIGEST_MAX_BYTES + 1 bytes. */
static bool digest_end(struct hash_state *hash, char *hex)
{
    switch (hash->config->algo) {
#if MR_HAVE_XXHASH
    case ALGO_XXH3:
        snprintf(hex, 17, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(hash->xxh3));
        return true;
#endif
#if MR_HAVE_CRYPTO
    case ALGO_SHA256: {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned digest_bytes = 0;
        if (EVP_DigestFinal_ex(hash->sha256, digest, &digest_bytes) != 1 ||
            digest_bytes > DIGEST_MAX_BYTES)
            return false;
        for (unsigned i = 0; i < digest_bytes; i++)
            snprintf(hex + (size_t)2 * i, 3, "%02x", digest[i]);
        return true;
    }
#endif
    default:
        snprintf(hex, 9, "%08" PRIx32, hash->crc32);
        return true;
    }
}

static enum mr_status digest_failed(const struct hash_state *hash, struct mr_error *err)
{
    return mr_error_set(err, MR_E_UNSUPPORTED, 0, "the library that computes %s failed",
                        algos[hash->config->algo].name);
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    struct hash_state *hash = state;
    free(hash->name);
    free(hash->line);
    hash->line = NULL;
    hash->line_bytes = hash->line_used_bytes = 0;
    hash->name = strdup(entry->path);
    if (!hash->name)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    return digest_start(hash) ? MR_OK : digest_failed(hash, err);
}

static enum mr_status make_line(struct hash_state *hash, struct mr_error *err)
{
    char hex[2 * DIGEST_MAX_BYTES + 1];
    if (!digest_end(hash, hex))
        return digest_failed(hash, err);
    hash->line = malloc(LINE_BYTES(strlen(hash->name)));
    if (!hash->line)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    char *to = hash->line;
    if (strpbrk(hash->name, "\n\r\\"))
        *to++ = '\\';
    to = stpcpy(stpcpy(to, hex), "  ");
    for (const char *from = hash->name; *from; from++) {
        if (*from != '\n' && *from != '\r' && *from != '\\') {
            *to++ = *from;
            continue;
        }
        *to++ = '\\';
        *to++ = *from == '\n' ? 'n' : *from == '\r' ? 'r' : '\\';
    }
    *to++ = '\n';
    *to = '\0';
    hash->line_bytes = (size_t)(to - hash->line);
    return MR_OK;
}

/* Takes bytes of the input: into the digest, and with a list also to the output. False: the digest
 * failed. */
static bool take_input(struct hash_state *hash, struct mr_io *io)
{
    size_t bytes = io->in_bytes;
    bool copies = hash->config->list_path != NULL;
    if (copies && bytes > io->out_bytes)
        bytes = io->out_bytes;
    if (!digest_add(hash, io->in, bytes))
        return false;
    if (bytes > 0 && copies) {
        memcpy(io->out, io->in, bytes);
        io->out += bytes;
        io->out_bytes -= bytes;
    }
    if (bytes > 0)
        io->in += bytes;
    io->in_bytes -= bytes;
    return true;
}

static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct hash_state *hash = state;
    if (!take_input(hash, io))
        return digest_failed(hash, err);
    if (io->in_bytes > 0 || !io->is_last)
        return MR_OK;
    if (!hash->line) {
        enum mr_status status = make_line(hash, err);
        if (status != MR_OK)
            return status;
    }
    if (hash->config->list_path)
        return MR_DONE;
    size_t bytes = hash->line_bytes - hash->line_used_bytes;
    if (bytes > io->out_bytes)
        bytes = io->out_bytes;
    memcpy(io->out, hash->line + hash->line_used_bytes, bytes);
    hash->line_used_bytes += bytes;
    io->out += bytes;
    io->out_bytes -= bytes;
    return hash->line_used_bytes == hash->line_bytes ? MR_DONE : MR_OK;
}

static const char *note(void *state)
{
    struct hash_state *hash = state;
    return hash->config->list_path ? hash->line : NULL;
}

static const char *notes_path(const void *config)
{
    const struct hash_config *hash = config;
    return hash->list_path;
}

/* IDENTITY is not among the flags: it is decided by the settings, and process() copies when it is
 * the case. */
const struct mr_operation operation_hash = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "hash",
    .summary = "digests: instead of the content, or in a list beside it",
    .flags = MR_OPERATION_NOTES, /* when notes_path() gives a file */
    .settings = settings,
    .config_create = config_create,
    .config_set = config_set,
    .config_destroy = config_destroy,
    .bound = bound,
    .state_bytes = state_bytes,
    .rename = rename_item,
    .state_create = state_create,
    .start = start,
    .process = process,
    .note = note,
    .notes_path = notes_path,
    .state_destroy = state_destroy,
};
