/*
 * exec.h - the exec operation, for `-x COMMAND ARG...`: a command of its own for each item.
 *
 *   exec.c             makes one: which mode, what is allowed in it
 *   exec_words.[ch]    placeholders in arguments
 *   exec_config.[ch]   what all items share: arguments, environment, settings
 *   exec_slots.[ch]    the numbers of running commands
 *   exec_run.[ch]      one command: its start for an item, its pipes, its end
 *   exec_filter.c      filter mode: stdin is the content, stdout the result
 *   exec_file.c        file mode: {in} and {out} are real files
 *   exec_server.[ch]   server mode: a resident process for each worker; resident.[ch]: its start
 * and end, talk.[ch] and pkt_line.[ch]: the protocol that it speaks
 */
#ifndef MR_OPERATION_EXEC_H
#define MR_OPERATION_EXEC_H

#include <stdint.h>

#include "millrace/operation.h"

enum exec_mode {
    EXEC_AUTO = -1, /* what the placeholders ask for */
    EXEC_FILTER,
    EXEC_FILE,
    EXEC_SERVER
};

/* A set of exit statuses, 0 to 255. */
struct exec_statuses {
    uint64_t bits[4];
};

struct exec_options {
    enum exec_mode mode;
    struct exec_statuses ok_statuses; /* those that are success; none at all: 0 alone */
    bool smudges;                     /* server mode: the filter's command is smudge, not clean */
    unsigned threads_each;            /* what {threads} stands for; 0 is taken as 1 */
    const char *tmpdir;       /* where the files of file mode are; NULL: /tmp, and in memory what is
                                 small */
    const char *later_suffix; /* what the operations behind it add to names; NULL: nothing */
    bool has_warden; /* another process ends the commands when this one was killed (warden.h) */
};

/* "0,1,3-5". MR_OK, or MR_E_USAGE (then *statuses is unchanged). */
enum mr_status exec_statuses_parse(const char *text, struct exec_statuses *statuses,
                                   struct mr_error *err);

/*
 * argv ends with NULL and is copied. options may be NULL: all at its default. *config is for
 * chain_add_operation() with *operation. MR_OK, MR_E_USAGE, MR_E_MEMORY, MR_E_SYSTEM (tmpdir is no
 * directory that can be written to).
 */
enum mr_status exec_create(const char *const *argv, const struct exec_options *options,
                           const struct mr_operation **operation, void **config,
                           struct mr_error *err);

#endif
