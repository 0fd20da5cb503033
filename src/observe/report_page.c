/* report_page.c - a report as a page: figures, stages, how long items took, failures, and a table
 * of the items that matter. */
#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "base/path.h"
#include "observe/page.h"
#include "observe/report_forms.h"

/* Sorts the table by the column whose head is pressed; numbers are in data-v. */
static const char script[] =
    "<script>\n"
    "for (const head of document.querySelectorAll('th button')) head.onclick = () => {\n"
    "  const th = head.parentNode, heads = [...th.parentNode.children], at = heads.indexOf(th)\n"
    "  const sign = th.ariaSort == 'descending' ? 1 : -1, body = th.closest('table').tBodies[0]\n"
    "  heads.forEach(other => other.removeAttribute('aria-sort'))\n"
    "  th.setAttribute('aria-sort', sign < 0 ? 'descending' : 'ascending')\n"
    "  const key = ({cells: {[at]: cell}}) => cell.dataset.v ? +cell.dataset.v : cell.textContent\n"
    "  const compare = (a, b) => a < b ? -sign : a > b ? sign : 0\n"
    "  body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))))\n"
    "}\n"
    "</script>\n";

static double percent(double part, double whole)
{
    double value = whole > 0 ? 100 * part / whole : 0;
    return value < 100 ? value : 100;
}

static void write_name(FILE *out, const char *name)
{
    char shown[PATH_TOTAL_MAX_BYTES];
    page_escape(out, path_show(shown, sizeof(shown), name));
}

/* ---- figures ---- */

static void write_origin(FILE *out, const struct record_run *run)
{
    if (*run->command) {
        fputs("<p><code>", out);
        write_name(out, run->command);
        fputs("</code></p>\n", out);
    }
    fputs("<p class=soft>", out);
    if (*run->started) {
        fputs("Started ", out);
        page_escape(out, run->started);
        fputs("; ", out);
    }
    if (run->job_count > 1)
        fprintf(out, "%" PRIu64 " runs; ", run->job_count);
    if (run->shard_count > 0)
        fprintf(out, "shard %" PRIu64 "/%" PRIu64 "; ", run->shard_index, run->shard_count);
    fputs("millrace ", out);
    page_escape(out, run->version);
    fputs("</p>\n", out);
    if (!run->is_complete)
        fputs("<p class=bad>Stopped before everything was done.</p>\n", out);
}

static void write_facts(FILE *out, const struct record_run *run, const struct tally *tally)
{
    char text[100], in[32], other[32];
    fputs("<div class=facts>\n", out);
    snprintf(text, sizeof(text), "%" PRIu64, tally->item_count);
    page_fact(out, "items", text);
    snprintf(text, sizeof(text), "%" PRIu64, tally->counts[RECORD_FAILED]);
    page_fact(out, "failed", text);
    parse_show_size(in, sizeof(in), run->in_bytes);
    parse_show_size(other, sizeof(other), run->out_bytes);
    snprintf(text, sizeof(text), "%s \xe2\x86\x92 %s", in, other);
    page_fact(out, "in and out", text);
    snprintf(text, sizeof(text), "%.2f s", run->elapsed_s);
    page_fact(out, "time", text);
    if (run->elapsed_s > 0) {
        snprintf(text, sizeof(text), "%.1f MB/s", (double)run->in_bytes / 1e6 / run->elapsed_s);
        page_fact(out, "read", text);
    }
    if (run->cpu_s > 0) {
        snprintf(text, sizeof(text), "%.2f s", run->cpu_s);
        page_fact(out, "processor time", text);
    }
    if (run->rss_peak_bytes > 0) {
        parse_show_size(text, sizeof(text), run->rss_peak_bytes);
        page_fact(out, "peak memory", text);
    }
    fputs("</div>\n", out);
}

static void write_stages(FILE *out, const struct record_run *run)
{
    if (run->elapsed_s <= 0 || run->stages[RECORD_PROCESS].thread_count == 0)
        return;
    fprintf(out,
            "<h2>Stages</h2>\n<p class=\"soft key\">%s<span class=busy></span>busy"
            "<span class=starved></span>starved<span class=blocked></span>blocked</p>\n",
            run->is_shared ? "Shares of the time of the one pool's threads"
                           : "Shares of the time of each stage's threads");
    for (unsigned s = 0; s < RECORD_STAGES; s++) {
        const struct record_stage *stage = &run->stages[s];
        double whole_s = stage->thread_s;
        const struct page_parts parts = {percent(stage->busy_s, whole_s) / 100,
                                         percent(stage->starved_s, whole_s) / 100,
                                         percent(stage->blocked_s, whole_s) / 100};
        fprintf(out, "<div class=row><span>%s", record_stage_name(s));
        if (!run->is_shared)
            fprintf(out, " \xc3\x97%" PRIu64, stage->thread_count);
        fputs("</span><span>", out);
        page_parts(out, record_stage_name(s), &parts);
        fprintf(out, "</span><span class=end>%.0f%%</span></div>\n", 100 * parts.busy);
    }
}

static void write_times(FILE *out, const struct tally *tally)
{
    unsigned first = TALLY_TIMES, last = 0;
    uint64_t most = 0;
    for (unsigned i = 0; i < TALLY_TIMES; i++) {
        if (tally->times[i] == 0)
            continue;
        first = first == TALLY_TIMES ? i : first;
        last = i;
        most = tally->times[i] > most ? tally->times[i] : most;
    }
    if (most == 0)
        return;
    fputs("<h2>Time for an item</h2>\n<p class=soft>That threads worked on it, or from its "
          "admission to its end where that alone is known; number of items.</p>\n",
          out);
    for (unsigned i = first; i <= last; i++) {
        char limit[32];
        bool has_end = i < TALLY_TIMES - 1;
        parse_show_duration(limit, sizeof(limit), tally_time_limit(i));
        fprintf(out,
                "<div class=row><span>%s%s</span><span class=bar><i style=\"width:%.1f%%\"></i>"
                "</span><span class=end>%" PRIu64 "</span></div>\n",
                has_end ? "&lt; " : "longer", has_end ? limit : "",
                percent((double)tally->times[i], (double)most), tally->times[i]);
    }
}

/* ---- failures ---- */

static void write_reasons(FILE *out, const struct tally *tally)
{
    if (tally->reason_count == 0)
        return;
    fputs("<h2>Failures and warnings</h2>\n<div class=table><table><thead><tr><th>items"
          "<th class=text>reason<th class=text>for example</tr></thead><tbody>\n",
          out);
    for (size_t i = 0; i < tally->reason_count; i++) {
        fprintf(out, "<tr><td>%" PRIu64 "<td class=\"text why\">", tally->reasons[i].count);
        page_escape(out, tally->reasons[i].text);
        fputs("<td class=\"text name\">", out);
        write_name(out, tally->reasons[i].example);
        fputs("</tr>\n", out);
    }
    if (tally->other_reasons_count > 0)
        fprintf(out, "<tr><td>%" PRIu64 "<td class=text>other reasons<td></tr>\n",
                tally->other_reasons_count);
    fputs("</tbody></table></div>\n", out);
}

/* ---- items ---- */

static void write_number(FILE *out, uint64_t number)
{
    fprintf(out, "<td data-v=%" PRIu64 ">%" PRIu64, number, number);
}

static void write_ms(FILE *out, int64_t ns)
{
    fprintf(out, "<td data-v=%" PRId64 ">%.3f", ns, (double)ns / 1e6);
}

static void write_item(FILE *out, const struct record *record)
{
    fputs("<tr><td class=\"text name\" title=\"", out);
    write_name(out, record->output);
    fputs("\">", out);
    write_name(out, record->path);
    if (*record->member) {
        fputs("!/", out);
        write_name(out, record->member);
    }
    fprintf(out, "<td class=\"text%s\">%s", record->status == RECORD_FAILED ? " bad" : "",
            record_status_name(record->status));
    fputs("<td class=\"text why\">", out);
    page_escape(out, record->reason);
    write_number(out, record->in_bytes);
    if (record->lacks_out_bytes)
        fputs("<td>", out);
    else
        write_number(out, record->out_bytes);
    for (unsigned s = 0; s < RECORD_STAGES; s++)
        write_ms(out, record->stage_ns[s]);
    write_ms(out, record->latency_ns);
    write_number(out, record->attempts);
    fputs("</tr>\n", out);
}

static void write_items(FILE *out, const struct tally *tally)
{
    static const char *const heads[] = {"bytes in", "bytes out",  "load ms", "process ms",
                                        "store ms", "latency ms", "attempts"};
    fputs("<h2>Items</h2>\n<p class=soft>", out);
    if (tally->dearest.count < tally->item_count)
        fprintf(out, "The %zu that took longest. ", tally->dearest.count);
    if (tally->failed.count > 0)
        fprintf(out, "%s%zu that failed or came with a warning. ",
                tally->failed.count < tally->kept_max ? "The " : "The first ", tally->failed.count);
    fputs("Press a head to sort.</p>\n<div class=table><table><thead><tr>"
          "<th class=text><button>item</button><th class=text><button>status</button>"
          "<th class=text><button>reason</button>",
          out);
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        fprintf(out, "<th><button>%s</button>", heads[i]);
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < tally->failed.count; i++)
        write_item(out, &tally->failed.items[i].record);
    for (size_t i = 0; i < tally->dearest.count; i++)
        if (!*tally->dearest.items[i].record.reason) /* the others were above */
            write_item(out, &tally->dearest.items[i].record);
    fputs("</tbody></table></div>\n", out);
    fputs(script, out);
}

void report_page_write(FILE *out, const struct record_run *run, const struct tally *tally)
{
    page_begin(out, "millrace report");
    write_origin(out, run);
    write_facts(out, run, tally);
    write_stages(out, run);
    write_times(out, tally);
    write_reasons(out, tally);
    write_items(out, tally);
    page_end(out);
}
