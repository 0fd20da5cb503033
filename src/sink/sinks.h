/* sinks.h - every kind of sink, by the function that makes one. See millrace/sink.h for what a sink
 * is. */
#ifndef MR_SINK_SINKS_H
#define MR_SINK_SINKS_H

#include "millrace/sink.h"

struct stat;

enum existing {
    EXISTING_REFUSE,    /* the default: MR_E_EXISTS */
    EXISTING_OVERWRITE, /* -f */
    EXISTING_SKIP,      /* -n */
    EXISTING_UPDATE     /* -u: overwrite when the source is newer */
};

enum preserve { /* bits; --preserve */
                PRESERVE_MODE = 1,
                PRESERVE_MTIME = 2,
                PRESERVE_OWNER = 4,
                PRESERVE_XATTR = 8,
                PRESERVE_LINKS = 16
};
#define PRESERVE_DEFAULT (PRESERVE_MODE | PRESERVE_MTIME | PRESERVE_LINKS)

enum sync {            /* --fsync: what is brought to the disk before an item counts as stored */
            SYNC_NONE, /* left to the system */
            SYNC_FILE, /* the content of each file, before it gets its name */
            SYNC_ALL   /* and the name, with the directories that were made for it */
};

struct directory_sink_config {
    enum existing existing;
    enum sync sync;
    bool is_exclusive; /* MR_E_SYSTEM when another process with this set writes to the tree */
    /*
     * An earlier run was stopped here: its temporary files are removed, and what stands in an
     * item's place and is the very same counts as that run's.
     */
    bool is_resumed;
    /* Several processes write to the tree, each the shard_index-th of shard_count: is_exclusive
     * refuses the same one twice. 0: one alone. */
    unsigned shard_index, shard_count;
    unsigned preserve; /* enum preserve; the job has cleared from entries what is not to be kept */
    /*
     * Entries come from an archive: symlinks that lead outside are refused, and of extended
     * attributes only those named user.* are set, as others grant rights.
     */
    bool is_untrusted;
    bool allows_unsafe; /* -P: as if is_untrusted were not set */
};

/*
 * A tree below the directory path (made when missing, with its parents). Everything is opened below
 * one root descriptor by openat2 without following links; a component walk with O_NOFOLLOW where
 * the kernel has no openat2. Files get a temporary name in their directory, renamed in commit();
 * hard links, symbolic links, and times and modes of directories come in finish(). label is path.
 * MR_OK, MR_E_SYSTEM, MR_E_MEMORY.
 */
enum mr_status directory_sink_create(const char *path, const struct directory_sink_config *config,
                                     struct mr_sink **sink, struct mr_error *err);

struct archive_sink_config {
    enum sync sync;
    bool is_exclusive;    /* MR_E_SYSTEM when another process makes an archive of that name */
    bool is_resumed;      /* what an earlier run that was stopped has left beside it is removed */
    const char *format;   /* a name of archive_output_at() */
    const char *settings; /* what came after ':' in --to, or NULL */
    int level;            /* --level; -1: the format's default */
    bool overwrites;      /* -f: an existing file is replaced by the rename in finish() */
    const struct stat *replaced; /* with overwrites: see archive_target.h; NULL: nothing */
    bool is_reproducible;
    unsigned preserve; /* enum preserve */
    /* sqlar alone; see sqlar_sink.h: */
    const char *table;      /* --table; NULL: the usual one */
    bool appends;           /* --append */
    enum existing existing; /* with appends: of names that are there */
};

/*
 * An archive at path, written by libarchive, or for zip by zip_sink.h and for sqlar by
 * sqlar_sink.h, under a temporary name beside it and renamed in finish(); path "-" writes to
 * stdout. MR_OK, MR_E_EXISTS, MR_E_USAGE (settings, level), MR_E_SYSTEM, MR_E_UNSUPPORTED,
 * MR_E_MEMORY.
 */
enum mr_status archive_sink_create(const char *path, const struct archive_sink_config *config,
                                   struct mr_sink **sink, struct mr_error *err);

/* The index-th archive format that can be written, NULL after the last. */
struct archive_output {
    const char *name;     /* for --to: "tar.gz" */
    const char *suffixes; /* "|"-separated, with their dots: ".tar.gz|.tgz" */
    const char *summary;
    int level_min, level_max, level_default; /* all 0: no levels */
    bool has_hardlinks; /* unset: begin() refuses hard links, so a source that can should give full
                           copies instead */
};
const struct archive_output *archive_output_at(size_t index);
/* What --to takes behind the name: "format=pax|gnu|ustar, layout=member|bgzf"; "" when there is
 * nothing. The first of each is the default. */
void archive_output_settings(const struct archive_output *output, char *text, size_t cap_bytes);
/* The format of that name, also of a suffix without its dot ("tgz"), or NULL. */
const struct archive_output *archive_output_find(const char *name);
/* Is it the SQLite archive, which can be added to? NULL is none. */
bool archive_output_is_database(const struct archive_output *output);
/* The format whose suffix path ends in (case-insensitive), or NULL. */
const struct archive_output *archive_output_by_suffix(const char *path);

/* The contents of all items, one after the other, to fd (not closed). Names and everything else are
 * dropped. */
enum mr_status stream_sink_create(int fd, const char *label, struct mr_sink **sink,
                                  struct mr_error *err);

/* Takes everything and keeps nothing. */
enum mr_status null_sink_create(struct mr_sink **sink, struct mr_error *err);
/* Its abort() and finish(), for other sinks that have nothing to do there. */
void null_sink_abort(struct mr_sink *sink, struct mr_writer *writer);
enum mr_status null_sink_finish(struct mr_sink *sink,
                                void (*on_problem)(void *ctx, const char *path,
                                                   const struct mr_error *problem),
                                void *ctx, struct mr_error *err);

#endif
