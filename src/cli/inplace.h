/* inplace.h - --in-place: each input is a job of its own, whose output replaces it. */
#ifndef MR_CLI_INPLACE_H
#define MR_CLI_INPLACE_H

#include "cli/verbs.h"

/* All inputs, one after the other, those of -T too. Returns the worst of their exit statuses. */
int inplace_run(const struct cli *cli);

#endif
