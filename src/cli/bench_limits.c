#include "cli/bench_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/limit.h"
#include "bench/plain.h"
#include "cli/bench_scratch.h"

#define OPERATIONS_SECONDS 2.0 /* at most */

/* ---- what is read ---- */

struct paths {
    char **all; /* owned, as are the paths */
    size_t count, cap_count;
};

static void paths_fini(struct paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free(paths->all[i]);
    free(paths->all);
}

/* path is the array's on MR_OK. */
static enum mr_status paths_add(struct paths *paths, char *path, struct mr_error *err)
{
    if (path && paths->count == paths->cap_count) {
        size_t cap_count = paths->cap_count ? 2 * paths->cap_count : 256;
        char **all = realloc(paths->all, cap_count * sizeof(*all));
        if (!all)
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        paths->all = all;
        paths->cap_count = cap_count;
    }
    if (!path)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    paths->all[paths->count++] = path;
    return MR_OK;
}

static enum mr_status add_entry(const struct bench_limits_config *config, struct paths *paths,
                                const char *name, const struct mr_entry *entry,
                                struct mr_error *err)
{
    char *path = NULL;
    if (entry->kind != MR_KIND_FILE || !setup_selects(config->setup, entry, NULL))
        return MR_OK;
    if (asprintf(&path, "%s/%s", name, entry->path) < 0)
        path = NULL;
    enum mr_status status = paths_add(paths, path, err);
    if (status != MR_OK)
        free(path);
    return status;
}

/* The files of a directory that are selected. */
static enum mr_status add_directory(const struct bench_limits_config *config, struct paths *paths,
                                    const char *name, struct mr_error *err)
{
    const struct setup_inputs wanted = {.names = &name, .name_count = 1};
    struct inputs *inputs = NULL;
    enum mr_status status =
        setup_make_inputs(config->setup, config->options, &wanted, &inputs, err);
    while (status == MR_OK) {
        struct mr_entry entry = {0};
        struct input *input = NULL;
        status = inputs_next(inputs, &entry, &input, err);
        if (status == MR_OK)
            status = add_entry(config, paths, name, &entry, err);
        mr_entry_clear(&entry);
        input_release(input);
    }
    inputs_destroy(inputs);
    return status == MR_DONE ? MR_OK : status;
}

static enum mr_status find_paths(const struct bench_limits_config *config, struct paths *paths,
                                 struct mr_error *err)
{
    enum mr_status status = MR_OK;
    struct stat about;
    for (size_t i = 0; status == MR_OK && i < config->name_count; i++) {
        const char *name = config->names[i];
        if (strcmp(name, "-") == 0) /* which can be read only once */
            continue;
        if (stat(name, &about) == 0 && S_ISDIR(about.st_mode)) {
            status = add_directory(config, paths, name, err);
            continue;
        }
        char *copy = strdup(name);
        status = paths_add(paths, copy, err);
        if (status != MR_OK)
            free(copy);
    }
    return status;
}

static enum mr_status measure_reading(const struct bench_limits_config *config,
                                      struct bench_limits *limits, struct mr_error *err)
{
    struct paths paths = {0};
    double seconds = 0;
    enum mr_status status = find_paths(config, &paths, err);
    if (status == MR_OK && paths.count > 0)
        status = plain_read((const char *const *)paths.all, paths.count, config->thread_count,
                            &seconds, err);
    if (status == MR_OK && seconds > 0)
        limits->plain_read = (double)config->best->in_bytes / seconds;
    paths_fini(&paths);
    return status;
}

/* ---- what is written ---- */

static enum mr_status measure_writing(const struct bench_limits_config *config,
                                      struct bench_limits *limits, struct mr_error *err)
{
    const struct bench_row *best = config->best;
    struct bench_scratch scratch;
    double seconds = 0;
    enum mr_status status = bench_scratch_make(&scratch, config->options, err);
    bool is_one = scratch.output.kind == OUTPUT_ARCHIVE || best->item_count == 0;
    if (status == MR_OK && scratch.directory)
        status = plain_write(scratch.directory, is_one ? 1 : best->item_count, best->out_bytes,
                             config->thread_count, &seconds, err);
    if (status == MR_OK && seconds > 0)
        limits->plain_write = (double)best->in_bytes / seconds;
    bench_scratch_remove(&scratch);
    return status;
}

enum mr_status bench_limits_find(const struct bench_limits_config *config,
                                 struct bench_limits *limits, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    *limits = (struct bench_limits){0};
    if (config->sample->count > 0 && chain_count(config->setup->chain) > 0)
        status = limit_measure(config->sample, config->setup->chain, OPERATIONS_SECONDS,
                               &limits->one_thread, err);
    if (status == MR_OK && config->options->streams && !config->options->list_path)
        status = measure_reading(config, limits, err);
    if (status == MR_OK && config->options->output)
        status = measure_writing(config, limits, err);
    return status;
}
