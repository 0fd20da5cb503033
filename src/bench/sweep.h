/* sweep.h - the combinations of sizes that `millrace bench` tries: every value of every key with
 * every other. */
#ifndef MR_BENCH_SWEEP_H
#define MR_BENCH_SWEEP_H

#include <stdint.h>

#include "millrace/status.h"

enum sweep_key {
    SWEEP_READERS,
    SWEEP_WORKERS,
    SWEEP_WRITERS,
    SWEEP_POOL,   /* 0: split, 1: shared */
    SWEEP_MEMORY, /* bytes */
    SWEEP_LEVEL,  /* of the last operation that has one */
    SWEEP_KEYS
};

#define SWEEP_VALUES_MAX 32
#define SWEEP_POINTS_MAX 1000

struct sweep {
    struct sweep_list {
        uint64_t values[SWEEP_VALUES_MAX];
        unsigned count; /* 0: not swept */
    } lists[SWEEP_KEYS];
};

/* One combination; of a key that is not swept, the value that was given as its default. */
struct sweep_point {
    uint64_t values[SWEEP_KEYS];
};

/* Is text "KEY=..." with a key of this table? */
bool sweep_is_part(const char *text);
/* Adds "workers=1-4", "readers=1,2,8", "pool=split,shared", "memory=64M,1G", "level=1,6". MR_OK,
 * MR_E_USAGE. */
enum mr_status sweep_add(struct sweep *sweep, const char *text, struct mr_error *err);
/*
 * All combinations, into *points (the caller's to free). With one pool for all, numbers of readers
 * and writers mean nothing: their first values stand for all. MR_OK, MR_E_LIMIT, MR_E_MEMORY.
 */
enum mr_status sweep_points(const struct sweep *sweep, const struct sweep_point *defaults,
                            struct sweep_point **points, size_t *count, struct mr_error *err);

const char *sweep_name(enum sweep_key key); /* "readers" */
/* The value as it was typed, into text (at least 24 bytes); returns text. */
char *sweep_show(enum sweep_key key, uint64_t value, char *text, size_t cap_bytes);

#endif
