#include "cli/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/usage.h"

/* ---- the command line ---- */

/* As a shell would take it. */
static void put_word(FILE *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:=,+@%";
    if (*word && word[strspn(word, plain)] == '\0') {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[]){*word, '\0'}, out);
    fputc('\'', out);
}

/* The caller's to free; NULL: out of memory. */
static char *join_words(const char *const *words)
{
    char *text = NULL;
    size_t size_bytes;
    FILE *out = open_memstream(&text, &size_bytes);
    if (!out)
        return NULL;
    for (const char *const *word = words; *word; word++) {
        if (word != words)
            fputc(' ', out);
        put_word(out, *word);
    }
    bool is_whole = !ferror(out);
    if (fclose(out) == 0 && is_whole)
        return text;
    free(text);
    return NULL;
}

/* ---- opening and closing ---- */

static enum mr_status check(const struct options *options, struct mr_error *err)
{
    const char *const others[] = {options->journal, options->output, options->report};
    for (size_t i = 0; options->trace && i < sizeof(others) / sizeof(others[0]); i++)
        if (others[i] && strcmp(options->trace, others[i]) == 0)
            return mr_error_set(err, MR_E_USAGE, 0, "--trace names a file that another option has");
    for (size_t i = 0; options->report && i < 2; i++)
        if (others[i] && strcmp(options->report, others[i]) == 0)
            return mr_error_set(err, MR_E_USAGE, 0,
                                "--report names a file that another option has");
    return MR_OK;
}

enum mr_status records_open(struct records *records, const struct cli *cli, struct mr_error *err)
{
    const struct options *options = cli->options;
    *records = (struct records){NULL, NULL};
    enum mr_status status = check(options, err);
    if (status != MR_OK || options->is_dry)
        return status;
    if (options->report) {
        char *command = join_words(cli->words);
        status = command ? report_create(options->report, command, &records->report, err)
                         : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        free(command);
        if (status == MR_OK)
            report_set_shard(records->report, &options->shard);
    }
    if (status == MR_OK && options->trace)
        status = trace_create(options->trace, &records->trace, err);
    if (status != MR_OK)
        report_drop(records->report);
    return status;
}

static enum mr_status keep_report(struct report *report, int result, struct mr_error *err)
{
    struct rusage own = {0};
    getrusage(RUSAGE_SELF, &own);
    return report_keep(report, result, usage_cpu_s(), (uint64_t)own.ru_maxrss * 1024, err);
}

int records_close(struct records *records, const struct cli *cli, int result)
{
    struct mr_error err = {0};
    bool is_kept = true;
    if (records->report && keep_report(records->report, result, &err) != MR_OK) {
        message_error(cli->message, NULL, "%s", err.text);
        is_kept = false;
    }
    if (records->trace && trace_keep(records->trace, &err) != MR_OK) {
        message_error(cli->message, NULL, "%s", err.text);
        is_kept = false;
    }
    return is_kept || result != EXIT_DONE ? result : EXIT_SOME_FAILED;
}

size_t records_own(const struct records *records, struct walk_own *own)
{
    size_t count = 0;
    if (records && records->report &&
        report_file(records->report, &own[count].device, &own[count].inode))
        count++;
    if (records && records->trace &&
        trace_file(records->trace, &own[count].device, &own[count].inode))
        count++;
    return count;
}

/* ---- while a job runs ---- */

void records_want(const struct records *records, struct job_observer *observer,
                  void (*ran)(void *ctx, struct job *job, const struct job_run *run))
{
    if (!records)
        return;
    observer->wants_times = observer->wants_times || records->report || records->trace;
    observer->wants_stage_times = records->report != NULL;
    observer->wants_details = observer->wants_details || records->report;
    if (records->trace)
        observer->ran = ran;
}

void records_ran(struct records *records, struct job *job, const struct job_run *run)
{
    trace_ran(records->trace, job, run);
}

void records_item(struct records *records, const struct job_item *item)
{
    if (records && records->report)
        report_item(records->report, item);
    if (records && records->trace)
        trace_item(records->trace, item);
}

void records_job(struct records *records, struct job *job, int result)
{
    struct job_figures figures;
    if (!records || !records->report)
        return;
    job_figures(job, &figures);
    report_job(records->report, &figures, result != EXIT_STOPPED);
}
