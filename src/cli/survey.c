#include "cli/survey.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "millrace/pool.h"

#define ZIP_MAGIC "PK"

struct survey {
    struct survey_plan plan;
    struct options options; /* the run's, but for what costs time and changes no number */
    struct shard *shard;    /* its own; NULL: all items */
    struct inputs *inputs;
    struct mr_pool *pool;
    struct expected found; /* the survey's thread; anybody's once is_complete */
    atomic_bool is_complete, is_stopped;
};

static bool is_zip(const char *name)
{
    char start[sizeof(ZIP_MAGIC) - 1];
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t got = pread(fd, start, sizeof(start), 0);
    close(fd);
    return got == (ssize_t)sizeof(start) && memcmp(start, ZIP_MAGIC, sizeof(start)) == 0;
}

static bool name_is_cheap(const char *name, bool no_archives)
{
    struct stat about;
    if (strcmp(name, "-") == 0 || stat(name, &about) != 0)
        return false;
    if (S_ISDIR(about.st_mode))
        return true;
    return S_ISREG(about.st_mode) && (no_archives || is_zip(name));
}

bool survey_is_cheap(const struct survey_plan *plan)
{
    const struct setup_inputs *wanted = plan->wanted;
    bool no_archives = plan->options->no_archives || wanted->no_archives;
    if (wanted->list_path || (plan->options->from && !no_archives))
        return false;
    for (size_t i = 0; i < wanted->name_count; i++)
        if (!name_is_cheap(wanted->names[i], no_archives))
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

static enum mr_status count_all(void *arg, void **result, struct mr_error *err)
{
    struct survey *survey = arg;
    (void)result;
    (void)err;
    bool goes_on = true;
    survey->found.is_sized = true;
    while (goes_on && !atomic_load_explicit(&survey->is_stopped, memory_order_relaxed))
        goes_on = count_next(survey);
    survey->found.is_known = !goes_on;
    atomic_store(&survey->is_complete, !goes_on);
    return MR_OK;
}

struct survey *survey_start(const struct survey_plan *plan)
{
    const struct mr_pool_config config = {.struct_bytes = sizeof(config),
                                          .name = plan->options->unnamed_threads ? "" : "survey",
                                          .thread_count = 1};
    struct survey *survey = calloc(1, sizeof(*survey));
    if (!survey)
        return NULL;
    survey->plan = *plan;
    survey->options = *plan->options;
    survey->options.preserve = 0;
    survey->options.sort = SORT_NONE;
    atomic_init(&survey->is_complete, false);
    atomic_init(&survey->is_stopped, false);
    enum mr_status status =
        setup_make_inputs(plan->setup, &survey->options, plan->wanted, &survey->inputs, NULL);
    if (status == MR_OK && survey->options.shard.count > 0)
        status = shard_create(&survey->options.shard, !survey->options.removes_sources,
                              &survey->shard, NULL);
    if (status == MR_OK)
        status = mr_pool_create(&config, &survey->pool, NULL);
    if (status == MR_OK)
        status = mr_pool_submit(survey->pool, count_all, survey, NULL, NULL);
    if (status == MR_OK)
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
    free(survey);
}
