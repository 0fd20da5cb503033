#include "cli/layout.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "cli/progress.h"

#define TWO_LINES_COLUMNS 60 /* fewer have room for one short line */
#define TWO_LINES_ROWS    5
#define WORDS_COLUMNS     100 /* from here on what limits is said in words */
#define SEGMENTS_MAX      10
#define GAP               2 /* columns between segments */
#define TEXT_BYTES        96
#define WORK_CELLS_LEAST  6
#define WORK_CELLS_MOST   20
#define STAGE_CELLS       5

/* Of the 256 colours: readable on dark and light grounds. */
#define TRACK    "\033[48;5;238m"
#define WORK     "\033[38;5;77m"
#define STAGE    "\033[38;5;75m"
#define LIMITING "\033[38;5;214m"
#define FAILED   "\033[31m"
#define BOLD     "\033[1m"
#define PLAIN    "\033[0m"

struct segment {
    char text[200];
    size_t used_bytes, columns;
    unsigned rank; /* 0: the most important */
};

struct row {
    const struct layout_style *style;
    struct segment segments[SEGMENTS_MAX];
    unsigned count;
};

/* ---- segments ---- */

static struct segment *begin(struct row *row, unsigned rank)
{
    struct segment *segment = &row->segments[row->count++];
    *segment = (struct segment){.rank = rank};
    return segment;
}

/* Bytes that take columns on the screen, or none. */
static void append(struct segment *segment, const char *text, size_t columns)
{
    size_t length = strlen(text);
    if (segment->used_bytes + length >= sizeof(segment->text))
        return;
    memcpy(segment->text + segment->used_bytes, text, length + 1);
    segment->used_bytes += length;
    segment->columns += columns;
}

static void MR_PRINTF(2, 3) append_ascii(struct segment *segment, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    append(segment, text, strlen(text));
}

static void colour(const struct row *row, struct segment *segment, const char *sequence)
{
    if (row->style->has_colour)
        append(segment, sequence, 0);
}

/* In eighths of a cell where the terminal can. */
static void append_bar(const struct row *row, struct segment *segment, const char *fill,
                       double share, unsigned cells)
{
    static const char *const blocks[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    bool has_utf8 = row->style->has_utf8;
    unsigned eighths = (unsigned)(share * cells * 8 + 0.5), full = eighths / 8;
    unsigned part = has_utf8 ? eighths % 8 : 0;
    if (!has_utf8 && eighths % 8 >= 4)
        full++;
    colour(row, segment, TRACK);
    colour(row, segment, fill);
    for (unsigned i = 0; i < full; i++)
        append(segment, has_utf8 ? "█" : "#", 1);
    if (part > 0)
        append(segment, blocks[part], 1);
    const char *rest = !has_utf8 ? "." : row->style->has_colour ? " " : "░";
    for (unsigned i = full + (part > 0); i < cells; i++)
        append(segment, rest, 1);
    colour(row, segment, PLAIN);
}

static size_t row_columns(const struct row *row)
{
    size_t columns = 0;
    for (unsigned i = 0; i < row->count; i++)
        columns += row->segments[i].columns + (i > 0 ? GAP : 0);
    return columns;
}

static void drop(struct row *row, unsigned index)
{
    row->count--;
    memmove(&row->segments[index], &row->segments[index + 1],
            (row->count - index) * sizeof(row->segments[0]));
}

/* Leaves out the least important until the rest has room: nothing, at worst. */
static void fit(struct row *row, size_t columns)
{
    while (row->count > 0 && row_columns(row) > columns) {
        unsigned least = 0;
        for (unsigned i = 1; i < row->count; i++)
            if (row->segments[i].rank >= row->segments[least].rank)
                least = i;
        drop(row, least);
    }
}

static void finish(struct row *row, struct layout *layout)
{
    char *line = layout->lines[layout->count++];
    size_t used = 0;
    size_t columns = row->style->columns > 0 ? row->style->columns - 1 : 0;
    line[0] = '\0';
    fit(row, columns);
    for (unsigned i = 0; i < row->count; i++) {
        int length = snprintf(line + used, LAYOUT_BYTES - used, "%*s%s", i > 0 ? GAP : 0, "",
                              row->segments[i].text);
        if (length < 0 || (size_t)length >= LAYOUT_BYTES - used)
            return;
        used += (size_t)length;
    }
}

/* ---- figures ---- */

char *layout_count(char *out, size_t cap_bytes, uint64_t count)
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);
    size_t used = 0;
    for (int i = 0; i < length && used + 2 < cap_bytes; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return out;
}

/* Three digits in as much room, so that the line does not jump: 9.87, 98.7, 987. */
#define RATE_WIDTH 4
static int digits_for(double value)
{
    return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

static void show_rates(const struct moment *moment, bool wants_out, int width, char *text,
                       size_t cap_bytes)
{
    static const char *const units[] = {"kB/s", "MB/s", "GB/s", "TB/s"};
    double in = moment->in_rate / 1e3, out = moment->out_rate / 1e3;
    size_t unit = 0;
    while (unit < 3 && (in > out || !wants_out ? in : out) >= 999.5) {
        in /= 1e3;
        out /= 1e3;
        unit++;
    }
    if (wants_out)
        snprintf(text, cap_bytes, "%*.*f %s in, %*.*f out", width, digits_for(in), in, units[unit],
                 width, digits_for(out), out);
    else
        snprintf(text, cap_bytes, "%.*f %s", digits_for(in), in, units[unit]);
}

char *layout_time(char *out, size_t cap_bytes, double seconds)
{
    uint64_t s = (uint64_t)(seconds + 0.5), minutes = s / 60, hours = s / 3600;
    if (hours >= 48)
        snprintf(out, cap_bytes, "%" PRIu64 "d %" PRIu64 "h", hours / 24, hours % 24);
    else if (hours > 0)
        snprintf(out, cap_bytes, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, hours, minutes % 60,
                 s % 60);
    else
        snprintf(out, cap_bytes, "%" PRIu64 ":%02" PRIu64, minutes, s % 60);
    return out;
}

/* "5,120 of 12,345 items", "5,120/12,345"; without a total where nobody knows it: what was found so
 * far would be what is in flight, and that is said elsewhere. */
static void show_counts(const struct moment *moment, bool is_short, char *text, size_t cap_bytes)
{
    char done[32], total[32];
    layout_count(done, sizeof(done), moment->done_count);
    layout_count(total, sizeof(total), moment->total_count);
    bool has_total = moment->is_total_known;
    bool has_word = !is_short || (!has_total && moment->share < 0); /* else that is plain */
    snprintf(text, cap_bytes, "%s%s%s%s", done,
             !has_total ? ""
             : is_short ? "/"
                        : " of ",
             has_total ? total : "", has_word ? " items" : "");
}

static unsigned percent_of(const struct moment *moment)
{
    return (unsigned)(moment->share * 100);
}

/* ---- lines ---- */

static void add_title(struct row *row, const char *title, unsigned rank)
{
    if (*title)
        append_ascii(begin(row, rank), "%s", title);
}

static void add_counts(struct row *row, const struct moment *moment, bool is_short)
{
    char text[TEXT_BYTES];
    show_counts(moment, is_short, text, sizeof(text));
    append_ascii(begin(row, 0), "%s", text);
    if (moment->failed_count == 0)
        return;
    struct segment *failed = begin(row, 1);
    colour(row, failed, FAILED);
    append_ascii(failed, "%s failed", layout_count(text, sizeof(text), moment->failed_count));
    colour(row, failed, PLAIN);
}

static void add_eta(struct row *row, const struct moment *moment, unsigned rank)
{
    char text[TEXT_BYTES];
    if (moment->eta_s < 0)
        return;
    append_ascii(begin(row, rank), "ETA %s", layout_time(text, sizeof(text), moment->eta_s));
}

static void add_rates(struct row *row, const struct moment *moment, bool wants_out, unsigned rank)
{
    char text[TEXT_BYTES];
    show_rates(moment, wants_out, RATE_WIDTH, text, sizeof(text));
    append_ascii(begin(row, rank), "%s", text);
}

/* Stands out where it limits: by colour, or by the mark before its name. */
static void append_stage_name(const struct row *row, struct segment *segment,
                              const struct moment *moment, enum job_stage stage, bool has_marks)
{
    bool is_limiting = stage == moment->limiting;
    if (has_marks && is_limiting)
        append(segment, row->style->has_utf8 ? "▸" : ">", 1);
    if (is_limiting)
        colour(row, segment, BOLD);
    append_ascii(segment, "%s", progress_stage_name(stage));
    if (is_limiting)
        colour(row, segment, PLAIN);
}

/* As wide as what is left of the line. */
static void put_bar_in_front(struct row *row, double share)
{
    size_t used = row_columns(row) + GAP, columns = row->style->columns - 1;
    if (share < 0 || used + WORK_CELLS_LEAST > columns)
        return;
    size_t cells = columns - used < WORK_CELLS_MOST ? columns - used : WORK_CELLS_MOST;
    append_bar(row, begin(row, 6), WORK, share, (unsigned)cells);
    struct segment bar = row->segments[row->count - 1];
    memmove(&row->segments[1], &row->segments[0], (row->count - 1) * sizeof(bar));
    row->segments[0] = bar;
}

static void draw_work(const struct moment *moment, const char *title,
                      const struct layout_style *style, struct layout *layout)
{
    struct row row = {.style = style};
    if (moment->share >= 0)
        append_ascii(begin(&row, 2), "%3u%%", percent_of(moment));
    add_title(&row, title, 4);
    add_counts(&row, moment, false);
    add_rates(&row, moment, true, 5);
    add_eta(&row, moment, 3);
    put_bar_in_front(&row, moment->share);
    finish(&row, layout);
}

static void draw_stages(const struct moment *moment, const struct layout_style *style,
                        struct layout *layout)
{
    struct row row = {.style = style};
    char used[32], all[32];
    bool has_words = style->columns >= WORDS_COLUMNS;
    for (enum job_stage stage = JOB_LOAD; stage < JOB_STAGES; stage++) {
        struct segment *segment = begin(&row, 0);
        append_stage_name(&row, segment, moment, stage, !has_words);
        append(segment, " ", 1);
        append_bar(&row, segment, stage == moment->limiting ? LIMITING : STAGE, moment->busy[stage],
                   STAGE_CELLS);
    }
    if (has_words)
        append_ascii(begin(&row, 1), "limited by %s", progress_stage_name(moment->limiting));
    append_ascii(begin(&row, 2), "%u in flight", moment->in_flight_count);
    append_ascii(begin(&row, 3), "%s of %s",
                 parse_show_size(used, sizeof(used), moment->memory_used_bytes),
                 parse_show_size(all, sizeof(all), moment->memory_bytes));
    finish(&row, layout);
}

static void draw_short(const struct moment *moment, const char *title,
                       const struct layout_style *style, struct layout *layout)
{
    struct row row = {.style = style};
    if (moment->share >= 0)
        append_ascii(begin(&row, 2), "%u%%", percent_of(moment));
    add_title(&row, title, 6);
    add_counts(&row, moment, true);
    add_rates(&row, moment, false, 4);
    add_eta(&row, moment, 3);
    append_stage_name(&row, begin(&row, 5), moment, moment->limiting, true);
    finish(&row, layout);
}

void layout_draw(const struct moment *moment, const char *title, const struct layout_style *style,
                 struct layout *layout)
{
    layout->count = 0;
    if (style->columns < TWO_LINES_COLUMNS || style->row_count < TWO_LINES_ROWS) {
        draw_short(moment, title, style, layout);
        return;
    }
    draw_work(moment, title, style, layout);
    draw_stages(moment, style, layout);
}

/* ---- one plain line ---- */

static void MR_PRINTF(3, 4) add(char *text, size_t cap_bytes, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, cap_bytes - used, format, arguments);
    va_end(arguments);
}

char *layout_plain(const struct moment *moment, const char *title, char *text, size_t cap_bytes)
{
    char part[TEXT_BYTES], all[32];
    show_counts(moment, false, part, sizeof(part));
    snprintf(text, cap_bytes, "%s%s%s", title, *title ? ", " : "", part);
    if (moment->share >= 0)
        add(text, cap_bytes, " (%u%%)", percent_of(moment));
    if (moment->failed_count > 0)
        add(text, cap_bytes, ", %s failed", layout_count(part, sizeof(part), moment->failed_count));
    add(text, cap_bytes, "; %s so far", layout_time(part, sizeof(part), moment->elapsed_s));
    if (moment->eta_s >= 0)
        add(text, cap_bytes, ", ETA %s", layout_time(part, sizeof(part), moment->eta_s));
    show_rates(moment, true, 0, part, sizeof(part));
    add(text, cap_bytes, "; %s; %u in flight", part, moment->in_flight_count);
    add(text, cap_bytes,
        ", %s of %s; busy:", parse_show_size(part, sizeof(part), moment->memory_used_bytes),
        parse_show_size(all, sizeof(all), moment->memory_bytes));
    for (enum job_stage stage = JOB_LOAD; stage < JOB_STAGES; stage++)
        add(text, cap_bytes, " %s %.0f%%%s", progress_stage_name(stage), 100 * moment->busy[stage],
            stage + 1 < JOB_STAGES ? "," : "");
    add(text, cap_bytes, "; limited by %s", progress_stage_name(moment->limiting));
    return text;
}
