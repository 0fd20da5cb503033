#include "cli/setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "cli/sizes.h"
#include "cli/spread.h"
#include "operation/exec.h"
#include "operation/isolate.h"
#include "operation/registry.h"

typedef enum mr_status (*select_fn)(struct selection *selection, const char *value,
                                    struct mr_error *err);
typedef enum mr_status (*name_fn)(struct naming *naming, const char *value, struct mr_error *err);

static const struct {
    const char *option;
    select_fn set;
} selectors[] = {
    {"include", selection_include},
    {"exclude", selection_exclude},
    {"exclude-from", selection_exclude_from},
    {"ext", selection_extensions},
    {"size", selection_size},
    {"newer-than", selection_newer_than},
    {"changed-within", selection_changed_within},
};

static const struct {
    const char *option;
    name_fn set;
} namers[] = {
    {"substitute", naming_substitute},
    {"suffix", naming_suffix},
    {"extension", naming_extension},
};

/* What the operations given behind `given` add to a name: the caller's to free; NULL: nothing. What
 * is wrong with them is said when they are added. */
static char *suffix_behind(const struct options *options, const struct given *given)
{
    struct chain *chain = NULL;
    char *name = chain_create(&chain, NULL) == MR_OK ? strdup("x") : NULL;
    bool is_good = name != NULL;
    for (; is_good && ++given < options->given + options->given_count;)
        if (strcmp(given->option->name, "process") == 0)
            is_good = chain_add(chain, given->value, NULL) == MR_OK;
    is_good = is_good && chain_rename(chain, &name) == MR_OK && name[0] == 'x';
    char *suffix = is_good ? strdup(name + 1) : NULL;
    free(name);
    chain_destroy(chain);
    return suffix;
}

/* Where that cannot be told, whoever starts it will say what is wrong. */
static bool may_be_program(const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return errno == EIO || errno == ENOMEM;
    return S_ISREG(about.st_mode) && access(path, X_OK) == 0;
}

/* Is there a program of that name, as posix_spawnp() would look for it? */
static bool has_program(const char *name)
{
    const char *path = getenv("PATH");
    char *candidate = NULL;
    bool is_found = false;
    if (strchr(name, '/') || !path)
        return !path || may_be_program(name);
    while (!is_found) {
        size_t length = strcspn(path, ":");
        if (asprintf(&candidate, "%.*s%s%s", (int)length, path, length ? "/" : "", name) < 0)
            return true;
        is_found = may_be_program(candidate);
        free(candidate);
        if (!path[length])
            break;
        path += length + 1;
    }
    return is_found;
}

/* Told once, not for each item. Placeholders have no place there, which exec_create() says. */
static enum mr_status check_command(const char *name, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    struct stat about;
    if (strpbrk(name, "{}") || has_program(name))
        return MR_OK;
    path_show(shown, sizeof(shown), name);
    if (!strchr(name, '/') || stat(name, &about) != 0)
        return mr_error_set(err, MR_E_USAGE, 0, "there is no program '%s'", shown);
    return mr_error_set(err, MR_E_USAGE, 0, "'%s' is no program: it %s", shown,
                        S_ISREG(about.st_mode) ? "cannot be executed (chmod +x)" : "is no file");
}

static enum mr_status add_command(struct setup *setup, const struct options *options,
                                  const struct given *given, struct mr_error *err)
{
    enum mr_status status = check_command(given->command[0], err);
    if (status != MR_OK)
        return status;
    char *suffix = suffix_behind(options, given);
    const struct exec_options exec = {
        .mode = (enum exec_mode)options->exec_mode,
        .ok_statuses = options->ok_statuses,
        .smudges = options->server_command == SERVER_COMMAND_SMUDGE,
        .threads_each = sizes_threads_each(options),
        .tmpdir = options->tmpdir,
        .later_suffix = suffix,
        .has_warden = true,
    };
    const struct mr_operation *operation = NULL;
    void *config = NULL;
    status = exec_create((const char *const *)given->command, &exec, &operation, &config, err);
    free(suffix);
    if (status != MR_OK)
        return status;
    status = chain_add_operation(setup->chain, operation, config, err);
    if (status != MR_OK && operation->config_destroy)
        operation->config_destroy(config);
    return status;
}

static enum mr_status apply(struct setup *setup, const struct options *options,
                            const struct given *given, struct mr_error *err)
{
    const char *name = given->option->name;
    if (strcmp(name, "process") == 0)
        return (options->is_isolated ? isolate_add : chain_add)(setup->chain, given->value, err);
    if (given->command)
        return add_command(setup, options, given, err);
    for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++)
        if (strcmp(name, selectors[i].option) == 0)
            return selectors[i].set(setup->selection, given->value, err);
    for (size_t i = 0; i < sizeof(namers) / sizeof(namers[0]); i++)
        if (strcmp(name, namers[i].option) == 0)
            return namers[i].set(setup->naming, given->value, err);
    return MR_OK; /* -C: main has done that */
}

static void prefix_option(const struct option *option, struct mr_error *err)
{
    if (option->letter)
        mr_error_prefix(err, "-%c", option->letter);
    else
        mr_error_prefix(err, "--%s", option->name);
}

/* Options that say how commands are run need one, and one that they are for. */
static enum mr_status check_commands(const struct options *options, struct mr_error *err)
{
    bool is_server = options->exec_mode == EXEC_SERVER;
    bool has_server_command = options->server_command != SERVER_COMMAND_DEFAULT;
    const char *ended = options->has_ok_statuses ? "ok-status" : options->tmpdir ? "tmpdir" : NULL;
    const char *option = options->exec_mode != EXEC_AUTO ? "exec-mode"
                         : has_server_command            ? "server-command"
                                                         : ended;
    if (option && !options_were_given(options, "exec"))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "--%s is for commands, and there is no -x (which takes all that "
                            "follows, up to a ';' of its own)",
                            option);
    if (is_server && ended)
        return mr_error_set(err, MR_E_USAGE, 0, "--%s has no meaning with --exec-mode server",
                            ended);
    if (!is_server && has_server_command)
        return mr_error_set(err, MR_E_USAGE, 0, "--server-command is for --exec-mode server");
    return MR_OK;
}

static enum mr_status check_policy(const struct options *options, const struct chain *chain,
                                   struct mr_error *err)
{
    const struct job_policy *policy = &options->policy;
    if (policy->retry_delay_ns > 0 && policy->retry_count == 0)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "--retry-delay waits before a further attempt, and there is no "
                            "--retries N");
    bool has_timeout = policy->timeout_ns > 0 || policy->timeout_percent > 0;
    if (has_timeout && options->verb == VERB_RUN && chain_count(chain) == 0)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "--timeout limits operations, and there is no -p and no -x");
    return MR_OK;
}

enum mr_status setup_init(struct setup *setup, const struct options *options, struct mr_error *err)
{
    memset(setup, 0, sizeof(*setup));
    enum mr_status status = check_commands(options, err);
    if (status == MR_OK)
        status = spread_check(options, err);
    if (status == MR_OK && options->shard.count > 0)
        status = shard_create(&options->shard, !options->removes_sources, &setup->shard, err);
    if (status == MR_OK)
        status = chain_create(&setup->chain, err);
    if (status == MR_OK)
        status = selection_create(&setup->selection, err);
    if (status == MR_OK)
        status = naming_create(&setup->naming, err);
    if (status == MR_OK && options->wants_portable_names)
        status = portable_create(&setup->portable, err);
    for (size_t i = 0; status == MR_OK && i < options->given_count; i++) {
        status = apply(setup, options, &options->given[i], err);
        if (status != MR_OK)
            prefix_option(options->given[i].option, err);
    }
    if (status == MR_OK)
        status = check_policy(options, setup->chain, err);
    if (status != MR_OK)
        return status;
    selection_max_depth(setup->selection, options->max_depth);
    if (options->no_hidden)
        selection_no_hidden(setup->selection);
    naming_strip_components(setup->naming, options->strip_components);
    if (options->is_flat)
        naming_flat(setup->naming);
    return MR_OK;
}

void setup_fini(struct setup *setup)
{
    chain_destroy(setup->chain);
    selection_destroy(setup->selection);
    naming_destroy(setup->naming);
    portable_destroy(setup->portable);
    shard_destroy(setup->shard);
    memset(setup, 0, sizeof(*setup));
}

/* The walk asks before it enters a directory. */
static bool descends(void *ctx, const char *path)
{
    return selection_descends(ctx, path);
}

static bool leaves_out(void *ctx, const char *path)
{
    return selection_leaves_out(ctx, path);
}

enum mr_status setup_make_inputs(const struct setup *setup, const struct options *options,
                                 const struct setup_inputs *wanted, struct inputs **inputs,
                                 struct mr_error *err)
{
    struct inputs_config config = {
        .names = wanted->names,
        .name_count = wanted->name_count,
        .list_path = wanted->list_path,
        .list_has_nuls = options->list_has_nuls,
        .format = options->from,
        .no_archives = options->no_archives || wanted->no_archives,
        .wants_archive = wanted->wants_archive,
        .is_merged = options->is_merged,
        .archives = {.limits = sizes_decoding(options),
                     .is_in_process = options->no_sandbox,
                     .is_names_only = options->verb == VERB_LIST || options->is_dry,
                     .table = wanted->table},
    };
    config.archives.limits.is_lenient_zip = options->is_lenient_zip;
    config.archives.limits.has_unnamed_threads = options->unnamed_threads != 0;
    config.walk = (struct walk_config){
        .is_unsorted = options->sort == SORT_NONE,
        .follows_links = options->follows_links,
        .stays_on_device = options->stays_on_device,
        .reads_xattrs = (options->preserve & PRESERVE_XATTR) != 0,
        .first_name = wanted->first_name,
        .own = wanted->own,
        .own_count = wanted->own_count,
    };
    if (!wanted->keeps_others) {
        config.walk.leaves_out_hidden = options->no_hidden != 0;
        config.walk.max_depth = options->max_depth;
        config.walk.descends = descends;
        config.walk.leaves_out = leaves_out;
        config.walk.ctx = setup->selection;
    }
    return inputs_create(&config, inputs, err);
}

void setup_job(const struct setup *setup, const struct options *options, struct job_config *config)
{
    *config = (struct job_config){
        .chain = setup->chain,
        .selection = setup->selection,
        .naming = setup->naming,
        .portable = setup->portable,
        .shard = setup->shard,
        .is_unordered = options->is_unordered,
        .on_error = (enum job_on_error)options->on_error,
        .policy = options->policy,
        .limits = options->limits,
        .strips_absolute = options->absolute_names == 1,
        .collide = (enum job_collide)options->collide,
        .preserve = options->preserve,
        .has_mtime = options->has_mtime,
        .clamps_mtime = options->clamps_mtime,
        .mtime = options->mtime,
        .is_reproducible = options->is_reproducible,
        .has_unnamed_threads = options->unnamed_threads != 0,
        .is_isolated = options->is_isolated,
        .is_dry = options->is_dry,
        .removes_sources = options->removes_sources && !options->is_dry,
    };
    if (options->max_depth > config->limits.depth_count)
        config->limits.depth_count = options->max_depth;
    /* Nothing newer than the beginning of time: that is 1970 for all. */
    if (options->is_reproducible && !options->has_mtime)
        config->has_mtime = true;
    sizes_choose(options, config);
}

bool setup_selects(const struct setup *setup, const struct mr_entry *entry, const char *archive)
{
    return selection_is_empty(setup->selection) ||
           selection_accepts(setup->selection, entry, archive);
}
