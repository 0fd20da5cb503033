/*
 * routes.h - which operations an item's content goes through: those that decode what its source
 * hands on encoded, those of the run, and the one that encodes what its sink keeps encoded.
 *
 * There are few combinations; each is made when the first item needs it. routes_find() is called by
 * the feed alone; a route is const from then on, and lives as long as its routes.
 */
#ifndef MR_FLOW_ROUTES_H
#define MR_FLOW_ROUTES_H

#include "codec/block.h"
#include "engine/stash.h"
#include "millrace/sink.h"
#include "operation/chain.h"

/* A chain with its idle states. */
struct way {
    struct chain *chain; /* NULL: no operation */
    struct stash *states;
    size_t state_bytes;
    bool is_outside; /* items in it have seats */
};

struct route {
    struct way whole;  /* all operations */
    struct way before; /* those before the last one; meaningful with codec */
    /* Large content can be encoded in blocks by what the last operation is; else NULL. */
    const struct block_codec *codec;
    const struct block_options *options;
    size_t block_bytes;         /* content of a block */
    size_t block_state_bytes;   /* of one state of the codec */
    struct stash *block_states; /* idle ones */
    bool is_identity;           /* the plain content is not changed */
    bool is_encoded;            /* what comes out stands as the sink's container keeps it */
    enum mr_method method;      /* is_encoded: how, where it gets smaller */
};

struct routes;

/*
 * chain: the operations of the run; encoding: of the sink, or NULL; both outlive the routes. At
 * most idle_max states of a kind are kept idle, fewer when they are large beside memory_bytes.
 * is_isolated: the operations of the run work in worker processes (operation/isolate.h). MR_OK,
 * MR_E_MEMORY.
 */
enum mr_status routes_create(const struct chain *chain, const struct mr_sink_encoding *encoding,
                             unsigned idle_max, uint64_t memory_bytes, bool is_isolated,
                             struct routes **routes);
void routes_destroy(struct routes *routes); /* NULL is a no-op; after all items */

/*
 * The route for content that stands as stored says (NULL: plain, and nothing is known of it) in its
 * source. is_operated: the operations of the run apply; keeps_plain: the sink's container must not
 * compress it. *route NULL: it goes through as it is. MR_OK, MR_E_MEMORY, MR_E_UNSUPPORTED (this
 * build cannot decode it), MR_E_USAGE.
 */
enum mr_status routes_find(struct routes *routes, const struct mr_encoding *stored,
                           bool is_operated, bool keeps_plain, const struct route **route,
                           struct mr_error *err);

/*
 * Makes the state that plain content will go through, and keeps it idle for the first item: what is
 * wrong with worker processes is said once instead of by every item. What routes_find() and
 * way_take() say. Before the feed.
 */
enum mr_status routes_try(struct routes *routes, struct mr_error *err);

/* An idle state of the way, or a new one. MR_OK, MR_E_MEMORY, what state_create() of an operation
 * says. Any thread. */
enum mr_status way_take(const struct way *way, struct chain_state **state, struct mr_error *err);
void way_put(const struct way *way, struct chain_state *state);

#endif
