/* bench_report.c - the figures of a bench as JSON, for programs, and as CSV, for spreadsheets. */
#include "cli/bench_report.h"

#include <inttypes.h>

#include "base/json.h"
#include "base/path.h"
#include "cli/progress.h"
#include "observe/draft.h"
#include "observe/report_forms.h"

void bench_report_sizes(struct json *json, const struct bench_info *info,
                        const struct sweep_point *point)
{
    for (enum sweep_key key = SWEEP_READERS; key < SWEEP_KEYS; key++) {
        char text[32];
        if (key == SWEEP_POOL)
            json_text(json, "pool", sweep_show(key, point->values[key], text, sizeof(text)));
        else if (key != SWEEP_LEVEL || info->sweep->lists[key].count > 0)
            json_unsigned(json, sweep_name(key), point->values[key]);
    }
}

/* The figures of one run, or medians. */
static void write_trial(struct json *json, const struct trial *trial)
{
    json_real(json, "wall_s", trial->wall_s);
    json_real(json, "cpu_s", trial->cpu_s);
    json_real(json, "in_bytes_per_s", trial->in_rate);
    json_real(json, "out_bytes_per_s", trial->out_rate);
    json_real(json, "items_per_s", trial->item_rate);
    json_real(json, "memory_peak_bytes", trial->memory_bytes);
    json_real(json, "latency_median_ms", trial->latency_ms[0]);
    json_real(json, "latency_90_ms", trial->latency_ms[1]);
    json_real(json, "latency_99_ms", trial->latency_ms[2]);
    json_real(json, "idle", trial->idle);
    for (enum job_stage stage = JOB_LOAD; stage < JOB_STAGES; stage++) {
        json_object(json, progress_stage_name(stage));
        json_real(json, "busy", trial->stages[stage].busy);
        json_real(json, "starved", trial->stages[stage].starved);
        json_real(json, "blocked", trial->stages[stage].blocked);
        json_object_end(json);
    }
}

static void write_row(struct json *json, const struct bench_info *info, const struct bench_row *row)
{
    json_element(json);
    bench_report_sizes(json, info, &row->point);
    json_unsigned(json, "items", row->item_count);
    json_unsigned(json, "in_bytes", row->in_bytes);
    json_unsigned(json, "out_bytes", row->out_bytes);
    json_text(json, "limited_by", progress_stage_name(row->limiting));
    json_real(json, "lowest_in_bytes_per_s", row->low_rate);
    json_real(json, "highest_in_bytes_per_s", row->high_rate);
    json_object(json, "median");
    write_trial(json, &row->median);
    json_object_end(json);
    json_array(json, "rounds");
    for (unsigned i = 0; i < row->trial_count; i++) {
        json_element(json);
        write_trial(json, &row->trials[i]);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

static void write_json(const struct bench_info *info, FILE *out)
{
    char operations[400];
    struct json json;
    json_open(&json, out);
    json_text(&json, "millrace", mr_version());
    json_text(&json, "kind", "bench");
    json_text(&json, "operations", bench_operations(info, operations, sizeof(operations)));
    json_unsigned(&json, "processors", info->processor_count);
    json_text(&json, "processor", info->processor);
    uint64_t items, bytes;
    bench_sample(info, &items, &bytes);
    json_unsigned(&json, "sample_items", items);
    json_unsigned(&json, "sample_bytes", bytes);
    json_bool(&json, "is_in_memory", !info->options->streams);
    json_unsigned(&json, "warm_up_rounds", info->bench->warm_up_count);
    json_unsigned(&json, "rounds", info->bench->rounds_done);
    json_bool(&json, "is_stopped", info->bench->is_stopped);
    json_real(&json, "one_thread_bytes_per_s", info->limits.one_thread);
    json_real(&json, "plain_read_bytes_per_s", info->limits.plain_read);
    json_real(&json, "plain_write_bytes_per_s", info->limits.plain_write);
    const char *limit = "";
    json_real(&json, "limit_bytes_per_s", bench_limit(info, &limit));
    json_text(&json, "limit", limit);
    const struct bench_row *best = bench_best(info->bench);
    if (best)
        json_unsigned(&json, "best", (uint64_t)(best - info->bench->rows));
    json_array(&json, "combinations");
    for (size_t i = 0; i < info->bench->row_count; i++)
        write_row(&json, info, &info->bench->rows[i]);
    json_array_end(&json);
    bench_changes_report(info, &json);
    json_close(&json);
}

static void write_csv(const struct bench_info *info, FILE *out)
{
    for (enum sweep_key key = SWEEP_READERS; key < SWEEP_KEYS; key++)
        fprintf(out, "%s,", sweep_name(key));
    fputs("round,wall_s,cpu_s,in_bytes_per_s,out_bytes_per_s,items_per_s,memory_peak_bytes,"
          "latency_median_ms,latency_90_ms,latency_99_ms",
          out);
    for (enum job_stage stage = JOB_LOAD; stage < JOB_STAGES; stage++)
        fprintf(out, ",%s_busy,%s_starved,%s_blocked", progress_stage_name(stage),
                progress_stage_name(stage), progress_stage_name(stage));
    fputc('\n', out);
    for (size_t i = 0; i < info->bench->row_count; i++) {
        const struct bench_row *row = &info->bench->rows[i];
        for (unsigned round = 0; round < row->trial_count; round++) {
            const struct trial *trial = &row->trials[round];
            for (enum sweep_key key = SWEEP_READERS; key < SWEEP_KEYS; key++) {
                bool has_none = key == SWEEP_LEVEL && info->sweep->lists[key].count == 0;
                if (key == SWEEP_POOL)
                    fprintf(out, "%s,", row->point.values[key] ? "shared" : "split");
                else if (has_none)
                    fputc(',', out);
                else
                    fprintf(out, "%" PRIu64 ",", row->point.values[key]);
            }
            fprintf(out, "%u,%.6f,%.6f,%.0f,%.0f,%.1f,%.0f,%.4f,%.4f,%.4f", round + 1,
                    trial->wall_s, trial->cpu_s, trial->in_rate, trial->out_rate, trial->item_rate,
                    trial->memory_bytes, trial->latency_ms[0], trial->latency_ms[1],
                    trial->latency_ms[2]);
            for (enum job_stage stage = JOB_LOAD; stage < JOB_STAGES; stage++)
                fprintf(out, ",%.4f,%.4f,%.4f", trial->stages[stage].busy,
                        trial->stages[stage].starved, trial->stages[stage].blocked);
            fputc('\n', out);
        }
    }
}

enum mr_status bench_report_check(const struct options *options, struct mr_error *err)
{
    enum report_form form;
    return options->report ? report_form_of(options->report, &form, err) : MR_OK;
}

enum mr_status bench_report_write(const struct bench_info *info, struct mr_error *err)
{
    static void (*const writers[])(const struct bench_info *, FILE *) = {
        [REPORT_JSON] = write_json, [REPORT_CSV] = write_csv, [REPORT_HTML] = bench_page_write};
    const char *path = info->options->report;
    enum report_form form;
    struct draft draft;
    if (!path || report_form_of(path, &form, err) != MR_OK)
        return path ? err->status : MR_OK;
    enum mr_status status = draft_open(&draft, path, "--report", err);
    if (status != MR_OK)
        return status;
    if (!draft_stream(&draft)) {
        draft_drop(&draft);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    writers[form](info, draft.out);
    return draft_keep(&draft, "--report", err);
}
