/* run.h - what the verbs that read inputs share: their checks, and one job from its output to its
 * exit status. */
#ifndef MR_CLI_RUN_H
#define MR_CLI_RUN_H

#include "cli/guard.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "cli/verbs.h"

/* One job. All pointers are the caller's. */
struct run {
    const struct cli *cli; /* its options name the inputs */
    const struct setup *setup;
    const struct output *output;
    const struct guard_config *guard; /* NULL: none */
    bool no_archives;                 /* besides --no-archives */
    bool replaces_input;              /* see execute.h */
};

/* Opens the output and the inputs, runs the job, closes all. Returns an exit status. */
int run_job(const struct run *run);

/* Do the inputs fit together? MR_OK or MR_E_USAGE. */
enum mr_status run_check_inputs(const struct options *options, struct mr_error *err);
/* True, and each one is told, when none of the inputs exists: then no output is made for nothing.
 */
bool run_has_only_missing_inputs(const struct cli *cli);
/* Says why the verb could not do it; returns the exit status. */
int run_refuse(const struct cli *cli, enum mr_status status, const struct mr_error *err);

#endif
