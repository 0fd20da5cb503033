#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/path.h"
#include "source/sources.h"

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* For parse_nearest(). */
static const char *format_name_at(const void *ctx, size_t index)
{
    (void)ctx;
    const struct archive_output *format = archive_output_at(index);
    return format ? format->name : NULL;
}

enum mr_status output_read_to(const char *to, const struct archive_output **format, char **settings,
                              struct mr_error *err)
{
    *format = NULL;
    *settings = NULL;
    if (!to)
        return MR_OK;
    size_t length = strcspn(to, ":");
    char *name = strndup(to, length);
    if (!name)
        return no_memory(err);
    *format = archive_output_find(name);
    enum mr_status status = MR_OK;
    if (!*format) {
        char shown[PATH_SHOW_BYTES];
        const char *nearest = parse_nearest(name, format_name_at, NULL);
        status = mr_error_set(
            err, MR_E_USAGE, 0, "--to: no archive format '%s'%s%s%s (millrace formats lists all)",
            path_show(shown, sizeof(shown), name), nearest ? "; did you mean " : "",
            nearest ? nearest : "", nearest ? "?" : "");
    } else if (to[length] == ':' && !(*settings = strdup(to + length + 1))) {
        status = no_memory(err);
    }
    free(name);
    return status;
}

bool output_is_archive(const char *name, const struct options *options)
{
    struct stat about;
    if (options->no_archives || stat(name, &about) != 0 || !S_ISREG(about.st_mode))
        return false;
    if (options->from)
        return true;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct mr_source *source = NULL;
    struct mr_error err = {0};
    const struct archive_options archives = {.is_in_process = options->no_sandbox,
                                             .is_names_only = true};
    enum mr_status status =
        archive_source_create_within(fd, name, NULL, &archives, NULL, &source, &err);
    if (status == MR_OK)
        source->ops->destroy(source);
    return status == MR_OK || status == MR_E_DATA || status == MR_E_CHILD;
}

static bool is_directory(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* Is the only input one plain file, or stdin? Else says why OUTPUT cannot be one file. */
static enum mr_status check_single(const struct output *output, const struct options *options,
                                   struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    struct stat about;
    const char *name = options->name_count == 1 && !options->list_path ? options->names[0] : NULL;
    if (name && strcmp(name, "-") == 0 && !options->from)
        return MR_OK;
    if (name && output_is_archive(name, options))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "OUTPUT '%s' is neither a directory nor a known archive, and the input "
                            "'%s' is an archive: write '%s/' for a tree",
                            output->shown, path_show(shown, sizeof(shown), name), output->shown);
    /* A file that is not there is reported when it is opened. */
    if (name && (stat(name, &about) != 0 || !S_ISDIR(about.st_mode)))
        return MR_OK;
    return mr_error_set(err, MR_E_USAGE, 0,
                        "OUTPUT '%s' is neither a directory nor a known archive: write '%s/' for a "
                        "tree (millrace formats lists the suffixes)",
                        output->shown, output->shown);
}

/* A file is put in place of what has its name: /dev/null must not become one. */
static enum mr_status check_not_special(const struct output *output, const char *path,
                                        struct mr_error *err)
{
    struct stat about;
    if (stat(path, &about) != 0 || S_ISREG(about.st_mode) || S_ISDIR(about.st_mode))
        return MR_OK;
    return mr_error_set(err, MR_E_USAGE, 0,
                        "OUTPUT '%s' is a device, pipe or socket and would be replaced by a file: "
                        "-o null: discards, -o - writes to stdout",
                        output->shown);
}

static enum mr_status choose_file(struct output *output, const struct options *options,
                                  struct mr_error *err)
{
    enum mr_status status = check_not_special(output, options->output, err);
    if (status == MR_OK)
        status = check_single(output, options, err);
    if (status != MR_OK)
        return status;
    const char *base = path_base(options->output);
    size_t length = (size_t)(base - options->output);
    output->kind = OUTPUT_FILE;
    output->name = strdup(base);
    if (length == 0)
        output->path = strdup(".");
    else
        output->path = strndup(options->output, length > 1 ? length - 1 : 1);
    return output->name && output->path ? MR_OK : no_memory(err);
}

static enum mr_status choose_stdout(struct output *output, struct mr_error *err)
{
    if (isatty(STDOUT_FILENO))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "'-o -' is refused on a terminal: redirect stdout, or pipe it into a "
                            "program (| cat shows it)");
    output->kind = output->format ? OUTPUT_ARCHIVE : OUTPUT_STREAM;
    output->path = strdup("-");
    return output->path ? MR_OK : no_memory(err);
}

static enum mr_status choose_kind(struct output *output, const struct options *options,
                                  struct mr_error *err)
{
    const char *path = options->output;
    size_t length = strlen(path);
    if (strcmp(path, "-") == 0)
        return choose_stdout(output, err);
    bool is_null = strcmp(path, "null:") == 0;
    if (is_null || path[length - 1] == '/' || is_directory(path)) {
        if (output->format)
            return mr_error_set(err, MR_E_USAGE, 0,
                                "--to makes an archive, but OUTPUT '%s' is %s: name a file",
                                output->shown, is_null ? "nothing" : "a directory");
        output->kind = is_null ? OUTPUT_NULL : OUTPUT_TREE;
    } else {
        if (!output->format)
            output->format = archive_output_by_suffix(path);
        if (!output->format)
            return choose_file(output, options, err);
        output->kind = OUTPUT_ARCHIVE;
    }
    output->path = strdup(path);
    return output->path ? MR_OK : no_memory(err);
}

bool output_is_database(const struct output *output)
{
    return output->kind == OUTPUT_ARCHIVE && archive_output_is_database(output->format);
}

/* Where the last of several names is nothing that could be read, it was meant as the OUTPUT. */
static enum mr_status no_output(const struct options *options, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    struct stat about;
    const char *last = options->name_count > 1 ? options->names[options->name_count - 1] : NULL;
    if (options_were_given(options, "exec"))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "no OUTPUT: add -o DIR/, -o FILE.zip, -o - or -o null: before -x, or "
                            "end the command with ';'");
    if (last && *last && lstat(last, &about) != 0)
        return mr_error_set(err, MR_E_USAGE, 0, "no OUTPUT; did you mean -o %s?",
                            path_show(shown, sizeof(shown), last));
    return mr_error_set(err, MR_E_USAGE, 0,
                        "no OUTPUT: add -o DIR/, -o FILE.zip, -o - or -o null: (or --in-place)");
}

enum mr_status output_choose(struct output *output, const struct options *options,
                             struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    memset(output, 0, sizeof(*output));
    if (!options->output || !*options->output)
        return no_output(options, err);
    output->shown = strdup(path_show(shown, sizeof(shown), options->output));
    if (!output->shown)
        return no_memory(err);
    enum mr_status status = output_read_to(options->to, &output->format, &output->settings, err);
    if (status == MR_OK)
        status = choose_kind(output, options, err);
    if (status == MR_OK && options->level >= 0 && output->kind != OUTPUT_ARCHIVE)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "--level is for an archive as OUTPUT; for files: -p gzip:level=%d",
                            options->level);
    if (status == MR_OK && options->appends && !output_is_database(output))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "--append is for an SQLite archive as OUTPUT (FILE.sqlar, --to sqlar): "
                            "others are made as a whole");
    if (status == MR_OK && options->existing == EXISTING_UPDATE && output->kind == OUTPUT_ARCHIVE &&
        !options->appends)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "-u is for a tree as OUTPUT: an archive is made as a whole (-f "
                            "overwrites it)");
    return status;
}

void output_fini(struct output *output)
{
    free(output->path);
    free(output->name);
    free(output->settings);
    free(output->shown);
    memset(output, 0, sizeof(*output));
}

static enum mr_status open_archive(const struct output *output, const struct options *options,
                                   bool is_resumed, struct mr_sink **sink, struct mr_error *err)
{
    struct archive_sink_config config = {
        .sync = (enum sync)options->sync,
        .is_exclusive = !options->is_in_place, /* many in one directory would look at each other */
        .is_resumed = is_resumed,
        .format = output->format->name,
        .settings = output->settings,
        .level = options->level,
        .overwrites = options->existing == EXISTING_OVERWRITE || options->is_in_place,
        .replaced = output->replaced,
        .is_reproducible = options->is_reproducible,
        .preserve = options->preserve,
        .table = options->table,
        .appends = options->appends,
        .existing = (enum existing)options->existing,
    };
    return archive_sink_create(output->path, &config, sink, err);
}

enum mr_status output_open(const struct output *output, const struct options *options,
                           bool is_untrusted, bool is_resumed, struct mr_sink **sink,
                           struct mr_error *err)
{
    struct directory_sink_config config = {
        .sync = (enum sync)options->sync,
        /* Several may write a file each to the same directory. */
        .is_exclusive = output->kind == OUTPUT_TREE,
        .is_resumed = is_resumed,
        .shard_index = options->shard.index,
        .shard_count = options->shard.count,
        .existing = options->is_in_place ? EXISTING_OVERWRITE : (enum existing)options->existing,
        .preserve = options->preserve,
        .is_untrusted = is_untrusted,
        .allows_unsafe = options->allows_unsafe,
    };
    if (options->is_dry)
        return null_sink_create(sink, err);
    switch (output->kind) {
    case OUTPUT_TREE:
    case OUTPUT_FILE:
        return directory_sink_create(output->path, &config, sink, err);
    case OUTPUT_ARCHIVE:
        return open_archive(output, options, is_resumed, sink, err);
    case OUTPUT_STREAM:
        return stream_sink_create(STDOUT_FILENO, "stdout", sink, err);
    case OUTPUT_NULL:
        break;
    }
    return null_sink_create(sink, err);
}
