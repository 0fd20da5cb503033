#include "cli/run.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "cli/execute.h"
#include "cli/overlap.h"
#include "cli/records.h"
#include "cli/resume.h"
#include "cli/signals.h"
#include "source/archive_formats.h"

/* What run_job() makes; freed in the reverse order. */
struct made {
    char *prefix; /* of names in the output, for people */
    struct mr_sink *sink;
    struct walk_own own[2 + RECORDS_OWN_MAX]; /* what is written, where the inputs could hold it */
    struct setup_inputs wanted;
    struct inputs *inputs;
    struct resume resume;
};

enum mr_status run_check_inputs(const struct options *options, struct mr_error *err)
{
    size_t stdin_count = options->list_path && strcmp(options->list_path, "-") == 0;
    if (options->name_count == 0 && !options->list_path)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "no INPUT: name a directory, a file or an archive, or - for stdin");
    for (size_t i = 0; i < options->name_count; i++) {
        if (options->names[i][0] == '\0')
            return mr_error_set(err, MR_E_USAGE, 0, "an INPUT has an empty name");
        stdin_count += strcmp(options->names[i], "-") == 0;
    }
    if (stdin_count > 1)
        return mr_error_set(err, MR_E_USAGE, 0, "stdin ('-') can be used only once");
    if (options->list_has_nuls && !options->list_path)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "-0 tells how the list of -T is separated, and there is no -T");
    if (options->from && options->no_archives)
        return mr_error_set(err, MR_E_USAGE, 0, "--from and --no-archives contradict each other");
    const char *list = options->list_path;
    char shown[PATH_SHOW_BYTES];
    if (list && strcmp(list, "-") != 0 && access(list, R_OK) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "-T: cannot read %s",
                            path_show(shown, sizeof(shown), list));
    struct archive_choice choice;
    enum mr_status status = archive_formats_parse(options->from, &choice, err);
    if (status != MR_OK)
        mr_error_prefix(err, "--from");
    return status;
}

bool run_has_only_missing_inputs(const struct cli *cli)
{
    const struct options *options = cli->options;
    if (options->list_path)
        return false;
    struct stat about;
    int seen = ENOENT;
    for (size_t i = 0; i < options->name_count; i++) {
        if (strcmp(options->names[i], "-") == 0 || lstat(options->names[i], &about) == 0)
            return false;
        seen = errno;
    }
    for (size_t i = 0; i < options->name_count; i++) {
        char shown[PATH_SHOW_BYTES];
        int error = lstat(options->names[i], &about) == 0 ? seen : errno; /* it is there now */
        message_error(cli->message, path_show(shown, sizeof(shown), options->names[i]), "%s",
                      strerrordesc_np(error));
    }
    return true;
}

int run_refuse(const struct cli *cli, enum mr_status status, const struct mr_error *err)
{
    const struct verb *verb = NULL;
    for (size_t i = 0; (verb = verb_at(i)) && verb->bit != cli->options->verb; i++)
        ;
    message_error(cli->message, verb ? verb->name : NULL, "%s",
                  err->text[0] ? err->text : mr_status_text(status));
    return status == MR_E_USAGE ? EXIT_USAGE : EXIT_STOPPED;
}

/* Archives bring names and links that are not to be trusted; a directory is the user's own. */
static bool may_hold_archives(const struct options *options)
{
    struct stat about;
    if (options->list_path)
        return !options->no_archives;
    for (size_t i = 0; i < options->name_count; i++)
        if (strcmp(options->names[i], "-") == 0 || stat(options->names[i], &about) != 0 ||
            !S_ISDIR(about.st_mode))
            return true;
    return false;
}

/*
 * CLI.md: copied for an archive as output. Without operations there is nothing that the others
 * could be spared, and the selection would mean nothing: then they are left out.
 */
static bool copies_others(const struct run *run)
{
    const struct options *options = run->cli->options;
    if (options->others != OTHERS_AUTO)
        return options->others == OTHERS_COPY;
    return run->output->kind == OUTPUT_ARCHIVE && chain_count(run->setup->chain) > 0;
}

/*
 * One file into a tree, and nothing to do with it: that is unpacking. Copying what turns out to be
 * no archive would hide that it was damaged beyond recognition, or the wrong file.
 */
static bool wants_archive(const struct run *run)
{
    const struct options *options = run->cli->options;
    return run->output->kind == OUTPUT_TREE && chain_count(run->setup->chain) == 0 &&
           options->name_count == 1 && !options->list_path;
}

static char *make_prefix(const struct output *output)
{
    char *prefix = NULL;
    int length = 0;
    char shown[PATH_SHOW_BYTES];
    switch (output->kind) {
    case OUTPUT_TREE:
    case OUTPUT_FILE:
        if (strcmp(output->path, ".") == 0 && output->kind == OUTPUT_FILE)
            return strdup("");
        path_show(shown, sizeof(shown), output->path);
        length = asprintf(&prefix, "%s%s", shown, shown[strlen(shown) - 1] == '/' ? "" : "/");
        break;
    case OUTPUT_ARCHIVE:
        length = asprintf(&prefix, "%s!/", output->shown);
        break;
    case OUTPUT_STREAM:
    case OUTPUT_NULL:
        length = asprintf(&prefix, "%s ", output->shown);
        break;
    }
    return length < 0 ? NULL : prefix;
}

static enum mr_status open_inputs(const struct run *run, struct made *made, struct mr_error *err)
{
    const struct options *options = run->cli->options;
    struct setup_inputs *wanted = &made->wanted;
    *wanted = (struct setup_inputs){
        .names = options->names,
        .name_count = options->name_count,
        .list_path = options->list_path,
        .table = output_is_database(run->output) ? NULL : options->table,
        .no_archives = run->no_archives,
        .wants_archive = wants_archive(run),
        .keeps_others = copies_others(run),
    };
    /* EPUB and ODF files are known by it. */
    if (run->output->kind == OUTPUT_ARCHIVE && strcmp(run->output->format->name, "zip") == 0)
        wanted->first_name = "mimetype";
    wanted->own = made->own;
    if (!options->is_in_place && overlap_own(run->output, &made->own[0]))
        wanted->own_count = 1;
    if (resume_own(&made->resume, &made->own[wanted->own_count]))
        wanted->own_count++;
    wanted->own_count += records_own(run->cli->records, &made->own[wanted->own_count]);
    return setup_make_inputs(run->setup, options, wanted, &made->inputs, err);
}

/* As tar does without -p: who made the archive does not say who may write here. */
static mode_t member_umask(const struct run *run)
{
    bool is_tree = run->output->kind == OUTPUT_TREE || run->output->kind == OUTPUT_FILE;
    if (!is_tree || run->cli->options->has_preserve)
        return 0;
    mode_t bits = umask(0); /* there are no other threads yet */
    umask(bits);
    return bits & 0777;
}

static int execute(const struct run *run, const struct made *made)
{
    struct job_config config;
    setup_job(run->setup, run->cli->options, &config);
    config.inputs = made->inputs;
    config.sink = made->sink;
    resume_job(&made->resume, run->cli->options, &config);
    config.copies_others = copies_others(run);
    config.member_umask = member_umask(run);
    config.spends_inputs = run->cli->options->is_in_place || config.removes_sources;
    config.keeps_names = run->output->kind == OUTPUT_FILE || run->cli->options->is_in_place;
    struct execution execution = {
        .cli = run->cli,
        .config = &config,
        .shown_output = run->output->shown,
        .output_prefix = made->prefix,
        .is_archive = run->output->kind == OUTPUT_ARCHIVE,
        .replaces_input = run->replaces_input,
        .survey = {.setup = run->setup,
                   .options = run->cli->options,
                   .wanted = &made->wanted,
                   .takes_all = config.copies_others},
    };
    return execute_job(&execution);
}

/* The archive is there already: like an item that is there already. */
static int refuse_existing(const struct run *run, const struct mr_error *err)
{
    if (run->cli->options->existing != EXISTING_SKIP) {
        message_error(run->cli->message, NULL, "%s", err->text);
        return EXIT_SOME_FAILED;
    }
    message_note(run->cli->message, run->output->shown, "exists already and is left as it is");
    return EXIT_DONE;
}

/* What a process that ends at once takes back. Written by the main thread. */
static struct mr_sink *_Atomic unfinished;

static void take_back(void)
{
    struct mr_sink *sink = atomic_load(&unfinished);
    if (sink && sink->ops->abandon)
        sink->ops->abandon(sink);
}

int run_job(const struct run *run)
{
    const struct options *options = run->cli->options;
    struct made made = {.prefix = make_prefix(run->output)};
    struct mr_error err = {0};
    enum mr_status status =
        made.prefix ? MR_OK : mr_error_set(&err, MR_E_MEMORY, 0, "out of memory");
    signals_at_last(take_back);
    signals_catch(false); /* an earlier job may have ended */
    if (status == MR_OK)
        status = resume_open(&made.resume, options, run->output, &err);
    if (status == MR_OK && made.resume.is_done) {
        message_note(run->cli->message, run->output->shown, "was finished by an earlier run");
        resume_close(&made.resume);
        free(made.prefix);
        return EXIT_DONE;
    }
    if (status == MR_OK)
        status = output_open(run->output, options, may_hold_archives(options),
                             made.resume.past != NULL, &made.sink, &err);
    atomic_store(&unfinished, made.sink);
    if (status == MR_OK && run->guard)
        status = guard_create(run->guard, &made.sink, &err);
    if (status == MR_OK)
        status = open_inputs(run, &made, &err);
    int result;
    if (status == MR_OK) {
        result = execute(run, &made);
        status = resume_end(&made.resume, run->output, result == EXIT_DONE, &err);
        if (status != MR_OK)
            result = run_refuse(run->cli, status, &err);
    } else if (status == MR_E_EXISTS)
        result = refuse_existing(run, &err);
    else
        result = run_refuse(run->cli, status, &err);
    inputs_destroy(made.inputs);
    atomic_store(&unfinished, NULL);
    if (made.sink)
        made.sink->ops->destroy(made.sink);
    free(made.prefix);
    resume_close(&made.resume);
    return result;
}
