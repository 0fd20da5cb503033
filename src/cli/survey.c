#include "cli/survey.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "millrace/pool.h"

#define MAGIC_BYTES 16

struct survey {
    struct survey_plan plan;
    struct options options;     /* the run's, but for what costs time and changes no number */
    struct setup_inputs wanted; /* the run's that are walked */
    const char **names;         /* of these; owned */
    struct shard *shard;        /* its own; NULL: all items */
    struct inputs *inputs;
    struct mr_pool *pool;
    bool has_streams;      /* some are read from front to back: what they hold is not counted */
    struct expected found; /* the survey's thread; anybody's once is_complete */
    atomic_bool is_complete, is_stopped;
};

/* Has it a list of its members, so that it need not be read for them? */
static bool has_directory(const char *name)
{
    static const struct {
        const char *bytes;
        size_t count;
    } magics[] = {{"PK", 2}, {"SQLite format 3", 16}};
    char start[MAGIC_BYTES];
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t got = pread(fd, start, sizeof(start), 0);
    close(fd);
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
        if (got >= (ssize_t)magics[i].count && memcmp(start, magics[i].bytes, magics[i].count) == 0)
            return true;
    return false;
}

/* One input: to be walked, or a file whose size alone counts. False: nobody can tell. */
static bool sort_out(struct survey *survey, const char *name)
{
    const struct survey_plan *plan = &survey->plan;
    bool no_archives = plan->options->no_archives || plan->wanted->no_archives;
    bool is_stdin = strcmp(name, "-") == 0;
    struct stat about;
    if ((is_stdin ? fstat(STDIN_FILENO, &about) : stat(name, &about)) != 0)
        return false;
    if (!S_ISREG(about.st_mode) && (is_stdin || !S_ISDIR(about.st_mode)))
        return false;
    if (!is_stdin && (S_ISDIR(about.st_mode) || no_archives || has_directory(name))) {
        survey->names[survey->wanted.name_count++] = name;
        return true;
    }
    survey->has_streams = true;
    survey->found.bytes += (uint64_t)about.st_size;
    return true;
}

static bool sort_out_all(struct survey *survey)
{
    const struct setup_inputs *wanted = survey->plan.wanted;
    survey->wanted = *wanted;
    survey->names = calloc(wanted->name_count + 1, sizeof(*survey->names));
    if (!survey->names || wanted->list_path)
        return false;
    survey->wanted.names = survey->names;
    survey->wanted.name_count = 0;
    for (size_t i = 0; i < wanted->name_count; i++)
        if (!sort_out(survey, wanted->names[i]))
            return false;
    return true;
}

/* As the run's feed will do it. False: the end. */
static bool count_next(struct survey *survey)
{
    struct mr_entry entry = {0};
    struct input *input = NULL;
    enum mr_status status = inputs_next(survey->inputs, &entry, &input, NULL);
    if (status == MR_DONE)
        return false;
    bool is_taken = status != MR_SKIPPED;
    if (status == MR_OK && !survey->plan.takes_all) {
        bool is_member = (input->source->flags & MR_SOURCE_CONTAINER) != 0;
        is_taken =
            setup_selects(survey->plan.setup, &entry, is_member ? input->source->label : NULL);
    }
    if (is_taken && survey->shard && input && entry.path)
        (void)shard_takes(survey->shard, input->prefix, &entry, &is_taken, NULL);
    survey->found.count += is_taken;
    if (is_taken && status == MR_OK && entry.kind == MR_KIND_FILE && entry.size_bytes > 0)
        survey->found.bytes += (uint64_t)entry.size_bytes;
    if (entry.kind == MR_KIND_FILE && entry.size_bytes < 0)
        survey->found.is_sized = false;
    mr_entry_clear(&entry);
    input_release(input);
    return true;
}

static void complete(struct survey *survey)
{
    survey->found.is_known = !survey->has_streams;
    atomic_store(&survey->is_complete, true);
}

static enum mr_status count_all(void *arg, void **result, struct mr_error *err)
{
    struct survey *survey = arg;
    (void)result;
    (void)err;
    bool goes_on = true;
    while (goes_on && !atomic_load_explicit(&survey->is_stopped, memory_order_relaxed))
        goes_on = count_next(survey);
    if (!goes_on)
        complete(survey);
    return MR_OK;
}

/* On a thread of its own: a walk takes a while. */
static enum mr_status start_walk(struct survey *survey)
{
    const struct options *options = &survey->options;
    const struct mr_pool_config config = {.struct_bytes = sizeof(config),
                                          .name = options->unnamed_threads ? "" : "survey",
                                          .thread_count = 1};
    enum mr_status status =
        setup_make_inputs(survey->plan.setup, options, &survey->wanted, &survey->inputs, NULL);
    if (status == MR_OK && options->shard.count > 0)
        status = shard_create(&options->shard, !options->removes_sources, &survey->shard, NULL);
    if (status == MR_OK)
        status = mr_pool_create(&config, &survey->pool, NULL);
    if (status == MR_OK)
        status = mr_pool_submit(survey->pool, count_all, survey, NULL, NULL);
    return status;
}

struct survey *survey_start(const struct survey_plan *plan)
{
    struct survey *survey = calloc(1, sizeof(*survey));
    if (!survey)
        return NULL;
    survey->plan = *plan;
    survey->options = *plan->options;
    survey->options.preserve = 0;
    survey->options.sort = SORT_NONE;
    survey->found.is_sized = true;
    atomic_init(&survey->is_complete, false);
    atomic_init(&survey->is_stopped, false);
    bool is_begun = sort_out_all(survey);
    if (is_begun && survey->wanted.name_count == 0)
        complete(survey);
    else if (is_begun)
        is_begun = start_walk(survey) == MR_OK;
    if (is_begun)
        return survey;
    survey_end(survey);
    return NULL;
}

void survey_look(struct survey *survey, struct expected *expected)
{
    if (atomic_load(&survey->is_complete))
        *expected = survey->found;
}

void survey_end(struct survey *survey)
{
    if (!survey)
        return;
    atomic_store(&survey->is_stopped, true);
    mr_pool_destroy(survey->pool);
    inputs_destroy(survey->inputs);
    shard_destroy(survey->shard);
    free(survey->names);
    free(survey);
}
