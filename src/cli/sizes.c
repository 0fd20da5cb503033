#include "cli/sizes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/thread.h"

#define THREADS_MAX 4096
/* Threads of a stage whose size follows what the run shows: enough to wait for several disks, or
 * for a network, at once. */
#define SLEEPERS_LEAST 32
#define SLEEPERS_EACH  4 /* processor */
#define DECODERS_MAX   4
#define MEMORY_DEFAULT ((uint64_t)1 << 30)
#define CGROUP_ROOT    "/sys/fs/cgroup"

/* The number in a file of one line; limit when there is no such file, or it says "max". */
static uint64_t read_limit(const char *path, uint64_t limit)
{
    FILE *file = fopen(path, "re");
    char text[64];
    if (!file)
        return limit;
    if (fgets(text, sizeof(text), file) && text[0] >= '0' && text[0] <= '9') {
        errno = 0;
        uint64_t value = strtoull(text, NULL, 10);
        if (errno == 0 && value > 0 && value < limit)
            limit = value;
    }
    fclose(file);
    return limit;
}

/* Limits count for all that lies below: asks the group and each of its parents. */
static uint64_t group_limit(const char *root, const char *group, const char *file, uint64_t limit)
{
    char path[4096];
    size_t length = strlen(group);
    for (;;) {
        int used = snprintf(path, sizeof(path), "%s%.*s/%s", root, (int)length, group, file);
        if (used > 0 && (size_t)used < sizeof(path))
            limit = read_limit(path, limit);
        if (length == 0)
            return limit;
        while (length > 0 && group[--length] != '/')
            ;
    }
}

/* One line of /proc/self/cgroup: "0::/group" (v2) or "4:memory,...:/group" (v1). */
static uint64_t line_limit(char *line, uint64_t limit)
{
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return limit;
    *controllers++ = '\0';
    *group++ = '\0';
    if (*controllers == '\0')
        return group_limit(CGROUP_ROOT, group, "memory.max", limit);
    char *rest = NULL;
    for (char *word = strtok_r(controllers, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
        if (strcmp(word, "memory") == 0)
            limit = group_limit(CGROUP_ROOT "/memory", group, "memory.limit_in_bytes", limit);
    return limit;
}

uint64_t sizes_memory_limit(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t limit =
        pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : 4 * MEMORY_DEFAULT;
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file)
        return limit;
    char line[4096];
    while (fgets(line, sizeof(line), file))
        limit = line_limit(line, limit);
    fclose(file);
    return limit;
}

static unsigned resolve(struct amount amount, unsigned processors)
{
    int64_t count = processors;
    switch (amount.kind) {
    case AMOUNT_AUTO:
        break;
    case AMOUNT_FIXED:
        count = amount.value;
        break;
    case AMOUNT_RELATIVE:
        count += amount.value;
        break;
    case AMOUNT_PERCENT:
        count = (count * amount.value + 99) / 100;
        break;
    }
    if (count < 1)
        count = 1;
    return count > THREADS_MAX ? THREADS_MAX : (unsigned)count;
}

/* At most, when the size may follow what the run shows; 0: it stays. */
static unsigned resolve_max(struct amount amount, unsigned processors)
{
    if (amount.kind != AMOUNT_AUTO)
        return 0;
    unsigned most =
        processors < THREADS_MAX / SLEEPERS_EACH ? processors * SLEEPERS_EACH : THREADS_MAX;
    return most > SLEEPERS_LEAST ? most : SLEEPERS_LEAST;
}

uint64_t sizes_memory(const struct options *options)
{
    if (options->memory_bytes > 0)
        return options->memory_bytes;
    uint64_t limit = sizes_memory_limit();
    if (options->memory_percent > 0)
        return limit / 100 * options->memory_percent;
    return limit / 4 < MEMORY_DEFAULT ? limit / 4 : MEMORY_DEFAULT;
}

struct decode_limits sizes_decoding(const struct options *options)
{
    unsigned threads = resolve(options->workers, thread_processor_count());
    return (struct decode_limits){.memory_bytes = sizes_memory(options) / 8,
                                  .thread_count = threads < DECODERS_MAX ? threads : DECODERS_MAX};
}

unsigned sizes_threads_each(const struct options *options)
{
    unsigned processors = thread_processor_count();
    unsigned each = processors / resolve(options->workers, processors);
    return each > 0 ? each : 1;
}

void sizes_choose(const struct options *options, struct job_config *config)
{
    unsigned processors = thread_processor_count();
    bool is_sized = options->readers.kind != AMOUNT_AUTO || options->workers.kind != AMOUNT_AUTO ||
                    options->writers.kind != AMOUNT_AUTO;
    bool is_split = options->pool == POOL_SPLIT || (options->pool == POOL_AUTO && is_sized);
    config->pools = is_split ? JOB_POOLS_SPLIT : JOB_POOLS_SHARED;
    config->reader_count = resolve(options->readers, processors);
    config->worker_count = resolve(options->workers, processors);
    config->writer_count = resolve(options->writers, processors);
    config->reader_max = resolve_max(options->readers, processors);
    config->worker_max = resolve_max(options->workers, processors);
    config->writer_max = resolve_max(options->writers, processors);
    config->memory_bytes = sizes_memory(options);
}
