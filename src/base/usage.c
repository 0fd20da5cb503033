#include "base/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static double used_s(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Of a child and of those that it has waited for, in clock ticks; 0 for one that has just gone. */
static unsigned long used_ticks(long pid)
{
    char path[64], line[1024];
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    unsigned long own[2] = {0}, children[2] = {0};
    size_t count = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[count] = '\0';
    /* The second field is the name, in parentheses, and may hold anything. The 14th to 17th are
     * meant: proc(5). */
    const char *behind_name = strrchr(line, ')');
    if (!behind_name ||
        sscanf(behind_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu",
               &own[0], &own[1], &children[0], &children[1]) != 4)
        return 0;
    return own[0] + own[1] + children[0] + children[1];
}

/* Of the children that run and that this thread has started, or was left by one that has ended. */
static unsigned long used_by_children(const char *thread)
{
    char path[300];
    snprintf(path, sizeof(path), "/proc/self/task/%s/children", thread);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    unsigned long ticks = 0;
    for (long pid; fscanf(file, "%ld", &pid) == 1;)
        ticks += used_ticks(pid);
    fclose(file);
    return ticks;
}

double usage_cpu_s(void)
{
    /* Those that have ended first: one that does so meanwhile is not counted twice. */
    double sum_s = used_s(RUSAGE_SELF) + used_s(RUSAGE_CHILDREN);
    unsigned long ticks = 0;
    DIR *threads = opendir("/proc/self/task");
    if (!threads)
        return sum_s;
    for (const struct dirent *entry; (entry = readdir(threads));)
        if (entry->d_name[0] != '.')
            ticks += used_by_children(entry->d_name);
    closedir(threads);
    return sum_s + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}
