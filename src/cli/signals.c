#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define INTERRUPT_S 1 /* alarm() knows no less */

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};

/* The only variables of the program that are not const: a handler has nowhere else to leave what it
 * saw. */
static atomic_int seen_count;
static atomic_int first_seen;
static atomic_int asked_count;

static void note_signal(int number)
{
    int none = 0;
    atomic_compare_exchange_strong(&first_seen, &none, number);
    atomic_fetch_add(&seen_count, 1);
}

/*
 * While nobody looks at the count, a call that waits has to fail. One that has not begun when the
 * signal comes would wait for good: the alarm goes on interrupting until the run has ended.
 */
static void note_and_interrupt(int number)
{
    note_signal(number);
    alarm(INTERRUPT_S);
}

static void interrupt_again(int number)
{
    (void)number;
    alarm(INTERRUPT_S);
}

static void note_question(int number)
{
    (void)number;
    atomic_fetch_add(&asked_count, 1);
}

int signals_asked(void)
{
    return atomic_load(&asked_count);
}

int signals_count(void)
{
    return atomic_load(&seen_count);
}

static void catch_unless_ignored(int number, void (*handler)(int number), int flags)
{
    struct sigaction before, action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    /* nohup and background jobs of a shell start with some of them ignored: that stays. */
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
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
    signal(SIGCHLD, SIG_DFL);
    catch_unless_ignored(SIGUSR1, note_question, SA_RESTART);
}

void signals_catch(bool is_running)
{
    void (*handler)(int number) = is_running ? note_signal : note_and_interrupt;
    struct sigaction again = {.sa_handler = interrupt_again};
    sigemptyset(&again.sa_mask);
    sigaction(SIGALRM, &again, NULL);
    for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
        catch_unless_ignored(caught[i], handler, is_running ? SA_RESTART : 0);
    alarm(!is_running && signals_count() > 0 ? INTERRUPT_S : 0);
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
