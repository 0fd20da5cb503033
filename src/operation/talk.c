#include "operation/talk.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/path.h"

/* Of what is put before the content, without the name: three heads, the keys, newlines. */
#define REQUEST_BYTES ((size_t)64)
/* Of a line that is no packet, behind what should be its head. */
#define LINE_SHOWN_BYTES ((size_t)96)

/* ---- sending ---- */

static void put(struct talk *talk, const void *data, size_t bytes)
{
    assert(bytes <= TALK_SEND_BYTES - talk->send_count);
    memcpy(talk->send + talk->send_count, data, bytes);
    talk->send_count += bytes;
}

static void put_flush(struct talk *talk)
{
    unsigned char head[PKT_HEAD_BYTES];
    pkt_line_flush(head);
    put(talk, head, sizeof(head));
}

/* "key=value\n" as a packet; a key without '=' has the value "". */
static void put_line(struct talk *talk, const char *key, const char *value)
{
    size_t key_bytes = strlen(key), value_bytes = strlen(value);
    unsigned char head[PKT_HEAD_BYTES];
    pkt_line_head(head, key_bytes + value_bytes + 1);
    put(talk, head, sizeof(head));
    put(talk, key, key_bytes);
    put(talk, value, value_bytes);
    put(talk, "\n", 1);
}

void talk_begin(struct talk *talk, const char *command)
{
    memset(talk, 0, offsetof(struct talk, send));
    talk->send_at = talk->send_count = 0;
    talk->command = command;
    talk->phase = TALK_WELCOME;
    put_line(talk, "git-filter-client", "");
    put_line(talk, "version=", "2");
    put_flush(talk);
}

enum mr_status talk_ask(struct talk *talk, const char *pathname, struct mr_error *err)
{
    assert(talk->sending == TALK_SEND_NOTHING);
    size_t bytes = strlen(pathname);
    if (bytes > TALK_SEND_BYTES - REQUEST_BYTES - strlen(talk->command))
        return mr_error_set(err, MR_E_UNSUPPORTED, 0,
                            "a name of %zu bytes is too long for a filter process", bytes);
    talk->pathname = pathname;
    talk->answer = TALK_ANSWER_NONE;
    talk->sending = TALK_SEND_HEAD;
    if (talk->phase == TALK_ANSWERED)
        talk->phase = TALK_IDLE;
    return MR_OK;
}

static void put_content(struct talk *talk, const unsigned char **in, size_t *in_bytes)
{
    /* One flush always has room behind it. */
    size_t room_bytes = TALK_SEND_BYTES - talk->send_count;
    if (*in_bytes == 0 || room_bytes <= 2 * PKT_HEAD_BYTES)
        return;
    room_bytes -= 2 * PKT_HEAD_BYTES;
    size_t bytes = *in_bytes < room_bytes ? *in_bytes : room_bytes;
    if (bytes > PKT_DATA_BYTES_MAX)
        bytes = PKT_DATA_BYTES_MAX;
    unsigned char head[PKT_HEAD_BYTES];
    pkt_line_head(head, bytes);
    put(talk, head, sizeof(head));
    put(talk, *in, bytes);
    *in += bytes;
    *in_bytes -= bytes;
}

bool talk_fill(struct talk *talk, const unsigned char **in, size_t *in_bytes, bool is_last)
{
    if (talk->send_at < talk->send_count)
        return true;
    talk->send_at = talk->send_count = 0;
    if (talk->sending == TALK_SEND_HEAD && talk->phase == TALK_IDLE) {
        put_line(talk, "command=", talk->command);
        put_line(talk, "pathname=", talk->pathname);
        put_flush(talk);
        talk->sending = TALK_SEND_CONTENT;
        talk->phase = TALK_STATUS;
    }
    if (talk->sending == TALK_SEND_CONTENT) {
        put_content(talk, in, in_bytes);
        if (*in_bytes == 0 && is_last) {
            put_flush(talk);
            talk->sending = TALK_SEND_NOTHING;
        }
    }
    return talk->send_count > 0;
}

bool talk_is_sent(const struct talk *talk)
{
    return talk->sending == TALK_SEND_NOTHING && talk->send_at == talk->send_count;
}

/* ---- receiving ---- */

static bool line_is(const struct talk *talk, const char *text)
{
    return talk->line_bytes == strlen(text) && memcmp(talk->line, text, talk->line_bytes) == 0;
}

static bool line_begins(const struct talk *talk, const char *text)
{
    size_t bytes = strlen(text);
    return talk->line_bytes >= bytes && memcmp(talk->line, text, bytes) == 0;
}

/* The line for people. */
static const char *show_line(const struct talk *talk, char shown[PATH_SHOW_BYTES / 2])
{
    char text[TALK_LINE_BYTES + 1];
    size_t bytes = talk->line_bytes < TALK_LINE_BYTES ? talk->line_bytes : TALK_LINE_BYTES;
    for (size_t i = 0; i < bytes; i++)
        text[i] = talk->line[i] ? talk->line[i] : ' ';
    text[bytes] = '\0';
    return path_show(shown, PATH_SHOW_BYTES / 2, text);
}

/* Adds a part of a line. True when the line is complete; one newline at its end is then gone. */
static bool add_to_line(struct talk *talk, const struct pkt_part *part)
{
    if (talk->line_bytes < TALK_LINE_BYTES) {
        size_t room_bytes = TALK_LINE_BYTES - talk->line_bytes;
        memcpy(talk->line + talk->line_bytes, part->data,
               part->bytes < room_bytes ? part->bytes : room_bytes);
    }
    talk->line_bytes += part->bytes;
    if (!part->is_end)
        return false;
    if (talk->line_bytes > 0 && talk->line_bytes <= TALK_LINE_BYTES &&
        talk->line[talk->line_bytes - 1] == '\n')
        talk->line_bytes--;
    return true;
}

static enum mr_status take_status(struct talk *talk, struct mr_error *err)
{
    if (!line_begins(talk, "status="))
        return MR_OK; /* a key of a later version */
    if (line_is(talk, "status=success"))
        talk->answer = TALK_ANSWER_SUCCESS;
    else if (line_is(talk, "status=error"))
        talk->answer = TALK_ANSWER_ERROR;
    else if (line_is(talk, "status=abort"))
        talk->answer = TALK_ANSWER_ABORT;
    else {
        char shown[PATH_SHOW_BYTES / 2];
        return mr_error_set(err, MR_E_CHILD, 0, "it answered \"%s\", which has no meaning here",
                            show_line(talk, shown));
    }
    return MR_OK;
}

static enum mr_status take_line(struct talk *talk, struct mr_error *err)
{
    static const char *const expected[] = {[TALK_WELCOME] = "git-filter-server",
                                           [TALK_VERSION] = "version=2",
                                           [TALK_VERSION_END] = "the end of its greeting"};
    char shown[PATH_SHOW_BYTES / 2];
    if (talk->line_count++ >= TALK_LINES_MAX)
        return mr_error_set(err, MR_E_CHILD, 0, "it sent more than %d lines in one list",
                            TALK_LINES_MAX);
    switch (talk->phase) {
    case TALK_WELCOME:
    case TALK_VERSION:
    case TALK_VERSION_END:
        if (talk->phase == TALK_VERSION_END || !line_is(talk, expected[talk->phase]))
            return mr_error_set(err, MR_E_CHILD, 0, "it said \"%s\" instead of %s",
                                show_line(talk, shown), expected[talk->phase]);
        talk->phase++;
        return MR_OK;
    case TALK_CAPABILITIES:
        if (line_begins(talk, "capability=")) {
            size_t key_bytes = strlen("capability="), bytes = strlen(talk->command);
            if (talk->line_bytes == key_bytes + bytes &&
                memcmp(talk->line + key_bytes, talk->command, bytes) == 0)
                talk->has_command = true;
        }
        return MR_OK;
    default:
        return take_status(talk, err);
    }
}

static enum mr_status take_flush(struct talk *talk, struct mr_error *err)
{
    talk->line_count = 0;
    switch (talk->phase) {
    case TALK_VERSION_END:
        talk->phase = TALK_CAPABILITIES;
        put_line(talk, "capability=", "clean");
        put_line(talk, "capability=", "smudge");
        put_flush(talk);
        return MR_OK;
    case TALK_CAPABILITIES:
        if (!talk->has_command)
            return mr_error_set(err, MR_E_CHILD, 0, "it does not offer the command %s",
                                talk->command);
        talk->phase = TALK_IDLE;
        return MR_OK;
    case TALK_STATUS:
        if (talk->answer == TALK_ANSWER_NONE)
            return mr_error_set(err, MR_E_CHILD, 0, "it answered without a status");
        talk->phase = talk->answer == TALK_ANSWER_SUCCESS ? TALK_CONTENT : TALK_ANSWERED;
        return MR_OK;
    case TALK_CONTENT:
        talk->phase = TALK_VERDICT;
        return MR_OK;
    case TALK_VERDICT:
        talk->phase = TALK_ANSWERED;
        return MR_OK;
    default:
        return mr_error_set(err, MR_E_CHILD, 0, "its greeting is not complete");
    }
}

/* Something that is no packet: most likely text that a program prints by habit, or why it cannot
 * work here. Its line, as far as it is there, begins with the head and goes on with the bytes. */
static enum mr_status refuse(const struct talk *talk, const unsigned char *bytes, size_t count,
                             struct mr_error *err)
{
    char line[PKT_HEAD_BYTES + LINE_SHOWN_BYTES + 1], shown[PATH_SHOW_BYTES];
    if (count > LINE_SHOWN_BYTES)
        count = LINE_SHOWN_BYTES;
    memcpy(line, talk->parser.head, PKT_HEAD_BYTES);
    memcpy(line + PKT_HEAD_BYTES, bytes, count);
    count += PKT_HEAD_BYTES;
    for (size_t i = 0; i < count; i++)
        line[i] = line[i] ? line[i] : ' ';
    line[count] = '\0';
    line[PKT_HEAD_BYTES + strcspn(line + PKT_HEAD_BYTES, "\r\n")] = '\0';
    return mr_error_set(err, MR_E_CHILD, 0,
                        "its stdout has \"%s\" where a packet of git's protocol should begin",
                        path_show(shown, sizeof(shown), line));
}

enum mr_status talk_take(struct talk *talk, const unsigned char **bytes, size_t *count,
                         unsigned char **out, size_t *out_bytes, struct mr_error *err)
{
    for (;;) {
        if (talk->phase == TALK_ANSWERED)
            return MR_DONE;
        if (talk->phase == TALK_IDLE && *count > 0)
            return mr_error_set(err, MR_E_CHILD, 0, "it spoke before it was asked");
        bool is_content = talk->phase == TALK_CONTENT;
        struct pkt_part part;
        enum pkt_event event =
            pkt_parse(&talk->parser, bytes, count, is_content ? *out_bytes : SIZE_MAX, &part);
        enum mr_status status = MR_OK;
        switch (event) {
        case PKT_MORE:
            return MR_OK;
        case PKT_BAD:
            return refuse(talk, *bytes, *count, err);
        case PKT_FLUSH:
            status = take_flush(talk, err);
            break;
        case PKT_DATA:
            if (is_content && part.bytes > 0) {
                memcpy(*out, part.data, part.bytes);
                *out += part.bytes;
                *out_bytes -= part.bytes;
            } else if (!is_content && add_to_line(talk, &part)) {
                status = take_line(talk, err);
                talk->line_bytes = 0;
            }
            break;
        }
        if (status != MR_OK)
            return status;
    }
}

bool talk_is_greeted(const struct talk *talk)
{
    return talk->phase >= TALK_IDLE;
}
