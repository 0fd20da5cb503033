#include "operation/resident.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/path.h"

#define NS_PER_MS          INT64_C(1000000)
#define GRACE_NS           (500 * NS_PER_MS)  /* between SIGTERM and SIGKILL */
#define LEAVE_NS           (5000 * NS_PER_MS) /* between the end of stdin and SIGTERM */
#define STDERR_BURST_COUNT 8
#define START_FAILURES_MAX 3

struct resident_group {
    struct exec_config *exec; /* owned */
    atomic_bool is_over;
    atomic_uint start_failure_count;    /* in a row */
    _Atomic(struct resident *) leaving; /* a list of those that were let go */
};

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* Takes its status; what is left of it is killed. */
static void stop(struct resident *resident)
{
    child_stop(&resident->child);
    if (resident->slot > 0)
        exec_slots_give(resident->group->exec->slots, resident->slot);
    resident->slot = 0;
}

struct resident *resident_create(struct resident_group *group)
{
    struct resident *made = malloc(sizeof(*made));
    if (!made)
        return NULL;
    made->group = group;
    made->slot = 0;
    made->next = NULL;
    child_init(&made->child);
    return made;
}

enum mr_status resident_start(struct resident *resident, struct mr_error *err)
{
    const struct exec_config *exec = resident->group->exec;
    char shown[PATH_SHOW_BYTES], slot[16];
    if (atomic_load(&resident->group->start_failure_count) >= START_FAILURES_MAX)
        return mr_error_set(err, MR_E_CHILD, 0,
                            "%s is not started again: %d times in a row it did not get through its "
                            "greeting",
                            path_show(shown, sizeof(shown), exec->argv[0]), START_FAILURES_MAX);
    resident->slot = exec_slots_take(exec->slots);
    if (resident->slot == 0)
        return mr_error_set(err, MR_E_LIMIT, 0, "more than %d commands at once", EXEC_SLOTS_MAX);
    snprintf(slot, sizeof(slot), "%u", resident->slot);
    const struct exec_words words = {.slot = slot, .threads = exec->threads};
    struct exec_start start;
    enum mr_status status = exec_start_init(&start, exec, NULL, &words, err);
    if (status == MR_OK) {
        status = child_spawn(&resident->child, start.argv, start.environment, 0, err);
        exec_start_fini(&start);
    }
    if (status != MR_OK)
        stop(resident);
    return status;
}

void resident_note_start(struct resident *resident, bool is_good)
{
    atomic_uint *count = &resident->group->start_failure_count;
    if (is_good)
        atomic_store(count, 0);
    else
        atomic_fetch_add(count, 1);
}

void resident_drain_stderr(struct resident *resident)
{
    for (int i = 0; i < STDERR_BURST_COUNT; i++)
        if (child_read_stderr(&resident->child, NULL) != MR_OK)
            break;
}

bool resident_await(struct resident *resident)
{
    child_close_stdin(&resident->child);
    return child_await(&resident->child, clock_now_ns() + GRACE_NS);
}

void resident_dismiss(struct resident *resident)
{
    struct child *child = &resident->child;
    if (child->pid > 0) {
        child_terminate(child);
        child_await(child, clock_now_ns() + GRACE_NS);
    }
    stop(resident);
}

/* ---- those that leave ---- */

static void add_leaving(struct resident_group *group, struct resident *resident)
{
    resident->next = atomic_load(&group->leaving);
    while (!atomic_compare_exchange_weak(&group->leaving, &resident->next, resident))
        continue;
}

/* Frees those of a list that have ended. Returns the others. */
static struct resident *bury(struct resident *list)
{
    struct resident *left = NULL;
    for (struct resident *resident = list, *next; resident; resident = next) {
        next = resident->next;
        if (child_check_end(&resident->child)) {
            stop(resident);
            free(resident);
        } else {
            resident->next = left;
            left = resident;
        }
    }
    return left;
}

void resident_let_go(struct resident *resident)
{
    if (!resident)
        return;
    if (resident->child.pid == 0) {
        free(resident);
        return;
    }
    struct resident_group *group = resident->group;
    child_close_stdin(&resident->child);
    /* Nobody else sees the list while those that have ended are taken out of it. */
    struct resident *list = bury(atomic_exchange(&group->leaving, NULL)), *next;
    add_leaving(group, resident);
    for (; list; list = next) {
        next = list->next;
        add_leaving(group, list);
    }
}

/* Waits for all of a list until until_ns. Returns those that have not ended. */
static struct resident *await_all(struct resident *list, int64_t until_ns)
{
    for (struct resident *resident = list; resident; resident = resident->next)
        child_await(&resident->child, until_ns);
    return bury(list);
}

/* ---- the group ---- */

enum mr_status resident_group_create(struct exec_config *exec, struct resident_group **group,
                                     struct mr_error *err)
{
    struct resident_group *made = malloc(sizeof(*made));
    if (!made)
        return no_memory(err);
    made->exec = exec;
    atomic_init(&made->is_over, false);
    atomic_init(&made->start_failure_count, 0);
    atomic_init(&made->leaving, NULL);
    *group = made;
    return MR_OK;
}

void resident_group_destroy(struct resident_group *group)
{
    if (!group)
        return;
    struct resident *left = await_all(atomic_load(&group->leaving), clock_now_ns() + LEAVE_NS);
    for (struct resident *resident = left; resident; resident = resident->next)
        child_terminate(&resident->child);
    left = await_all(left, clock_now_ns() + GRACE_NS);
    for (struct resident *next; left; left = next) {
        next = left->next;
        stop(left);
        free(left);
    }
    exec_config_destroy(group->exec);
    free(group);
}

const struct exec_config *resident_group_exec(const struct resident_group *group)
{
    return group->exec;
}

bool resident_group_is_over(const struct resident_group *group)
{
    return atomic_load(&group->is_over);
}

void resident_group_end(struct resident_group *group)
{
    atomic_store(&group->is_over, true);
}
