/*
 * isolate.h - operations in worker processes: a crash, an endless loop or too much memory costs the
 * item that was being worked on and nothing else.
 *
 * One state is one process (millrace-operate), which runs all operations of its config one after
 * the other. What comes out is what the same operations make in this process. A process that was
 * ended is replaced for the next item. When it dies, or is out of memory, at the first content of
 * an item and had others before, that item is tried once more in a new process: it may have been an
 * earlier one that left the damage behind.
 *
 * A process can be handed several small items at once (internals.h, ahead()). They are still worked
 * on one after the other, and what becomes of the process is still of the one that it was at: those
 * behind it go to the new process, as if they had never been handed over.
 *
 * Nothing is shared but the window of operation/window.h.
 */
#ifndef MR_OPERATION_ISOLATE_H
#define MR_OPERATION_ISOLATE_H

#include "operation/chain.h"

/*
 * Like chain_add(), for a chain whose operations will run in worker processes: nothing that is not
 * built in is loaded into this process, a worker process is asked about it. Also MR_E_CHILD,
 * MR_E_TIMEOUT, MR_E_SYSTEM.
 */
enum mr_status isolate_add(struct chain *chain, const char *spec, struct mr_error *err);

/*
 * Adds operations [first, first + count) of other, which must outlive chain, as chain_borrow()
 * does, but each longest run of those that can run in a worker process as one operation that does
 * that. Those that cannot are what was added ready made: commands, and what belongs to a container.
 * MR_OK, MR_E_MEMORY, MR_E_USAGE (two lists).
 */
enum mr_status isolate_borrow(struct chain *chain, const struct chain *other, unsigned first,
                              unsigned count, struct mr_error *err);

/*
 * Adds what comes before the last operation of other, which was put together by isolate_borrow()
 * and ends with one that has blocks (operation/internals.h): large content goes through this, and
 * then through the blocks in this process. other must outlive chain. MR_OK, MR_E_MEMORY,
 * MR_E_USAGE.
 */
enum mr_status isolate_borrow_before(struct chain *chain, const struct chain *other,
                                     struct mr_error *err);

#endif
