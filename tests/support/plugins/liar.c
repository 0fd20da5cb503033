/* liar - operations of a complete plugin that break the rules of process() and of what else they
 * are called for. */
#include <millrace/operation.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static enum mr_status pass(struct mr_io *io)
{
    size_t count = io->in_bytes < io->out_bytes ? io->in_bytes : io->out_bytes;
    memcpy(io->out, io->in, count);
    mr_io_advance(io, count, count);
    return io->is_last && io->in_bytes == 0 ? MR_DONE : MR_OK;
}

static enum mr_status copies(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)state;
    (void)err;
    return pass(io);
}

static enum mr_status grows_input(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)state;
    (void)err;
    io->in -= 16;
    io->in_bytes += 16;
    return MR_OK;
}

static enum mr_status grows_room(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)state;
    (void)err;
    io->out_bytes = SIZE_MAX;
    return MR_OK;
}

static enum mr_status moves_apart(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)state;
    (void)err;
    io->in_bytes = 0; /* and io->in stays */
    return MR_DONE;
}

static enum mr_status gives_unknown(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)state;
    (void)io;
    (void)err;
    return (enum mr_status)4711;
}

static enum mr_status gives_skipped(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)state;
    (void)io;
    (void)err;
    return MR_SKIPPED;
}

static enum mr_status leaves_text_open(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)state;
    (void)io;
    memset(err->text, 'y', sizeof(err->text));
    err->text[0] = '\033';
    err->text[1] = '\n';
    err->status = MR_OK;
    err->sys_errno = 12345;
    return MR_E_DATA;
}

static enum mr_status gives_no_text(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)state;
    (void)io;
    (void)err;
    return MR_E_DATA;
}

static enum mr_status stands_still(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)state;
    (void)io;
    (void)err;
    return MR_OK;
}

static enum mr_status drops_all(void *state, struct mr_io *io, struct mr_error *err)
{
    (void)state;
    (void)io;
    (void)err;
    return MR_DONE;
}

/* Doubles each byte, and promises one for one. */
static size_t same_bound(const void *config, size_t in_bytes)
{
    (void)config;
    return in_bytes;
}

static enum mr_status doubles(void *state, struct mr_io *io, struct mr_error *err)
{
    bool *is_half = state; /* one of the two is out */
    (void)err;
    while (io->in_bytes > 0 && io->out_bytes > 0) {
        io->out[0] = io->in[0];
        mr_io_advance(io, *is_half ? 1 : 0, 1);
        *is_half = !*is_half;
    }
    return io->is_last && io->in_bytes == 0 ? MR_DONE : MR_OK;
}

static enum mr_status half_create(const void *config, void **state, struct mr_error *err)
{
    (void)config;
    *state = calloc(1, sizeof(bool));
    return *state ? MR_OK : mr_operation_fail(err, MR_E_MEMORY, "out of memory");
}

static size_t huge_bound(const void *config, size_t in_bytes)
{
    (void)config;
    return in_bytes < SIZE_MAX / 2 ? SIZE_MAX / 2 : SIZE_MAX;
}

static size_t huge_state(const void *config)
{
    (void)config;
    return SIZE_MAX;
}

static enum mr_status replace(char **path, const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    free(*path);
    *path = copy;
    return MR_OK;
}

static enum mr_status rename_out(const void *config, char **path)
{
    (void)config;
    return replace(path, "../../outside");
}

static enum mr_status rename_nothing(const void *config, char **path)
{
    (void)config;
    return replace(path, NULL);
}

static enum mr_status rename_untidy(const void *config, char **path)
{
    (void)config;
    return replace(path, "./new//name/");
}

static enum mr_status refuses(void **config, struct mr_error *err)
{
    (void)config;
    memset(err->text, 0xff, sizeof(err->text));
    return MR_E_UNSUPPORTED;
}

#define LIAR(title, ...)                                                                           \
    {                                                                                              \
        .struct_bytes = sizeof(struct mr_operation), .name = (title), .summary = "breaks a rule",  \
        __VA_ARGS__                                                                                \
    }

static const struct mr_operation all[] = {
    LIAR("honest", .process = copies, .flags = MR_OPERATION_OUTSIDE),
    LIAR("grows-input", .process = grows_input),
    LIAR("grows-room", .process = grows_room),
    LIAR("moves-apart", .process = moves_apart),
    LIAR("unknown-status", .process = gives_unknown),
    LIAR("skipped", .process = gives_skipped),
    LIAR("open-text", .process = leaves_text_open),
    LIAR("no-text", .process = gives_no_text),
    LIAR("stands-still", .process = stands_still),
    LIAR("identity", .process = drops_all, .flags = MR_OPERATION_IDENTITY),
    LIAR("bound", .process = doubles, .bound = same_bound, .state_create = half_create,
         .state_destroy = free),
    LIAR("huge-bound", .process = copies, .bound = huge_bound),
    LIAR("huge-state", .process = copies, .state_bytes = huge_state),
    LIAR("rename-out", .process = copies, .rename = rename_out),
    LIAR("rename-nothing", .process = copies, .rename = rename_nothing),
    LIAR("rename-untidy", .process = copies, .rename = rename_untidy),
    LIAR("refuses", .process = copies, .config_create = refuses),
};
#define COUNT (sizeof(all) / sizeof(all[0]))

static const struct mr_operation *operations[COUNT + 1];

static const struct mr_plugin plugin = {.struct_bytes = sizeof(plugin),
                                        .abi_version = MR_PLUGIN_ABI,
                                        .name = "liar",
                                        .operations = operations};

const struct mr_plugin *mr_plugin_v1(const struct mr_host *host)
{
    (void)host;
    for (size_t i = 0; i < COUNT; i++)
        operations[i] = &all[i];
    return &plugin;
}
