/* report_csv.c - reports for spreadsheets (RFC 4180, lines end with LF): written and read. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "observe/report_forms.h"
#include "observe/report_read.h"
#include "policy/shard.h"

#define ROW_BYTES ((size_t)256 * 1024)

enum column {
    CSV_KIND,
    CSV_PATH,
    CSV_MEMBER,
    CSV_OUTPUT,
    CSV_STATUS,
    CSV_IN_BYTES,
    CSV_OUT_BYTES,
    CSV_LOAD_NS,
    CSV_PROCESS_NS,
    CSV_STORE_NS,
    CSV_LATENCY_NS,
    CSV_ATTEMPTS,
    CSV_STAGE,
    CSV_REASON,
    CSV_COLUMNS
};

static const char run_kind[] = "run", complete[] = "complete", stopped[] = "stopped";

/* ---- writing ---- */

static void write_text(FILE *out, const char *text)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void write_texts(FILE *out, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        write_text(out, texts[i]);
        fputc(',', out);
    }
}

void report_csv_item(FILE *out, const struct record *record)
{
    const char *const texts[] = {record->kind, record->path, record->member, record->output,
                                 record_status_name(record->status)};
    write_texts(out, texts, sizeof(texts) / sizeof(texts[0]));
    fprintf(out, "%" PRIu64 ",", record->in_bytes);
    if (!record->lacks_out_bytes)
        fprintf(out, "%" PRIu64, record->out_bytes);
    fprintf(out, ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRIu64 ",%s,",
            record->stage_ns[RECORD_LOAD], record->stage_ns[RECORD_PROCESS],
            record->stage_ns[RECORD_STORE], record->latency_ns, record->attempts, record->stage);
    write_text(out, record->reason);
    fputc('\n', out);
}

/* Its columns: the command, when it started, the version; seconds of threads as times; runs as
 * attempts; a shard, "2/3", as stage. */
void report_csv_run(FILE *out, const struct record_run *run)
{
    const char *const texts[] = {run_kind, run->command, run->started, run->version,
                                 run->is_complete ? complete : stopped};
    char shard[48] = "";
    if (run->shard_count > 0)
        snprintf(shard, sizeof(shard), "%" PRIu64 "/%" PRIu64, run->shard_index, run->shard_count);
    write_texts(out, texts, sizeof(texts) / sizeof(texts[0]));
    fprintf(out,
            "%" PRIu64 ",%" PRIu64 ",%.0f,%.0f,%.0f,%.0f,%" PRIu64 ",%s,exit status %" PRIu64 "\n",
            run->in_bytes, run->out_bytes, run->stages[RECORD_LOAD].busy_s * 1e9,
            run->stages[RECORD_PROCESS].busy_s * 1e9, run->stages[RECORD_STORE].busy_s * 1e9,
            run->elapsed_s * 1e9, run->job_count, shard, run->exit_status);
}

/* ---- reading ---- */

/* One row: its texts stand one after the other, each with its NUL. */
struct row {
    FILE *in;
    const char *shown;
    uint64_t number;
    size_t column_count, used_bytes;
    const char *columns[CSV_COLUMNS];
    char bytes[ROW_BYTES];
};

static enum mr_status damaged(const struct row *row, struct mr_error *err)
{
    return mr_error_set(err, MR_E_DATA, 0, "%s, row %" PRIu64 ": not what a report has there",
                        row->shown, row->number);
}

/* Reads the text of a column; *end is what came after it: ',', '\n' or EOF. False: it is none, or
 * too long. */
static bool read_column(struct row *row, int *end)
{
    if (row->column_count == CSV_COLUMNS)
        return false;
    row->columns[row->column_count++] = row->bytes + row->used_bytes;
    int byte = getc_unlocked(row->in);
    bool is_quoted = byte == '"';
    if (is_quoted)
        byte = getc_unlocked(row->in);
    while (byte != EOF && (is_quoted || (byte != ',' && byte != '\n'))) {
        if (is_quoted && byte == '"') {
            byte = getc_unlocked(row->in);
            is_quoted = byte == '"';
            if (!is_quoted)
                break;
        }
        if (byte == '\0' || row->used_bytes == ROW_BYTES - 1)
            return false;
        row->bytes[row->used_bytes++] = (char)byte;
        byte = getc_unlocked(row->in);
    }
    *end = byte;
    if (is_quoted || row->used_bytes == ROW_BYTES)
        return false;
    row->bytes[row->used_bytes++] = '\0';
    return byte == ',' || byte == '\n' || byte == EOF;
}

/* MR_OK, MR_DONE, MR_E_DATA. */
static enum mr_status read_row(struct row *row, struct mr_error *err)
{
    int end = ',';
    int byte = getc_unlocked(row->in);
    if (byte == EOF)
        return MR_DONE;
    ungetc(byte, row->in);
    row->number++;
    row->column_count = row->used_bytes = 0;
    while (end == ',')
        if (!read_column(row, &end))
            return damaged(row, err);
    if (end == EOF || row->column_count != CSV_COLUMNS)
        return damaged(row, err);
    return MR_OK;
}

static bool take_number(const struct row *row, enum column column, uint64_t *number)
{
    const char *text = row->columns[column];
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool take_numbers(const struct row *row, uint64_t numbers[CSV_COLUMNS])
{
    for (enum column column = CSV_IN_BYTES; column <= CSV_ATTEMPTS; column++) {
        bool is_unknown = column == CSV_OUT_BYTES && !*row->columns[column];
        numbers[column] = 0;
        if (!is_unknown && !take_number(row, column, &numbers[column]))
            return false;
        if (column >= CSV_LOAD_NS && numbers[column] > INT64_MAX)
            return false;
    }
    return true;
}

static enum mr_status tell_item(const struct row *row, const uint64_t *numbers,
                                const struct report_visitor *visitor, struct mr_error *err)
{
    const struct record record = {
        .kind = row->columns[CSV_KIND],
        .path = row->columns[CSV_PATH],
        .member = row->columns[CSV_MEMBER],
        .output = row->columns[CSV_OUTPUT],
        .stage = row->columns[CSV_STAGE],
        .reason = row->columns[CSV_REASON],
        .in_bytes = numbers[CSV_IN_BYTES],
        .out_bytes = numbers[CSV_OUT_BYTES],
        .lacks_out_bytes = !*row->columns[CSV_OUT_BYTES],
        .stage_ns = {(int64_t)numbers[CSV_LOAD_NS], (int64_t)numbers[CSV_PROCESS_NS],
                     (int64_t)numbers[CSV_STORE_NS]},
        .latency_ns = (int64_t)numbers[CSV_LATENCY_NS],
        .attempts = numbers[CSV_ATTEMPTS],
    };
    struct record with_status = record;
    if (!record_status_find(row->columns[CSV_STATUS], &with_status.status))
        return damaged(row, err);
    return visitor->item(visitor->ctx, &with_status, err);
}

static enum mr_status tell_run(const struct row *row, const uint64_t *numbers,
                               const struct report_visitor *visitor, struct mr_error *err)
{
    struct record_run run = {
        .command = row->columns[CSV_PATH],
        .job_count = numbers[CSV_ATTEMPTS],
        .is_complete = strcmp(row->columns[CSV_STATUS], complete) == 0,
        .in_bytes = numbers[CSV_IN_BYTES],
        .out_bytes = numbers[CSV_OUT_BYTES],
        .elapsed_s = (double)numbers[CSV_LATENCY_NS] / 1e9,
        .exit_status = strtoull(
            row->columns[CSV_REASON] + strcspn(row->columns[CSV_REASON], "0123456789"), NULL, 10),
    };
    struct shard_choice shard;
    if (shard_parse(row->columns[CSV_STAGE], &shard, NULL) == MR_OK) {
        run.shard_index = shard.index;
        run.shard_count = shard.count;
    }
    snprintf(run.started, sizeof(run.started), "%s", row->columns[CSV_MEMBER]);
    snprintf(run.version, sizeof(run.version), "%s", row->columns[CSV_OUTPUT]);
    for (unsigned s = 0; s < RECORD_STAGES; s++)
        run.stages[s].busy_s = (double)numbers[CSV_LOAD_NS + s] / 1e9;
    return visitor->run(visitor->ctx, &run, err);
}

static enum mr_status read_rows(struct row *row, const struct report_visitor *visitor,
                                struct mr_error *err)
{
    bool has_run = false;
    enum mr_status status = read_row(row, err); /* the head */
    while (status == MR_OK && (status = read_row(row, err)) == MR_OK) {
        uint64_t numbers[CSV_COLUMNS];
        if (has_run || !take_numbers(row, numbers))
            return damaged(row, err);
        has_run = strcmp(row->columns[CSV_KIND], run_kind) == 0;
        status =
            has_run ? tell_run(row, numbers, visitor, err) : tell_item(row, numbers, visitor, err);
    }
    if (status == MR_DONE && !has_run)
        return mr_error_set(err, MR_E_DATA, 0, "%s breaks off", row->shown);
    return status == MR_DONE ? MR_OK : status;
}

enum mr_status report_read_csv(int fd, const char *name, const struct report_visitor *visitor,
                               struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    struct row *row = calloc(1, sizeof(*row));
    int own = row ? dup(fd) : -1;
    FILE *in = own >= 0 ? fdopen(own, "r") : NULL;
    enum mr_status status = MR_E_MEMORY;
    if (in) {
        row->in = in;
        row->shown = path_show(shown, sizeof(shown), name);
        status = read_rows(row, visitor, err);
        if (ferror(in))
            status = mr_error_set(err, MR_E_SYSTEM, errno, "cannot read %s", row->shown);
        fclose(in);
    } else {
        mr_error_set(err, status, 0, "out of memory");
        if (own >= 0)
            close(own);
    }
    free(row);
    return status;
}
