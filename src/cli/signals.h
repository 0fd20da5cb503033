/* signals.h - what the process does about signals and its standard descriptors. */
#ifndef MR_CLI_SIGNALS_H
#define MR_CLI_SIGNALS_H

#include <stdbool.h>

/*
 * At the very start: descriptors 0 to 2 that are closed are opened on /dev/null, so that no file of
 * the run can become stdout, and there is room for as many as a run needs; SIGPIPE is ignored, so
 * that a reader that went away is an error of a write; SIGUSR1, which asks how far the run is, is
 * counted; SIGCHLD has its default disposition, without which nobody hears how a child ended.
 */
void signals_prepare(void);
/*
 * From now on SIGINT, SIGTERM and SIGHUP (where they were not ignored) are counted instead of
 * ending the process. is_running: somebody looks at the count, and calls that wait go on; else they
 * fail with EINTR, so that what was begun is taken back; those that begin after the signal too,
 * after a second (by SIGALRM). When nobody has looked for six seconds after a signal, or for two
 * after a second signal, something hangs: then the process ends by the signal.
 */
void signals_catch(bool is_running);
/* How many came since then. Whoever asks looks. */
int signals_count(void);
/* What is done before that end, once and by the first thread, whatever it was at: act may only make
 * calls of the system. NULL: nothing. */
void signals_at_last(void (*act)(void));
/* The first that came, 0 when none did. */
int signals_first(void);
/* How often SIGUSR1 came. */
int signals_asked(void);
/* Ends the process by the signal, as if it had never been caught. Does not return. */
void signals_raise(int number) __attribute__((noreturn));

#endif
