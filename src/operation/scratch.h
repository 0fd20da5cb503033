/*
 * scratch.h - a private directory (mode 0700) for the files of one command, which is made when it
 * is first needed and removed with all that the command left in it. Used by one thread at a time.
 *
 * A run that was killed leaves its directories behind, which nobody has locked (flock(2)) any more.
 * Whoever makes one there removes them: those of its own user that have such a name and mode. One
 * that is in use is locked by its process, and stays.
 */
#ifndef MR_OPERATION_SCRATCH_H
#define MR_OPERATION_SCRATCH_H

#include "millrace/status.h"

struct scratch {
    char *path; /* absolute when its parent's was; owned; NULL: there is none */
    int fd;     /* of the directory; holds its lock */
};

/* There is none. */
void scratch_init(struct scratch *scratch);
/* Makes it below the directory parent, unless it is there. MR_OK, MR_E_MEMORY, MR_E_SYSTEM. */
enum mr_status scratch_open(struct scratch *scratch, const char *parent, struct mr_error *err);
/* The path of name in it; the caller's to free. NULL when out of memory. */
char *scratch_path(const struct scratch *scratch, const char *name);
/*
 * Removes what is in it, directories too, whatever their modes. Symbolic links are removed, never
 * followed. What cannot be removed stays. A no-op when there is none.
 */
void scratch_clear(struct scratch *scratch);
/* The same, then it is removed itself. */
void scratch_close(struct scratch *scratch);

#endif
