/*
 * limits.h - how much a run may make of what it reads. Counted on bytes that are really there,
 * while they come: what an archive or a file declares is a claim.
 */
#ifndef MR_BASE_LIMITS_H
#define MR_BASE_LIMITS_H

#include <stdint.h>

#include "millrace/status.h"

#define LIMITS_RATIO_DEFAULT    200
#define LIMITS_DEPTH_DEFAULT    128
#define LIMITS_RATIO_FREE_BYTES ((uint64_t)10 << 20) /* ratio does not matter up to here */

/* 0: no limit. */
struct limits {
    uint64_t item_bytes;  /* content of an item, as it is read and as each operation makes it */
    uint64_t total_bytes; /* the same, of all items */
    uint64_t item_count;  /* items of the run */
    unsigned ratio;       /* what is unpacked to what it was unpacked from */
    unsigned depth_count; /* parts of a member's name; PATH_DEPTH_MAX_COUNT in any case */
};

/* MR_OK, or MR_E_LIMIT when an item has become larger than it may. Thread-safe, as all here. */
enum mr_status limits_check_item(const struct limits *limits, uint64_t bytes, struct mr_error *err);

/* MR_OK, or MR_E_LIMIT when stored_bytes have been unpacked to more than they may. */
enum mr_status limits_check_ratio(const struct limits *limits, uint64_t made_bytes,
                                  uint64_t stored_bytes, struct mr_error *err);

/* MR_OK, or MR_E_LIMIT when all items together have become larger than they may. */
enum mr_status limits_check_total(const struct limits *limits, uint64_t bytes,
                                  struct mr_error *err);

/* MR_OK, or MR_E_LIMIT when there are more items than there may be. */
enum mr_status limits_check_count(const struct limits *limits, uint64_t count,
                                  struct mr_error *err);

/* MR_OK, or MR_E_LIMIT when a member's name, as path_clean() makes it, has more parts than it may.
 */
enum mr_status limits_check_depth(const struct limits *limits, const char *clean,
                                  struct mr_error *err);

#endif
