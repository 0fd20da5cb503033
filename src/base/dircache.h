/*
 * dircache.h - the directories below a root that were used last, kept open: a bounded number of
 * descriptors, so that the many small files of a directory do not each cost the way down to it.
 *
 * No check is left out because a name was seen before: a directory is opened below the root by
 * below.h, never through a link, and what is kept is its descriptor. Whatever its name is given to
 * later (a link that leads outside), the descriptor goes on naming the directory that was opened.
 * Should somebody move that directory, then what is stored through the cache goes with it, as it
 * does for a file that is being written: it lands in a directory that was found below the root, and
 * that only who may write to the root could move. A directory that was removed gives ENOENT:
 * dircache_forget() and hold it anew.
 *
 * All functions but create and destroy are safe on several threads at once. None waits for another:
 * entries are claimed and counted by atomics, and a directory that finds no free place is opened
 * for its holder alone.
 */
#ifndef MR_BASE_DIRCACHE_H
#define MR_BASE_DIRCACHE_H

#include <stdbool.h>

#include "base/below.h"

struct dircache;
struct dirslot;

/* A directory that is being used. */
struct dirhold {
    int fd;        /* O_PATH; -1: none */
    bool is_new;   /* it was made by this cache: what is in it was not there before */
    bool is_plain; /* a file made in it has the mode that was asked for less the umask: it has no
                      default ACL. This and the next with DIRCACHE_OUTPUT only */
    long fs_type;  /* f_type of statfs(2) */
    bool is_own;   /* closed when it is let go */
    struct dirslot *slot;
};

enum dircache_flag {
    DIRCACHE_OUTPUT = 1,  /* is_plain and fs_type are found out */
    DIRCACHE_NEW_ROOT = 2 /* is_new holds for the root, too */
};

/*
 * root stays the caller's, and open for as long as the cache is. At most an eighth of the
 * descriptors that the process may have are kept, and no more than 128. NULL: out of memory.
 */
struct dircache *dircache_create(const struct below *root, unsigned flags);
/* Nothing may be held any more. NULL is a no-op. */
void dircache_destroy(struct dircache *cache);

/*
 * Holds the directory that path lies in. 0, or -1 with errno as below_open_parent() gives it; *hold
 * must be let go only after 0.
 */
int dircache_hold_parent(struct dircache *cache, const char *path, struct dirhold *hold);
/* Likewise; what is missing on the way is made as below_make_parent() does it. */
int dircache_make_parent(struct dircache *cache, const char *path, struct dirhold *hold);
/* Opens the file path as below_open() does it, by way of the directory that it lies in. */
int dircache_open(struct dircache *cache, const char *path, int flags);
/* Takes hold->fd away; hold->fd is -1 afterwards. Does nothing when it is -1 already. */
void dircache_let_go(struct dirhold *hold);

/*
 * The caller made the directory path in parent just now: it is opened and kept as new. Its default
 * ACL would come from parent's, so nobody asks for it when that has none.
 */
void dircache_add_made(struct dircache *cache, const char *path, const struct dirhold *parent);
/* The directory that path lies in is to be opened anew; who holds it still has it. */
void dircache_forget_parent(struct dircache *cache, const char *path);
/* Keeps nothing from now on but what is held. */
void dircache_shut(struct dircache *cache);

#endif
