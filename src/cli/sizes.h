/* sizes.h - how many threads and how many bytes a run gets. */
#ifndef MR_CLI_SIZES_H
#define MR_CLI_SIZES_H

#include "cli/options.h"
#include "flow/job.h"
#include "source/decode_ahead.h"

/* Sets the thread counts and how far they may go, pools and memory_bytes of *config. */
void sizes_choose(const struct options *options, struct job_config *config);
/* Each worker's share of the processors, at least 1: for programs that have threads of their own.
 */
unsigned sizes_threads_each(const struct options *options);
/* What the run may take, in bytes: --memory, or the default. */
uint64_t sizes_memory(const struct options *options);
/* An eighth of the memory, and the threads, for decoding a compressed archive ahead of its reader.
 */
struct decode_limits sizes_decoding(const struct options *options);
/* The memory this process may use: the smallest limit of its cgroups (v2 or v1), else the machine's
 * memory; in bytes. */
uint64_t sizes_memory_limit(void);

#endif
