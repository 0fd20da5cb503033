/* generate.c - sample data that is made up: like text, like noise, empty of information, or a bit
 * of each. The numbers come from xorshift64* (Vigna 2016), so that every machine makes the same. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/path.h"
#include "bench/sample.h"

#define WORD_COUNT     4096
#define WORD_CAP_BYTES 12
#define FILES_MAX      10000000u

enum kind { KIND_TEXT, KIND_RANDOM, KIND_ZEROS, KIND_MIXED };
static const char *const kinds[] = {"text", "random", "zeros", "mixed"};

struct plan {
    uint64_t files, min_bytes, max_bytes, seed;
    enum kind kind;
};

struct maker {
    uint64_t state;
    char words[WORD_COUNT][WORD_CAP_BYTES];
};

static uint64_t next_number(struct maker *maker)
{
    uint64_t x = maker->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    maker->state = x;
    return x * UINT64_C(2685821657736338717);
}

/* 0 <= number < 1. */
static double next_fraction(struct maker *maker)
{
    return (double)(next_number(maker) >> 11) / 9007199254740992.0;
}

/* Words of two to four syllables; the first ones are used most. */
static void make_words(struct maker *maker)
{
    static const char consonants[] = "bcdfghklmnprstvw", vowels[] = "aeiou";
    for (size_t i = 0; i < WORD_COUNT; i++) {
        char *at = maker->words[i];
        size_t syllables = 1 + next_number(maker) % 4;
        for (size_t s = 0; s < syllables; s++) {
            *at++ = consonants[next_number(maker) % (sizeof(consonants) - 1)];
            *at++ = vowels[next_number(maker) % (sizeof(vowels) - 1)];
        }
        *at = '\0';
    }
}

static void fill_text(struct maker *maker, unsigned char *data, size_t bytes)
{
    size_t at = 0, column = 0;
    while (at < bytes) {
        double fraction = next_fraction(maker);
        const char *word = maker->words[(size_t)(fraction * fraction * fraction * WORD_COUNT)];
        for (; *word && at < bytes; word++, column++)
            data[at++] = (unsigned char)*word;
        if (at == bytes)
            break;
        bool ends_line = column > 60;
        data[at++] = ends_line ? '\n' : ' ';
        column = ends_line ? 0 : column + 1;
    }
}

static void fill_random(struct maker *maker, unsigned char *data, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += sizeof(uint64_t)) {
        uint64_t number = next_number(maker);
        size_t left = bytes - at;
        memcpy(data + at, &number, left < sizeof(number) ? left : sizeof(number));
    }
}

static void fill(struct maker *maker, enum kind kind, unsigned char *data, size_t bytes)
{
    switch (kind) {
    case KIND_TEXT:
        fill_text(maker, data, bytes);
        break;
    case KIND_RANDOM:
        fill_random(maker, data, bytes);
        break;
    case KIND_ZEROS:
    case KIND_MIXED:
        memset(data, 0, bytes);
        break;
    }
}

static enum mr_status parse_sizes(struct plan *plan, char *value, struct mr_error *err)
{
    char *dots = strstr(value, "..");
    if (dots)
        *dots = '\0';
    enum mr_status status = parse_size(value, &plan->min_bytes, err);
    plan->max_bytes = plan->min_bytes;
    if (status == MR_OK && dots)
        status = parse_size(dots + 2, &plan->max_bytes, err);
    if (status == MR_OK && plan->max_bytes < plan->min_bytes)
        status = mr_error_set(err, MR_E_USAGE, 0, "the larger size comes second");
    return status;
}

static enum mr_status parse_kind(struct plan *plan, const char *value, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(value, kinds[i]) == 0) {
            plan->kind = (enum kind)i;
            return MR_OK;
        }
    }
    return mr_error_set(err, MR_E_USAGE, 0, "no kind '%s'; there are text, random, zeros, mixed",
                        path_show(shown, sizeof(shown), value));
}

static enum mr_status parse_part(struct plan *plan, char *part, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    char *value = strchr(part, '=');
    if (!value)
        return mr_error_set(
            err, MR_E_USAGE, 0,
            "'%s' has no value; parts are files=N, size=MIN..MAX, kind=KIND, seed=N",
            path_show(shown, sizeof(shown), part));
    *value++ = '\0';
    enum mr_status status;
    if (strcmp(part, "files") == 0)
        status = parse_count(value, 1, FILES_MAX, &plan->files, err);
    else if (strcmp(part, "seed") == 0)
        status = parse_count(value, 1, UINT32_MAX, &plan->seed, err);
    else if (strcmp(part, "size") == 0)
        status = parse_sizes(plan, value, err);
    else if (strcmp(part, "kind") == 0)
        status = parse_kind(plan, value, err);
    else
        return mr_error_set(err, MR_E_USAGE, 0, "no part '%s'; there are files, size, kind, seed",
                            path_show(shown, sizeof(shown), part));
    if (status != MR_OK)
        mr_error_prefix(err, "%s", part);
    return status;
}

static enum mr_status parse_spec(struct plan *plan, const char *spec, struct mr_error *err)
{
    char *copy = strdup(spec), *rest = copy, *part;
    if (!copy)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    enum mr_status status = MR_OK;
    while (status == MR_OK && (part = strsep(&rest, ",")) != NULL)
        if (*part)
            status = parse_part(plan, part, err);
    free(copy);
    return status;
}

static enum mr_status add_file(struct sample *sample, const struct plan *plan, struct maker *maker,
                               uint64_t index, struct mr_error *err)
{
    double low = log((double)plan->min_bytes + 1), high = log((double)plan->max_bytes + 1);
    size_t bytes = (size_t)(exp(low + (high - low) * next_fraction(maker)) - 0.5);
    bytes = bytes < plan->min_bytes ? (size_t)plan->min_bytes : bytes;
    bytes = bytes > plan->max_bytes ? (size_t)plan->max_bytes : bytes;
    enum kind kind = plan->kind == KIND_MIXED ? (enum kind)(index % KIND_MIXED) : plan->kind;
    unsigned char *data = bytes ? malloc(bytes) : NULL;
    if (bytes && !data)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    fill(maker, kind, data, bytes);
    char path[64];
    snprintf(path, sizeof(path), "%03u/%07u.%s", (unsigned)(index / 1000), (unsigned)index,
             kinds[kind]);
    enum mr_status status = sample_add(sample, path, data, bytes, err);
    if (status != MR_OK)
        free(data);
    return status;
}

enum mr_status sample_generate(struct sample *sample, const char *spec, struct mr_error *err)
{
    struct plan plan = {.files = 1000, .min_bytes = 4096, .max_bytes = 65536, .seed = 1};
    enum mr_status status = parse_spec(&plan, spec, err);
    struct maker *maker = status == MR_OK ? malloc(sizeof(*maker)) : NULL;
    if (status == MR_OK && !maker)
        status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (maker) {
        maker->state = plan.seed * UINT64_C(0x9e3779b97f4a7c15);
        make_words(maker);
    }
    for (uint64_t i = 0; status == MR_OK && i < plan.files; i++)
        status = add_file(sample, &plan, maker, i, err);
    free(maker);
    return status;
}
