/* copy: the bytes as they are. */
#include <string.h>

#include "operation/codec.h"
#include "operation/operations.h"

static size_t copy_bound(const void *config, size_t in_bytes)
{
    (void)config;
    return in_bytes;
}

static enum mr_status copy_state_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    (void)err;
    *state = NULL;
    return MR_OK;
}

static enum mr_status copy_start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    (void)state;
    (void)entry;
    (void)err;
    return MR_OK;
}

static enum mr_status copy_process(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)state;
    (void)err;
    size_t count = io->in_bytes < io->out_bytes ? io->in_bytes : io->out_bytes;
    if (count > 0)
        memcpy(io->out, io->in, count);
    codec_advance(io, count, count);
    return io->is_last && io->in_bytes == 0 ? MR_DONE : MR_OK;
}

static void copy_state_destroy(void *state)
{
    (void)state;
}

const struct mr_operation operation_copy = {
    .struct_bytes = sizeof(struct mr_operation),
    .name = "copy",
    .summary = "passes the content through unchanged",
    .flags = MR_OPERATION_IDENTITY,
    .bound = copy_bound,
    .state_create = copy_state_create,
    .start = copy_start,
    .process = copy_process,
    .state_destroy = copy_state_destroy,
};
