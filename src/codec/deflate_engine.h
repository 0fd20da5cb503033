/* deflate_engine.h - the libraries that make deflate, as one: for deflater.c. */
#ifndef MR_CODEC_DEFLATE_ENGINE_H
#define MR_CODEC_DEFLATE_ENGINE_H

#include "millrace/status.h"

struct deflate_engine;

/* level: 1 to 12. NULL when out of memory. */
struct deflate_engine *deflate_engine_create(int level);
void deflate_engine_destroy(struct deflate_engine *engine); /* NULL is a no-op */
size_t deflate_engine_bytes(int level);                     /* memory, at most */
/*
 * Compresses in on its own. is_last: what is made is complete; else it ends at a byte, and another
 * block may follow. What is made depends on in, in_bytes, is_last and the level alone. *out_bytes
 * 0: it does not fit into cap_bytes. MR_OK; MR_E_MEMORY; MR_E_DATA when a library went wrong.
 */
enum mr_status deflate_engine_run(struct deflate_engine *engine, const unsigned char *in,
                                  size_t in_bytes, bool is_last, unsigned char *out,
                                  size_t cap_bytes, size_t *out_bytes);

#endif
