#include "source/archive_server.h"

#include "source/archive_shared.h"

void archive_server_init(struct archive_server *server)
{
    helper_init(&server->forker);
    server->answer_ms = ARCHIVE_SERVER_ANSWER_MS;
}

void archive_server_fini(struct archive_server *server)
{
    helper_stop(&server->forker);
}

/* The program was asked and did not answer: it had ended, or was killed. */
static enum mr_status say_ended(struct archive_server *server, struct mr_error *err)
{
    char text[SPAWN_END_BYTES];
    return mr_error_set(err, MR_E_CHILD, 0, "the archive cannot be read: its reader %s",
                        spawn_end_text(&server->forker.end, text, sizeof(text)));
}

enum mr_status archive_server_start(struct archive_server *server, struct helper *helper,
                                    const int *fds, unsigned fd_count, struct mr_error *err)
{
    enum mr_status status = MR_E_CHILD;
    if (server->forker.pid > 0)
        status = helper_fork(&server->forker, server->answer_ms, helper, fds, fd_count, err);
    if (status != MR_E_CHILD)
        return status;
    status = helper_start(&server->forker, ARCHIVE_HELPER_ROLE, NULL, 0, err);
    if (status == MR_OK)
        status = helper_fork(&server->forker, server->answer_ms, helper, fds, fd_count, err);
    return status == MR_E_CHILD ? say_ended(server, err) : status;
}
