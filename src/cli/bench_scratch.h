/* bench_scratch.h - where a bench with -o writes: an output like the one that was named, in a
 * directory of its own, which is removed with all that is in it. */
#ifndef MR_CLI_BENCH_SCRATCH_H
#define MR_CLI_BENCH_SCRATCH_H

#include "cli/output.h"

struct bench_scratch {
    char *directory; /* owned; NULL: none */
    char *path;      /* of the output in it; owned */
    struct output output;
};

/* Is -o something that can be made again and again? MR_OK (also without -o), MR_E_USAGE,
 * MR_E_MEMORY. */
enum mr_status bench_scratch_check(const struct options *options, struct mr_error *err);
/* Makes the directory: in OUTPUT, where that is one, else beside it. MR_OK, MR_E_SYSTEM,
 * MR_E_MEMORY; bench_scratch_remove() in every case. */
enum mr_status bench_scratch_make(struct bench_scratch *scratch, const struct options *options,
                                  struct mr_error *err);
void bench_scratch_remove(struct bench_scratch *scratch);

#endif
