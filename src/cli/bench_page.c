/*
 * bench_page.c - the figures of a bench as one page: no scripts, nothing from elsewhere, light or
 * dark as the reader's system is. Bars are boxes whose widths are shares, so that they fit any
 * screen; curves are SVG that scales.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "cli/bench_report.h"
#include "cli/progress.h"
#include "observe/page.h"

/* The drawing area of a curve, in its own units. */
#define PLOT_WIDTH  360.0
#define PLOT_HEIGHT 200.0
#define PLOT_LEFT   44.0
#define PLOT_BOTTOM 28.0
#define PLOT_TOP    12.0
#define PLOT_RIGHT  26.0
#define LABELS_MAX  10 /* below it */
#define SIZES_MAX   4  /* likewise, of memory: these are wider */

static void write_limits(const struct bench_info *info, FILE *out, const char *name,
                         bool is_doubtful)
{
    const struct bench_limits *limits = &info->limits;
    fprintf(out, "<p class=soft>Lowest limit: %s.", name);
    if (limits->one_thread > 0)
        fprintf(out, " The operations alone: %.1f MB/s on one thread, times %u processors.",
                limits->one_thread / 1e6, info->processor_count);
    if (limits->plain_read > 0)
        fprintf(out, " Plain reading of the sample: %.1f MB/s.", limits->plain_read / 1e6);
    if (limits->plain_write > 0)
        fprintf(out, " Plain writing of as much as comes out: %.1f MB/s of input.",
                limits->plain_write / 1e6);
    if (is_doubtful)
        fputs(" The best is more than that allows: other programs slowed down what measured it.",
              out);
    fputs("</p>\n", out);
}

static void write_facts(const struct bench_info *info, FILE *out, const struct bench_row *best)
{
    char text[100];
    fputs("<div class=facts>\n", out);
    page_fact(out, "best sizes", bench_label(info, &best->point, text, sizeof(text)));
    snprintf(text, sizeof(text), "%.1f MB/s", best->median.in_rate / 1e6);
    page_fact(out, "read and processed", text);
    snprintf(text, sizeof(text), "%.0f items/s", best->median.item_rate);
    page_fact(out, "items", text);
    page_fact(out, "bound by", progress_stage_name(best->limiting));
    const char *name = NULL;
    double limit = bench_limit(info, &name);
    if (limit > 0) {
        snprintf(text, sizeof(text), "%.0f%% of %.1f MB/s", 100 * best->median.in_rate / limit,
                 limit / 1e6);
        page_fact(out, "of the limit", text);
    }
    fputs("</div>\n", out);
    if (limit > 0)
        write_limits(info, out, name, best->median.in_rate > BENCH_LIMIT_DOUBT * limit);
}

static void write_rates(const struct bench_info *info, FILE *out, const struct bench_row *best)
{
    double most = 0;
    for (size_t i = 0; i < info->bench->row_count; i++)
        most = fmax(most, info->bench->rows[i].high_rate);
    fputs("<h2>Throughput</h2>\n<p class=soft>Medians of the input read, in MB/s; the thin line "
          "goes from the lowest round to the highest.</p>\n",
          out);
    for (size_t i = 0; i < info->bench->row_count; i++) {
        const struct bench_row *row = &info->bench->rows[i];
        char label[80];
        if (row->trial_count == 0)
            continue;
        fputs("<div class=row><span>", out);
        page_escape(out, bench_label(info, &row->point, label, sizeof(label)));
        fprintf(
            out,
            "</span><span class=bar><i%s style=\"width:%.1f%%\"></i>"
            "<u style=\"left:%.1f%%;width:%.1f%%\"></u></span><span class=end>%.1f</span></div>\n",
            row == best ? " class=best" : "", 100 * row->median.in_rate / most,
            100 * row->low_rate / most, 100 * (row->high_rate - row->low_rate) / most,
            row->median.in_rate / 1e6);
    }
}

/* ---- curves: throughput against one key ---- */

struct scale {
    struct sweep_list values; /* in order, at equal distances: 64M, 256M and 1G can be told apart */
    double high_y;
};

static int compare_values(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return (first > second) - (first < second);
}

static double x_of(const struct scale *scale, uint64_t value)
{
    unsigned rank = 0, last = scale->values.count - 1;
    while (rank < last && scale->values.values[rank] < value)
        rank++;
    return PLOT_LEFT + (double)rank / last * (PLOT_WIDTH - PLOT_LEFT - PLOT_RIGHT);
}

static double y_of(const struct scale *scale, double y)
{
    double share = scale->high_y > 0 ? y / scale->high_y : 0;
    return PLOT_HEIGHT - PLOT_BOTTOM - share * (PLOT_HEIGHT - PLOT_BOTTOM - PLOT_TOP);
}

/* Does the number mean something in this row? With one pool readers and writers do not. */
static bool counts(const struct bench_row *row, enum sweep_key key)
{
    bool is_shared = row->point.values[SWEEP_POOL] != 0;
    return row->trial_count > 0 && !(is_shared && (key == SWEEP_READERS || key == SWEEP_WRITERS));
}

/* The highest median with this value of the key; 0: there is none. */
static double best_with(const struct bench *bench, enum sweep_key key, uint64_t value)
{
    double best = 0;
    for (size_t i = 0; i < bench->row_count; i++)
        if (counts(&bench->rows[i], key) && bench->rows[i].point.values[key] == value)
            best = fmax(best, bench->rows[i].median.in_rate);
    return best;
}

static void write_axes(FILE *out, const struct scale *scale, enum sweep_key key)
{
    const struct sweep_list *list = &scale->values;
    unsigned label_max = key == SWEEP_MEMORY ? SIZES_MAX : LABELS_MAX;
    unsigned stride = (list->count + label_max - 1) / label_max; /* from label to label */
    fprintf(out, "<line class=axis x1=%.0f y1=%.0f x2=%.0f y2=%.0f />", PLOT_LEFT,
            PLOT_HEIGHT - PLOT_BOTTOM, PLOT_WIDTH - PLOT_RIGHT, PLOT_HEIGHT - PLOT_BOTTOM);
    for (int i = 0; i <= 2; i++) {
        double y = scale->high_y * i / 2;
        fprintf(out,
                "<line class=axis x1=%.0f y1=%.1f x2=%.0f y2=%.1f />"
                "<text x=%.0f y=%.1f text-anchor=end>%.0f</text>",
                PLOT_LEFT, y_of(scale, y), PLOT_WIDTH - PLOT_RIGHT, y_of(scale, y), PLOT_LEFT - 5,
                y_of(scale, y) + 3, y / 1e6);
    }
    for (unsigned i = 0; i < list->count; i += stride) {
        char text[32];
        fprintf(out, "<text x=%.1f y=%.0f text-anchor=middle>%s</text>",
                x_of(scale, list->values[i]), PLOT_HEIGHT - PLOT_BOTTOM + 12,
                sweep_show(key, list->values[i], text, sizeof(text)));
    }
    fprintf(out, "<text x=%.0f y=%.0f text-anchor=middle>%s</text>\n", PLOT_WIDTH / 2,
            PLOT_HEIGHT - 3, sweep_name(key));
}

static void write_plot(const struct bench_info *info, FILE *out, enum sweep_key key)
{
    struct scale scale = {.values = info->sweep->lists[key]};
    const struct sweep_list *list = &scale.values;
    qsort(scale.values.values, list->count, sizeof(list->values[0]), compare_values);
    for (unsigned i = 0; i < list->count; i++)
        scale.high_y = fmax(scale.high_y, best_with(info->bench, key, list->values[i]));
    fprintf(out, "<svg viewBox=\"0 0 %.0f %.0f\" role=img aria-label=\"MB/s against %s\">\n",
            PLOT_WIDTH, PLOT_HEIGHT, sweep_name(key));
    write_axes(out, &scale, key);
    for (size_t i = 0; i < info->bench->row_count; i++) {
        const struct bench_row *row = &info->bench->rows[i];
        if (counts(row, key))
            fprintf(out, "<circle class=all cx=%.1f cy=%.1f r=2.5 />",
                    x_of(&scale, row->point.values[key]), y_of(&scale, row->median.in_rate));
    }
    fputs("<polyline class=curve points=\"", out);
    for (unsigned i = 0; i < list->count; i++)
        fprintf(out, "%.1f,%.1f ", x_of(&scale, list->values[i]),
                y_of(&scale, best_with(info->bench, key, list->values[i])));
    fputs("\" /></svg>\n", out);
}

static void write_plots(const struct bench_info *info, FILE *out)
{
    bool has_any = false;
    for (enum sweep_key key = SWEEP_READERS; key < SWEEP_KEYS; key++) {
        if (key == SWEEP_POOL || info->sweep->lists[key].count < 2)
            continue;
        if (!has_any)
            fputs("<h2>Against each size</h2>\n<p class=soft>MB/s; a dot for each combination, the "
                  "curve through the best of each value.</p>\n<div class=plots>\n",
                  out);
        has_any = true;
        write_plot(info, out, key);
    }
    if (has_any)
        fputs("</div>\n", out);
}

/* ---- stages and latencies ---- */

static void write_stages(const struct bench_info *info, FILE *out)
{
    fputs("<h2>Stages</h2>\n<p class=\"soft key\">Load, process, store, from above: share of their "
          "threads' time<span class=busy></span>busy<span class=starved></span>starved"
          "<span class=blocked></span>blocked</p>\n",
          out);
    for (size_t i = 0; i < info->bench->row_count; i++) {
        const struct bench_row *row = &info->bench->rows[i];
        char label[80];
        if (row->trial_count == 0)
            continue;
        fputs("<div class=row><span>", out);
        page_escape(out, bench_label(info, &row->point, label, sizeof(label)));
        fputs("</span><span>", out);
        for (enum job_stage stage = JOB_LOAD; stage < JOB_STAGES; stage++)
            page_parts(out, progress_stage_name(stage),
                       &(struct page_parts){row->median.stages[stage].busy,
                                            row->median.stages[stage].starved,
                                            row->median.stages[stage].blocked});
        fprintf(out, "</span><span class=end>%s</span></div>\n",
                progress_stage_name(row->limiting));
    }
}

static void write_latencies(const struct bench_info *info, FILE *out)
{
    double most = 0;
    for (size_t i = 0; i < info->bench->row_count; i++)
        most = fmax(most, info->bench->rows[i].median.latency_ms[2]);
    if (most <= 0)
        return;
    fputs("<h2>Latency of items</h2>\n<p class=soft>From admission to the end, in ms: the bar is "
          "the median, the thin line goes to 99% of the items.</p>\n",
          out);
    for (size_t i = 0; i < info->bench->row_count; i++) {
        const struct bench_row *row = &info->bench->rows[i];
        const double *latency = row->median.latency_ms;
        char label[80];
        if (row->trial_count == 0)
            continue;
        fputs("<div class=row><span>", out);
        page_escape(out, bench_label(info, &row->point, label, sizeof(label)));
        fprintf(out,
                "</span><span class=bar><i style=\"width:%.1f%%\"></i>"
                "<u style=\"left:%.1f%%;width:%.1f%%\"></u></span>"
                "<span class=end>%.2f / %.2f</span></div>\n",
                100 * latency[0] / most, 100 * latency[0] / most,
                100 * (latency[2] - latency[0]) / most, latency[0], latency[2]);
    }
}

static void write_table(const struct bench_info *info, FILE *out)
{
    fputs("<h2>All figures</h2>\n<div class=table><table><tr><th>sizes<th>MB/s in<th>lowest"
          "<th>highest<th>MB/s out<th>items/s<th>CPU s<th>wall s<th>in flight</tr>\n",
          out);
    for (size_t i = 0; i < info->bench->row_count; i++) {
        const struct bench_row *row = &info->bench->rows[i];
        const struct trial *median = &row->median;
        char label[80], size[32];
        fputs("<tr><td>", out);
        page_escape(out, bench_label(info, &row->point, label, sizeof(label)));
        fprintf(out, "<td>%.1f<td>%.1f<td>%.1f<td>%.1f<td>%.0f<td>%.3f<td>%.3f<td>%s</tr>\n",
                median->in_rate / 1e6, row->low_rate / 1e6, row->high_rate / 1e6,
                median->out_rate / 1e6, median->item_rate, median->cpu_s, median->wall_s,
                parse_show_size(size, sizeof(size), (uint64_t)median->memory_bytes));
    }
    fputs("</table></div>\n", out);
}

void bench_page_write(const struct bench_info *info, FILE *out)
{
    char text[400], size[32];
    const struct bench_row *best = bench_best(info->bench);
    page_begin(out, "millrace bench");
    fputs("<p><code>", out);
    page_escape(out, bench_operations(info, text, sizeof(text)));
    fputs("</code></p>\n", out);
    if (!best) {
        fputs("<p>Stopped before anything was measured.</p>\n", out);
        page_end(out);
        return;
    }
    uint64_t items, bytes;
    bench_sample(info, &items, &bytes);
    fprintf(out,
            "<p class=soft>%" PRIu64 " items, %s %s; %u round%s, combinations in turns; %u "
            "processors; millrace %s</p>\n",
            items, parse_show_size(size, sizeof(size), bytes),
            info->options->streams ? "read anew each time" : "in memory", info->bench->rounds_done,
            info->bench->rounds_done == 1 ? "" : "s", info->processor_count, mr_version());
    write_facts(info, out, best);
    write_rates(info, out, best);
    write_plots(info, out);
    write_stages(info, out);
    write_latencies(info, out);
    bench_changes_page(info, out);
    write_table(info, out);
    page_end(out);
}
