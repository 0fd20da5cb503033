/*
 * talk.h - what is said to a resident filter process, and what its answers mean: git's protocol for
 * long-running filter processes, version 2, with the commands clean and smudge (gitattributes(5),
 * "Long Running Filter Process"; the handshake: gitprotocol-long-running-process).
 *
 *   greeting   git-filter-client, version=2, flush  ->  git-filter-server, version=2, flush
 *              capability=clean, capability=smudge, flush  ->  those that it has, flush
 *   an item    command=, pathname=, flush, content, flush
 *              ->  status=, flush, content, flush, status= or nothing, flush
 *
 * Pure: no I/O. A talk is used by one thread at a time. The bytes to be sent are put together in
 * the talk; those received are the caller's, and may be cut anywhere. An answer may begin before
 * its item has been sent.
 */
#ifndef MR_OPERATION_TALK_H
#define MR_OPERATION_TALK_H

#include "millrace/status.h"
#include "operation/pkt_line.h"

#define TALK_SEND_BYTES ((size_t)1 << 16) /* as much as a pipe takes at once */
#define TALK_LINE_BYTES ((size_t)256)     /* what is kept of a line; none that matters is longer */

enum talk_phase {
    TALK_WELCOME, /* these are expected next: "git-filter-server" */
    TALK_VERSION,
    TALK_VERSION_END,
    TALK_CAPABILITIES,
    TALK_IDLE, /* nothing: the greeting is over, no item is on its way */
    TALK_STATUS,
    TALK_CONTENT,
    TALK_VERDICT, /* the list behind the content */
    TALK_ANSWERED
};

enum talk_answer {
    TALK_ANSWER_NONE,
    TALK_ANSWER_SUCCESS,
    TALK_ANSWER_ERROR, /* this item failed */
    TALK_ANSWER_ABORT  /* it failed, and no other is wanted */
};

enum talk_sending { TALK_SEND_NOTHING, TALK_SEND_HEAD, TALK_SEND_CONTENT };

struct talk {
    const char *command;  /* "clean" or "smudge"; of talk_begin() */
    const char *pathname; /* of talk_ask() */
    enum talk_phase phase;
    enum talk_answer answer; /* the last status that was given for the item */
    bool has_command;        /* it is among its capabilities */
    enum talk_sending sending;

    struct pkt_parser parser;
    char line[TALK_LINE_BYTES]; /* as far as it is there */
    size_t line_bytes;          /* of the whole line */

    unsigned char send[TALK_SEND_BYTES]; /* [send_at, send_count) is to be sent */
    size_t send_at, send_count;
};

/* To a new process. command must outlive the talk. */
void talk_begin(struct talk *talk, const char *command);

/*
 * The next item: not before the answer to the one before has ended, but already during the
 * greeting. pathname must stay until the item is done. MR_OK; MR_E_UNSUPPORTED (the name does not
 * fit into a packet).
 */
enum mr_status talk_ask(struct talk *talk, const char *pathname, struct mr_error *err);

/* Puts the next bytes to be sent together when the ones before are gone. Content is taken from
 * *in; is_last: nothing follows it. True when there is something to be sent. */
bool talk_fill(struct talk *talk, const unsigned char **in, size_t *in_bytes, bool is_last);

/* The item is sent: all of its packets have been taken out of send. */
bool talk_is_sent(const struct talk *talk);

/*
 * What bytes received mean: moves *bytes past what it took, and *out past the content that it
 * wrote. MR_OK: the bytes are used up, or there is no room for content; MR_DONE: the answer to the
 * item has ended (answer says how); what bytes are left do not belong to it. MR_E_CHILD: this is
 * not the protocol; the text says what is wrong with "it" as the subject, and the talk is over.
 */
enum mr_status talk_take(struct talk *talk, const unsigned char **bytes, size_t *count,
                         unsigned char **out, size_t *out_bytes, struct mr_error *err);

/* The greeting is over. */
bool talk_is_greeted(const struct talk *talk);

#endif
