/*
 * filter_worker - a filter process of git's protocol for tests: what it is given comes back with
 * small ASCII letters made large.
 *
 *   filter_worker           the resident process
 *   filter_worker filter    the same work on stdin, once, as a plain filter
 *   filter_worker GREETING  misbehaves in the greeting: see greet()
 *
 * It misbehaves for items whose name has one of the words of answer() between dots: "a.die.txt".
 * The word smudged: the command must be smudge (else clean), and the content comes back as it was.
 * The word name: the result is the name. It is on its own: what it shares with millrace could be
 * wrong in both.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA_MAX 65516
#define FLUSH    (-1)

static unsigned char in[1 << 16], out[1 << 16];
static size_t in_at, in_count, out_count;
static unsigned char packet[DATA_MAX + 1];
static unsigned char *content; /* of the item */
static size_t content_bytes, content_cap;
static char name[DATA_MAX + 1];

static void send_out(void)
{
    for (size_t at = 0; at < out_count;) {
        ssize_t written = write(STDOUT_FILENO, out + at, out_count - at);
        if (written <= 0)
            exit(10);
        at += (size_t)written;
    }
    out_count = 0;
}

static void put(const void *data, size_t bytes)
{
    while (bytes > 0) {
        if (out_count == sizeof(out))
            send_out();
        size_t part = bytes < sizeof(out) - out_count ? bytes : sizeof(out) - out_count;
        memcpy(out + out_count, data, part);
        out_count += part;
        data = (const unsigned char *)data + part;
        bytes -= part;
    }
}

static void put_packet(const void *data, size_t bytes)
{
    char head[24];
    snprintf(head, sizeof(head), "%04zx", bytes + 4);
    put(head, 4);
    put(data, bytes);
}

static void put_text(const char *text)
{
    put_packet(text, strlen(text));
}

static void put_flush(void)
{
    put("0000", 4);
}

static void put_content(const unsigned char *data, size_t bytes)
{
    for (size_t part; bytes > 0; data += part, bytes -= part) {
        part = bytes < DATA_MAX ? bytes : DATA_MAX;
        put_packet(data, part);
    }
}

static void take(void *data, size_t bytes)
{
    while (bytes > 0) {
        if (in_at == in_count) {
            ssize_t got = read(STDIN_FILENO, in, sizeof(in));
            if (got <= 0)
                exit(got == 0 ? 0 : 11);
            in_at = 0;
            in_count = (size_t)got;
        }
        size_t part = bytes < in_count - in_at ? bytes : in_count - in_at;
        memcpy(data, in + in_at, part);
        in_at += part;
        data = (unsigned char *)data + part;
        bytes -= part;
    }
}

/* The bytes of the packet, in packet with a NUL behind; FLUSH. Without the newline when it is text.
 */
static int take_packet(bool is_text)
{
    char head[5] = "";
    take(head, 4);
    long bytes = strtol(head, NULL, 16);
    if (bytes == 0)
        return FLUSH;
    if (bytes < 4 || bytes > DATA_MAX + 4)
        exit(12);
    bytes -= 4;
    take(packet, (size_t)bytes);
    if (is_text && bytes > 0 && packet[bytes - 1] == '\n')
        bytes--;
    packet[bytes] = '\0';
    return (int)bytes;
}

static void expect_text(const char *text)
{
    if (take_packet(true) == FLUSH || strcmp((char *)packet, text) != 0)
        exit(13);
}

static void expect_flush(void)
{
    if (take_packet(true) != FLUSH)
        exit(14);
}

static void enlarge(unsigned char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (data[i] >= 'a' && data[i] <= 'z')
            data[i] = (unsigned char)(data[i] - 32);
}

static bool greets(const char *how, const char *word)
{
    return strcmp(how, word) == 0;
}

static void greet(const char *how)
{
    if (greets(how, "no-start")) {
        fputs("no such model\n", stderr);
        exit(4);
    }
    if (greets(how, "slow"))
        usleep(500000);
    expect_text("git-filter-client");
    expect_text("version=2");
    expect_flush();
    if (greets(how, "text"))
        put("Loading model...\n", 17);
    if (greets(how, "mute"))
        pause();
    put_text(greets(how, "other") ? "git-other-server" : "git-filter-server\n");
    put_text(greets(how, "version-3") ? "version=3" : "version=2");
    if (!greets(how, "version-end"))
        put_flush();
    else
        put_text("version=1");
    send_out();
    expect_text("capability=clean");
    expect_text("capability=smudge");
    expect_flush();
    if (!greets(how, "no-clean"))
        put_text("capability=clean\n");
    put_text("capability=smudge");
    put_text("capability=later");
    put_flush();
    if (greets(how, "speaks"))
        put_text("status=success");
    send_out();
}

static bool asks(const char *word)
{
    size_t bytes = strlen(word);
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
        if (strncmp(dot + 1, word, bytes) == 0 && dot[bytes + 1] == '.')
            return true;
    return false;
}

/* Interleaved: every packet is answered before the next is read. */
static void answer_early(void)
{
    put_text("status=success");
    put_flush();
    int bytes;
    while ((bytes = take_packet(false)) != FLUSH) {
        enlarge(packet, (size_t)bytes);
        put_packet(packet, (size_t)bytes);
        send_out();
    }
    put_flush();
    put_flush();
}

static void take_content(void)
{
    content_bytes = 0;
    int bytes;
    while ((bytes = take_packet(false)) != FLUSH) {
        if (content_bytes + (size_t)bytes > content_cap) {
            content_cap = 2 * content_cap + (size_t)bytes;
            content = realloc(content, content_cap);
            if (!content)
                exit(15);
        }
        if (bytes > 0)
            memcpy(content + content_bytes, packet, (size_t)bytes);
        content_bytes += (size_t)bytes;
        if (asks("half"))
            exit(3);
    }
    if (asks("smudged"))
        return;
    enlarge(content, content_bytes);
}

static void answer_name(void)
{
    put_text("status=success");
    put_flush();
    put_text(name);
    put_flush();
    put_flush();
}

static void answer_well(void)
{
    put_text("status=success\n");
    put_flush();
    put_content(content, content_bytes);
    put_flush();
    put_flush();
}

static void answer_huge(void)
{
    static unsigned char block[DATA_MAX];
    memset(block, 'x', sizeof(block));
    put_text("status=success");
    put_flush();
    for (int i = 0; i < 1600; i++) /* 100 MiB */
        put_packet(block, sizeof(block));
    put_flush();
    put_flush();
}

/* One byte of content in every packet, with packets of none between. */
static void answer_crumbs(void)
{
    put_text("status=success");
    put_flush();
    for (size_t i = 0; i < content_bytes; i++) {
        put_packet(content + i, 1);
        put_text("");
    }
    put_flush();
    put_text("other=key");
    put_text("status=success");
    put_flush();
}

static void answer_status(const char *status)
{
    put_text(status);
    put_flush();
}

/* Success, half of the content, and then another status. */
static void change_mind(const char *status)
{
    put_text("status=success");
    put_flush();
    put_content(content, content_bytes / 2);
    put_flush();
    answer_status(status);
}

/* The same for ever, after a status when that is given. */
static void answer_endlessly(const char *status, const char *text)
{
    if (status)
        answer_status(status);
    for (;;)
        put_text(text);
}

static void flood_stderr(void)
{
    for (int i = 0; i < 100000; i++)
        fprintf(stderr, "line %d of many\n", i);
}

static void answer(void)
{
    if (asks("early-error")) {
        answer_status("status=error");
        send_out();
    }
    if (asks("close")) {
        close(STDIN_FILENO);
        sleep(1000);
    }
    if (asks("early")) {
        answer_early();
        return;
    }
    take_content();
    if (asks("die")) {
        fputs("out of ideas\n", stderr);
        exit(3);
    }
    if (asks("segv")) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
    if (asks("deaf"))
        signal(SIGTERM, SIG_IGN);
    while (asks("mute") || asks("deaf"))
        sleep(1000);
    if (asks("slow"))
        usleep(100000);
    if (asks("bad"))
        put("Traceback: no\n", 14);
    if (asks("flood"))
        flood_stderr();
    if (asks("error")) {
        fputs("not this one\n", stderr);
        answer_status("status=error\n");
    } else if (asks("abort"))
        answer_status("status=abort");
    else if (asks("late-error"))
        change_mind("status=error");
    else if (asks("late-abort"))
        change_mind("status=abort");
    else if (asks("delayed"))
        answer_status("status=delayed");
    else if (asks("nothing"))
        put_flush();
    else if (asks("name"))
        answer_name();
    else if (asks("huge"))
        answer_huge();
    else if (asks("endless"))
        answer_endlessly(NULL, "status=success");
    else if (asks("hollow"))
        answer_endlessly("status=success", "");
    else if (asks("crumbs"))
        answer_crumbs();
    else if (!asks("early-error"))
        answer_well();
    if (asks("twice"))
        answer_well();
    if (asks("last")) {
        send_out();
        exit(0);
    }
    if (asks("leaving")) { /* and the next item is on its way already */
        send_out();
        if (read(STDIN_FILENO, in, sizeof(in)) > 0)
            _exit(0);
    }
}

static void filter(void)
{
    for (ssize_t got; (got = read(STDIN_FILENO, in, sizeof(in))) > 0;) {
        enlarge(in, (size_t)got);
        put(in, (size_t)got);
    }
    send_out();
}

int main(int argument_count, char **arguments)
{
    const char *how = argument_count > 1 ? arguments[1] : "";
    if (greets(how, "filter")) {
        filter();
        return 0;
    }
    greet(how);
    for (;;) {
        if (take_packet(true) == FLUSH)
            return 16;
        bool is_smudge = strcmp((char *)packet, "command=smudge") == 0;
        if (!is_smudge && strcmp((char *)packet, "command=clean") != 0)
            return 17;
        if (take_packet(true) == FLUSH || strncmp((char *)packet, "pathname=", 9) != 0)
            return 18;
        memcpy(name, packet + 9, strlen((char *)packet + 9) + 1);
        expect_flush();
        if (is_smudge != asks("smudged"))
            return 19;
        answer();
        send_out();
    }
}
