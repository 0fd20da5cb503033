/*
 * guard.h - a sink around another one that keeps a run from writing over what it reads, and
 * --in-place from renaming. All it does is to refuse entries.
 */
#ifndef MR_CLI_GUARD_H
#define MR_CLI_GUARD_H

#include "cli/setup.h"
#include "sink/sinks.h"

struct guard_config {
    const struct options *options;
    const struct setup *setup;
    const char *root;  /* the directory that is written to; NULL: none */
    bool is_in_place;  /* names must stay as they are */
    bool is_tree;      /* --in-place of a tree: only files are written */
    const char *label; /* with is_container: its name, for the selection */
    bool is_container; /* --in-place of an archive */
};

/* On MR_OK *sink is replaced by the guard, which owns the sink from then on; else *sink stays as it
 * is. */
enum mr_status guard_create(const struct guard_config *config, struct mr_sink **sink,
                            struct mr_error *err);

/* Do the operations change every name that a file could have? Then --in-place cannot work. */
bool guard_always_renames(const struct chain *chain);

#endif
