/*
 * stash.h - a bounded stack of idle objects shared by threads (codec states, chains, buffers of one
 * kind).
 *
 * Taking and putting never block for long: one short lock.
 */
#ifndef MR_ENGINE_STASH_H
#define MR_ENGINE_STASH_H

#include "millrace/status.h"

struct stash;

/* At most idle_max objects are kept. destroy frees one; called with no lock held. */
enum mr_status stash_create(unsigned idle_max, void (*destroy)(void *object), struct stash **stash);
/* Destroys what is idle. NULL is a no-op. */
void stash_destroy(struct stash *stash);
/* The object put last, or NULL when there is none. */
void *stash_take(struct stash *stash);
/* Keeps object for the next taker, or destroys it when idle_max are there already. */
void stash_put(struct stash *stash, void *object);

#endif
