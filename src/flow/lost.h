/*
 * lost.h - output names that a hard link may not point to, because what should have been stored
 * there was not, or got another name.
 *
 * Any thread adds and asks; no lock. Bounded: beyond LOST_MAX_COUNT, or out of memory, every name
 * counts as lost.
 */
#ifndef MR_FLOW_LOST_H
#define MR_FLOW_LOST_H

#include <stdatomic.h>
#include <stdbool.h>

#define LOST_MAX_COUNT 65536

struct lost_name {
    struct lost_name *next;
    char name[];
};

/* Zero-initialised: empty. */
struct lost {
    _Atomic(struct lost_name *) first;
    atomic_uint count;
    atomic_bool is_full;
};

void lost_add(struct lost *lost, const char *name);
bool lost_has(const struct lost *lost, const char *name);
/* When no thread adds or asks any more. */
void lost_clear(struct lost *lost);

#endif
