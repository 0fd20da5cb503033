/*
 * archives.h - what the suites of archive sources and sinks share: a list of items, written through
 * a sink and read back through a source. Every function ends the test when it cannot do its work,
 * unless it returns a status.
 */
#ifndef MR_TESTS_ARCHIVES_H
#define MR_TESTS_ARCHIVES_H

#include "millrace/sink.h"
#include "millrace/source.h"
#include "support/support.h"

struct archives_item {
    struct mr_entry entry;
    unsigned char *data; /* entry.size_bytes of it for a file; owned */
};

struct archives_list {
    struct archives_item *items;
    size_t count;
};

/* Appends an item; a file holds size_bytes of text for its seed. Mode 0644 or 0755, a fixed time.
 * The entry is the caller's to change. */
struct mr_entry *archives_add(struct archives_list *list, enum mr_kind kind, const char *path,
                              int64_t size_bytes);
void archives_clear(struct archives_list *list);

/*
 * What a job makes of a file for a sink with an encoding: the stored bytes (the caller's to free),
 * and *entry, a copy of the item's that owns nothing and has the encoding. What deflate does not
 * make smaller is kept plain.
 */
unsigned char *archives_encode(const struct archives_item *item, enum mr_method method,
                               struct mr_entry *entry);
/* Writes one item in pieces of piece_bytes and commits it, or aborts. A sink with an encoding gets
 * what it wants. */
enum mr_status archives_put(struct mr_sink *sink, const struct archives_item *item,
                            size_t piece_bytes, struct mr_error *err);

/* Writes all items, in pieces of piece_bytes, and finishes. Returns the first status that is not
 * MR_OK. */
enum mr_status archives_write(struct mr_sink *sink, const struct archives_list *list,
                              size_t piece_bytes, struct mr_error *err);

/*
 * Reads a source to its end, in pieces of piece_bytes; what is encoded is decoded and checked.
 * Items that could be read wholly are appended. Returns MR_OK when all went well, else the first
 * error; goes on after errors as the contract says.
 */
enum mr_status archives_read(struct mr_source *source, struct archives_list *list,
                             size_t piece_bytes, struct mr_error *err);

/* The item of that path, or NULL. A '/' at the end of what the archive says does not count. */
const struct archives_item *archives_find(const struct archives_list *list, const char *path);

/* A pipe that gives data and then its end, from a process of its own. Returns the descriptor. */
int archives_pipe(const void *data, size_t size_bytes);
/* A descriptor of a new nameless regular file that holds data, at its beginning. */
int archives_file(const void *data, size_t size_bytes);

#endif
