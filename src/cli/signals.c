#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"

#define TICK_S 1 /* alarm() knows no less */
/* How often the alarm comes, and nobody looks, until something hangs: after one signal, and after
 * two. The first is more than what is in flight gets. */
#define PATIENT_TICKS 6
#define HASTY_TICKS   2
/* Directories that are kept open, and the files of all items in flight. */
#define DESCRIPTOR_COUNT 1024

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};

/* The only variables of the program that are not const: a handler has nowhere else to leave what it
 * saw. */
static atomic_int seen_count;
static atomic_int first_seen;
static atomic_int asked_count;
static atomic_int tick_count; /* since somebody looked */
static void (*_Atomic last_act)(void);

/*
 * A call that waits has to fail, or somebody has to look. A call that has not begun when the signal
 * comes would wait for good, and so would one that is begun again and again: the alarm goes on
 * interrupting until the run has ended, and ends it where that does not help.
 */
static void note_signal(int number)
{
    int none = 0;
    atomic_compare_exchange_strong(&first_seen, &none, number);
    atomic_fetch_add(&seen_count, 1);
    alarm(TICK_S);
}

static void tick(int number)
{
    (void)number;
    int count = atomic_load(&seen_count), limit = count > 1 ? HASTY_TICKS : PATIENT_TICKS;
    if (count == 0)
        return; /* it is somebody else's */
    if (atomic_fetch_add(&tick_count, 1) + 1 >= limit) {
        void (*act)(void) = atomic_load(&last_act);
        if (act)
            act();
        signals_raise(atomic_load(&first_seen));
    }
    alarm(TICK_S);
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
    atomic_store(&tick_count, 0);
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
    io_reserve_descriptors(DESCRIPTOR_COUNT);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    catch_unless_ignored(SIGUSR1, note_question, SA_RESTART);
}

void signals_catch(bool is_running)
{
    struct sigaction ticks = {.sa_handler = tick, .sa_flags = is_running ? SA_RESTART : 0};
    sigemptyset(&ticks.sa_mask);
    sigaction(SIGALRM, &ticks, NULL);
    for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
        catch_unless_ignored(caught[i], note_signal, ticks.sa_flags);
}

void signals_at_last(void (*act)(void))
{
    atomic_store(&last_act, act);
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
