/* stats.h - what --stats shows at the end of a run: each stage, each of its threads, memory, and
 * what to change. */
#ifndef MR_CLI_STATS_H
#define MR_CLI_STATS_H

#include "cli/verbs.h"
#include "flow/job.h"

/* The number of a stage's threads: "2", or "2-4" when it changed. Returns text. */
const char *stats_threads(char *text, size_t cap_bytes, const struct job_stage_figures *stage);
/* After the job is done; figures: its own. */
void stats_show(const struct cli *cli, struct job *job, const struct job_figures *figures);

#endif
