/* options.c - the table. A row here is all that an option needs to be parsed, explained and
 * suggested. */
#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

#include "cli/values.h"

#define AT(field)           offsetof(struct options, field)
#define TRUE(field)         OPTION_TRUE, AT(field), 0, NULL
#define CONST(field, value) OPTION_CONST, AT(field), value, NULL
#define CHOICE(field)       OPTION_CHOICE, AT(field), 0, NULL
#define TEXT(field)         OPTION_TEXT, AT(field), 0, NULL
#define COUNT(field)        OPTION_COUNT, AT(field), 0, NULL
#define CALL(parse)         OPTION_CALL, 0, 0, parse
#define LATER               OPTION_LATER, 0, 0, NULL

static const struct option table[] = {
    {"process", 'p', "OP[:KEY=VALUE,...]", GROUP_WORK, VERBS_AT_WORK,
     "an operation, applied in the order given; `millrace ops` lists them. ./FILE.so[:NAME] takes "
     "one out of a plugin",
     LATER},
    {"exec", 'x', "COMMAND [ARG]... [;]", GROUP_WORK, VERBS_AT_WORK,
     "run a command for each item: stdin is the item, stdout the result, or {in} and {out} are "
     "files. Takes everything up to a ';' of its own or the end of the line; see `millrace help "
     "commands`",
     OPTION_EXEC, 0, 0, NULL},
    {"exec-mode", 0, "filter|file|server", GROUP_WORK, VERBS_AT_WORK,
     "how commands get their item; file (default where {in} or {out} occurs): these are real "
     "files; "
     "server: the command is a filter process of git's protocol, started once for each worker; see "
     "`millrace help servers`",
     CHOICE(exec_mode)},
    {"server-command", 0, "clean|smudge", GROUP_WORK, VERBS_AT_WORK,
     "what servers are told to do with each item (default clean)", CHOICE(server_command)},
    {"ok-status", 0, "LIST", GROUP_WORK, VERBS_AT_WORK,
     "exit statuses of commands that are success, like 0,1,3-5 (default 0)",
     CALL(values_ok_status)},
    {"tmpdir", 0, "DIR", GROUP_WORK, VERBS_AT_WORK,
     "where {in} and {out} are kept while a command runs (default /tmp)", TEXT(tmpdir)},
    {"isolate", 0, NULL, GROUP_WORK, VERBS_AT_WORK & ~(unsigned)VERB_DIFF,
     "run the operations in worker processes: one that crashes, hangs (--timeout) or takes too "
     "much "
     "memory costs its item alone. For plugins that you do not trust",
     TRUE(is_isolated)},

    {"from", 0, "FORMAT", GROUP_INPUTS, VERBS_ON_INPUT,
     "read every INPUT as this archive format (see `millrace formats`) instead of recognising it",
     TEXT(from)},
    {"no-archives", 0, NULL, GROUP_INPUTS, VERBS_ON_INPUT, "take archives as plain files",
     TRUE(no_archives)},
    {"lenient-zip", 0, NULL, GROUP_INPUTS, VERBS_ON_INPUT,
     "read zip archives, with a warning, that readers take for different things: headers that "
     "contradict the directory, bytes before, between and behind members",
     TRUE(is_lenient_zip)},
    {"files-from", 'T', "FILE", GROUP_INPUTS, VERBS_ON_INPUTS,
     "read more INPUT names from FILE, one a line; - is stdin", TEXT(list_path)},
    {"null", '0', NULL, GROUP_INPUTS, VERBS_ON_INPUTS,
     "names in that list end with NUL, not newline", TRUE(list_has_nuls)},
    {"merge", 0, NULL, GROUP_INPUTS, VERBS_ON_INPUTS,
     "put several inputs into one tree instead of one below each input's name", TRUE(is_merged)},
    {"no-sandbox", 0, NULL, GROUP_INPUTS, VERBS_ON_INPUT,
     "read archives in this process instead of in a confined helper process; see `millrace help "
     "sandbox`",
     TRUE(no_sandbox)},

    {"output", 'o', "OUTPUT", GROUP_OUTPUTS, VERB_RUN,
     "where to: 'DIR/', an archive by its suffix, a file for a single file, - (stdout) or null:",
     TEXT(output)},
    {"to", 0, "FORMAT[:KEY=VALUE,...]", GROUP_OUTPUTS, VERB_RUN | VERB_BENCH,
     "make an archive of this format whatever the name of OUTPUT says; see `millrace formats`",
     TEXT(to)},
    {"level", 0, "N", GROUP_OUTPUTS, VERB_RUN | VERB_BENCH,
     "compression level of the archive; zip members that are compressed already are then "
     "compressed "
     "again",
     CALL(values_level)},
    {"in-place", 0, NULL, GROUP_OUTPUTS, VERB_RUN,
     "instead of -o: replace each file or archive by its result, each in one step",
     TRUE(is_in_place)},

    {"table", 0, "NAME", GROUP_OUTPUTS, VERBS_ON_INPUT,
     "the table of an SQLite archive: of OUTPUT, where that is one, else of the INPUTs (default "
     "sqlar)",
     CALL(values_table)},
    {"append", 0, NULL, GROUP_OUTPUTS, VERB_RUN,
     "add to the SQLite archive that is there; -f, -n and -u say what becomes of names that it "
     "has. "
     "See `millrace help sqlite`",
     TRUE(appends)},

    {"readers", 'R', "N", GROUP_STAGES, VERBS_AT_WORK,
     "threads that load: N, +N or -N (relative to the processors), N% or auto (default)",
     CALL(values_readers)},
    {"workers", 'j', "N", GROUP_STAGES, VERBS_AT_WORK, "threads that process: likewise",
     CALL(values_workers)},
    {"writers", 'W', "N", GROUP_STAGES, VERBS_AT_WORK, "threads that store: likewise",
     CALL(values_writers)},
    {"pool", 0, "split|shared|auto", GROUP_STAGES, VERBS_AT_WORK,
     "a pool for each stage, or one of -j threads for all; auto (default) is split where -R, -j or "
     "-W is given, else shared",
     CHOICE(pool)},
    {"memory", 0, "SIZE|P%", GROUP_STAGES, VERBS_AT_WORK,
     "bytes in flight, all stages together (default: 1 GiB or a quarter of the memory limit, "
     "whichever is smaller)",
     CALL(values_memory)},

    {"sort", 0, "name|none", GROUP_ORDER, VERBS_ON_INPUT,
     "walk directories by name (default) or as the file system lists them", CHOICE(sort)},
    {"unordered", 0, NULL, GROUP_ORDER, VERB_RUN,
     "let an archive or stream take items as they finish: the order is then left to chance",
     TRUE(is_unordered)},

    {"include", 0, "GLOB", GROUP_SELECT, VERBS_ON_INPUT,
     "only what matches; a GLOB with '/' is matched against the whole path, else against the name",
     LATER},
    {"exclude", 0, "GLOB", GROUP_SELECT, VERBS_ON_INPUT, "not what matches, nor what lies below it",
     LATER},
    {"exclude-from", 'X', "FILE", GROUP_SELECT, VERBS_ON_INPUT,
     "like --exclude for every line of FILE", LATER},
    {"ext", 'e', "EXT[,EXT]...", GROUP_SELECT, VERBS_ON_INPUT, "only files whose name ends in .EXT",
     LATER},
    {"size", 'S', "[+|-]SIZE", GROUP_SELECT, VERBS_ON_INPUT,
     "only files of at least (+), at most (-) or, without a sign, exactly SIZE", LATER},
    {"newer-than", 0, "FILE|DATE", GROUP_SELECT, VERBS_ON_INPUT,
     "only files changed after FILE was, or after DATE", LATER},
    {"changed-within", 0, "DURATION", GROUP_SELECT, VERBS_ON_INPUT,
     "only files changed in the last 2d, 3h, 30m, ...", LATER},
    {"max-depth", 0, "N", GROUP_SELECT, VERBS_ON_INPUT,
     "nothing deeper than N levels below an input", COUNT(max_depth)},
    {"hidden", 0, NULL, GROUP_SELECT, VERBS_ON_INPUT, "names that begin with '.' too (default)",
     CONST(no_hidden, 0)},
    {"no-hidden", 0, NULL, GROUP_SELECT, VERBS_ON_INPUT, "no names that begin with '.'",
     CONST(no_hidden, 1)},
    {"follow", 'L', NULL, GROUP_SELECT, VERBS_ON_INPUT,
     "take what a symbolic link of a directory points to instead of the link", TRUE(follows_links)},
    {"one-file-system", 0, NULL, GROUP_SELECT, VERBS_ON_INPUT,
     "do not enter directories on other file systems", TRUE(stays_on_device)},
    {"others", 0, "copy|drop", GROUP_SELECT, VERB_RUN,
     "what is not selected: copied unchanged (default for an archive as output when there are "
     "operations) or left out (default else)",
     CHOICE(others)},

    {"substitute", 's', "/REGEX/TEXT/FLAGS", GROUP_NAMES, VERB_RUN,
     "change output names as sed would; may be given several times", LATER},
    {"strip-components", 0, "N", GROUP_NAMES, VERB_RUN, "drop the first N directories of each name",
     COUNT(strip_components)},
    {"suffix", 0, "S", GROUP_NAMES, VERB_RUN,
     "add S to the names of files, instead of what the operations would change", LATER},
    {"extension", 0, "E", GROUP_NAMES, VERB_RUN,
     "replace the extension of files by E, instead of what the operations would change", LATER},
    {"flat", 0, NULL, GROUP_NAMES, VERB_RUN, "keep only the last component of each name",
     TRUE(is_flat)},
    {"absolute-names", 0, "refuse|strip", GROUP_NAMES, VERBS_LIMITED,
     "members of archives whose names begin with '/': refuse them (default), or take it off",
     CHOICE(absolute_names)},
    {"portable-names", 0, NULL, GROUP_NAMES, VERB_RUN,
     "refuse names that not every system can have, or that differ in case alone",
     TRUE(wants_portable_names)},
    {"collide", 0, "error|rename|last", GROUP_NAMES, VERB_RUN,
     "two items with one name: refuse the later one (default), number it, or let the last one win",
     CHOICE(collide)},

    {"overwrite", 'f', NULL, GROUP_EXISTING, VERB_RUN, "replace what is there already",
     CONST(existing, EXISTING_OVERWRITE)},
    {"skip-existing", 'n', NULL, GROUP_EXISTING, VERB_RUN, "leave out what is there already",
     CONST(existing, EXISTING_SKIP)},
    {"update", 'u', NULL, GROUP_EXISTING, VERB_RUN,
     "replace what is there already only when the source is newer",
     CONST(existing, EXISTING_UPDATE)},
    {"remove-source", 0, NULL, GROUP_EXISTING, VERB_RUN,
     "remove each file whose output in a tree is on the disk and was read back",
     TRUE(removes_sources)},

    {"preserve", 0, "LIST", GROUP_METADATA, VERB_RUN,
     "what to keep, of mode,mtime,owner,xattr,links; or all, none (default mode,mtime,links)",
     CALL(values_preserve)},
    {"preserve", 0, "LIST", GROUP_METADATA, VERB_DIFF,
     "what is compared besides names, types, targets of links and content, of "
     "mode,mtime,owner,xattr; "
     "or all, none (default mode)",
     CALL(values_preserve)},
    {"mtime", 0, "DATE", GROUP_METADATA, VERB_RUN, "give every item this time", CALL(values_mtime)},
    {"clamp-mtime", 0, NULL, GROUP_METADATA, VERB_RUN,
     "with --mtime: only items that are newer get it", TRUE(clamps_mtime)},
    {"reproducible", 0, NULL, GROUP_METADATA, VERB_RUN,
     "no owners, modes 0644 and 0755, times at most $SOURCE_DATE_EPOCH or --mtime, else 1970",
     TRUE(is_reproducible)},

    {"on-error", 0, "skip|stop|copy", GROUP_FAILURE, VERBS_WITH_JOB,
     "when an item fails: go on without it (default), end the run, or store the input unchanged",
     CHOICE(on_error)},
    {"retries", 0, "N", GROUP_FAILURE, VERBS_WITH_JOB,
     "try an item up to N times more when its operations fail, before --on-error applies; not when "
     "its content is damaged",
     CALL(values_retries)},
    {"retry-delay", 0, "DURATION", GROUP_FAILURE, VERBS_WITH_JOB,
     "wait so long before each further attempt; others go on meanwhile", CALL(values_retry_delay)},
    {"timeout", 0, "DURATION|P%", GROUP_FAILURE, VERBS_WITH_JOB,
     "an item fails when its operations work longer than that in one attempt; P%: of the median "
     "time of the items so far, once there are ten",
     CALL(values_timeout)},
    {"halt", 0, "N|P%", GROUP_FAILURE, VERBS_WITH_JOB,
     "end the run when N items have failed, or more than P% of at least 20", CALL(values_halt)},
    {"allow-unsafe", 'P', NULL, GROUP_FAILURE, VERB_RUN,
     "accept links of an archive that lead out of the output, and with --preserve xattr "
     "attributes that grant rights",
     TRUE(allows_unsafe)},

    {"journal", 0, "FILE", GROUP_JOURNAL, VERB_RUN,
     "write down in FILE what is done, so that the run can go on where it was stopped",
     TEXT(journal)},
    {"resume", 0, NULL, GROUP_JOURNAL, VERB_RUN,
     "with --journal: leave out what an earlier run did, as long as source and output are what "
     "they "
     "were; see `millrace help resume`",
     TRUE(resumes)},
    {"retry-failed", 0, NULL, GROUP_JOURNAL, VERB_RUN,
     "with --journal: do only what failed in earlier runs", TRUE(retries_failed)},
    {"fsync", 0, "none|file|all", GROUP_JOURNAL, VERB_RUN,
     "before an item counts as stored: leave it to the system when it reaches the disk (default), "
     "wait for its content, or for its name and new directories too",
     CHOICE(sync)},

    {"max-item-size", 0, "SIZE", GROUP_LIMITS, VERBS_LIMITED,
     "refuse items whose content, as it is read or as an operation makes it, is larger (default: "
     "any size)",
     CALL(values_max_item_size)},
    {"max-total-size", 0, "SIZE", GROUP_LIMITS, VERBS_LIMITED,
     "end the run when all items together come to more (default: any size)",
     CALL(values_max_total_size)},
    {"max-ratio", 0, "N", GROUP_LIMITS, VERBS_LIMITED,
     "refuse what unpacks to more than N times its size, from 10 MiB on: members, archives as a "
     "whole, what gunzip and the like are given; 0: any (default 200)",
     CALL(values_max_ratio)},
    {"max-items", 0, "N", GROUP_LIMITS, VERBS_LIMITED,
     "end the run when there are more items (default: any number)", CALL(values_max_items)},

    {"sweep", 0, "KEY=VALUES...", GROUP_BENCH, VERB_BENCH,
     "the sizes to try, every one with every other: readers=1,2 workers=1-4 writers=1,2 "
     "pool=split,shared memory=64M,1G level=1,6 (default: workers up to the processors, both "
     "pools)",
     LATER},
    {"repeat", 0, "N", GROUP_BENCH, VERB_BENCH, "rounds, in which all sizes take turns (default 5)",
     CALL(values_repeat)},
    {"warm-up", 0, "N", GROUP_BENCH, VERB_BENCH, "rounds before, which do not count (default 1)",
     CALL(values_warm_up)},
    {"stream", 0, NULL, GROUP_BENCH, VERB_BENCH,
     "read INPUT anew in every run instead of once into memory", TRUE(streams)},
    {"generate", 0, "SPEC", GROUP_BENCH, VERB_BENCH,
     "make the sample up, as files=1000,size=4K..64K,seed=1; also kind=text|random|zeros|mixed",
     TEXT(generate)},
    {"output", 'o', "OUTPUT", GROUP_BENCH, VERB_BENCH,
     "write as `run` would, to an output like this in a scratch directory, in OUTPUT where that is "
     "a directory and else beside it, which is removed after each run (default null:)",
     TEXT(output)},
    {"compare", 0, "OLD.json", GROUP_BENCH, VERB_BENCH,
     "say what is faster or slower than in an earlier --report, beyond the noise: when the rounds "
     "of "
     "one speed would lie so far apart less than once in 100 times (at least 5 rounds each)",
     TEXT(compared)},

    {"progress", 0, "auto|never|always|json", GROUP_REPORT, VERBS_AT_WORK,
     "how far the run is, on stderr; auto (default): when that is a terminal; json: an object a "
     "second; see `millrace help progress`",
     CHOICE(progress)},
    {"verbose", 'v', NULL, GROUP_REPORT, VERBS_WITH_JOB, "name every item, and end with --stats",
     TRUE(is_verbose)},
    {"quiet", 'q', NULL, GROUP_REPORT, VERBS_ON_INPUT, "only errors", TRUE(is_quiet)},
    {"stats", 0, NULL, GROUP_REPORT, VERBS_WITH_JOB,
     "end with the figures of each stage and thread (busy, starved, blocked), and what to change",
     TRUE(has_stats)},
    {"report", 0, "FILE", GROUP_REPORT, VERBS_WITH_JOB | VERB_BENCH | VERB_REPORT,
     "write all figures, and of a run every item, as .json or .csv, or as a page, .html; see "
     "`millrace help reports`",
     TEXT(report)},
    {"trace", 0, "FILE", GROUP_REPORT, VERBS_WITH_JOB,
     "write what each thread did, and when, as trace events: for Perfetto and chrome://tracing",
     TEXT(trace)},
    {"log-json", 0, NULL, GROUP_REPORT, VERBS_ON_INPUT,
     "messages as JSON objects, one a line; with -v (run, test) one for each item",
     TRUE(logs_json)},
    {"long", 'l', NULL, GROUP_REPORT, VERB_LIST, "mode, size and time before each name",
     TRUE(is_long)},
    {"json", 0, NULL, GROUP_REPORT, VERB_LIST | VERB_DIFF | VERB_REPORT,
     "one JSON object a line; of `report` one object", TRUE(is_json)},

    {"shard", 0, "I/N|auto", GROUP_SPREAD, VERBS_WITH_JOB | VERB_LIST,
     "only the I-th of N parts of the items, I from 1 to N; auto: as Slurm, Kubernetes or MPI "
     "tells "
     "(auto/N, where that does not tell N); see `millrace help shards`",
     CALL(values_shard)},

    {"directory", 'C', "DIR", GROUP_OTHER, VERBS_ON_INPUT, "change to DIR first", LATER},
    {"dry-run", 0, NULL, GROUP_OTHER, VERB_RUN,
     "print 'input -> output' for each item on stdout, and do nothing", TRUE(is_dry)},
    {"color", 0, "auto|never|always", GROUP_OTHER, VERBS_ALL,
     "colours in messages; auto (default): on a terminal and without $NO_COLOR", CHOICE(color)},
    {"threads-name", 0, NULL, GROUP_OTHER, VERBS_AT_WORK,
     "name threads after what they do, for top -H and gdb: mr-read-0, mr-work-0, mr-write-0 "
     "(default)",
     CONST(unnamed_threads, 0)},
    {"no-threads-name", 0, NULL, GROUP_OTHER, VERBS_AT_WORK,
     "leave threads the name of the program", CONST(unnamed_threads, 1)},
    {"help", 'h', NULL, GROUP_OTHER, VERBS_ALL, "show this", TRUE(wants_help)},
};
#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))

static const struct {
    const char *word, *title;
} groups[GROUPS_COUNT] = {
    [GROUP_WORK] = {"work", "Work"},
    [GROUP_INPUTS] = {"reading", "Reading"},
    [GROUP_OUTPUTS] = {"writing", "Writing"},
    [GROUP_STAGES] = {"stages", "Stages"},
    [GROUP_ORDER] = {"order", "Order"},
    [GROUP_SELECT] = {"select", "Select"},
    [GROUP_NAMES] = {"names", "Names"},
    [GROUP_EXISTING] = {"existing", "Existing (default: refuse and report)"},
    [GROUP_METADATA] = {"metadata", "Metadata"},
    [GROUP_FAILURE] = {"failure", "Failure"},
    [GROUP_JOURNAL] = {"journal", "Journal and resume"},
    [GROUP_BENCH] = {"sweeps", "Bench"},
    [GROUP_LIMITS] = {"limits", "Limits"},
    [GROUP_REPORT] = {"report", "Report"},
    [GROUP_SPREAD] = {"spread", "Spread"},
    [GROUP_OTHER] = {"other", "Other"},
};

void options_init(struct options *options, unsigned verb)
{
    memset(options, 0, sizeof(*options));
    options->verb = verb;
    options->exec_mode = EXEC_AUTO;
    options->server_command = SERVER_COMMAND_DEFAULT;
    options->level = -1;
    options->limits.ratio = LIMITS_RATIO_DEFAULT;
    options->limits.depth_count = LIMITS_DEPTH_DEFAULT;
    options->pool = POOL_AUTO;
    options->others = OTHERS_AUTO;
    options->preserve = verb == VERB_DIFF ? PRESERVE_MODE : PRESERVE_DEFAULT;
    /* Names that come twice are no damage: `tar -r` makes them. */
    options->collide = verb & (VERB_TEST | VERB_DIFF) ? JOB_COLLIDE_LAST : JOB_COLLIDE_ERROR;
    options->existing = EXISTING_REFUSE;
    options->on_error = JOB_SKIP;
}

void options_fini(struct options *options)
{
    for (size_t i = 0; i < options->given_count; i++)
        free(options->given[i].command);
    free(options->given);
    free(options->said);
    free(options->names);
    memset(options, 0, sizeof(*options));
}

const struct option *options_at(size_t index)
{
    return index < TABLE_COUNT ? &table[index] : NULL;
}

const struct option *options_by_letter(char letter, unsigned verbs)
{
    for (size_t i = 0; i < TABLE_COUNT; i++)
        if (table[i].letter == letter && (table[i].verbs & verbs))
            return &table[i];
    return NULL;
}

const struct option *options_by_name(const char *name, unsigned verbs)
{
    for (size_t i = 0; i < TABLE_COUNT; i++)
        if (strcmp(table[i].name, name) == 0 && (table[i].verbs & verbs))
            return &table[i];
    return NULL;
}

bool options_were_given(const struct options *options, const char *name)
{
    for (size_t i = 0; i < options->given_count; i++)
        if (strcmp(options->given[i].option->name, name) == 0)
            return true;
    return false;
}

const char *options_group_word(enum option_group group)
{
    return groups[group].word;
}

const char *options_group_title(enum option_group group)
{
    return groups[group].title;
}
