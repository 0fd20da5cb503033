/* verbs.h - what millrace can be told to do: one row and one function for each verb. The table is
 * in main.c. */
#ifndef MR_CLI_VERBS_H
#define MR_CLI_VERBS_H

#include "cli/message.h"
#include "cli/options.h"

enum exit_status {
    EXIT_DONE = 0,
    EXIT_SOME_FAILED = 1, /* or were refused; the rest is complete */
    EXIT_USAGE = 2,
    EXIT_STOPPED = 3 /* by an error or a limit */
};

struct records;

struct cli {
    const struct options *options;
    struct message *message;
    struct records *records;  /* what a run leaves besides its output; NULL: nothing */
    const char *const *words; /* of the command line, NULL at the end */
};

struct verb {
    const char *name;
    unsigned bit;                      /* enum verb_bit */
    const char *usage;                 /* after "millrace NAME " */
    const char *summary;               /* one line */
    int (*run)(const struct cli *cli); /* returns an exit status; a signal is re-raised by main */
};

/* The index-th verb, NULL after the last. */
const struct verb *verb_at(size_t index);
const struct verb *verb_find(const char *name);
/* For parse_nearest(); ctx is not used. */
const char *verb_name_at(const void *ctx, size_t index);

int verb_run(const struct cli *cli);
int verb_list(const struct cli *cli);
int verb_test(const struct cli *cli);
int verb_diff(const struct cli *cli);
int verb_bench(const struct cli *cli);
int verb_report(const struct cli *cli);
int verb_ops(const struct cli *cli);
int verb_formats(const struct cli *cli);
int verb_help(const struct cli *cli);

/* Flushes stdout and says how that went: status, or EXIT_STOPPED when it could not be written
 * (told, unless the reader went away). */
int verb_end_stdout(const struct cli *cli, int status);

#endif
