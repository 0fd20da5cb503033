/* verb_run.c - `millrace run`: checks what must fit together, then one job (or, with --in-place,
 * one for each input). */
#include "cli/inplace.h"
#include "cli/overlap.h"
#include "cli/records.h"
#include "cli/resume.h"
#include "cli/run.h"
#include "cli/signals.h"

static enum mr_status check(const struct options *options, struct mr_error *err)
{
    enum mr_status status = run_check_inputs(options, err);
    if (status != MR_OK)
        return status;
    if (options->output && options->is_in_place)
        return mr_error_set(err, MR_E_USAGE, 0, "--in-place replaces the inputs: leave out -o");
    if (options->clamps_mtime && !options->has_mtime && !options->is_reproducible)
        return mr_error_set(err, MR_E_USAGE, 0, "--clamp-mtime needs --mtime DATE");
    if (options->journal && options->is_in_place)
        return mr_error_set(err, MR_E_USAGE, 0, "--journal and --in-place contradict each other");
    if ((options->resumes || options->retries_failed) && !options->journal)
        return mr_error_set(err, MR_E_USAGE, 0, "%s needs --journal FILE",
                            options->resumes ? "--resume" : "--retry-failed");
    if (options->removes_sources && options->is_in_place)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "--remove-source and --in-place contradict each other");
    return MR_OK;
}

static enum mr_status prepare(const struct options *options, struct setup *setup,
                              struct output *output, struct mr_error *err)
{
    enum mr_status status = output_choose(output, options, err);
    if (status == MR_OK && options->removes_sources && output->kind != OUTPUT_TREE &&
        output->kind != OUTPUT_FILE)
        status = mr_error_set(err, MR_E_USAGE, 0,
                              "--remove-source needs a tree or a file as OUTPUT, which can be "
                              "read back item by item");
    if (status == MR_OK)
        status = setup_init(setup, options, err);
    if (status == MR_OK)
        status = resume_check(options, output, setup->chain, err);
    if (status == MR_OK)
        status = overlap_check(output, options, err);
    if (status == MR_OK && output->kind == OUTPUT_FILE)
        status = naming_fixed(setup->naming, output->name, err);
    return status;
}

/* Only where files are replaced can an input be hit. */
static bool needs_guard(const struct options *options, const struct output *output)
{
    bool is_tree = output->kind == OUTPUT_TREE || output->kind == OUTPUT_FILE;
    bool can_replace =
        options->existing == EXISTING_OVERWRITE || options->existing == EXISTING_UPDATE;
    return is_tree && can_replace && !options->is_dry;
}

static int run_to_output(const struct cli *cli)
{
    const struct options *options = cli->options;
    struct setup setup = {0};
    struct output output = {0};
    struct mr_error err = {0};
    int result;
    enum mr_status status = prepare(options, &setup, &output, &err);
    if (status != MR_OK) {
        result = run_refuse(cli, status, &err);
    } else if (run_has_only_missing_inputs(cli)) {
        result = EXIT_SOME_FAILED;
    } else {
        struct guard_config guard = {.options = options, .setup = &setup, .root = output.path};
        struct run run = {
            .cli = cli,
            .setup = &setup,
            .output = &output,
            .guard = needs_guard(options, &output) ? &guard : NULL,
            /* One file is made: what comes is one plain stream. */
            .no_archives = output.kind == OUTPUT_FILE && !options->from,
        };
        result = run_job(&run);
    }
    setup_fini(&setup);
    output_fini(&output);
    return result;
}

int verb_run(const struct cli *cli)
{
    struct mr_error err = {0};
    enum mr_status status = check(cli->options, &err);
    if (status != MR_OK)
        return run_refuse(cli, status, &err);
    struct records records;
    struct cli recorded = *cli;
    signals_catch(false); /* before there is a file to leave behind */
    status = records_open(&records, cli, &err);
    if (status != MR_OK)
        return run_refuse(cli, status, &err);
    recorded.records = &records;
    int result = cli->options->is_in_place ? inplace_run(&recorded) : run_to_output(&recorded);
    return records_close(&records, cli, result);
}
