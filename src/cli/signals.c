#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};

/* The only variables of the program that are not const: a handler has nowhere else to leave what it
 * saw. */
static atomic_int seen_count;
static atomic_int first_seen;

static void note_signal(int number)
{
    int none = 0;
    atomic_compare_exchange_strong(&first_seen, &none, number);
    atomic_fetch_add(&seen_count, 1);
}

void signals_prepare(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        /*
         * The lowest free descriptor is fd. Not close-on-exec: it stands for an inherited one.
         * Opened the wrong way round, so that using stdin or stdout fails as it would have; only
         * messages are dropped.
         */
        if (open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY) != fd)
            _exit(3);
    }
    signal(SIGPIPE, SIG_IGN);
}

void signals_catch(bool is_running)
{
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = is_running ? SA_RESTART : 0};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
        struct sigaction before;
        /* nohup and background jobs of a shell start with some of them ignored: that stays. */
        if (sigaction(caught[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(caught[i], &action, NULL);
    }
}

int signals_count(void)
{
    return atomic_load(&seen_count);
}

int signals_first(void)
{
    return atomic_load(&first_seen);
}

void signals_raise(int number)
{
    sigset_t set;
    signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
    _exit(128 + number);
}
