#include "operation/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"

/* Between looks whether it has ended, where the kernel has no pidfd. */
#define CHECK_INTERVAL_MS 20

#define DRAIN_COUNT 16 /* reads of a pipe before something else has its turn */
#define NS_PER_MS   INT64_C(1000000)

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

/* What a child is given, and what is kept: [0] is the reading end of a pipe. */
struct ends {
    int in[2], out[2], errors[2];
};

/* False with errno; then some may be open all the same. */
static bool make_ends(struct ends *ends, unsigned flags)
{
    *ends = (struct ends){{-1, -1}, {-1, -1}, {-1, -1}};
    if (!(flags & CHILD_NO_STDIN) && !make_pipe(ends->in, 1))
        return false;
    if (!(flags & CHILD_STDOUT_BESIDE) && !make_pipe(ends->out, 0))
        return false;
    return make_pipe(ends->errors, 0);
}

/* What the system says of scripts is short of the reason. */
static enum mr_status cannot_run(const char *program, int failure, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    const char *reason = NULL;
    path_show(shown, sizeof(shown), program);
    if (failure == ENOEXEC)
        reason = "it is no program, or a script without #! and an interpreter in its first line";
    else if (failure == ENOENT && strchr(program, '/') && access(program, F_OK) == 0)
        reason = "the interpreter that its first line names is not there";
    if (!reason)
        return mr_error_set(err, MR_E_CHILD, failure, "cannot run %s", shown);
    mr_error_set(err, MR_E_CHILD, 0, "cannot run %s: %s", shown, reason);
    if (err)
        err->sys_errno = failure; /* by which is decided whether another attempt may help */
    return MR_E_CHILD;
}

enum mr_status child_spawn(struct child *child, char *const *argv, char *const *envp,
                           unsigned flags, struct mr_error *err)
{
    child_init(child);
    struct ends ends;
    bool has_ends = make_ends(&ends, flags);
    int failure = has_ends ? 0 : errno;
    if (has_ends) {
        int out = flags & CHILD_STDOUT_BESIDE ? ends.errors[1] : ends.out[1];
        const struct spawn_request request = {
            .program = argv[0],
            .argv = argv,
            .envp = envp,
            .fds = (const int[3]){ends.in[0], out, ends.errors[1]},
            .fd_count = 3,
        };
        failure = spawn_start(&request, &child->pid, &child->pidfd);
    }
    spawn_close_fd(&ends.in[0]);
    spawn_close_fd(&ends.out[1]);
    spawn_close_fd(&ends.errors[1]);
    child->in_fd = ends.in[1];
    child->out_fd = ends.out[0];
    child->err_fd = ends.errors[0];
    if (failure == 0)
        return MR_OK;
    child->pid = 0;
    spawn_close_fd(&child->in_fd);
    spawn_close_fd(&child->out_fd);
    spawn_close_fd(&child->err_fd);
    if (!has_ends)
        return mr_error_set(err, MR_E_SYSTEM, failure, "cannot make the pipes of a command");
    return cannot_run(argv[0], failure, err);
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
    ssize_t written;
    do
        written = write(fd, data, bytes);
    while (written < 0 && errno == EINTR);
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
    if (errno == EAGAIN)
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
    ssize_t got;
    do
        got = read(*fd, room, room_bytes);
    while (got < 0 && errno == EINTR);
    if (got > 0) {
        *got_bytes = (size_t)got;
        return MR_OK;
    }
    if (got < 0 && errno == EAGAIN)
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

void child_terminate(struct child *child)
{
    if (child->pid <= 0 || (child_check_end(child) && child->end.kind == SPAWN_LOST))
        return;
    spawn_close_fd(&child->out_fd);
    kill(-child->pid, SIGTERM);
    kill(-child->pid, SIGCONT);
}

/* What its pipes have now: stdout is dropped, stderr kept. */
static void drain_pipes(struct child *child)
{
    unsigned char dropped[4096];
    size_t got_bytes;
    for (int i = 0; i < DRAIN_COUNT && child->out_fd >= 0; i++)
        if (child_read(child, dropped, sizeof(dropped), &got_bytes, NULL) != MR_OK)
            break;
    for (int i = 0; i < DRAIN_COUNT; i++)
        if (child_read_stderr(child, NULL) != MR_OK)
            break;
}

bool child_await(struct child *child, int64_t until_ns)
{
    bool has_ended = false;
    while (!has_ended) {
        has_ended = child_check_end(child);
        drain_pipes(child);
        int64_t left_ns = until_ns - clock_now_ns();
        if (left_ns <= 0)
            break;
        int64_t left_ms = (left_ns + NS_PER_MS - 1) / NS_PER_MS;
        if (!has_ended && mr_status_is_error(child_poll(
                              child, false, left_ms < INT_MAX ? (int)left_ms : INT_MAX, NULL)))
            break;
    }
    return has_ended;
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

char *child_tail(const struct child *child, uint64_t since_bytes)
{
    uint64_t end = child->tail_written_bytes;
    uint64_t begin = end > CHILD_TAIL_BYTES ? end - CHILD_TAIL_BYTES : 0;
    if (since_bytes >= begin) {
        begin = since_bytes;
    } else {
        uint64_t line = begin + 1; /* what was before begin is not known */
        while (line < end && child->tail[(line - 1) % CHILD_TAIL_BYTES] != '\n')
            line++;
        begin = line < end ? line : begin; /* one line that is longer than all that is kept */
    }
    char *text = end > begin ? malloc((size_t)(end - begin) + 1) : NULL;
    if (!text)
        return NULL;
    char *at = text;
    for (; begin < end; begin++) {
        unsigned char c = child->tail[begin % CHILD_TAIL_BYTES];
        *at++ = c ? (char)c : ' ';
    }
    *at = '\0';
    return text;
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
