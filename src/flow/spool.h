/*
 * spool.h - content that must be kept whole before it can be handed on, and is too large for
 * memory: a nameless temporary file, written to its end and then read from its start, by one thread
 * at a time.
 */
#ifndef MR_FLOW_SPOOL_H
#define MR_FLOW_SPOOL_H

#include <stdint.h>

#include "millrace/status.h"

struct spool;

/* MR_OK, MR_E_MEMORY, MR_E_SYSTEM (no room, no directory for temporary files). */
enum mr_status spool_create(struct spool **spool, struct mr_error *err);
void spool_destroy(struct spool *spool); /* NULL is a no-op */
enum mr_status spool_write(struct spool *spool, const void *data, size_t size_bytes,
                           struct mr_error *err);
/* Fills up to cap_bytes from where reading is; *got_bytes < cap_bytes only at the end. */
enum mr_status spool_read(struct spool *spool, void *buffer, size_t cap_bytes, size_t *got_bytes,
                          struct mr_error *err);
void spool_rewind(struct spool *spool);
int64_t spool_size_bytes(const struct spool *spool);

#endif
