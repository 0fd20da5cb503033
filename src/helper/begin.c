#include "helper/begin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/helper.h"

static bool is_started_by_library(void)
{
    int type = 0;
    socklen_t length = sizeof(type);
    return getsockopt(HELPER_SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
           type == SOCK_SEQPACKET;
}

/*
 * PR_SET_PDEATHSIG would look at the thread that started this process, which may end much earlier
 * than its process. The hang-up of a pipe as a signal (fcntl(2), F_SETSIG) looks at the process.
 */
bool begin_leash(void)
{
    int flags = fcntl(HELPER_LEASH_FD, F_GETFL);
    if (flags < 0 || fcntl(HELPER_LEASH_FD, F_SETSIG, SIGKILL) != 0 ||
        fcntl(HELPER_LEASH_FD, F_SETOWN, getpid()) != 0 ||
        fcntl(HELPER_LEASH_FD, F_SETFL, flags | O_ASYNC) != 0)
        return false;
    /* It may have ended before. */
    struct pollfd leash = {.fd = HELPER_LEASH_FD, .events = POLLIN};
    int count;
    while ((count = poll(&leash, 1, 0)) < 0 && errno == EINTR)
        continue;
    return count == 0;
}

void begin_unleashed(void)
{
    static const struct rlimit none = {0, 0};
    if (!is_started_by_library()) {
        fputs("this program is started by millrace, and does nothing by itself\n", stderr);
        exit(HELPER_EXIT_NOT_STARTED);
    }
    for (int fd = HELPER_SOCKET_FD; fd < HELPER_FIRST_FD + HELPER_FDS_MAX; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC); /* some are not there */
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        exit(HELPER_EXIT_NO_LIMITS);
}

void begin(void)
{
    begin_unleashed();
    if (!begin_leash())
        exit(HELPER_EXIT_NO_LIMITS);
}
