/*
 * millrace/operation.h - what is done to the bytes of an item: the interface of operations, and of
 * plugins, which bring operations of their own. A plugin needs the headers alone, no library:
 *
 *     #include <millrace/operation.h>
 *
 *     static enum mr_status process(void *state, struct mr_io *io,
 *                                   struct mr_error *err)
 *     {
 *         size_t count = io->in_bytes;
 *         if (count > io->out_bytes)
 *             count = io->out_bytes;
 *         (void)state;
 *         (void)err;
 *         for (size_t i = 0; i < count; i++)
 *             io->out[i] = io->in[i] ^ 0x20;
 *         mr_io_advance(io, count, count);
 *         return io->is_last && io->in_bytes == 0 ? MR_DONE : MR_OK;
 *     }
 *
 *     static const struct mr_operation flip = {
 *         .struct_bytes = sizeof(flip),
 *         .name = "flip",
 *         .summary = "flips bit 5",
 *         .process = process,
 *     };
 *     static const struct mr_operation *const operations[] = {&flip, NULL};
 *     static const struct mr_plugin plugin = {
 *         .struct_bytes = sizeof(plugin),
 *         .abi_version = MR_PLUGIN_ABI,
 *         .name = "flip",
 *         .version = "1.0",
 *         .licence = "MIT",
 *         .summary = "an example",
 *         .operations = operations,
 *     };
 *
 *     const struct mr_plugin *mr_plugin_v1(const struct mr_host *host)
 *     {
 *         (void)host;
 *         return &plugin;
 *     }
 *
 *     cc -std=c11 -O2 -fPIC -shared flip.c -o flip.so
 *     millrace run DIR -p ./flip.so -o OUT/
 *
 * Life of an operation. A configuration is made from its "key=value" settings by one thread, is
 * read-only from then on and shared by all threads. A state belongs to one item at a time: start(),
 * process() until it says MR_DONE or fails, and the next item; it is used by one thread at a time,
 * though not always by the same one. There are as many states as items in work. What comes out may
 * depend on the content, the entry and the settings, not on how the content is cut up for
 * process().
 *
 * What a function must not do: end the process, print, keep a thread after it returned, change what
 * belongs to the whole process (working directory, locale, umask, signals, environment), throw a
 * C++ exception out, or use more than 64 KiB of stack. Descriptors 0 to 2 are not its own.
 *
 * How the interface grows. Structs that begin with struct_bytes (mr_operation, mr_plugin, mr_host)
 * and structs that are only ever made by the host (mr_io, mr_entry) get new members at their end.
 * The host copies the smaller of struct_bytes and what it knows, and takes the rest as zero; a
 * plugin that uses a member added after version 0.1 of millrace looks at struct mr_host first
 * whether it is there. Never copy an mr_io or mr_entry by value. Other structs (mr_error,
 * mr_setting, mr_encoding, mr_xattr) and the numbers of the enums stay as they are. What breaks
 * this gets another MR_PLUGIN_ABI.
 */
#ifndef MILLRACE_OPERATION_H
#define MILLRACE_OPERATION_H

#include <stdarg.h>
#include <stdio.h>

#include "millrace/entry.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mr_operation_flag {
    MR_OPERATION_IDENTITY = 1, /* content stays: it only looks (hash with a list) */
    MR_OPERATION_NOTES = 2,    /* note() gives a line for each item, to be written in input order */
    MR_OPERATION_OUTSIDE = 4,  /* works outside of this process: a job has no more items in it at
                                  once than it has workers */
    MR_OPERATION_UNPACKS = 8   /* little may become very much: limited by --max-ratio */
};

struct chain_limits;

/*
 * The room for one process() call. The operation advances in/in_bytes and out/out_bytes past what
 * it used: mr_io_advance(). is_last: no input follows in[0..in_bytes).
 */
struct mr_io {
    const unsigned char *in; /* not NULL */
    size_t in_bytes;
    bool is_last;
    unsigned char *out;
    size_t out_bytes; /* room left; > 0 at the call */
    /* Asked by operations that wait for something outside (a child): true = give up at once with
     * MR_CANCELLED. May be NULL. */
    bool (*is_cancelled)(void *ctx);
    void *cancel_ctx;
    /* When the item must be through, by CLOCK_MONOTONIC: an operation that waits for something
     * outside gives up then, with MR_E_TIMEOUT. 0: never. */
    int64_t deadline_ns;
    /* What content may become; for operations of the library that run others. NULL: anything. */
    const struct chain_limits *limits;
    /* The content is that of the entry, so that the entry's name says what it is; false where that
     * is not certain. */
    bool is_as_named;
    /* Set with MR_DONE: what was wrong and is left out, a constant text. The item is stored, and
     * the user told. NULL: nothing. */
    const char *remark;
    /*
     * The operation adds what of the time of this call is not the item's (the start of a process
     * that outlives it), in ns: what it may be before, so that it is not taken for late, and what
     * it was in the end. May be NULL.
     */
    int64_t *excused_ns;
};

/* One documented setting of an operation: what `millrace ops NAME` prints, and what the parser
 * accepts. */
struct mr_setting {
    const char *key;
    const char *values;  /* for people: "1-12", "NAME", "crc32|xxh3|sha256" */
    const char *initial; /* the default, for people; NULL when there is none */
    const char *summary;
};

struct mr_operation_internals;

/* Required: struct_bytes, name, summary, process; config_set where there are settings. Everything
 * else may be zero. */
struct mr_operation {
    size_t struct_bytes; /* sizeof(struct mr_operation): set by the author, lets the struct grow */
    const char *name;    /* "gzip": letters, digits, '-', '_', '+', '.'; at most 40 */
    const char *summary; /* one line */
    unsigned flags;      /* enum mr_operation_flag */
    const struct mr_setting *settings; /* ends with a NULL key; the first is what a bare value after
                                          ':' sets; may be NULL */

    /*
     * Makes the configuration with every setting at its default. *config may be left NULL by an
     * operation without settings. MR_OK, MR_E_MEMORY, MR_E_UNSUPPORTED. NULL: there is no
     * configuration.
     */
    enum mr_status (*config_create)(void **config, struct mr_error *err);
    /* Sets one. MR_OK, or MR_E_USAGE with a text that says what is allowed. value is never NULL,
     * and gone after the call. */
    enum mr_status (*config_set)(void *config, const char *key, const char *value,
                                 struct mr_error *err);
    /* Called once after the last config_set(): checks what must fit together. May be NULL. */
    enum mr_status (*config_check)(void *config, struct mr_error *err);
    void (*config_destroy)(void *config);

    /*
     * The most bytes that in_bytes (exact, all of the content) can become, or SIZE_MAX when there
     * is no bound. NULL: there is none. The first process() call gets this much room when it also
     * gets the whole content with is_last. It is a promise: an item that becomes longer fails. A
     * bound over 1 MiB + 16 * in_bytes is taken as none. It must not be less for more bytes.
     */
    size_t (*bound)(const void *config, size_t in_bytes);
    /* Memory that one state holds at most, in bytes, for the budget. NULL: next to nothing. */
    size_t (*state_bytes)(const void *config);

    /*
     * Puts the output name for the input name *path (a string of malloc() that the operation may
     * free and replace by another). Relative, '/' between components, no "..". MR_OK or
     * MR_E_MEMORY. NULL: the name stays.
     */
    enum mr_status (*rename)(const void *config, char **path);

    /* NULL: state is NULL. config lives longer than the state. */
    enum mr_status (*state_create)(const void *config, void **state, struct mr_error *err);
    /* Before each item, also the first. entry is valid until the item is done. NULL: nothing is to
     * be done. */
    enum mr_status (*start)(void *state, const struct mr_entry *entry, struct mr_error *err);
    /*
     * Uses input and makes output until the input is used up, the room is full, or it is finished.
     * MR_OK: call again, with more input once in_bytes is 0, with more room once out_bytes is 0.
     * MR_DONE: finished, nothing more comes out (only after is_last, or when the operation wants no
     * more input: what is left of the input is then dropped). At least one call with is_last is
     * made even for empty content. Every call with input left and room left makes progress. Errors
     * (MR_E_*) and MR_CANCELLED end the item.
     */
    enum mr_status (*process)(void *state, struct mr_io *io, struct mr_error *err);
    /* With MR_OPERATION_NOTES, after MR_DONE: the line (with its newline) for the list of notes.
     * Valid until the next start(). */
    const char *(*note)(void *state);
    /* With MR_OPERATION_NOTES: the file that the notes are written to, or NULL. Owned by the
     * config. */
    const char *(*notes_path)(const void *config);
    /* After the last process() of an item that was cut short (failure, cancel). The state is
     * started again later. NULL: nothing. */
    void (*stop)(void *state);
    void (*state_destroy)(void *state);
    /* What the library's own operations have besides; NULL in a plugin. */
    const struct mr_operation_internals *internals;
};

/* ---- plugins ---- */

#define MR_PLUGIN_ABI 1 /* of this header */

/* What a plugin is told of who loads it. Valid as long as the plugin is loaded. */
struct mr_host {
    size_t struct_bytes;
    const char *version;    /* of libmillrace, "major.minor.patch" */
    size_t operation_bytes; /* sizeof(struct mr_operation) as the host knows it; below likewise */
    size_t io_bytes;
    size_t entry_bytes;
};

/* What a plugin says of itself. All of it lives as long as the plugin is loaded. */
struct mr_plugin {
    size_t struct_bytes;  /* sizeof(struct mr_plugin) */
    unsigned abi_version; /* MR_PLUGIN_ABI */
    const char *name;     /* of the plugin; its operations have names of their own */
    const char *version;  /* "1.0" */
    const char *licence;  /* "MIT" (SPDX); NULL: not said */
    const char *summary;  /* one line; NULL: none */
    const struct mr_operation *const *operations; /* ends with NULL; at least one, at most 100 */
};

/*
 * What a plugin defines and exports; libmillrace has no such function. Called each time the plugin
 * is named with -p, by one thread, before anything else. NULL: it cannot work here (the host is too
 * old).
 */
MR_API const struct mr_plugin *mr_plugin_v1(const struct mr_host *host);

/* Says why a function failed: `return mr_operation_fail(err, MR_E_DATA, "line %u: ...", line)`. One
 * line, what does not fit is cut. err may be NULL. */
MR_PRINTF(3, 4)
static inline enum mr_status mr_operation_fail(struct mr_error *err, enum mr_status status,
                                               const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof(err->text), format, args);
        va_end(args);
        err->status = status;
        err->sys_errno = 0;
    }
    return status;
}

/* Moves io past what was used of the input and made in the room. */
static inline void mr_io_advance(struct mr_io *io, size_t used_bytes, size_t made_bytes)
{
    io->in += used_bytes;
    io->in_bytes -= used_bytes;
    io->out += made_bytes;
    io->out_bytes -= made_bytes;
}

#ifdef __cplusplus
}
#endif
#endif
