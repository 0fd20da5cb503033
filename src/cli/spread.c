/* spread.c - --shard. This is the one place where the environment tells which items are done. */
#include "cli/spread.h"

#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "base/path.h"
#include "cli/options.h"

/*
 * Where a scheduler says which of how many processes this is. Slurm sets SLURM_PROCID in a batch
 * script too, which runs once whatever the number of its tasks: SLURM_STEP_NUM_TASKS is there where
 * srun has started each of them.
 */
static const struct teller {
    const char *index, *count;
    bool is_array; /* of Slurm: see read_array() */
} tellers[] = {
    {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", true},
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", false},
    {"JOB_COMPLETION_INDEX", NULL, false},
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", false},
    {"PMI_RANK", "PMI_SIZE", false},
};
#define TELLER_COUNT (sizeof(tellers) / sizeof(tellers[0]))

/* What a teller says; count 0: not of how many. */
struct told {
    const char *by; /* the variable; NULL: nothing yet */
    uint64_t index; /* from 0 */
    uint64_t count;
};

static enum mr_status read_number(spread_look_fn look, const char *name, uint64_t *number,
                                  struct mr_error *err)
{
    const char *text = look(name);
    char shown[PATH_SHOW_BYTES];
    if (!text)
        return mr_error_set(err, MR_E_USAGE, 0, "auto: %s is not set; give --shard I/N", name);
    if (parse_count(text, 0, UINT32_MAX, number, NULL) == MR_OK)
        return MR_OK;
    return mr_error_set(err, MR_E_USAGE, 0, "auto: %s is '%s', which is no number", name,
                        path_show(shown, sizeof(shown), text));
}

/*
 * An array need not begin at 0, nor have every number: --array=5-9:4 has 5 and 9. A list of numbers
 * has no step, and which place one of them has is not told.
 */
static enum mr_status read_array(spread_look_fn look, struct told *told, struct mr_error *err)
{
    uint64_t id = 0, count = 0, min = 0, max = 0, step = 1;
    enum mr_status status = read_number(look, "SLURM_ARRAY_TASK_ID", &id, err);
    if (status == MR_OK)
        status = read_number(look, "SLURM_ARRAY_TASK_COUNT", &count, err);
    if (status == MR_OK)
        status = read_number(look, "SLURM_ARRAY_TASK_MIN", &min, err);
    if (status == MR_OK)
        status = read_number(look, "SLURM_ARRAY_TASK_MAX", &max, err);
    if (status == MR_OK && look("SLURM_ARRAY_TASK_STEP"))
        status = read_number(look, "SLURM_ARRAY_TASK_STEP", &step, err);
    if (status != MR_OK)
        return status;
    bool is_regular = step > 0 && count > 0 && min + (count - 1) * step <= max &&
                      max - min < count * step && id >= min && id <= max && (id - min) % step == 0;
    if (!is_regular)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "auto: the array of %" PRIu64 " tasks from %" PRIu64 " to %" PRIu64
                            " is a list without a step, which does not tell the place of task "
                            "%" PRIu64 "; give --shard I/N",
                            count, min, max, id);
    told->index = (id - min) / step;
    told->count = count;
    return MR_OK;
}

/* MR_DONE: this teller says nothing. */
static enum mr_status ask(const struct teller *teller, spread_look_fn look, struct told *told,
                          struct mr_error *err)
{
    *told = (struct told){.by = teller->index};
    if (!look(teller->index) || (teller->count && !teller->is_array && !look(teller->count)))
        return MR_DONE;
    if (teller->is_array)
        return read_array(look, told, err);
    enum mr_status status = read_number(look, teller->index, &told->index, err);
    if (status == MR_OK && teller->count)
        status = read_number(look, teller->count, &told->count, err);
    return status;
}

/* One process of one, as `srun -n1` in a task of an array, says nothing. */
static bool is_alone(const struct told *told)
{
    return told->count == 1 && told->index == 0;
}

static enum mr_status nobody_tells(struct mr_error *err)
{
    return mr_error_set(err, MR_E_USAGE, 0,
                        "auto: no scheduler tells which shard this is: none of %s, %s (with %s), "
                        "%s, %s and %s is set; give --shard I/N",
                        tellers[0].index, tellers[1].index, tellers[1].count, tellers[2].index,
                        tellers[3].index, tellers[4].index);
}

static enum mr_status find(spread_look_fn look, struct told *found, struct mr_error *err)
{
    *found = (struct told){.by = NULL};
    for (size_t i = 0; i < TELLER_COUNT; i++) {
        struct told told;
        enum mr_status status = ask(&tellers[i], look, &told, err);
        if (status == MR_DONE)
            continue;
        if (status != MR_OK)
            return status;
        if (found->by && !is_alone(found) && !is_alone(&told) &&
            (found->index != told.index || found->count != told.count))
            return mr_error_set(err, MR_E_USAGE, 0,
                                "auto: %s and %s tell different shards; give --shard I/N",
                                found->by, told.by);
        if (!found->by || is_alone(found))
            *found = told;
    }
    return found->by ? MR_OK : nobody_tells(err);
}

static enum mr_status read_auto(const char *text, spread_look_fn look, struct shard_choice *choice,
                                struct mr_error *err)
{
    uint32_t count = 0;
    struct told told;
    enum mr_status status = *text ? shard_parse_count(text, &count, err) : MR_OK;
    if (status == MR_OK)
        status = find(look, &told, err);
    if (status != MR_OK)
        return status;
    if (count == 0 && told.count == 0)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "auto: %s does not tell how many shards there are; give --shard "
                            "auto/N",
                            told.by);
    if (count > 0 && told.count > 0 && told.count != count)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "auto/%" PRIu32 ": %s is one of %" PRIu64 "; give --shard I/%" PRIu32,
                            count, told.by, told.count, count);
    told.count = count > 0 ? count : told.count;
    if (told.index >= told.count || told.count > SHARD_COUNT_MAX)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "auto: %s is %" PRIu64 ", counted from 0, of %" PRIu64
                            " shards: give --shard I/N",
                            told.by, told.index, told.count);
    *choice =
        (struct shard_choice){.index = (uint32_t)told.index + 1, .count = (uint32_t)told.count};
    return MR_OK;
}

enum mr_status spread_read(const char *text, spread_look_fn look, struct shard_choice *choice,
                           struct mr_error *err)
{
    if (strcmp(text, "auto") == 0)
        return read_auto("", look, choice, err);
    if (strncmp(text, "auto/", 5) == 0)
        return text[5] ? read_auto(text + 5, look, choice, err)
                       : mr_error_set(err, MR_E_USAGE, 0, "'auto/' lacks the number of shards");
    return shard_parse(text, choice, err);
}

enum mr_status spread_check(const struct options *options, struct mr_error *err)
{
    if (options->shard.count == 0)
        return MR_OK;
    if (options->is_in_place)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "--shard and --in-place contradict each other: an archive would be "
                            "replaced by a part of it; use -o");
    if (options->sort == SORT_NONE)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "--shard and --sort none contradict each other: all shards must see "
                            "the items in one order");
    return MR_OK;
}
