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
    atomic_uint start_failure_count;      /* in a row */
    atomic_int_fast64_t longest_start_ns; /* of the good ones */
    /* [slot - 1]: one that is idle, or NULL. Whoever takes one away from the count finds one. */
    _Atomic(struct resident *) idle[EXEC_SLOTS_MAX];
    atomic_uint idle_count;
};

/* Takes its status; what is left of it is killed. */
static void stop(struct resident *resident)
{
    child_stop(&resident->child);
    warden_note(resident->group->exec->warden, resident->slot, 0);
    if (resident->slot > 0)
        exec_slots_give(resident->group->exec->slots, resident->slot);
    resident->slot = 0;
}

void resident_init(struct resident *resident, struct resident_group *group)
{
    resident->group = group;
    resident->slot = 0;
    child_init(&resident->child);
}

struct resident *resident_take(struct resident_group *group)
{
    unsigned count = atomic_load(&group->idle_count);
    while (count > 0 && !atomic_compare_exchange_weak(&group->idle_count, &count, count - 1))
        continue;
    struct resident *resident = NULL;
    for (size_t i = 0; count > 0 && !resident; i = (i + 1) % EXEC_SLOTS_MAX)
        if (atomic_load_explicit(&group->idle[i], memory_order_relaxed))
            resident = atomic_exchange(&group->idle[i], NULL);
    return resident;
}

void resident_put(struct resident *resident)
{
    struct resident_group *group = resident->group;
    atomic_store(&group->idle[resident->slot - 1], resident);
    atomic_fetch_add(&group->idle_count, 1);
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
        resident->start_ns = clock_now_ns();
        status = child_spawn(&resident->child, start.argv, start.environment, 0, err);
        exec_start_fini(&start);
    }
    if (status == MR_OK)
        warden_note(exec->warden, resident->slot, resident->child.pid);
    else
        stop(resident);
    return status;
}

int64_t resident_note_start(struct resident *resident, bool is_good)
{
    struct resident_group *group = resident->group;
    int64_t lasted_ns = clock_now_ns() - resident->start_ns;
    if (!is_good) {
        atomic_fetch_add(&group->start_failure_count, 1);
        return lasted_ns;
    }
    atomic_store(&group->start_failure_count, 0);
    int_fast64_t longest_ns = atomic_load(&group->longest_start_ns);
    while (longest_ns < lasted_ns &&
           !atomic_compare_exchange_weak(&group->longest_start_ns, &longest_ns, lasted_ns))
        continue;
    return lasted_ns;
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

/* ---- the group ---- */

enum mr_status resident_group_create(struct exec_config *exec, struct resident_group **group,
                                     struct mr_error *err)
{
    struct resident_group *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->exec = exec;
    *group = made;
    return MR_OK;
}

/* Waits for all until until_ns; frees those that have ended. The number of those that have not. */
static size_t await_all(struct resident *residents[], size_t count, int64_t until_ns)
{
    size_t left_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (child_await(&residents[i]->child, until_ns)) {
            stop(residents[i]);
            free(residents[i]);
        } else {
            residents[left_count++] = residents[i];
        }
    }
    return left_count;
}

void resident_group_destroy(struct resident_group *group)
{
    if (!group)
        return;
    struct resident *residents[EXEC_SLOTS_MAX];
    size_t count = 0;
    for (struct resident *resident; (resident = resident_take(group)) != NULL;) {
        child_close_stdin(&resident->child);
        residents[count++] = resident;
    }
    count = await_all(residents, count, clock_now_ns() + LEAVE_NS);
    for (size_t i = 0; i < count; i++)
        child_terminate(&residents[i]->child);
    count = await_all(residents, count, clock_now_ns() + GRACE_NS);
    for (size_t i = 0; i < count; i++) {
        stop(residents[i]);
        free(residents[i]);
    }
    exec_config_destroy(group->exec);
    free(group);
}

const struct exec_config *resident_group_exec(const struct resident_group *group)
{
    return group->exec;
}

int64_t resident_group_start_ns(const struct resident_group *group)
{
    return atomic_load(&group->longest_start_ns);
}

bool resident_group_is_over(const struct resident_group *group)
{
    return atomic_load(&group->is_over);
}

void resident_group_end(struct resident_group *group)
{
    atomic_store(&group->is_over, true);
}
