/*
 * journal.h - what a run has done so far, in a file that outlives it: the format, the writer, and
 * the reader for the run that goes on.
 *
 * The file: JOURNAL_MAGIC, then records, appended and never changed. A record is
 *
 *     4  the bytes D7 'M' 'R' 'J'
 *     4  count: bytes of what follows the next field
 *     4  CRC-32 (RFC 1952, section 8) of count's four bytes and of what follows
 *     count bytes: one for the type (enum journal_type), then its fields
 *
 * All numbers are little-endian; a text is its size in 4 bytes, its bytes without NUL, and a NUL.
 *
 *     header   4 count of field records that follow it, text version of the program, text kind of
 *              output_crc ("crc32")
 *     field    text name, text value: what must be the same for a run to go on with the journal
 *     session  8 time, 4 ns, 4 process, 1 is_synced, text id of the boot of the system
 *     item     1 status, 1 flags (1 has_output, 2 has_box, 4 has_source_crc), 4 attempts,
 *              3 files (source, box, output: 8 size, 8 mtime, 4 mtime ns, 4 mode, 8 inode),
 *              4 source_crc, 4 output_crc, 8 time of its end, 4 ns, 8 ns that it took,
 *              text input, text path, text output, text reason
 *     end      8 time, 4 ns, 1 is_complete
 *
 * A record that breaks off, or is not what its CRC says, is the torn end of a run that was killed,
 * as long as no whole record follows it: it is dropped. Else the journal is damaged, and refused.
 */
#ifndef MR_POLICY_JOURNAL_H
#define MR_POLICY_JOURNAL_H

#include <stdint.h>
#include <sys/types.h>

#include "millrace/status.h"

#define JOURNAL_MAGIC "millrace-journal-1\n"

enum journal_type {
    JOURNAL_HEADER = 'H',
    JOURNAL_FIELD = 'F',
    JOURNAL_SESSION = 'S',
    JOURNAL_ITEM = 'I',
    JOURNAL_END = 'E'
};

enum journal_status {
    JOURNAL_STORED = 1,
    JOURNAL_COPIED, /* its operations failed, and the input was stored instead */
    JOURNAL_SKIPPED,
    JOURNAL_FAILED
};

struct journal_file {
    int64_t size_bytes, mtime_s;
    uint32_t mtime_ns, mode;
    uint64_t inode; /* 0: not known */
};

struct journal_item {
    enum journal_status status;
    bool has_output;     /* output_file stands under output, and is this run's */
    bool has_box;        /* it is a member of an archive, which box describes */
    bool has_source_crc; /* of the content as it was read: archives know it */
    unsigned attempts;
    struct journal_file source, box, output_file;
    uint32_t source_crc, output_crc; /* output_crc: of what was written */
    int64_t ended_s;
    uint32_t ended_ns;
    uint64_t took_ns;
    const char *input;  /* the name of the input that it came from */
    const char *path;   /* its name there */
    const char *output; /* its name in the output; "": it got none */
    const char *reason; /* why it failed; "" */
};

/* A text of a record points into the memory that the record was decoded from. */
struct journal_record {
    enum journal_type type;
    unsigned field_count;                  /* header */
    const char *version, *output_crc_kind; /* header */
    const char *name, *value;              /* field */
    int64_t time_s;                        /* session, end */
    uint32_t time_ns;                      /* session, end */
    uint32_t process;                      /* session */
    bool is_synced;           /* session: outputs are on the disk before their record */
    const char *boot_id;      /* session */
    bool is_complete;         /* end: nothing failed, nothing is left to be done */
    struct journal_item item; /* item */
};

/* ---- journal_format.c: records and bytes ---- */

#define JOURNAL_FRAME_BYTES 12 /* before the type */

/* *bytes (the caller's to free) is the whole record. MR_OK, MR_E_MEMORY. */
enum mr_status journal_encode(const struct journal_record *record, unsigned char **bytes,
                              size_t *size_bytes);
/* The size of the record that begins with this frame, 0 when none can begin so. */
size_t journal_frame_size(const unsigned char frame[JOURNAL_FRAME_BYTES]);
/* bytes: a whole record. False when it is not what its CRC says, or has no known fields. */
bool journal_decode(const unsigned char *bytes, size_t size_bytes, struct journal_record *record);

/* ---- journal_write.c ---- */

struct journal;

/*
 * Goes on writing at the end of fd (open for appending, the journal's from then on, also on
 * failure), where an empty file gets its magic first. path is for messages, and copied. MR_OK,
 * MR_E_MEMORY.
 */
enum mr_status journal_create(int fd, const char *path, struct journal **journal,
                              struct mr_error *err);
/*
 * Appends a record, and returns when it is in the file. Any thread: what comes together is written
 * in one call. MR_OK; MR_E_MEMORY, MR_E_SYSTEM, also of a write of another thread before: nothing
 * is written after a write that failed, and what it left of a record is removed.
 */
enum mr_status journal_put(struct journal *journal, const struct journal_record *record,
                           struct mr_error *err);
/* Brings what was written to the disk. MR_OK, MR_E_SYSTEM. */
enum mr_status journal_sync(struct journal *journal, struct mr_error *err);
/* NULL is a no-op. */
void journal_destroy(struct journal *journal);

/* ---- journal_read.c: what earlier runs wrote. One thread at a time. ---- */

struct journal_past;

/*
 * Reads all of fd (which stays the caller's, and open). boot_id: of now. *past is NULL for a
 * journal that has not even a whole header: there is nothing to go on with. The end of what is
 * whole is *end_bytes. MR_OK, MR_E_DATA (no journal, or damaged in the middle), MR_E_SYSTEM,
 * MR_E_MEMORY; texts name path.
 */
enum mr_status journal_past_read(int fd, const char *path, const char *boot_id,
                                 struct journal_past **past, int64_t *end_bytes,
                                 struct mr_error *err);
void journal_past_destroy(struct journal_past *past); /* NULL is a no-op */
/* The value of a field, NULL when there is none of that name. The index-th field's name, NULL after
 * the last. */
const char *journal_past_field(const struct journal_past *past, const char *name);
const char *journal_past_field_at(const struct journal_past *past, size_t index);
/* Is there no item in it? */
bool journal_past_is_empty(const struct journal_past *past);
/* Did the last run end with everything done? */
bool journal_past_is_complete(const struct journal_past *past);
/*
 * The last word about the item that has that name in the output: MR_OK, and *item is valid until
 * the next call; MR_DONE: nobody said anything. *is_unsure: it was written before the system was
 * started anew, and nothing says that the output was on the disk by then. MR_E_SYSTEM, MR_E_DATA.
 */
enum mr_status journal_past_find(struct journal_past *past, const char *output,
                                 struct journal_item *item, bool *is_unsure, struct mr_error *err);

#endif
