/* record.h - what is known of an item after a run, and of the run itself: what reports hold, and
 * journals in part. */
#ifndef MR_OBSERVE_RECORD_H
#define MR_OBSERVE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "millrace/status.h"

enum record_status {
    RECORD_STORED,
    RECORD_COPIED, /* its operations failed, and the input was stored instead */
    RECORD_SKIPPED,
    RECORD_FAILED,
    RECORD_CANCELLED,
    RECORD_STATUSES
};

#define RECORD_WROTE_BYTES ((size_t)64 * 1024 - 1) /* of wrote, as JSON: its end */
/* As a stage: an item that was found, and did not come into load. */
#define RECORD_FOUND "find"

enum { RECORD_LOAD, RECORD_PROCESS, RECORD_STORE, RECORD_STAGES };

/* Texts are whose it is; "" is what is not known, or is not there. */
struct record {
    enum record_status status;
    const char *kind;   /* "file", "directory", "symlink", "hardlink", "other" */
    const char *path;   /* of the file, or of the archive that it is a member of */
    const char *member; /* its name there */
    const char *output; /* its name in the output */
    const char *reason; /* why it failed, or what was wrong all the same */
    const char *wrote;  /* what its command wrote to stderr, when it failed; NULL: nothing, or not
                           known */
    const char *stage;  /* it failed in: "load", "process", "store"; RECORD_FOUND; "": not known */
    uint64_t in_bytes, out_bytes;
    bool lacks_out_bytes; /* they are not known: a journal does not have what became of an item
                             that is no file of its own */
    int64_t stage_ns[RECORD_STAGES]; /* that threads worked on it, in all attempts */
    int64_t latency_ns;              /* from its admission to its end */
    uint64_t attempts;
};

struct record_stage {
    uint64_t thread_count; /* the most at once */
    uint64_t run_count;
    double thread_s; /* that its threads were there */
    double busy_s, starved_s, blocked_s;
};

struct record_run {
    char version[32];
    const char *command;               /* as it was typed, escaped; whose it is */
    char started[32];                  /* RFC 3339, UTC */
    uint64_t job_count;                /* runs that this is the sum of */
    uint64_t shard_index, shard_count; /* --shard; 0, 0: all items, or several shards */
    bool is_complete;                  /* nothing was cut off, though items may have failed */
    uint64_t exit_status;              /* the highest */
    double elapsed_s, cpu_s;
    uint64_t counts[RECORD_STATUSES];
    uint64_t retried_count;
    uint64_t in_bytes, out_bytes;
    uint64_t memory_bytes, memory_peak_bytes, rss_peak_bytes; /* the highest */
    bool is_shared;                                           /* one pool for all stages */
    double idle_s;                                            /* of that pool's threads */
    struct record_stage stages[RECORD_STAGES];
};

const char *record_status_name(enum record_status status);
/* False: there is none of that name. */
bool record_status_find(const char *name, enum record_status *status);
const char *record_stage_name(unsigned stage);

/* Of two times that are not negative; a report may say any: INT64_MAX is the most. */
int64_t record_sum_ns(int64_t a, int64_t b);
/* What threads worked on the item, or how long it took where that is not known. */
int64_t record_cost_ns(const struct record *record);
/* Adds another run's figures to sum, which is zero at first. Its texts are those of the first run.
 */
void record_run_add(struct record_run *sum, const struct record_run *run);

/* The members of an open object. */
void record_write(struct json *json, const struct record *record);
void record_run_write(struct json *json, const struct record_run *run);

#endif
