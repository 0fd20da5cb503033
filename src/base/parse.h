/* parse.h - what people type: sizes, counts, durations, dates; and the nearest name for a typing
 * mistake. */
#ifndef MR_BASE_PARSE_H
#define MR_BASE_PARSE_H

#include <stdint.h>
#include <time.h>

#include "millrace/status.h"

/* "123", "64K", "10M", "2GiB", "1.5G", "4kB": 1024-based, case-insensitive. MR_OK or MR_E_USAGE
 * (*err says what is wrong). */
enum mr_status parse_size(const char *text, uint64_t *bytes, struct mr_error *err);
/* A whole number, min..max. */
enum mr_status parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *count,
                           struct mr_error *err);
/* "500ms", "30s", "5m", "2h", "3d", "1w"; a bare number is seconds. */
enum mr_status parse_duration(const char *text, int64_t *ns, struct mr_error *err);
/* "2026-11-22", "2026-11-22 14:30[:05]", "2026-11-22T14:30:05Z", "@SECONDS"; local time unless it
 * ends in Z. */
enum mr_status parse_date(const char *text, struct timespec *when, struct mr_error *err);

/*
 * The candidate nearest to text by edit distance (with transpositions) when it is near enough to be
 * a typing mistake (at most a third of its length, at least 1), else NULL. A word that begins with
 * text, or whose ending alone is another, is nearer than others. next(ctx, i) gives the i-th
 * candidate, NULL after the last.
 */
const char *parse_nearest(const char *text, const char *(*next)(const void *ctx, size_t i),
                          const void *ctx);

/* "12.3 MiB", "512 B" into out (at least 16 bytes); returns out. */
char *parse_show_size(char *out, size_t cap_bytes, uint64_t bytes);
/* "2 s", "1.5 s", "350 ms", "20 us", "90 s", "5 min", "3 h" into out (at least 32 bytes); returns
 * out. Rounded down to a thousandth of a unit below a minute, to a second above. ns below 0 is
 * shown as 0. */
char *parse_show_duration(char *out, size_t cap_bytes, int64_t ns);

#endif
