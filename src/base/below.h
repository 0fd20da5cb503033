/*
 * below.h - opening and making things below one root directory: never outside it, never through a
 * symbolic link.
 *
 * Names are relative to the root; ".." and a leading '/' are refused by the system (EXDEV), a link
 * on the way with ELOOP. All functions are safe on several threads and return a close-on-exec
 * descriptor, or -1 with errno.
 */
#ifndef MR_BASE_BELOW_H
#define MR_BASE_BELOW_H

#include <stdbool.h>
#include <sys/types.h>

struct below {
    int fd;           /* the root directory (O_PATH is enough); closed by the struct's owner */
    bool has_openat2; /* else the components are walked one by one; found out by below_init(), const
                         afterwards */
};

/* fd stays the caller's. */
void below_init(struct below *below, int fd);

/*
 * Opens path ("" is the root itself) with flags; O_NOFOLLOW and O_CLOEXEC are added. mode matters
 * with O_CREAT only. With O_PATH a symbolic link as the last component is opened as itself, without
 * it that is ELOOP.
 */
int below_open(const struct below *below, const char *path, int flags, mode_t mode);

/*
 * Like below_open(), but links are followed wherever they lead, those apart that the system makes
 * up (/proc/self/fd/0).
 */
int below_follow(const struct below *below, const char *path, int flags);

/* The directory that path lies in, O_PATH. */
int below_open_parent(const struct below *below, const char *path);

/*
 * Like below_open_parent(), but directories that are missing on the way are made (0777 less the
 * umask).
 */
int below_make_parent(const struct below *below, const char *path);

/*
 * Follows every link of path, the last too, as long as none leads out of the root. Returns 0, or -1
 * with errno: EXDEV says that it leads outside, ENOSYS that this system cannot tell.
 */
int below_resolve(const struct below *below, const char *path);

/* Like below_resolve(), but no part of path may be a link: that is ELOOP. */
int below_resolve_real(const struct below *below, const char *path);

#endif
