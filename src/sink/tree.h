/*
 * tree.h - the inside of the directory sink: directory_sink.c stores items as they come,
 * tree_finish.c does what comes last, tree.c is what both need.
 */
#ifndef MR_SINK_TREE_H
#define MR_SINK_TREE_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/below.h"
#include "base/dircache.h"
#include "base/path.h"
#include "sink/later.h"
#include "sink/sinks.h"

#define TREE_TEMP_PREFIX ".millrace-"
#define TREE_TEMP_DIGITS 16 /* after the prefix */
#define TREE_SHARD_BYTES 24 /* "-I-N" behind those, where shards share the tree */
#define TREE_TEMP_BYTES  (sizeof(TREE_TEMP_PREFIX) + TREE_TEMP_DIGITS + TREE_SHARD_BYTES)
#define TREE_LOCK_NAME   TREE_TEMP_PREFIX "shards"

struct staged;

struct tree {
    struct mr_sink sink;
    struct directory_sink_config config;
    char *label;
    struct below root;
    int lock_fd;                         /* of the root, with the lock; -1: none */
    int shard_fd;                        /* of TREE_LOCK_NAME, with this shard's lock; -1: none */
    char shard_suffix[TREE_SHARD_BYTES]; /* of temporary names; "": one process alone */
    struct dircache *dirs;               /* of the directories below the root */
    struct later *later;
    struct later *made;       /* the symbolic links to be checked; NULL until one was made */
    struct later *shared;     /* directories of other shards; NULL: none yet */
    uint64_t open_mode_count; /* directories that stay open for other shards; finish() */
    bool names_nameless;      /* a nameless file can be given a name */
    mode_t umask_bits;
    struct timespec start; /* what changed before is not this run's; by the clock of file systems */
    uint64_t seed;         /* of temporary names; unpredictable */
    atomic_uint_fast64_t temp_count;
    atomic_uint_fast64_t lost_owner_count, lost_xattr_count;
    struct staged *named;      /* named_is_busy; files that are being written under a name */
    atomic_flag named_is_busy; /* for a few instructions at a time */
    atomic_bool has_replaced;  /* some item takes the place of an earlier one of this run */
};

/*
 * An error about the output path, named below the tree. Well-known errno values get a status and a
 * text of their own.
 */
enum mr_status tree_failed(const struct tree *tree, const char *path, int fault, const char *what,
                           struct mr_error *err);

/* A new temporary name. */
void tree_temp_name(struct tree *tree, char name[TREE_TEMP_BYTES]);
/* Does a component of path look like a temporary name, or the lock of shards? */
bool tree_is_reserved(const char *path);
/* Is the last component one that only this run, or an earlier one that it goes on with, can have
 * left? */
bool tree_is_temp(const struct tree *tree, const char *name);

/*
 * What the policy says about entry when there (NULL: nothing) stands at its place: MR_OK (go on,
 * replace it where it is something), MR_SKIPPED, MR_E_EXISTS.
 */
enum mr_status tree_judge(const struct tree *tree, const struct mr_entry *entry,
                          const struct stat *there, struct mr_error *err);
/*
 * tree_judge() with what fstatat() finds at the last component of entry->path in the open directory
 * parent.
 */
enum mr_status tree_look(const struct tree *tree, int parent, const struct mr_entry *entry,
                         struct mr_error *err);

/*
 * Gives temp in parent its final name, the last component of entry->path; replacing what is there
 * only when the policy says so, or when it is an earlier item that entry takes the place of.
 * MR_SKIPPED when the policy is to leave out what is there. On failure temp is removed.
 */
enum mr_status tree_publish(const struct tree *tree, int parent, const char *temp,
                            const struct mr_entry *entry, struct mr_error *err);

/*
 * Does the file in entry's place belong to the earlier run that this one goes on with? Because the
 * entry says so, or because it holds the same bytes as the file temp beside it (NULL: unknown yet,
 * so it may).
 */
bool tree_is_resumed(const struct tree *tree, int parent, const char *temp,
                     const struct mr_entry *entry, const struct stat *there);

/* The mode that the file or directory is to have in the end: 0777 at most. */
mode_t tree_mode_of(const struct tree *tree, const struct mr_entry *entry);
/*
 * Sets owner, mode and times of the open file or directory as far as entry has them and they are to
 * be kept. has_mode: the mode is right already.
 */
enum mr_status tree_set_metadata(struct tree *tree, int fd, const struct mr_entry *entry,
                                 bool has_mode, struct mr_error *err);

/* ---- tree_claim.c ---- */

/* Locks the root and removes what an earlier run left, as the configuration says. MR_OK,
 * MR_E_SYSTEM, MR_E_MEMORY. */
enum mr_status tree_claim(struct tree *tree, struct mr_error *err);
/* Gives the locks back, also those that were not taken. */
void tree_let_go(struct tree *tree);

/* ---- tree_disk.c: by the configuration's sync. MR_OK, MR_E_SYSTEM ---- */

/* The content of a file that has no name yet. */
enum mr_status tree_sync_file(const struct tree *tree, int fd, const struct mr_entry *entry,
                              struct mr_error *err);
/* The name that it got, and those of the directories that it lies in. */
enum mr_status tree_sync_name(const struct tree *tree, const struct mr_entry *entry,
                              struct mr_error *err);
/* Whatever has been done. */
enum mr_status tree_sync_all(const struct tree *tree, struct mr_error *err);
/* mr_sink_ops.verify and find of the directory sink. */
enum mr_status tree_verify(struct mr_sink *sink, const struct mr_entry *entry, uint64_t size_bytes,
                           uint32_t crc, struct mr_error *err);
enum mr_status tree_find(struct mr_sink *sink, const struct mr_entry *entry, bool has_crc,
                         struct mr_stored *found, struct mr_error *err);

/* mr_sink_ops.finish of the directory sink. */
enum mr_status tree_finish(struct mr_sink *sink,
                           void (*on_problem)(void *ctx, const char *path,
                                              const struct mr_error *problem),
                           void *ctx, struct mr_error *err);

#endif
