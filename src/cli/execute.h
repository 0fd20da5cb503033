/* execute.h - one job from start to exit status: observes, draws, stops on signals, sums up. */
#ifndef MR_CLI_EXECUTE_H
#define MR_CLI_EXECUTE_H

#include "cli/verbs.h"
#include "flow/job.h"

struct execution {
    const struct cli *cli;
    const struct job_config *config; /* all but the observer */
    const char *shown_output;        /* for the summary, escaped */
    const char *output_prefix; /* what stands before a name in the output: "out/", "x.zip!/" */
    bool is_all_or_nothing; /* when an item fails the output is given up (--in-place of an archive)
                             */
};

/* Returns an exit status. After a signal it is EXIT_STOPPED, and signals_first() says which. */
int execute_job(const struct execution *execution);

#endif
