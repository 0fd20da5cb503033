/*
 * verb_diff.c - `millrace diff A B`: two jobs at once, one for each input, make a hash of each
 * content and write down what there is; then the two lists are compared.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/path.h"
#include "cli/diff_show.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/signals.h"

#define SORT_MEMORY_BYTES ((size_t)16 << 20) /* for each side */
#define TICK_MS           100
#define HANGING_NS        INT64_C(1000000000) /* after a signal: some call does not return */

struct side {
    const struct cli *cli;
    const char *name;
    struct manifest *manifest; /* owned, as the next two */
    struct inputs *inputs;
    struct job *job;
    struct job_config config;
    bool is_done;
    atomic_bool has_failures;
};

struct comparison {
    const struct cli *cli;
    struct setup setup;
    unsigned char key[SIPHASH_KEY_BYTES];
    struct side sides[2];
};

static enum mr_status check_inputs(const struct options *options, struct mr_error *err)
{
    if (options->name_count != 2)
        return mr_error_set(err, MR_E_USAGE, 0, "compares two inputs: diff A B");
    enum mr_status status = run_check_inputs(options, err);
    struct stat about;
    for (size_t i = 0; status == MR_OK && i < 2; i++) {
        char shown[PATH_SHOW_BYTES];
        const char *name = options->names[i];
        if (strcmp(name, "-") != 0 && lstat(name, &about) != 0)
            status =
                mr_error_set(err, MR_E_SYSTEM, errno, "%s", path_show(shown, sizeof(shown), name));
    }
    return status;
}

/* ---- one side ---- */

/* Any thread. */
static void item_ended(void *ctx, const struct job_item *item)
{
    struct side *side = ctx;
    const char *name = item->shown && *item->shown ? item->shown : NULL;
    if (item->outcome == JOB_FAILED) {
        message_error(side->cli->message, name, "%s",
                      item->error ? item->error->text : "failed for an unknown reason");
        if (item->output)
            manifest_note_failure(side->manifest, item->output);
        atomic_store(&side->has_failures, true);
    } else if (item->error) {
        message_error(side->cli->message, name, "warning: %s", item->error->text);
    }
}

static void remarked(void *ctx, const char *text)
{
    const struct side *side = ctx;
    message_error(side->cli->message, NULL, "warning: %s", text);
}

static bool is_directory(const char *name)
{
    struct stat about;
    return strcmp(name, "-") != 0 && stat(name, &about) == 0 && S_ISDIR(about.st_mode);
}

static enum mr_status make_manifest(const struct comparison *comparison, struct side *side,
                                    bool is_nameless, struct mr_error *err)
{
    struct manifest_config config = {.memory_bytes = SORT_MEMORY_BYTES,
                                     .has_hard_links = !is_directory(side->name),
                                     .key = comparison->key};
    char *own_name = NULL; /* as the operations change it */
    enum mr_status status = MR_OK;
    if (is_nameless) {
        own_name = strdup(path_base(side->name));
        status = own_name ? chain_rename(comparison->setup.chain, &own_name) : MR_E_MEMORY;
        config.nameless = own_name;
    }
    if (status == MR_OK)
        status = manifest_create(&config, &side->manifest, err);
    free(own_name);
    return status;
}

static enum mr_status open_side(const struct comparison *comparison, struct side *side,
                                bool is_nameless, struct mr_error *err)
{
    const struct options *options = comparison->cli->options;
    const struct setup_inputs wanted = {.names = &side->name, .name_count = 1};
    enum mr_status status = make_manifest(comparison, side, is_nameless, err);
    if (status == MR_OK)
        status = setup_make_inputs(&comparison->setup, options, &wanted, &side->inputs, err);
    if (status != MR_OK)
        return status;
    setup_job(&comparison->setup, options, &side->config);
    side->config.inputs = side->inputs;
    side->config.sink = manifest_sink(side->manifest);
    side->config.memory_bytes /= 2; /* the other side has the other half */
    side->config.observer =
        (struct job_observer){.item_ended = item_ended, .remarked = remarked, .ctx = side};
    return job_create(&side->config, &side->job, err);
}

static void close_side(struct side *side)
{
    job_destroy(side->job);
    inputs_destroy(side->inputs);
    manifest_destroy(side->manifest);
}

/* ---- both ---- */

static enum mr_status open_all(struct comparison *comparison, struct mr_error *err)
{
    const struct options *options = comparison->cli->options;
    enum mr_status status = check_inputs(options, err);
    if (status == MR_OK)
        status = siphash_make_key(comparison->key, err);
    if (status == MR_OK)
        status = setup_init(&comparison->setup, options, err);
    if (status == MR_OK)
        status = digest_add_to(comparison->setup.chain, comparison->key, err);
    /* Of two files, and not trees, the names do not matter. */
    bool is_nameless =
        status == MR_OK && !is_directory(options->names[0]) && !is_directory(options->names[1]);
    for (unsigned i = 0; status == MR_OK && i < 2; i++) {
        comparison->sides[i].cli = comparison->cli;
        comparison->sides[i].name = options->names[i];
        status = open_side(comparison, &comparison->sides[i], is_nameless, err);
    }
    return status;
}

/* Nothing is written that would have to be taken back: a signal ends all that is under way. */
static void stop_on_signals(struct comparison *comparison, int64_t *stopped_ns)
{
    if (signals_count() == 0)
        return;
    if (*stopped_ns == 0) {
        *stopped_ns = clock_now_ns();
        for (unsigned i = 0; i < 2; i++)
            job_stop(comparison->sides[i].job, true);
    } else if (clock_now_ns() - *stopped_ns > HANGING_NS) {
        signals_raise(signals_first());
    }
}

/* What the progress shows of both sides: they run at once, on threads of their own. */
static void add_figures(struct job_figures *sum, const struct job_figures *side)
{
    sum->stored_count += side->stored_count;
    sum->skipped_count += side->skipped_count;
    sum->failed_count += side->failed_count;
    sum->cancelled_count += side->cancelled_count;
    sum->found_count += side->found_count;
    sum->found_bytes += side->found_bytes;
    sum->through_bytes += side->through_bytes;
    sum->is_found_all = sum->is_found_all && side->is_found_all;
    sum->is_sized = sum->is_sized && side->is_sized;
    sum->in_bytes += side->in_bytes; /* hashes that come out are nothing to show */
    sum->in_flight_count += side->in_flight_count;
    sum->memory_used_bytes += side->memory_used_bytes;
    sum->memory_bytes += side->memory_bytes;
    if (side->elapsed_s > sum->elapsed_s)
        sum->elapsed_s = side->elapsed_s;
    for (unsigned s = 0; s < JOB_STAGES; s++) {
        sum->stages[s].thread_s += side->stages[s].thread_s;
        sum->stages[s].busy_s += side->stages[s].busy_s;
        sum->stages[s].starved_s += side->stages[s].starved_s;
        sum->stages[s].blocked_s += side->stages[s].blocked_s;
    }
    sum->idle_s += side->idle_s;
    sum->is_shared = side->is_shared;
}

static void show_progress(struct comparison *comparison, struct progress *progress)
{
    struct job_figures sum = {.is_found_all = true, .is_sized = true};
    for (unsigned i = 0; i < 2; i++) {
        struct job_figures figures;
        job_figures(comparison->sides[i].job, &figures);
        add_figures(&sum, &figures);
    }
    progress_tick_figures(progress, &sum);
}

static void run_jobs(struct comparison *comparison)
{
    struct side *sides = comparison->sides;
    const struct options *options = comparison->cli->options;
    const struct setup_inputs wanted = {.names = options->names, .name_count = options->name_count};
    const struct survey_plan plan = {
        .setup = &comparison->setup, .options = options, .wanted = &wanted};
    struct progress progress;
    int64_t stopped_ns = 0;
    progress_init(&progress, comparison->cli->message, options);
    progress_plan(&progress, &plan);
    for (unsigned i = 0; i < 2; i++)
        job_start(sides[i].job);
    while (!sides[0].is_done || !sides[1].is_done) {
        struct side *side = &sides[sides[0].is_done];
        side->is_done = job_wait(side->job, TICK_MS);
        stop_on_signals(comparison, &stopped_ns);
        show_progress(comparison, &progress);
    }
    progress_end(&progress, NULL);
}

static enum mr_status end_jobs(struct comparison *comparison, struct mr_error *err)
{
    enum mr_status status = MR_OK;
    for (unsigned i = 0; status == MR_OK && i < 2; i++) {
        struct side *side = &comparison->sides[i];
        char shown[PATH_SHOW_BYTES];
        status = job_finish(side->job, err);
        if (status == MR_OK)
            status = manifest_sort(side->manifest, err);
        if (status != MR_OK && status != MR_CANCELLED)
            mr_error_prefix(err, "%s", path_show(shown, sizeof(shown), side->name));
    }
    return status;
}

/* What could not be read is worse than any difference. */
static int result_of(const struct diff_show *show, const struct difference_counts *counts)
{
    if (show->is_incomplete)
        return EXIT_STOPPED;
    return counts->differing + counts->only_a + counts->only_b > 0 ? EXIT_SOME_FAILED : EXIT_DONE;
}

static enum mr_status compare(struct comparison *comparison, int *result, struct mr_error *err)
{
    struct side *a = &comparison->sides[0], *b = &comparison->sides[1];
    struct difference_counts counts;
    struct diff_show show = {
        .cli = comparison->cli,
        .names = {a->name, b->name},
        .is_incomplete = atomic_load(&a->has_failures) || atomic_load(&b->has_failures),
    };
    enum mr_status status =
        difference_find(a->manifest, b->manifest, diff_show_found, &show, &counts, err);
    if (status != MR_OK)
        return status;
    *result = verb_end_stdout(comparison->cli, result_of(&show, &counts));
    diff_show_end(&show, &counts);
    return MR_OK;
}

int verb_diff(const struct cli *cli)
{
    struct comparison comparison = {.cli = cli};
    struct mr_error err = {0};
    int result = EXIT_STOPPED;
    enum mr_status status = open_all(&comparison, &err);
    if (status == MR_OK) {
        signals_catch(true);
        run_jobs(&comparison);
        status = end_jobs(&comparison, &err);
    }
    if (status == MR_OK)
        status = compare(&comparison, &result, &err);
    if (status != MR_OK && status != MR_CANCELLED)
        result = run_refuse(cli, status, &err);
    for (unsigned i = 0; i < 2; i++)
        close_side(&comparison.sides[i]);
    setup_fini(&comparison.setup);
    return result;
}
