/*
 * verb_bench.c - `millrace bench`: takes sample data through the operations in all the sizes that
 * are asked for, to nowhere, and says which sizes are best, why, and how far that is from the
 * limit.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "cli/bench_limits.h"
#include "cli/bench_report.h"
#include "cli/bench_scratch.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "cli/sizes.h"
#include "engine/thread.h"
#include "operation/registry.h"

#define ROUNDS_DEFAULT  5
#define WARM_UP_DEFAULT 1
#define TICK_MS         100
/* What a run takes at least: a small sample is taken through several times. */
#define RUN_SECONDS 0.3
#define PASSES_MAX  100000

/* What a bench needs, from the options to the report. */
struct work {
    const struct cli *cli;
    struct sweep sweep;
    struct sample sample; /* empty with --stream */
    const char **names;   /* owned array: the inputs among the names */
    size_t name_count;
    struct setup *setups; /* owned; one for each level that is swept, else one */
    unsigned setup_count;
    uint64_t pass_count;          /* times that one run takes the sample through */
    struct bench_scratch scratch; /* of the run that goes on, with -o */
    struct bench bench;
    struct past past; /* of --compare */
    struct bench_info info;
    struct progress progress;
    uint64_t run_count; /* that were begun */
};

static bool is_file(const char *name)
{
    struct stat about;
    return lstat(name, &about) == 0;
}

/* `--sweep readers=1,2 workers=1-4`: what follows and looks like a part is one. */
static enum mr_status take_sweeps(struct work *work, struct mr_error *err)
{
    const struct options *options = work->cli->options;
    bool has_sweep = options_were_given(options, "sweep");
    enum mr_status status = MR_OK;
    for (size_t i = 0; status == MR_OK && i < options->given_count; i++)
        if (strcmp(options->given[i].option->name, "sweep") == 0)
            status = sweep_add(&work->sweep, options->given[i].value, err);
    for (size_t i = 0; status == MR_OK && i < options->name_count; i++) {
        const char *name = options->names[i];
        if (has_sweep && sweep_is_part(name) && !is_file(name))
            status = sweep_add(&work->sweep, name, err);
        else
            work->names[work->name_count++] = name;
    }
    if (status != MR_OK)
        mr_error_prefix(err, "--sweep");
    return status;
}

static enum mr_status check(const struct work *work, struct mr_error *err)
{
    const struct options *options = work->cli->options;
    bool has_input = work->name_count > 0 || options->list_path;
    if (options->generate && (has_input || options->streams))
        return mr_error_set(err, MR_E_USAGE, 0, "--generate makes the sample: leave out %s",
                            has_input ? "INPUT" : "--stream");
    if (!options->generate && !has_input)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "no sample: name a directory, a file or an archive, or --generate one");
    return MR_OK;
}

/* ---- the operations, once for each level ---- */

/* Has the operation that spec names a level? */
static bool has_level(const char *spec)
{
    char name[64];
    size_t length = strcspn(spec, ":");
    if (length >= sizeof(name))
        return false;
    memcpy(name, spec, length);
    name[length] = '\0';
    const struct mr_operation *operation = registry_find(name);
    for (const struct mr_setting *at = operation ? operation->settings : NULL; at && at->key; at++)
        if (strcmp(at->key, "level") == 0)
            return true;
    return false;
}

static enum mr_status init_with_level(struct setup *setup, const struct options *options,
                                      uint64_t level, struct mr_error *err)
{
    struct options changed = *options;
    struct given *given = calloc(options->given_count + 1, sizeof(*given));
    struct given *last = NULL;
    char spec[400] = "";
    if (!given)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    for (size_t i = 0; i < options->given_count; i++) {
        given[i] = options->given[i];
        if (strcmp(given[i].option->name, "process") == 0 && has_level(given[i].value))
            last = &given[i];
    }
    enum mr_status status = MR_OK;
    if (!last) {
        status = mr_error_set(err, MR_E_USAGE, 0, "--sweep: level: no -p has a level");
    } else {
        snprintf(spec, sizeof(spec), "%s%slevel=%u", last->value,
                 strchr(last->value, ':') ? "," : ":", (unsigned)level);
        last->value = spec;
        changed.given = given;
        status = setup_init(setup, &changed, err);
    }
    free(given);
    return status;
}

static enum mr_status make_setups(struct work *work, struct mr_error *err)
{
    const struct sweep_list *levels = &work->sweep.lists[SWEEP_LEVEL];
    unsigned wanted = levels->count > 0 ? levels->count : 1;
    work->setups = calloc(wanted, sizeof(*work->setups));
    if (!work->setups)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status = MR_OK;
    for (; status == MR_OK && work->setup_count < wanted; work->setup_count++) {
        struct setup *setup = &work->setups[work->setup_count];
        status = levels->count > 0 ? init_with_level(setup, work->cli->options,
                                                     levels->values[work->setup_count], err)
                                   : setup_init(setup, work->cli->options, err);
    }
    return status;
}

static const struct setup *setup_for(const struct work *work, const struct sweep_point *point)
{
    const struct sweep_list *levels = &work->sweep.lists[SWEEP_LEVEL];
    for (unsigned i = 0; i < levels->count; i++)
        if (levels->values[i] == point->values[SWEEP_LEVEL])
            return &work->setups[i];
    return &work->setups[0];
}

/* ---- the sample ---- */

static enum mr_status open_inputs(const struct work *work, struct inputs **inputs,
                                  struct mr_error *err)
{
    const struct options *options = work->cli->options;
    const struct setup_inputs wanted = {.names = work->names,
                                        .name_count = work->name_count,
                                        .list_path = options->list_path,
                                        .table = options->table};
    return setup_make_inputs(&work->setups[0], options, &wanted, inputs, err);
}

static void item_ended(void *ctx, const struct job_item *item)
{
    first_failure_note(ctx, item);
}

/* Everything that is selected, as it is, into memory. */
static enum mr_status load_into(struct work *work, struct mr_sink *sink, struct inputs *inputs,
                                const struct chain *nothing, struct mr_error *err)
{
    struct job_config config;
    setup_job(&work->setups[0], work->cli->options, &config);
    config.chain = nothing;
    config.naming = NULL;
    struct first_failure first = {0};
    config.collide = JOB_COLLIDE_RENAME;
    config.inputs = inputs;
    config.sink = sink;
    config.observer = (struct job_observer){.item_ended = item_ended, .ctx = &first};
    struct job *job = NULL;
    enum mr_status status = job_create(&config, &job, err);
    if (status != MR_OK)
        return status;
    job_start(job);
    bool is_stopped = false;
    while (!job_wait(job, TICK_MS)) {
        if (is_stopped || signals_count() == 0)
            continue; /* nobody looks any more: what does not end then, hangs */
        is_stopped = true;
        job_stop(job, true);
    }
    status = job_finish(job, err);
    job_destroy(job);
    return status == MR_OK ? first_failure_get(&first, err) : status;
}

static enum mr_status load_sample(struct work *work, struct mr_error *err)
{
    const struct options *options = work->cli->options;
    work->sample.limit_bytes = sizes_memory_limit() / 2;
    if (options->generate) {
        enum mr_status made = sample_generate(&work->sample, options->generate, err);
        if (made == MR_E_USAGE)
            mr_error_prefix(err, "--generate");
        return made;
    }
    if (options->streams)
        return MR_OK;
    struct mr_sink *sink = NULL;
    struct inputs *inputs = NULL;
    struct chain *nothing = NULL;
    enum mr_status status = sample_sink_create(&work->sample, &sink, err);
    if (status == MR_OK)
        status = chain_create(&nothing, err);
    if (status == MR_OK)
        status = open_inputs(work, &inputs, err);
    if (status == MR_OK)
        status = load_into(work, sink, inputs, nothing, err);
    if (status == MR_OK && work->sample.count == 0)
        status = mr_error_set(err, MR_E_USAGE, 0, "the sample has no files");
    inputs_destroy(inputs);
    chain_destroy(nothing);
    if (sink)
        sink->ops->destroy(sink);
    return status;
}

/* ---- the runs ---- */

/* To nowhere, or with -o to a place of its own. */
static enum mr_status open_sink(struct work *work, struct job_config *config, struct mr_error *err)
{
    const struct options *options = work->cli->options;
    if (!options->output)
        return null_sink_create(&config->sink, err);
    enum mr_status status = bench_scratch_make(&work->scratch, options, err);
    config->keeps_names = work->scratch.output.kind == OUTPUT_FILE;
    return status == MR_OK
               ? output_open(&work->scratch.output, options, true, false, &config->sink, err)
               : status;
}

static void close_sink(struct work *work, struct job_config *config)
{
    config->sink->ops->destroy(config->sink);
    bench_scratch_remove(&work->scratch);
}

static enum mr_status begin(void *ctx, const struct sweep_point *point, struct job_config *config,
                            struct mr_error *err)
{
    struct work *work = ctx;
    const struct setup *setup = setup_for(work, point);
    struct mr_source *source = NULL;
    setup_job(setup, work->cli->options, config);
    enum mr_status status = open_sink(work, config, err);
    if (status != MR_OK) {
        bench_scratch_remove(&work->scratch);
        return status;
    }
    if (work->cli->options->streams)
        status = open_inputs(work, &config->inputs, err);
    else
        status = sample_source_create(&work->sample, work->pass_count, &source, err);
    if (source) {
        config->selection = NULL; /* it was applied when the sample was loaded */
        status = inputs_create_of(source, &config->inputs, err);
        if (status != MR_OK)
            source->ops->destroy(source);
    }
    if (status != MR_OK)
        close_sink(work, config);
    return status;
}

static void end(void *ctx, struct job_config *config)
{
    inputs_destroy(config->inputs);
    close_sink(ctx, config);
}

static bool stops(void *ctx)
{
    (void)ctx;
    return signals_count() > 0;
}

static void tells(void *ctx, const struct bench *bench, unsigned round, size_t row)
{
    struct work *work = ctx;
    char title[LAYOUT_TITLE_BYTES];
    unsigned rounds = bench->warm_up_count + bench->round_count;
    if (bench != &work->bench) {
        progress_restart(&work->progress, "trying out", -1);
        return;
    }
    snprintf(title, sizeof(title), "round %u of %u, combination %zu of %zu", round + 1, rounds,
             row + 1, bench->row_count);
    progress_restart(&work->progress, title,
                     (double)work->run_count++ / (double)(rounds * bench->row_count));
}

static void watches(void *ctx, struct job *job)
{
    struct work *work = ctx;
    progress_tick(&work->progress, job);
}

/* The powers of two up to the processors, and their number itself. */
static enum mr_status sweep_by_default(struct sweep *sweep, unsigned processors,
                                       struct mr_error *err)
{
    char text[40];
    enum mr_status status = sweep_add(sweep, "pool=shared,split", err);
    for (unsigned count = 1; status == MR_OK && count <= processors; count *= 2) {
        snprintf(text, sizeof(text), "workers=%u", count);
        status = sweep_add(sweep, text, err);
    }
    snprintf(text, sizeof(text), "workers=%u", processors);
    return status == MR_OK ? sweep_add(sweep, text, err) : status;
}

static enum mr_status plan(struct work *work, struct mr_error *err)
{
    const struct options *options = work->cli->options;
    struct job_config sizes = {0};
    bool is_swept = options_were_given(options, "sweep");
    sizes_choose(options, &sizes);
    if (!is_swept && options->pool == POOL_AUTO && options->workers.kind == AMOUNT_AUTO &&
        options->readers.kind == AMOUNT_AUTO && options->writers.kind == AMOUNT_AUTO) {
        enum mr_status status = sweep_by_default(&work->sweep, thread_processor_count(), err);
        if (status != MR_OK)
            return status;
    }
    /* Numbers of threads are swept: as with -R, -j and -W a pool for each, unless --pool says else.
     */
    bool is_split = options->pool == POOL_AUTO ? is_swept || sizes.pools == JOB_POOLS_SPLIT
                                               : options->pool == POOL_SPLIT;
    const struct sweep_point defaults = {.values = {[SWEEP_READERS] = sizes.reader_count,
                                                    [SWEEP_WORKERS] = sizes.worker_count,
                                                    [SWEEP_WRITERS] = sizes.writer_count,
                                                    [SWEEP_POOL] = is_split ? 0 : 1,
                                                    [SWEEP_MEMORY] = sizes.memory_bytes}};
    struct sweep_point *points = NULL;
    size_t count = 0;
    enum mr_status status = sweep_points(&work->sweep, &defaults, &points, &count, err);
    if (status == MR_OK)
        status = bench_init(&work->bench, points, count,
                            options->repeat ? options->repeat : ROUNDS_DEFAULT,
                            options->has_warm_up ? options->warm_up : WARM_UP_DEFAULT, err);
    free(points);
    return status;
}

/* How often a run takes the sample through, by one that does so once. */
static enum mr_status find_passes(struct work *work, const struct bench_maker *maker,
                                  struct mr_error *err)
{
    struct bench once;
    if (work->sample.count == 0)
        return MR_OK;
    enum mr_status status = bench_init(&once, &work->bench.rows[0].point, 1, 1, 1, err);
    if (status == MR_OK)
        status = bench_run(&once, maker, err);
    if (status == MR_OK && once.rows[0].trial_count > 0) {
        double passes = RUN_SECONDS / once.rows[0].median.wall_s;
        work->pass_count = passes > PASSES_MAX ? PASSES_MAX : (uint64_t)passes + 1;
    }
    bench_fini(&once);
    return status;
}

static enum mr_status find_limits(struct work *work, struct mr_error *err)
{
    const struct bench_row *best = bench_best(&work->bench);
    if (!best)
        return MR_OK;
    const struct bench_limits_config config = {.options = work->cli->options,
                                               .setup = setup_for(work, &best->point),
                                               .sample = &work->sample,
                                               .names = work->names,
                                               .name_count = work->name_count,
                                               .best = best,
                                               .thread_count = work->info.processor_count};
    return bench_limits_find(&config, &work->info.limits, err);
}

static enum mr_status bench_all(struct work *work, struct mr_error *err)
{
    const struct bench_maker maker = {.begin = begin,
                                      .end = end,
                                      .stops = stops,
                                      .tells = tells,
                                      .watches = watches,
                                      .ctx = work};
    enum mr_status status = make_setups(work, err);
    if (status == MR_OK)
        status = plan(work, err);
    if (status == MR_OK)
        status = load_sample(work, err);
    if (status == MR_OK)
        status = find_passes(work, &maker, err);
    if (status == MR_OK)
        status = bench_run(&work->bench, &maker, err);
    progress_end(&work->progress, NULL);
    return status == MR_OK ? find_limits(work, err) : status;
}

static void fini(struct work *work)
{
    for (unsigned i = 0; i < work->setup_count; i++)
        setup_fini(&work->setups[i]);
    free(work->setups);
    free(work->names);
    bench_fini(&work->bench);
    past_fini(&work->past);
    sample_fini(&work->sample);
}

int verb_bench(const struct cli *cli)
{
    struct work work = {
        .cli = cli, .pass_count = 1, .names = calloc(cli->options->name_count + 1, sizeof(char *))};
    struct mr_error err = {0};
    enum mr_status status =
        work.names ? take_sweeps(&work, &err) : mr_error_set(&err, MR_E_MEMORY, 0, "out of memory");
    if (status == MR_OK)
        status = check(&work, &err);
    if (status == MR_OK)
        status = bench_report_check(cli->options, &err);
    if (status == MR_OK)
        status = bench_scratch_check(cli->options, &err);
    if (status == MR_OK && cli->options->compared) {
        status = past_read(cli->options->compared, &work.past, &err);
        if (status != MR_OK)
            mr_error_prefix(&err, "--compare");
    }
    if (status == MR_OK) {
        signals_catch(true);
        progress_init(&work.progress, cli->message, cli->options);
        bench_info_init(&work.info, cli->options, &work.sample, &work.sweep, &work.bench);
        work.info.past = cli->options->compared ? &work.past : NULL;
        status = bench_all(&work, &err);
    }
    int result = EXIT_DONE;
    if (status == MR_OK) {
        bench_show(&work.info, stdout);
        result = verb_end_stdout(cli, EXIT_DONE);
        status = bench_report_write(&work.info, &err);
    }
    if (status != MR_OK)
        result = run_refuse(cli, status, &err);
    fini(&work);
    return result;
}
