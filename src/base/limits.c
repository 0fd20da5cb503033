#include "base/limits.h"

#include <inttypes.h>
#include <string.h>

#include "base/path.h"

enum mr_status limits_check_item(const struct limits *limits, uint64_t bytes, struct mr_error *err)
{
    if (limits->item_bytes == 0 || bytes <= limits->item_bytes)
        return MR_OK;
    return mr_error_set(err, MR_E_LIMIT, 0,
                        "has more than the %" PRIu64 " bytes that --max-item-size allows",
                        limits->item_bytes);
}

enum mr_status limits_check_ratio(const struct limits *limits, uint64_t made_bytes,
                                  uint64_t stored_bytes, struct mr_error *err)
{
    if (limits->ratio == 0 || made_bytes <= LIMITS_RATIO_FREE_BYTES ||
        made_bytes / limits->ratio <= stored_bytes)
        return MR_OK;
    return mr_error_set(err, MR_E_LIMIT, 0,
                        "unpacks to more than %u times its size, as a bomb does (--max-ratio "
                        "allows more, or 0 for any)",
                        limits->ratio);
}

enum mr_status limits_check_total(const struct limits *limits, uint64_t bytes, struct mr_error *err)
{
    if (limits->total_bytes == 0 || bytes <= limits->total_bytes)
        return MR_OK;
    return mr_error_set(err, MR_E_LIMIT, 0,
                        "all of it comes to more than the %" PRIu64
                        " bytes that --max-total-size allows",
                        limits->total_bytes);
}

enum mr_status limits_check_count(const struct limits *limits, uint64_t count, struct mr_error *err)
{
    if (limits->item_count == 0 || count <= limits->item_count)
        return MR_OK;
    return mr_error_set(err, MR_E_LIMIT, 0,
                        "there are more than the %" PRIu64 " items that --max-items allows",
                        limits->item_count);
}

enum mr_status limits_check_depth(const struct limits *limits, const char *clean,
                                  struct mr_error *err)
{
    unsigned count = 1;
    for (const char *at = clean; (at = strchr(at, '/')) != NULL; at++)
        count++;
    if (limits->depth_count == 0 || count <= limits->depth_count)
        return MR_OK;
    return mr_error_set(err, MR_E_LIMIT, 0,
                        "is more than %u directories deep (--max-depth allows up to %d)",
                        limits->depth_count, PATH_DEPTH_MAX_COUNT);
}
