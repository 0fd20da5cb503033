/*
 * trace.h - what each thread of a job did, and what was in flight, as trace events in JSON ("Trace
 * Event Format", https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU):
 * for Perfetto and chrome://tracing.
 *
 * A complete event (X) for each run of a thread, with the number of its item; a pair of
 * asynchronous ones (b, e) for each item, from its admission to its end; counters (C) for bytes and
 * items in flight and for what waits for a thread, at most once a millisecond; the threads' names
 * (M). Times are microseconds since the trace was made.
 */
#ifndef MR_OBSERVE_TRACE_H
#define MR_OBSERVE_TRACE_H

#include "flow/job.h"

struct trace;

/* Written beside path until trace_keep(). MR_OK, MR_E_USAGE, MR_E_SYSTEM, MR_E_MEMORY. */
enum mr_status trace_create(const char *path, struct trace **trace, struct mr_error *err);
/* The file that is written now, so that no input holds it; false: it cannot be told. */
bool trace_file(const struct trace *trace, uint64_t *device, uint64_t *inode);
/* As the functions of job_observer; any thread. */
void trace_ran(struct trace *trace, struct job *job, const struct job_run *run);
void trace_item(struct trace *trace, const struct job_item *item);
/* Completes the file and destroys the trace, also on failure. After job_destroy(). MR_OK,
 * MR_E_SYSTEM, MR_E_MEMORY. */
enum mr_status trace_keep(struct trace *trace, struct mr_error *err);
/* Destroys the trace and leaves no file. NULL is a no-op. After job_destroy(). */
void trace_drop(struct trace *trace);

#endif
