/* teller - an operation that gives what it is told of the item's extended attributes, "name=value"
 * a line, instead of the content. */
#include <millrace/operation.h>
#include <stdlib.h>
#include <string.h>

struct state {
    const struct mr_entry *entry;
};

static enum mr_status create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    *state = calloc(1, sizeof(struct state));
    return *state ? MR_OK : mr_operation_fail(err, MR_E_MEMORY, "out of memory");
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    struct state *teller = state;
    (void)err;
    teller->entry = entry;
    return MR_OK;
}

static bool put(struct mr_io *io, const void *data, size_t bytes)
{
    if (bytes > io->out_bytes)
        return false;
    if (bytes > 0)
        memcpy(io->out, data, bytes);
    mr_io_advance(io, 0, bytes);
    return true;
}

static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    const struct state *teller = state;
    const struct mr_entry *entry = teller->entry;
    mr_io_advance(io, io->in_bytes, 0);
    if (!io->is_last)
        return MR_OK;
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct mr_xattr *xattr = &entry->xattrs[i];
        if (!put(io, xattr->name, strlen(xattr->name)) || !put(io, "=", 1) ||
            !put(io, xattr->value, xattr->value_bytes) || !put(io, "\n", 1))
            return mr_operation_fail(err, MR_E_LIMIT, "there is no room for so much");
    }
    return MR_DONE;
}

static const struct mr_operation xattrs = {.struct_bytes = sizeof(xattrs),
                                           .name = "xattrs",
                                           .summary = "tells the extended attributes",
                                           .state_create = create,
                                           .start = start,
                                           .process = process,
                                           .state_destroy = free};

static const struct mr_operation *const operations[] = {&xattrs, NULL};

static const struct mr_plugin plugin = {.struct_bytes = sizeof(plugin),
                                        .abi_version = MR_PLUGIN_ABI,
                                        .name = "teller",
                                        .version = "1.0",
                                        .licence = "MIT",
                                        .summary = "what an operation is told",
                                        .operations = operations};

const struct mr_plugin *mr_plugin_v1(const struct mr_host *host)
{
    (void)host;
    return &plugin;
}
