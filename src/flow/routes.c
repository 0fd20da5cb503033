#include "flow/routes.h"

#include <stdlib.h>

#include "operation/internals.h"
#include "operation/isolate.h"
#include "operation/member.h"
#include "operation/operations.h"

/* Idle states take at most this part of the memory of the run, but one of each kind is always kept.
 * Worker processes cost more to make anew than memory. */
#define IDLE_SHARE          8
#define IDLE_SHARE_ISOLATED 2

enum stored_kind {
    STORED_UNKNOWN,
    STORED_PLAIN,
    STORED_DEFLATE,
    STORED_ZSTD,
    STORED_ZLIB,
    STORED_KINDS
};
enum kept_kind { KEPT_NOT, KEPT_PLAIN, KEPT_ENCODED, KEPT_KINDS };

struct routes {
    const struct chain *chain;
    const struct mr_sink_encoding *encoding;
    unsigned idle_max;
    uint64_t memory_bytes;
    bool is_isolated;
    struct route *table[STORED_KINDS][2][KEPT_KINDS];
};

static void destroy_state(void *state)
{
    chain_state_destroy(state);
}

static enum mr_status no_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

enum mr_status routes_create(const struct chain *chain, const struct mr_sink_encoding *encoding,
                             unsigned idle_max, uint64_t memory_bytes, bool is_isolated,
                             struct routes **routes)
{
    struct routes *made = calloc(1, sizeof(*made));
    if (!made)
        return MR_E_MEMORY;
    made->chain = chain;
    made->encoding = encoding;
    made->idle_max = idle_max;
    made->memory_bytes = memory_bytes;
    made->is_isolated = is_isolated;
    *routes = made;
    return MR_OK;
}

static void way_fini(struct way *way)
{
    stash_destroy(way->states);
    chain_destroy(way->chain);
}

static void route_destroy(struct route *route)
{
    if (!route)
        return;
    stash_destroy(route->block_states);
    way_fini(&route->before); /* its configs are those of whole */
    way_fini(&route->whole);
    free(route);
}

void routes_destroy(struct routes *routes)
{
    if (!routes)
        return;
    struct route **at = &routes->table[0][0][0];
    for (size_t i = 0; i < sizeof(routes->table) / sizeof(*at); i++)
        route_destroy(at[i]);
    free(routes);
}

static unsigned idle_count(const struct routes *routes, size_t state_bytes)
{
    unsigned share = routes->is_isolated ? IDLE_SHARE_ISOLATED : IDLE_SHARE;
    uint64_t count = routes->memory_bytes / share / (state_bytes > 0 ? state_bytes : 1);
    count = count < routes->idle_max ? count : routes->idle_max;
    return count > 0 ? (unsigned)count : 1;
}

static enum mr_status make_stash(const struct routes *routes, size_t state_bytes,
                                 void (*destroy)(void *), struct stash **stash,
                                 struct mr_error *err)
{
    return stash_create(idle_count(routes, state_bytes), destroy, stash) == MR_OK ? MR_OK
                                                                                  : no_memory(err);
}

static enum mr_status way_init(const struct routes *routes, struct way *way, struct mr_error *err)
{
    way->state_bytes = chain_state_bytes(way->chain);
    way->is_outside = chain_is_outside(way->chain);
    return make_stash(routes, way->state_bytes, destroy_state, &way->states, err);
}

static enum mr_status add(struct chain *chain, const struct mr_operation *operation,
                          struct mr_error *err)
{
    return chain_add_operation(chain, operation, NULL, err);
}

static enum mr_status add_decoders(struct chain *chain, enum stored_kind stored,
                                   struct mr_error *err)
{
    enum mr_status status = MR_OK;
    switch (stored) {
    case STORED_UNKNOWN:
    case STORED_KINDS:
        return MR_OK;
    case STORED_DEFLATE:
        return add(chain, &operation_member_inflate, err);
    case STORED_ZLIB:
        return add(chain, &operation_member_unzlib, err);
    case STORED_ZSTD:
        status = chain_add(chain, "unzstd", err);
        break;
    case STORED_PLAIN:
        break;
    }
    return status == MR_OK ? add(chain, &operation_member_check, err) : status;
}

static enum mr_status add_encoder(struct chain *chain, const struct mr_sink_encoding *encoding,
                                  enum kept_kind kept, struct mr_error *err)
{
    if (kept == KEPT_NOT)
        return MR_OK;
    if (kept == KEPT_PLAIN)
        return add(chain, &operation_member_store, err);
    void *config = NULL;
    enum mr_status status = member_config(encoding->method, encoding->level, &config, err);
    if (status == MR_OK)
        status = chain_add_operation(chain, &operation_member_pack, config, err);
    if (status != MR_OK && config)
        operation_member_pack.config_destroy(config);
    return status;
}

/*
 * Where deflate data would be decoded to be encoded again at once, it is moved: from member to
 * member, out of gzip data, or into it. Returns what stands in for the decoder (or the first
 * operation of the run) and the encoder; the operations
 * [*first, *first + *count) of the run stay.
 */
static void find_moves(const struct routes *routes, enum stored_kind stored, enum kept_kind kept,
                       unsigned *first, unsigned *count, const struct mr_operation **begin,
                       const struct mr_operation **end)
{
    const struct chain *chain = routes->chain;
    const struct mr_sink_encoding *encoding = routes->encoding;
    bool to_deflate =
        kept == KEPT_ENCODED && encoding->method == MR_METHOD_DEFLATE && !encoding->recodes;
    const void *config;
    if (stored == STORED_DEFLATE && *count == 0 && to_deflate) {
        *begin = &operation_member_pass;
        *end = NULL;
        return;
    }
    if (*count > 0 && to_deflate &&
        chain_operation(chain, *first + *count - 1, NULL) == &operation_gunzip) {
        *end = &operation_gzip_to_member;
        --*count;
    }
    if (*count > 0 && stored == STORED_DEFLATE &&
        chain_operation(chain, *first, &config) == &operation_gzip && gzip_is_default(config)) {
        *begin = &operation_member_to_gzip;
        ++*first;
        --*count;
    }
}

/* Puts the operations of the route together. */
static enum mr_status compose(const struct routes *routes, enum stored_kind stored,
                              bool is_operated, enum kept_kind kept, struct chain *chain,
                              struct mr_error *err)
{
    unsigned first = 0, count = is_operated ? chain_count(routes->chain) : 0;
    const struct mr_operation *begin = NULL, *end = NULL;
    find_moves(routes, stored, kept, &first, &count, &begin, &end);
    bool is_passed = begin == &operation_member_pass;
    enum mr_status status = begin ? add(chain, begin, err) : add_decoders(chain, stored, err);
    if (status == MR_OK)
        status = (routes->is_isolated ? isolate_borrow : chain_borrow)(chain, routes->chain, first,
                                                                       count, err);
    if (status != MR_OK || is_passed)
        return status;
    return end ? add(chain, end, err) : add_encoder(chain, routes->encoding, kept, err);
}

/* The last operation by its codec, and what comes before it as a chain of its own. */
static enum mr_status find_codec(const struct routes *routes, struct route *route,
                                 struct mr_error *err)
{
    unsigned count = chain_count(route->whole.chain);
    const void *config;
    const struct mr_operation *last = chain_operation(route->whole.chain, count - 1, &config);
    route->codec = operation_blocks(last, config, &route->options);
    if (!route->codec)
        return MR_OK;
    route->block_bytes = route->codec->block_bytes(route->options);
    route->block_state_bytes = route->codec->state_bytes(route->options);
    enum mr_status status = make_stash(routes, route->block_state_bytes,
                                       route->codec->state_destroy, &route->block_states, err);
    if (status == MR_OK)
        status = chain_create(&route->before.chain, err);
    if (status == MR_OK)
        status = isolate_borrow_before(route->before.chain, route->whole.chain, err);
    if (status != MR_OK || chain_count(route->before.chain) > 0)
        return status == MR_OK ? way_init(routes, &route->before, err) : status;
    chain_destroy(route->before.chain);
    route->before.chain = NULL;
    return MR_OK;
}

static enum mr_status make(const struct routes *routes, enum stored_kind stored, bool is_operated,
                           enum kept_kind kept, struct route **route, struct mr_error *err)
{
    struct route *made = calloc(1, sizeof(*made));
    if (!made)
        return no_memory(err);
    made->is_identity = !is_operated || chain_is_identity(routes->chain);
    made->is_encoded = kept != KEPT_NOT;
    made->method = kept == KEPT_ENCODED ? routes->encoding->method : MR_METHOD_PLAIN;
    enum mr_status status = chain_create(&made->whole.chain, err);
    if (status == MR_OK)
        status = compose(routes, stored, is_operated, kept, made->whole.chain, err);
    if (status == MR_OK)
        status = way_init(routes, &made->whole, err);
    if (status == MR_OK)
        status = find_codec(routes, made, err);
    if (status != MR_OK) {
        route_destroy(made);
        return status;
    }
    *route = made;
    return MR_OK;
}

static enum stored_kind kind_of(const struct mr_encoding *stored)
{
    if (!stored)
        return STORED_UNKNOWN;
    switch (stored->method) {
    case MR_METHOD_DEFLATE:
        return STORED_DEFLATE;
    case MR_METHOD_ZSTD:
        return STORED_ZSTD;
    case MR_METHOD_ZLIB:
        return STORED_ZLIB;
    case MR_METHOD_PLAIN:
        break;
    }
    return STORED_PLAIN;
}

enum mr_status routes_find(struct routes *routes, const struct mr_encoding *stored,
                           bool is_operated, bool keeps_plain, const struct route **route,
                           struct mr_error *err)
{
    enum stored_kind kind = kind_of(stored);
    enum kept_kind kept = KEPT_NOT;
    if (routes->encoding)
        kept =
            keeps_plain || routes->encoding->method == MR_METHOD_PLAIN ? KEPT_PLAIN : KEPT_ENCODED;
    is_operated = is_operated && chain_count(routes->chain) > 0;
    *route = NULL;
    if (kind == STORED_UNKNOWN && !is_operated && kept == KEPT_NOT)
        return MR_OK;
    struct route **place = &routes->table[kind][is_operated][kept];
    enum mr_status status = *place ? MR_OK : make(routes, kind, is_operated, kept, place, err);
    *route = *place;
    return status;
}

enum mr_status way_take(const struct way *way, struct chain_state **state, struct mr_error *err)
{
    *state = stash_take(way->states);
    return *state ? MR_OK : chain_state_create(way->chain, state, err);
}

void way_put(const struct way *way, struct chain_state *state)
{
    stash_put(way->states, state);
}

enum mr_status routes_try(struct routes *routes, struct mr_error *err)
{
    const struct route *route = NULL;
    struct chain_state *state = NULL;
    enum mr_status status = routes_find(routes, NULL, true, false, &route, err);
    if (status == MR_OK && route)
        status = way_take(&route->whole, &state, err);
    if (state)
        way_put(&route->whole, state);
    return status;
}
