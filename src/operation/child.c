#include "operation/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/path.h"

#define CHECK_INTERVAL_MS 20 /* between looks whether it has ended, where the kernel has no pidfd  \
                              */

void child_init(struct child *child)
{
    child->pid = 0;
    child->pidfd = child->in_fd = child->out_fd = child->err_fd = -1;
    child->has_ended = false;
    child->tail_written_bytes = 0;
}

/* A pipe whose end ours (0: reading, 1: writing) does not block. False with errno; then ends are
 * closed. */
static bool make_pipe(int ends[2], int ours)
{
    if (pipe2(ends, O_CLOEXEC) != 0) {
        ends[0] = ends[1] = -1;
        return false;
    }
    int failure = spawn_lift_fd(&ends[0], 3);
    if (failure == 0)
        failure = spawn_lift_fd(&ends[1], 3);
    if (failure == 0 && fcntl(ends[ours], F_SETFL, O_NONBLOCK) == 0)
        return true;
    failure = failure != 0 ? failure : errno;
    spawn_close_fd(&ends[0]);
    spawn_close_fd(&ends[1]);
    errno = failure;
    return false;
}

enum mr_status child_spawn(struct child *child, char *const *argv, char *const *envp,
                           struct mr_error *err)
{
    child_init(child);
    int in[2] = {-1, -1}, out[2] = {-1, -1}, errors[2] = {-1, -1};
    bool has_pipes = make_pipe(in, 1) && make_pipe(out, 0) && make_pipe(errors, 0);
    int failure = has_pipes ? 0 : errno;
    const struct spawn_request request = {
        .program = argv[0],
        .argv = argv,
        .envp = envp,
        .fds = (const int[3]){in[0], out[1], errors[1]},
        .fd_count = 3,
    };
    if (has_pipes)
        failure = spawn_start(&request, &child->pid, &child->pidfd);
    spawn_close_fd(&in[0]);
    spawn_close_fd(&out[1]);
    spawn_close_fd(&errors[1]);
    child->in_fd = in[1];
    child->out_fd = out[0];
    child->err_fd = errors[0];
    if (failure == 0)
        return MR_OK;
    child->pid = 0;
    spawn_close_fd(&child->in_fd);
    spawn_close_fd(&child->out_fd);
    spawn_close_fd(&child->err_fd);
    if (!has_pipes)
        return mr_error_set(err, MR_E_SYSTEM, failure, "cannot make the pipes of a command");
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_CHILD, failure, "cannot run %s",
                        path_show(shown, sizeof(shown), argv[0]));
}

/*
 * write() that raises no SIGPIPE. The signal is for the thread that writes: it is blocked around
 * the call and taken back when it came, so that neither a program with the default disposition dies
 * nor one that unblocks it later. (sigprocmask() is about the calling thread here, as everywhere on
 * Linux.)
 */
static ssize_t write_quietly(int fd, const void *data, size_t bytes)
{
    sigset_t broken_pipe, before;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    if (sigprocmask(SIG_BLOCK, &broken_pipe, &before) != 0)
        return -1;
    ssize_t written = write(fd, data, bytes);
    int failure = errno;
    if (written < 0 && failure == EPIPE) {
        const struct timespec zero = {0};
        while (sigtimedwait(&broken_pipe, NULL, &zero) < 0 && errno == EINTR)
            continue;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = failure;
    return written;
}

enum mr_status child_write(struct child *child, const void *data, size_t bytes, size_t *used_bytes,
                           struct mr_error *err)
{
    *used_bytes = 0;
    if (child->in_fd < 0)
        return MR_DONE;
    ssize_t written = write_quietly(child->in_fd, data, bytes);
    if (written >= 0) {
        *used_bytes = (size_t)written;
        return MR_OK;
    }
    if (errno == EAGAIN || errno == EINTR)
        return MR_AGAIN;
    if (errno != EPIPE)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot write to the command");
    spawn_close_fd(&child->in_fd);
    return MR_DONE;
}

void child_close_stdin(struct child *child)
{
    spawn_close_fd(&child->in_fd);
}

/* What *fd has now; closes it at its end. */
static enum mr_status read_now(int *fd, void *room, size_t room_bytes, size_t *got_bytes,
                               struct mr_error *err)
{
    *got_bytes = 0;
    if (*fd < 0)
        return MR_DONE;
    ssize_t got = read(*fd, room, room_bytes);
    if (got > 0) {
        *got_bytes = (size_t)got;
        return MR_OK;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return MR_AGAIN;
    if (got < 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read from the command");
    spawn_close_fd(fd);
    return MR_DONE;
}

enum mr_status child_read(struct child *child, void *room, size_t room_bytes, size_t *got_bytes,
                          struct mr_error *err)
{
    return read_now(&child->out_fd, room, room_bytes, got_bytes, err);
}

enum mr_status child_read_stderr(struct child *child, struct mr_error *err)
{
    size_t at = (size_t)(child->tail_written_bytes % CHILD_TAIL_BYTES), got_bytes;
    enum mr_status status =
        read_now(&child->err_fd, child->tail + at, CHILD_TAIL_BYTES - at, &got_bytes, err);
    child->tail_written_bytes += got_bytes;
    return status;
}

bool child_check_end(struct child *child)
{
    child->has_ended = child->has_ended || spawn_has_ended(child->pid, &child->end);
    return child->has_ended;
}

enum mr_status child_poll(struct child *child, bool writes, int timeout_ms, struct mr_error *err)
{
    /* Negative descriptors are left out by poll(). */
    struct pollfd fds[4] = {
        {.fd = writes ? child->in_fd : -1, .events = POLLOUT},
        {.fd = child->out_fd, .events = POLLIN},
        {.fd = child->err_fd, .events = POLLIN},
        {.fd = child->has_ended ? -1 : child->pidfd, .events = POLLIN},
    };
    bool looks = !child->has_ended && child->pidfd < 0;
    if (looks && (timeout_ms < 0 || timeout_ms > CHECK_INTERVAL_MS))
        timeout_ms = CHECK_INTERVAL_MS;
    int count = poll(fds, 4, timeout_ms);
    if (count < 0 && errno != EINTR)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot wait for the command");
    return count == 0 && !looks ? MR_TIMEOUT : MR_OK;
}

char *child_last_line(const struct child *child, char *line, size_t cap_bytes)
{
    uint64_t end = child->tail_written_bytes;
    uint64_t first = end > CHILD_TAIL_BYTES ? end - CHILD_TAIL_BYTES : 0;
    while (end > first) { /* white space at the end, also empty lines */
        unsigned char c = child->tail[(end - 1) % CHILD_TAIL_BYTES];
        if (c != '\n' && c != '\r' && c != ' ' && c != '\t')
            break;
        end--;
    }
    uint64_t begin = end;
    while (begin > first && child->tail[(begin - 1) % CHILD_TAIL_BYTES] != '\n')
        begin--;
    size_t length = 0;
    for (; begin < end && length + 1 < cap_bytes; begin++) {
        unsigned char c = child->tail[begin % CHILD_TAIL_BYTES];
        line[length++] = c ? (char)c : ' ';
    }
    line[length] = '\0';
    return line;
}

void child_stop(struct child *child)
{
    if (child->pid > 0) {
        struct spawn_end end;
        spawn_finish(child->pid, &end);
        if (!child->has_ended)
            child->end = end;
        child->has_ended = true;
        child->pid = 0;
    }
    spawn_close_fd(&child->pidfd);
    spawn_close_fd(&child->in_fd);
    spawn_close_fd(&child->out_fd);
    spawn_close_fd(&child->err_fd);
}
