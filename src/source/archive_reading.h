/*
 * archive_reading.h - one archive being read by libarchive, wherever that runs: in this process
 * (archive_reader.h) or in a helper process (archive_client.h).
 *
 * Used by one thread at a time. Errors that are about the archive as a whole leave entry->path NULL
 * and do not name it.
 */
#ifndef MR_SOURCE_ARCHIVE_READING_H
#define MR_SOURCE_ARCHIVE_READING_H

#include "millrace/entry.h"

struct archive_reading;

/* The next part of a member's content: a hole, then bytes, which are valid until the next call. */
struct archive_block {
    int64_t zero_bytes;
    const unsigned char *data;
    size_t data_bytes;
};

struct archive_reading_ops {
    /* Like next() of a source (millrace/source.h): MR_OK, MR_DONE, MR_SKIPPED, or an error, after
     * which it may be called again. What is left of the last member's content is passed over. */
    enum mr_status (*next)(struct archive_reading *reading, struct mr_entry *entry,
                           struct mr_error *err);
    /* The next part of the content of the file that next() gave last. MR_OK, MR_DONE (that was all,
     * and it was as much as was declared), or an error, after which there is no more. */
    enum mr_status (*block)(struct archive_reading *reading, struct archive_block *block,
                            struct mr_error *err);
    /*
     * Instead of the first call of block(), for a member of size_bytes (> 0): its whole content,
     * which does not change until end_loan(), that any thread may call. MR_OK; MR_AGAIN: block()
     * gives it; or an error, as of block(). NULL: it is never lent.
     */
    enum mr_status (*lend)(struct archive_reading *reading, size_t size_bytes,
                           const unsigned char **data, struct mr_error *err);
    void (*end_loan)(struct archive_reading *reading, const unsigned char *data);
    void (*destroy)(struct archive_reading *reading);
};

struct archive_reading {
    const struct archive_reading_ops *ops;
    uint64_t used_bytes; /* of its input, for what was given so far; never less than before */
};

/* Where the bytes of the archive come from, already without the compression that unwrap.h knows. */
struct archive_input {
    void *ctx;
    /*
     * The next bytes, valid until the next call: MR_OK with *size_bytes > 0; MR_DONE at the end,
     * where *problem, if it was set to a text that is not empty, says what else follows the data
     * that was decoded. MR_E_SYSTEM with errno, other errors with *problem, a text.
     */
    enum mr_status (*read)(void *ctx, const void **data, size_t *size_bytes, const char **problem);
    /* Will the next read() give something at once? */
    bool (*is_ready)(void *ctx);
    /* read() begins at the beginning again. False: that is gone. */
    bool (*rewind)(void *ctx);
    /*
     * What read() gives may lie from now on in memory, which the caller makes, count blocks of
     * DECODE_BLOCK_BYTES; NULL: that goes away, and nothing is read any more. keep(): data, which
     * the last read() gave, lies there and stays valid until let_go(). False: not so. NULL: it
     * never does.
     */
    void (*place)(void *ctx, unsigned char *memory, size_t count);
    bool (*keep)(void *ctx, const void *data);
    void (*let_go)(void *ctx, const void *data);
    /* read() goes on there, which is not beyond the end. NULL: a stream, which cannot. */
    void (*seek)(void *ctx, int64_t offset_bytes);
    int64_t size_bytes; /* with seek */
    bool may_wait;      /* read() may have to wait for another process */
    bool is_decoded;    /* compression was taken off, and its checksum comes at the end */
};

/* What is being looked for; copied. */
struct archive_wanted {
    const char *format; /* a name that archive_formats_parse() takes; NULL: any */
    /* The first bytes could be an archive by chance: it is one if its first header makes sense. */
    bool is_weak;
    /* Compressed data that cannot be decompressed is a damaged archive, and no plain file. */
    bool is_claimed;
    bool is_tar;        /* it begins like tar: character sets but UTF-8 will not be needed */
    bool is_names_only; /* content will not be asked for */
};

#endif
