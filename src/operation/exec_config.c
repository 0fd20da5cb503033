#include "operation/exec_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

#define TMPDIR_DEFAULT "/tmp" /* whatever the environment says: it changes no result */

/* The variables of an item, which the program's own environment is cleared of. */
static const char *const item_variables[] = {"MILLRACE_PATH", "MILLRACE_SIZE", "MILLRACE_MTIME",
                                             "MILLRACE_SEQ", "MILLRACE_WORKER"};
#define ITEM_VARIABLE_COUNT (sizeof(item_variables) / sizeof(item_variables[0]))

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static void free_strings(char **strings, size_t first, size_t count)
{
    for (size_t i = first; strings && i < count; i++)
        free(strings[i]);
    free(strings);
}

static bool is_item_variable(const char *variable)
{
    for (size_t i = 0; i < ITEM_VARIABLE_COUNT; i++) {
        size_t length = strlen(item_variables[i]);
        if (strncmp(variable, item_variables[i], length) == 0 && variable[length] == '=')
            return true;
    }
    return false;
}

/* A copy, so that no thread reads the program's own environment while somebody changes it. */
static bool copy_environment(struct exec_config *config)
{
    size_t count = 0;
    while (environ && environ[count])
        count++;
    config->environment = calloc(count + 1, sizeof(*config->environment));
    if (!config->environment)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (is_item_variable(environ[i]))
            continue;
        char *copy = strdup(environ[i]);
        if (!copy)
            return false;
        config->environment[config->environment_count++] = copy;
    }
    return true;
}

static bool copy_arguments(struct exec_config *config, const char *const *argv)
{
    size_t count = 0;
    while (argv[count])
        count++;
    config->argv = calloc(count + 1, sizeof(*config->argv));
    if (!config->argv)
        return false;
    for (; config->argument_count < count; config->argument_count++) {
        const char *argument = argv[config->argument_count];
        config->uses |= exec_words_uses(argument);
        config->argv[config->argument_count] = strdup(argument);
        if (!config->argv[config->argument_count])
            return false;
    }
    return true;
}

/* The absolute path of the directory for files, so that it is no option for a command. */
static enum mr_status find_tmpdir(struct exec_config *config, const char *tmpdir,
                                  struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    if (config->uses & (EXEC_USES_IN | EXEC_USES_OUT) || tmpdir) {
        config->tmpdir = realpath(tmpdir ? tmpdir : TMPDIR_DEFAULT, NULL);
        struct stat about;
        int failure = !config->tmpdir || stat(config->tmpdir, &about) != 0 ? errno : 0;
        if (failure == 0 && !S_ISDIR(about.st_mode))
            failure = ENOTDIR;
        if (failure == 0 && access(config->tmpdir, W_OK | X_OK) != 0)
            failure = errno;
        if (failure != 0)
            return mr_error_set(err, MR_E_SYSTEM, failure, "cannot use %s for temporary files",
                                path_show(shown, sizeof(shown), tmpdir ? tmpdir : TMPDIR_DEFAULT));
    }
    config->wants_files = tmpdir != NULL;
    config->has_proc = access("/proc/self/fd", X_OK) == 0;
    return MR_OK;
}

enum mr_status exec_config_create(const char *const *argv, const struct exec_options *options,
                                  struct exec_config **config, struct mr_error *err)
{
    struct exec_config *made = calloc(1, sizeof(*made));
    if (made)
        made->slots = calloc(1, sizeof(*made->slots));
    if (made)
        made->later_suffix = strdup(options->later_suffix ? options->later_suffix : "");
    if (!made || !made->slots || !made->later_suffix || !copy_arguments(made, argv) ||
        !copy_environment(made)) {
        exec_config_destroy(made);
        return no_memory(err);
    }
    enum mr_status status = find_tmpdir(made, options->tmpdir, err);
    if (status != MR_OK) {
        exec_config_destroy(made);
        return status;
    }
    static const struct exec_statuses none;
    made->ok_statuses = options->ok_statuses;
    if (memcmp(&made->ok_statuses, &none, sizeof(none)) == 0)
        made->ok_statuses.bits[0] = 1;
    snprintf(made->threads, sizeof(made->threads), "%u",
             options->threads_each > 0 ? options->threads_each : 1);
    if (options->has_warden)
        made->warden = warden_create();
    *config = made;
    return MR_OK;
}

void exec_config_destroy(void *config)
{
    struct exec_config *exec = config;
    if (!exec)
        return;
    free_strings(exec->argv, 0, exec->argument_count);
    free_strings(exec->environment, 0, exec->environment_count);
    warden_destroy(exec->warden);
    free(exec->slots);
    free(exec->later_suffix);
    free(exec->tmpdir);
    free(exec);
}

bool exec_config_is_ok(const struct exec_config *config, int exit_status)
{
    return exit_status >= 0 && exit_status <= 255 &&
           (config->ok_statuses.bits[exit_status / 64] >> exit_status % 64 & 1);
}

static char *make_variable(const char *name, const char *value)
{
    char *variable = NULL;
    return asprintf(&variable, "%s=%s", name, value) < 0 ? NULL : variable;
}

/* Adds the item's variables behind those that are shared. False when out of memory. */
static bool add_variables(struct exec_start *start, const struct mr_entry *entry,
                          const struct exec_words *words)
{
    char size[24] = "", mtime[24] = "";
    if (entry->size_bytes >= 0)
        snprintf(size, sizeof(size), "%lld", (long long)entry->size_bytes);
    if (entry->has_mtime)
        snprintf(mtime, sizeof(mtime), "%lld", (long long)entry->mtime_s);
    const char *const values[ITEM_VARIABLE_COUNT] = {entry->path, size, mtime, words->sequence,
                                                     words->slot};
    for (size_t i = 0; i < ITEM_VARIABLE_COUNT; i++) {
        char *variable = make_variable(item_variables[i], values[i]);
        if (!variable)
            return false;
        start->environment[start->shared_count + i] = variable;
    }
    return true;
}

static bool add_arguments(struct exec_start *start, const struct exec_config *config,
                          const struct exec_words *words)
{
    for (size_t i = 0; i < config->argument_count; i++) {
        start->argv[i] = exec_words_expand(config->argv[i], words);
        if (!start->argv[i])
            return false;
    }
    return true;
}

enum mr_status exec_start_init(struct exec_start *start, const struct exec_config *config,
                               const struct mr_entry *entry, const struct exec_words *words,
                               struct mr_error *err)
{
    *start = (struct exec_start){.shared_count = config->environment_count,
                                 .argument_count = config->argument_count};
    start->argv = calloc(config->argument_count + 1, sizeof(*start->argv));
    start->environment =
        calloc(config->environment_count + ITEM_VARIABLE_COUNT + 1, sizeof(*start->environment));
    bool is_made = start->argv && start->environment;
    if (is_made && config->environment_count > 0)
        memcpy(start->environment, config->environment,
               config->environment_count * sizeof(*start->environment));
    if (is_made && add_arguments(start, config, words) &&
        (!entry || add_variables(start, entry, words)))
        return MR_OK;
    exec_start_fini(start);
    return no_memory(err);
}

void exec_start_fini(struct exec_start *start)
{
    free_strings(start->argv, 0, start->argument_count);
    free_strings(start->environment, start->shared_count,
                 start->environment ? start->shared_count + ITEM_VARIABLE_COUNT : 0);
    *start = (struct exec_start){0};
}
