#include "observe/record.h"

#include <stdio.h>
#include <string.h>

static const char *const status_names[RECORD_STATUSES] = {
    [RECORD_STORED] = "stored", [RECORD_COPIED] = "copied",       [RECORD_SKIPPED] = "skipped",
    [RECORD_FAILED] = "failed", [RECORD_CANCELLED] = "cancelled",
};
static const char *const stage_names[RECORD_STAGES] = {"load", "process", "store"};

const char *record_status_name(enum record_status status)
{
    return status_names[status];
}

bool record_status_find(const char *name, enum record_status *status)
{
    for (unsigned i = 0; i < RECORD_STATUSES; i++) {
        if (strcmp(name, status_names[i]) != 0)
            continue;
        *status = (enum record_status)i;
        return true;
    }
    return false;
}

const char *record_stage_name(unsigned stage)
{
    return stage_names[stage];
}

int64_t record_sum_ns(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

int64_t record_cost_ns(const struct record *record)
{
    int64_t sum_ns = 0;
    for (unsigned s = 0; s < RECORD_STAGES; s++)
        sum_ns = record_sum_ns(sum_ns, record->stage_ns[s]);
    return sum_ns > 0 ? sum_ns : record->latency_ns;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void record_run_add(struct record_run *sum, const struct record_run *run)
{
    if (sum->job_count == 0) {
        *sum = *run;
        return;
    }
    if (sum->shard_index != run->shard_index || sum->shard_count != run->shard_count)
        sum->shard_index = sum->shard_count = 0;
    sum->job_count += run->job_count;
    sum->is_complete = sum->is_complete && run->is_complete;
    sum->exit_status = most(sum->exit_status, run->exit_status);
    sum->elapsed_s += run->elapsed_s;
    sum->cpu_s += run->cpu_s;
    for (unsigned i = 0; i < RECORD_STATUSES; i++)
        sum->counts[i] += run->counts[i];
    sum->retried_count += run->retried_count;
    sum->in_bytes += run->in_bytes;
    sum->out_bytes += run->out_bytes;
    sum->memory_bytes = most(sum->memory_bytes, run->memory_bytes);
    sum->memory_peak_bytes = most(sum->memory_peak_bytes, run->memory_peak_bytes);
    sum->rss_peak_bytes = most(sum->rss_peak_bytes, run->rss_peak_bytes);
    sum->is_shared = sum->is_shared && run->is_shared;
    sum->idle_s += run->idle_s;
    for (unsigned s = 0; s < RECORD_STAGES; s++) {
        struct record_stage *to = &sum->stages[s];
        const struct record_stage *from = &run->stages[s];
        to->thread_count = most(to->thread_count, from->thread_count);
        to->run_count += from->run_count;
        to->thread_s += from->thread_s;
        to->busy_s += from->busy_s;
        to->starved_s += from->starved_s;
        to->blocked_s += from->blocked_s;
    }
}

static void write_some(struct json *json, const char *key, const char *text)
{
    if (*text)
        json_text(json, key, text);
}

void record_write(struct json *json, const struct record *record)
{
    json_text(json, "path", record->path);
    write_some(json, "member", record->member);
    write_some(json, "output", record->output);
    json_text(json, "kind", record->kind);
    json_text(json, "status", status_names[record->status]);
    json_unsigned(json, "in_bytes", record->in_bytes);
    if (!record->lacks_out_bytes)
        json_unsigned(json, "out_bytes", record->out_bytes);
    json_number(json, "load_ns", record->stage_ns[RECORD_LOAD]);
    json_number(json, "process_ns", record->stage_ns[RECORD_PROCESS]);
    json_number(json, "store_ns", record->stage_ns[RECORD_STORE]);
    json_number(json, "latency_ns", record->latency_ns);
    json_unsigned(json, "attempts", record->attempts);
    write_some(json, "stage", record->stage);
    write_some(json, "reason", record->reason);
    if (record->wrote && *record->wrote)
        json_text_end(json, "stderr", record->wrote, RECORD_WROTE_BYTES);
}

void record_run_write(struct json *json, const struct record_run *run)
{
    json_text(json, "command", run->command);
    json_text(json, "version", run->version);
    json_text(json, "started", run->started);
    json_unsigned(json, "jobs", run->job_count);
    if (run->shard_count > 0) {
        json_unsigned(json, "shard", run->shard_index);
        json_unsigned(json, "shards", run->shard_count);
    }
    json_bool(json, "is_complete", run->is_complete);
    json_unsigned(json, "exit_status", run->exit_status);
    json_real(json, "elapsed_s", run->elapsed_s);
    json_real(json, "cpu_s", run->cpu_s);
    for (unsigned i = 0; i < RECORD_STATUSES; i++)
        json_unsigned(json, status_names[i], run->counts[i]);
    json_unsigned(json, "retried", run->retried_count);
    json_unsigned(json, "in_bytes", run->in_bytes);
    json_unsigned(json, "out_bytes", run->out_bytes);
    json_unsigned(json, "memory_bytes", run->memory_bytes);
    json_unsigned(json, "memory_peak_bytes", run->memory_peak_bytes);
    json_unsigned(json, "rss_peak_bytes", run->rss_peak_bytes);
    json_bool(json, "is_shared", run->is_shared);
    json_real(json, "idle_s", run->idle_s);
    for (unsigned s = 0; s < RECORD_STAGES; s++) {
        const struct record_stage *stage = &run->stages[s];
        json_object(json, stage_names[s]);
        json_unsigned(json, "threads", stage->thread_count);
        json_unsigned(json, "runs", stage->run_count);
        json_real(json, "thread_s", stage->thread_s);
        json_real(json, "busy_s", stage->busy_s);
        json_real(json, "starved_s", stage->starved_s);
        json_real(json, "blocked_s", stage->blocked_s);
        json_object_end(json);
    }
}
