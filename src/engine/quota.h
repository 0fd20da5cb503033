/* quota.h - the processor quota of control groups; apart from thread.h only so that tests can give
 * it a tree of their own. */
#ifndef MR_ENGINE_QUOTA_H
#define MR_ENGINE_QUOTA_H

/*
 * Processors (rounded up, at least 1) that the quotas allow to the group of this process and to all
 * its parents; 0: no quota is set, or none can be read. list_path is /proc/self/cgroup, root_path
 * is /sys/fs/cgroup.
 */
unsigned quota_processor_count(const char *list_path, const char *root_path);

#endif
