/*
 * amounts.h - what a run has made of its inputs so far, and whether that may go on: base/limits.h
 * at the steps of an item. Each: MR_OK; MR_E_LIMIT, which refuses the item; MR_CANCELLED when the
 * run as a whole was ended.
 */
#ifndef MR_FLOW_AMOUNTS_H
#define MR_FLOW_AMOUNTS_H

#include "flow/item.h"

/* Before it is admitted: what its archive says that it unpacks to. The feed. */
enum mr_status amounts_declared(struct item *item, struct mr_error *err);
/* So many bytes more were read. LOAD. */
enum mr_status amounts_loaded(struct item *item, size_t bytes, struct mr_error *err);
/* The chain has gone on. PROCESS. */
enum mr_status amounts_made(struct item *item, struct mr_error *err);
/* For the chain: what the item may become. PROCESS, once it is loaded in part. */
struct chain_limits amounts_chain_limits(const struct item *item);
/* So many items were found. Ends intake when that is too many: false. The feed. */
bool amounts_found(struct job *job, uint64_t count);

/*
 * How far the job is: found_bytes and through_bytes of its figures. Of inputs that say what they
 * used up of their bytes (input_advances()) these are the work, of all others the content of files.
 */
/* The item was made. The feed. */
void amounts_count_found(const struct item *item);
/* After inputs_next(): what that used up, for the item that was made or, with NULL, for none. The
 * feed. */
void amounts_count_passed(struct job *job, struct item *item);
/* After a read from the source. LOAD. */
void amounts_count_used(struct item *item);
/* More of it was loaded: what the windows have no place for was taken out of them. Item lock held.
 */
void amounts_count_loaded(struct item *item);
/* It is at its end: all of it is through. */
void amounts_count_through(const struct item *item);

#endif
