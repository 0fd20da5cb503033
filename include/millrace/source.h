/*
 * millrace/source.h - where items come from: the interface that every kind of source implements.
 *
 * A source is a struct of the implementer's own whose first member is struct mr_source. next() is
 * called by one thread at a time. Without MR_SOURCE_SERIAL, open/read/close of different readers
 * run on several threads at once, also while next() runs; with it, at most one call of any kind
 * runs at a time (on changing threads, with the proper memory order between them), and an entry's
 * bytes can be read only until next() is called again.
 */
#ifndef MILLRACE_SOURCE_H
#define MILLRACE_SOURCE_H

#include "millrace/entry.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mr_source_flag {
    MR_SOURCE_SERIAL = 1, /* items must be loaded one after the other, in order (tar, a pipe) */
    MR_SOURCE_REOPENABLE =
        2, /* open() works more than once for an entry, also after next() moved on */
    MR_SOURCE_CONTAINER =
        4 /* an archive: members are shown as "label!/path", and names are not trusted */
};

struct mr_source;
struct mr_reader; /* one entry being read; the implementer's own */

struct mr_source_ops {
    const char *kind; /* "directory", "archive" ... for messages */

    /*
     * Fills *entry (zeroed by the caller, who clears it) with the next entry.
     * MR_OK: there is one. MR_DONE: no more. Any error: *err says what; entry->path names the
     * member it is about, or is NULL when it is about the input as a whole. MR_SKIPPED: no entry,
     * but something that the user should know of the input, in *err. After an error next() may be
     * called again and goes on with what follows, or returns MR_DONE when nothing can follow.
     */
    enum mr_status (*next)(struct mr_source *source, struct mr_entry *entry, struct mr_error *err);

    /*
     * Starts reading the content of a file entry that next() gave. *reader is the caller's to close
     * on MR_OK. Errors: MR_E_SYSTEM, MR_E_DATA, MR_E_MEMORY, MR_E_CHANGED (gone, or no longer the
     * file that next() saw).
     */
    enum mr_status (*open)(struct mr_source *source, const struct mr_entry *entry,
                           struct mr_reader **reader, struct mr_error *err);

    /*
     * Reads up to cap_bytes (> 0) of the content; for an entry with has_encoding of the bytes as
     * they stand in the container: whoever reads them decodes them and checks size and CRC.
     * *got_bytes < cap_bytes only at the end of the content; short reads of the system are looped
     * over. Returns MR_OK (also at the end, with what was left, perhaps 0 bytes), or an error.
     */
    enum mr_status (*read)(struct mr_source *source, struct mr_reader *reader, void *buffer,
                           size_t cap_bytes, size_t *got_bytes, struct mr_error *err);

    /*
     * The size of the content as it is now that it is open, in bytes, or MR_SIZE_UNKNOWN. NULL:
     * what next() said still holds (for an entry with has_encoding it is the size of the stored
     * bytes). A file may have grown since then.
     */
    int64_t (*open_size)(struct mr_source *source, struct mr_reader *reader);

    /*
     * Brings size_bytes, mode and mtime of *entry up to what they were when reader was opened. True
     * when any of them is another than next() said. NULL: what next() said still holds.
     */
    bool (*update)(struct mr_source *source, const struct mr_reader *reader,
                   struct mr_entry *entry);

    /* Ends reading, complete or not. reader may be NULL. May report that the file changed
     * meanwhile. */
    enum mr_status (*close)(struct mr_source *source, struct mr_reader *reader,
                            struct mr_error *err);

    /*
     * Removes the file that entry describes, if it is still the same file, with the same size and
     * time of change. MR_OK, MR_E_CHANGED (it is another by now, and stays), MR_E_SYSTEM. NULL:
     * this source cannot.
     */
    enum mr_status (*remove)(struct mr_source *source, const struct mr_entry *entry,
                             struct mr_error *err);

    /*
     * Of a container: how large the input is, compressed as it is, or how much of it was read where
     * that is not known. Called as read() is. NULL: not known; then there is no limit by ratio to
     * what it unpacks to.
     */
    uint64_t (*input_bytes)(struct mr_source *source);

    /* Frees everything, after the last close(). */
    void (*destroy)(struct mr_source *source);

    /* The descriptor that reader reads, when it is a regular file whose content is all of the
     * entry's; it stays the reader's. -1, or NULL: there is none. */
    int (*descriptor)(struct mr_source *source, struct mr_reader *reader);

    /*
     * Of an input that is read from front to back: how many of its bytes, compressed as they are,
     * were used up for what next() and read() gave so far; never less than before, and at its end
     * all of them, or nearly so. Tells how far a run is whose items cannot be counted before.
     * Called as read() is. NULL: not known; then it is told by the sizes of the items.
     */
    uint64_t (*used_bytes)(struct mr_source *source);

    /*
     * In place of the first read(): *data is the whole content, size_bytes (> 0, what is known of
     * its size), where it lies. It does not change and stays there until give_back(), which any
     * thread may call, also after close(), and which comes before destroy(). MR_OK; MR_AGAIN: it
     * cannot be had like this, read() gives it; or an error, as of read(). Both NULL: never.
     */
    enum mr_status (*borrow)(struct mr_source *source, struct mr_reader *reader, size_t size_bytes,
                             const void **data, struct mr_error *err);
    void (*give_back)(struct mr_source *source, const void *data);
};

struct mr_source {
    const struct mr_source_ops *ops;
    unsigned flags;    /* enum mr_source_flag */
    const char *label; /* how messages name the input; owned by the source; never NULL */
    /* What it may take for itself besides what is paid for each item; 0: next to nothing. Constant.
     */
    uint64_t memory_bytes;
};

#ifdef __cplusplus
}
#endif
#endif
