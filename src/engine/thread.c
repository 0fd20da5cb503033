#include "engine/thread.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/quota.h"

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

/* A lock that cannot be taken, given or waited on is a broken invariant of the program, not an
 * error to report. */
static void must(int error)
{
    if (error != 0)
        abort();
}

enum mr_status lock_init(struct lock *lock)
{
    return pthread_mutex_init(&lock->mutex, NULL) == 0 ? MR_OK : MR_E_MEMORY;
}

void lock_fini(struct lock *lock)
{
    must(pthread_mutex_destroy(&lock->mutex));
}

/*
 * Who finds a lock taken looks again for about as long as it takes to sleep and be woken: the
 * engine's locks are held for less than that. Not more often, as each look takes the cache line
 * away from who has the lock. (The C library's adaptive mutex gives up too early.)
 */
#define LOOK_COUNT 12
#define LOOK_NS    350 /* from one look to the next */

static void pass_time(int64_t ns)
{
    int64_t end_ns = clock_now_ns() + ns;
    while (clock_now_ns() < end_ns) {
#if defined(__x86_64__) || defined(__i386__)
        __asm__ volatile("pause");
#elif defined(__aarch64__)
        __asm__ volatile("isb");
#endif
    }
}

void lock_take(struct lock *lock)
{
    for (int i = 0; i < LOOK_COUNT; i++) {
        int error = pthread_mutex_trylock(&lock->mutex);
        if (error == 0)
            return;
        if (error != EBUSY)
            abort();
        pass_time(LOOK_NS);
    }
    must(pthread_mutex_lock(&lock->mutex));
}

void lock_give(struct lock *lock)
{
    must(pthread_mutex_unlock(&lock->mutex));
}

enum mr_status condition_init(struct condition *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return MR_E_MEMORY;
    int error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (error == 0)
        error = pthread_cond_init(&condition->cond, &attributes);
    must(pthread_condattr_destroy(&attributes));
    return error == 0 ? MR_OK : MR_E_MEMORY;
}

void condition_fini(struct condition *condition)
{
    must(pthread_cond_destroy(&condition->cond));
}

void condition_wait(struct condition *condition, struct lock *lock)
{
    must(pthread_cond_wait(&condition->cond, &lock->mutex));
}

bool condition_wait_until(struct condition *condition, struct lock *lock, int64_t deadline_ns)
{
    if (deadline_ns == INT64_MAX) {
        condition_wait(condition, lock);
        return true;
    }
    if (deadline_ns < 0)
        deadline_ns = 0;
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / NS_PER_S),
                             .tv_nsec = (long)(deadline_ns % NS_PER_S)};
    int error = pthread_cond_timedwait(&condition->cond, &lock->mutex, &until);
    if (error == ETIMEDOUT)
        return false;
    must(error);
    return true;
}

void condition_signal(struct condition *condition)
{
    must(pthread_cond_signal(&condition->cond));
}

void condition_broadcast(struct condition *condition)
{
    must(pthread_cond_broadcast(&condition->cond));
}

int64_t deadline_from_ms(int64_t ms)
{
    if (ms < 0)
        return INT64_MAX;
    int64_t now_ns = clock_now_ns();
    if (ms > (INT64_MAX - now_ns) / NS_PER_MS)
        return INT64_MAX;
    return now_ns + ms * NS_PER_MS;
}

#define THREAD_NAME_BYTES 16 /* the kernel's limit, with the NUL */

/* What a new thread needs; it frees this. */
struct start {
    void (*run)(void *arg);
    void *arg;
    char name[THREAD_NAME_BYTES];
};

/*
 * Throughput counts here: a thread that is woken need not take the processor from one that works,
 * which posted what it is woken for and will soon be done (sched(7), SCHED_BATCH). Who chose
 * another policy keeps it.
 */
static void run_as_batch(void)
{
    const struct sched_param none = {0};
    if (sched_getscheduler(0) == SCHED_OTHER)
        (void)sched_setscheduler(0, SCHED_BATCH, &none);
}

static void *start_main(void *arg)
{
    struct start start = *(struct start *)arg;
    free(arg);
    run_as_batch();
    /* Set by the thread itself, so that it never runs under another name. A name is a convenience:
     * no error. */
    if (*start.name)
        (void)pthread_setname_np(pthread_self(), start.name);
    start.run(start.arg);
    return NULL;
}

enum mr_status thread_start(struct thread *thread, const char *name, void (*run)(void *arg),
                            void *arg, struct mr_error *err)
{
    struct start *start = malloc(sizeof(*start));
    if (!start)
        return mr_error_set(err, MR_E_SYSTEM, ENOMEM, "cannot start the thread %s", name);
    start->run = run;
    start->arg = arg;
    snprintf(start->name, sizeof(start->name), "%.*s", THREAD_NAME_BYTES - 1, name);

    /* A thread inherits the mask: signals are the business of the program's own threads. */
    sigset_t all, before;
    sigfillset(&all);
    must(pthread_sigmask(SIG_SETMASK, &all, &before));
    int error = pthread_create(&thread->id, NULL, start_main, start);
    must(pthread_sigmask(SIG_SETMASK, &before, NULL));
    if (error == 0)
        return MR_OK;
    free(start);
    return mr_error_set(err, MR_E_SYSTEM, error,
                        "cannot start the thread %s (fewer threads may do)", name);
}

void thread_join(struct thread *thread)
{
    must(pthread_join(thread->id, NULL));
}

/* Reads up to two numbers of one line; "max" counts as -1. Returns how many there were. */
static int read_numbers(const char *path, long long numbers[2])
{
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    char line[64];
    int count = 0;
    if (fgets(line, sizeof(line), file)) {
        char *at = line;
        for (; count < 2; count++) {
            if (strncmp(at, "max", 3) == 0) {
                numbers[count] = -1;
                at += 3;
            } else {
                char *end;
                errno = 0;
                numbers[count] = strtoll(at, &end, 10);
                if (end == at || errno != 0)
                    break;
                at = end;
            }
            at += strspn(at, " ");
        }
    }
    fclose(file);
    return count;
}

/* Processors of one group's quota, or UINT_MAX when it has none. */
static unsigned group_quota(const char *directory, bool is_v2)
{
    char path[PATH_MAX];
    long long quota_us = -1, period_us = -1, numbers[2];
    if (is_v2) {
        snprintf(path, sizeof(path), "%s/cpu.max", directory);
        if (read_numbers(path, numbers) == 2) {
            quota_us = numbers[0];
            period_us = numbers[1];
        }
    } else {
        snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", directory);
        if (read_numbers(path, numbers) >= 1)
            quota_us = numbers[0];
        snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", directory);
        if (read_numbers(path, numbers) >= 1)
            period_us = numbers[0];
    }
    if (quota_us <= 0 || period_us <= 0)
        return UINT_MAX;
    long long count = quota_us / period_us + (quota_us % period_us != 0);
    return count < 1 ? 1 : count > INT_MAX ? INT_MAX : (unsigned)count;
}

/*
 * The smallest quota from the group up to the mounted root. A container may see only a part of the
 * path that the list names: groups that do not exist here have no quota, the mounted root is asked
 * in any case.
 */
static unsigned group_chain_quota(const char *mount, const char *group, bool is_v2)
{
    char directory[PATH_MAX];
    int length = snprintf(directory, sizeof(directory), "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof(directory))
        return group_quota(mount, is_v2);
    size_t mount_bytes = strlen(mount);
    unsigned least = UINT_MAX;
    for (;;) {
        unsigned count = group_quota(directory, is_v2);
        if (count < least)
            least = count;
        if (strlen(directory) <= mount_bytes)
            return least;
        char *slash = strrchr(directory + mount_bytes, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

static bool names_cpu(const char *controllers)
{
    size_t length;
    for (const char *at = controllers; *at; at += length + (at[length] == ',')) {
        length = strcspn(at, ",");
        if (length == 3 && strncmp(at, "cpu", 3) == 0)
            return true;
    }
    return false;
}

unsigned quota_processor_count(const char *list_path, const char *root_path)
{
    FILE *file = fopen(list_path, "re");
    if (!file)
        return 0;
    unsigned least = UINT_MAX;
    char line[PATH_MAX], mount[PATH_MAX];
    while (fgets(line, sizeof(line), file)) {
        /* "0::/group" for version 2, "4:cpu,cpuacct:/group" for version 1 */
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        controllers++;
        bool is_v2 = *controllers == '\0';
        if (!is_v2 && !names_cpu(controllers))
            continue;
        int length = snprintf(mount, sizeof(mount), is_v2 ? "%s" : "%s/cpu", root_path);
        if (length < 0 || (size_t)length >= sizeof(mount))
            continue;
        unsigned count = group_chain_quota(mount, group, is_v2);
        if (count < least)
            least = count;
    }
    fclose(file);
    return least == UINT_MAX ? 0 : least;
}

#define PROCESSORS_MAX 65536

/* Processors of the affinity mask; 0 when it cannot be read. */
static unsigned affinity_count(void)
{
    for (int size = 1024; size <= PROCESSORS_MAX; size *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)size);
        if (!set)
            return 0;
        int failed = sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)size), set);
        int error = errno;
        int count = failed ? 0 : CPU_COUNT_S(CPU_ALLOC_SIZE((size_t)size), set);
        CPU_FREE(set);
        if (!failed)
            return (unsigned)count;
        if (error != EINVAL) /* EINVAL: the machine has more processors than the set */
            return 0;
    }
    return 0;
}

unsigned thread_processor_count(void)
{
    unsigned count = affinity_count();
    if (count == 0) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        count = online > 0 && online <= PROCESSORS_MAX ? (unsigned)online : 1;
    }
    unsigned quota = quota_processor_count("/proc/self/cgroup", "/sys/fs/cgroup");
    return quota != 0 && quota < count ? quota : count;
}
