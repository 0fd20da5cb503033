/*
 * report.h - the report of a run: every item, and the figures of the whole.
 *
 * While the run goes on it is written as JSON beside its place, an item a line, so that memory does
 * not grow with it and what a killed program leaves can be read (report_read.h). The other forms
 * are made of that at the end.
 *
 *     {"millrace":VERSION,"kind":"run","items":[
 *     {"path":...,...}
 *     ,{"path":...,...}
 *     ],"run":{"command":...,...}}
 */
#ifndef MR_OBSERVE_REPORT_H
#define MR_OBSERVE_REPORT_H

#include "flow/job.h"
#include "observe/record.h"

struct report;

/*
 * path ends in .json, .csv or .html. command is copied, with what is secret in it: it is shown as
 * it is. MR_OK, MR_E_USAGE (no such suffix, or no file is at path), MR_E_SYSTEM, MR_E_MEMORY.
 */
enum mr_status report_create(const char *path, const char *command, struct report **report,
                             struct mr_error *err);
/* The run is one of several that share the work. */
void report_set_shard(struct report *report, const struct shard_choice *shard);
/* As item_ended of job_observer, which wants times and stage times; any thread. */
void report_item(struct report *report, const struct job_item *item);
/* A job that writes into the report is through: its figures are added to those of others. */
void report_job(struct report *report, const struct job_figures *figures, bool is_complete);
/*
 * Completes the file, and destroys the report, also on failure. After the last job_finish(). cpu_s
 * and rss_peak_bytes are of the process. MR_OK, MR_E_SYSTEM, MR_E_MEMORY.
 */
enum mr_status report_keep(struct report *report, int exit_status, double cpu_s,
                           uint64_t rss_peak_bytes, struct mr_error *err);
/* Destroys the report and leaves no file. NULL is a no-op. */
void report_drop(struct report *report);
/* The file that is written now, so that no input holds it; false: it cannot be told. */
bool report_file(const struct report *report, uint64_t *device, uint64_t *inode);

#endif
