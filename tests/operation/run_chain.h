/* run_chain.h - runs a chain over content that is in memory, in chunks and rooms of chosen sizes.
 */
#ifndef MR_TESTS_RUN_CHAIN_H
#define MR_TESTS_RUN_CHAIN_H

#include <stdint.h>

#include "operation/chain.h"
#include "support/support.h"

#define RUN_ROOM_BYTES (CHAIN_BUFFER_BYTES + CHAIN_SLACK_BYTES)

struct run {
    size_t in_chunk_bytes, out_chunk_bytes; /* 0: CHAIN_BUFFER_BYTES, RUN_ROOM_BYTES */
    /* Results. */
    unsigned char *out; /* the caller's to free */
    size_t out_bytes;
    const char *remark;
    struct mr_error err;
};

/* One item through a state. MR_DONE or the error. */
static inline enum mr_status run_item(struct run *run, struct chain_state *state,
                                      const void *content, size_t content_bytes)
{
    size_t in_chunk_bytes = run->in_chunk_bytes ? run->in_chunk_bytes : CHAIN_BUFFER_BYTES;
    size_t room_bytes = run->out_chunk_bytes ? run->out_chunk_bytes : RUN_ROOM_BYTES;
    struct mr_entry entry = {.path = (char *)(uintptr_t) "a", .size_bytes = (int64_t)content_bytes};
    size_t used = 0, cap_bytes = 0;
    struct mr_io io = {.in = content};
    run->out = NULL;
    run->out_bytes = 0;
    memset(&run->err, 0, sizeof(run->err));
    enum mr_status status = chain_start(state, &entry, &run->err);
    while (status == MR_OK) {
        if (io.in_bytes == 0) {
            size_t left = content_bytes - used;
            io.in = content_bytes > 0 ? (const unsigned char *)content + used : NULL;
            io.in_bytes = left < in_chunk_bytes ? left : in_chunk_bytes;
            used += io.in_bytes;
            io.is_last = used == content_bytes;
        }
        if (cap_bytes - run->out_bytes < room_bytes) {
            cap_bytes = 2 * cap_bytes + room_bytes;
            run->out = realloc(run->out, cap_bytes);
            ck_assert_ptr_nonnull(run->out);
        }
        io.out = run->out + run->out_bytes;
        io.out_bytes = room_bytes;
        status = chain_process(state, &io, &run->err);
        if (io.out_bytes > room_bytes)
            ck_abort_msg("more was made than there was room");
        run->out_bytes += room_bytes - io.out_bytes;
        if (status == MR_OK && io.in_bytes > 0 && io.out_bytes > 0)
            ck_abort_msg("chain_process() stopped with input and room left");
    }
    run->remark = io.remark;
    if (status != MR_DONE) {
        ck_assert(mr_status_is_error(status));
        ck_assert_int_eq(run->err.status, status);
        ck_assert_str_ne(run->err.text, "");
        chain_stop(state);
    }
    return status;
}

/* A chain of the specs, separated by blanks. */
static inline struct chain *run_chain_create(const char *specs)
{
    struct mr_error err = {0};
    struct chain *chain;
    ck_assert_ok(chain_create(&chain, &err), err);
    char *copy = strdup(specs), *rest = NULL;
    for (char *spec = strtok_r(copy, " ", &rest); spec; spec = strtok_r(NULL, " ", &rest))
        ck_assert_ok(chain_add(chain, spec, &err), err);
    free(copy);
    return chain;
}

static inline enum mr_status run_chain(struct run *run, const char *specs, const void *content,
                                       size_t content_bytes)
{
    struct chain *chain = run_chain_create(specs);
    struct chain_state *state;
    ck_assert_ok(chain_state_create(chain, &state, &run->err), run->err);
    enum mr_status status = run_item(run, state, content, content_bytes);
    chain_state_destroy(state);
    chain_destroy(chain);
    return status;
}

#define ck_assert_bytes(run, expected, expected_bytes)                                             \
    do {                                                                                           \
        ck_assert_uint_eq((run)->out_bytes, (expected_bytes));                                     \
        ck_assert((expected_bytes) == 0 || memcmp((run)->out, (expected), (expected_bytes)) == 0); \
    } while (0)

#endif
