#include "compare/digest.h"

#include <stdlib.h>
#include <string.h>

struct digest_state {
    const unsigned char *key;
    struct siphash hash;
    struct digest result;
    size_t given_bytes; /* of the result */
    bool is_complete;
};

static enum mr_status state_create(const void *config, void **state, struct mr_error *err)
{
    struct digest_state *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->key = config;
    *state = made;
    return MR_OK;
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    struct digest_state *digest = state;
    (void)entry;
    (void)err;
    siphash_start(&digest->hash, SIPHASH_1_3, digest->key);
    digest->given_bytes = 0;
    digest->is_complete = false;
    return MR_OK;
}

static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct digest_state *digest = state;
    (void)err;
    siphash_add(&digest->hash, io->in, io->in_bytes);
    mr_io_advance(io, io->in_bytes, 0);
    if (!io->is_last)
        return MR_OK;
    if (!digest->is_complete) {
        digest->result.size_bytes = digest->hash.size_bytes;
        siphash_end(&digest->hash, digest->result.hash);
        digest->is_complete = true;
    }
    size_t bytes = sizeof(digest->result) - digest->given_bytes;
    if (bytes > io->out_bytes)
        bytes = io->out_bytes;
    memcpy(io->out, (const char *)&digest->result + digest->given_bytes, bytes);
    mr_io_advance(io, 0, bytes);
    digest->given_bytes += bytes;
    return digest->given_bytes == sizeof(digest->result) ? MR_DONE : MR_OK;
}

static size_t bound(const void *config, size_t in_bytes)
{
    (void)config;
    (void)in_bytes;
    return sizeof(struct digest);
}

static const struct mr_operation operation = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "digest",
    .summary = "size and keyed hash of the content",
    .config_destroy = free,
    .bound = bound,
    .state_create = state_create,
    .start = start,
    .process = process,
    .state_destroy = free,
};

enum mr_status digest_add_to(struct chain *chain, const unsigned char key[SIPHASH_KEY_BYTES],
                             struct mr_error *err)
{
    unsigned char *copy = malloc(SIPHASH_KEY_BYTES);
    if (!copy)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    memcpy(copy, key, SIPHASH_KEY_BYTES);
    enum mr_status status = chain_add_operation(chain, &operation, copy, err);
    if (status != MR_OK)
        free(copy);
    return status;
}
