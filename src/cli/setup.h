/* setup.h - from options to what a job is made of: the chain, the selection, the naming and the
 * inputs. */
#ifndef MR_CLI_SETUP_H
#define MR_CLI_SETUP_H

#include "cli/options.h"
#include "flow/job.h"

struct setup {
    struct chain *chain;
    struct selection *selection;
    struct naming *naming;
    struct portable *portable; /* NULL: any names */
    struct shard *shard;       /* NULL: all items */
};

/* Errors are about the option that they name: MR_E_USAGE, or what made it impossible. setup_fini()
 * in every case. */
enum mr_status setup_init(struct setup *setup, const struct options *options, struct mr_error *err);
void setup_fini(struct setup *setup);

/* What the inputs of a run are to be. */
struct setup_inputs {
    const char *const *names;
    size_t name_count;
    const char *list_path;
    bool no_archives;       /* besides --no-archives */
    bool wants_archive;     /* see inputs.h */
    bool keeps_others;      /* nothing is left out while walking: what is not selected is copied */
    const char *table;      /* see archive_options; NULL: the usual one */
    const char *first_name; /* see sources.h */
    const struct walk_own *own; /* see sources.h; must outlive the inputs */
    size_t own_count;
};
enum mr_status setup_make_inputs(const struct setup *setup, const struct options *options,
                                 const struct setup_inputs *wanted, struct inputs **inputs,
                                 struct mr_error *err);

/* What all jobs of these options have in common; the rest of *config is zeroed. */
void setup_job(const struct setup *setup, const struct options *options, struct job_config *config);

/* Does the selection take the entry? archive: the name of the archive that it is a member of, or
 * NULL. */
bool setup_selects(const struct setup *setup, const struct mr_entry *entry, const char *archive);

#endif
