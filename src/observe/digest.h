/*
 * digest.h - what is worth showing of any number of items, in bounded memory: sums, the dearest
 * items, failures by reason and by stage, and how long items took. One thread at a time.
 */
#ifndef MR_OBSERVE_DIGEST_H
#define MR_OBSERVE_DIGEST_H

#include "observe/record.h"

#define DIGEST_KEPT_MAX    1000 /* items, of those that failed and of the others each */
#define DIGEST_REASONS_MAX 200  /* different ones; what comes after them is counted only */
#define DIGEST_TIMES       30   /* ranges of time: see digest_time_limit() */

/* An item that is kept; its texts are owned. */
struct digest_item {
    struct record record;
    char *texts;
};

struct digest_items {
    size_t count;
    struct digest_item *items;
};

struct digest_reason {
    char *text;
    uint64_t count;
    char *example; /* the path of the first */
};

struct digest {
    uint64_t item_count, counts[RECORD_STATUSES];
    uint64_t in_bytes, out_bytes;
    int64_t stage_ns[RECORD_STAGES];
    uint64_t failed_in[RECORD_STAGES + 1]; /* the last: found, and not loaded */
    uint64_t times[DIGEST_TIMES];          /* items in each range, by record_cost_ns() */
    size_t kept_max;
    struct digest_items dearest; /* a heap, the cheapest first, until digest_sort() */
    struct digest_items failed;  /* the first that came */
    struct digest_reason reasons[DIGEST_REASONS_MAX];
    size_t reason_count;
    uint64_t other_reasons_count;
};

/* The index-th range ends before 1, 2, 5, 10 ... microseconds; the last has no end. */
int64_t digest_time_limit(unsigned index);

/* kept_max: at most DIGEST_KEPT_MAX. MR_OK, MR_E_MEMORY. */
enum mr_status digest_create(size_t kept_max, struct digest **digest, struct mr_error *err);
void digest_destroy(struct digest *digest); /* NULL is a no-op */
/* MR_OK, MR_E_MEMORY. */
enum mr_status digest_item(struct digest *digest, const struct record *record,
                           struct mr_error *err);
/* After the last item: the dearest first, the most frequent reason first. */
void digest_sort(struct digest *digest);

#endif
