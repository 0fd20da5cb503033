/*
 * again.c - what becomes of an item that was stopped, once all of its steps have let go of it: it
 * starts again as it was
 * (--retries), or with its input copied (--on-error copy), or this is its end.
 *
 * What it starts again from is read from its source once more; a source that cannot give it twice
 * had it kept: a small one as its only chunk, a large one in a temporary file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "flow/item.h"

static bool has_let_go(const struct item *item)
{
    return item->is_loaded && item->is_processed && item->is_encoded && item->is_stored;
}

/* Errors of the system that are the same the next time. */
static bool is_lasting(int sys_errno)
{
    switch (sys_errno) {
    case ENOENT:
    case EACCES:
    case EPERM:
    case ENOEXEC:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return true;
    default:
        return false;
    }
}

/* May it go better the next time? What is wrong with the content, or refused, stays so. */
static bool may_pass(const struct mr_error *error)
{
    switch (error->status) {
    case MR_E_CHILD:
    case MR_E_TIMEOUT:
    case MR_E_STEP:
    case MR_E_CHANGED:
    case MR_E_MEMORY:
    case MR_E_SYSTEM:
        return !is_lasting(error->sys_errno);
    default:
        return false;
    }
}

/* Is its input there for another time, and nothing of it where it cannot be taken back? */
static bool can_start_again(const struct item *item)
{
    const struct mr_sink *sink = item->job->config.sink;
    bool is_reopenable = item->input->source->flags & MR_SOURCE_REOPENABLE;
    bool is_kept = item->keeps_input && !item->has_lost_input && item->stopped_by != JOB_LOAD;
    bool is_written = (sink->flags & MR_SINK_FINAL) && item->store.bytes > 0;
    return item->stop == ITEM_FAILED && item->stopped_by != JOB_STORE && !item->is_copy &&
           (is_reopenable || is_kept) && !is_written;
}

static bool wants_retry(const struct item *item)
{
    const struct job *job = item->job;
    return item->retry_count < job->config.policy.retry_count && !atomic_load(&job->is_closing) &&
           may_pass(&item->error) && can_start_again(item);
}

/* What broke off may be whole the next time: but never is a file that could not be brought to the
 * disk tried to be brought there again. */
static bool can_redo(const struct item *item)
{
    const struct mr_sink *sink = item->job->config.sink;
    bool is_written = (sink->flags & MR_SINK_FINAL) && item->store.bytes > 0;
    return item->entry.kind == MR_KIND_FILE && !item->is_redone && !item->is_copy && !is_written &&
           (item->input->source->flags & MR_SOURCE_REOPENABLE) &&
           !atomic_load(&item->job->is_closing);
}

bool item_redoes_store(const struct item *item, const struct mr_error *problem)
{
    return problem->status == MR_E_SYSTEM && problem->sys_errno == EIO && can_redo(item);
}

/* Whatever the policy is, once: because its source changed while it was read, or its output was
 * lost. */
static bool wants_redo(const struct item *item)
{
    bool has_changed = item->stopped_by == JOB_LOAD && item->error.status == MR_E_CHANGED;
    bool is_lost = item->stopped_by == JOB_STORE && item_redoes_store(item, &item->error);
    return item->stop == ITEM_FAILED && (has_changed || is_lost) && can_redo(item);
}

static bool wants_copy(const struct item *item)
{
    return item->copy_path && item->stopped_by == JOB_PROCESS && can_start_again(item);
}

bool item_wants_input_again(const struct item *item)
{
    return !item->is_again && (wants_retry(item) || wants_copy(item));
}

/* Can an item that comes later be a hard link to this one, in an output that cannot tell by itself
 * whether it is there? */
static bool may_be_linked(const struct item *item)
{
    const struct job *job = item->job;
    bool is_member = item->input->source->flags & MR_SOURCE_CONTAINER;
    return item->entry.kind == MR_KIND_FILE && (job->config.sink->flags & MR_SINK_SERIAL) &&
           !(job->config.sink->flags & MR_SINK_NO_HARD_LINKS) &&
           (is_member || item->entry.link_count > 1);
}

/* What was kept is the input that is loaded already. */
static void take_kept(struct item *item)
{
    struct box *target = item_load_target(item);
    item->load.bytes = item->kept->used_bytes;
    item->kept->is_last = true;
    item->kept->at_bytes = 0;
    box_enter(target);
    chunk_list_push(&target->chunks, item->kept);
    item->kept = NULL;
    item->is_loaded = true;
    item_pass_over(item);
}

/* As if it had just come in. False when out of memory: then it has failed, as it was. */
static bool start_again(struct item *item, const struct route *route)
{
    item->in.hands_count = item->mid.hands_count = item->out.hands_count = 0;
    encode_destroy(item->encode);
    item->encode = NULL;
    if (item_set_route(item, route, item->is_small) != MR_OK)
        return false;
    item->stop = ITEM_GOES_ON;
    item->is_again = true;
    item->is_loaded = item->is_processed = item->is_encoded = item->is_stored = false;
    item->load.bytes = 0;
    item->load.is_by_file = false;
    item->load.has_carry = false;
    item->process.is_done = false;
    free(item->process.remark);
    item->process.remark = NULL;
    free(item->process.note);
    item->process.note = NULL;
    item->store.bytes = 0;
    item->store.crc = 0;
    item->store.is_committed = false;
    atomic_store_explicit(&item->spent_ns, 0, memory_order_relaxed);
    if (item->kept)
        take_kept(item);
    return true;
}

static bool redo(struct item *item)
{
    item->is_redone = true;
    /* It may have its name already: what could not be brought to the disk was its directory. */
    item->output.replaces_earlier = item->output.replaces_earlier || item->stopped_by == JOB_STORE;
    return start_again(item, item->route);
}

static bool retry(struct item *item)
{
    item->retry_count++;
    free(item->process.details);
    item->process.details = NULL;
    return start_again(item, item->route);
}

/* A sink that wants sizes first, or keeps content encoded, gets a copy when all of it is there. */
static bool needs_whole_copy(const struct item *item)
{
    const struct mr_sink *sink = item->job->config.sink;
    return (sink->flags & MR_SINK_NEEDS_SIZE) != 0 || sink->encoding;
}

static bool copy(struct item *item)
{
    /* Its hard links were told the other name. */
    if (may_be_linked(item) && strcmp(item->output.path, item->copy_path) != 0)
        lost_add(&item->job->lost, item->output.path);
    free(item->output.path);
    item->output.path = item->copy_path;
    item->entry.output_path = item->output.path;
    item->copy_path = NULL;
    item->is_copy = start_again(item, item->copy_route);
    if (item->is_copy)
        item->needs_whole = needs_whole_copy(item);
    return item->is_copy;
}

/* Copies what is not tried again, or lets it end. */
static void give_up(struct item *item)
{
    if (wants_copy(item) && copy(item))
        return;
    /* Before the turn goes on to a link that may point here. */
    if (may_be_linked(item))
        lost_add(&item->job->lost, item->output.path);
}

void item_settled(struct item *item)
{
    timing_learn(item);
    if (item->stop == ITEM_GOES_ON || item->is_waiting || !has_let_go(item))
        return;
    if (wants_redo(item) && redo(item))
        return;
    int64_t delay_ns = item->job->config.policy.retry_delay_ns, now_ns = clock_now_ns();
    if (wants_retry(item) && delay_ns > 0) {
        item->is_waiting = true;
        line_sleep(&item->line, delay_ns < INT64_MAX - now_ns ? now_ns + delay_ns : INT64_MAX);
        return;
    }
    if (!wants_retry(item) || !retry(item))
        give_up(item);
}

void item_woken(struct line_item *line_item)
{
    struct item *item = item_of(line_item);
    item->is_waiting = false;
    if (!wants_retry(item) || !retry(item))
        give_up(item);
}
