/* bench_show.c - the table of `millrace bench` and what follows from it. */
#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "cli/bench_report.h"
#include "cli/progress.h"
#include "engine/thread.h"

#define SERIAL_HINT "the input can only be read one item after the other"

/* What the first processor is called. */
static void find_processor(char *name, size_t cap_bytes)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[400];
    name[0] = '\0';
    while (file && !name[0] && fgets(line, sizeof(line), file)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, "model name", strlen("model name")) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(name, cap_bytes, "%s", colon + 1 + strspn(colon + 1, " "));
    }
    if (file)
        fclose(file);
}

void bench_info_init(struct bench_info *info, const struct options *options,
                     const struct sample *sample, const struct sweep *sweep,
                     const struct bench *bench)
{
    *info = (struct bench_info){.options = options,
                                .sample = sample,
                                .sweep = sweep,
                                .bench = bench,
                                .processor_count = thread_processor_count()};
    find_processor(info->processor, sizeof(info->processor));
}

char *bench_operations(const struct bench_info *info, char *text, size_t cap_bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < info->options->given_count; i++) {
        const struct given *given = &info->options->given[i];
        bool is_operation = strcmp(given->option->name, "process") == 0;
        if (!is_operation && !given->command)
            continue;
        int length =
            snprintf(text + used, cap_bytes - used, "%s%s %s", used ? " " : "",
                     is_operation ? "-p" : "-x", is_operation ? given->value : given->command[0]);
        if (length < 0 || (size_t)length >= cap_bytes - used)
            break;
        used += (size_t)length;
    }
    if (used == 0)
        snprintf(text, cap_bytes, "no operation");
    return text;
}

char *bench_label(const struct bench_info *info, const struct sweep_point *point, char *text,
                  size_t cap_bytes)
{
    const uint64_t *values = point->values;
    int length =
        values[SWEEP_POOL]
            ? snprintf(text, cap_bytes, "shared j%" PRIu64, values[SWEEP_WORKERS])
            : snprintf(text, cap_bytes, "R%" PRIu64 " j%" PRIu64 " W%" PRIu64,
                       values[SWEEP_READERS], values[SWEEP_WORKERS], values[SWEEP_WRITERS]);
    for (enum sweep_key key = SWEEP_MEMORY; key < SWEEP_KEYS; key++) {
        char value[32];
        if (info->sweep->lists[key].count == 0 || length < 0 || (size_t)length >= cap_bytes)
            continue;
        sweep_show(key, values[key], value, sizeof(value));
        length += snprintf(text + length, cap_bytes - (size_t)length, " %s%s",
                           key == SWEEP_LEVEL ? "level " : "", value);
    }
    return text;
}

bool bench_shows_key(const struct bench_info *info, enum sweep_key key)
{
    return key <= SWEEP_POOL || info->sweep->lists[key].count > 0;
}

void bench_sample(const struct bench_info *info, uint64_t *items, uint64_t *bytes)
{
    const struct bench_row *best = bench_best(info->bench);
    *items = info->sample->count;
    *bytes = info->sample->bytes;
    if (info->options->streams && best) {
        *items = best->item_count;
        *bytes = best->in_bytes;
    }
}

static void show_head(const struct bench_info *info, FILE *out)
{
    const struct bench *bench = info->bench;
    char operations[200], size[32];
    fprintf(out, "%s, ", bench_operations(info, operations, sizeof(operations)));
    uint64_t items, bytes;
    bench_sample(info, &items, &bytes);
    fprintf(out, "%" PRIu64 " items, %s %s\n", items, parse_show_size(size, sizeof(size), bytes),
            info->options->streams ? "read anew each time" : "in memory");
    fprintf(out, "%u of %u rounds after %u to warm up; %u processors; medians\n\n",
            bench->rounds_done, bench->round_count, bench->warm_up_count, info->processor_count);
}

/* The columns of the sizes, each with the space before it. */
static const struct {
    const char *head;
    int width;
} columns[SWEEP_KEYS] = {{"R", 3}, {"j", 3}, {"W", 3}, {"pool", 7}, {"budget", 11}, {"level", 7}};

/* "97/2/1" in per cent; of a shared pool only how busy. */
static void show_stage(FILE *out, const struct trial_stage *stage, bool is_shared)
{
    char text[32];
    if (is_shared)
        snprintf(text, sizeof(text), "%.0f", 100 * stage->busy);
    else
        snprintf(text, sizeof(text), "%.0f/%.0f/%.0f", 100 * stage->busy, 100 * stage->starved,
                 100 * stage->blocked);
    fprintf(out, " %9s", text);
}

static void show_row(const struct bench_info *info, FILE *out, const struct bench_row *row,
                     bool is_best)
{
    char text[32];
    const struct trial *median = &row->median;
    bool is_shared = row->point.values[SWEEP_POOL] != 0;
    for (enum sweep_key key = SWEEP_READERS; key < SWEEP_KEYS; key++)
        if (bench_shows_key(info, key))
            fprintf(out, "%*s", columns[key].width,
                    is_shared && (key == SWEEP_READERS || key == SWEEP_WRITERS)
                        ? "-"
                        : sweep_show(key, row->point.values[key], text, sizeof(text)));
    if (row->trial_count == 0) {
        fputs("  not run\n", out);
        return;
    }
    double spread =
        median->in_rate > 0 ? 50 * (row->high_rate - row->low_rate) / median->in_rate : 0;
    fprintf(out, " %8.1f ±%4.*f%% %8.1f %9.0f %5.0f%% %9s", median->in_rate / 1e6,
            spread < 99.95 ? 1 : 0, spread, median->out_rate / 1e6, median->item_rate,
            100 * median->cpu_s / median->wall_s,
            parse_show_size(text, sizeof(text), (uint64_t)median->memory_bytes));
    for (enum job_stage stage = JOB_LOAD; stage < JOB_STAGES; stage++)
        show_stage(out, &median->stages[stage], is_shared);
    fprintf(out, "%s\n", is_best ? "  best" : "");
}

static void show_table(const struct bench_info *info, FILE *out, const struct bench_row *best)
{
    for (enum sweep_key key = SWEEP_READERS; key < SWEEP_KEYS; key++)
        if (bench_shows_key(info, key))
            fprintf(out, "%*s", columns[key].width, columns[key].head);
    fprintf(out, " %8s %6s %8s %9s %6s %9s %9s %9s %9s\n", "MB/s in", "spread", "MB/s out",
            "items/s", "CPU", "memory", "load", "process", "store");
    for (size_t i = 0; i < info->bench->row_count; i++)
        show_row(info, out, &info->bench->rows[i], &info->bench->rows[i] == best);
    fputs(
        "\nload, process, store: busy/starved/blocked in % of the time of the stage's threads; of "
        "a shared\npool only busy. memory: in flight, at most.\n",
        out);
}

double bench_limit(const struct bench_info *info, const char **name)
{
    const struct bench_limits *limits = &info->limits;
    const struct {
        const char *name;
        double rate;
    } all[] = {{"operations", limits->one_thread * info->processor_count},
               {"plain reading", limits->plain_read},
               {"plain writing", limits->plain_write}};
    double lowest = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].rate <= 0 || (lowest > 0 && all[i].rate >= lowest))
            continue;
        lowest = all[i].rate;
        *name = all[i].name;
    }
    return lowest;
}

static void show_limits(const struct bench_info *info, FILE *out, double best_rate)
{
    const struct bench_limits *limits = &info->limits;
    const char *name = NULL;
    double lowest = bench_limit(info, &name);
    if (lowest <= 0)
        return;
    if (limits->one_thread > 0)
        fprintf(out,
                "limit     the operations alone: %.1f MB/s on one thread, times %u processors %.1f "
                "MB/s\n",
                limits->one_thread / 1e6, info->processor_count,
                limits->one_thread * info->processor_count / 1e6);
    if (limits->plain_read > 0)
        fprintf(out, "limit     plain reading of the sample: %.1f MB/s\n",
                limits->plain_read / 1e6);
    if (limits->plain_write > 0)
        fprintf(out, "limit     plain writing of as much: %.1f MB/s of input\n",
                limits->plain_write / 1e6);
    fprintf(out, "          the best is at %.0f%% of the lowest limit: %s\n",
            100 * best_rate / lowest, name);
    if (best_rate > BENCH_LIMIT_DOUBT * lowest)
        fputs("          more than a limit allows: other programs slowed down what measured it\n",
              out);
}

/* As an option takes it: "64M". */
static char *exact_size(char *text, size_t cap_bytes, uint64_t bytes)
{
    static const char units[] = "\0KMGT";
    unsigned unit = 0;
    for (; bytes > 0 && bytes % 1024 == 0 && units[unit + 1]; unit++)
        bytes /= 1024;
    snprintf(text, cap_bytes, "%" PRIu64 "%.1s", bytes, units + unit);
    return text;
}

static void show_best(const struct bench_info *info, FILE *out, const struct bench_row *best)
{
    char size[32];
    const struct trial *median = &best->median;
    bool is_shared = best->point.values[SWEEP_POOL] != 0;
    fputs("best      ", out);
    if (is_shared)
        fprintf(out, "--pool shared -j %" PRIu64, best->point.values[SWEEP_WORKERS]);
    else
        fprintf(out, "-R %" PRIu64 " -j %" PRIu64 " -W %" PRIu64, best->point.values[SWEEP_READERS],
                best->point.values[SWEEP_WORKERS], best->point.values[SWEEP_WRITERS]);
    if (info->sweep->lists[SWEEP_MEMORY].count > 0)
        fprintf(out, " --memory %s",
                exact_size(size, sizeof(size), best->point.values[SWEEP_MEMORY]));
    if (info->sweep->lists[SWEEP_LEVEL].count > 0)
        fprintf(out, ", level %" PRIu64, best->point.values[SWEEP_LEVEL]);
    fprintf(out, ": %.1f MB/s; an item takes %.2f ms (90%%: %.2f, 99%%: %.2f)\n",
            median->in_rate / 1e6, median->latency_ms[0], median->latency_ms[1],
            median->latency_ms[2]);
    fprintf(out, "bound by  %s%s%s\n", progress_stage_name(best->limiting),
            best->is_serial ? ": " : "", best->is_serial ? SERIAL_HINT : "");
    show_limits(info, out, median->in_rate);
}

void bench_show(const struct bench_info *info, FILE *out)
{
    const struct bench_row *best = bench_best(info->bench);
    show_head(info, out);
    show_table(info, out, best);
    if (!best) {
        fputs("\nStopped before anything was measured.\n", out);
        return;
    }
    fputc('\n', out);
    show_best(info, out, best);
    bench_changes_show(info, out);
    if (info->bench->is_stopped)
        fputs("Stopped early: these are the rounds until then.\n", out);
}
