#include "source/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "source/local.h"
#include "source/name_list.h"
#include "source/prefix.h"

struct inputs {
    char **names; /* owned, with name_count elements */
    size_t name_count, next_name;
    struct name_list *list; /* NULL: none */
    char *format;
    bool no_archives, wants_archive, is_merged, may_collide;
    struct walk_config walk;
    struct archive_options archives;
    struct archive_server server; /* what archives are read by */
    struct input *current;        /* holds one reference */
    uint64_t passed_bytes;        /* see inputs_passed() */
    char *listed_path; /* the name of the current input's only entry, when that is a plain file from
                          a list */
};

static enum mr_status out_of_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* A single directory, and a single file that is not opened as an archive, give every name once. */
static bool may_collide(const struct inputs_config *config)
{
    if (config->name_count != 1 || config->list_path)
        return true;
    struct stat st;
    if (strcmp(config->names[0], "-") == 0)
        return !config->no_archives;
    if (stat(config->names[0], &st) != 0)
        return true;
    return !S_ISDIR(st.st_mode) && !config->no_archives;
}

static enum mr_status check(const struct inputs_config *config, struct mr_error *err)
{
    unsigned stdin_count = config->list_path && strcmp(config->list_path, "-") == 0;
    if (config->name_count == 0 && !config->list_path)
        return mr_error_set(err, MR_E_USAGE, 0, "no input is given");
    for (size_t i = 0; i < config->name_count; i++) {
        if (*config->names[i] == '\0')
            return mr_error_set(err, MR_E_USAGE, 0, "an input has an empty name");
        stdin_count += strcmp(config->names[i], "-") == 0;
    }
    if (stdin_count > 1)
        return mr_error_set(err, MR_E_USAGE, 0, "stdin (-) can be read only once");
    return MR_OK;
}

static enum mr_status copy_config(struct inputs *inputs, const struct inputs_config *config,
                                  struct mr_error *err)
{
    inputs->no_archives = config->no_archives;
    inputs->wants_archive = config->wants_archive && !config->no_archives;
    inputs->is_merged = config->is_merged;
    inputs->walk = config->walk;
    inputs->archives = config->archives;
    inputs->archives.client.server = &inputs->server;
    inputs->may_collide = may_collide(config);
    if (config->format && !(inputs->format = strdup(config->format)))
        return out_of_memory(err);
    inputs->names = calloc(config->name_count + 1, sizeof(*inputs->names));
    if (!inputs->names)
        return out_of_memory(err);
    for (; inputs->name_count < config->name_count; inputs->name_count++)
        if (!(inputs->names[inputs->name_count] = strdup(config->names[inputs->name_count])))
            return out_of_memory(err);
    if (!config->list_path)
        return MR_OK;
    return name_list_open(config->list_path, config->list_has_nuls, &inputs->list, err);
}

enum mr_status inputs_create(const struct inputs_config *config, struct inputs **inputs,
                             struct mr_error *err)
{
    enum mr_status status = check(config, err);
    if (status != MR_OK)
        return status;
    struct inputs *new = calloc(1, sizeof(*new));
    if (!new)
        return out_of_memory(err);
    archive_server_init(&new->server);
    status = copy_config(new, config, err);
    if (status != MR_OK) {
        inputs_destroy(new);
        return status;
    }
    *inputs = new;
    return MR_OK;
}

enum mr_status inputs_create_of(struct mr_source *source, struct inputs **inputs,
                                struct mr_error *err)
{
    struct inputs *new = calloc(1, sizeof(*new));
    struct input *input = calloc(1, sizeof(*input));
    char *prefix = strdup("");
    if (!new || !input || !prefix) {
        free(new);
        free(input);
        free(prefix);
        return out_of_memory(err);
    }
    *input = (struct input){.source = source, .prefix = prefix};
    atomic_init(&input->refs, 1);
    archive_server_init(&new->server);
    new->current = input;
    new->no_archives = true;
    *inputs = new;
    return MR_OK;
}

void inputs_decode(struct inputs *inputs, struct mr_pool *pool, const struct decode_watch *watch)
{
    static const struct decode_watch nobody = {NULL, NULL};
    inputs->archives.limits.pool = pool;
    inputs->archives.limits.watch = watch ? *watch : nobody;
}

void inputs_leave(struct inputs *inputs)
{
    input_release(inputs->current);
    inputs->current = NULL;
    inputs_decode(inputs, NULL, NULL);
}

void inputs_destroy(struct inputs *inputs)
{
    if (!inputs)
        return;
    input_release(inputs->current);
    archive_server_fini(&inputs->server);
    for (size_t i = 0; i < inputs->name_count; i++)
        free(inputs->names[i]);
    free(inputs->names);
    name_list_close(inputs->list);
    free(inputs->format);
    free(inputs->listed_path);
    free(inputs);
}

void input_release(struct input *input)
{
    if (!input || atomic_fetch_sub_explicit(&input->refs, 1, memory_order_acq_rel) != 1)
        return;
    input->source->ops->destroy(input->source);
    free(input->prefix);
    free(input);
}

bool input_advances(const struct input *input)
{
    return input->source->ops->used_bytes != NULL;
}

uint64_t input_advance(struct input *input)
{
    if (!input_advances(input))
        return 0;
    uint64_t before = input->used_bytes, now = input->source->ops->used_bytes(input->source);
    if (now <= before)
        return 0;
    input->used_bytes = now;
    return now - before;
}

uint64_t inputs_passed(const struct inputs *inputs)
{
    return inputs->passed_bytes;
}

bool inputs_may_collide(const struct inputs *inputs)
{
    return inputs->may_collide;
}

/* What cannot collide is a directory, or a file that is not opened as an archive. */
uint64_t inputs_memory_bytes(const struct inputs *inputs)
{
    return inputs->may_collide && !inputs->no_archives ? inputs->archives.limits.memory_bytes : 0;
}

/*
 * Opens what is no directory: an archive, or what rest then holds. fd is taken. MR_E_UNSUPPORTED:
 * it is no archive.
 */
static enum mr_status try_archive(const struct inputs *inputs, int fd, const char *label,
                                  struct archive_rest *rest, struct mr_source **source,
                                  struct mr_error *err)
{
    *rest = (struct archive_rest){.fd = fd};
    if (inputs->no_archives)
        return MR_E_UNSUPPORTED;
    return archive_source_create_within(fd, label, inputs->format, &inputs->archives, rest, source,
                                        err);
}

/* rest was found to be no archive, which was wanted. */
static enum mr_status refuse_plain(struct archive_rest *rest, const char *label,
                                   struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    close(rest->fd);
    free(rest->head);
    return mr_error_set(err, MR_E_UNSUPPORTED, 0,
                        "%s: is no archive, and no operation is given (-p copy copies it, "
                        "-p decompress takes off compression)",
                        path_show(shown, sizeof(shown), label));
}

/* Anything that is read as a stream: stdin, a FIFO, a device. fd is taken. */
static enum mr_status open_stream(const struct inputs *inputs, int fd, const char *name,
                                  const char *label, struct mr_source **source,
                                  struct mr_error *err)
{
    struct archive_rest rest;
    enum mr_status status = try_archive(inputs, fd, label, &rest, source, err);
    if (status != MR_E_UNSUPPORTED || rest.fd < 0)
        return status;
    if (inputs->wants_archive)
        return refuse_plain(&rest, label, err);
    status = stream_source_create(rest.fd, name, rest.head, rest.head_bytes, source, err);
    free(rest.head);
    return status;
}

/*
 * A link to a file is followed where it is named as an INPUT, like a link to a directory or to an
 * archive; in a list, which may come from find, it is an item.
 */
static enum mr_status open_regular(const struct inputs *inputs, const char *path, bool is_listed,
                                   struct mr_source **source, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    struct walk_config config = inputs->walk;
    config.follows_links = config.follows_links || !is_listed;
    if (inputs->no_archives)
        return file_source_create(path, &config, source, err);
    int fd = io_open(path, LOCAL_READ_FLAGS, 0);
    if (fd < 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot open %s",
                            path_show(shown, sizeof(shown), path));
    struct archive_rest rest;
    enum mr_status status = try_archive(inputs, fd, path, &rest, source, err);
    if (status != MR_E_UNSUPPORTED || rest.fd < 0)
        return status;
    if (inputs->wants_archive)
        return refuse_plain(&rest, path, err);
    close(rest.fd);
    free(rest.head);
    return file_source_create(path, &config, source, err);
}

/* Opens path by what it is, and what *about says of it. MR_SKIPPED: it is the run's own output. */
static enum mr_status open_source(const struct inputs *inputs, const char *path, bool is_listed,
                                  struct stat *about, struct mr_source **source,
                                  struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    struct stat st;
    if (stat(path, &st) != 0) {
        int fault = errno;
        /*
         * A link that leads nowhere is an item all the same, as long as links are not to be
         * followed.
         */
        if (!inputs->walk.follows_links && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
            return file_source_create(path, &inputs->walk, source, err);
        return mr_error_set(err, MR_E_SYSTEM, fault, "cannot open %s",
                            path_show(shown, sizeof(shown), path));
    }
    *about = st;
    if (local_is_own(&inputs->walk, &st))
        return MR_SKIPPED;
    if (S_ISDIR(st.st_mode))
        return directory_source_create(path, &inputs->walk, source, err);
    if (S_ISREG(st.st_mode))
        return open_regular(inputs, path, is_listed, source, err);
    /* Not io_open(): the other end of a pipe may be waited for, until a signal comes. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot open %s",
                            path_show(shown, sizeof(shown), path));
    return open_stream(inputs, fd, path_base(path), path, source, err);
}

static bool is_kind(const struct mr_source *source, const char *kind)
{
    return strcmp(source->ops->kind, kind) == 0;
}

/* What comes before the names of source's entries. NULL when out of memory. */
static char *make_prefix(const struct inputs *inputs, const struct mr_source *source,
                         const char *name, bool is_listed)
{
    bool is_container = source->flags & MR_SOURCE_CONTAINER;
    bool is_alone = inputs->name_count == 1 && !inputs->list;
    if (is_alone || inputs->is_merged || (!is_container && !is_kind(source, "directory")))
        return strdup("");
    char *prefix = is_listed ? prefix_relative(name) : prefix_base(name);
    if (prefix && is_container)
        prefix_cut_suffixes(prefix);
    return prefix;
}

/* about: as it was before it was opened, so that what takes its place meanwhile is not taken for
 * it. */
static void describe(struct input *input, const struct stat *about)
{
    input->has_file = S_ISREG(about->st_mode);
    if (!input->has_file)
        return;
    input->size_bytes = about->st_size;
    input->mtime_s = about->st_mtim.tv_sec;
    input->mtime_ns = (uint32_t)about->st_mtim.tv_nsec;
    input->inode = about->st_ino;
}

/* Makes name the current input. MR_OK, MR_SKIPPED (it is left out), or an error that names it. */
static enum mr_status open_input(struct inputs *inputs, const char *name, bool is_listed,
                                 struct mr_error *err)
{
    bool is_stdin = !is_listed && strcmp(name, "-") == 0;
    struct mr_source *source = NULL;
    struct stat about = {0};
    enum mr_status status;
    if (is_stdin) {
        name = "stdin";
        if (fstat(STDIN_FILENO, &about) != 0)
            about.st_mode = 0;
        int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        status = fd < 0 ? mr_error_set(err, MR_E_SYSTEM, errno, "cannot read stdin")
                        : open_stream(inputs, fd, name, name, &source, err);
    } else {
        status = open_source(inputs, name, is_listed, &about, &source, err);
    }
    if (status != MR_OK)
        return status;
    struct input *input = calloc(1, sizeof(*input));
    char *prefix = make_prefix(inputs, source, name, is_listed);
    bool is_plain = !(source->flags & MR_SOURCE_CONTAINER) && !is_kind(source, "directory");
    free(inputs->listed_path);
    inputs->listed_path = is_plain && is_listed ? prefix_relative(name) : NULL;
    if (!input || !prefix || (is_plain && is_listed && !inputs->listed_path)) {
        source->ops->destroy(source);
        free(input);
        free(prefix);
        return out_of_memory(err);
    }
    if (source->flags & MR_SOURCE_CONTAINER)
        describe(input, &about);
    input->source = source;
    input->prefix = prefix;
    atomic_init(&input->refs, 1);
    inputs->current = input;
    return MR_OK;
}

/* Opens the next input that is there. MR_OK, MR_DONE, or an error. */
static enum mr_status advance(struct inputs *inputs, struct mr_error *err)
{
    for (;;) {
        const char *name = NULL;
        bool is_listed = inputs->next_name == inputs->name_count;
        enum mr_status status = MR_OK;
        if (!is_listed)
            name = inputs->names[inputs->next_name++];
        else
            status = inputs->list ? name_list_next(inputs->list, &name, err) : MR_DONE;
        if (status == MR_OK)
            status = open_input(inputs, name, is_listed, err);
        if (status != MR_SKIPPED)
            return status;
    }
}

/* The current input is at its end, or is to be. */
static void end_current(struct inputs *inputs)
{
    struct input *current = inputs->current;
    inputs->passed_bytes += input_advance(current);
    if (input_advances(current) && current->has_file &&
        (uint64_t)current->size_bytes > current->used_bytes)
        inputs->passed_bytes += (uint64_t)current->size_bytes - current->used_bytes;
    inputs->current = NULL;
    input_release(current);
}

/* Nothing more is wanted of the current input. */
static enum mr_status leave(struct inputs *inputs, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    mr_error_set(err, MR_E_LIMIT, 0, "%s: the rest of it is not read",
                 path_show(shown, sizeof(shown), inputs->current->source->label));
    end_current(inputs);
    return MR_E_LIMIT;
}

enum mr_status inputs_next(struct inputs *inputs, struct mr_entry *entry, struct input **input,
                           struct mr_error *err)
{
    *input = NULL;
    inputs->passed_bytes = 0;
    for (;;) {
        enum mr_status status = inputs->current ? MR_OK : advance(inputs, err);
        if (status != MR_OK)
            return status;
        struct input *current = inputs->current;
        if (atomic_load(&current->is_over))
            return leave(inputs, err);
        status = current->source->ops->next(current->source, entry, err);
        if (status == MR_DONE) {
            mr_entry_clear(entry);
            end_current(inputs);
            continue;
        }
        inputs->passed_bytes += input_advance(current);
        if (entry->path && inputs->listed_path &&
            mr_entry_set_path(entry, inputs->listed_path) != MR_OK)
            status = out_of_memory(err);
        if (entry->path) {
            atomic_fetch_add_explicit(&current->refs, 1, memory_order_relaxed);
            *input = current;
        }
        return status;
    }
}

void input_place(const struct input *input, const char *path, struct input_place *place)
{
    const struct mr_source *source = input->source;
    bool is_container = source->flags & MR_SOURCE_CONTAINER;
    *place = (struct input_place){.label = source->label, .joint = "", .path = ""};
    if (is_kind(source, "file")) {
        place->label_bytes = strlen(source->label);
        return;
    }
    place->path = path;
    if (!is_container && !is_kind(source, "directory"))
        return;
    place->joint = is_container ? "!/" : "/";
    place->label_bytes = strlen(source->label);
    while (!is_container && place->label_bytes > 0 && source->label[place->label_bytes - 1] == '/')
        place->label_bytes--;
}

char *input_show(const struct input *input, const char *path, char *out, size_t cap_bytes)
{
    struct input_place place;
    input_place(input, path, &place);
    char *whole = NULL;
    if (asprintf(&whole, "%.*s%s%s", (int)place.label_bytes, place.label, place.joint, place.path) <
        0)
        return path_show(out, cap_bytes, path);
    path_show(out, cap_bytes, whole);
    free(whole);
    return out;
}
