#include "base/helper.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/path.h"
#include "config.h"

#define NS_PER_MS INT64_C(1000000)
/* Between looks whether it has ended, where the kernel has no pidfd. */
#define CHECK_INTERVAL_MS 10

/* From the directory of the running program, and from that of the shared library that this is part
 * of, which may be one for a kind of machine. */
static const char *const program_places[] = {"", "../libexec/millrace/", NULL};
static const char *const library_places[] = {"../libexec/millrace/", "../../libexec/millrace/",
                                             NULL};

void helper_init(struct helper *helper)
{
    *helper = (struct helper){.pidfd = -1, .socket_fd = -1, .leash_fd = -1};
}

/* Is there a program for role in one of the places, from the directory of the file from? Then path
 * is its path. */
static bool find_from(const char *from, const char *const places[], const char *role, char *path,
                      size_t cap_bytes)
{
    const char *slash = strrchr(from, '/');
    for (; slash && *places; places++) {
        int needed = snprintf(path, cap_bytes, "%.*s%smillrace-%s", (int)(slash - from) + 1, from,
                              *places, role);
        if (needed > 0 && (size_t)needed < cap_bytes && access(path, X_OK) == 0)
            return true;
    }
    return false;
}

/* Puts the path of the program for role into path. 0; ENOENT: it is nowhere, and path is where it
 * would be installed; else why it could not be looked for. */
static int find_program(const char *role, char *path, size_t cap_bytes)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    int failure = length < 0 ? errno : ENOENT;
    self[length > 0 ? length : 0] = '\0';
    if (find_from(self, program_places, role, path, cap_bytes))
        return 0;
    Dl_info library;
    /* A name without '/' at its beginning is of a directory that may not be that of today. */
    if (dladdr(library_places, &library) && library.dli_fname && library.dli_fname[0] == '/' &&
        find_from(library.dli_fname, library_places, role, path, cap_bytes))
        return 0;
    snprintf(path, cap_bytes, "%s/millrace-%s", MR_HELPER_DIRECTORY, role);
    return access(path, X_OK) == 0 ? 0 : failure;
}

/* All descriptors that the helper gets, above the numbers that it gets them at. Those from
 * HELPER_FIRST_FD on are duplicates. */
struct ends {
    int fds[HELPER_FIRST_FD + HELPER_FDS_MAX];
    unsigned count;
};

static void close_ends(struct ends *ends)
{
    for (unsigned i = 0; i < ends->count; i++)
        spawn_close_fd(&ends->fds[i]);
}

/* Returns 0 or the error number. */
static int open_ends(struct helper *helper, const int *fds, unsigned fd_count, struct ends *ends)
{
    int sockets[2], leash[2];
    ends->count = HELPER_FIRST_FD + fd_count;
    for (unsigned i = 0; i < ends->count; i++)
        ends->fds[i] = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
        return errno;
    helper->socket_fd = sockets[0];
    ends->fds[HELPER_SOCKET_FD] = sockets[1];
    if (pipe2(leash, O_CLOEXEC) != 0)
        return errno;
    ends->fds[HELPER_LEASH_FD] = leash[0];
    helper->leash_fd = leash[1];
    for (unsigned i = 0; i < fd_count; i++) {
        int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, (int)ends->count);
        if (fd < 0)
            return errno;
        ends->fds[HELPER_FIRST_FD + i] = fd;
    }
    int failure = spawn_lift_fd(&ends->fds[HELPER_SOCKET_FD], (int)ends->count);
    return failure != 0 ? failure : spawn_lift_fd(&ends->fds[HELPER_LEASH_FD], (int)ends->count);
}

static void close_own(struct helper *helper)
{
    spawn_close_fd(&helper->pidfd);
    spawn_close_fd(&helper->socket_fd);
    spawn_close_fd(&helper->leash_fd);
}

/* Returns 0 or the error number. */
static int start(struct helper *helper, char *path, const int *fds, unsigned fd_count)
{
    struct ends ends;
    int failure = open_ends(helper, fds, fd_count, &ends);
    char *argv[] = {path, NULL};
    const struct spawn_request request = {
        .program = path, .argv = argv, .envp = environ, .fds = ends.fds, .fd_count = ends.count};
    if (failure == 0)
        failure = spawn_start(&request, &helper->pid, &helper->pidfd);
    close_ends(&ends);
    return failure;
}

enum mr_status helper_start(struct helper *helper, const char *role, const int *fds,
                            unsigned fd_count, struct mr_error *err)
{
    char path[2 * PATH_MAX], shown[PATH_SHOW_BYTES];
    helper_init(helper);
    int failure = find_program(role, path, sizeof(path));
    if (failure == ENOENT)
        return mr_error_set(
            err, MR_E_UNSUPPORTED, 0,
            "the helper program millrace-%s is neither beside this program nor at %s", role,
            path_show(shown, sizeof(shown), path));
    if (failure != 0)
        return mr_error_set(err, MR_E_SYSTEM, failure,
                            "cannot find out where the helper program millrace-%s is", role);
    failure = start(helper, path, fds, fd_count);
    if (failure == 0)
        return MR_OK;
    close_own(helper);
    helper->pid = 0;
    return mr_error_set(err, MR_E_SYSTEM, failure, "cannot start the helper program %s",
                        path_show(shown, sizeof(shown), path));
}

/* ---- forks ---- */

/* Hands the descriptors from HELPER_SOCKET_FD on to the server. False: it is gone. */
static bool ask(int socket_fd, const struct ends *ends)
{
    const size_t fds_bytes = (ends->count - HELPER_SOCKET_FD) * sizeof(int);
    char byte = 0;
    struct iovec data = {&byte, 1};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(ends->fds))];
    } control = {0};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = CMSG_SPACE(fds_bytes)};
    control.head = (struct cmsghdr){CMSG_LEN(fds_bytes), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.head), ends->fds + HELPER_SOCKET_FD, fds_bytes);
    ssize_t sent;
    while ((sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        continue;
    return sent == 1;
}

/* The process that the server made, or minus the error number. False: it is gone, or silent. */
static bool hear(int socket_fd, int timeout_ms, int32_t *answer)
{
    struct pollfd answers = {.fd = socket_fd, .events = POLLIN};
    int count;
    while ((count = poll(&answers, 1, timeout_ms)) < 0 && errno == EINTR)
        continue;
    return count == 1 &&
           io_receive(socket_fd, answer, sizeof(*answer), MSG_DONTWAIT) == sizeof(*answer);
}

/* What a server made before it could say so is a child of this process too, of which only the group
 * is known: the server's, as that of no other child of it is. */
static void stop_server(struct helper *server)
{
    pid_t group = server->pid;
    helper_stop(server);
    if (server->end.kind == SPAWN_LOST) /* children are not waited for in this program */
        return;
    while (waitpid(-group, NULL, 0) > 0 || errno == EINTR)
        continue;
}

enum mr_status helper_fork(struct helper *server, int timeout_ms, struct helper *helper,
                           const int *fds, unsigned fd_count, struct mr_error *err)
{
    struct ends ends;
    int32_t answer = 0;
    helper_init(helper);
    int failure = open_ends(helper, fds, fd_count, &ends);
    bool is_answered = failure == 0 && ask(server->socket_fd, &ends) &&
                       hear(server->socket_fd, timeout_ms, &answer);
    close_ends(&ends);
    if (is_answered && answer > 0) {
        helper->pid = answer;
        setpgid(helper->pid, helper->pid);
        helper->pidfd = (int)syscall(SYS_pidfd_open, helper->pid, 0U);
        return MR_OK;
    }
    close_own(helper);
    if (failure == 0 && !is_answered) {
        stop_server(server);
        return MR_E_CHILD;
    }
    return mr_error_set(err, MR_E_SYSTEM, failure != 0 ? failure : -answer,
                        "cannot start a helper process");
}

/* ---- the end ---- */

bool helper_has_ended(const struct helper *helper)
{
    struct spawn_end end;
    return spawn_has_ended(helper->pid, &end);
}

bool helper_wait(const struct helper *helper, int timeout_ms)
{
    int64_t end_ns = clock_now_ns() + (int64_t)timeout_ms * NS_PER_MS;
    while (!helper_has_ended(helper)) {
        int64_t left_ns = end_ns - clock_now_ns();
        if (left_ns <= 0)
            return false;
        int left_ms = (int)(left_ns / NS_PER_MS) + 1;
        struct pollfd process = {.fd = helper->pidfd, .events = POLLIN};
        poll(&process, 1,
             helper->pidfd >= 0 || left_ms < CHECK_INTERVAL_MS ? left_ms : CHECK_INTERVAL_MS);
    }
    return true;
}

void helper_stop(struct helper *helper)
{
    if (helper->pid > 0)
        spawn_finish(helper->pid, &helper->end);
    helper->pid = 0;
    close_own(helper);
}
