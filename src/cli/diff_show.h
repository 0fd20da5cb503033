/* diff_show.h - what `millrace diff` found: a line for each difference on stdout, for people or as
 * JSON, and how it ended. */
#ifndef MR_CLI_DIFF_SHOW_H
#define MR_CLI_DIFF_SHOW_H

#include "cli/verbs.h"
#include "compare/difference.h"

struct diff_show {
    const struct cli *cli;
    const char *names[2]; /* of A and B, as they were given */
    bool is_incomplete;   /* something could not be read: what seems to be missing may be there */
};

/* For difference_find(); ctx is a struct diff_show. Writes nothing with -q. */
void diff_show_found(void *ctx, const struct difference *difference);
/* The line at the end, on stderr. */
void diff_show_end(const struct diff_show *show, const struct difference_counts *counts);

#endif
