/* plain.h - how long files take by the plainest means, on several threads: what no job can beat. */
#ifndef MR_BENCH_PLAIN_H
#define MR_BENCH_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "millrace/status.h"

/* Opens, reads and closes each file. *seconds: of wall time. MR_OK, MR_E_SYSTEM, MR_E_MEMORY. */
enum mr_status plain_read(const char *const *paths, size_t count, unsigned thread_count,
                          double *seconds, struct mr_error *err);

/* Makes count files (at least 1) in the directory, of all_bytes together: "plain-0" and so on,
 * which must not be there. Likewise. */
enum mr_status plain_write(const char *directory, uint64_t count, uint64_t all_bytes,
                           unsigned thread_count, double *seconds, struct mr_error *err);

#endif
