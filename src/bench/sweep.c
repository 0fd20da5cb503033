#include "bench/sweep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/path.h"

#define THREADS_MAX 4096

static const char *const names[SWEEP_KEYS] = {"readers", "workers", "writers",
                                              "pool",    "memory",  "level"};
static const char *const pools[] = {"split", "shared"};

const char *sweep_name(enum sweep_key key)
{
    return names[key];
}

char *sweep_show(enum sweep_key key, uint64_t value, char *text, size_t cap_bytes)
{
    if (key == SWEEP_POOL)
        snprintf(text, cap_bytes, "%s", pools[value]);
    else if (key == SWEEP_MEMORY)
        parse_show_size(text, cap_bytes, value);
    else
        snprintf(text, cap_bytes, "%" PRIu64, value);
    return text;
}

/* The key that text begins with, followed by '='; SWEEP_KEYS: none. */
static enum sweep_key key_of(const char *text)
{
    for (enum sweep_key key = SWEEP_READERS; key < SWEEP_KEYS; key++) {
        size_t length = strlen(names[key]);
        if (strncmp(text, names[key], length) == 0 && text[length] == '=')
            return key;
    }
    return SWEEP_KEYS;
}

bool sweep_is_part(const char *text)
{
    return key_of(text) != SWEEP_KEYS;
}

static enum mr_status add_value(struct sweep_list *list, uint64_t value, struct mr_error *err)
{
    for (unsigned i = 0; i < list->count; i++)
        if (list->values[i] == value)
            return MR_OK;
    if (list->count == SWEEP_VALUES_MAX)
        return mr_error_set(err, MR_E_USAGE, 0, "at most %d values", SWEEP_VALUES_MAX);
    list->values[list->count++] = value;
    return MR_OK;
}

/* "4" or "1-4". */
static enum mr_status add_range(struct sweep_list *list, enum sweep_key key, char *text,
                                struct mr_error *err)
{
    uint64_t min = key == SWEEP_LEVEL ? 0 : 1, first = 0, last = 0;
    char *dash = strchr(text, '-');
    if (dash)
        *dash = '\0';
    enum mr_status status = parse_count(text, min, THREADS_MAX, &first, err);
    last = first;
    if (status == MR_OK && dash)
        status = parse_count(dash + 1, first, THREADS_MAX, &last, err);
    for (uint64_t value = first; status == MR_OK && value <= last; value++)
        status = add_value(list, value, err);
    return status;
}

static enum mr_status add_one(struct sweep_list *list, enum sweep_key key, char *text,
                              struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    uint64_t bytes = 0;
    enum mr_status status;
    switch (key) {
    case SWEEP_POOL:
        for (unsigned i = 0; i < 2; i++)
            if (strcmp(text, pools[i]) == 0)
                return add_value(list, i, err);
        return mr_error_set(err, MR_E_USAGE, 0, "'%s' is neither split nor shared",
                            path_show(shown, sizeof(shown), text));
    case SWEEP_MEMORY:
        status = parse_size(text, &bytes, err);
        if (status == MR_OK && bytes == 0)
            status = mr_error_set(err, MR_E_USAGE, 0, "no memory is too little");
        return status == MR_OK ? add_value(list, bytes, err) : status;
    default:
        return add_range(list, key, text, err);
    }
}

enum mr_status sweep_add(struct sweep *sweep, const char *text, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    enum sweep_key key = key_of(text);
    if (key == SWEEP_KEYS)
        return mr_error_set(err, MR_E_USAGE, 0,
                            "'%s': what is swept is readers=, workers=, writers=, pool=, memory= "
                            "or level=, as in workers=1-4",
                            path_show(shown, sizeof(shown), text));
    char *copy = strdup(strchr(text, '=') + 1), *rest = copy, *part;
    if (!copy)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status = MR_OK;
    while (status == MR_OK && (part = strsep(&rest, ",")) != NULL)
        status = add_one(&sweep->lists[key], key, part, err);
    free(copy);
    if (status != MR_OK)
        mr_error_prefix(err, "%s", names[key]);
    return status;
}

/* Would another point stand for this one? */
static bool is_double(const struct sweep *sweep, const struct sweep_point *point)
{
    if (point->values[SWEEP_POOL] == 0)
        return false;
    for (enum sweep_key key = SWEEP_READERS; key <= SWEEP_WRITERS; key++)
        if (key != SWEEP_WORKERS && sweep->lists[key].count > 0 &&
            point->values[key] != sweep->lists[key].values[0])
            return true;
    return false;
}

enum mr_status sweep_points(const struct sweep *sweep, const struct sweep_point *defaults,
                            struct sweep_point **points, size_t *count, struct mr_error *err)
{
    size_t total = 1;
    for (enum sweep_key key = SWEEP_READERS; key < SWEEP_KEYS; key++)
        if (sweep->lists[key].count > 0)
            total *= sweep->lists[key].count;
    if (total > SWEEP_POINTS_MAX)
        return mr_error_set(err, MR_E_LIMIT, 0, "%zu combinations; at most %d are tried", total,
                            SWEEP_POINTS_MAX);
    struct sweep_point *made = calloc(total, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    *count = 0;
    for (size_t i = 0; i < total; i++) {
        struct sweep_point point = *defaults;
        size_t rest = i;
        for (enum sweep_key key = SWEEP_KEYS; key-- > SWEEP_READERS;) {
            const struct sweep_list *list = &sweep->lists[key];
            if (list->count == 0)
                continue;
            point.values[key] = list->values[rest % list->count];
            rest /= list->count;
        }
        if (!is_double(sweep, &point))
            made[(*count)++] = point;
    }
    *points = made;
    return MR_OK;
}
