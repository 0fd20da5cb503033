/*
 * change.h - what is faster or slower than in an earlier bench, beyond the noise.
 *
 * Each combination's rounds are compared with those of then by the Mann-Whitney U test (H. B. Mann,
 * D. R. Whitney, "On a Test of Whether one of Two Random Variables is Stochastically Larger than
 * the Other", 1947), which asks nothing of how rounds are spread: a change counts when rounds of
 * one speed would come to lie so far apart less than once in a hundred times. With five rounds each
 * that is when all of now are above, or below, all of then. What it cannot know is whether the
 * machine was in the same state both times.
 */
#ifndef MR_BENCH_CHANGE_H
#define MR_BENCH_CHANGE_H

#include "bench/past.h"

#define CHANGE_CHANCE_MAX 0.01

enum change_verdict {
    CHANGE_NONE,    /* the combination was not there then, or did not run */
    CHANGE_TOO_FEW, /* rounds: nothing could be told from them */
    CHANGE_SAME,    /* nothing beyond the noise */
    CHANGE_FASTER,
    CHANGE_SLOWER
};

struct change {
    enum change_verdict verdict;
    const struct past_row *then; /* NULL: CHANGE_NONE */
    double then_rate;            /* median, bytes of input a second */
    double ratio, cpu_ratio; /* now to then, of medians; cpu: time for each byte; 0: not known */
    double chance;           /* that rounds of one speed lie as far apart, both ways */
};

/* Two-sided, by the exact distribution up to 20 values each, beyond that by the normal one. */
double change_chance(const double *a, unsigned a_count, const double *b, unsigned b_count);

/*
 * The row of then with the same sizes, or NULL. Numbers that mean nothing with one pool, and memory
 * where it was not swept, may be others.
 */
const struct past_row *change_find_then(const struct past *past, const struct sweep_point *point,
                                        bool is_memory_swept);
/* Is it among the rows of now? */
bool change_is_there(const struct bench *bench, const struct past *past,
                     const struct past_row *then, bool is_memory_swept);
void change_judge(const struct bench_row *row, const struct past_row *then, struct change *change);

#endif
