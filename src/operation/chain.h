/*
 * chain.h - the operations of a run, in order, as if they were one.
 *
 * A chain is configured by one thread, then const and shared. A chain_state belongs to one item at
 * a time and is reused. Between two operations there is one buffer of CHAIN_BUFFER_BYTES (+
 * CHAIN_SLACK_BYTES), allocated when first needed, grown to what the content takes; it is filled as
 * far as it goes before the next operation sees it, so that what an operation is given depends on
 * the content alone: never on timing, threads or memory.
 */
#ifndef MR_OPERATION_CHAIN_H
#define MR_OPERATION_CHAIN_H

#include "base/limits.h"
#include "millrace/operation.h"

/* Content at a time; a constant, because outputs depend on it. */
#define CHAIN_BUFFER_BYTES ((size_t)1 << 20)
/* Room over it, so that the bound of a codec for a full buffer fits. */
#define CHAIN_SLACK_BYTES ((size_t)16 << 10)

struct chain;
struct chain_state;
struct operation_ahead;

/* What the content of an item may become on its way through a chain: what mr_io.limits points to.
 */
struct chain_limits {
    const struct limits *limits; /* of the run */
    int64_t stored_bytes; /* that the item takes, for the ratio; MR_SIZE_UNKNOWN: as many as the
                             chain was given */
};

enum mr_status chain_create(struct chain **chain, struct mr_error *err);
void chain_destroy(struct chain *chain); /* NULL is a no-op; after all states */
/*
 * Adds "NAME[:[KEY=]VALUE,...]", or "PATH[:NAME][:...]" of a plugin, which the chain keeps open.
 * MR_OK, MR_E_USAGE (unknown names get the nearest), MR_E_UNSUPPORTED, MR_E_MEMORY; of a plugin
 * also what plugin_open() gives.
 */
enum mr_status chain_add(struct chain *chain, const char *spec, struct mr_error *err);
/* Adds an operation with a ready config, which the chain owns on MR_OK. */
enum mr_status chain_add_operation(struct chain *chain, const struct mr_operation *operation,
                                   void *config, struct mr_error *err);

/* Adds operations [first, first + count) of other, which keeps their configs and must outlive
 * chain. MR_OK, MR_E_USAGE (two lists), MR_E_MEMORY. */
enum mr_status chain_borrow(struct chain *chain, const struct chain *other, unsigned first,
                            unsigned count, struct mr_error *err);

unsigned chain_count(const struct chain *chain);
const struct mr_operation *chain_operation(const struct chain *chain, unsigned index,
                                           const void **config); /* config may be NULL */
bool chain_is_identity(const struct chain *chain); /* no operation, or all leave the bytes alone */
bool chain_is_outside(const struct chain *chain);  /* one of them works outside of this process */
/* What in_bytes of that entry can become; entry may be NULL, then of any. SIZE_MAX: no bound. */
size_t chain_bound(const struct chain *chain, const struct mr_entry *entry, size_t in_bytes);
size_t chain_state_bytes(
    const struct chain *chain); /* all states and buffers of one chain_state, at most */
enum mr_status chain_rename(const struct chain *chain,
                            char **path); /* folds rename over the operations; MR_OK, MR_E_MEMORY,
                                             MR_E_UNSAFE (by a plugin) */
bool chain_takes_file(const struct chain *chain);        /* does its first operation? */
const char *chain_notes_path(const struct chain *chain); /* of the operation with notes, or NULL */

/* The same contracts as in millrace/operation.h. */
enum mr_status chain_state_create(const struct chain *chain, struct chain_state **state,
                                  struct mr_error *err);
void chain_state_destroy(struct chain_state *state);
enum mr_status chain_start(struct chain_state *state, const struct mr_entry *entry,
                           struct mr_error *err);
void chain_give_file(struct chain_state *state,
                     int fd); /* to the first operation, when chain_takes_file() */
/* Also MR_E_TIMEOUT, when io's deadline has passed between two calls of operations; MR_E_LIMIT,
 * with io->limits. */
enum mr_status chain_process(struct chain_state *state, struct mr_io *io, struct mr_error *err);
/* The operation is one alone, and can be told what comes (operation/internals.h):
 * chain_goes_ahead(); then chain_ahead() tells it. */
bool chain_goes_ahead(const struct chain *chain, size_t in_bytes);
void chain_ahead(struct chain_state *state, const struct operation_ahead *items, unsigned count);
const char *chain_note(struct chain_state *state); /* NULL: none */
/* Of the last operation, when it encodes for a container; else NULL. */
const struct mr_encoding *chain_encoding(struct chain_state *state, int64_t *plain_bytes);
char *chain_details(struct chain_state *state); /* of the operation that failed last; the caller's
                                                   to free; NULL: none */
void chain_stop(struct chain_state *state);
/* Since chain_start(), by the operation that made most: bytes. */
uint64_t chain_made_bytes(const struct chain_state *state);

#endif
