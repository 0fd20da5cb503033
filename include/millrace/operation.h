/*
 * millrace/operation.h - what is done to the bytes of an item: the interface of an operation.
 *
 * An operation is a static table entry. config is made once from its "key=value" settings, is read-only from then on and
 * shared by all threads. state belongs to one item at a time and is reused for the next one; a state is used by one
 * thread at a time. An operation knows no threads, no files and no other operation.
 */
#ifndef MILLRACE_OPERATION_H
#define MILLRACE_OPERATION_H

#include "millrace/entry.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mr_operation_flag {
    MR_OPERATION_IDENTITY = 1, /* the bytes are unchanged; it only looks (hash with a list beside the output) */
    MR_OPERATION_NOTES = 2,    /* note() gives a line for each item, to be written in input order */
    MR_OPERATION_UNPACKS = 4   /* little may become very much: limited by --max-ratio */
};

struct chain_limits;

/*
 * The room for one process() call. The operation advances in/in_bytes and out/out_bytes past what it used.
 * is_last: no input follows in[0..in_bytes).
 */
struct mr_io {
    const unsigned char *in;
    size_t in_bytes;
    bool is_last;
    unsigned char *out;
    size_t out_bytes; /* room left; > 0 at the call */
    /* Asked by operations that wait for something outside (a child): true = give up at once with MR_CANCELLED. May be NULL. */
    bool (*is_cancelled)(void *ctx);
    void *cancel_ctx;
    /* When the item must be through, by CLOCK_MONOTONIC: an operation that waits for something outside gives up then, with MR_E_TIMEOUT. 0: never. */
    int64_t deadline_ns;
    /* What content may become; for operations of the library that run others. NULL: anything. */
    const struct chain_limits *limits;
    /* The content is that of the entry, so that the entry's name says what it is; false where that is not certain. */
    bool is_as_named;
    /* Set with MR_DONE: what was wrong and is left out, a constant text. The item is stored, and the user told. NULL: nothing. */
    const char *remark;
};

/* One documented setting of an operation: what `millrace ops NAME` prints, and what the parser accepts. */
struct mr_setting {
    const char *key;
    const char *values;  /* for people: "1-12", "NAME", "crc32|xxh3|sha256" */
    const char *initial; /* the default, for people */
    const char *summary;
};

struct block_codec;
struct block_options;

struct mr_operation {
    size_t struct_bytes;  /* sizeof(struct mr_operation): set by the author, lets the struct grow */
    const char *name;     /* "gzip" */
    const char *summary;  /* one line */
    unsigned flags;       /* enum mr_operation_flag */
    const struct mr_setting *settings; /* ends with a NULL key; the first is what a bare value after ':' sets; may be NULL */

    /*
     * Makes the configuration with every setting at its default. *config may be left NULL by an operation without settings.
     * MR_OK, MR_E_MEMORY, MR_E_UNSUPPORTED. NULL: there is no configuration.
     */
    enum mr_status (*config_create)(void **config, struct mr_error *err);
    /* Sets one. MR_OK, or MR_E_USAGE with a text that says what is allowed. value is never NULL. */
    enum mr_status (*config_set)(void *config, const char *key, const char *value, struct mr_error *err);
    /* Called once after the last config_set(): checks what must fit together. May be NULL. */
    enum mr_status (*config_check)(void *config, struct mr_error *err);
    void (*config_destroy)(void *config);

    /*
     * The most bytes that in_bytes (exact, all of the content) can become, or SIZE_MAX when there is no bound.
     * NULL: there is none. The first process() call gets this much room when it also gets the whole content with is_last.
     */
    size_t (*bound)(const void *config, size_t in_bytes);
    /*
     * Instead of bound(), where what stands in the entry tells (entry->encoding, entry->size_bytes); entry is that of start(). Sizes that an archive
     * declares may be lies: more than 1 MiB is not to be promised (SIZE_MAX). NULL: bound() it is.
     */
    size_t (*bound_entry)(const void *config, const struct mr_entry *entry, size_t in_bytes);
    /* Memory that one state holds at most, in bytes, for the budget. NULL: next to nothing. */
    size_t (*state_bytes)(const void *config);

    /*
     * Puts the output name for the input name *path (a heap string that the operation may free and replace).
     * MR_OK or MR_E_MEMORY. NULL: the name stays.
     */
    enum mr_status (*rename)(const void *config, char **path);

    enum mr_status (*state_create)(const void *config, void **state, struct mr_error *err);
    /* Before each item, also the first. entry is valid until the item is done. */
    enum mr_status (*start)(void *state, const struct mr_entry *entry, struct mr_error *err);
    /*
     * Uses input and makes output until the input is used up, the room is full, or it is finished.
     * MR_OK: call again, with more input once in_bytes is 0, with more room once out_bytes is 0.
     * MR_DONE: finished, nothing more comes out (only after is_last, or when the operation wants no more input:
     * what is left of the input is then dropped). At least one call with is_last is made even for
     * empty content. Every call with input left and room left makes progress. Errors end the item.
     */
    enum mr_status (*process)(void *state, struct mr_io *io, struct mr_error *err);
    /* With MR_OPERATION_NOTES, after MR_DONE: the line (with its newline) for the list of notes. Valid until the next start(). */
    const char *(*note)(void *state);
    /* With MR_OPERATION_NOTES: the file that the notes are written to, or NULL. Owned by the config. */
    const char *(*notes_path)(const void *config);
    /*
     * How large content can be encoded in blocks on several threads: the same bytes that process() makes. *options lives as long as config.
     * For the library's own encoders; NULL, as a function or as its result: it cannot.
     */
    const struct block_codec *(*blocks)(const void *config, const struct block_options **options);
    /*
     * Of an operation that encodes for a container, after MR_DONE: method and CRC of what it was given, and the size of the plain
     * content in *plain_bytes. Valid until the next start(). NULL: it is another kind of operation.
     */
    const struct mr_encoding *(*encoding)(void *state, int64_t *plain_bytes);
    /* After the last process() of an item that was cut short (failure, cancel). The state is started again later. NULL: nothing. */
    void (*stop)(void *state);
    void (*state_destroy)(void *state);
};

#ifdef __cplusplus
}
#endif
#endif
