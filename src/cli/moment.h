/*
 * moment.h - a run as it is now, for people: what its figures of the last seconds say. Pure
 * functions of the figures, which carry their own time.
 */
#ifndef MR_CLI_MOMENT_H
#define MR_CLI_MOMENT_H

#include "flow/job.h"

#define MOMENTS_COUNT 16

/* What there is to do in all, as far as somebody knows: of both, of one, or of nothing. */
struct expected {
    bool is_known; /* count is that of all items */
    bool is_sized; /* bytes are those of all work: see found_bytes of struct job_figures */
    uint64_t count, bytes;
};

struct moment {
    uint64_t done_count;  /* stored, skipped, failed or cancelled */
    uint64_t total_count; /* at least done_count */
    bool is_total_known;  /* else total_count is what was found so far */
    uint64_t failed_count;
    uint64_t done_bytes;  /* of the work */
    uint64_t total_bytes; /* is_sized */
    bool is_sized;
    double share;             /* of the work that is done, 0 to 1; below 0: not known */
    double eta_s;             /* until the end; below 0: not known */
    double in_rate, out_rate; /* bytes a second, over the last second */
    unsigned in_flight_count;
    uint64_t memory_used_bytes, memory_bytes;
    double busy[JOB_STAGES]; /* share of the last second of the stage's threads, 0 to 1; of a
                                shared pool's threads: they add up to 1 at most */
    enum job_stage limiting; /* the busiest */
    double elapsed_s;
};

/* The last second or so of one run. Zero-initialise. */
struct moments {
    struct job_figures past[MOMENTS_COUNT]; /* a ring; the oldest is overwritten */
    unsigned count;                         /* ever added */
    double work_rate;                       /* smoothed; units of work a second */
    bool counts_bytes;                      /* what these units are */
};

/* Adds what the run shows now; some ten times a second. expected: of the whole run. */
void moments_add(struct moments *moments, const struct job_figures *figures,
                 const struct expected *expected);
/* What was added last says of the run; after moments_add(). */
void moments_show(const struct moments *moments, const struct expected *expected,
                  struct moment *moment);

#endif
