/* usage.h - the processor time that this process has used so far, with what it has started. */
#ifndef MR_BASE_USAGE_H
#define MR_BASE_USAGE_H

/*
 * Seconds, of all threads, of all children and of theirs: those that were waited for, and those
 * that run, as far as the system lists these (/proc, with CONFIG_PROC_CHILDREN; of what they have
 * started themselves only what they have waited for). A file is read for each thread and child.
 * Any thread.
 */
double usage_cpu_s(void);

#endif
