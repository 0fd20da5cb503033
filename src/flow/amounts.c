#include "flow/amounts.h"

/* The archive as a whole: what all of its members come to. Behind the limit nothing more is read of
 * it. */
static enum mr_status unpack_more(struct item *item, uint64_t bytes, struct mr_error *err)
{
    struct input *input = item->input;
    struct mr_source *source = input->source;
    if (!(source->flags & MR_SOURCE_CONTAINER) || !source->ops->input_bytes)
        return MR_OK;
    uint64_t made = atomic_fetch_add_explicit(&input->made_bytes, bytes, memory_order_relaxed);
    enum mr_status status = limits_check_ratio(&item->job->config.limits, made + bytes,
                                               source->ops->input_bytes(source), err);
    if (status != MR_OK) {
        mr_error_prefix(err, "the archive");
        atomic_store(&input->is_over, true);
    }
    return status;
}

enum mr_status amounts_declared(struct item *item, struct mr_error *err)
{
    const struct limits *limits = &item->job->config.limits;
    const struct mr_entry *entry = &item->entry;
    if (entry->kind != MR_KIND_FILE || !entry->has_encoding)
        return MR_OK;
    uint64_t bytes = (uint64_t)entry->size_bytes;
    enum mr_status status = limits_check_item(limits, bytes, err);
    if (status == MR_OK)
        status = limits_check_ratio(limits, bytes, (uint64_t)entry->encoding.stored_bytes, err);
    return status == MR_OK ? unpack_more(item, bytes, err) : status;
}

/* total: of all items, bytes more than before. */
static enum mr_status add_to_total(struct job *job, atomic_uint_fast64_t *total, uint64_t bytes,
                                   struct mr_error *err)
{
    uint64_t before = atomic_fetch_add_explicit(total, bytes, memory_order_relaxed);
    enum mr_status status = limits_check_total(&job->config.limits, before + bytes, err);
    if (status == MR_OK)
        return MR_OK;
    job_give_up(job, err);
    return MR_CANCELLED;
}

enum mr_status amounts_loaded(struct item *item, size_t bytes, struct mr_error *err)
{
    struct job *job = item->job;
    if (item->entry.has_encoding || item->is_copy)
        return MR_OK;
    enum mr_status status = limits_check_item(&job->config.limits, item->load.bytes, err);
    if (status == MR_OK)
        status = unpack_more(item, bytes, err);
    return status == MR_OK ? add_to_total(job, &job->loaded_bytes, bytes, err) : status;
}

enum mr_status amounts_made(struct item *item, struct mr_error *err)
{
    struct process *process = &item->process;
    uint64_t made = chain_made_bytes(process->state), more = made - process->made_bytes;
    process->made_bytes = made;
    return more > 0 ? add_to_total(item->job, &item->job->made_bytes, more, err) : MR_OK;
}

struct chain_limits amounts_chain_limits(const struct item *item)
{
    const struct mr_entry *entry = &item->entry;
    return (struct chain_limits){
        .limits = &item->job->config.limits,
        .stored_bytes = entry->has_encoding ? entry->encoding.stored_bytes : item->load.size_bytes,
    };
}

bool amounts_found(struct job *job, uint64_t count)
{
    struct mr_error error = {0};
    if (limits_check_count(&job->config.limits, count, &error) == MR_OK)
        return true;
    job_end(job, &error);
    return false;
}

/* ---- how far the job is ---- */

static void add(atomic_uint_fast64_t *sum, uint64_t bytes)
{
    if (bytes > 0)
        atomic_fetch_add_explicit(sum, bytes, memory_order_relaxed);
}

void amounts_count_found(const struct item *item)
{
    if (!item_is_content(item) || input_advances(item->input))
        return;
    if (item->entry.size_bytes < 0)
        atomic_store_explicit(&item->job->has_unsized, true, memory_order_relaxed);
    else
        add(&item->job->found_bytes, (uint64_t)item->entry.size_bytes);
}

void amounts_count_passed(struct job *job, struct item *item)
{
    uint64_t bytes = inputs_passed(job->config.inputs);
    add(&job->found_bytes, bytes);
    if (item && input_advances(item->input))
        item->load.used_bytes = bytes;
    else
        add(&job->through_bytes, bytes);
}

void amounts_count_used(struct item *item)
{
    uint64_t bytes = input_advance(item->input);
    item->load.used_bytes += bytes;
    add(&item->job->found_bytes, bytes);
}

static void count_through(struct job *job, uint64_t bytes, uint64_t counted_bytes)
{
    if (bytes > counted_bytes)
        add(&job->through_bytes, bytes - counted_bytes);
}

void amounts_count_loaded(struct item *item)
{
    struct load *load = &item->load;
    unsigned places = item->in.window_count + (item->encode ? item->mid.window_count : 0);
    uint64_t held_bytes = (uint64_t)places * CHUNK_CONTENT_BYTES;
    if (load->counted_bytes <= held_bytes)
        return;
    uint64_t through_bytes = load->counted_bytes - held_bytes;
    if (input_advances(item->input))
        through_bytes = (uint64_t)((double)load->used_bytes * (double)through_bytes /
                                   (double)load->counted_bytes);
    count_through(item->job, through_bytes, load->through_bytes);
    if (through_bytes > load->through_bytes)
        load->through_bytes = through_bytes;
}

void amounts_count_through(const struct item *item)
{
    const struct load *load = &item->load;
    uint64_t bytes = load->used_bytes;
    if (!input_advances(item->input) && !item_is_content(item))
        return;
    if (!input_advances(item->input))
        bytes =
            item->entry.size_bytes >= 0 ? (uint64_t)item->entry.size_bytes : load->counted_bytes;
    count_through(item->job, bytes, load->through_bytes);
}
