/* spread.h - --shard: which part of the work is this run's, also as a scheduler tells it. */
#ifndef MR_CLI_SPREAD_H
#define MR_CLI_SPREAD_H

#include "policy/shard.h"

struct options;

/* A variable of the environment, NULL where it is not set: as getenv(). */
typedef char *(*spread_look_fn)(const char *name);

/*
 * "I/N", or "auto" or "auto/N": then look tells, as the schedulers that `millrace help shards`
 * names set it. MR_OK, MR_E_USAGE (also where nothing tells, or two things do), MR_E_MEMORY.
 */
enum mr_status spread_read(const char *text, spread_look_fn look, struct shard_choice *choice,
                           struct mr_error *err);

/* Which options have no meaning with a shard? MR_OK, MR_E_USAGE. */
enum mr_status spread_check(const struct options *options, struct mr_error *err);

#endif
