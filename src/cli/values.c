#include "cli/values.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/path.h"
#include "bench/trial.h"
#include "cli/spread.h"
#include "sink/sinks.h"

#define THREADS_MAX 4096
#define RETRIES_MAX 1000000
/* Below the median itself, half of the items would be late. */
#define TIMEOUT_PERCENT_MIN 100
#define TIMEOUT_PERCENT_MAX 1000000

/* Digits only, up to max. */
static bool read_number(const char *text, size_t length, int max, int *value)
{
    if (length == 0 || length > 9)
        return false;
    int number = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (text[i] - '0');
    }
    *value = number;
    return number <= max;
}

static enum mr_status read_amount(struct amount *amount, const char *text, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    size_t length = strlen(text);
    struct amount read = {.kind = AMOUNT_AUTO};
    bool is_good = strcmp(text, "auto") == 0;
    if (!is_good && (text[0] == '+' || text[0] == '-')) {
        read.kind = AMOUNT_RELATIVE;
        is_good = read_number(text + 1, length - 1, THREADS_MAX, &read.value);
        if (text[0] == '-')
            read.value = -read.value;
    } else if (!is_good && length > 0 && text[length - 1] == '%') {
        read.kind = AMOUNT_PERCENT;
        is_good = read_number(text, length - 1, 10000, &read.value) && read.value > 0;
    } else if (!is_good) {
        read.kind = AMOUNT_FIXED;
        is_good = read_number(text, length, THREADS_MAX, &read.value) && read.value > 0;
    }
    if (!is_good)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "'%s' is no number of threads: 1 to %d, +N or -N (relative to the "
                            "processors), N%% or auto",
                            path_show(shown, sizeof(shown), text), THREADS_MAX);
    *amount = read;
    return MR_OK;
}

enum mr_status values_readers(struct options *options, const char *value, struct mr_error *err)
{
    return read_amount(&options->readers, value, err);
}

enum mr_status values_workers(struct options *options, const char *value, struct mr_error *err)
{
    return read_amount(&options->workers, value, err);
}

enum mr_status values_writers(struct options *options, const char *value, struct mr_error *err)
{
    return read_amount(&options->writers, value, err);
}

enum mr_status values_memory(struct options *options, const char *value, struct mr_error *err)
{
    size_t length = strlen(value);
    if (length > 0 && value[length - 1] == '%') {
        int percent = 0;
        if (!read_number(value, length - 1, 100, &percent) || percent == 0)
            return mr_error_set(err, MR_E_USAGE, 0, "a share of memory is 1%% to 100%%");
        options->memory_percent = (unsigned)percent;
        options->memory_bytes = 0;
        return MR_OK;
    }
    uint64_t bytes = 0;
    enum mr_status status = parse_size(value, &bytes, err);
    if (status != MR_OK)
        return status;
    if (bytes == 0)
        return mr_error_set(err, MR_E_USAGE, 0, "no work can be done in 0 bytes");
    options->memory_bytes = bytes;
    options->memory_percent = 0;
    return MR_OK;
}

enum mr_status values_table(struct options *options, const char *value, struct mr_error *err)
{
    if (!*value || !path_is_utf8(value) || strncasecmp(value, "sqlite_", 7) == 0)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "a table has a name in UTF-8 that does not begin with sqlite_");
    options->table = value;
    return MR_OK;
}

enum mr_status values_level(struct options *options, const char *value, struct mr_error *err)
{
    uint64_t level = 0;
    enum mr_status status = parse_count(value, 0, 100, &level, err);
    if (status == MR_OK)
        options->level = (int)level;
    return status;
}

static unsigned preserve_bit(const char *word, size_t length)
{
    static const struct {
        const char *word;
        unsigned bits;
    } words[] = {
        {"mode", PRESERVE_MODE},
        {"mtime", PRESERVE_MTIME},
        {"owner", PRESERVE_OWNER},
        {"xattr", PRESERVE_XATTR},
        {"links", PRESERVE_LINKS},
        {"all", PRESERVE_MODE | PRESERVE_MTIME | PRESERVE_OWNER | PRESERVE_XATTR | PRESERVE_LINKS},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strlen(words[i].word) == length && memcmp(words[i].word, word, length) == 0)
            return words[i].bits;
    return 0;
}

enum mr_status values_ok_status(struct options *options, const char *value, struct mr_error *err)
{
    options->has_ok_statuses = true;
    return exec_statuses_parse(value, &options->ok_statuses, err);
}

enum mr_status values_preserve(struct options *options, const char *value, struct mr_error *err)
{
    unsigned bits = 0;
    options->has_preserve = true;
    if (strcmp(value, "none") == 0) {
        options->preserve = 0;
        return MR_OK;
    }
    for (const char *word = value;;) {
        size_t length = strcspn(word, ",");
        unsigned bit = preserve_bit(word, length);
        if (bit == 0) {
            char shown[PATH_SHOW_BYTES];
            return mr_error_set(
                err, MR_E_USAGE, 0,
                "'%s' is no list of mode, mtime, owner, xattr, links (or all, none)",
                path_show(shown, sizeof(shown), value));
        }
        bits |= bit;
        if (word[length] == '\0')
            break;
        word += length + 1;
    }
    options->preserve = bits;
    return MR_OK;
}

enum mr_status values_mtime(struct options *options, const char *value, struct mr_error *err)
{
    enum mr_status status = parse_date(value, &options->mtime, err);
    if (status == MR_OK)
        options->has_mtime = true;
    return status;
}

enum mr_status values_retries(struct options *options, const char *value, struct mr_error *err)
{
    uint64_t count = 0;
    enum mr_status status = parse_count(value, 0, RETRIES_MAX, &count, err);
    if (status == MR_OK)
        options->policy.retry_count = (unsigned)count;
    return status;
}

enum mr_status values_retry_delay(struct options *options, const char *value, struct mr_error *err)
{
    return parse_duration(value, &options->policy.retry_delay_ns, err);
}

/* "P%": true, and *percent is P, or -1 when that is not from min to max. */
static bool read_percent(const char *text, int min, int max, int *percent)
{
    size_t length = strlen(text);
    if (length == 0 || text[length - 1] != '%')
        return false;
    if (!read_number(text, length - 1, max, percent) || *percent < min)
        *percent = -1;
    return true;
}

enum mr_status values_timeout(struct options *options, const char *value, struct mr_error *err)
{
    int percent = 0;
    int64_t limit_ns = 0;
    enum mr_status status = MR_OK;
    if (!read_percent(value, TIMEOUT_PERCENT_MIN, TIMEOUT_PERCENT_MAX, &percent)) {
        status = parse_duration(value, &limit_ns, err);
        if (status == MR_OK && limit_ns == 0)
            status = mr_error_set(err, MR_E_USAGE, 0,
                                  "nothing is done in no time; leave it out "
                                  "where there is no limit");
    } else if (percent < 0) {
        status = mr_error_set(err, MR_E_USAGE, 0, "a share of the median time is %d%% to %d%%",
                              TIMEOUT_PERCENT_MIN, TIMEOUT_PERCENT_MAX);
    }
    if (status != MR_OK)
        return status;
    options->policy.timeout_ns = limit_ns;
    options->policy.timeout_percent = (unsigned)percent;
    return MR_OK;
}

enum mr_status values_halt(struct options *options, const char *value, struct mr_error *err)
{
    int percent = 0;
    uint64_t count = 0;
    enum mr_status status = MR_OK;
    if (!read_percent(value, 1, 99, &percent))
        status = parse_count(value, 1, UINT64_MAX, &count, err);
    else if (percent < 0)
        status = mr_error_set(err, MR_E_USAGE, 0, "a share of failed items is 1%% to 99%%");
    if (status != MR_OK)
        return status;
    options->policy.halt_count = count;
    options->policy.halt_percent = (unsigned)percent;
    return MR_OK;
}

enum mr_status values_max_item_size(struct options *options, const char *value,
                                    struct mr_error *err)
{
    return parse_size(value, &options->limits.item_bytes, err);
}

enum mr_status values_max_total_size(struct options *options, const char *value,
                                     struct mr_error *err)
{
    return parse_size(value, &options->limits.total_bytes, err);
}

enum mr_status values_max_ratio(struct options *options, const char *value, struct mr_error *err)
{
    uint64_t ratio = 0;
    enum mr_status status = parse_count(value, 0, UINT_MAX, &ratio, err);
    if (status == MR_OK)
        options->limits.ratio = (unsigned)ratio;
    return status;
}

enum mr_status values_max_items(struct options *options, const char *value, struct mr_error *err)
{
    return parse_count(value, 0, UINT64_MAX, &options->limits.item_count, err);
}

#define CHOICES_BYTES 200

/* ctx: the words, each with its NUL, and an empty one behind them. */
static const char *choice_at(const void *ctx, size_t index)
{
    const char *word = ctx;
    while (index-- > 0 && *word)
        word += strlen(word) + 1;
    return *word ? word : NULL;
}

static enum mr_status no_choice(const char *choices, const char *value, struct mr_error *err)
{
    char words[CHOICES_BYTES] = "", shown[PATH_SHOW_BYTES];
    path_show(shown, sizeof(shown), value);
    for (size_t i = 0; choices[i] && i < sizeof(words) - 2; i++)
        words[i] = choices[i] == '|' ? '\0' : choices[i];
    const char *nearest = parse_nearest(value, choice_at, words);
    if (nearest)
        return mr_error_set(err, MR_E_USAGE, 0, "'%s' is none of %s; did you mean %s?", shown,
                            choices, nearest);
    return mr_error_set(err, MR_E_USAGE, 0, "'%s' is none of %s", shown, choices);
}

enum mr_status values_choice(const char *choices, const char *value, int *index,
                             struct mr_error *err)
{
    size_t length = strlen(value);
    int at = 0;
    for (const char *word = choices; *word; at++) {
        size_t word_length = strcspn(word, "|");
        if (word_length == length && memcmp(word, value, length) == 0) {
            *index = at;
            return MR_OK;
        }
        word += word_length + (word[word_length] == '|');
    }
    return no_choice(choices, value, err);
}

enum mr_status values_source_date(struct options *options, const char *text, struct mr_error *err)
{
    if (!options->is_reproducible || options->has_mtime || !text || !*text)
        return MR_OK;
    uint64_t seconds = 0;
    enum mr_status status = parse_count(text, 0, INT64_MAX, &seconds, err);
    if (status != MR_OK) {
        mr_error_prefix(err, "SOURCE_DATE_EPOCH");
        return status;
    }
    options->has_mtime = true;
    options->clamps_mtime = true;
    options->mtime = (struct timespec){.tv_sec = (time_t)seconds};
    return MR_OK;
}

enum mr_status values_repeat(struct options *options, const char *value, struct mr_error *err)
{
    uint64_t count = 0;
    enum mr_status status = parse_count(value, 1, TRIAL_ROUNDS_MAX, &count, err);
    options->repeat = (unsigned)count;
    return status;
}

enum mr_status values_shard(struct options *options, const char *value, struct mr_error *err)
{
    return spread_read(value, getenv, &options->shard, err);
}

enum mr_status values_warm_up(struct options *options, const char *value, struct mr_error *err)
{
    uint64_t count = 0;
    enum mr_status status = parse_count(value, 0, TRIAL_ROUNDS_MAX, &count, err);
    options->warm_up = (unsigned)count;
    options->has_warm_up = true;
    return status;
}
