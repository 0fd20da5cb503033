// clang-format off
/*
 * main.c - the millrace program.
 *
 * The tree:
 *   include/millrace/  the public interface of the library, one header for each idea
 *   src/base/          libc only, no threads, no items: status, entry, parse (sizes, dates,
 *                      nearest names), path (names as bytes), io (whole reads and writes), below
 *                      (openat2 under a root; dircache: directories kept open), nameset (names
 *                      seen, in bounded memory), sorter (likewise: any records in order), json
 *                      (json_read), limits, median, filelock, siphash, locale, clock, runqueue
 *                      (threads that wait for a processor), usage (what all have used of them);
 *                      spawn (programs), helper (our own ones), sandbox
 *   src/codec/         compression libraries, no threads, no items: block (codecs in blocks that
 *                      can be joined: block_*), deflate_* and deflater (libdeflate, ISA-L or zlib;
 *                      dense: what is not worth it), inflate, unwrap (streams that are decoded;
 *                      pieces: parts of them, at once), sums
 *   src/engine/        threads, the only room that knows them: pool (pool_size: how many it has;
 *                      task), submit, future, queue, stash; line, the scheduler (line_feed: how
 *                      items come in, line_wait: how they wait, line_leave: how they end,
 *                      line_together: several at once; seats: how many are in a part of their
 *                      way); pipeline, the library's client of it
 *   src/flow/          the file job, the line's other client: job, stages (its pools; tune: how
 *                      large they should be); feed makes items (feed_names, collide, links: their
 *                      names; routes: their operations), load, process, encode and store are their
 *                      steps (item: what these share; box: what waits between two; again: how they
 *                      start anew; process_together: small ones, several at once; timing, amounts:
 *                      what they may take; tell: how they ended; figures: what a job shows; runs:
 *                      what threads did); chunk, spool (content on its way), notes (lists beside
 *                      the output), lost, ledger (what the job writes down, and what earlier ones
 *                      did); isolate_step (worker processes for pipelines)
 *   src/source/        where items come from: directory, file, archive (archive_*, libarchive's
 *                      part: reader, which serve runs in a helper process for client; server
 *                      starts those; pax_check; decode_*: compressed ones are decoded ahead), zip
 *                      (zip_*; zip_check: is it what it says?), SQLite archives (sqlar_*), stream;
 *                      inputs puts several in a row; local, names, name_list, prefix serve them
 *   src/operation/     what is done to content: registry (all of them), chain (several as one),
 *                      the codecs (codec_*: what they share), hash, charset, lines, member (into
 *                      and out of containers that keep each member compressed), exec (commands:
 *                      exec_*; child, scratch: their files; resident, talk, pkt_line: those that
 *                      stay; warden: none is left), plugin, isolate (isolate_state, worker,
 *                      window, wire: processes that operate), internals (what the library's own
 *                      operations have beyond the public interface)
 *   src/helper/        the programs that run in processes of their own: operate, read (which
 *                      forks) and warden
 *   src/policy/        selection (which items; glob), shard (which of them are done here), naming
 *                      (their names in the output; portable: everywhere), journal (what was done,
 *                      in a file: journal_*)
 *   src/sink/          where items go: directory (tree, staged: files until they are complete,
 *                      later: what comes last; tree_claim, tree_disk: locks, fsync), archive (by
 *                      libarchive: archive_header; tar_header: without it; archive_kinds,
 *                      archive_outputs: all formats; blocks: compressed in parallel; out_buffer,
 *                      archive_target: the file), zip (zip_*), SQLite archives (sqlar_*), stream,
 *                      null
 *   src/bench/         the same job again and again: sample (content in memory; generate), sweep
 *                      (sizes to try), trial (what they took), limit and plain (what cannot be
 *                      beaten), past (an earlier report), change (beyond the noise)
 *   src/compare/       what `diff` is made of: digest (each content becomes a hash), manifest
 *                      (what an input holds, sorted), difference (of two manifests)
 *   src/observe/       what a run shows of itself: report (and its forms: report_*; record: an
 *                      item and a run as they hold them; tally: what is worth showing; coverage:
 *                      do those of shards make up the whole?; page: HTML), trace; lanes, draft: how
 *                      both are written
 *   src/cli/           this program:
 *     main             verbs as a table; the words before the options
 *     options          the one table of options, and what was asked for
 *     arguments        words of the command line to options; values: the harder values
 *     verb_run, verb_test, verb_list, verb_ops (ops, formats and help)
 *     verb_diff        two jobs at once; diff_show: what they found
 *     verb_report      shows and merges reports and journals
 *     verb_bench       its own; bench_show, bench_report, bench_page: what it found;
 *                      bench_changes: against an earlier one; bench_scratch: where it writes with
 *                      -o; bench_limits: what no sizes can beat
 *     run              what the others share: one job from its output to its exit status
 *     setup            options to the objects of a job: chain, selection, naming, inputs
 *     output           what OUTPUT means, and its sink; guard: nothing is written over what is
 *                      read
 *     overlap          is the output an input, or in one?
 *     inplace          --in-place: one job for each input
 *     sizes            numbers of threads and bytes of memory
 *     spread           --shard, also as a scheduler tells it
 *     resume           --journal and its like; fingerprint: what must be the same for that
 *     records          what a run leaves besides its output: --report and --trace
 *     execute          a job while it runs: its observer, signals, how it ended
 *     message          the only writer to stderr
 *     progress         what a run shows of itself: moment, its figures of the last second; layout,
 *                      these in lines; survey, how much there is to do
 *     summary          the end lines; stats: those of --stats; advice: what to change
 *     signals          SIGINT and its like; closed standard descriptors
 *     help, topics     the texts of --help; pages: manual, completions, from the tables
 *   src/examples/      programs on the library alone, and plugins
 *   src/packaging/     what is installed where
 *   tests/             mirrors src/ as <room>/check_<file>.c; cli/ runs the tool; bench/ measures
 *                      the engine; fuzz/ feeds what reads; support/ is shared
 */
// clang-format on
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/path.h"
#include "cli/arguments.h"
#include "cli/help.h"
#include "cli/signals.h"
#include "cli/values.h"
#include "cli/verbs.h"

static const struct verb verbs[] = {
    {"run", VERB_RUN, "[OPTION]... INPUT... -o OUTPUT [-p OP]... [-x COMMAND [ARG]... [;]]",
     "Load every item of the inputs, process it, store it in OUTPUT", verb_run},
    {"list", VERB_LIST, "[-l | --json] [OPTION]... INPUT...",
     "Show what `run` would see, members of archives included", verb_list},
    {"test", VERB_TEST, "[OPTION]... INPUT... [-p OP]...",
     "Load and decode everything, check every checksum, write nothing", verb_test},
    {"diff", VERB_DIFF, "[OPTION]... A B",
     "Compare two inputs, trees or archives or one of each: names, types, modes, contents",
     verb_diff},
    {"bench", VERB_BENCH,
     "[OPTION]... INPUT... | --generate SPEC [-p OP]... [--sweep KEY=VALUES...]",
     "Measure the throughput on sample data in several sizes, and say which are best", verb_bench},
    {"report", VERB_REPORT, "[--json] [--report FILE] FILE...",
     "Show what reports of runs and journals hold, or make one report of them", verb_report},
    {"ops", VERB_OPS, "[NAME]...", "List the operations, or show the settings of one", verb_ops},
    {"formats", VERB_FORMATS, "", "List the archive formats that are read and written",
     verb_formats},
    {"help", VERB_HELP, "[TOPIC]...", "Explain a verb, an operation, a group of options or a topic",
     verb_help},
};
#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

const struct verb *verb_at(size_t index)
{
    return index < VERB_COUNT ? &verbs[index] : NULL;
}

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

const char *verb_name_at(const void *ctx, size_t index)
{
    (void)ctx;
    return index < VERB_COUNT ? verbs[index].name : NULL;
}

/* The words as they would be with `run` before them, for a message; false when they do not fit. */
static bool join_words(char *out, size_t cap_bytes, char *const *words)
{
    size_t used = 0;
    for (; *words; words++) {
        char shown[PATH_SHOW_BYTES];
        path_show(shown, sizeof(shown), *words);
        int length = snprintf(out + used, cap_bytes - used, " %s", shown);
        if (length < 0 || (size_t)length >= cap_bytes - used)
            return false;
        used += (size_t)length;
    }
    return true;
}

static bool looks_like_input(const char *word)
{
    struct stat status;
    return word[0] == '-' || strchr(word, '/') || stat(word, &status) == 0;
}

static int without_verb(const struct cli *cli, char *const *words)
{
    char shown[PATH_SHOW_BYTES];
    char line[400];
    path_show(shown, sizeof(shown), words[0]);
    const char *nearest = words[0][0] == '-' ? NULL : parse_nearest(words[0], verb_name_at, NULL);
    if (words[0][0] == '-' && words[0][1] && !words[1])
        message_error(cli->message, NULL, "'%s' is no verb (millrace help lists all)", shown);
    else if (nearest && !looks_like_input(words[0]))
        message_error(cli->message, NULL,
                      "unknown verb '%s'; did you mean %s? (millrace help lists all)", shown,
                      nearest);
    else if ((words[1] || looks_like_input(words[0])) && join_words(line, sizeof(line), words))
        message_error(cli->message, NULL, "'%s' is no verb; did you mean: millrace run%s", shown,
                      line);
    else
        message_error(
            cli->message, NULL,
            "'%s' is no verb (millrace run, list, test, diff, bench, report, ops, formats or help)",
            shown);
    return EXIT_USAGE;
}

static int show_version(const struct cli *cli)
{
    printf("millrace %s\n", mr_version());
    return verb_end_stdout(cli, EXIT_DONE);
}

/* -C, as often as it was given, each from where the one before led. */
static bool change_directory(const struct cli *cli)
{
    for (size_t i = 0; i < cli->options->given_count; i++) {
        const struct given *given = &cli->options->given[i];
        char shown[PATH_SHOW_BYTES];
        if (given->option->letter != 'C' || chdir(given->value) == 0)
            continue;
        int error = errno;
        message_error(cli->message, path_show(shown, sizeof(shown), given->value),
                      "cannot change to this directory: %s", strerrordesc_np(error));
        return false;
    }
    return true;
}

static int run_verb(const struct cli *cli, const struct verb *verb)
{
    if (cli->options->wants_help) {
        help_verb(stdout, verb);
        return verb_end_stdout(cli, EXIT_DONE);
    }
    if (!change_directory(cli))
        return EXIT_USAGE;
    return verb->run(cli);
}

int main(int argc, char **argv)
{
    signals_prepare();
    struct message message;
    message_init(&message);
    struct options options;
    options_init(&options, 0);
    const struct cli cli = {
        .options = &options, .message = &message, .words = (const char *const *)argv};
    if (argc < 2) {
        message_text(&message, help_short());
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return show_version(&cli);
    bool is_help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
    const struct verb *verb = verb_find(is_help ? "help" : argv[1]);
    if (!verb)
        return without_verb(&cli, argv + 1);

    struct mr_error err = {0};
    options_init(&options, verb->bit);
    enum mr_status status =
        arguments_parse(&options, verb->name, argc - 2, (const char *const *)(argv + 2), &err);
    message_configure(&message, &options);
    if (status == MR_OK)
        status = values_source_date(&options, getenv("SOURCE_DATE_EPOCH"), &err);
    int result;
    if (status == MR_OK) {
        result = run_verb(&cli, verb);
    } else {
        message_error(&message, verb->name, "%s", err.text);
        result = status == MR_E_USAGE ? EXIT_USAGE : EXIT_STOPPED;
    }
    options_fini(&options);
    if (signals_first())
        signals_raise(signals_first());
    return result;
}
