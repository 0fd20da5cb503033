/* feed.c - where items are made: the next entry of the inputs, its name in the output, its cost.
 * One thread at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/path.h"
#include "flow/amounts.h"
#include "flow/ledger.h"

/* Memory of an item besides chunks and operation states: itself, its names, its place in lists. */
#define ITEM_COST_BYTES ((size_t)4096)

/* What stands before "!/" in the patterns of the selection; NULL when the input is no archive. */
static const char *label_of(const struct input *input)
{
    return input->source->flags & MR_SOURCE_CONTAINER ? input->source->label : NULL;
}

static void tell_failed(struct job *job, const struct input *input, const struct mr_entry *entry,
                        const char *output, const struct mr_error *error)
{
    char shown[PATH_SHOW_BYTES * 2];
    struct input_place source = {0};
    if (input && entry->path)
        input_place(input, entry->path, &source);
    const struct job_item told = {
        .shown = input && entry->path ? input_show(input, entry->path, shown, sizeof(shown)) : "",
        .output = output,
        .entry = input && entry->path ? entry : NULL,
        .outcome = JOB_FAILED,
        .error = error,
        .source = source,
        .failed_in = -1,
    };
    ledger_failed(job, input, told.entry, error);
    job_tell(job, &told);
}

/* ---- metadata ---- */

static bool is_later(const struct mr_entry *entry, const struct timespec *than)
{
    return entry->mtime_s != than->tv_sec ? entry->mtime_s > than->tv_sec
                                          : (long)entry->mtime_ns > than->tv_nsec;
}

static void settle_metadata(const struct job *job, const struct input *input,
                            struct mr_entry *output)
{
    const struct job_config *config = &job->config;
    if (input->source->flags & MR_SOURCE_CONTAINER)
        output->mode &= ~(uint32_t)config->member_umask;
    if (!(config->preserve & PRESERVE_MODE))
        output->has_mode = false;
    if (!(config->preserve & PRESERVE_MTIME))
        output->has_mtime = false;
    if (!(config->preserve & PRESERVE_OWNER) || config->is_reproducible)
        output->has_owner = false;
    if (!(config->preserve & PRESERVE_XATTR))
        output->xattr_count = 0;
    if (config->is_reproducible && output->has_mode) {
        bool is_executable = output->kind == MR_KIND_DIRECTORY || (output->mode & 0111) != 0;
        output->mode = output->kind == MR_KIND_SYMLINK ? 0777 : is_executable ? 0755 : 0644;
    }
    if (!output->has_owner) {
        output->uname = output->gname = NULL;
        output->uid = output->gid = 0;
    }
    bool sets = config->has_mtime &&
                (!config->clamps_mtime || (output->has_mtime && is_later(output, &config->mtime)));
    if (sets) {
        output->has_mtime = true;
        output->mtime_s = config->mtime.tv_sec;
        output->mtime_ns = (uint32_t)config->mtime.tv_nsec;
    }
}

void item_update_output(struct item *item)
{
    const struct mr_entry *entry = &item->entry;
    item->output.mode = entry->mode;
    item->output.has_mode = entry->has_mode;
    item->output.mtime_s = entry->mtime_s;
    item->output.mtime_ns = entry->mtime_ns;
    item->output.has_mtime = entry->has_mtime;
    settle_metadata(item->job, item->input, &item->output);
}

/* ---- size and cost ---- */

static size_t in_room(int64_t size_bytes)
{
    if (size_bytes >= 0 && size_bytes < (int64_t)CHUNK_CONTENT_BYTES)
        return (size_t)size_bytes + 1;
    return CHUNK_ROOM_BYTES;
}

/* The bytes that will be read, or MR_SIZE_UNKNOWN. */
static int64_t stored_size(const struct mr_entry *entry)
{
    return entry->has_encoding ? entry->encoding.stored_bytes : entry->size_bytes;
}

static bool fits_chunk(int64_t size_bytes)
{
    return size_bytes >= 0 && size_bytes <= (int64_t)CHUNK_CONTENT_BYTES;
}

/* Memory of the chunks and states that the item may have at once. */
static size_t content_cost(const struct item *item)
{
    const struct route *route = item->route;
    size_t full_bytes = chunk_cost_bytes(CHUNK_ROOM_BYTES), cost_bytes = 0;
    if (item->way || !item->encode)
        cost_bytes += item->is_small ? chunk_cost_bytes(item->in_room_bytes)
                                     : item->in.window_count * full_bytes;
    if (item->encode)
        cost_bytes += encode_cost_bytes(route, item->mid.window_count - 1);
    if (!item->way)
        return cost_bytes;
    /* One block needs no buffers for gathering blocks. */
    bool is_one_block = item->is_small && route->codec && chain_count(item->way->chain) == 1 &&
                        !item->job->config.is_isolated;
    size_t state_bytes = item->way->state_bytes;
    if (is_one_block)
        state_bytes = route->block_state_bytes;
    else if (item->is_brief)
        state_bytes /= LINE_TOGETHER_MAX; /* it has none for itself */
    cost_bytes += state_bytes;
    if (item->encode)
        return cost_bytes;
    size_t bound_bytes = item->is_small ? chain_bound(item->way->chain, &item->entry,
                                                      (size_t)stored_size(&item->entry))
                                        : SIZE_MAX;
    return cost_bytes + (bound_bytes <= CHUNK_ROOM_BYTES ? chunk_cost_bytes(bound_bytes)
                                                         : item->out.window_count * full_bytes);
}

/* What fails in operations of the run is tried again. */
static bool may_retry(const struct item *item)
{
    return item->is_operated && item->job->config.policy.retry_count > 0;
}

/* May the sink have what comes out before all of it is there? */
static bool needs_whole(const struct item *item)
{
    const struct mr_sink *sink = item->job->config.sink;
    bool is_member = item->input->source->flags & MR_SOURCE_CONTAINER;
    /* It cannot take back what it has of an item that starts again; nor must others that wait for
     * that item's turn keep it from being worked on. */
    bool has_turns = item->job->order != LINE_FREE;
    if (may_retry(item) && ((sink->flags & MR_SINK_FINAL) || has_turns))
        return true;
    if (sink->encoding) /* large deflated files can say at their end what they are */
        return !(item->encode && item->is_size_known && !is_member &&
                 item->route->method == MR_METHOD_DEFLATE);
    return (sink->flags & MR_SINK_NEEDS_SIZE) && (!item->is_size_known || is_member);
}

/* Must the sink keep the item plain under that name? */
static bool keeps_plain(const struct item *item, char *path)
{
    struct mr_sink *sink = item->job->config.sink;
    struct mr_entry named = item->output;
    named.path = path;
    return sink->ops->keeps_plain && sink->ops->keeps_plain(sink, &named);
}

static enum mr_status find_routes(struct item *item, struct mr_error *err)
{
    struct routes *routes = item->job->routes;
    const struct mr_encoding *stored = item->entry.has_encoding ? &item->entry.encoding : NULL;
    const struct route *route = NULL;
    enum mr_status status = routes_find(routes, stored, item->is_operated,
                                        keeps_plain(item, item->output.path), &route, err);
    if (status == MR_OK && item->copy_path)
        status = routes_find(routes, stored, false, keeps_plain(item, item->copy_path),
                             &item->copy_route, err);
    if (status != MR_OK)
        return status;
    item->is_small = fits_chunk(stored_size(&item->entry)) && fits_chunk(item->entry.size_bytes);
    if (item_set_route(item, route, item->is_small) != MR_OK)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    item->is_size_known = item->entry.size_bytes >= 0 && (!route || route->is_identity);
    return MR_OK;
}

static enum mr_status settle_content(struct item *item, struct mr_error *err)
{
    item->line.cost_bytes = ITEM_COST_BYTES;
    item->output.has_encoding = false;
    if (!item_is_content(item)) {
        item->is_loaded = item->is_processed = item->is_encoded = true;
        return MR_OK;
    }
    item->in_room_bytes = in_room(stored_size(&item->entry));
    enum mr_status status = find_routes(item, err);
    if (status != MR_OK)
        return status;
    item->needs_whole = needs_whole(item);
    item->is_brief = item->is_small && process_is_brief(item, (size_t)stored_size(&item->entry));
    item->line.cost_bytes += content_cost(item);
    return MR_OK;
}

/* ---- items ---- */

/* What is refused whatever its name. */
static enum mr_status check_kind(const struct mr_entry *entry, struct mr_error *err)
{
    if (entry->kind == MR_KIND_OTHER)
        return mr_error_set(
            err, MR_E_UNSUPPORTED, 0,
            "is a device, FIFO or socket, which are not copied (exclude it to leave it out)");
    if (entry->is_encrypted)
        return mr_error_set(err, MR_E_UNSUPPORTED, 0, "is encrypted; decrypt the archive first");
    return MR_OK;
}

/*
 * The item is another shard's: it has been named, so that all shards agree about names, numbers and
 * what is refused, and goes. status: what came of that.
 */
static enum mr_status leave_to_shard(struct job *job, struct item *item, enum mr_status status,
                                     struct mr_error *err)
{
    const struct mr_sink *sink = job->config.sink;
    if (status == MR_OK && item->is_operated && item_is_content(item))
        job->operated_count++;
    if (status == MR_OK && item->entry.kind == MR_KIND_DIRECTORY && sink->ops->shares) {
        settle_metadata(job, item->input, &item->output);
        status = sink->ops->shares(job->config.sink, &item->output, err);
    }
    if (status == MR_E_MEMORY || status == MR_E_SYSTEM)
        job_give_up(job, err);
    item_free(item);
    return MR_SKIPPED;
}

/* What next_item() knows of an entry. */
struct found {
    bool is_selected;
    bool is_mine; /* it falls to this shard, where there are several */
};

/* Makes an item of *entry (whose content moves into it) and input (likewise). MR_SKIPPED: it is
 * left out without a word. */
static enum mr_status make_item(struct job *job, struct mr_entry *entry, struct input *input,
                                const struct found *found, struct item **item, struct mr_error *err)
{
    struct item *made = item_make(job);
    if (!made) {
        mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        tell_failed(job, input, entry, NULL, err);
        mr_entry_clear(entry);
        input_release(input);
        return MR_E_MEMORY;
    }
    made->input = input;
    made->entry = *entry;
    memset(entry, 0, sizeof(*entry));
    made->is_of_shard = found->is_mine;
    enum mr_status status = check_kind(&made->entry, err);
    if (status == MR_OK)
        status = feed_settle_names(job, made, found->is_selected, err);
    if (!found->is_mine)
        return leave_to_shard(job, made, status, err);
    if (status == MR_OK)
        status = amounts_declared(made, err);
    if (status == MR_OK)
        status = settle_content(made, err);
    uint64_t cost_bytes = made->line.cost_bytes;
    if (status == MR_OK && line_item_init(job->line, &made->line, made->runs) != MR_OK)
        status = mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    if (status != MR_OK) {
        if (status != MR_SKIPPED) {
            amounts_count_found(made); /* there is no more to do for it */
            amounts_count_through(made);
            tell_failed(job, made->input, &made->entry, made->output.path, err);
        }
        item_free(made);
        return status;
    }
    made->line.cost_bytes = cost_bytes;
    settle_metadata(job, made->input, &made->output);
    made->is_serial = (input->source->flags & MR_SOURCE_SERIAL) && !made->is_loaded;
    bool is_timed = job->config.journal || job->config.observer.wants_times;
    made->started_ns = is_timed ? clock_now_ns() : 0;
    made->keeps_input =
        (made->copy_path || may_retry(made)) && !(input->source->flags & MR_SOURCE_REOPENABLE);
    made->entry.output_path = made->output.path;
    made->wants_seat = made->way && made->way->is_outside && !made->is_brief;
    if (made->is_operated && item_is_content(made))
        made->entry.sequence = ++job->operated_count;
    *item = made;
    return MR_OK;
}

/* The item is at its end before it came into the line. */
static void tell_early(struct job *job, struct item *item, enum job_outcome outcome)
{
    char shown[PATH_SHOW_BYTES * 2];
    struct input_place source;
    input_place(item->input, item->entry.path, &source);
    const struct job_item told = {
        .shown = input_show(item->input, item->entry.path, shown, sizeof(shown)),
        .output = item->output.path,
        .entry = &item->entry,
        .outcome = outcome,
        .source = source,
    };
    amounts_count_through(item);
    job_tell(job, &told);
    line_item_fini(&item->line);
    item_free(item);
}

bool feed_pauses(void *ctx)
{
    struct job *job = ctx;
    return atomic_load(&job->is_loading_serial);
}

/* What is wrong with an input as a whole is every shard's business. */
static bool is_mine(struct job *job, const struct input *input, const struct mr_entry *entry)
{
    bool is_taken = true;
    struct mr_error error = {0};
    if (job->config.shard && input && entry->path &&
        shard_takes(job->config.shard, input->prefix, entry, &is_taken, &error) != MR_OK)
        job_give_up(job, &error);
    return is_taken;
}

/* It does not count. */
static enum mr_status pass_over(struct job *job, struct mr_entry *entry, struct input *input)
{
    atomic_fetch_sub_explicit(&job->found_count, 1, memory_order_relaxed);
    mr_entry_clear(entry);
    input_release(input);
    return MR_OK;
}

/* One entry of the inputs: an item, or NULL when it came to nothing. MR_DONE at the end. */
static enum mr_status take_entry(struct job *job, struct item **item)
{
    struct mr_entry entry = {0};
    struct input *input = NULL;
    struct mr_error error = {0};
    enum mr_status status = inputs_next(job->config.inputs, &entry, &input, &error);
    if (status == MR_DONE)
        return MR_DONE;
    if (status == MR_SKIPPED && !job->config.spends_inputs) {
        if (job->config.observer.remarked)
            job->config.observer.remarked(job->config.observer.ctx, error.text);
        return MR_OK;
    }
    if (status == MR_SKIPPED)
        status = error.status = MR_E_DATA;
    atomic_fetch_add_explicit(&job->found_count, 1, memory_order_relaxed);
    if (status != MR_OK) {
        if (!is_mine(job, input, &entry))
            return pass_over(job, &entry, input);
        tell_failed(job, input, &entry, NULL, &error);
        mr_entry_clear(&entry);
        input_release(input);
        return MR_OK;
    }
    const struct selection *selection = job->config.selection;
    struct found found = {
        .is_selected = !selection || selection_accepts(selection, &entry, label_of(input)),
    };
    if (!found.is_selected && !job->config.copies_others)
        return pass_over(job, &entry, input);
    found.is_mine = is_mine(job, input, &entry);
    if (found.is_mine &&
        !amounts_found(job, atomic_load_explicit(&job->found_count, memory_order_relaxed))) {
        mr_entry_clear(&entry);
        input_release(input);
        return MR_DONE;
    }
    status = make_item(job, &entry, input, &found, item, &error);
    if (status == MR_SKIPPED)
        atomic_fetch_sub_explicit(&job->found_count, 1, memory_order_relaxed);
    else if (status == MR_OK)
        amounts_count_found(*item);
    return MR_OK;
}

static enum mr_status next_item(struct job *job, struct item **item)
{
    enum mr_status status = take_entry(job, item);
    amounts_count_passed(job, *item);
    return status;
}

/* What comes into the line has its place in the row of those that want a seat, where items have
 * turns: else whoever asks first, see leave_seat(). */
static void take_seat(struct job *job, struct item *item)
{
    struct process *process = &item->process;
    process->has_seat =
        item->wants_seat && job->order == LINE_IN_ORDER && job->config.policy.retry_count == 0;
    if (process->has_seat)
        seats_join(job->seats, &process->seat, &item->line);
}

enum line_feed feed_next(void *ctx, struct line_item **line_item)
{
    struct job *job = ctx;
    while (!atomic_load_explicit(&job->is_closing, memory_order_relaxed)) {
        struct item *item = NULL;
        if (next_item(job, &item) == MR_DONE) {
            atomic_store(&job->is_found_all, true);
            return LINE_FEED_END;
        }
        if (!item)
            continue;
        if (job->config.is_dry) {
            tell_early(job, item, JOB_STORED);
            continue;
        }
        struct mr_error error = {0};
        enum mr_status status = ledger_settle(job, item, &error);
        if (mr_status_is_error(status))
            job_give_up(job, &error);
        if (status != MR_OK) {
            tell_early(job, item, status == MR_SKIPPED ? JOB_SKIPPED : JOB_CANCELLED);
            continue;
        }
        if (item->is_serial) {
            atomic_store(&job->is_serial_seen, true);
            atomic_store(&job->is_loading_serial, true);
        }
        take_seat(job, item);
        *line_item = &item->line;
        return LINE_FEED_ITEM;
    }
    return LINE_FEED_END;
}
