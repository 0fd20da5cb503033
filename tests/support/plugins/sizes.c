/*
 * sizes - a plugin made with an older and one made with a newer header than the host's: `older`
 * ends behind process(), and what lies in memory behind it must not be read; `newer` has members
 * that the host does not know. The plugin itself is a newer one, too. It looks at what the host
 * says of itself.
 */
#include <millrace/operation.h>
#include <stddef.h>
#include <string.h>

static enum mr_status process(void *state, struct mr_io *io, struct mr_error *err)
{
    size_t count = io->in_bytes < io->out_bytes ? io->in_bytes : io->out_bytes;
    (void)state;
    (void)err;
    for (size_t i = 0; i < count; i++)
        io->out[i] = io->in[i] ^ 0x20;
    mr_io_advance(io, count, count);
    return io->is_last && io->in_bytes == 0 ? MR_DONE : MR_OK;
}

static void never(void *state)
{
    (void)state;
    *(volatile int *)state = 0;
}

#define OLDER_BYTES offsetof(struct mr_operation, note)

/* Behind the end of the older struct stands what would be called. */
static const struct mr_operation older = {.struct_bytes = OLDER_BYTES,
                                          .name = "older",
                                          .summary = "of an older header",
                                          .process = process,
                                          .stop = never,
                                          .state_destroy = never};

static const struct {
    struct mr_operation known;
    void (*unknown[20])(void *state);
} newer = {{.struct_bytes = sizeof(newer),
            .name = "newer",
            .summary = "of a newer header",
            .process = process},
           {never, never}};

/* internals are the library's own. */
static const struct mr_operation greedy = {.struct_bytes = sizeof(greedy),
                                           .name = "greedy",
                                           .summary = "sets what is not its own",
                                           .process = process,
                                           .internals =
                                               (const struct mr_operation_internals *)&newer};

static const struct mr_operation *const operations[] = {&older, &newer.known, &greedy, NULL};

static const struct {
    struct mr_plugin known;
    void *unknown[10];
} plugin = {{.struct_bytes = sizeof(plugin),
             .abi_version = MR_PLUGIN_ABI,
             .name = "sizes",
             .version = "2",
             .licence = "0BSD",
             .summary = "of other sizes",
             .operations = operations},
            {NULL}};

const struct mr_plugin *mr_plugin_v1(const struct mr_host *host)
{
    bool is_known = host->struct_bytes >= sizeof(*host) &&
                    host->operation_bytes >= sizeof(struct mr_operation) &&
                    host->io_bytes >= sizeof(struct mr_io) &&
                    host->entry_bytes >= sizeof(struct mr_entry) && strchr(host->version, '.');
    return is_known ? &plugin.known : NULL;
}
