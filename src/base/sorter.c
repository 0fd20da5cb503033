/*
 * All memory is one arena. While records come in it holds them from the front and their places from
 * the back; when both meet, they are written out as a run, in order. While runs are merged, it is
 * divided among them as the windows through which they are read.
 */
#include "base/sorter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

#define RUNS_MAX         32u /* more are merged into one before others are added */
#define MEMORY_MIN_BYTES ((size_t)512 << 10)
#define MEMORY_MAX_BYTES ((size_t)1 << 31) /* places are 32 bits wide */
#define OUT_BYTES        ((size_t)64 << 10)

/* How a record stands in the arena and in runs: this, the key, the value. */
struct head {
    uint16_t key_bytes, value_bytes;
};
_Static_assert(SORTER_RECORD_MAX_BYTES <= UINT16_MAX, "lengths fit a head");
_Static_assert(MEMORY_MIN_BYTES / RUNS_MAX >= SORTER_RECORD_MAX_BYTES + sizeof(struct head),
               "a record fits the window of a run");

struct run {
    int64_t at_bytes, end_bytes; /* what of the file has not been read yet */
    unsigned char *window;       /* a part of the arena */
    size_t begin, end;           /* of what is in the window */
};

struct sorter {
    unsigned char *arena; /* owned */
    size_t arena_bytes, used_bytes;
    uint32_t *places; /* the last place_count words of the arena, the newest first, or in order */
    size_t place_count, next_place;
    bool is_in_order; /* the records in the arena came so */

    int fd; /* -1: no runs yet */
    int64_t file_bytes;
    struct run runs[RUNS_MAX];
    unsigned run_count;
    unsigned heap[RUNS_MAX]; /* runs that have a record left, the smallest first */
    unsigned heap_count;
    bool is_first_taken; /* sorter_next() has given the record of heap[0] */

    unsigned char *out; /* OUT_BYTES on their way to the file; owned */
    size_t out_used_bytes;
};

static enum mr_status file_failed(int reason, struct mr_error *err)
{
    return mr_error_set(err, MR_E_SYSTEM, reason, "cannot use the temporary file for sorting");
}

/* ---- records ---- */

static struct head head_at(const unsigned char *at)
{
    struct head head;
    memcpy(&head, at, sizeof(head));
    return head;
}

static size_t length_at(const unsigned char *at)
{
    struct head head = head_at(at);
    return sizeof(head) + head.key_bytes + head.value_bytes;
}

static struct sorter_record record_at(const unsigned char *at)
{
    struct head head = head_at(at);
    const unsigned char *key = at + sizeof(head);
    return (struct sorter_record){.key = key,
                                  .value = key + head.key_bytes,
                                  .key_bytes = head.key_bytes,
                                  .value_bytes = head.value_bytes};
}

static int compare_records(const unsigned char *a, const unsigned char *b)
{
    size_t a_bytes = head_at(a).key_bytes, b_bytes = head_at(b).key_bytes;
    int order = memcmp(a + sizeof(struct head), b + sizeof(struct head),
                       a_bytes < b_bytes ? a_bytes : b_bytes);
    return order ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

static int compare_places(const void *a, const void *b, void *arena)
{
    const unsigned char *base = arena;
    return compare_records(base + *(const uint32_t *)a, base + *(const uint32_t *)b);
}

/* Brings the places of what is in the arena in order. What came in order only has to be turned
 * round. */
static void sort_arena(struct sorter *sorter)
{
    uint32_t *places = sorter->places;
    if (!sorter->is_in_order) {
        qsort_r(places, sorter->place_count, sizeof(*places), compare_places, sorter->arena);
        return;
    }
    for (size_t i = 0, k = sorter->place_count; i + 1 < k; i++) {
        uint32_t place = places[i];
        places[i] = places[--k];
        places[k] = place;
    }
}

static void empty_arena(struct sorter *sorter)
{
    sorter->used_bytes = 0;
    sorter->place_count = sorter->next_place = 0;
    sorter->places = (uint32_t *)(void *)(sorter->arena + sorter->arena_bytes);
    sorter->is_in_order = true;
}

/* ---- writing runs ---- */

static enum mr_status flush(struct sorter *sorter, int fd, struct mr_error *err)
{
    if (io_pwrite(fd, sorter->out, sorter->out_used_bytes, sorter->file_bytes) != 0)
        return file_failed(errno, err);
    sorter->file_bytes += (int64_t)sorter->out_used_bytes;
    sorter->out_used_bytes = 0;
    return MR_OK;
}

static enum mr_status put_out(struct sorter *sorter, int fd, const unsigned char *record,
                              struct mr_error *err)
{
    size_t record_bytes = length_at(record);
    if (record_bytes > OUT_BYTES - sorter->out_used_bytes) {
        enum mr_status status = flush(sorter, fd, err);
        if (status != MR_OK)
            return status;
    }
    memcpy(sorter->out + sorter->out_used_bytes, record, record_bytes);
    sorter->out_used_bytes += record_bytes;
    return MR_OK;
}

/* ---- reading runs ---- */

/* Makes the whole next record visible in the window, if there is one. */
static enum mr_status fill_window(struct sorter *sorter, struct run *run, size_t window_bytes,
                                  struct mr_error *err)
{
    size_t left = run->end - run->begin, got_bytes;
    if (left >= sizeof(struct head) && left >= length_at(run->window + run->begin))
        return MR_OK;
    memmove(run->window, run->window + run->begin, left);
    run->begin = 0;
    run->end = left;
    size_t wanted_bytes = window_bytes - left;
    if ((int64_t)wanted_bytes > run->end_bytes - run->at_bytes)
        wanted_bytes = (size_t)(run->end_bytes - run->at_bytes);
    if (io_pread(sorter->fd, run->window + left, wanted_bytes, run->at_bytes, &got_bytes) != 0)
        return file_failed(errno, err);
    if (got_bytes != wanted_bytes)
        return file_failed(EIO, err);
    run->at_bytes += (int64_t)got_bytes;
    run->end += got_bytes;
    return MR_OK;
}

static const unsigned char *first_of(const struct sorter *sorter, unsigned heap_index)
{
    const struct run *run = &sorter->runs[sorter->heap[heap_index]];
    return run->window + run->begin;
}

static void sift_down(struct sorter *sorter, unsigned at)
{
    for (;;) {
        unsigned least = at;
        for (unsigned child = 2 * at + 1; child <= 2 * at + 2 && child < sorter->heap_count;
             child++)
            if (compare_records(first_of(sorter, child), first_of(sorter, least)) < 0)
                least = child;
        if (least == at)
            return;
        unsigned index = sorter->heap[at];
        sorter->heap[at] = sorter->heap[least];
        sorter->heap[least] = index;
        at = least;
    }
}

static size_t window_bytes_of(const struct sorter *sorter)
{
    return sorter->arena_bytes / sorter->run_count;
}

/* The arena is empty. */
static enum mr_status start_merge(struct sorter *sorter, struct mr_error *err)
{
    size_t window_bytes = window_bytes_of(sorter);
    sorter->heap_count = 0;
    sorter->is_first_taken = false;
    for (unsigned i = 0; i < sorter->run_count; i++) {
        sorter->runs[i].window = sorter->arena + i * window_bytes;
        sorter->runs[i].begin = sorter->runs[i].end = 0;
        enum mr_status status = fill_window(sorter, &sorter->runs[i], window_bytes, err);
        if (status != MR_OK)
            return status;
        sorter->heap[sorter->heap_count++] = i;
    }
    for (unsigned i = sorter->heap_count / 2; i-- > 0;)
        sift_down(sorter, i);
    return MR_OK;
}

/* *record: the smallest of all runs, valid until the next call; NULL at the end. */
static enum mr_status merge_next(struct sorter *sorter, const unsigned char **record,
                                 struct mr_error *err)
{
    *record = NULL;
    if (sorter->is_first_taken) {
        struct run *run = &sorter->runs[sorter->heap[0]];
        run->begin += length_at(run->window + run->begin);
        enum mr_status status = fill_window(sorter, run, window_bytes_of(sorter), err);
        if (status != MR_OK)
            return status;
        if (run->begin == run->end)
            sorter->heap[0] = sorter->heap[--sorter->heap_count];
        sift_down(sorter, 0);
    }
    sorter->is_first_taken = sorter->heap_count > 0;
    if (sorter->is_first_taken)
        *record = first_of(sorter, 0);
    return MR_OK;
}

/* All runs become one, in a file of its own. The arena is empty. */
static enum mr_status join_runs(struct sorter *sorter, struct mr_error *err)
{
    const unsigned char *record = NULL;
    int fd = io_temp_file(err);
    if (fd < 0)
        return MR_E_SYSTEM;
    sorter->file_bytes = 0;
    enum mr_status status = start_merge(sorter, err);
    while (status == MR_OK && (status = merge_next(sorter, &record, err)) == MR_OK && record)
        status = put_out(sorter, fd, record, err);
    if (status == MR_OK)
        status = flush(sorter, fd, err);
    close(status == MR_OK ? sorter->fd : fd);
    if (status != MR_OK)
        return status;
    sorter->fd = fd;
    sorter->runs[0] = (struct run){.end_bytes = sorter->file_bytes};
    sorter->run_count = 1;
    return MR_OK;
}

/* What is in the arena becomes a run. */
static enum mr_status write_run(struct sorter *sorter, struct mr_error *err)
{
    if (sorter->fd < 0 && (sorter->fd = io_temp_file(err)) < 0)
        return MR_E_SYSTEM;
    struct run *run = &sorter->runs[sorter->run_count];
    *run = (struct run){.at_bytes = sorter->file_bytes};
    sort_arena(sorter);
    enum mr_status status = MR_OK;
    for (size_t i = 0; status == MR_OK && i < sorter->place_count; i++)
        status = put_out(sorter, sorter->fd, sorter->arena + sorter->places[i], err);
    if (status == MR_OK)
        status = flush(sorter, sorter->fd, err);
    if (status != MR_OK)
        return status;
    run->end_bytes = sorter->file_bytes;
    sorter->run_count++;
    empty_arena(sorter);
    return sorter->run_count == RUNS_MAX ? join_runs(sorter, err) : MR_OK;
}

/* ---- the interface ---- */

enum mr_status sorter_create(size_t memory_bytes, struct sorter **sorter, struct mr_error *err)
{
    if (memory_bytes < MEMORY_MIN_BYTES)
        memory_bytes = MEMORY_MIN_BYTES;
    if (memory_bytes > MEMORY_MAX_BYTES)
        memory_bytes = MEMORY_MAX_BYTES;
    *sorter = calloc(1, sizeof(**sorter));
    struct sorter *made = *sorter;
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->fd = -1;
    made->arena_bytes = memory_bytes / sizeof(uint32_t) * sizeof(uint32_t);
    made->arena = malloc(made->arena_bytes);
    made->out = malloc(OUT_BYTES);
    if (!made->arena || !made->out) {
        sorter_destroy(made);
        *sorter = NULL;
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    empty_arena(made);
    return MR_OK;
}

void sorter_destroy(struct sorter *sorter)
{
    if (!sorter)
        return;
    if (sorter->fd >= 0)
        close(sorter->fd);
    free(sorter->arena);
    free(sorter->out);
    free(sorter);
}

enum mr_status sorter_add(struct sorter *sorter, const struct sorter_record *record,
                          struct mr_error *err)
{
    if (record->key_bytes > SORTER_RECORD_MAX_BYTES ||
        record->value_bytes > SORTER_RECORD_MAX_BYTES - record->key_bytes)
        return mr_error_set(err, MR_E_LIMIT, 0, "a record is too long to be sorted");
    struct head head = {(uint16_t)record->key_bytes, (uint16_t)record->value_bytes};
    size_t record_bytes = sizeof(head) + record->key_bytes + record->value_bytes;
    size_t free_bytes =
        sorter->arena_bytes - sorter->used_bytes - sorter->place_count * sizeof(uint32_t);
    if (record_bytes + sizeof(uint32_t) > free_bytes) {
        enum mr_status status = write_run(sorter, err);
        if (status != MR_OK)
            return status;
    }
    unsigned char *at = sorter->arena + sorter->used_bytes;
    memcpy(at, &head, sizeof(head));
    memcpy(at + sizeof(head), record->key, record->key_bytes);
    if (record->value_bytes > 0)
        memcpy(at + sizeof(head) + record->key_bytes, record->value, record->value_bytes);
    if (sorter->place_count > 0 && sorter->is_in_order)
        sorter->is_in_order = compare_records(sorter->arena + sorter->places[0], at) <= 0;
    *--sorter->places = (uint32_t)sorter->used_bytes;
    sorter->place_count++;
    sorter->used_bytes += record_bytes;
    return MR_OK;
}

enum mr_status sorter_sort(struct sorter *sorter, struct mr_error *err)
{
    if (sorter->run_count == 0) {
        sort_arena(sorter);
        return MR_OK;
    }
    enum mr_status status = sorter->place_count > 0 ? write_run(sorter, err) : MR_OK;
    return status == MR_OK ? start_merge(sorter, err) : status;
}

enum mr_status sorter_next(struct sorter *sorter, struct sorter_record *record,
                           struct mr_error *err)
{
    const unsigned char *at = NULL;
    enum mr_status status = MR_OK;
    if (sorter->run_count > 0)
        status = merge_next(sorter, &at, err);
    else if (sorter->next_place < sorter->place_count)
        at = sorter->arena + sorter->places[sorter->next_place++];
    if (at)
        *record = record_at(at);
    return status == MR_OK && !at ? MR_DONE : status;
}
