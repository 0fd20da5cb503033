#include "cli/execute.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/path.h"
#include "cli/progress.h"
#include "cli/records.h"
#include "cli/signals.h"
#include "cli/summary.h"

#define TICK_MS            100
#define GRACE_S            5   /* for what is in flight after the first signal */
#define HARD_MS            300 /* for calls that are under way after that */
#define LOSSES_BYTES       2048
#define DETAILS_LINE_BYTES 800

/* What the job's observer needs. Its functions run on any thread; all of this is const or atomic.
 */
struct watch {
    const struct execution *execution;
    struct summary_counts counts;
    bool stdout_is_terminal;
};

/* " (3 attempts)", or nothing where it took one. */
struct attempts {
    char text[32];
};

static struct attempts attempts_of(const struct job_item *item)
{
    struct attempts attempts = {{0}};
    if (item->attempt_count > 1)
        snprintf(attempts.text, sizeof(attempts.text), " (%u attempts)", item->attempt_count);
    return attempts;
}

/* One call of printf for each line: stdio keeps those of several threads apart. */
static void show_plan(const struct watch *watch, const struct job_item *item)
{
    const char *prefix = watch->execution->output_prefix;
    char shown[PATH_SHOW_BYTES];
    if (!item->output || item->outcome != JOB_STORED)
        return;
    if (watch->stdout_is_terminal)
        printf("%s -> %s%s\n", item->shown, prefix, path_show(shown, sizeof(shown), item->output));
    else
        printf("%s -> %s%s\n", item->shown, prefix, item->output);
}

static void show_ended(const struct watch *watch, const struct job_item *item)
{
    struct message *message = watch->execution->cli->message;
    char shown[PATH_SHOW_BYTES];
    switch (item->outcome) {
    case JOB_STORED:
        message_note(message, NULL, "%s -> %s%s%s", item->shown, watch->execution->output_prefix,
                     item->output ? path_show(shown, sizeof(shown), item->output) : "",
                     attempts_of(item).text);
        break;
    case JOB_SKIPPED:
        message_note(message, item->shown, "left out");
        break;
    case JOB_CANCELLED:
        message_note(message, item->shown, "not done");
        break;
    case JOB_FAILED:
        break;
    }
}

/* Line by line: what is in them is not to be trusted. */
static void show_details(const struct watch *watch, const struct job_item *item)
{
    char line[DETAILS_LINE_BYTES], shown[DETAILS_LINE_BYTES];
    for (const char *at = item->details; at && *at;) {
        size_t length = strcspn(at, "\n");
        snprintf(line, sizeof(line), "%.*s", (int)length, at);
        message_note(watch->execution->cli->message, item->shown, "| %s",
                     path_show(shown, sizeof(shown), line));
        at += length + (at[length] == '\n');
    }
}

static void log_item(struct watch *watch, const struct job_item *item)
{
    const struct cli *cli = watch->execution->cli;
    if (item->error || item->outcome == JOB_FAILED || cli->options->is_verbose)
        message_item(cli->message, item);
    if (item->error && item->outcome == JOB_FAILED)
        summary_count(&watch->counts, item->error);
}

static void item_ended(void *ctx, const struct job_item *item)
{
    struct watch *watch = ctx;
    const struct cli *cli = watch->execution->cli;
    records_item(cli->records, item);
    if (cli->message->is_json && !cli->options->is_dry) {
        log_item(watch, item);
        return;
    }
    if (item->outcome == JOB_FAILED) {
        /* An input as a whole has no name of its own here: the text names it. */
        const char *name = item->shown && *item->shown ? item->shown : NULL;
        message_error(cli->message, name, "%s%s",
                      item->error ? item->error->text : "failed for an unknown reason",
                      attempts_of(item).text);
        show_details(watch, item);
        if (item->error)
            summary_count(&watch->counts, item->error);
        return;
    }
    if (item->error)
        message_error(cli->message, item->shown, "%s: %s%s",
                      item->is_remark ? "warning" : "copied as it is", item->error->text,
                      attempts_of(item).text);
    if (item->error)
        show_details(watch, item);
    if (cli->options->is_dry)
        show_plan(watch, item);
    else if (cli->options->is_verbose)
        show_ended(watch, item);
}

static void remarked(void *ctx, const char *text)
{
    const struct watch *watch = ctx;
    message_error(watch->execution->cli->message, NULL, "warning: %s", text);
}

static void ran(void *ctx, struct job *job, const struct job_run *run)
{
    const struct watch *watch = ctx;
    records_ran(watch->execution->cli->records, job, run);
}

/* What was done about signals so far. */
struct stopping {
    int handled_count;
    bool is_hard;
    int64_t started_ns, hard_ns;
};

/* Some call does not return: a read or a command hangs, a codec has a large block under way. */
static void end_now(struct mr_sink *sink)
{
    if (sink->ops->abandon)
        sink->ops->abandon(sink);
    signals_raise(signals_first());
}

/* Left out where stderr does not take it at once: its reader has stopped, and may never go on. */
static void tell(struct message *message, const char *text)
{
    struct pollfd room = {.fd = message->fd, .events = POLLOUT};
    if (poll(&room, 1, 0) == 1)
        message_error(message, NULL, "%s", text);
}

static void stop_on_signals(const struct execution *execution, struct job *job,
                            struct stopping *stopping)
{
    const struct cli *cli = execution->cli;
    char text[100];
    int count = signals_count();
    if (count == 0)
        return;
    if (stopping->handled_count == 0) {
        snprintf(text, sizeof(text),
                 "stopping: what is in flight has %d seconds to end, or until a second signal",
                 GRACE_S);
        tell(cli->message, text);
        job_stop(job, false);
        stopping->started_ns = clock_now_ns();
    }
    bool is_over = clock_now_ns() - stopping->started_ns > GRACE_S * INT64_C(1000000000);
    if ((count > 1 || is_over) && !stopping->is_hard) {
        tell(cli->message, "stopping now: what is in flight is dropped");
        job_stop(job, true);
        stopping->is_hard = true;
        stopping->hard_ns = clock_now_ns();
    }
    if (stopping->is_hard && clock_now_ns() - stopping->hard_ns > HARD_MS * INT64_C(1000000))
        end_now(execution->config->sink);
    stopping->handled_count = count;
}

static void wait_for(const struct execution *execution, struct job *job)
{
    const struct cli *cli = execution->cli;
    struct progress progress;
    struct stopping stopping = {0};
    progress_init(&progress, cli->message, cli->options);
    progress_plan(&progress, &execution->survey);
    while (!job_wait(job, TICK_MS)) {
        stop_on_signals(execution, job, &stopping);
        progress_tick(&progress, job);
    }
    progress_end(&progress, job);
}

/* Is the output given up because of what failed? Then it is said. */
static bool gives_up(const struct execution *execution, const struct job_figures *figures)
{
    struct message *message = execution->cli->message;
    if (!execution->is_archive || figures->failed_count == 0 || execution->config->is_dry)
        return false;
    if (execution->replaces_input)
        message_error(message, execution->shown_output,
                      "left as it was, because %" PRIu64 " failed", figures->failed_count);
    else if (figures->stored_count == 0)
        message_error(message, execution->shown_output, "not made, because nothing is left for it");
    return execution->replaces_input || figures->stored_count == 0;
}

/* How the run ended, as an exit status; says what is to be said about the output as a whole. */
static int end_job(const struct execution *execution, struct job *job, bool *is_finished)
{
    const struct cli *cli = execution->cli;
    struct job_figures figures;
    job_figures(job, &figures);
    *is_finished = false;
    if (!job_is_given_up(job) && gives_up(execution, &figures))
        return cli->options->on_error == JOB_STOP ? EXIT_STOPPED : EXIT_SOME_FAILED;
    struct mr_error err = {0};
    enum mr_status status = job_finish(job, &err);
    *is_finished = status == MR_OK;
    if (status == MR_CANCELLED)
        return EXIT_STOPPED;
    if (status != MR_OK && job_is_halted(job)) {
        if (cli->options->on_error == JOB_STOP)
            message_error(cli->message, NULL, "stopped at the first failure (--on-error stop)");
        else
            message_error(cli->message, NULL, "stopped: %s (--halt)", err.text);
        return EXIT_STOPPED;
    }
    if (status != MR_OK) {
        message_error(cli->message, execution->shown_output, "%s",
                      err.text[0] ? err.text : mr_status_text(status));
        return status == MR_E_CHANGED ? EXIT_SOME_FAILED : EXIT_STOPPED;
    }
    job_figures(job, &figures); /* finishing may have failed for some items */
    if (figures.failed_count == 0)
        return figures.remarked_count > 0 ? EXIT_SOME_FAILED : EXIT_DONE;
    return cli->options->on_error == JOB_STOP ? EXIT_STOPPED : EXIT_SOME_FAILED;
}

static void sum_up(struct watch *watch, struct job *job, bool is_finished)
{
    const struct execution *execution = watch->execution;
    struct mr_sink *sink = execution->config->sink;
    char losses[LOSSES_BYTES] = "";
    struct job_figures figures;
    if (is_finished && sink->ops->losses)
        sink->ops->losses(sink, losses, sizeof(losses));
    job_figures(job, &figures);
    if (!execution->cli->options->is_dry)
        summary_show(execution->cli, job, &figures, &watch->counts, execution->shown_output,
                     losses);
}

/* ---- libraries that end the program ---- */

/* What runs now. Written by the main thread. */
static const struct execution *_Atomic running;

/*
 * libarchive calls exit() where it finds no memory for a name, on whatever thread that is. Nothing
 * half-made is to be left then, and the status is not to be one that says less.
 */
static void end_unasked(void)
{
    const struct execution *execution = atomic_load(&running);
    if (!execution)
        return;
    const struct mr_sink_ops *ops = execution->config->sink->ops;
    if (ops->abandon)
        ops->abandon(execution->config->sink);
    message_error(execution->cli->message, execution->shown_output,
                  "stopped: a library ended the program where it could not go on");
    _exit(EXIT_STOPPED);
}

static void note_running(const struct execution *execution)
{
    static bool is_watched;
    is_watched = is_watched || atexit(end_unasked) == 0;
    atomic_store(&running, execution);
}

int execute_job(const struct execution *execution)
{
    const struct cli *cli = execution->cli;
    struct watch watch = {.execution = execution, .stdout_is_terminal = isatty(STDOUT_FILENO)};
    struct job_config config = *execution->config;
    config.observer =
        (struct job_observer){.item_ended = item_ended,
                              .remarked = remarked,
                              .ctx = &watch,
                              .wants_details = cli->options->is_verbose || cli->message->is_json,
                              .wants_names = cli->options->is_dry || cli->options->is_verbose};
    records_want(cli->records, &config.observer, ran);
    if (config.is_dry) { /* the plan is shown in order */
        config.pools = JOB_POOLS_SHARED;
        config.worker_count = 1;
        config.worker_max = 1;
    }
    struct mr_error err = {0};
    struct job *job = NULL;
    enum mr_status status = job_create(&config, &job, &err);
    if (status != MR_OK) {
        message_error(cli->message, NULL, "%s", err.text[0] ? err.text : mr_status_text(status));
        return EXIT_STOPPED;
    }
    signals_catch(true);
    note_running(execution);
    job_start(job);
    wait_for(execution, job);
    bool is_finished = false;
    int result = end_job(execution, job, &is_finished);
    sum_up(&watch, job, is_finished);
    records_job(cli->records, job, result);
    job_destroy(job);
    note_running(NULL);
    return cli->options->is_dry ? verb_end_stdout(cli, result) : result;
}
