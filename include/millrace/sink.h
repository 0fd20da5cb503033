/*
 * millrace/sink.h - where items go: the interface that every kind of sink implements.
 *
 * A sink is a struct of the implementer's own whose first member is struct mr_sink. Without
 * MR_SINK_SERIAL the calls for different writers run on several threads at once. With it, one item
 * at a time is between begin() and commit()/abort(), so at most one call runs at a time (on
 * changing threads, with proper memory order).
 */
#ifndef MILLRACE_SINK_H
#define MILLRACE_SINK_H

#include "millrace/entry.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mr_sink_flag {
    MR_SINK_SERIAL = 1, /* one item after the other, in input order unless the job says otherwise */
    MR_SINK_NEEDS_SIZE = 2,    /* begin() must be given the exact size of a file's content */
    MR_SINK_NO_HARD_LINKS = 8, /* hard links of a directory are given as files of their own */
    MR_SINK_FINAL = 4 /* what was written cannot be taken back: abort() in the middle of an item
                         ruins the output */
};

/* How a container keeps the content of each file: the job encodes it so in the compute pool, before
 * it is stored. */
struct mr_sink_encoding {
    enum mr_method method; /* what does not get smaller by it is kept plain */
    int level;             /* of the codec */
    bool recodes; /* content that comes in this encoding is encoded again, because somebody asked
                     for a level */
};

struct mr_pool;
struct mr_sink;
struct mr_writer; /* one item being written; the implementer's own */

struct mr_sink_ops {
    const char *kind; /* "directory", "archive", "stream", "null" */

    /*
     * Asked before an item is loaded, from several threads at once, so that no work is done in
     * vain. NULL: always wanted. MR_OK: wanted. MR_SKIPPED: leave the item out, it is done.
     * MR_E_EXISTS and other errors: the item fails.
     */
    enum mr_status (*wants)(struct mr_sink *sink, const struct mr_entry *entry,
                            struct mr_error *err);

    /*
     * Starts an item. entry->path is the name in the output, checked to be relative and free of
     * "..". size_bytes is the exact size of a file's content, or MR_SIZE_UNKNOWN (never with
     * MR_SINK_NEEDS_SIZE); 0 for what is not a file. For a hard link entry->target is the output
     * name of an earlier item. *writer is the caller's to commit or abort on MR_OK; entry stays
     * valid until then. MR_SKIPPED: the item is left out and done.
     */
    enum mr_status (*begin)(struct mr_sink *sink, const struct mr_entry *entry, int64_t size_bytes,
                            struct mr_writer **writer, struct mr_error *err);

    /*
     * Of a sink with an encoding: must this file's content be kept plain all the same? Any thread.
     * NULL: none must.
     *
     * With an encoding a file's entry has has_encoding in begin(), and write() gets the stored
     * bytes. size_bytes is their number, or MR_SIZE_UNKNOWN; entry->size_bytes is the size of the
     * plain content (MR_SIZE_UNKNOWN: not known yet). When size_bytes is not known, or
     * encoding.has_crc is not set, then entry holds what is missing when commit() is called (the
     * same pointer); that happens for MR_METHOD_DEFLATE and files larger than a block alone, whose
     * entry->size_bytes is then exact. Everything else comes with all of it known.
     */
    bool (*keeps_plain)(struct mr_sink *sink, const struct mr_entry *entry);

    /* Writes all size_bytes (> 0), or fails. After a failure only abort() may follow. */
    enum mr_status (*write)(struct mr_sink *sink, struct mr_writer *writer, const void *data,
                            size_t size_bytes, struct mr_error *err);

    /* Makes the item visible under its name, complete. Frees the writer whatever it returns; on
     * failure nothing is left. */
    enum mr_status (*commit)(struct mr_sink *sink, struct mr_writer *writer, struct mr_error *err);

    /*
     * After commit() of a file: brings it to the disk, reads it back and compares it with
     * size_bytes bytes whose CRC-32 (RFC 1952, section 8) is crc. MR_OK, MR_E_DATA (it is not what
     * was written), MR_E_SYSTEM. NULL: this output is complete only at its end, or keeps nothing.
     */
    enum mr_status (*verify)(struct mr_sink *sink, const struct mr_entry *entry,
                             uint64_t size_bytes, uint32_t crc, struct mr_error *err);

    /*
     * What stands in the output under entry->path by now: MR_OK fills *found, with its CRC when
     * has_crc is set (then all of it is read). MR_DONE: no file. MR_E_SYSTEM, MR_E_MEMORY. Any
     * thread. NULL: single items of this output cannot be looked at.
     */
    enum mr_status (*find)(struct mr_sink *sink, const struct mr_entry *entry, bool has_crc,
                           struct mr_stored *found, struct mr_error *err);

    /* Drops the item, leaving nothing behind. Frees the writer. */
    void (*abort)(struct mr_sink *sink, struct mr_writer *writer);

    /*
     * After the last item: what has to come last (links, directory times, an archive's end and its
     * final name). Called once, by one thread. on_problem (with its ctx; may be NULL) is told of
     * every item that could not be ended, by name. An error means that the output as a whole
     * failed. Not called when the run is given up: destroy() then discards.
     */
    enum mr_status (*finish)(struct mr_sink *sink,
                             void (*on_problem)(void *ctx, const char *path,
                                                const struct mr_error *problem),
                             void *ctx, struct mr_error *err);

    /* Frees everything; without finish() before it, removes what is not complete. */
    void (*destroy)(struct mr_sink *sink);

    /*
     * The process is about to end although other threads are still in calls that do not return:
     * removes temporary files that have a name. Nothing but the end of the process may follow.
     * NULL: there are none.
     */
    void (*abandon)(struct mr_sink *sink);

    /*
     * Appends what this output could not hold ("extended attributes of 3 items", ...), one line
     * each, to text; called after finish(). NULL: it could hold everything.
     */
    void (*losses)(struct mr_sink *sink, char *text, size_t cap_bytes);

    /*
     * Offers a pool of thread_count threads, which outlives all calls up to finish(), for work of
     * the sink's own (compressing an archive in blocks), and up to memory_bytes for it. Returns the
     * memory that will be used. Called once, before the first begin(). NULL: the sink has no such
     * work.
     */
    uint64_t (*use_pool)(struct mr_sink *sink, struct mr_pool *pool, unsigned thread_count,
                         uint64_t memory_bytes);

    /*
     * Bytes that the output itself has by now, where that differs from the content that was stored
     * (an archive). Any thread, at any time before destroy(). NULL: the content is the output.
     */
    uint64_t (*output_bytes)(struct mr_sink *sink);

    /*
     * The directory is an item of another run that shares the work with this one and may write to
     * the same place. Where it is there at the end, finish() sets its times and mode, which this
     * run may have changed by storing something in it. MR_OK, MR_E_SYSTEM, MR_E_MEMORY. By one
     * thread. NULL: other runs have nothing to do with this output.
     */
    enum mr_status (*shares)(struct mr_sink *sink, const struct mr_entry *entry,
                             struct mr_error *err);
};

struct mr_sink {
    const struct mr_sink_ops *ops;
    unsigned flags;                          /* enum mr_sink_flag */
    const struct mr_sink_encoding *encoding; /* owned by the sink; NULL: it takes plain content */
    const char *label; /* how messages name the output; owned by the sink; never NULL */
};

#ifdef __cplusplus
}
#endif
#endif
