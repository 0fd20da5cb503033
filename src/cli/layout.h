/*
 * layout.h - a moment of a run as text: the one or two lines that a terminal of a given size has
 * room for, or one plain line.
 *
 * A line is a row of segments. Where the row is too wide the least important segments are left out;
 * a line never has more columns than it was given.
 */
#ifndef MR_CLI_LAYOUT_H
#define MR_CLI_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/moment.h"

#define LAYOUT_LINES       2
#define LAYOUT_BYTES       480
#define LAYOUT_TITLE_BYTES 64

struct layout_style {
    size_t columns;            /* of the terminal; the last one stays free */
    unsigned row_count;        /* of the terminal */
    bool has_utf8, has_colour; /* bars of block characters; escape sequences */
};

struct layout {
    char lines[LAYOUT_LINES][LAYOUT_BYTES];
    unsigned count;
};

/* title: what is under way, where that is one of several things, else ""; ASCII, less than
 * LAYOUT_TITLE_BYTES. */
void layout_draw(const struct moment *moment, const char *title, const struct layout_style *style,
                 struct layout *layout);

/* Everything in one line without bars or colours, however long, into text. Returns text. */
char *layout_plain(const struct moment *moment, const char *title, char *text, size_t cap_bytes);

/* "12,345" into out (at least 32 bytes); returns out. */
char *layout_count(char *out, size_t cap_bytes, uint64_t count);
/* "0:05", "1:05", "2:03:04", "3d 4h" into out (at least 32 bytes); returns out. */
char *layout_time(char *out, size_t cap_bytes, double seconds);

#endif
