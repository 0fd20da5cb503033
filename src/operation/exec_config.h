/*
 * exec_config.h - what all items of one -x share: the command as it was given, the environment, the
 * settings. Made once, read-only from then on (but for the numbers of running commands).
 */
#ifndef MR_OPERATION_EXEC_CONFIG_H
#define MR_OPERATION_EXEC_CONFIG_H

#include "operation/exec.h"
#include "operation/exec_slots.h"
#include "operation/exec_words.h"
#include "operation/warden.h"

struct exec_config {
    char **argv; /* as given; ends with NULL */
    size_t argument_count;
    char **environment; /* the program's at the time of creation, without the variables of the item;
                           not ended by NULL */
    size_t environment_count;
    unsigned uses; /* enum exec_use, of all arguments */
    struct exec_statuses ok_statuses;
    char threads[16];   /* what {threads} stands for */
    char *later_suffix; /* owned; never NULL */
    char *tmpdir;       /* owned; absolute */
    bool wants_files;   /* it was given: nothing is kept in memory instead */
    bool has_proc;      /* a process can open descriptors of ours by name */
    struct exec_slots *slots;
    struct warden *warden; /* may be NULL */
};

/* What a command is started with for one item. */
struct exec_start {
    char **argv;         /* ends with NULL */
    char **environment;  /* likewise; the first of them are the config's */
    size_t shared_count; /* how many of these */
    size_t argument_count;
};

/* MR_OK, MR_E_MEMORY, MR_E_SYSTEM (options->tmpdir). argv ends with NULL and has a first word. */
enum mr_status exec_config_create(const char *const *argv, const struct exec_options *options,
                                  struct exec_config **config, struct mr_error *err);
void exec_config_destroy(void *config); /* NULL is a no-op */

bool exec_config_is_ok(const struct exec_config *config, int exit_status);

/*
 * Fills *start for an item: words are what the placeholders stand for, words->sequence and
 * words->slot also MILLRACE_SEQ and MILLRACE_WORKER. entry NULL: a command that is for no one item;
 * it has no variables. MR_OK or MR_E_MEMORY (then there is nothing to
 * free).
 */
enum mr_status exec_start_init(struct exec_start *start, const struct exec_config *config,
                               const struct mr_entry *entry, const struct exec_words *words,
                               struct mr_error *err);
void exec_start_fini(struct exec_start *start);

#endif
