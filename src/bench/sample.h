/*
 * sample.h - sample data in memory: what `millrace bench` loads once, or makes up, and then takes
 * through the job again and again.
 *
 * A sample is filled by one thread, then const; any number of sources may read it at once.
 */
#ifndef MR_BENCH_SAMPLE_H
#define MR_BENCH_SAMPLE_H

#include "millrace/sink.h"
#include "millrace/source.h"

struct sample_item {
    char *path;          /* owned */
    unsigned char *data; /* owned; NULL when bytes is 0 */
    size_t bytes;
};

struct sample {
    struct sample_item *items; /* owned */
    size_t count, cap_count;
    uint64_t bytes;       /* of all content */
    uint64_t limit_bytes; /* more is refused; 0: no limit */
};

void sample_fini(struct sample *sample);

/*
 * Adds a file. data (from malloc; NULL with 0 bytes) is the sample's on MR_OK; path is copied.
 * MR_E_LIMIT, MR_E_MEMORY.
 */
enum mr_status sample_add(struct sample *sample, const char *path, unsigned char *data,
                          size_t bytes, struct mr_error *err);

/* A sink that adds the files it gets to *sample, which outlives it; all else is dropped. MR_OK,
 * MR_E_MEMORY. */
enum mr_status sample_sink_create(struct sample *sample, struct mr_sink **sink,
                                  struct mr_error *err);

/* A source of all items, pass_count times over; the sample outlives it. MR_OK, MR_E_MEMORY. */
enum mr_status sample_source_create(const struct sample *sample, uint64_t pass_count,
                                    struct mr_source **source, struct mr_error *err);

/*
 * Fills an empty sample by SPEC: "files=1000,size=4K..64K,kind=text|random|zeros|mixed,seed=1",
 * each part optional. Sizes are spread evenly over their logarithms; the same SPEC gives the same
 * bytes everywhere. MR_OK, MR_E_USAGE, MR_E_LIMIT, MR_E_MEMORY.
 */
enum mr_status sample_generate(struct sample *sample, const char *spec, struct mr_error *err);

#endif
