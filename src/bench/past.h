/* past.h - the figures of an earlier bench, read from the JSON that its --report wrote. */
#ifndef MR_BENCH_PAST_H
#define MR_BENCH_PAST_H

#include "bench/sweep.h"
#include "bench/trial.h"

#define PAST_TEXT_BYTES 400

struct past_row {
    struct sweep_point point; /* level: 0 when there was none */
    uint64_t in_bytes;
    unsigned round_count;
    double in_rates[TRIAL_ROUNDS_MAX]; /* bytes a second, of each round */
    double cpu_s[TRIAL_ROUNDS_MAX];
};

/* What the file does not say is zero or "". */
struct past {
    char version[40], operations[PAST_TEXT_BYTES], processor[PAST_TEXT_BYTES];
    uint64_t processor_count, sample_items, sample_bytes;
    bool is_in_memory;
    struct past_row *rows; /* owned */
    size_t row_count, cap_count;
};

/* MR_OK, MR_E_SYSTEM, MR_E_DATA (it is no such report), MR_E_LIMIT, MR_E_MEMORY. past_fini() in
 * every case. */
enum mr_status past_read(const char *path, struct past *past, struct mr_error *err);
void past_fini(struct past *past);

#endif
