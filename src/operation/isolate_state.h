/*
 * isolate_state.h - the isolate operation at work: a state with its worker process. What the
 * operation is otherwise: isolate.c.
 */
#ifndef MR_OPERATION_ISOLATE_STATE_H
#define MR_OPERATION_ISOLATE_STATE_H

#include "operation/chain.h"

#define ISOLATE_NAMES_BYTES 80 /* of the operations, for messages */

struct isolate_config {
    char **specs; /* owned */
    unsigned count;
    char names[ISOLATE_NAMES_BYTES];
    struct chain *chain; /* owned; of operations that this process knows. NULL: see about */
    struct about *about;
};

struct operation_ahead;

/* Names the operations in an error that is about their process. Returns status. */
enum mr_status isolate_name_problem(const struct isolate_config *config, enum mr_status status,
                                    struct mr_error *err);

/* As in struct mr_operation, and struct mr_operation_internals. */
enum mr_status isolate_state_create(const void *config, void **state, struct mr_error *err);
enum mr_status isolate_state_start(void *state, const struct mr_entry *entry, struct mr_error *err);
enum mr_status isolate_state_process(void *state, struct mr_io *io, struct mr_error *err);
const char *isolate_state_note(void *state);
void isolate_state_destroy(void *state);
bool isolate_state_goes_ahead(const void *config, size_t in_bytes);
void isolate_state_ahead(void *state, const struct operation_ahead *items, unsigned count);

#endif
