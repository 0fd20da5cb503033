#include "observe/coverage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nameset.h"
#include "base/path.h"
#include "policy/shard.h"

#define NAMES_MEMORY_BYTES ((size_t)64 << 20)
#define KEY_BYTES          (PATH_TOTAL_MAX_BYTES + 64)

struct coverage {
    struct nameset *names;  /* "n" of any report, and "r" of each, by its number */
    uint64_t report_number; /* of the report that is read */
    uint64_t shard_count;   /* of the first report that is of a shard */
    unsigned char *seen;    /* for each shard 0, 1 or 2 reports or more; owned */
    uint64_t strange_count, overlap_count;
    char *overlap; /* owned; NULL: none */
};

enum mr_status coverage_create(struct coverage **coverage, struct mr_error *err)
{
    struct coverage *made = calloc(1, sizeof(*made));
    enum mr_status status = made ? nameset_create(NAMES_MEMORY_BYTES, &made->names, err)
                                 : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (status == MR_OK)
        *coverage = made;
    else
        coverage_destroy(made);
    return status;
}

void coverage_destroy(struct coverage *coverage)
{
    if (!coverage)
        return;
    nameset_destroy(coverage->names);
    free(coverage->seen);
    free(coverage->overlap);
    free(coverage);
}

/* ---- names ---- */

/* A report may have a name twice, as when one item took the place of another. */
static enum mr_status add_name(struct coverage *coverage, const char *name, bool *is_overlap,
                               struct mr_error *err)
{
    char key[KEY_BYTES];
    bool was_here = false, was_anywhere = false;
    snprintf(key, sizeof(key), "r%" PRIu64 "/%s", coverage->report_number, name);
    enum mr_status status = nameset_add(coverage->names, key, &was_here, err);
    snprintf(key, sizeof(key), "n/%s", name);
    if (status == MR_OK && !was_here)
        status = nameset_add(coverage->names, key, &was_anywhere, err);
    *is_overlap = was_anywhere;
    return status;
}

enum mr_status coverage_item(struct coverage *coverage, const struct record *record,
                             struct mr_error *err)
{
    bool is_overlap = false;
    bool is_there = record->status == RECORD_STORED || record->status == RECORD_COPIED ||
                    record->status == RECORD_SKIPPED;
    if (!is_there || !*record->output)
        return MR_OK;
    enum mr_status status = add_name(coverage, record->output, &is_overlap, err);
    if (status != MR_OK || !is_overlap)
        return status;
    if (coverage->overlap_count++ == 0 && !(coverage->overlap = strdup(record->output)))
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    return MR_OK;
}

/* ---- shards ---- */

enum mr_status coverage_report(struct coverage *coverage, const struct record_run *run,
                               struct mr_error *err)
{
    coverage->report_number++;
    if (!run)
        return MR_OK;
    bool is_shard = run->shard_index >= 1 && run->shard_index <= run->shard_count &&
                    run->shard_count <= SHARD_COUNT_MAX;
    if (is_shard && coverage->shard_count == 0) {
        coverage->seen = calloc(run->shard_count, 1);
        if (!coverage->seen)
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        coverage->shard_count = run->shard_count;
    }
    if (!is_shard || run->shard_count != coverage->shard_count)
        coverage->strange_count++;
    else if (coverage->seen[run->shard_index - 1] < 2)
        coverage->seen[run->shard_index - 1]++;
    return MR_OK;
}

void coverage_look(const struct coverage *coverage, struct coverage_found *found)
{
    *found = (struct coverage_found){
        .shard_count = coverage->shard_count,
        .strange_count = coverage->strange_count,
        .overlap_count = coverage->overlap_count,
        .overlap = coverage->overlap ? coverage->overlap : "",
    };
    for (uint64_t i = 0; i < coverage->shard_count; i++) {
        found->missing_count += coverage->seen[i] == 0;
        found->doubled_count += coverage->seen[i] == 2;
    }
}

/* The shards from first to last, both counted from 1. False: no room. */
static bool put_range(char *text, size_t cap_bytes, size_t *used, uint64_t first, uint64_t last)
{
    const char *separator = *used > 0 ? ", " : "";
    size_t room = cap_bytes - *used;
    int length = first == last ? snprintf(text + *used, room, "%s%" PRIu64, separator, first)
                               : snprintf(text + *used, room, "%s%" PRIu64 "-%" PRIu64, separator,
                                          first, last);
    if (length >= 0 && (size_t)length + sizeof(", ...") <= room) {
        *used += (size_t)length;
        return true;
    }
    snprintf(text + *used, room, "%s...", separator);
    return false;
}

char *coverage_list(const struct coverage *coverage, bool wants_doubled, char *text,
                    size_t cap_bytes)
{
    size_t used = 0;
    unsigned char wanted = wants_doubled ? 2 : 0;
    text[0] = '\0';
    for (uint64_t i = 0; i < coverage->shard_count; i++) {
        uint64_t first = i;
        if (coverage->seen[i] != wanted)
            continue;
        while (i + 1 < coverage->shard_count && coverage->seen[i + 1] == wanted)
            i++;
        if (!put_range(text, cap_bytes, &used, first + 1, i + 1))
            break;
    }
    return text;
}
