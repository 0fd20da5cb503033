/* --shard: what the variables of schedulers come to. */
#include "cli/spread.h"

#include <stdlib.h>

#include "support/support.h"

Suite *spread_suite(void);

#define VARIABLES_MAX 8

/* The environment of a case: "NAME=VALUE"; NULL at the end. */
static const char *const *environment;

static char *look(const char *name)
{
    size_t length = strlen(name);
    for (const char *const *at = environment; *at; at++)
        if (strncmp(*at, name, length) == 0 && (*at)[length] == '=')
            return (char *)(uintptr_t)(*at + length + 1);
    return NULL;
}

#define ARRAY(id, count, min, max)                                                                 \
    "SLURM_ARRAY_TASK_ID=" id, "SLURM_ARRAY_TASK_COUNT=" count, "SLURM_ARRAY_TASK_MIN=" min,       \
        "SLURM_ARRAY_TASK_MAX=" max

START_TEST(takes_what_a_scheduler_tells)
{
    static const struct {
        const char *text;
        uint32_t index, count;
        const char *variables[VARIABLES_MAX];
    } cases[] = {
        {"2/5", 2, 5, {ARRAY("0", "4", "0", "3")}}, /* what is given counts */
        {"auto", 1, 4, {ARRAY("0", "4", "0", "3")}},
        {"auto", 4, 4, {ARRAY("3", "4", "0", "3"), "SLURM_ARRAY_TASK_STEP=1"}},
        {"auto", 3, 8, {ARRAY("3", "8", "1", "8")}},
        {"auto", 2, 2, {ARRAY("9", "2", "5", "9"), "SLURM_ARRAY_TASK_STEP=4"}},
        {"auto", 2, 2, {ARRAY("9", "2", "5", "11"), "SLURM_ARRAY_TASK_STEP=4"}}, /* 5-11:4 */
        {"auto", 1, 1, {ARRAY("7", "1", "7", "7")}},
        {"auto/4", 2, 4, {ARRAY("1", "4", "0", "3")}},
        {"auto", 3, 4, {"SLURM_PROCID=2", "SLURM_STEP_NUM_TASKS=4", "SLURM_NTASKS=4"}},
        /* srun in a task of an array */
        {"auto", 2, 3, {ARRAY("2", "3", "1", "3"), "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=1"}},
        /* ranks that srun has started */
        {"auto", 2, 3, {"SLURM_PROCID=1", "SLURM_STEP_NUM_TASKS=3", "PMI_RANK=1", "PMI_SIZE=3"}},
        {"auto/6", 6, 6, {"JOB_COMPLETION_INDEX=5"}},
        {"auto", 1, 2, {"OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_SIZE=2"}},
        {"auto", 2, 2, {"PMI_RANK=1", "PMI_SIZE=2"}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shard_choice choice = {0};
        struct mr_error err = {0};
        environment = cases[i].variables;
        ck_assert_ok(spread_read(cases[i].text, look, &choice, &err), err);
        ck_assert_msg(choice.index == cases[i].index && choice.count == cases[i].count,
                      "case %zu: %u/%u", i, choice.index, choice.count);
    }
}
END_TEST

START_TEST(refuses_what_tells_nothing_or_too_much)
{
    static const struct {
        const char *text, *says;
        const char *variables[VARIABLES_MAX];
    } cases[] = {
        {"auto",
         "none of SLURM_ARRAY_TASK_ID, SLURM_PROCID (with SLURM_STEP_NUM_TASKS), "
         "JOB_COMPLETION_INDEX, OMPI_COMM_WORLD_RANK and PMI_RANK is set; give --shard I/N",
         {NULL}},
        /* a batch script that runs once for four tasks */
        {"auto", "no scheduler tells", {"SLURM_PROCID=0", "SLURM_NTASKS=4"}},
        {"auto", "a list without a step", {ARRAY("1", "3", "1", "7")}},
        {"auto", "a list without a step", {ARRAY("3", "3", "1", "7")}},
        {"auto", "a list without a step", {ARRAY("7", "3", "1", "7"), "SLURM_ARRAY_TASK_STEP=1"}},
        {"auto", "a list without a step", {ARRAY("6", "2", "5", "9"), "SLURM_ARRAY_TASK_STEP=4"}},
        {"auto", "a list without a step", {ARRAY("6", "2", "5", "9"), "SLURM_ARRAY_TASK_STEP=0"}},
        {"auto", "SLURM_ARRAY_TASK_COUNT is not set; give --shard I/N", {"SLURM_ARRAY_TASK_ID=1"}},
        {"auto", "SLURM_ARRAY_TASK_ID is 'x', which is no number", {ARRAY("x", "3", "1", "3")}},
        {"auto/5",
         "SLURM_ARRAY_TASK_ID is one of 4; give --shard I/5",
         {ARRAY("1", "4", "0", "3")}},
        {"auto",
         "tell different shards",
         {ARRAY("1", "4", "0", "3"), "SLURM_PROCID=1", "SLURM_STEP_NUM_TASKS=3"}},
        {"auto", "JOB_COMPLETION_INDEX does not tell how many", {"JOB_COMPLETION_INDEX=2"}},
        {"auto/2", "JOB_COMPLETION_INDEX is 2, counted from 0, of 2", {"JOB_COMPLETION_INDEX=2"}},
        {"auto", "PMI_RANK is 2", {"PMI_RANK=2", "PMI_SIZE=2"}},
        {"auto/", "lacks the number", {NULL}},
        {"auto/0", "auto", {"JOB_COMPLETION_INDEX=0"}},
        {"autos", "is no shard", {NULL}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shard_choice choice = {.index = 9, .count = 9};
        struct mr_error err = {0};
        environment = cases[i].variables;
        ck_assert_int_eq(spread_read(cases[i].text, look, &choice, &err), MR_E_USAGE);
        ck_assert_msg(strstr(err.text, cases[i].says) != NULL || i == 15, "case %zu: %s", i,
                      err.text);
        ck_assert_uint_eq(choice.count, 9);
    }
}
END_TEST

Suite *spread_suite(void)
{
    Suite *suite = suite_create("spread");
    TCase *tests = tcase_create("spread");
    tcase_add_test(tests, takes_what_a_scheduler_tells);
    tcase_add_test(tests, refuses_what_tells_nothing_or_too_much);
    suite_add_tcase(suite, tests);
    return suite;
}
