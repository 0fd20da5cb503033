/*
 * message.h - the only writer to stderr. One write(2) a line, so that lines of several threads do
 * not mix; the status line is cleared first by the same write.
 *
 * Names are given as path_show() makes them; what is still no text of one line is replaced all the
 * same.
 */
#ifndef MR_CLI_MESSAGE_H
#define MR_CLI_MESSAGE_H

#include <stdatomic.h>

#include "cli/options.h"

struct message {
    int fd;
    bool has_colour, is_quiet;
    atomic_bool has_line; /* the status line is on the screen */
};

void message_init(struct message *message);
/* What the options say: --color, -q. */
void message_configure(struct message *message, const struct options *options);

/* "millrace: NAME: text" (name may be NULL). Always written. Any thread. */
void message_error(struct message *message, const char *name, const char *format, ...)
    MR_PRINTF(3, 4);
/* Likewise, but neither when -q was given nor in an error's colour. */
void message_note(struct message *message, const char *name, const char *format, ...)
    MR_PRINTF(3, 4);
/* A text of several lines as it is: usage. */
void message_text(struct message *message, const char *text);

/* Puts text on the status line, in place of what is there. */
void message_draw(struct message *message, const char *text);
/* Removes the status line. */
void message_erase(struct message *message);

#endif
