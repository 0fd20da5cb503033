/*
 * archive_wire.h - entries and errors as bytes, from a helper process to its parent, which takes
 * nothing on trust. Both are the same program: lengths and numbers are as in memory.
 */
#ifndef MR_SOURCE_ARCHIVE_WIRE_H
#define MR_SOURCE_ARCHIVE_WIRE_H

#include "millrace/entry.h"

/* Bytes that grow. Zero-initialised is empty. */
struct wire {
    unsigned char *bytes; /* owned */
    size_t size_bytes, cap_bytes;
};
void wire_fini(struct wire *wire);

/* Replace what wire holds. False when out of memory. */
bool wire_write_entry(struct wire *wire, const struct mr_entry *entry);
/* entry: the member that it is about, or NULL. */
bool wire_write_error(struct wire *wire, const struct mr_error *error,
                      const struct mr_entry *entry);

/*
 * Makes an entry of bytes that may be anything. True: *entry (zeroed by the caller, who clears it
 * in any case) is one that a source may give: a path and what belongs to its kind, no NUL within
 * names, numbers in their ranges. False: the bytes are none, or memory ran out (errno is ENOMEM
 * then, else EBADMSG).
 */
bool wire_read_entry(const unsigned char *bytes, size_t size_bytes, struct mr_entry *entry);
/* The same for an error: a failure, with a text of one line and no control characters. *entry gets
 * the path of the member that it is about, if any. */
bool wire_read_error(const unsigned char *bytes, size_t size_bytes, struct mr_error *error,
                     struct mr_entry *entry);

#endif
