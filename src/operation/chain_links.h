/* chain_links.h - what chain.c and chain_state.c share. */
#ifndef MR_OPERATION_CHAIN_LINKS_H
#define MR_OPERATION_CHAIN_LINKS_H

#include "operation/chain.h"

struct chain_link {
    const struct mr_operation *operation;
    void *config; /* owned; may be NULL */
};

struct chain {
    struct chain_link *links; /* owned */
    unsigned count;
};

/* The most that the buffer behind an operation can take. */
size_t chain_buffer_bytes(const struct chain_link *link);

#endif
