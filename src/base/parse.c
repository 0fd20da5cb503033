#include "base/parse.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/path.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static enum mr_status refuse(const char *text, const char *reason, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_USAGE, 0, "'%s' %s", path_show(shown, sizeof(shown), text),
                        reason);
}

/* A number as typed: its digits before and after the point, not yet converted. */
struct number {
    const char *whole;
    size_t whole_count;
    const char *fraction;
    size_t fraction_count; /* 0: there was no point */
};

/* Reads "12", "1.5", ".5" and moves *at behind it. False when there is none. */
static bool read_number(const char **at, struct number *number)
{
    memset(number, 0, sizeof(*number));
    number->whole = *at;
    while (is_digit(**at))
        (*at)++, number->whole_count++;
    if (**at == '.') {
        number->fraction = ++(*at);
        while (is_digit(**at))
            (*at)++, number->fraction_count++;
        if (number->fraction_count == 0)
            return false;
    }
    return number->whole_count + number->fraction_count > 0;
}

/* number * unit (at most 2^60), rounded down, no floating point. False when it is over UINT64_MAX.
 */
static bool scale_number(const struct number *number, uint64_t unit, uint64_t *value)
{
    uint64_t whole = 0;
    for (size_t i = 0; i < number->whole_count; i++) {
        if (__builtin_mul_overflow(whole, (uint64_t)10, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(number->whole[i] - '0'), &whole))
            return false;
    }
    /* From the last digit: rounding down at each step comes to the same as rounding down once. */
    uint64_t part = 0;
    for (size_t i = number->fraction_count; i > 0; i--)
        part = ((uint64_t)(number->fraction[i - 1] - '0') * unit + part) / 10;
    return !__builtin_mul_overflow(whole, unit, &whole) &&
           !__builtin_add_overflow(whole, part, value);
}

enum mr_status parse_size(const char *text, uint64_t *bytes, struct mr_error *err)
{
    static const char wrong[] = "is not a size (examples: 4096, 64K, 1.5M, 2GiB)";
    static const char units[] = "kmgtpe";
    struct number number;
    const char *at = text;
    if (!read_number(&at, &number))
        return refuse(text, wrong, err);
    unsigned shift = 0;
    const char *unit = *at ? strchr(units, to_lower(*at)) : NULL;
    if (unit) {
        shift = 10 * (unsigned)(unit - units + 1);
        at++;
        if (to_lower(at[0]) == 'i' && to_lower(at[1]) == 'b')
            at++;
    }
    if (to_lower(*at) == 'b')
        at++;
    if (*at)
        return refuse(text, wrong, err);
    if (number.fraction_count > 0 && shift == 0)
        return refuse(text, "is not a whole number of bytes", err);
    if (!scale_number(&number, (uint64_t)1 << shift, bytes))
        return refuse(text, "is too large a size (at most 16 EiB - 1)", err);
    return MR_OK;
}

enum mr_status parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *count,
                           struct mr_error *err)
{
    struct number number;
    const char *at = text;
    uint64_t value = 0;
    bool ok =
        read_number(&at, &number) && !*at && !number.fraction && scale_number(&number, 1, &value);
    if (!ok || value < min || value > max) {
        char shown[PATH_SHOW_BYTES];
        path_show(shown, sizeof(shown), text);
        if (max == UINT64_MAX)
            return mr_error_set(err, MR_E_USAGE, 0, "'%s' is not a whole number from %llu on",
                                shown, (unsigned long long)min);
        return mr_error_set(err, MR_E_USAGE, 0, "'%s' is not a whole number from %llu to %llu",
                            shown, (unsigned long long)min, (unsigned long long)max);
    }
    *count = value;
    return MR_OK;
}

/* The length in ns of the unit at *at, which is moved behind it; 0 when there is none. */
static uint64_t read_time_unit(const char **at)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"ms", 1000000},
        {"s", 1000000000u},
        {"sec", 1000000000u},
        {"m", 60 * UINT64_C(1000000000)},
        {"min", 60 * UINT64_C(1000000000)},
        {"h", 3600 * UINT64_C(1000000000)},
        {"d", 86400 * UINT64_C(1000000000)},
        {"w", 7 * 86400 * UINT64_C(1000000000)},
    };
    size_t length = 0;
    while ((*at)[length] && !is_digit((*at)[length]) && (*at)[length] != '.')
        length++;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].name) == length && strncmp(units[i].name, *at, length) == 0) {
            *at += length;
            return units[i].ns;
        }
    }
    return 0;
}

enum mr_status parse_duration(const char *text, int64_t *ns, struct mr_error *err)
{
    static const char wrong[] = "is not a duration (examples: 500ms, 30s, 5m, 2h, 3d, 1w, 1h30m)";
    uint64_t total = 0;
    const char *at = text;
    do {
        bool is_first = at == text;
        struct number number;
        if (!read_number(&at, &number))
            return refuse(text, wrong, err);
        uint64_t unit = is_first && !*at ? UINT64_C(1000000000) : read_time_unit(&at);
        if (unit == 0)
            return refuse(text, wrong, err);
        uint64_t part;
        if (!scale_number(&number, unit, &part) || __builtin_add_overflow(total, part, &total) ||
            total > INT64_MAX)
            return refuse(text, "is too long a duration (at most 292 years)", err);
    } while (*at);
    *ns = (int64_t)total;
    return MR_OK;
}

/* Reads exactly count digits. False when there are fewer. */
static bool read_digits(const char **at, size_t count, int *value)
{
    *value = 0;
    for (size_t i = 0; i < count; i++, (*at)++) {
        if (!is_digit(**at))
            return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

/* Reads c. False when something else is there. */
static bool read_char(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* Reads ".123" when it is there, up to nanoseconds. False when it is wrong. */
static bool read_fraction(const char **at, long *ns)
{
    *ns = 0;
    if (**at != '.')
        return true;
    struct number number;
    uint64_t value;
    if (!read_number(at, &number) || !scale_number(&number, 1000000000u, &value))
        return false;
    *ns = (long)value;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* "2026-11-22[ 14:30[:05[.5]]][Z]". False when it is not that. */
static bool read_calendar(const char *at, struct tm *tm, long *ns, bool *is_utc)
{
    int year, month, day, hour = 0, minute = 0, second = 0;
    *ns = 0;
    if (!read_digits(&at, 4, &year) || !read_char(&at, '-') || !read_digits(&at, 2, &month) ||
        !read_char(&at, '-') || !read_digits(&at, 2, &day))
        return false;
    if (read_char(&at, ' ') || read_char(&at, 'T')) {
        if (!read_digits(&at, 2, &hour) || !read_char(&at, ':') || !read_digits(&at, 2, &minute))
            return false;
        if (read_char(&at, ':') && (!read_digits(&at, 2, &second) || !read_fraction(&at, ns)))
            return false;
    }
    *is_utc = read_char(&at, 'Z');
    if (*at || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
        hour > 23 || minute > 59 || second > 59)
        return false;
    *tm = (struct tm){.tm_year = year - 1900,
                      .tm_mon = month - 1,
                      .tm_mday = day,
                      .tm_hour = hour,
                      .tm_min = minute,
                      .tm_sec = second,
                      .tm_isdst = -1,
                      .tm_wday = -1};
    return true;
}

/* "@1700000000", "@-5", "@1.5". False when it is not that. */
static bool read_epoch(const char *at, struct timespec *when)
{
    bool is_negative = read_char(&at, '-');
    struct number number;
    uint64_t seconds;
    if (!read_number(&at, &number) || *at || number.whole_count == 0)
        return false;
    struct number whole = {.whole = number.whole, .whole_count = number.whole_count};
    struct number part = {.fraction = number.fraction, .fraction_count = number.fraction_count};
    uint64_t ns;
    if (!scale_number(&whole, 1, &seconds) || seconds > INT64_MAX - 1 ||
        !scale_number(&part, 1000000000u, &ns))
        return false;
    when->tv_sec = (time_t)seconds;
    when->tv_nsec = (long)ns;
    if (is_negative) {
        when->tv_sec = -when->tv_sec - (ns > 0);
        when->tv_nsec = ns > 0 ? 1000000000 - (long)ns : 0;
    }
    return true;
}

enum mr_status parse_date(const char *text, struct timespec *when, struct mr_error *err)
{
    if (text[0] == '@' && read_epoch(text + 1, when))
        return MR_OK;
    struct tm tm;
    long ns;
    bool is_utc;
    if (text[0] == '@' || !read_calendar(text, &tm, &ns, &is_utc))
        return refuse(
            text,
            "is not a date (examples: 2026-11-22, '2026-11-22 14:30:05', 2026-11-22T14:30:05Z, "
            "@1700000000)",
            err);
    time_t seconds = is_utc ? timegm(&tm) : mktime(&tm);
    if (tm.tm_wday < 0) /* -1 is also a time; this is set only on success */
        return refuse(text, "is a date that this system cannot hold", err);
    *when = (struct timespec){.tv_sec = seconds, .tv_nsec = ns};
    return MR_OK;
}

#define WORD_MAX_COUNT 64 /* letters of a word that is looked for */
#define STEM_COUNT     4  /* letters that are enough to know a word by */
#define ENDING_COUNT   3  /* mistakes behind these */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Insertions, removals, changes and swaps of neighbours that make b of a, in any case. Both at most
 * WORD_MAX_COUNT long. */
static unsigned edit_distance(const char *a, size_t a_count, const char *b, size_t b_count)
{
    unsigned rows[3][WORD_MAX_COUNT + 1];
    for (unsigned j = 0; j <= b_count; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_count; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_count; j++) {
            bool is_same = to_lower(a[i - 1]) == to_lower(b[j - 1]);
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + !is_same);
            if (i > 1 && j > 1 && to_lower(a[i - 1]) == to_lower(b[j - 2]) &&
                to_lower(a[i - 2]) == to_lower(b[j - 1]))
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
    return rows[a_count % 3][b_count];
}

static size_t common_beginning(const char *a, const char *b)
{
    size_t count = 0;
    while (a[count] && to_lower(a[count]) == to_lower(b[count]))
        count++;
    return count;
}

const char *parse_nearest(const char *text, const char *(*next)(const void *ctx, size_t i),
                          const void *ctx)
{
    size_t text_count = strlen(text);
    const char *best = NULL;
    unsigned best_rank = 0;
    if (text_count == 0 || text_count > WORD_MAX_COUNT)
        return NULL;
    const char *candidate;
    for (size_t i = 0; (candidate = next(ctx, i)); i++) {
        size_t count = strlen(candidate);
        if (count == 0 || count > WORD_MAX_COUNT)
            continue;
        unsigned distance = edit_distance(text, text_count, candidate, count);
        unsigned limit = least(count < 6 ? 1 : (unsigned)count / 3, (unsigned)count - 1);
        size_t same = common_beginning(text, candidate);
        /* The beginning of a word means it, or its like with another ending: "retry" may mean
         * "retries". */
        bool is_stem = same == text_count ||
                       (same >= STEM_COUNT && text_count - same <= 1 && distance <= ENDING_COUNT);
        if (distance > limit && !is_stem)
            continue;
        unsigned rank = is_stem ? distance : distance * (WORD_MAX_COUNT + 1);
        if (!best || rank < best_rank) {
            best = candidate;
            best_rank = rank;
        }
    }
    return best;
}

char *parse_show_size(char *out, size_t cap_bytes, uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        snprintf(out, cap_bytes, "%u B", (unsigned)bytes);
        return out;
    }
    size_t unit = 0;
    while (unit < 5 && bytes >> (10 * (unit + 2)))
        unit++;
    /* In integers: printf would take the decimal point from the locale. */
    uint64_t one = (uint64_t)1 << (10 * (unit + 1));
    uint64_t whole = bytes / one;
    uint64_t tenths = (bytes % one * 10 + one / 2) / one;
    if (tenths == 10) {
        whole++;
        tenths = 0;
    }
    if (whole == 1024 && unit < 5) {
        whole = 1;
        unit++;
    }
    snprintf(out, cap_bytes, "%u.%u %s", (unsigned)whole, (unsigned)tenths, units[unit]);
    return out;
}

char *parse_show_duration(char *out, size_t cap_bytes, int64_t ns)
{
    static const struct {
        uint64_t ns;
        const char *name;
    } units[] = {{1000000000u, "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};
    uint64_t left_ns = ns > 0 ? (uint64_t)ns : 0, seconds = left_ns / 1000000000u;
    if (seconds >= 120) {
        bool is_hours = seconds % 3600 == 0, is_minutes = seconds % 60 == 0;
        snprintf(out, cap_bytes, "%llu %s",
                 (unsigned long long)(is_hours     ? seconds / 3600
                                      : is_minutes ? seconds / 60
                                                   : seconds),
                 is_hours     ? "h"
                 : is_minutes ? "min"
                              : "s");
        return out;
    }
    size_t unit = 0;
    while (unit < 3 && left_ns < units[unit].ns)
        unit++;
    /* In integers: printf would take the decimal point from the locale. */
    uint64_t one = units[unit].ns, whole = left_ns / one;
    unsigned part = unit < 3 ? (unsigned)(left_ns % one / (one / 1000)) : 0;
    int digits = 3;
    for (; digits > 0 && part % 10 == 0; digits--)
        part /= 10;
    if (digits == 0)
        snprintf(out, cap_bytes, "%llu %s", (unsigned long long)whole, units[unit].name);
    else
        snprintf(out, cap_bytes, "%llu.%0*u %s", (unsigned long long)whole, digits, part,
                 units[unit].name);
    return out;
}
