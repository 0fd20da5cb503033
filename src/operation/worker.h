/*
 * worker.h - a worker process (millrace-operate) and its window, as the isolate operation sees
 * them.
 *
 * Nothing that the process answers is believed: sizes, statuses and texts are checked before
 * anybody else sees them. A process that dies, answers nonsense or takes too long is gone
 * afterwards; what comes of that is one failed call.
 *
 * A struct worker is used by one thread at a time.
 */
#ifndef MR_OPERATION_WORKER_H
#define MR_OPERATION_WORKER_H

#include "base/helper.h"
#include "millrace/operation.h"
#include "operation/window.h"
#include "operation/wire.h"

struct worker {
    struct helper helper;
    struct window window;
    int bell_fd, answer_fd; /* of operation/wire.h; -1: none */
    bool stays_close; /* set by the user: it runs where the thread that asks runs. Wakes no other
                         processor, and is for operations that have no threads of their own */
    int cpu;          /* where it has been put; -1: nowhere */
    unsigned place;   /* of the request, in the window */
    uint64_t number;  /* of the last one that was made */
    struct wire_request request; /* the next one, or the last; what the process sees is a copy */
    struct wire_answer answer;   /* to the last one: a copy, which was checked */
    struct wire_request together[WINDOW_SMALL_COUNT]; /* handed over together */
    unsigned together_count, together_at; /* from together_at on they are not asked for yet */
    bool is_rung; /* all of them are answered, or the process is through with the one request */
    char *texts;  /* of the answer; owned; NULL: no process was started yet */
};

/* No process. */
void worker_init(struct worker *worker);
/* Also ends the process. */
void worker_fini(struct worker *worker);

bool worker_is_there(const struct worker *worker);

/*
 * Starts the process for the operations of specs, as for -p; the answer to WIRE_SETUP stands in
 * answer. MR_OK, MR_E_MEMORY, MR_E_SYSTEM, MR_E_UNSUPPORTED (no helper program); MR_E_CHILD,
 * MR_E_TIMEOUT (it died, or took too long over it); what chain_add() and state_create() say in the
 * process. There is no process after a failure.
 */
enum mr_status worker_start(struct worker *worker, const char *const *specs, unsigned spec_count,
                            struct mr_error *err);

/* A new request: zeroed, without texts. There must be a process, with nothing handed over. */
struct wire_request *worker_request(struct worker *worker, enum wire_kind kind);
/* Adds a text to the request. MR_OK, MR_E_LIMIT (too long). */
enum mr_status worker_add_text(struct worker *worker, const char *text, struct mr_error *err);
/* Adds the entry to a WIRE_PROCESS. False: it is too long for a message there. */
bool worker_add_entry(struct worker *worker, const struct mr_entry *entry);
/*
 * A new WIRE_PROCESS with the entry, as worker_request() and worker_add_entry(). What is too long
 * for a message is sent before, by requests of its own: then this waits, and fails, as worker_ask()
 * does. Also MR_E_MEMORY, MR_E_LIMIT (longer than 4 GiB).
 */
enum mr_status worker_request_entry(struct worker *worker, const struct mr_entry *entry,
                                    const struct mr_io *limits, struct mr_error *err);
/* Where its content goes, and what is made of it. */
const struct window_place *worker_place(const struct worker *worker);

/*
 * Sends the request and waits for the answer, which stands in answer then. limits: is_cancelled
 * and deadline_ns are looked at; NULL: it may take WORKER_PATIENCE_NS. What the answer says: MR_OK,
 * MR_DONE, MR_CANCELLED or an error. With MR_E_CHILD (died, or answered nonsense), MR_E_TIMEOUT,
 * MR_CANCELLED, and what else calls for a new process (MR_E_MEMORY, MR_E_STEP), the process is
 * gone.
 */
enum mr_status worker_ask(struct worker *worker, const struct mr_io *limits, struct mr_error *err);
#define WORKER_PATIENCE_NS INT64_C(10000000000)

/*
 * Several at once, each for all of an item: worker_request_together() begins a WIRE_PROCESS as
 * worker_request() does, worker_keep() puts it down for the process, at most WINDOW_SMALL_COUNT
 * times, and worker_hand_over() sends them all. False: the process cannot be woken, and is gone.
 * Then worker_ask_next() takes the answers one after the other, as worker_ask() does; the deadline
 * is for the one that is asked for. Once the process is gone nothing is handed over any more; and
 * once an answer is MR_OK, nothing of what was behind that one.
 */
struct wire_request *worker_request_together(struct worker *worker);
void worker_keep(struct worker *worker);
bool worker_hand_over(struct worker *worker);
enum mr_status worker_ask_next(struct worker *worker, const struct mr_io *limits,
                               struct mr_error *err);
/* Is there an answer to be asked for? */
bool worker_has_next(const struct worker *worker);
/* Ends the process, with what it was handed over. A no-op when there is none. */
void worker_drop(struct worker *worker);
/* The same when it has something that was not asked for. */
void worker_drop_next(struct worker *worker);

/* The index-th text of the answer, "" when there are not so many. Valid until the next request. */
const char *worker_text(const struct worker *worker, unsigned index);

#endif
