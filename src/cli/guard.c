#include "cli/guard.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"

struct file_id {
    dev_t device;
    ino_t inode;
};

struct guard {
    struct mr_sink sink;
    struct mr_sink_ops ops; /* the kind is the inner sink's */
    struct mr_sink *inner;
    struct guard_config config; /* const from the start: wants() runs on several threads */
    int root_fd;                /* -1: nothing to be protected */
    struct file_id *inputs;     /* files that are inputs */
    size_t input_count;
};

static struct guard *guard_of(struct mr_sink *sink)
{
    return (struct guard *)sink;
}

/* Would the operations give the file another name? */
static enum mr_status check_name(const struct guard *guard, const struct mr_entry *entry,
                                 struct mr_error *err)
{
    const struct guard_config *config = &guard->config;
    if (!setup_selects(config->setup, entry, config->is_container ? config->label : NULL))
        return MR_OK;
    char *name = strdup(entry->path);
    enum mr_status status = name ? chain_rename(config->setup->chain, &name) : MR_E_MEMORY;
    char shown[PATH_SHOW_BYTES];
    if (status != MR_OK)
        mr_error_set(err, status, 0, "%s", mr_status_text(status));
    else if (strcmp(name, entry->path) != 0)
        status = mr_error_set(err, MR_E_UNSUPPORTED, 0,
                              "its name would change to '%s': use -o instead of --in-place",
                              path_show(shown, sizeof(shown), path_base(name)));
    free(name);
    return status;
}

static bool is_input(const struct guard *guard, const struct mr_entry *entry,
                     const struct stat *about)
{
    if (entry->inode != 0 && (dev_t)entry->device == about->st_dev && entry->inode == about->st_ino)
        return true;
    for (size_t i = 0; i < guard->input_count; i++)
        if (guard->inputs[i].device == about->st_dev && guard->inputs[i].inode == about->st_ino)
            return true;
    return false;
}

/* Nothing but the entry decides: what is refused is refused before anything is loaded or written.
 */
static enum mr_status check(const struct guard *guard, const struct mr_entry *entry,
                            struct mr_error *err)
{
    struct stat about;
    if (guard->config.is_tree && entry->kind != MR_KIND_FILE && entry->kind != MR_KIND_HARDLINK)
        return MR_SKIPPED;
    if (guard->config.is_in_place && entry->kind == MR_KIND_FILE)
        return check_name(guard, entry, err);
    if (guard->root_fd >= 0 && entry->kind != MR_KIND_DIRECTORY &&
        fstatat(guard->root_fd, entry->path, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
        is_input(guard, entry, &about))
        return mr_error_set(err, MR_E_UNSUPPORTED, 0,
                            "its output would replace an input of this run, or its journal: write "
                            "to another directory, or use --in-place");
    return MR_OK;
}

static enum mr_status wants(struct mr_sink *sink, const struct mr_entry *entry,
                            struct mr_error *err)
{
    const struct guard *guard = guard_of(sink);
    enum mr_status status = check(guard, entry, err);
    if (status != MR_OK)
        return status;
    return guard->inner->ops->wants ? guard->inner->ops->wants(guard->inner, entry, err) : MR_OK;
}

static enum mr_status begin(struct mr_sink *sink, const struct mr_entry *entry, int64_t size_bytes,
                            struct mr_writer **writer, struct mr_error *err)
{
    struct mr_sink *inner = guard_of(sink)->inner;
    /* Links and directories have no content, so nobody asked wants(). */
    enum mr_status status = entry->kind == MR_KIND_FILE ? MR_OK : check(guard_of(sink), entry, err);
    if (status != MR_OK)
        return status;
    return inner->ops->begin(inner, entry, size_bytes, writer, err);
}

static enum mr_status write_data(struct mr_sink *sink, struct mr_writer *writer, const void *data,
                                 size_t size_bytes, struct mr_error *err)
{
    struct mr_sink *inner = guard_of(sink)->inner;
    return inner->ops->write(inner, writer, data, size_bytes, err);
}

static enum mr_status commit(struct mr_sink *sink, struct mr_writer *writer, struct mr_error *err)
{
    struct mr_sink *inner = guard_of(sink)->inner;
    return inner->ops->commit(inner, writer, err);
}

static void abort_item(struct mr_sink *sink, struct mr_writer *writer)
{
    struct mr_sink *inner = guard_of(sink)->inner;
    inner->ops->abort(inner, writer);
}

static enum mr_status finish(struct mr_sink *sink,
                             void (*on_problem)(void *ctx, const char *path,
                                                const struct mr_error *problem),
                             void *ctx, struct mr_error *err)
{
    struct mr_sink *inner = guard_of(sink)->inner;
    return inner->ops->finish(inner, on_problem, ctx, err);
}

static void free_guard(struct guard *guard)
{
    if (guard->root_fd >= 0)
        close(guard->root_fd);
    free(guard->inputs);
    free(guard);
}

static void destroy(struct mr_sink *sink)
{
    struct guard *guard = guard_of(sink);
    guard->inner->ops->destroy(guard->inner);
    free_guard(guard);
}

static void losses(struct mr_sink *sink, char *text, size_t cap_bytes)
{
    struct mr_sink *inner = guard_of(sink)->inner;
    if (inner->ops->losses)
        inner->ops->losses(inner, text, cap_bytes);
}

static enum mr_status verify(struct mr_sink *sink, const struct mr_entry *entry,
                             uint64_t size_bytes, uint32_t crc, struct mr_error *err)
{
    struct mr_sink *inner = guard_of(sink)->inner;
    return inner->ops->verify(inner, entry, size_bytes, crc, err);
}

static enum mr_status find(struct mr_sink *sink, const struct mr_entry *entry, bool has_crc,
                           struct mr_stored *found, struct mr_error *err)
{
    struct mr_sink *inner = guard_of(sink)->inner;
    return inner->ops->find(inner, entry, has_crc, found, err);
}

static void abandon(struct mr_sink *sink)
{
    struct mr_sink *inner = guard_of(sink)->inner;
    inner->ops->abandon(inner);
}

static uint64_t use_pool(struct mr_sink *sink, struct mr_pool *pool, unsigned thread_count,
                         uint64_t memory_bytes)
{
    struct mr_sink *inner = guard_of(sink)->inner;
    return inner->ops->use_pool(inner, pool, thread_count, memory_bytes);
}

static bool keeps_plain(struct mr_sink *sink, const struct mr_entry *entry)
{
    struct mr_sink *inner = guard_of(sink)->inner;
    return inner->ops->keeps_plain(inner, entry);
}

static uint64_t output_bytes(struct mr_sink *sink)
{
    struct mr_sink *inner = guard_of(sink)->inner;
    return inner->ops->output_bytes(inner);
}

static enum mr_status shares(struct mr_sink *sink, const struct mr_entry *entry,
                             struct mr_error *err)
{
    struct mr_sink *inner = guard_of(sink)->inner;
    return inner->ops->shares(inner, entry, err);
}

/* The files among the inputs, and the journal. What a list names is not known yet; for those the
 * entry's own inode has to do. */
static enum mr_status note_inputs(struct guard *guard, struct mr_error *err)
{
    const struct options *options = guard->config.options;
    struct stat journal;
    guard->inputs = calloc(options->name_count + 1, sizeof(*guard->inputs));
    if (!guard->inputs)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    for (size_t i = 0; i < options->name_count; i++) {
        struct stat about;
        if (stat(options->names[i], &about) == 0 && S_ISREG(about.st_mode))
            guard->inputs[guard->input_count++] =
                (struct file_id){.device = about.st_dev, .inode = about.st_ino};
    }
    if (options->journal && stat(options->journal, &journal) == 0)
        guard->inputs[guard->input_count++] =
            (struct file_id){.device = journal.st_dev, .inode = journal.st_ino};
    return MR_OK;
}

enum mr_status guard_create(const struct guard_config *config, struct mr_sink **sink,
                            struct mr_error *err)
{
    struct guard *guard = calloc(1, sizeof(*guard));
    if (!guard)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    guard->config = *config;
    guard->inner = *sink;
    guard->root_fd = -1;
    guard->ops = (struct mr_sink_ops){
        .kind = guard->inner->ops->kind,
        .wants = wants,
        .begin = begin,
        .write = write_data,
        .commit = commit,
        .abort = abort_item,
        .finish = finish,
        .destroy = destroy,
        .losses = losses,
        .verify = guard->inner->ops->verify ? verify : NULL,
        .find = guard->inner->ops->find ? find : NULL,
        .abandon = guard->inner->ops->abandon ? abandon : NULL,
        .keeps_plain = guard->inner->ops->keeps_plain ? keeps_plain : NULL,
        .use_pool = guard->inner->ops->use_pool ? use_pool : NULL,
        .shares = guard->inner->ops->shares ? shares : NULL,
        .output_bytes = guard->inner->ops->output_bytes ? output_bytes : NULL,
    };
    guard->sink = (struct mr_sink){
        .ops = &guard->ops,
        .flags = guard->inner->flags,
        .label = guard->inner->label,
        .encoding = guard->inner->encoding,
    };
    enum mr_status status = MR_OK;
    if (config->root) {
        guard->root_fd = io_open(config->root, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
        status = note_inputs(guard, err);
    }
    if (status != MR_OK) {
        free_guard(guard);
        return status;
    }
    *sink = &guard->sink;
    return MR_OK;
}

bool guard_always_renames(const struct chain *chain)
{
    static const char *const probes[] = {"x",      "x.gz",  "x.zz",  "x.zlib", "x.zst", "x.xz",
                                         "x.lzma", "x.bz2", "x.lz4", "x.txt",  "x.html"};
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        char *name = strdup(probes[i]);
        bool stays = !name || chain_rename(chain, &name) != MR_OK || strcmp(name, probes[i]) == 0;
        free(name);
        if (stays)
            return false;
    }
    return true;
}
