/* execute.h - one job from start to exit status: observes, draws, stops on signals, sums up. */
#ifndef MR_CLI_EXECUTE_H
#define MR_CLI_EXECUTE_H

#include "cli/survey.h"
#include "cli/verbs.h"
#include "flow/job.h"

struct execution {
    const struct cli *cli;
    const struct job_config *config; /* all but the observer */
    const char *shown_output;        /* for the summary, escaped */
    const char *output_prefix; /* what stands before a name in the output: "out/", "x.zip!/" */
    bool is_archive;           /* the output is one thing, which is not made of failures alone */
    bool replaces_input;       /* nor, then, when any item fails */
    struct survey_plan survey; /* of the same inputs */
};

/* Returns an exit status. After a signal it is EXIT_STOPPED, and signals_first() says which. */
int execute_job(const struct execution *execution);

#endif
