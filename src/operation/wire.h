/*
 * wire.h - what goes between the isolate operation and its worker process (millrace-operate): all
 * of it through a window of shared memory (operation/window.h), and a bell in each direction
 * (eventfd(2)) that says that something is there. A round trip through a socket would cost twice as
 * much. Both sides are of one build: the first message says so. A worker process is not trusted:
 * what it answers is copied and checked.
 *
 * For each request there is one answer, which takes its place. A message is a struct wire_message
 * with the texts of its request or answer, each ended by NUL, one after the other. Unused fields
 * are 0.
 *
 * Two changes of process for each item are more than many a small item takes itself. So several
 * requests can be handed over together, in the small places of the window (WIRE_TOGETHER): the
 * worker answers one after the other, says how far it is in done_count, and rings once, at the end.
 * When there is more of an item than its place has room for (MR_OK), that is the end: the item goes
 * on with requests of its own, and those behind it are not looked at.
 */
#ifndef MR_OPERATION_WIRE_H
#define MR_OPERATION_WIRE_H

#include <stdatomic.h>

#include "base/helper.h"
#include "base/limits.h"
#include "config.h"
#include "millrace/entry.h"
#include "operation/window.h"

/* Descriptors of the worker process. */
#define WIRE_WINDOW_FD HELPER_FIRST_FD       /* the memory of its window */
#define WIRE_BELL_FD   (HELPER_FIRST_FD + 1) /* rung when there is a request */
#define WIRE_ANSWER_FD (HELPER_FIRST_FD + 2) /* to be rung when the answer is there */
#define WIRE_FDS       3

#define WIRE_VERSION "millrace-operate " MR_VERSION

enum wire_kind {
    WIRE_SETUP,   /* the operations. Texts: WIRE_VERSION, then specs as for -p. Answer: flags,
                     state_bytes, renames, bounds; texts: the name of the first operation, the path
                     of the notes ("": none) */
    WIRE_RENAME,  /* text: a name. Answer: text: the output name */
    WIRE_PROCESS, /* content. Texts with starts: those that entry has (enum wire_texts), in order.
                     Answer: used_bytes, made_bytes; texts with MR_DONE: the note and the remark
                     (struct mr_io), "" where there is none */
    WIRE_TEXTS,   /* in_bytes of content are the next part of the texts of the WIRE_PROCESS with
                     starts that comes next: they are more than a message holds. Its own texts are
                     the last part */
    WIRE_TOGETHER /* the small places, from the first one, have together_count requests for content,
                     each for all of an item. There is no answer but theirs */
};

enum wire_texts {
    WIRE_PATH = 1,
    WIRE_TARGET = 2,
    WIRE_UNAME = 4,
    WIRE_GNAME = 8,
    WIRE_OUTPUT_PATH = 16
};

#define WIRE_ENTRY_TEXTS 5

#define WIRE_BOUNDS             6
#define WIRE_BOUND_BYTES(index) ((size_t)4096 << (index))
_Static_assert(WIRE_BOUND_BYTES(WIRE_BOUNDS - 1) == WINDOW_SMALL_AREA_BYTES,
               "they are for all content that fits a small place");

struct wire_request {
    uint32_t kind;
    uint32_t texts_bytes;
    uint64_t number; /* the answer has the same */
    /* WIRE_SETUP */
    uint64_t entry_bytes; /* sizeof(struct mr_entry) */
    /* WIRE_PROCESS */
    bool starts;               /* a new item begins; the one before it may have been cut short */
    bool is_last, is_as_named; /* as in struct mr_io */
    bool has_limits;
    struct limits limits; /* with has_limits: struct chain_limits */
    int64_t stored_bytes;
    uint64_t in_bytes, room_bytes; /* in the window, at most WINDOW_AREA_BYTES; room_bytes > 0 */
    int64_t deadline_ns;
    uint32_t texts;        /* enum wire_texts */
    struct mr_entry entry; /* with starts; its pointers are NULL. Behind the texts of WIRE_PROCESS:
                              for each extended attribute its name, ended by NUL, the size of its
                              value (uint32_t) and the value */
    /* WIRE_TOGETHER */
    uint32_t together_count;
};

struct wire_answer {
    uint64_t number;
    int32_t status; /* enum mr_status; with an error the only text is that of the error */
    int32_t sys_errno;
    uint32_t texts_bytes;
    uint32_t flags;       /* enum mr_operation_flag, of the first operation */
    uint64_t state_bytes; /* of all of them */
    uint64_t
        bounds[WIRE_BOUNDS]; /* what WIRE_BOUND_BYTES(index) can become; UINT64_MAX: no bound */
    bool renames;            /* does the first operation change names? */
    uint64_t used_bytes, made_bytes;
    int64_t took_ns; /* from when it took the request */
};

struct wire_message {
    atomic_uint done_count; /* in the large place: answers to WIRE_TOGETHER that are there */
    union {
        struct wire_request request;
        struct wire_answer answer;
    };
    char texts[];
};

/* All texts of a message in the large place. */
#define WIRE_TEXTS_BYTES (WINDOW_MESSAGE_BYTES - sizeof(struct wire_message))

/* What the entry takes of texts; SIZE_MAX: no request can have so many. */
size_t wire_entry_bytes(const struct mr_entry *entry);
/*
 * What the request says of an item: the entry, its texts and extended attributes, added at
 * texts_bytes of texts, where there are cap_bytes. False: they do not fit.
 */
bool wire_put_entry(struct wire_request *request, char *texts, size_t cap_bytes,
                    const struct mr_entry *entry);
/*
 * The opposite. What entry points to lies in texts, but for the array *xattrs, which is made as
 * large as needed (of malloc(), *xattrs NULL at first). False: the request is not one of
 * wire_put_entry(), or there is no memory.
 */
bool wire_take_entry(const struct wire_request *request, char *texts, struct mr_entry *entry,
                     struct mr_xattr **xattrs);

#endif
