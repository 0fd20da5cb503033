#include "cli/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "observe/job_record.h"

#define LINE_BYTES 1024
/* As JSON: each byte of a text may take six, and its base64 beside. */
#define EVENT_BYTES (16 * LINE_BYTES)
#define ITEM_BYTES  ((size_t)160 * 1024)
/* What is drawn begins where the cursor is. tmux keeps what is cleared from the upper left corner
 * on. */
#define ERASE    "\r\033[K\n\033[J\033[A"
#define WRAP_OFF "\033[?7l"
#define WRAP_ON  "\033[?7h"
#define RED      "\033[1;31m"
#define PLAIN    "\033[0m"

/* A line that is being put together; what does not fit is cut, but for the newline. */
struct line_text {
    char text[LINE_BYTES];
    size_t length;
};

static void add(struct line_text *line, const char *text)
{
    size_t room = sizeof(line->text) - line->length - 1;
    size_t length = strnlen(text, room);
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

/* Adds what may hold anything: control characters cannot reach the terminal from here. */
static void add_scrubbed(struct line_text *line, const char *text)
{
    size_t start = line->length;
    add(line, text);
    for (size_t i = start; i < line->length; i++) {
        unsigned char byte = (unsigned char)line->text[i];
        if (byte < 0x20 || byte == 0x7f)
            line->text[i] = '?';
    }
}

static void put(struct message *message, const char *text, size_t length)
{
    /* There is nobody left to tell when stderr is gone. */
    (void)io_write(message->fd, text, length);
}

/* ---- as JSON ---- */

static void begin_event(struct json *json, char *line, size_t cap_bytes, const char *level,
                        const char *event)
{
    struct timespec now;
    struct tm parts = {0};
    char seconds[32], time[48];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(time, sizeof(time), "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
    json_open_memory(json, line, line + cap_bytes);
    json_text(json, "time", time);
    json_text(json, "level", level);
    json_text(json, "event", event);
}

/* What is too long is left out: half an object is none. */
static void end_event(struct message *message, struct json *json, const char *line)
{
    json_close(json);
    if (!json->is_cut)
        put(message, line, (size_t)(json->at - line));
}

static void write_event(struct message *message, const char *level, const char *name,
                        const char *text)
{
    char line[EVENT_BYTES];
    struct json json;
    begin_event(&json, line, sizeof(line), level, "message");
    if (name)
        json_text(&json, "about", name);
    json_text(&json, "text", text);
    end_event(message, &json, line);
}

void message_item(struct message *message, const struct job_item *item)
{
    char line[ITEM_BYTES], path[JOB_RECORD_PATH_BYTES];
    struct json json;
    struct record record;
    bool is_bad = item->outcome == JOB_FAILED;
    if (message->is_quiet && !is_bad && !item->error)
        return;
    job_record(item, path, &record);
    begin_event(&json, line, sizeof(line),
                is_bad        ? "error"
                : item->error ? "warning"
                              : "info",
                "item");
    record_write(&json, &record);
    end_event(message, &json, line);
}

/* ---- as text ---- */

static void write_line(struct message *message, const char *colour, const char *name,
                       const char *text)
{
    struct line_text line = {.length = 0};
    if (message->is_json) {
        write_event(message, colour ? "error" : "info", name, text);
        return;
    }
    if (atomic_load(&message->is_drawn))
        add(&line, ERASE);
    if (message->has_colour && colour)
        add(&line, colour);
    add(&line, "millrace:");
    if (message->has_colour && colour)
        add(&line, PLAIN);
    add(&line, " ");
    if (name) {
        add_scrubbed(&line, name);
        add(&line, ": ");
    }
    add_scrubbed(&line, text);
    line.text[line.length++] = '\n';
    put(message, line.text, line.length);
}

void message_init(struct message *message)
{
    memset(message, 0, sizeof(*message));
    message->fd = STDERR_FILENO;
    atomic_init(&message->is_drawn, false);
}

static bool terminal_has_colour(int fd)
{
    const char *terminal = getenv("TERM");
    const char *no_colour = getenv("NO_COLOR");
    if (no_colour && *no_colour)
        return false;
    return isatty(fd) && terminal && strcmp(terminal, "dumb") != 0;
}

void message_configure(struct message *message, const struct options *options)
{
    message->is_quiet = options->is_quiet;
    message->is_json = options->logs_json;
    message->has_colour = options->color == WHEN_ALWAYS ||
                          (options->color == WHEN_AUTO && terminal_has_colour(message->fd));
}

void message_error(struct message *message, const char *name, const char *format, ...)
{
    char text[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof(text), format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    write_line(message, RED, name, text);
}

void message_note(struct message *message, const char *name, const char *format, ...)
{
    if (message->is_quiet)
        return;
    char text[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof(text), format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    write_line(message, NULL, name, text);
}

void message_say(struct message *message, const char *text)
{
    write_line(message, NULL, NULL, text);
}

void message_text(struct message *message, const char *text)
{
    if (atomic_load(&message->is_drawn))
        put(message, ERASE, strlen(ERASE));
    put(message, text, strlen(text));
}

/*
 * The cursor goes back to where the first line begins. A terminal that is made narrower or wider
 * moves text about, and keeps its cursor with the text that it stands on: so what is drawn next,
 * or erased, begins at the right place whatever became of the old lines. Without wrapping, a line
 * that is too long for a terminal that has just become narrower stays one line.
 */
void message_draw(struct message *message, const char *first, const char *second)
{
    struct line_text line = {.length = 0};
    add(&line, "\r" WRAP_OFF);
    add(&line, first);
    add(&line, "\033[K");
    if (second) {
        add(&line, "\n");
        add(&line, second);
        add(&line, "\033[K");
    }
    add(&line, second ? "\033[J\r\033[A" WRAP_ON : "\033[J\r" WRAP_ON);
    atomic_store(&message->is_drawn, true);
    put(message, line.text, line.length);
}

void message_erase(struct message *message)
{
    if (atomic_exchange(&message->is_drawn, false))
        put(message, ERASE, strlen(ERASE));
}
