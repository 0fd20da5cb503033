/*
 * wire.h - what goes between the isolate operation and its worker process (millrace-operate):
 * content in a window of shared memory, the rest in messages over the socket of base/helper.h. Both
 * sides are of one build: the first message says so. A worker process is not trusted: what it
 * answers is checked.
 *
 * For each request there is one answer. A request is a struct wire_request and texts behind it,
 * each ended by NUL; an answer is a struct wire_answer and texts likewise. Unused fields are 0.
 */
#ifndef MR_OPERATION_WIRE_H
#define MR_OPERATION_WIRE_H

#include "config.h"
#include "millrace/entry.h"

#define WIRE_WINDOW_FD HELPER_FIRST_FD /* of the worker process: the memory of its window */
#define WIRE_VERSION   "millrace-operate " MR_VERSION
#define WIRE_TEXTS_BYTES                                                                           \
    ((size_t)128 << 10) /* all texts of a message; a socket's default buffer takes more */

enum wire_kind {
    WIRE_SETUP,   /* the operations. Texts: WIRE_VERSION, then specs as for -p. Answer: flags,
                     state_bytes; texts: the name   of the first operation, the path of the notes ("":
                     none) */
    WIRE_RENAME,  /* text: a name. Answer: text: the output name */
    WIRE_PROCESS, /* content. Texts with starts: those that entry has (enum wire_texts), in order.
                     Answer: used_bytes, made_bytes; text with MR_DONE: the note, when there is one
                   */
};

enum wire_texts { WIRE_PATH = 1, WIRE_TARGET = 2, WIRE_UNAME = 4, WIRE_GNAME = 8 };

struct wire_request {
    uint32_t kind;
    uint32_t texts_bytes;
    uint64_t number; /* the answer has the same */
    /* WIRE_SETUP */
    uint64_t entry_bytes; /* sizeof(struct mr_entry) */
    /* WIRE_PROCESS */
    bool starts; /* a new item begins; the one before it may have been cut short */
    bool is_last;
    uint64_t in_bytes, room_bytes; /* in the window, at most WINDOW_AREA_BYTES; room_bytes > 0 */
    int64_t deadline_ns;
    uint32_t texts;        /* enum wire_texts */
    struct mr_entry entry; /* with starts; its pointers are NULL; extended attributes stay behind */
};

struct wire_answer {
    uint64_t number;
    int32_t status; /* enum mr_status; with an error the only text is that of the error */
    int32_t sys_errno;
    uint32_t texts_bytes;
    uint32_t flags;       /* enum mr_operation_flag, of the first operation */
    uint64_t state_bytes; /* of all of them */
    uint64_t used_bytes, made_bytes;
};

struct wire_message {
    union {
        struct wire_request request;
        struct wire_answer answer;
    };
    char texts[WIRE_TEXTS_BYTES];
};

#endif
