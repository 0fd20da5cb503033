/*
 * coverage.h - do the reports of several runs that shared the work (--shard) make up the whole:
 * each shard once, and no name in two of them? In bounded memory; one thread.
 */
#ifndef MR_OBSERVE_COVERAGE_H
#define MR_OBSERVE_COVERAGE_H

#include "observe/record.h"

struct coverage;

/* What is known after the last report. */
struct coverage_found {
    uint64_t shard_count;   /* 0: no report is of a shard */
    uint64_t missing_count; /* shards without a report */
    uint64_t doubled_count; /* shards with several */
    uint64_t
        strange_count; /* reports that are of no shard, or of one of another number of shards */
    uint64_t overlap_count; /* names that came in several reports */
    const char *overlap;    /* the first of them; "": none */
};

/* MR_OK, MR_E_MEMORY, MR_E_SYSTEM. */
enum mr_status coverage_create(struct coverage **coverage, struct mr_error *err);
void coverage_destroy(struct coverage *coverage); /* NULL is a no-op */
/* An item of the report that is read. MR_OK, MR_E_MEMORY, MR_E_SYSTEM. */
enum mr_status coverage_item(struct coverage *coverage, const struct record *record,
                             struct mr_error *err);
/* The end of a report. run: its figures, NULL where it broke off. MR_OK, MR_E_MEMORY. */
enum mr_status coverage_report(struct coverage *coverage, const struct record_run *run,
                               struct mr_error *err);
/* Texts are valid until coverage_destroy(). */
void coverage_look(const struct coverage *coverage, struct coverage_found *found);
/* Writes the shards with no report (wants_doubled: with several) as "2, 5-7" into text; what does
 * not fit is "...". */
char *coverage_list(const struct coverage *coverage, bool wants_doubled, char *text,
                    size_t cap_bytes);

#endif
