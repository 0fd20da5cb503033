/* teller - an operation that gives what it is told of the item's extended attributes, "name=value"
 * a line, instead of the content. */
#include <millrace/operation.h>
#include <stdlib.h>
#include <string.h>

struct state {
    char *text; /* owned */
    size_t bytes, at;
};

static enum mr_status create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    *state = calloc(1, sizeof(struct state));
    return *state ? MR_OK : mr_operation_fail(err, MR_E_MEMORY, "out of memory");
}

static void destroy(void *state)
{
    struct state *teller = state;
    free(teller->text);
    free(teller);
}

static void put(struct state *teller, const void *data, size_t bytes)
{
    if (bytes > 0)
        memcpy(teller->text + teller->bytes, data, bytes);
    teller->bytes += bytes;
}

static enum mr_status start(void *state, const struct mr_entry *entry, struct mr_error *err)
{
    struct state *teller = state;
    size_t bytes = 1;
    for (size_t i = 0; i < entry->xattr_count; i++)
        bytes += strlen(entry->xattrs[i].name) + entry->xattrs[i].value_bytes + 2;
    free(teller->text);
    teller->bytes = teller->at = 0;
    teller->text = malloc(bytes);
    if (!teller->text)
        return mr_operation_fail(err, MR_E_MEMORY, "out of memory");
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct mr_xattr *xattr = &entry->xattrs[i];
        put(teller, xattr->name, strlen(xattr->name));
        put(teller, "=", 1);
        put(teller, xattr->value, xattr->value_bytes);
        put(teller, "\n", 1);
    }
    return MR_OK;
}

static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    struct state *teller = state;
    size_t left_bytes = teller->bytes - teller->at;
    size_t bytes = left_bytes < io->out_bytes ? left_bytes : io->out_bytes;
    (void)err;
    memcpy(io->out, teller->text + teller->at, bytes);
    teller->at += bytes;
    mr_io_advance(io, io->in_bytes, bytes);
    return io->is_last && teller->at == teller->bytes ? MR_DONE : MR_OK;
}

static const struct mr_operation xattrs = {.struct_bytes = sizeof(xattrs),
                                           .name = "xattrs",
                                           .summary = "tells the extended attributes",
                                           .state_create = create,
                                           .start = start,
                                           .process = process,
                                           .state_destroy = destroy};

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
