/* bench_limits.h - measures what no arrangement of threads can beat, after the runs of a bench. */
#ifndef MR_CLI_BENCH_LIMITS_H
#define MR_CLI_BENCH_LIMITS_H

#include "cli/bench_report.h"
#include "cli/setup.h"

/* All pointers are the caller's. */
struct bench_limits_config {
    const struct options *options;
    const struct setup *setup;   /* of the best combination */
    const struct sample *sample; /* empty with --stream */
    const char *const *names;    /* the inputs */
    size_t name_count;
    const struct bench_row *best;
    unsigned thread_count;
};

/*
 * The operations, when there are any and the sample is in memory; reading with --stream, of inputs
 * that are named on the command line; writing with -o. MR_OK, or what went wrong with one of them.
 */
enum mr_status bench_limits_find(const struct bench_limits_config *config,
                                 struct bench_limits *limits, struct mr_error *err);

#endif
