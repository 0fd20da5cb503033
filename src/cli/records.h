/*
 * records.h - what a run leaves besides its output: the report and the trace that --report and
 * --trace ask for. One of each for all jobs of a run.
 */
#ifndef MR_CLI_RECORDS_H
#define MR_CLI_RECORDS_H

#include "cli/verbs.h"
#include "flow/job.h"
#include "observe/report.h"
#include "observe/trace.h"

#define RECORDS_OWN_MAX 2

struct records {
    struct report *report; /* NULL: none is wanted; so with trace */
    struct trace *trace;
};

/*
 * Opens what the options ask for; nothing in a dry run. MR_OK: records_close() follows. MR_E_USAGE,
 * MR_E_SYSTEM, MR_E_MEMORY.
 */
enum mr_status records_open(struct records *records, const struct cli *cli, struct mr_error *err);
/* Completes and closes all. Returns result, or a worse exit status when something could not be
 * written, which is told. */
int records_close(struct records *records, const struct cli *cli, int result);

/* The files that are written, which no input is to hold; at most RECORDS_OWN_MAX. Returns how many.
 * records may be NULL, here and below. */
size_t records_own(const struct records *records, struct walk_own *own);
/* What the observer of a job must be told for them; ran is what is called for records_ran(). */
void records_want(const struct records *records, struct job_observer *observer,
                  void (*ran)(void *ctx, struct job *job, const struct job_run *run));
/* As the functions of job_observer. */
void records_ran(struct records *records, struct job *job, const struct job_run *run);
void records_item(struct records *records, const struct job_item *item);
/* After job_finish(): the job's figures, and the exit status that it comes to. */
void records_job(struct records *records, struct job *job, int result);

#endif
