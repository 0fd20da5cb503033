#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Returns 0 or the error number. Threads of pools run as SCHED_BATCH, which is not for the programs
 * that they start: those are scheduled as the process is, whose first thread has its number.
 */
static int fill_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    const struct sched_param no_priority = {0};
    short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (sched_getscheduler(0) == SCHED_BATCH && sched_getscheduler(getpid()) == SCHED_OTHER)
        flags |= POSIX_SPAWN_SETSCHEDULER;
    int failure = posix_spawnattr_setflags(attributes, flags);
    if (failure == 0)
        failure = posix_spawnattr_setschedpolicy(attributes, SCHED_OTHER);
    if (failure == 0)
        failure = posix_spawnattr_setschedparam(attributes, &no_priority);
    if (failure == 0)
        failure = posix_spawnattr_setpgroup(attributes, 0);
    if (failure == 0)
        failure = posix_spawnattr_setsigmask(attributes, &none);
    if (failure == 0)
        failure = posix_spawnattr_setsigdefault(attributes, &all);
    return failure;
}

static int fill_actions(posix_spawn_file_actions_t *actions, const struct spawn_request *request)
{
    int failure = 0;
    for (int i = 0; i < (int)request->fd_count && failure == 0; i++) {
        if (request->fds[i] >= 0)
            failure = posix_spawn_file_actions_adddup2(actions, request->fds[i], i);
        else
            failure = posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0);
    }
    if (failure == 0)
        failure = posix_spawn_file_actions_addclosefrom_np(actions, (int)request->fd_count);
    return failure;
}

int spawn_start(const struct spawn_request *request, pid_t *pid, int *pidfd)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int failure = posix_spawnattr_init(&attributes);
    if (failure != 0)
        return failure;
    failure = posix_spawn_file_actions_init(&actions);
    if (failure == 0) {
        failure = fill_attributes(&attributes);
        if (failure == 0)
            failure = fill_actions(&actions, request);
        if (failure == 0)
            failure = posix_spawnp(pid, request->program, &actions, &attributes, request->argv,
                                   request->envp);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&attributes);
    if (failure == 0)
        *pidfd = (int)syscall(SYS_pidfd_open, *pid, 0U);
    return failure;
}

int spawn_lift_fd(int *fd, int least)
{
    if (*fd >= least)
        return 0;
    int lifted = fcntl(*fd, F_DUPFD_CLOEXEC, least);
    if (lifted < 0)
        return errno;
    close(*fd);
    *fd = lifted;
    return 0;
}

void spawn_close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void note_end(const siginfo_t *info, struct spawn_end *end)
{
    end->kind = info->si_code == CLD_EXITED ? SPAWN_EXITED : SPAWN_KILLED;
    end->number = info->si_status;
}

bool spawn_has_ended(pid_t pid, struct spawn_end *end)
{
    siginfo_t info = {0};
    int result;
    do
        result = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
    while (result != 0 && errno == EINTR);
    if (result == 0 && info.si_pid == 0)
        return false;
    if (result == 0)
        note_end(&info, end);
    else
        *end = (struct spawn_end){.kind = SPAWN_LOST};
    return true;
}

void spawn_finish(pid_t pid, struct spawn_end *end)
{
    /* The process is there still, be it as a zombie: its number and that of its group belong to
     * nobody else. */
    if (spawn_has_ended(pid, end) && end->kind == SPAWN_LOST)
        return;
    kill(-pid, SIGKILL);
    siginfo_t info = {0};
    int result;
    while ((result = waitid(P_PID, (id_t)pid, &info, WEXITED)) != 0 && errno == EINTR)
        continue;
    if (result == 0)
        note_end(&info, end);
    else
        *end = (struct spawn_end){.kind = SPAWN_LOST};
}

char *spawn_end_text(const struct spawn_end *end, char *text, size_t cap_bytes)
{
    const char *name = end->kind == SPAWN_KILLED ? sigabbrev_np(end->number) : NULL;
    switch (end->kind) {
    case SPAWN_EXITED:
        snprintf(text, cap_bytes, "exited with status %d", end->number);
        break;
    case SPAWN_KILLED:
        snprintf(text, cap_bytes, "was killed by signal %d (%s)", end->number,
                 name ? name : "unknown");
        break;
    case SPAWN_LOST:
        snprintf(
            text, cap_bytes,
            "ended, and how is lost: this program ignores SIGCHLD or waits for all its children");
        break;
    }
    return text;
}
