/* block_deflate.h - what the codecs in blocks that make deflate share: their state is a struct
 * deflater. */
#ifndef MR_CODEC_BLOCK_DEFLATE_H
#define MR_CODEC_BLOCK_DEFLATE_H

#include "codec/block.h"

/* For struct block_codec. */
size_t block_deflate_bytes(const struct block_options *options); /* 1 MiB */
size_t block_deflate_state_bytes(const struct block_options *options);
void *block_deflate_state_create(const struct block_options *options);
void block_deflate_state_destroy(void *state);

#endif
