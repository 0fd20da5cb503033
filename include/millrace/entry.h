/*
 * millrace/entry.h - what is known of one item: its name, kind and metadata.
 *
 * A source fills an entry, the job copies and renames it, a sink reads it. Once an item is in
 * flight its entry is const. Names are bytes without NUL, '/' between components; nothing says that
 * they are UTF-8.
 */
#ifndef MILLRACE_ENTRY_H
#define MILLRACE_ENTRY_H

#include <stdint.h>

#include "millrace/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mr_kind {
    MR_KIND_FILE = 0,
    MR_KIND_DIRECTORY,
    MR_KIND_SYMLINK,  /* target: the text of the link, as it is */
    MR_KIND_HARDLINK, /* target: the path of an earlier entry of the same source */
    MR_KIND_OTHER     /* device, FIFO, socket: never created, reported by the job */
};

#define MR_SIZE_UNKNOWN (-1)

/* How the content of a file stands in a container that keeps every member on its own (zip, an
 * SQLite archive). */
enum mr_method {
    MR_METHOD_PLAIN = 0, /* as it is */
    MR_METHOD_DEFLATE,   /* a raw deflate stream (RFC 1951) */
    MR_METHOD_ZSTD,      /* Zstandard frames (RFC 8878) */
    MR_METHOD_ZLIB       /* a zlib stream (RFC 1950) */
};

struct mr_encoding {
    enum mr_method method;
    bool has_crc;         /* crc is known */
    uint32_t crc;         /* CRC-32 (RFC 1952, section 8) of the plain content */
    int64_t stored_bytes; /* size as it stands there; MR_SIZE_UNKNOWN */
};

struct mr_xattr {
    char *name;  /* owned; with its namespace: "user.note" */
    void *value; /* owned; NULL when value_bytes is 0 */
    size_t value_bytes;
};

/* A file as it stands in an output. */
struct mr_stored {
    int64_t size_bytes, mtime_s;
    uint32_t mtime_ns;
    uint32_t crc; /* CRC-32 (RFC 1952, section 8) of its content, where it was asked for */
};

struct mr_entry {
    char *path;   /* owned; relative for a directory source; what an archive says for an archive */
    char *target; /* owned; NULL unless a link */
    enum mr_kind kind;
    uint32_t mode; /* permission bits, 07777; meaningful when has_mode */
    bool has_mode;
    bool has_mtime;
    bool has_owner;
    bool is_encrypted; /* the member's bytes cannot be had */
    /*
     * The bytes that a source gives, or a sink takes, are those that stand in the container:
     * encoding says how. size_bytes is the size of the plain content all the same.
     */
    bool has_encoding;
    struct mr_encoding encoding; /* meaningful when has_encoding */
    bool replaces_earlier; /* set by a job: an earlier item of the same run had this name, and this
                              one takes its place */
    /*
     * Set by a job that goes on where an earlier run was stopped; not owned; NULL: nothing. A file
     * of that size and time that stands in the entry's place is that run's own, and may be
     * replaced.
     */
    const struct mr_stored *replaces;
    int64_t mtime_s;        /* seconds since 1970, may be negative */
    uint32_t mtime_ns;      /* 0..999,999,999 */
    int64_t size_bytes;     /* of a file's content; MR_SIZE_UNKNOWN when the source cannot tell */
    uint64_t uid, gid;      /* meaningful when has_owner */
    char *uname, *gname;    /* owned; NULL when not known */
    uint64_t device, inode; /* 0, 0 when the source has none */
    uint64_t sequence; /* number of the item in its run, from 1, among the files that the operations
                          run on; 0: none */
    const char *output_path; /* its name in the output, for operations; not owned, not copied; NULL
                                where there is none yet */
    uint64_t place;          /* where the entry stands in its source: for the source's own use */
    uint64_t link_count;     /* names of this inode; 1 when not known */
    struct mr_xattr *xattrs; /* owned array, NULL when there are none */
    size_t xattr_count;
};

/* Frees what the entry owns and zeroes it. entry may be zeroed already; NULL is a no-op. */
MR_API void mr_entry_clear(struct mr_entry *entry);

/* Deep copy. to is overwritten without being cleared. Returns MR_OK or MR_E_MEMORY (then *to is
 * zeroed). */
MR_API enum mr_status mr_entry_copy(struct mr_entry *to, const struct mr_entry *from);

/* Replaces entry->path by a copy of path. Returns MR_OK or MR_E_MEMORY (then nothing changed). */
MR_API enum mr_status mr_entry_set_path(struct mr_entry *entry, const char *path);

/* Like mr_entry_set_path(), for the target; target may be NULL, which removes it. */
MR_API enum mr_status mr_entry_set_target(struct mr_entry *entry, const char *target);

#ifdef __cplusplus
}
#endif
#endif
