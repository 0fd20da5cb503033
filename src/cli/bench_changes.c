/* bench_changes.c - how the figures of a bench differ from those of an earlier one. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/path.h"
#include "cli/bench_report.h"
#include "observe/page.h"

#define REMARKS_MAX  8
#define REMARK_BYTES 300
#define LABEL_WIDTH  16 /* at least */

/* Why the two may not be what they seem. */
struct remarks {
    char texts[REMARKS_MAX][REMARK_BYTES];
    unsigned count;
};

static const struct {
    const char *word, *shown;
} verdicts[] = {
    [CHANGE_NONE] = {"none", "not there then"},
    [CHANGE_TOO_FEW] = {"too_few_rounds", "too few rounds to tell"},
    [CHANGE_SAME] = {"same", "within the noise"},
    [CHANGE_FASTER] = {"faster", "faster"},
    [CHANGE_SLOWER] = {"slower", "slower"},
};

MR_PRINTF(2, 3)
static void add_remark(struct remarks *remarks, const char *format, ...)
{
    va_list args;
    if (remarks->count == REMARKS_MAX)
        return;
    va_start(args, format);
    vsnprintf(remarks->texts[remarks->count++], REMARK_BYTES, format, args);
    va_end(args);
}

static void add_text_remark(struct remarks *remarks, const char *what, const char *then,
                            const char *now)
{
    char shown[PATH_SHOW_BYTES];
    if (then[0] && strcmp(then, now) != 0)
        add_remark(remarks, "%s then: %s", what, path_show(shown, sizeof(shown), then));
}

static void find_remarks(const struct bench_info *info, struct remarks *remarks)
{
    const struct past *past = info->past;
    char operations[PAST_TEXT_BYTES];
    uint64_t items, bytes;
    bench_sample(info, &items, &bytes);
    bench_operations(info, operations, sizeof(operations));
    *remarks = (struct remarks){.count = 0};
    add_text_remark(remarks, "other operations", past->operations, operations);
    if (past->sample_bytes > 0 && (past->sample_bytes != bytes || past->sample_items != items))
        add_remark(remarks, "another sample then: %" PRIu64 " items of %" PRIu64 " bytes",
                   past->sample_items, past->sample_bytes);
    if (past->is_in_memory == info->options->streams)
        add_remark(remarks, "the sample was %s then",
                   past->is_in_memory ? "in memory" : "read anew each time");
    add_text_remark(remarks, "another processor", past->processor, info->processor);
    if (past->processor_count != info->processor_count)
        add_remark(remarks, "another number of processors then: %" PRIu64, past->processor_count);
    add_text_remark(remarks, "another version", past->version, mr_version());
}

static bool is_memory_swept(const struct bench_info *info)
{
    return info->sweep->lists[SWEEP_MEMORY].count > 0;
}

static void judge(const struct bench_info *info, const struct bench_row *row, struct change *change)
{
    change_judge(row, change_find_then(info->past, &row->point, is_memory_swept(info)), change);
}

/* The next combination, from *at on, that there was then alone; NULL: no more. */
static const struct past_row *next_gone(const struct bench_info *info, size_t *at)
{
    const struct past *past = info->past;
    while (*at < past->row_count) {
        const struct past_row *row = &past->rows[(*at)++];
        if (!change_is_there(info->bench, past, row, is_memory_swept(info)))
            return row;
    }
    return NULL;
}

/* ---- text ---- */

/* Of the column of labels: the longest of them, which end with the sizes that were swept. */
static int label_width(const struct bench_info *info)
{
    size_t longest = LABEL_WIDTH;
    for (size_t i = 0; i < info->bench->row_count; i++) {
        char label[80];
        size_t length =
            strlen(bench_label(info, &info->bench->rows[i].point, label, sizeof(label)));
        if (length > longest)
            longest = length;
    }
    return (int)longest;
}

static void show_change(const struct bench_info *info, FILE *out, const struct bench_row *row,
                        int width)
{
    struct change change;
    char label[80], cpu[32] = "";
    judge(info, row, &change);
    bench_label(info, &row->point, label, sizeof(label));
    if (!change.then) {
        fprintf(out, "  %-*s %s\n", width, label, verdicts[change.verdict].shown);
        return;
    }
    if (change.cpu_ratio > 0)
        snprintf(cpu, sizeof(cpu), "%.3f", change.cpu_ratio);
    fprintf(out, "  %-*s %9.1f %9.1f %7.3f %7s %7.4f  %s\n", width, label, change.then_rate / 1e6,
            row->median.in_rate / 1e6, change.ratio, cpu, change.chance,
            verdicts[change.verdict].shown);
}

void bench_changes_show(const struct bench_info *info, FILE *out)
{
    struct remarks remarks;
    char shown[PATH_SHOW_BYTES], label[80];
    const struct past_row *gone;
    if (!info->past)
        return;
    find_remarks(info, &remarks);
    fprintf(out, "\nagainst %s, medians; chance: that rounds of one speed lie as far apart\n",
            path_show(shown, sizeof(shown), info->options->compared));
    for (unsigned i = 0; i < remarks.count; i++)
        fprintf(out, "  not the same: %s\n", remarks.texts[i]);
    int width = label_width(info);
    fprintf(out, "  %-*s %9s %9s %7s %7s %7s\n", width, "", "MB/s then", "now", "ratio", "CPU",
            "chance");
    for (size_t i = 0; i < info->bench->row_count; i++)
        show_change(info, out, &info->bench->rows[i], width);
    for (size_t at = 0; (gone = next_gone(info, &at));)
        fprintf(out, "  %-*s only there then\n", width,
                bench_label(info, &gone->point, label, sizeof(label)));
}

/* ---- JSON ---- */

static void report_change(const struct bench_info *info, struct json *json,
                          const struct bench_row *row)
{
    struct change change;
    judge(info, row, &change);
    json_element(json);
    bench_report_sizes(json, info, &row->point);
    json_text(json, "verdict", verdicts[change.verdict].word);
    if (change.then) {
        json_real(json, "then_in_bytes_per_s", change.then_rate);
        json_real(json, "ratio", change.ratio);
        if (change.cpu_ratio > 0)
            json_real(json, "cpu_ratio", change.cpu_ratio);
        json_real(json, "chance", change.chance);
    }
    json_object_end(json);
}

void bench_changes_report(const struct bench_info *info, struct json *json)
{
    struct remarks remarks;
    const struct past_row *gone;
    if (!info->past)
        return;
    find_remarks(info, &remarks);
    json_object(json, "changes");
    json_text(json, "against", info->options->compared);
    json_array(json, "remarks");
    for (unsigned i = 0; i < remarks.count; i++) {
        json_element(json);
        json_text(json, "text", remarks.texts[i]);
        json_object_end(json);
    }
    json_array_end(json);
    json_array(json, "combinations");
    for (size_t i = 0; i < info->bench->row_count; i++)
        report_change(info, json, &info->bench->rows[i]);
    json_array_end(json);
    json_array(json, "only_then");
    for (size_t at = 0; (gone = next_gone(info, &at));) {
        json_element(json);
        bench_report_sizes(json, info, &gone->point);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

/* ---- the page ---- */

static void write_change(const struct bench_info *info, FILE *out, const struct bench_row *row)
{
    struct change change;
    char label[80];
    judge(info, row, &change);
    fputs("<tr><td>", out);
    page_escape(out, bench_label(info, &row->point, label, sizeof(label)));
    if (!change.then) {
        fprintf(out, "<td>%s<td><td><td><td><td></tr>\n", verdicts[change.verdict].shown);
        return;
    }
    fprintf(out, "<td class=%s>%s<td>%.3f<td>%.1f<td>%.1f<td>", verdicts[change.verdict].word,
            verdicts[change.verdict].shown, change.ratio, change.then_rate / 1e6,
            row->median.in_rate / 1e6);
    if (change.cpu_ratio > 0)
        fprintf(out, "%.3f", change.cpu_ratio);
    fprintf(out, "<td>%.4f</tr>\n", change.chance);
}

void bench_changes_page(const struct bench_info *info, FILE *out)
{
    struct remarks remarks;
    char label[80], shown[PATH_SHOW_BYTES];
    const struct past_row *gone;
    if (!info->past)
        return;
    find_remarks(info, &remarks);
    fputs("<h2>Against an earlier bench</h2>\n<p class=soft>", out);
    page_escape(out, path_show(shown, sizeof(shown), info->options->compared));
    fputs(". A change counts when rounds of one speed would lie so far apart less than once in 100 "
          "times (Mann-Whitney U test).</p>\n",
          out);
    for (unsigned i = 0; i < remarks.count; i++) {
        fputs("<p>Not the same: ", out);
        page_escape(out, remarks.texts[i]);
        fputs("</p>\n", out);
    }
    fputs("<div class=table><table><tr><th>sizes<th><th>ratio<th>MB/s then<th>now"
          "<th>CPU<th>chance</tr>\n",
          out);
    for (size_t i = 0; i < info->bench->row_count; i++)
        write_change(info, out, &info->bench->rows[i]);
    for (size_t at = 0; (gone = next_gone(info, &at));) {
        fputs("<tr><td>", out);
        page_escape(out, bench_label(info, &gone->point, label, sizeof(label)));
        fputs("<td>only there then<td><td><td><td><td></tr>\n", out);
    }
    fputs("</table></div>\n", out);
}
