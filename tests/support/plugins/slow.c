/* slow - an operation that takes half a second to set up, passes content through, and dies of items
 * whose name holds "bad". */
#include <millrace/operation.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static enum mr_status create(const void *config, void **state, struct mr_error *err)
{
    const struct timespec half = {.tv_nsec = 500000000};
    (void)config;
    nanosleep(&half, NULL);
    *state = malloc(1);
    return *state ? MR_OK : mr_operation_fail(err, MR_E_MEMORY, "out of memory");
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    (void)state;
    (void)err;
    if (strstr(entry->path, "bad"))
        abort();
    return MR_OK;
}

static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    size_t count = io->in_bytes < io->out_bytes ? io->in_bytes : io->out_bytes;
    (void)state;
    (void)err;
    memcpy(io->out, io->in, count);
    mr_io_advance(io, count, count);
    return io->is_last && io->in_bytes == 0 ? MR_DONE : MR_OK;
}

static const struct mr_operation slow = {
    .struct_bytes = sizeof(slow),
    .name = "slow",
    .summary = "takes its time before it begins",
    .state_create = create,
    .start = start,
    .process = process,
    .state_destroy = free,
};

static const struct mr_operation *const operations[] = {&slow, NULL};

static const struct mr_plugin plugin = {
    .struct_bytes = sizeof(plugin),
    .abi_version = MR_PLUGIN_ABI,
    .name = "slow",
    .version = "1.0",
    .licence = "MIT",
    .summary = "for tests",
    .operations = operations,
};

const struct mr_plugin *mr_plugin_v1(const struct mr_host *host)
{
    (void)host;
    return &plugin;
}
