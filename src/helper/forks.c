#include "helper/forks.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/helper.h"
#include "base/io.h"
#include "helper/begin.h"

/* The descriptors that came with a request, which become those from HELPER_SOCKET_FD on. */
struct received {
    int fds[2 + HELPER_FDS_MAX];
    unsigned count;
};

static void close_all(struct received *received)
{
    for (unsigned i = 0; i < received->count; i++)
        close(received->fds[i]);
}

/* Waits for the next request. False: the other process wants no more. */
static bool receive(struct received *received)
{
    char byte;
    struct iovec data = {&byte, 1};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(received->fds))];
    } control;
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};
    ssize_t got;
    while ((got = recvmsg(HELPER_SOCKET_FD, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        continue;
    received->count = 0;
    if (got != 1)
        return false;
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head && head->cmsg_type == SCM_RIGHTS) {
        received->count = (unsigned)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(received->fds, CMSG_DATA(head), received->count * sizeof(int));
    }
    return true;
}

/* In the new process: what came takes the place of what the first process has. All numbers are
 * above those that they are moved to, in order. */
static void take_over(struct received *received)
{
    for (unsigned i = 0; i < received->count; i++) {
        int to = HELPER_SOCKET_FD + (int)i;
        if (dup3(received->fds[i], to, O_CLOEXEC) != to)
            _exit(HELPER_EXIT_NO_LIMITS);
    }
    syscall(SYS_close_range, HELPER_SOCKET_FD + received->count, ~0U, 0U);
    if (!begin_leash())
        _exit(HELPER_EXIT_NO_LIMITS);
}

/* A process whose parent is the parent of this one. Not fork(): that would make it a child of this
 * one, which could not say how it ended. With one thread there is no lock that could be held. */
static pid_t make_process(void)
{
    return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
}

bool forks_serve(void)
{
    struct received received;
    while (receive(&received)) {
        pid_t pid = make_process();
        if (pid == 0) {
            take_over(&received);
            return true;
        }
        const int32_t answer = pid > 0 ? pid : -errno;
        close_all(&received);
        io_send(HELPER_SOCKET_FD, &answer, sizeof(answer), 0);
    }
    return false;
}
