/*
 * message.h - the only writer to stderr. One write(2) a line, so that lines of several threads do
 * not mix; the same write removes what is drawn, which comes back below it when it is drawn next.
 *
 * With --log-json a line is an object: "time", "level" ("error", "warning", "info"), "event"
 * ("message", or "item" with what a report has of one), "about" (a name), "text".
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
    bool is_json;         /* --log-json: each line is a JSON object */
    atomic_bool is_drawn; /* lines are drawn, from the cursor on */
};

void message_init(struct message *message);
/* What the options say: --color, -q, --log-json. */
void message_configure(struct message *message, const struct options *options);

/* "millrace: NAME: text" (name may be NULL). Always written. Any thread. */
void message_error(struct message *message, const char *name, const char *format, ...)
    MR_PRINTF(3, 4);
/* Likewise, but neither when -q was given nor in an error's colour. */
void message_note(struct message *message, const char *name, const char *format, ...)
    MR_PRINTF(3, 4);
/* Always written, in no colour. */
void message_say(struct message *message, const char *text);
/* How an item ended, as JSON. Any thread. */
void message_item(struct message *message, const struct job_item *item);
/* A text of several lines as it is: usage, JSON. */
void message_text(struct message *message, const char *text);

/*
 * Draws one or two lines (second may be NULL) at the bottom, in place of those that are there: text
 * and colours of the caller's own, narrower than the terminal. One thread.
 */
void message_draw(struct message *message, const char *first, const char *second);
/* Removes them. */
void message_erase(struct message *message);

#endif
