/*
 * encode.c - the ENCODE step: the last operation of large content, in blocks that are worked on by
 * several threads at once. What they make leaves in the order of the blocks.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "flow/item.h"

/* One block on its way, from its claim until it has left in order. */
struct place {
    struct block block;
    struct chunk *in, *out; /* out: NULL until it is there */
    struct mr_error problem;
    bool is_made;
};

struct encode {
    const struct route *route;
    void *summary; /* of the codec; NULL when it keeps none */
    /* all below: item lock, but for the place of a run, which is that run's */
    bool is_cleaning;
    unsigned active_count;            /* blocks that are being worked on */
    uint64_t taken, given;            /* blocks claimed, and left in order */
    uint64_t plain_bytes, made_bytes; /* of those that left */
    unsigned width, place_count;
    struct place places[];
};

size_t encode_cost_bytes(const struct route *route, unsigned width)
{
    size_t in_bytes = chunk_cost_bytes(route->block_bytes + 1),
           out_bytes = chunk_cost_bytes(route->codec->bound(route->options, route->block_bytes));
    return (width + 1) * (in_bytes + out_bytes) + width * route->block_state_bytes;
}

enum mr_status encode_create(struct item *item, unsigned width)
{
    const struct route *route = item->route;
    unsigned place_count = item->out.window_count;
    struct encode *made = calloc(1, sizeof(*made) + place_count * sizeof(made->places[0]));
    if (!made)
        return MR_E_MEMORY;
    made->route = route;
    made->width = width;
    made->place_count = place_count;
    if (route->codec->summary_bytes > 0 &&
        !(made->summary = calloc(1, route->codec->summary_bytes))) {
        free(made);
        return MR_E_MEMORY;
    }
    item->encode = made;
    return MR_OK;
}

void encode_destroy(struct encode *encode)
{
    if (!encode)
        return;
    assert(encode->active_count == 0);
    if (encode->summary && encode->route->codec->summary_clear)
        encode->route->codec->summary_clear(encode->summary);
    free(encode->summary);
    free(encode);
}

/*
 * The next chunk, once it is known whether it is the last: an operation may find out only
 * afterwards that it had filled its last one. NULL: there is none.
 */
static struct chunk *next_chunk(struct item *item)
{
    struct chunk_list *chunks = &item->mid.chunks;
    struct chunk *first = chunks->first;
    if (!first || (!first->is_last && !first->next))
        return NULL;
    chunk_list_pop(chunks);
    if (!first->is_last && chunks->first->is_last && chunks->first->used_bytes == 0) {
        first->is_last = true;
        item_used_up(item, &item->mid, chunk_list_pop(chunks));
    }
    return first;
}

static enum line_claim claim_clean(struct item *item)
{
    struct encode *encode = item->encode;
    /* Whoever still makes chunks for this step lets go first. */
    if (!item->is_processed || encode->active_count > 0 || encode->is_cleaning)
        return LINE_NOTHING;
    encode->is_cleaning = true;
    return LINE_READY;
}

enum line_claim encode_claim(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    struct encode *encode = item->encode;
    if (!encode || item->is_encoded)
        return LINE_NOTHING;
    run->part = NULL;
    if (item_is_stopped(item))
        return claim_clean(item);
    if (!item->mid.chunks.first || encode->active_count == encode->width)
        return LINE_NOTHING;
    if (!box_has_room(&item->out))
        return LINE_HELD;
    struct chunk *chunk = next_chunk(item);
    if (!chunk)
        return LINE_NOTHING;
    box_enter(&item->out);
    struct place *place = &encode->places[encode->taken % encode->place_count];
    *place = (struct place){.in = chunk};
    place->block = (struct block){.in = chunk->data,
                                  .in_bytes = chunk->used_bytes,
                                  .is_first = encode->taken == 0,
                                  .is_last = chunk->is_last};
    encode->taken++;
    encode->active_count++;
    run->part = place;
    return LINE_READY;
}

static enum mr_status compress(struct item *item, struct place *place)
{
    const struct route *route = item->route;
    size_t bound_bytes = route->codec->bound(route->options, place->block.in_bytes);
    place->out = chunk_take(item->job->chunks, bound_bytes);
    void *state = place->out ? stash_take(route->block_states) : NULL;
    if (place->out && !state)
        state = route->codec->state_create(route->options);
    if (!state)
        return MR_E_MEMORY;
    place->block.out = place->out->data;
    enum mr_status status = route->codec->compress(state, &place->block);
    place->out->used_bytes = place->block.out_bytes;
    stash_put(route->block_states, state);
    return status;
}

static enum mr_status say_why(enum mr_status status, struct mr_error *problem)
{
    return mr_error_set(problem, status, 0, "%s", mr_status_text(status));
}

void encode_run(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    struct place *place = run->part;
    if (!place)
        return;
    int64_t begin_ns = timing_begin(item);
    enum mr_status status = compress(item, place);
    if (status != MR_OK)
        say_why(status, &place->problem);
    else
        timing_end(item, begin_ns, &place->problem);
}

static void fail(struct item *item, const struct mr_error *problem)
{
    item_stop(item, item_stop_for(problem->status), JOB_PROCESS, problem);
}

/* Puts the end of the stream behind its last block, where there is room, else into chunks of its
 * own. */
static enum mr_status put_end(struct item *item, struct chunk *last)
{
    struct encode *encode = item->encode;
    const struct block_codec *codec = encode->route->codec;
    size_t bytes = 0, at = 0;
    unsigned char *end = codec->end ? codec->end(encode->summary, &bytes) : NULL;
    if (!end && bytes > 0) {
        chunk_give(item->job->chunks, last);
        return MR_E_MEMORY;
    }
    encode->made_bytes += bytes;
    while (at < bytes) {
        size_t part = last->cap_bytes - last->used_bytes;
        part = part < bytes - at ? part : bytes - at;
        memcpy(last->data + last->used_bytes, end + at, part);
        last->used_bytes += part;
        at += part;
        struct chunk *more = at < bytes ? chunk_take(item->job->chunks, CHUNK_CONTENT_BYTES) : NULL;
        if (at < bytes && !more) {
            chunk_give(item->job->chunks, last);
            free(end);
            return MR_E_MEMORY;
        }
        if (more) {
            last->is_last = false;
            more->is_last = true;
            box_enter(&item->out);
            chunk_list_push(&item->out.chunks, last);
            last = more;
        }
    }
    chunk_list_push(&item->out.chunks, last);
    free(end);
    return MR_OK;
}

/* What the sink must know of content that was encoded for it. */
static void keep_encoding(struct item *item)
{
    const struct encode *encode = item->encode;
    if (!item->route->is_encoded)
        return;
    const struct block_codec *codec = encode->route->codec;
    item->result.encoding = (struct mr_encoding){
        .method = item->route->method,
        .has_crc = codec->crc != NULL,
        .crc = codec->crc ? codec->crc(encode->summary) : 0,
        .stored_bytes = (int64_t)encode->made_bytes,
    };
    item->result.plain_bytes = (int64_t)encode->plain_bytes;
}

/* The oldest block leaves. */
static enum mr_status give_out(struct item *item, struct place *place)
{
    struct encode *encode = item->encode;
    const struct block_codec *codec = encode->route->codec;
    enum mr_status status = codec->add ? codec->add(encode->summary, &place->block) : MR_OK;
    if (status != MR_OK)
        return status;
    struct chunk *out = place->out;
    encode->plain_bytes += place->block.in_bytes;
    encode->made_bytes += place->block.out_bytes;
    out->is_last = place->block.is_last;
    place->out = NULL;
    if (!place->block.is_last || !codec->end) {
        chunk_list_push(&item->out.chunks, out);
    } else {
        status = put_end(item, out);
    }
    if (status == MR_OK && place->block.is_last) {
        keep_encoding(item);
        item->is_encoded = true;
    }
    return status;
}

static void drop_places(struct item *item)
{
    struct encode *encode = item->encode;
    for (; encode->given < encode->taken; encode->given++) {
        struct place *place = &encode->places[encode->given % encode->place_count];
        chunk_give(item->job->chunks, place->out);
        place->out = NULL;
        box_leave(&item->out, 1);
    }
    struct chunk *chunk;
    while ((chunk = chunk_list_pop(&item->mid.chunks)) != NULL)
        item_used_up(item, &item->mid, chunk);
    item->is_encoded = true;
}

void encode_settle(struct line_item *line_item, struct line_run *run)
{
    struct item *item = item_of(line_item);
    struct encode *encode = item->encode;
    struct place *place = run->part;
    if (!place) {
        drop_places(item);
        item_settled(item);
        return;
    }
    encode->active_count--;
    place->is_made = true;
    item_used_up(item, &item->mid, place->in);
    place->in = NULL;
    if (place->problem.status != MR_OK)
        fail(item, &place->problem);
    while (item->stop == ITEM_GOES_ON && encode->given < encode->taken) {
        struct place *oldest = &encode->places[encode->given % encode->place_count];
        if (!oldest->is_made)
            break;
        enum mr_status status = give_out(item, oldest);
        if (status != MR_OK) {
            struct mr_error problem;
            say_why(status, &problem);
            fail(item, &problem);
            break;
        }
        encode->given++;
    }
    item_settled(item);
}
