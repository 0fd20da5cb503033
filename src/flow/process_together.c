/*
 * process_together.c - small items that a worker process is handed several at once, so that it is
 * not woken for each: the PROCESS step's part of what struct line_together is for.
 *
 * Each of them is then worked on as if it were alone, one after the other, by one state. All that
 * is different is that the operation was told of them before (chain_ahead()). One that is not
 * through in its run, as a worker process made more of it than it can become, keeps the state.
 */
#include "base/clock.h"
#include "flow/amounts.h"
#include "operation/internals.h"

_Static_assert(LINE_TOGETHER_MAX <= OPERATION_AHEAD_MAX, "all of them can be handed over");

/* Items that take longer than this all together are not worth it: others wait for them that
 * another thread could do. */
#define TOGETHER_NS INT64_C(4000000)

bool process_is_brief(const struct item *item, size_t in_bytes)
{
    if (!item->way || item->encode)
        return false;
    /* What there is no room for would have to stay in a worker process, for which it has no seat.
     */
    return chain_bound(item->way->chain, &item->entry, in_bytes) <= CHUNK_ROOM_BYTES &&
           chain_goes_ahead(item->way->chain, in_bytes);
}

/* Is this run, which was claimed, for the whole of such an item? */
static bool is_brief_now(const struct item *item)
{
    const struct process *process = &item->process;
    const struct chunk *in = process->in;
    return item->is_brief && process->doing == ITEM_WORKS && in && !process->state &&
           !process->out && in->is_last && in->at_bytes == 0 &&
           in->used_bytes == item->load.bytes && !item->load.is_by_file &&
           process_is_brief(item, in->used_bytes);
}

static void learn(struct job *job, int64_t item_ns)
{
    int64_t known_ns = atomic_load_explicit(&job->brief_ns, memory_order_relaxed);
    int64_t mean_ns = known_ns > 0 ? (3 * known_ns + item_ns) / 4 : item_ns;
    atomic_store_explicit(&job->brief_ns, mean_ns > 0 ? mean_ns : 1, memory_order_relaxed);
}

int64_t process_brief_begin(const struct item *item)
{
    return is_brief_now(item) ? clock_now_ns() : 0;
}

void process_brief_end(struct item *item, int64_t begin_ns)
{
    if (begin_ns != 0)
        learn(item->job, clock_now_ns() - begin_ns);
}

static unsigned others(const struct line_run *run)
{
    const struct item *item = item_of(run->item);
    if (!is_brief_now(item))
        return 0;
    int64_t item_ns = atomic_load_explicit(&item->job->brief_ns, memory_order_relaxed);
    if (item_ns == 0)
        return 0;
    int64_t count = TOGETHER_NS / item_ns;
    if (count > LINE_TOGETHER_MAX)
        count = LINE_TOGETHER_MAX;
    return count > 1 ? (unsigned)count - 1 : 0;
}

static bool goes_with(const struct line_run *run, const struct line_run *other)
{
    const struct item *item = item_of(run->item), *candidate = item_of(other->item);
    return candidate->way == item->way && is_brief_now(candidate);
}

/* The items, with room for their results. Returns how many. */
static unsigned prepare(struct line_run *const *runs, unsigned count, struct operation_ahead *items)
{
    for (unsigned i = 0; i < count; i++) {
        struct item *item = item_of(runs[i]->item);
        const struct chunk *in = item->process.in;
        item->process.out = process_take_room(item);
        item->process.limits = amounts_chain_limits(item);
        if (!item->process.out)
            return i;
        items[i] = (struct operation_ahead){.entry = &item->entry,
                                            .in = in->data,
                                            .in_bytes = in->used_bytes,
                                            .limits = &item->process.limits,
                                            .is_as_named = true,
                                            .room_bytes = item->process.out->cap_bytes};
    }
    return count;
}

static void run_together(struct line_run *const *runs, unsigned count)
{
    struct operation_ahead items[LINE_TOGETHER_MAX];
    struct item *first = item_of(runs[0]->item);
    const struct way *way = first->way;
    struct chain_state *state = NULL;
    int64_t begin_ns = clock_now_ns();
    if (way_take(way, &state, NULL) == MR_OK)
        chain_ahead(state, items, prepare(runs, count, items));
    for (unsigned i = 0; i < count; i++) {
        struct process *process = &item_of(runs[i]->item)->process;
        process->lent = state;
        process_run(runs[i]->item, runs[i]);
        process->lent = NULL;
        if (process->state)
            state = NULL; /* more came of it than was promised: the state is its own until it is
                             through, and the others take one each */
    }
    if (state) {
        chain_ahead(state, NULL, 0); /* one that could not begin is not there for another item */
        way_put(way, state);
    }
    learn(first->job, (clock_now_ns() - begin_ns) / count);
}

const struct line_together process_together = {
    .step = STEP_PROCESS, .others = others, .goes_with = goes_with, .run = run_together};
