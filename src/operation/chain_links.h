/* chain_links.h - what chain.c and chain_state.c share. */
#ifndef MR_OPERATION_CHAIN_LINKS_H
#define MR_OPERATION_CHAIN_LINKS_H

#include "operation/chain.h"
#include "operation/plugin.h"

struct chain_link {
    const struct mr_operation *operation;
    void *config;          /* may be NULL */
    bool is_borrowed;      /* config and plugin belong to another chain */
    struct plugin *plugin; /* that the operation is of; NULL for one of the library's own */
    char *spec; /* what chain_add() or isolate_add() was given, owned like config; NULL: it was
                   added ready made */
};

struct chain {
    struct chain_link *links; /* owned */
    unsigned count;
};

/* Remembers spec for the last operation. MR_OK, MR_E_MEMORY. */
enum mr_status chain_keep_spec(struct chain *chain, const char *spec, struct mr_error *err);

/* What one operation can make of in_bytes; entry may be NULL. SIZE_MAX: no bound. */
size_t chain_link_bound(const struct mr_operation *operation, const void *config,
                        const struct mr_entry *entry, size_t in_bytes);
/*
 * Makes a proper error of what a call of an operation gave that was neither MR_OK nor MR_DONE: a
 * status that there is, a text that ends, is fit to be shown and begins with who failed ("": nobody
 * is named). Returns the status. err may be NULL.
 */
enum mr_status chain_failed(const char *who, enum mr_status status, struct mr_error *err);
/* What the operation promises by bound(); SIZE_MAX: nothing. */
size_t chain_promise(const struct mr_operation *operation, const void *config, size_t in_bytes);
/* The most that the buffer behind an operation can take. */
size_t chain_buffer_bytes(const struct chain_link *link);

#endif
