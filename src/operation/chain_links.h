/* chain_links.h - what chain.c and chain_state.c share. */
#ifndef MR_OPERATION_CHAIN_LINKS_H
#define MR_OPERATION_CHAIN_LINKS_H

#include "operation/chain.h"

struct chain_link {
    const struct mr_operation *operation;
    void *config;     /* may be NULL */
    bool is_borrowed; /* config belongs to another chain */
};

struct chain {
    struct chain_link *links; /* owned */
    unsigned count;
};

/* What one operation can make of in_bytes; entry may be NULL. SIZE_MAX: no bound. */
size_t chain_link_bound(const struct mr_operation *operation, const void *config,
                        const struct mr_entry *entry, size_t in_bytes);
/* The most that the buffer behind an operation can take. */
size_t chain_buffer_bytes(const struct chain_link *link);

#endif
