/* report_read.c - which form a report has, and the one in JSON. */
#include "observe/report_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json_read.h"
#include "base/path.h"
#include "observe/report_forms.h"
#include "policy/journal.h"

enum mr_status report_read(int fd, const char *name, const struct report_visitor *visitor,
                           struct mr_error *err)
{
    char head[sizeof(REPORT_CSV_HEAD)] = "", shown[PATH_SHOW_BYTES];
    size_t got_bytes = 0;
    path_show(shown, sizeof(shown), name);
    if (io_pread(fd, head, sizeof(head) - 1, 0, &got_bytes) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read %s", shown);
    if (strncmp(head, JOURNAL_MAGIC, sizeof(JOURNAL_MAGIC) - 1) == 0)
        return report_read_journal(fd, name, visitor, err);
    if (strcmp(head, REPORT_CSV_HEAD) == 0)
        return report_read_csv(fd, name, visitor, err);
    if (head[0] == '{')
        return report_read_json(fd, name, visitor, err);
    return mr_error_set(err, MR_E_DATA, 0, "%s is no report (.json, .csv) and no journal", shown);
}

/* ---- JSON ---- */

enum {
    TEXT_PATH,
    TEXT_MEMBER,
    TEXT_OUTPUT,
    TEXT_KIND,
    TEXT_STATUS,
    TEXT_STAGE,
    TEXT_REASON,
    TEXT_STDERR,
    TEXTS
};

/* The report while it is read, with the texts of one item. */
struct reading {
    struct json_reader *json;
    const struct report_visitor *visitor;
    const char *shown;
    struct record_run run;
    char *command; /* owned */
    bool has_items, has_run;
    char texts[TEXTS][JSON_TEXT_MAX_BYTES + 1];
};

static enum mr_status unexpected(const struct reading *reading, struct mr_error *err)
{
    return mr_error_set(err, MR_E_DATA, 0, "%s is no report of a run", reading->shown);
}

/* The member of an item that is a text. "" is what does not come. */
static void take_text(struct reading *reading, const struct json_value *value)
{
    static const char *const keys[TEXTS] = {"path",   "member", "output", "kind",
                                            "status", "stage",  "reason", "stderr"};
    for (size_t i = 0; i < TEXTS; i++) {
        size_t length = strlen(keys[i]), count = 0;
        if (strncmp(value->key, keys[i], length) != 0)
            continue;
        if (value->key[length] == '\0')
            memcpy(reading->texts[i], value->text, value->length + 1);
        else if (strcmp(value->key + length, "_b64") == 0 &&
                 json_to_bytes(value, reading->texts[i], JSON_TEXT_MAX_BYTES, &count))
            reading->texts[i][count] = '\0';
    }
}

/* A member of an item or of the figures that is a number, by its name. */
struct number {
    const char *key;
    uint64_t *whole; /* one of the two */
    double *real;
};

static void take_number(const struct number *numbers, size_t count, const struct json_value *value)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(value->key, numbers[i].key) != 0)
            continue;
        if (numbers[i].whole)
            json_to_unsigned(value, numbers[i].whole);
        else
            json_to_real(value, numbers[i].real);
    }
}

static enum mr_status read_item(struct reading *reading, struct mr_error *err)
{
    uint64_t stage_ns[RECORD_STAGES] = {0}, latency_ns = 0;
    struct record record = {.kind = reading->texts[TEXT_KIND],
                            .path = reading->texts[TEXT_PATH],
                            .member = reading->texts[TEXT_MEMBER],
                            .output = reading->texts[TEXT_OUTPUT],
                            .stage = reading->texts[TEXT_STAGE],
                            .reason = reading->texts[TEXT_REASON],
                            .wrote = reading->texts[TEXT_STDERR],
                            .lacks_out_bytes = true};
    const struct number numbers[] = {
        {"in_bytes", &record.in_bytes, NULL},
        {"out_bytes", &record.out_bytes, NULL},
        {"load_ns", &stage_ns[RECORD_LOAD], NULL},
        {"process_ns", &stage_ns[RECORD_PROCESS], NULL},
        {"store_ns", &stage_ns[RECORD_STORE], NULL},
        {"latency_ns", &latency_ns, NULL},
        {"attempts", &record.attempts, NULL},
    };
    struct json_value value;
    enum mr_status status;
    for (size_t i = 0; i < TEXTS; i++)
        reading->texts[i][0] = '\0';
    while ((status = json_read(reading->json, &value, err)) == MR_OK && value.kind != JSON_CLOSE) {
        if (value.kind == JSON_TEXT)
            take_text(reading, &value);
        if (strcmp(value.key, "out_bytes") == 0)
            record.lacks_out_bytes = false;
        take_number(numbers, sizeof(numbers) / sizeof(numbers[0]), &value);
        if ((status = json_skip(reading->json, &value, err)) != MR_OK)
            return status;
    }
    if (status != MR_OK)
        return status;
    if (!record_status_find(reading->texts[TEXT_STATUS], &record.status))
        return unexpected(reading, err);
    for (unsigned s = 0; s < RECORD_STAGES; s++)
        record.stage_ns[s] = (int64_t)(stage_ns[s] & INT64_MAX);
    record.latency_ns = (int64_t)(latency_ns & INT64_MAX);
    return reading->visitor->item(reading->visitor->ctx, &record, err);
}

static enum mr_status read_items(struct reading *reading, struct mr_error *err)
{
    struct json_value value;
    enum mr_status status;
    reading->has_items = true;
    while ((status = json_read(reading->json, &value, err)) == MR_OK && value.kind != JSON_CLOSE) {
        status = value.kind == JSON_OBJECT ? read_item(reading, err) : unexpected(reading, err);
        if (status != MR_OK)
            return status;
    }
    return status;
}

static enum mr_status read_stage(struct reading *reading, struct record_stage *stage,
                                 struct mr_error *err)
{
    const struct number numbers[] = {
        {"threads", &stage->thread_count, NULL}, {"runs", &stage->run_count, NULL},
        {"thread_s", NULL, &stage->thread_s},    {"busy_s", NULL, &stage->busy_s},
        {"starved_s", NULL, &stage->starved_s},  {"blocked_s", NULL, &stage->blocked_s},
    };
    struct json_value value;
    enum mr_status status;
    while ((status = json_read(reading->json, &value, err)) == MR_OK && value.kind != JSON_CLOSE) {
        take_number(numbers, sizeof(numbers) / sizeof(numbers[0]), &value);
        if ((status = json_skip(reading->json, &value, err)) != MR_OK)
            return status;
    }
    return status;
}

/* A member of the figures that is not a number. */
static enum mr_status take_figure(struct reading *reading, const struct json_value *value,
                                  struct mr_error *err)
{
    struct record_run *run = &reading->run;
    if (value->kind == JSON_BOOL && strcmp(value->key, "is_complete") == 0)
        run->is_complete = value->is_true;
    if (value->kind == JSON_BOOL && strcmp(value->key, "is_shared") == 0)
        run->is_shared = value->is_true;
    if (strcmp(value->key, "version") == 0)
        snprintf(run->version, sizeof(run->version), "%s", value->text);
    if (strcmp(value->key, "started") == 0)
        snprintf(run->started, sizeof(run->started), "%s", value->text);
    if (strcmp(value->key, "command") == 0 && !reading->command &&
        !(reading->command = strdup(value->text)))
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    for (unsigned s = 0; s < RECORD_STAGES; s++)
        if (value->kind == JSON_OBJECT && strcmp(value->key, record_stage_name(s)) == 0)
            return read_stage(reading, &run->stages[s], err);
    return json_skip(reading->json, value, err);
}

static enum mr_status read_run(struct reading *reading, struct mr_error *err)
{
    struct record_run *run = &reading->run;
    const struct number numbers[] = {
        {"jobs", &run->job_count, NULL},
        {"shard", &run->shard_index, NULL},
        {"shards", &run->shard_count, NULL},
        {"exit_status", &run->exit_status, NULL},
        {"elapsed_s", NULL, &run->elapsed_s},
        {"cpu_s", NULL, &run->cpu_s},
        {"stored", &run->counts[RECORD_STORED], NULL},
        {"copied", &run->counts[RECORD_COPIED], NULL},
        {"skipped", &run->counts[RECORD_SKIPPED], NULL},
        {"failed", &run->counts[RECORD_FAILED], NULL},
        {"cancelled", &run->counts[RECORD_CANCELLED], NULL},
        {"retried", &run->retried_count, NULL},
        {"in_bytes", &run->in_bytes, NULL},
        {"out_bytes", &run->out_bytes, NULL},
        {"memory_bytes", &run->memory_bytes, NULL},
        {"memory_peak_bytes", &run->memory_peak_bytes, NULL},
        {"rss_peak_bytes", &run->rss_peak_bytes, NULL},
        {"idle_s", NULL, &run->idle_s},
    };
    struct json_value value;
    enum mr_status status;
    reading->has_run = true;
    while ((status = json_read(reading->json, &value, err)) == MR_OK && value.kind != JSON_CLOSE) {
        take_number(numbers, sizeof(numbers) / sizeof(numbers[0]), &value);
        if ((status = take_figure(reading, &value, err)) != MR_OK)
            return status;
    }
    return status;
}

static enum mr_status read_report(struct reading *reading, struct mr_error *err)
{
    struct json_value value;
    enum mr_status status = json_read(reading->json, &value, err);
    if (status == MR_OK && value.kind != JSON_OBJECT)
        return unexpected(reading, err);
    while (status == MR_OK && (status = json_read(reading->json, &value, err)) == MR_OK &&
           value.kind != JSON_CLOSE) {
        if (value.kind == JSON_ARRAY && strcmp(value.key, "items") == 0)
            status = read_items(reading, err);
        else if (value.kind == JSON_OBJECT && strcmp(value.key, "run") == 0)
            status = read_run(reading, err);
        else if (strcmp(value.key, "kind") == 0 && strcmp(value.text, "run") != 0)
            status = unexpected(reading, err);
        else
            status = json_skip(reading->json, &value, err);
    }
    if (status != MR_OK)
        return status;
    if (!reading->has_items || !reading->has_run)
        return unexpected(reading, err);
    reading->run.command = reading->command ? reading->command : "";
    return reading->visitor->run(reading->visitor->ctx, &reading->run, err);
}

enum mr_status report_read_json(int fd, const char *name, const struct report_visitor *visitor,
                                struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    struct reading *reading = calloc(1, sizeof(*reading));
    if (!reading)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    reading->visitor = visitor;
    reading->shown = path_show(shown, sizeof(shown), name);
    enum mr_status status = json_reader_create(fd, name, &reading->json, err);
    if (status == MR_OK)
        status = read_report(reading, err);
    json_reader_destroy(reading->json);
    free(reading->command);
    free(reading);
    return status;
}
