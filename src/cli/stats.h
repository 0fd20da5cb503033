/* stats.h - what --stats shows at the end of a run: each stage, each of its threads, memory, and what
 * to change. */
#ifndef MR_CLI_STATS_H
#define MR_CLI_STATS_H

#include "cli/verbs.h"
#include "flow/job.h"

#define STATS_THREADS_BYTES 24

/* How many threads a stage had: "4", or "2-8" when it was not always the same. Returns text. */
const char *stats_threads(char text[STATS_THREADS_BYTES], const struct job_stage_figures *stage);

/* After the job is done; figures: its own. */
void stats_show(const struct cli *cli, struct job *job, const struct job_figures *figures);

#endif
