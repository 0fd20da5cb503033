/*
 * shard.h - which part of the items is done here, where several runs share the work (--shard).
 *
 * Each run sees all items and takes those whose name falls to it. The name is that in the output
 * before operations and options change it ("dir/a.txt", or "site/dir/a.txt" where there are several
 * inputs): it is the same wherever the inputs lie, and whatever is done to the items. What must
 * stay together does: the names of one file, as hard links in a directory or an archive.
 */
#ifndef MR_POLICY_SHARD_H
#define MR_POLICY_SHARD_H

#include <stdint.h>

#include "millrace/entry.h"

#define SHARD_COUNT_MAX 1000000

/* count 0: everything is done here. */
struct shard_choice {
    uint32_t index, count; /* index: from 1 to count */
};

/* "I/N" with I from 1 to N. MR_OK, MR_E_USAGE. */
enum mr_status shard_parse(const char *text, struct shard_choice *choice, struct mr_error *err);
/* A number of shards. MR_OK, MR_E_USAGE. */
enum mr_status shard_parse_count(const char *text, uint32_t *count, struct mr_error *err);

/*
 * The shard, from 1 to count, that a name falls to: the first 8 bytes, little-endian, of its
 * SipHash-2-4-128 with a key of zeros, modulo count. Never to be changed: shards that were done by
 * another version would not fit the others.
 */
uint32_t shard_of(const char *name, uint32_t count);

struct shard; /* one thread at a time */

/*
 * follows_files: the names of a file of a directory fall to one shard. It is not to be set where
 * files are removed meanwhile, so that not all shards see all names. MR_OK, MR_E_MEMORY.
 */
enum mr_status shard_create(const struct shard_choice *choice, bool follows_files,
                            struct shard **shard, struct mr_error *err);
void shard_destroy(struct shard *shard); /* NULL is a no-op */
struct shard_choice shard_choice(const struct shard *shard);
/*
 * Does the entry fall to this shard? To be asked once for each entry of a run, in their order, as
 * later ones may have to follow earlier ones. prefix: what comes before its name in the output, ""
 * for nothing. MR_OK, MR_E_MEMORY, MR_E_SYSTEM.
 */
enum mr_status shard_takes(struct shard *shard, const char *prefix, const struct mr_entry *entry,
                           bool *is_taken, struct mr_error *err);

#endif
