#include "cli/inplace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "cli/run.h"
#include "cli/signals.h"

static enum mr_status refuse_option(const char *option, const char *reason, struct mr_error *err)
{
    return mr_error_set(err, MR_E_USAGE, 0, "--in-place and %s contradict each other: %s", option,
                        reason);
}

static enum mr_status check(const struct options *options, const struct chain *chain,
                            struct mr_error *err)
{
    static const char names[] = "names stay as they are";
    for (size_t i = 0; i < options->name_count; i++)
        if (strcmp(options->names[i], "-") == 0)
            return mr_error_set(err, MR_E_USAGE, 0, "--in-place cannot replace stdin: use -o -");
    if (options->existing == EXISTING_SKIP || options->existing == EXISTING_UPDATE)
        return refuse_option("-n or -u", "what is there is always replaced", err);
    if (options_were_given(options, "substitute"))
        return refuse_option("-s", names, err);
    if (options_were_given(options, "suffix") || options_were_given(options, "extension"))
        return refuse_option("--suffix or --extension", names, err);
    if (options->is_flat || options->strip_components > 0)
        return refuse_option("--flat or --strip-components", names, err);
    if (options->sort == SORT_NONE)
        return refuse_option("--sort none", "what was replaced could come again", err);
    if (guard_always_renames(chain))
        return mr_error_set(err, MR_E_USAGE, 0,
                            "the operations change the names of files (as gzip adds .gz): use -o "
                            "instead of --in-place");
    return MR_OK;
}

/* One input and its job. */
struct replaced {
    const char *name; /* after its last symbolic link */
    struct stat about;
    struct options options; /* the run's, for this input alone */
    struct cli cli;
    const struct setup *setup;
    struct output output;
};

static enum mr_status choose_archive(struct replaced *at, struct mr_error *err)
{
    enum mr_status status =
        output_read_to(at->options.to, &at->output.format, &at->output.settings, err);
    if (status != MR_OK)
        return status;
    if (!at->output.format)
        at->output.format = archive_output_by_suffix(at->name);
    if (!at->output.format)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "the suffix does not tell which format to write: add --to FORMAT");
    if (archive_output_is_database(at->output.format))
        return mr_error_set(
            err, MR_E_USAGE, 0,
            "a database may hold more than an archive, which would be lost: use -o");
    at->output.kind = OUTPUT_ARCHIVE;
    at->output.replaced = &at->about;
    at->output.path = strdup(at->name);
    return at->output.path ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static enum mr_status choose_file(struct replaced *at, struct mr_error *err)
{
    const char *base = path_base(at->name);
    size_t length = (size_t)(base - at->name);
    at->output.kind = OUTPUT_FILE;
    at->output.path = length == 0 ? strdup(".") : strndup(at->name, length);
    return at->output.path ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static enum mr_status choose(struct replaced *at, bool is_archive, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    at->output.shown = strdup(path_show(shown, sizeof(shown), at->name));
    if (!at->output.shown)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (is_archive)
        return choose_archive(at, err);
    if (at->options.to || at->options.level >= 0)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "--to and --level are for archives, and this is none");
    if (chain_count(at->setup->chain) == 0)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "--in-place without an operation (-p, -x) changes nothing");
    if (S_ISREG(at->about.st_mode))
        return choose_file(at, err);
    if (!S_ISDIR(at->about.st_mode))
        return mr_error_set(err, MR_E_USAGE, 0, "neither a directory nor a file");
    at->output.kind = OUTPUT_TREE;
    at->output.path = strdup(at->name);
    return at->output.path ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* The new archive is another file: owner and mode come from the old one. */
static void restore(const struct replaced *at)
{
    struct stat about;
    if (stat(at->name, &about) != 0 || about.st_ino == at->about.st_ino)
        return;
    bool is_other = about.st_uid != at->about.st_uid || about.st_gid != at->about.st_gid;
    if (is_other && chown(at->name, at->about.st_uid, at->about.st_gid) != 0)
        message_error(at->cli.message, at->output.shown, "its owner could not be kept: %s",
                      strerrordesc_np(errno));
    if (chmod(at->name, at->about.st_mode & 07777) != 0)
        message_error(at->cli.message, at->output.shown, "its mode could not be kept: %s",
                      strerrordesc_np(errno));
}

static int run_one(struct replaced *at, bool is_archive)
{
    char shown[PATH_SHOW_BYTES];
    struct guard_config guard = {
        .options = &at->options,
        .setup = at->setup,
        .is_in_place = true,
        .is_tree = !is_archive,
        .label = path_show(shown, sizeof(shown), at->name),
        .is_container = is_archive,
    };
    struct run run = {
        .cli = &at->cli,
        .setup = at->setup,
        .output = &at->output,
        .guard = &guard,
        .no_archives = !is_archive,
        .replaces_input = is_archive,
    };
    if (!is_archive)
        return run_job(&run);
    /* The new archive is never readable for more users than the old one, not even while it is
     * written. */
    mode_t before = umask(~at->about.st_mode & 0777);
    int result = run_job(&run);
    umask(before);
    restore(at);
    return result;
}

static int fail(const struct cli *cli, const char *name, const char *reason)
{
    char shown[PATH_SHOW_BYTES];
    message_error(cli->message, path_show(shown, sizeof(shown), name), "%s", reason);
    return EXIT_SOME_FAILED;
}

static int replace(const struct cli *cli, const struct setup *setup, const char *name)
{
    struct replaced at = {.name = name, .options = *cli->options, .setup = setup};
    if (stat(name, &at.about) != 0)
        return fail(cli, name, strerrordesc_np(errno));
    /* A link stays what it is; what it points to is replaced. */
    char *real = NULL;
    struct stat link;
    if (lstat(name, &link) == 0 && S_ISLNK(link.st_mode)) {
        real = realpath(name, NULL);
        if (!real)
            return fail(cli, name, strerrordesc_np(errno));
        at.name = real;
    }
    at.options.names = &at.name;
    at.options.name_count = 1;
    at.options.list_path = NULL;
    at.cli = *cli;
    at.cli.options = &at.options;
    bool is_archive = output_is_archive(at.name, &at.options);
    struct mr_error err = {0};
    int result;
    if (choose(&at, is_archive, &err) == MR_OK)
        result = run_one(&at, is_archive);
    else
        result = fail(cli, name, err.text);
    output_fini(&at.output);
    free(real);
    return result;
}

static int worst(int a, int b)
{
    return a > b ? a : b;
}

/* All inputs so far. Each has a job of its own, which cannot tell how many others failed. */
struct tally {
    uint64_t failed_count, replaced_count;
    int result; /* an exit status: the worst */
};

static void replace_next(const struct cli *cli, const struct setup *setup, const char *name,
                         struct tally *tally)
{
    int result = replace(cli, setup, name);
    tally->result = worst(tally->result, result);
    if (result == EXIT_DONE)
        tally->replaced_count++;
    else
        tally->failed_count++;
    if (tally->result == EXIT_STOPPED ||
        !job_policy_halts(&cli->options->policy, tally->failed_count, tally->replaced_count))
        return;
    message_error(cli->message, NULL, "stopped: %llu of %llu inputs failed (--halt)",
                  (unsigned long long)tally->failed_count,
                  (unsigned long long)(tally->failed_count + tally->replaced_count));
    tally->result = EXIT_STOPPED;
}

static bool goes_on(const struct tally *tally)
{
    return !signals_first() && tally->result != EXIT_STOPPED;
}

static void replace_listed(const struct cli *cli, const struct setup *setup, struct tally *tally)
{
    const struct options *options = cli->options;
    bool is_stdin = strcmp(options->list_path, "-") == 0;
    signals_catch(false); /* names may be waited for */
    FILE *list = is_stdin ? stdin : fopen(options->list_path, "re");
    char *name = NULL;
    size_t room = 0;
    ssize_t length;
    if (!list) {
        fail(cli, options->list_path, strerrordesc_np(errno));
        tally->result = EXIT_STOPPED;
        return;
    }
    int end = options->list_has_nuls ? '\0' : '\n';
    while (goes_on(tally) && (length = getdelim(&name, &room, end, list)) > 0) {
        if (name[length - 1] == end)
            name[length - 1] = '\0';
        if (*name)
            replace_next(cli, setup, name, tally);
        signals_catch(false); /* as before the job */
    }
    if (ferror(list) && !signals_first()) {
        fail(cli, options->list_path, strerrordesc_np(errno));
        tally->result = EXIT_STOPPED;
    }
    free(name);
    if (!is_stdin)
        fclose(list);
}

int inplace_run(const struct cli *cli)
{
    const struct options *options = cli->options;
    struct setup setup = {0};
    struct mr_error err = {0};
    struct tally tally = {.result = EXIT_DONE};
    enum mr_status status = setup_init(&setup, options, &err);
    if (status == MR_OK)
        status = check(options, setup.chain, &err);
    if (status != MR_OK)
        tally.result = run_refuse(cli, status, &err);
    for (size_t i = 0; status == MR_OK && i < options->name_count && goes_on(&tally); i++)
        replace_next(cli, &setup, options->names[i], &tally);
    if (status == MR_OK && options->list_path && goes_on(&tally))
        replace_listed(cli, &setup, &tally);
    setup_fini(&setup);
    return tally.result;
}
