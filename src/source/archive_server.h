/*
 * archive_server.h - the processes that read archives (archive_client.h): one program is started
 * for all archives of a run, and forks for each (helper_fork()). Nothing of an archive reaches it,
 * so that what one archive does to its reader is gone before the next.
 *
 * Used by one thread at a time; what it started is independent of it.
 */
#ifndef MR_SOURCE_ARCHIVE_SERVER_H
#define MR_SOURCE_ARCHIVE_SERVER_H

#include "base/helper.h"

struct archive_server {
    struct helper forker;
    int answer_ms; /* within which it must have forked */
};
/* Unless somebody changes it after archive_server_init(). */
#define ARCHIVE_SERVER_ANSWER_MS 8000

/* Starts nothing yet. */
void archive_server_init(struct archive_server *server);
/* What it started goes on. */
void archive_server_fini(struct archive_server *server);

/*
 * A process that runs archive_serve(), as by helper_start(). Starts the program when there is none,
 * or when it has ended since, or does not answer. MR_E_CHILD: the new one does not either; the text
 * says how it ended.
 */
enum mr_status archive_server_start(struct archive_server *server, struct helper *helper,
                                    const int *fds, unsigned fd_count, struct mr_error *err);

#endif
