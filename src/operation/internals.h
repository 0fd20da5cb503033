/*
 * internals.h - what the library's own operations have beyond the public struct mr_operation. A
 * plugin has none of it: the loader drops what stands there.
 */
#ifndef MR_OPERATION_INTERNALS_H
#define MR_OPERATION_INTERNALS_H

#include "millrace/operation.h"

#define OPERATION_AHEAD_MAX 8

struct block_codec;
struct block_options;
struct operation_ahead;

struct mr_operation_internals {
    /*
     * Instead of bound(), where what stands in the entry tells (entry->encoding,
     * entry->size_bytes); entry is that of start(). Sizes that an archive declares may be lies:
     * more than 1 MiB is not to be promised (SIZE_MAX). NULL, or no entry: bound() it is.
     */
    size_t (*bound_entry)(const void *config, const struct mr_entry *entry, size_t in_bytes);
    /*
     * How large content can be encoded in blocks on several threads: the same bytes that process()
     * makes. *options lives as long as config. NULL, as a function or as its result: it cannot.
     */
    const struct block_codec *(*blocks)(const void *config, const struct block_options **options);
    /*
     * Of an operation that encodes for a container, after MR_DONE: method and CRC of what it was
     * given, and the size of the plain content in *plain_bytes. Valid until the next start(). NULL:
     * it is another kind of operation.
     */
    const struct mr_encoding *(*encoding)(void *state, int64_t *plain_bytes);
    /*
     * Does it take the open file of an item instead of its bytes, which are then not read? Asked of
     * the first operation of a chain. NULL: no.
     */
    bool (*takes_file)(const void *config);
    /*
     * For such an item, after start(): its content is this regular file, which is open for reading,
     * stays open until the item is done and must not be changed. process() is then called with no
     * input, and is_last.
     */
    void (*give_file)(void *state, int fd);
    /*
     * After start() or process() has failed, before stop(): what there is to say besides the error,
     * as text of several lines, which may hold any byte but NUL (the end of a command's stderr). On
     * the heap, the caller's; NULL: nothing. NULL, as a function: never.
     */
    char *(*details)(void *state);
    /*
     * Can content of in_bytes be handed over by ahead()? Both, or neither: then no.
     */
    bool (*goes_ahead)(const void *config, size_t in_bytes);
    /*
     * These items, at most OPERATION_AHEAD_MAX, will be started one after the other, each with all
     * of its content in the first call of process(): an operation that works elsewhere begins with
     * them already, which saves it from being woken for each. A hint: nothing comes of it but
     * speed, and that only up to the first one for which process() does not return MR_DONE. What it
     * points to stays as it is until the item is done. Those that were announced before and have
     * not been started do not come; count may be 0.
     */
    void (*ahead)(void *state, const struct operation_ahead *items, unsigned count);
};

/* All of the content of an item, and the room that there will be for the result. */
struct operation_ahead {
    const struct mr_entry *entry;
    const unsigned char *in;
    size_t in_bytes, room_bytes;
    const struct chain_limits *limits; /* as in struct mr_io */
    bool is_as_named;                  /* likewise */
};

/* The same for any operation: NULL when it has no such thing. */
static inline const struct block_codec *operation_blocks(const struct mr_operation *operation,
                                                         const void *config,
                                                         const struct block_options **options)
{
    const struct mr_operation_internals *own = operation->internals;
    return own && own->blocks ? own->blocks(config, options) : NULL;
}

static inline const struct mr_encoding *operation_encoding(const struct mr_operation *operation,
                                                           void *state, int64_t *plain_bytes)
{
    const struct mr_operation_internals *own = operation->internals;
    return own && own->encoding ? own->encoding(state, plain_bytes) : NULL;
}

#endif
