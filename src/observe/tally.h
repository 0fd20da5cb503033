/*
 * tally.h - what is worth showing of any number of items, in bounded memory: sums, the dearest
 * items, failures by reason and by stage, and how long items took. One thread at a time.
 */
#ifndef MR_OBSERVE_TALLY_H
#define MR_OBSERVE_TALLY_H

#include "observe/record.h"

#define TALLY_KEPT_MAX    1000 /* items, of those that failed and of the others each */
#define TALLY_REASONS_MAX 200  /* different ones; what comes after them is counted only */
#define TALLY_TIMES       30   /* ranges of time: see tally_time_limit() */

/* An item that is kept; its texts are owned. */
struct tally_item {
    struct record record;
    char *texts;
};

struct tally_items {
    size_t count;
    struct tally_item *items;
};

struct tally_reason {
    char *text;
    uint64_t count;
    char *example; /* the path of the first */
};

struct tally {
    uint64_t item_count, counts[RECORD_STATUSES];
    uint64_t in_bytes, out_bytes;
    uint64_t lacking_count; /* items whose out_bytes are not known */
    int64_t stage_ns[RECORD_STAGES];
    uint64_t failed_in[RECORD_STAGES + 1]; /* the last: found, and not loaded */
    uint64_t times[TALLY_TIMES];           /* items in each range, by record_cost_ns() */
    size_t kept_max;
    struct tally_items dearest; /* a heap, the cheapest first, until tally_sort() */
    struct tally_items failed;  /* the first that came */
    struct tally_reason reasons[TALLY_REASONS_MAX];
    size_t reason_count;
    uint64_t other_reasons_count;
};

/* The index-th range ends before 1, 2, 5, 10 ... microseconds; the last has no end. */
int64_t tally_time_limit(unsigned index);

/* kept_max: at most TALLY_KEPT_MAX. MR_OK, MR_E_MEMORY. */
enum mr_status tally_create(size_t kept_max, struct tally **tally, struct mr_error *err);
void tally_destroy(struct tally *tally); /* NULL is a no-op */
/* MR_OK, MR_E_MEMORY. */
enum mr_status tally_item(struct tally *tally, const struct record *record, struct mr_error *err);
/* After the last item: the dearest first, the most frequent reason first. */
void tally_sort(struct tally *tally);

#endif
