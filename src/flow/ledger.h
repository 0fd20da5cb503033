/*
 * ledger.h - what a job has to do with its journal: what an earlier run did already, and what is
 * written down of this one. A job without a journal passes through all of it at once.
 */
#ifndef MR_FLOW_LEDGER_H
#define MR_FLOW_LEDGER_H

#include "flow/item.h"

/*
 * Asks what earlier runs say about the item, whose name in the output is settled. MR_SKIPPED: it is
 * done, as its source and its output are still what they were (or, to be retried, it did not fail).
 * MR_OK: it is to be done; its output may be replaced where it is still what an earlier run made of
 * it. An error is about the journal as a whole. The feed's thread.
 */
enum mr_status ledger_settle(struct job *job, struct item *item, struct mr_error *err);

/* The item has its name in the output. MR_OK, or the journal cannot be written. STORE's run. */
enum mr_status ledger_stored(struct item *item, struct mr_error *err);

/* The item ended otherwise. Gives the job up when it cannot be written down. Any thread. */
void ledger_ended(struct item *item, enum job_outcome outcome);

/* What told says failed, without an item: entry of input (NULL: the input as a whole). Likewise. */
void ledger_failed(struct job *job, const struct input *input, const struct mr_entry *entry,
                   const struct mr_error *error);
/* Likewise, at the end, when its name in the output is all that is known. */
void ledger_failed_late(struct job *job, const char *output, const struct mr_error *error);

#endif
