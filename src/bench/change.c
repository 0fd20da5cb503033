#include "bench/change.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_MAX 20 /* all that is counted then are whole numbers that a double holds */

/* How often a value of a is above one of b; equal ones count half. */
static double count_above(const double *a, unsigned a_count, const double *b, unsigned b_count)
{
    double above = 0;
    for (unsigned i = 0; i < a_count; i++)
        for (unsigned k = 0; k < b_count; k++)
            above += a[i] > b[k] ? 1 : a[i] < b[k] ? 0 : 0.5;
    return above;
}

/*
 * The share of all arrangements whose count is at most that. How many have each count are the
 * coefficients of a Gaussian binomial: the product of (1 - x^(b+i)) / (1 - x^i), i from 1 to a.
 */
static double share_up_to(unsigned a_count, unsigned b_count, unsigned count)
{
    double ways[EXACT_MAX * EXACT_MAX + 1] = {1};
    unsigned last = a_count * b_count;
    double all = 0, some = 0;
    for (unsigned i = 1; i <= a_count; i++) {
        for (unsigned at = last; at >= b_count + i; at--)
            ways[at] -= ways[at - b_count - i];
        for (unsigned at = i; at <= last; at++)
            ways[at] += ways[at - i];
    }
    for (unsigned at = 0; at <= last; at++) {
        all += ways[at];
        some += at <= count ? ways[at] : 0;
    }
    return some / all;
}

double change_chance(const double *a, unsigned a_count, const double *b, unsigned b_count)
{
    double pairs = (double)a_count * b_count;
    if (pairs <= 0)
        return 1;
    double above = count_above(a, a_count, b, b_count);
    double lower = fmin(above, pairs - above);
    if (a_count <= EXACT_MAX && b_count <= EXACT_MAX)
        return fmin(1, 2 * share_up_to(a_count, b_count, (unsigned)ceil(lower)));
    double sigma = sqrt(pairs * (a_count + b_count + 1) / 12);
    double distance = fmax(0, pairs / 2 - lower - 0.5);
    return erfc(distance / sigma / sqrt(2));
}

static bool is_same_point(const struct sweep_point *a, const struct sweep_point *b,
                          bool with_memory)
{
    if (a->values[SWEEP_POOL] != b->values[SWEEP_POOL])
        return false;
    bool is_shared = a->values[SWEEP_POOL] != 0;
    for (enum sweep_key key = SWEEP_READERS; key < SWEEP_KEYS; key++) {
        bool means_nothing = (key == SWEEP_MEMORY && !with_memory) ||
                             (is_shared && (key == SWEEP_READERS || key == SWEEP_WRITERS));
        if (!means_nothing && a->values[key] != b->values[key])
            return false;
    }
    return true;
}

/* Was more than one tried then? */
static bool has_memories(const struct past *past)
{
    for (size_t i = 1; i < past->row_count; i++)
        if (past->rows[i].point.values[SWEEP_MEMORY] != past->rows[0].point.values[SWEEP_MEMORY])
            return true;
    return false;
}

const struct past_row *change_find_then(const struct past *past, const struct sweep_point *point,
                                        bool is_memory_swept)
{
    bool with_memory = is_memory_swept || has_memories(past);
    for (size_t i = 0; i < past->row_count; i++)
        if (is_same_point(&past->rows[i].point, point, with_memory))
            return &past->rows[i];
    return NULL;
}

bool change_is_there(const struct bench *bench, const struct past *past,
                     const struct past_row *then, bool is_memory_swept)
{
    bool with_memory = is_memory_swept || has_memories(past);
    for (size_t i = 0; i < bench->row_count; i++)
        if (is_same_point(&then->point, &bench->rows[i].point, with_memory))
            return true;
    return false;
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(const double *values, unsigned count)
{
    double sorted[TRIAL_ROUNDS_MAX];
    if (count == 0)
        return 0;
    memcpy(sorted, values, count * sizeof(*values));
    qsort(sorted, count, sizeof(*sorted), compare_numbers);
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

/* Could rounds so few lie far enough apart at all? */
static bool is_enough(unsigned a_count, unsigned b_count)
{
    return a_count > EXACT_MAX || b_count > EXACT_MAX ||
           2 * share_up_to(a_count, b_count, 0) < CHANGE_CHANCE_MAX;
}

void change_judge(const struct bench_row *row, const struct past_row *then, struct change *change)
{
    *change = (struct change){.verdict = CHANGE_NONE, .chance = 1};
    if (!then || then->round_count == 0 || row->trial_count == 0)
        return;
    double now_rates[TRIAL_ROUNDS_MAX];
    for (unsigned i = 0; i < row->trial_count; i++)
        now_rates[i] = row->trials[i].in_rate;
    double cpu_s = median_of(then->cpu_s, then->round_count);
    change->then = then;
    change->then_rate = median_of(then->in_rates, then->round_count);
    change->ratio = row->median.in_rate / change->then_rate;
    if (cpu_s > 0 && then->in_bytes > 0 && row->in_bytes > 0)
        change->cpu_ratio =
            row->median.cpu_s / (double)row->in_bytes / (cpu_s / (double)then->in_bytes);
    change->chance = change_chance(now_rates, row->trial_count, then->in_rates, then->round_count);
    if (!is_enough(row->trial_count, then->round_count))
        change->verdict = CHANGE_TOO_FEW;
    else if (change->chance >= CHANGE_CHANCE_MAX)
        change->verdict = CHANGE_SAME;
    else
        change->verdict = change->ratio > 1 ? CHANGE_FASTER : CHANGE_SLOWER;
}
