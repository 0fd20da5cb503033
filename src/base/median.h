/*
 * median.h - the median of durations, kept while they come in, in memory that does not grow.
 *
 * Durations are counted in classes, each 1/64 of a power of two wide: the median is exact to 1.6%,
 * and to 64 ns. Atomics alone: any thread adds and asks, at any time.
 */
#ifndef MR_BASE_MEDIAN_H
#define MR_BASE_MEDIAN_H

#include <stdatomic.h>
#include <stdint.h>

#define MEDIAN_CLASS_COUNT (58 * 64)

/* Zero-initialised: nothing was added. */
struct median {
    atomic_uint_fast64_t count;
    atomic_uint classes[MEDIAN_CLASS_COUNT];
    atomic_uint_fast64_t kept_count; /* what was added when kept_ns was found */
    atomic_int_fast64_t kept_ns;
};

/* ns below 0 count as 0. */
void median_add(struct median *median, int64_t ns);
uint64_t median_count(const struct median *median);
/*
 * The median of what was added; -1 when that is fewer than least_count (at least 1). Cheap: it is
 * found anew when 1/32 more was added than the last time.
 */
int64_t median_ns(struct median *median, uint64_t least_count);

#endif
