/* summary.h - the lines at the end of a run, on stderr. */
#ifndef MR_CLI_SUMMARY_H
#define MR_CLI_SUMMARY_H

#include <stdatomic.h>

#include "cli/verbs.h"
#include "flow/job.h"

/* What the observer counts besides the job's figures: failures that the user can do something
 * about. Any thread. */
struct summary_counts {
    atomic_ullong existing, unsafe, changed;
};

void summary_count(struct summary_counts *counts, const struct mr_error *error);
/* One or two lines; with -v or --stats what stats.h shows too. job is done. losses: what the output
 * could not hold, a line each, or "". */
void summary_show(const struct cli *cli, struct job *job, const struct job_figures *figures,
                  struct summary_counts *counts, const char *output, const char *losses);

#endif
