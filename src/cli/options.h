/*
 * options.h - what the user asked for, and the one table of options that the parser, --help and the
 * help topics read.
 *
 * struct options is filled by arguments_parse() and const from then on. All texts in it point into
 * argv.
 */
#ifndef MR_CLI_OPTIONS_H
#define MR_CLI_OPTIONS_H

#include <stdint.h>
#include <time.h>

#include "base/limits.h"
#include "flow/job.h"
#include "operation/exec.h"
#include "policy/shard.h"

enum verb_bit {
    VERB_RUN = 1,
    VERB_LIST = 2,
    VERB_TEST = 4,
    VERB_OPS = 8,
    VERB_FORMATS = 16,
    VERB_HELP = 32,
    VERB_BENCH = 64,
    VERB_DIFF = 128,
    VERB_REPORT = 256
};
#define VERBS_ON_INPUT  (VERB_RUN | VERB_LIST | VERB_TEST | VERB_BENCH | VERB_DIFF)
#define VERBS_ON_INPUTS (VERBS_ON_INPUT & ~(unsigned)VERB_DIFF) /* any number of them */
#define VERBS_WITH_JOB  (VERB_RUN | VERB_TEST)
#define VERBS_LIMITED   (VERBS_WITH_JOB | VERB_DIFF)
#define VERBS_AT_WORK   (VERBS_WITH_JOB | VERB_BENCH | VERB_DIFF)
#define VERBS_ALL       (VERBS_ON_INPUT | VERB_OPS | VERB_FORMATS | VERB_HELP | VERB_REPORT)

enum option_group {
    GROUP_WORK,
    GROUP_INPUTS,
    GROUP_OUTPUTS,
    GROUP_STAGES,
    GROUP_ORDER,
    GROUP_SELECT,
    GROUP_NAMES,
    GROUP_EXISTING,
    GROUP_METADATA,
    GROUP_FAILURE,
    GROUP_LIMITS,
    GROUP_JOURNAL,
    GROUP_BENCH,
    GROUP_REPORT,
    GROUP_SPREAD,
    GROUP_OTHER,
    GROUPS_COUNT
};

/* Which field a row sets, and how. */
enum option_kind {
    OPTION_TRUE,   /* bool field = true */
    OPTION_CONST,  /* int field = constant */
    OPTION_CHOICE, /* int field = index of the value in argument, which is "a|b|c" */
    OPTION_TEXT,   /* const char * field */
    OPTION_COUNT,  /* unsigned field */
    OPTION_CALL,   /* parse() */
    OPTION_LATER,  /* kept in order in options.given, for the room that it is for */
    OPTION_EXEC    /* the same, and it takes all words up to ";" */
};

enum when { WHEN_AUTO, WHEN_NEVER, WHEN_ALWAYS };
enum progress_choice { PROGRESS_AUTO, PROGRESS_NEVER, PROGRESS_ALWAYS, PROGRESS_JSON };
enum pool_choice { POOL_SPLIT, POOL_SHARED, POOL_AUTO };
enum others { OTHERS_COPY, OTHERS_DROP, OTHERS_AUTO };
enum sort { SORT_NAME, SORT_NONE };
enum server_command { SERVER_COMMAND_DEFAULT = -1, SERVER_COMMAND_CLEAN, SERVER_COMMAND_SMUDGE };

/* A number of threads as it was typed; sizes.c makes a number of it. */
enum amount_kind { AMOUNT_AUTO, AMOUNT_FIXED, AMOUNT_RELATIVE, AMOUNT_PERCENT };
struct amount {
    enum amount_kind kind;
    int value;
};

struct options;

struct option {
    const char *name;     /* without "--" */
    char letter;          /* 0: none */
    const char *argument; /* its name in the help; NULL: takes none */
    enum option_group group;
    unsigned verbs; /* enum verb_bit */
    const char *help;
    enum option_kind kind;
    size_t offset; /* of the field in struct options */
    int constant;
    enum mr_status (*parse)(struct options *options, const char *value, struct mr_error *err);
};

/* One use of an OPTION_LATER or OPTION_EXEC row. */
struct given {
    const struct option *option;
    const char *value;
    const char **command; /* OPTION_EXEC: the words, NULL at the end; owned */
};

/* One use of any row. */
struct said {
    const struct option *option;
    const char *value; /* NULL: it takes none, or a command */
};

struct options {
    unsigned verb;      /* enum verb_bit */
    const char **names; /* what is no option, in order; owned array */
    size_t name_count;
    struct given *given; /* owned array */
    size_t given_count;
    struct said *said; /* in order; owned array */
    size_t said_count;
    bool wants_help;

    int exec_mode;                    /* enum exec_mode */
    int server_command;               /* enum server_command */
    struct exec_statuses ok_statuses; /* none: the default */
    bool has_ok_statuses;
    const char *tmpdir;

    const char *from, *list_path;
    bool no_archives, list_has_nuls, is_merged, no_sandbox;
    const char *output, *to;
    int level; /* -1: the format's default */
    bool is_in_place;
    const char *table; /* NULL: the usual one */
    bool appends;

    bool is_isolated;

    struct amount readers, workers, writers;
    int pool;                /* enum pool_choice */
    uint64_t memory_bytes;   /* 0: memory_percent counts */
    unsigned memory_percent; /* 0: the default */

    int sort; /* enum sort */
    bool is_unordered;
    int no_hidden; /* 0 or 1: the later of --hidden and --no-hidden */
    bool follows_links, stays_on_device;
    unsigned max_depth;
    int others; /* enum others */

    unsigned strip_components;
    bool is_flat;
    int collide;  /* enum job_collide */
    int existing; /* enum existing */

    unsigned preserve; /* enum preserve */
    bool has_preserve; /* it was given */
    bool has_mtime, clamps_mtime, is_reproducible;
    struct timespec mtime;

    int on_error; /* enum job_on_error */
    struct job_policy policy;
    bool allows_unsafe;
    struct limits limits;
    bool is_lenient_zip;
    struct shard_choice shard;
    int unnamed_threads; /* 0 or 1: the later of --threads-name and --no-threads-name */
    const char *journal; /* NULL: none */
    bool resumes, retries_failed;
    int sync;           /* enum sync */
    int absolute_names; /* 1: strip */
    bool wants_portable_names;
    int progress; /* enum progress_choice */
    int color;    /* enum when */
    bool removes_sources;
    bool is_verbose, is_quiet, has_stats, is_dry;
    bool is_long, is_json;
    bool logs_json;
    const char *report, *trace, *generate, *compared;
    bool streams, has_warm_up;
    unsigned repeat, warm_up; /* repeat 0: the default */
};

/* Everything at its default. */
void options_init(struct options *options, unsigned verb);
void options_fini(struct options *options);

/* The index-th row of the table, NULL after the last. */
const struct option *options_at(size_t index);
/* The row for a letter or a long name among those of verbs (enum verb_bit), or NULL. */
const struct option *options_by_letter(char letter, unsigned verbs);
const struct option *options_by_name(const char *name, unsigned verbs);
/* Was the row of that name used (for OPTION_LATER and OPTION_EXEC rows)? */
bool options_were_given(const struct options *options, const char *name);

/* The word of `millrace help WORD` for a group, and its title. */
const char *options_group_word(enum option_group group);
const char *options_group_title(enum option_group group);

#endif
