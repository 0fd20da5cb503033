#include "observe/tally.h"

#include <stdlib.h>
#include <string.h>

enum mr_status tally_create(size_t kept_max, struct tally **tally, struct mr_error *err)
{
    struct tally *made = calloc(1, sizeof(*made));
    if (made) {
        made->kept_max = kept_max;
        made->dearest.items = calloc(kept_max, sizeof(struct tally_item));
        made->failed.items = calloc(kept_max, sizeof(struct tally_item));
    }
    if (!made || !made->dearest.items || !made->failed.items) {
        tally_destroy(made);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    *tally = made;
    return MR_OK;
}

static void free_items(struct tally_items *items)
{
    for (size_t i = 0; i < items->count; i++)
        free(items->items[i].texts);
    free(items->items);
}

void tally_destroy(struct tally *tally)
{
    if (!tally)
        return;
    free_items(&tally->dearest);
    free_items(&tally->failed);
    for (size_t i = 0; i < tally->reason_count; i++) {
        free(tally->reasons[i].text);
        free(tally->reasons[i].example);
    }
    free(tally);
}

/* ---- items that are kept ---- */

static bool keep(struct tally_item *item, const struct record *record)
{
    item->record = *record;
    item->record.wrote = NULL; /* too much for so many */
    const char **const texts[] = {&item->record.kind,   &item->record.path,   &item->record.member,
                                  &item->record.output, &item->record.reason, &item->record.stage};
    size_t size_bytes = 0;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        size_bytes += strlen(*texts[i]) + 1;
    char *at = malloc(size_bytes);
    if (!at)
        return false;
    item->texts = at;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *from = *texts[i];
        *texts[i] = at;
        at = stpcpy(at, from) + 1;
    }
    return true;
}

static int64_t cost_at(const struct tally_items *heap, size_t index)
{
    return record_cost_ns(&heap->items[index].record);
}

static void swap(struct tally_items *heap, size_t a, size_t b)
{
    struct tally_item item = heap->items[a];
    heap->items[a] = heap->items[b];
    heap->items[b] = item;
}

static void rise(struct tally_items *heap, size_t at)
{
    while (at > 0 && cost_at(heap, at) < cost_at(heap, (at - 1) / 2)) {
        swap(heap, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void sink(struct tally_items *heap, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < heap->count; child++)
            if (cost_at(heap, child) < cost_at(heap, least))
                least = child;
        if (least == at)
            return;
        swap(heap, at, least);
        at = least;
    }
}

static bool keep_if_dear(struct tally *tally, const struct record *record)
{
    struct tally_items *heap = &tally->dearest;
    struct tally_item item;
    if (heap->count == tally->kept_max && record_cost_ns(record) <= cost_at(heap, 0))
        return true;
    if (!keep(&item, record))
        return false;
    if (heap->count < tally->kept_max) {
        heap->items[heap->count++] = item;
        rise(heap, heap->count - 1);
        return true;
    }
    free(heap->items[0].texts);
    heap->items[0] = item;
    sink(heap, 0);
    return true;
}

static bool keep_failed(struct tally *tally, const struct record *record)
{
    struct tally_items *failed = &tally->failed;
    if (failed->count == tally->kept_max)
        return true;
    return keep(&failed->items[failed->count], record) && ++failed->count > 0;
}

/* ---- reasons ---- */

static bool count_reason(struct tally *tally, const struct record *record)
{
    for (size_t i = 0; i < tally->reason_count; i++) {
        if (strcmp(tally->reasons[i].text, record->reason) != 0)
            continue;
        tally->reasons[i].count++;
        return true;
    }
    if (tally->reason_count == TALLY_REASONS_MAX) {
        tally->other_reasons_count++;
        return true;
    }
    struct tally_reason *reason = &tally->reasons[tally->reason_count];
    reason->text = strdup(record->reason);
    reason->example = strdup(*record->member ? record->member : record->path);
    reason->count = 1;
    if (!reason->text || !reason->example) {
        free(reason->text);
        free(reason->example);
        return false;
    }
    tally->reason_count++;
    return true;
}

static void count_stage(struct tally *tally, const char *stage)
{
    for (unsigned s = 0; s < RECORD_STAGES; s++)
        tally->failed_in[s] += strcmp(stage, record_stage_name(s)) == 0;
    tally->failed_in[RECORD_STAGES] += strcmp(stage, RECORD_FOUND) == 0;
}

int64_t tally_time_limit(unsigned index)
{
    static const int64_t steps_ns[] = {1000, 2000, 5000};
    int64_t limit_ns = steps_ns[index % 3];
    for (unsigned i = 0; i < index / 3; i++)
        limit_ns *= 10;
    return limit_ns;
}

static unsigned time_of(int64_t ns)
{
    unsigned index = 0;
    while (index < TALLY_TIMES - 1 && ns >= tally_time_limit(index))
        index++;
    return index;
}

enum mr_status tally_item(struct tally *tally, const struct record *record, struct mr_error *err)
{
    unsigned time = time_of(record_cost_ns(record));
    tally->item_count++;
    tally->counts[record->status]++;
    tally->times[time]++;
    tally->in_bytes += record->in_bytes;
    tally->out_bytes += record->out_bytes;
    tally->lacking_count += record->lacks_out_bytes;
    for (unsigned s = 0; s < RECORD_STAGES; s++)
        tally->stage_ns[s] = record_sum_ns(tally->stage_ns[s], record->stage_ns[s]);
    bool is_kept = keep_if_dear(tally, record);
    if (is_kept && *record->reason)
        is_kept = count_reason(tally, record) && keep_failed(tally, record);
    if (record->status == RECORD_FAILED)
        count_stage(tally, record->stage);
    return is_kept ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static int by_cost(const void *a, const void *b)
{
    int64_t x = record_cost_ns(&((const struct tally_item *)a)->record),
            y = record_cost_ns(&((const struct tally_item *)b)->record);
    return (x < y) - (x > y);
}

static int by_count(const void *a, const void *b)
{
    uint64_t x = ((const struct tally_reason *)a)->count,
             y = ((const struct tally_reason *)b)->count;
    return (x < y) - (x > y);
}

void tally_sort(struct tally *tally)
{
    qsort(tally->dearest.items, tally->dearest.count, sizeof(struct tally_item), by_cost);
    qsort(tally->reasons, tally->reason_count, sizeof(struct tally_reason), by_count);
}
