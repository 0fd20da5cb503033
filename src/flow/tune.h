/*
 * tune.h - how many threads the pools of a run should have, from what the run shows.
 *
 * Threads that are busy while processors are idle sleep in system calls: of a disk, a network, a
 * slow reader of the output. Then the busiest pool gets twice as many for a moment, and keeps them
 * when more is done by that; else it goes back, and the next attempt comes later, each time later.
 * Now and then an attempt is made with half of them: heads of disks do not like company. Threads
 * beyond those that the pool began with go again after a while in which the processors were full,
 * or most of the threads idle.
 *
 * No clock, no threads, no pools here: the caller measures, and does what counts say.
 */
#ifndef MR_FLOW_TUNE_H
#define MR_FLOW_TUNE_H

#include <stdbool.h>

#define TUNE_POOLS_MAX 3

/* What the run did since the sample before, about a tenth of a second. */
struct tune_sample {
    double seconds;
    double work;                   /* that was done, in any unit */
    double runs;                   /* steps of items that ended: what few say is chance */
    double idle_s;                 /* seconds in which processors could have worked for the run */
    double busy_s[TUNE_POOLS_MAX]; /* summed over the threads of a pool */
};

struct tune_pool {
    unsigned count;                 /* threads that it should have now */
    unsigned first, max;            /* that it began with; at most. max == first: it stays */
    unsigned least_seen, most_seen; /* of all the counts that it had */
    unsigned surplus_count;         /* windows in a row in which fewer would have done */
};

struct tune {
    unsigned processor_count, pool_count;
    struct tune_pool pools[TUNE_POOLS_MAX];
    /* The window: what is looked at together. Its first sample, in which threads come and go, only
     * counts. */
    struct tune_sample sum;
    unsigned sample_count;
    /* An attempt: */
    struct tune_pool *tried; /* NULL: there is none */
    unsigned count_before;
    double rate_before; /* work a second */
    bool goes_down;
    /* After attempts that did not help: */
    unsigned failure_count, rest_count;
};

/* counts and maxima: threads of each of pool_count pools. A maximum below its count: the count. */
void tune_init(struct tune *tune, unsigned processor_count, unsigned pool_count,
               const unsigned *counts, const unsigned *maxima);
/* Takes a sample. True: the count of one pool is another now. */
bool tune_step(struct tune *tune, const struct tune_sample *sample);

#endif
