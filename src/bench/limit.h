/* limit.h - how fast the operations alone are: what no arrangement of threads can beat. */
#ifndef MR_BENCH_LIMIT_H
#define MR_BENCH_LIMIT_H

#include "bench/sample.h"
#include "operation/chain.h"

/*
 * Takes the items of the sample through the chain on the calling thread, until all are through or
 * seconds have passed (after at least one item). *rate: bytes of input for each second of this
 * thread's wall time. MR_OK, or what the chain says. Without items *rate is 0.
 */
enum mr_status limit_measure(const struct sample *sample, const struct chain *chain, double seconds,
                             double *rate, struct mr_error *err);

#endif
