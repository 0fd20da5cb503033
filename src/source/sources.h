/* sources.h - every kind of source, by the function that makes one. See millrace/source.h for what
 * a source is. */
#ifndef MR_SOURCE_SOURCES_H
#define MR_SOURCE_SOURCES_H

#include "millrace/source.h"
#include "source/archive_client.h"
#include "source/decode_ahead.h"

/* What a walk of a directory does; zero-initialised is the default. */
struct walk_config {
    bool is_unsorted;       /* --sort none: in the order of the directory */
    const char *first_name; /* what has this name in the root comes before everything else; not
                               copied; NULL: nothing */
    bool leaves_out_hidden; /* --no-hidden: names that begin with '.' */
    bool follows_links;     /* -L: what a link points to instead of the link; loops are noticed and
                               reported */
    bool stays_on_device;   /* --one-file-system */
    bool reads_xattrs;      /* --preserve xattr */
    unsigned max_depth;     /* 0: no limit; 1: only what lies directly in the directory */
    /* Is this directory to be entered (and listed)? NULL: all are. path is relative to the root. */
    bool (*descends)(void *ctx, const char *path);
    /* Is this name left out whatever it is? Asked where it cannot be looked at. NULL: none is. */
    bool (*leaves_out)(void *ctx, const char *path);
    void *ctx;
    /* (device, inode) of things to leave out: the run's own output and temporary file. */
    const struct walk_own *own;
    size_t own_count;
};

struct walk_own {
    uint64_t device, inode;
};

/*
 * A directory: walked lazily, depth first, a directory before what is in it, sorted by name (bytes)
 * within each directory; memory for the names of the directories on the way down only. Files are
 * opened below the root descriptor without following links. label is path. The config is copied,
 * own and first_name are not. MR_OK, MR_E_SYSTEM (names path), MR_E_MEMORY.
 */
enum mr_status directory_source_create(const char *path, const struct walk_config *config,
                                       struct mr_source **source, struct mr_error *err);

/*
 * One file by its name: a single entry, whose path is the base name. A link is an entry as itself
 * unless follows_links is set. label is path. MR_OK, MR_E_MEMORY.
 */
enum mr_status file_source_create(const char *path, const struct walk_config *config,
                                  struct mr_source **source, struct mr_error *err);

/*
 * What is left of an input that turned out to be no archive: the descriptor and the bytes that were
 * read from it meanwhile. A descriptor that can seek is put back to where it was (head_bytes is 0
 * then).
 */
struct archive_rest {
    int fd;            /* the caller's to close, or to hand to stream_source_create(); -1: none */
    void *head;        /* the caller's to free; NULL when head_bytes is 0 */
    size_t head_bytes; /* these come before what fd still gives */
};

/* How an archive is read; zero-initialised is the default. */
struct archive_options {
    struct decode_limits limits; /* for decoding it ahead of its reader */
    bool is_in_process;          /* --no-sandbox: libarchive runs in this process */
    bool is_names_only;          /* content will not be asked for */
    struct archive_client_config client;
    const char *table; /* of an SQLite archive; not copied; NULL: the usual one */
};

/*
 * An archive in any format and filter of the whitelist, read from where fd stands: by
 * zip_source_create() when it is a zip that this can read, by sqlar_source_create() when it is an
 * SQLite archive, else by libarchive, in a helper process (archive_client.h). fd is the source's
 * from now on, also on failure; a regular file or a pipe. label is copied. format: a name of
 * archive_format_at(), alone ("tar") or with a filter ("tar.gz"), or NULL to recognise it by
 * content. MR_OK; MR_E_UNSUPPORTED when the content is no archive (only without format: then it may
 * be a plain file: with rest given, *rest is filled instead of fd closed; rest may be NULL and is
 * set to {-1, NULL, 0} in every other case); MR_E_USAGE (format), MR_E_DATA, MR_E_SYSTEM,
 * MR_E_MEMORY. A pipe that holds a zip or 7z archive is spooled, for they begin at their end.
 * options (copied; NULL: the defaults): options->limits say what may be used to decode a compressed
 * archive ahead of its reader: buffers, threads, pieces that are decoded at once; what it comes to
 * stands in
 * (*source)->memory_bytes.
 */
enum mr_status archive_source_create_within(int fd, const char *label, const char *format,
                                            const struct archive_options *options,
                                            struct archive_rest *rest, struct mr_source **source,
                                            struct mr_error *err);
static inline enum mr_status archive_source_create(int fd, const char *label, const char *format,
                                                   struct archive_rest *rest,
                                                   struct mr_source **source, struct mr_error *err)
{
    return archive_source_create_within(fd, label, format, NULL, rest, source, err);
}

/*
 * A zip archive, read by our own reader (APPNOTE.TXT 6.3.x): from where fd, a regular file, stands
 * to its end. All of its structure is checked first (zip_check.h); with is_lenient what readers
 * differ on is no damage, but told by next() as MR_SKIPPED, and a member that cannot be found fails
 * alone. Files are given with their encoding: what read() gives are the bytes as they stand in the
 * archive, and whoever reads them decodes them and checks size and CRC. Members can be opened by
 * many threads at once, again and in any order. Memory does not grow with the number of members,
 * but for 8 bytes each during the check when they do not lie in the order of the directory. The
 * file must not change meanwhile. label is copied. MR_OK: fd is the source's from now on; in every
 * other case it stays the caller's, with its position. MR_E_UNSUPPORTED: there is no end record, or
 * a member is in a method that libarchive decodes and we do not. MR_E_DATA: it is a zip archive,
 * but damaged; MR_E_LIMIT, MR_E_SYSTEM, MR_E_MEMORY. Texts name the archive.
 */
enum mr_status zip_source_create(int fd, const char *label, bool is_lenient,
                                 struct mr_source **source, struct mr_error *err);

/*
 * An SQLite archive (https://sqlite.org/sqlar.html): a database that holds a table of that name
 * (NULL: "sqlar"), from where fd, a regular file, stands to its end. Members come in the order of
 * their names. Files are given with their encoding, and can be opened by many threads at once,
 * again and in any order; each that reads has a connection of its own. Memory does not grow with
 * the number of members. The database is read as it stands in the file, by nothing but its
 * descriptor: what is beside it says whether it is whole, and must not be there. The file must not
 * change meanwhile; a member that was read while it did fails. label is copied; it names the file.
 * MR_OK: fd is the source's from now on; in every other case it stays the caller's.
 * MR_E_UNSUPPORTED: it has no such table; MR_E_DATA, MR_E_CHANGED (another program writes to it, or
 * was killed while it did), MR_E_SYSTEM, MR_E_MEMORY. Texts name the archive. Only in a build with
 * SQLite.
 */
enum mr_status sqlar_source_create(int fd, const char *label, const char *table,
                                   struct mr_source **source, struct mr_error *err);

/*
 * One item named name that holds what fd gives until its end (fd is the source's, also on failure).
 * head, head_bytes: bytes read from it already, copied; NULL, 0 for none.
 */
enum mr_status stream_source_create(int fd, const char *name, const void *head, size_t head_bytes,
                                    struct mr_source **source, struct mr_error *err);

/* The index-th format or filter that archives are read from, for --from and `millrace formats`;
 * NULL after the last. */
struct archive_format {
    const char *name, *summary;
    bool is_filter; /* "gzip": what an archive may be wrapped in; "tar.gz" names both */
};
const struct archive_format *archive_format_at(size_t index);

#endif
