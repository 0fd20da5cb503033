#include "cli/progress.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/signals.h"

#define DRAWN_S         0.095 /* ticks of a tenth of a second are not all the same */
#define LINE_S          1.0
#define SURVEY_FROM_S   0.5 /* what is over before needs no ETA */
#define COLUMNS_DEFAULT 80
#define ROWS_DEFAULT    24
#define PLAIN_BYTES     400

/* With --log-json there is nothing but lines. */
static bool can_draw(int fd, const struct options *options)
{
    const char *terminal = getenv("TERM");
    return !options->logs_json && isatty(fd) && terminal && strcmp(terminal, "dumb") != 0;
}

static enum progress_form form_of(int fd, const struct options *options)
{
    switch ((enum progress_choice)options->progress) {
    case PROGRESS_AUTO:
        return !options->is_quiet && !options->is_dry && can_draw(fd, options) ? PROGRESS_DRAWN
                                                                               : PROGRESS_OFF;
    case PROGRESS_NEVER:
        return PROGRESS_OFF;
    case PROGRESS_ALWAYS:
        return can_draw(fd, options) ? PROGRESS_DRAWN : PROGRESS_LINES;
    case PROGRESS_JSON:
        return PROGRESS_OBJECTS;
    }
    return PROGRESS_OFF;
}

/* Does the user's locale (LC_ALL, LC_CTYPE or LANG) write UTF-8? */
static bool user_has_utf8(void)
{
    locale_t user = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    if (!user)
        return false;
    bool has_utf8 = strcmp(nl_langinfo_l(CODESET, user), "UTF-8") == 0;
    freelocale(user);
    return has_utf8;
}

void progress_init(struct progress *progress, struct message *message,
                   const struct options *options)
{
    *progress = (struct progress){
        .message = message,
        .form = form_of(message->fd, options),
        .outer_share = -1,
        .start_ns = clock_now_ns(),
        .style = {.has_utf8 = user_has_utf8(), .has_colour = message->has_colour},
    };
}

void progress_plan(struct progress *progress, const struct survey_plan *plan)
{
    if (progress->form != PROGRESS_OFF)
        progress->plan = plan;
}

void progress_restart(struct progress *progress, const char *title, double share)
{
    progress->moments = (struct moments){0};
    progress->outer_share = share;
    progress->shown_s = 0;
    snprintf(progress->title, sizeof(progress->title), "%s", title);
}

const char *progress_stage_name(enum job_stage stage)
{
    static const char *const names[JOB_STAGES] = {
        [JOB_LOAD] = "load", [JOB_PROCESS] = "process", [JOB_STORE] = "store"};
    return stage < JOB_STAGES ? names[stage] : "?";
}

/* ---- forms ---- */

static void show_drawn(struct progress *progress, const struct moment *moment)
{
    struct winsize size = {0};
    struct layout layout;
    /* Asked every time: the user may change it. */
    bool is_known = ioctl(progress->message->fd, TIOCGWINSZ, &size) == 0;
    progress->style.columns = is_known && size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
    progress->style.row_count = is_known && size.ws_row > 0 ? size.ws_row : ROWS_DEFAULT;
    layout_draw(moment, progress->title, &progress->style, &layout);
    message_draw(progress->message, layout.lines[0], layout.count > 1 ? layout.lines[1] : NULL);
}

static void show_line(struct progress *progress, const struct moment *moment)
{
    char text[PLAIN_BYTES];
    message_say(progress->message, layout_plain(moment, progress->title, text, sizeof(text)));
}

/* To a thousandth; null where it is below 0. */
static void add_real(struct json *json, const char *key, double number)
{
    json_real(json, key, number < 0 ? NAN : round(number * 1e3) / 1e3);
}

static void write_object(const struct progress *progress, const struct moment *moment,
                         const struct job_figures *figures, bool is_last, FILE *out)
{
    struct json json;
    json_open(&json, out);
    json_text(&json, "event", "progress");
    json_bool(&json, "is_last", is_last);
    if (progress->title[0])
        json_text(&json, "title", progress->title);
    add_real(&json, "elapsed_s", moment->elapsed_s);
    json_unsigned(&json, "done", moment->done_count);
    json_unsigned(&json, "failed", moment->failed_count);
    json_unsigned(&json, "total", moment->total_count);
    json_bool(&json, "total_known", moment->is_total_known);
    json_unsigned(&json, "done_bytes", moment->done_bytes);
    if (moment->is_sized)
        json_unsigned(&json, "total_bytes", moment->total_bytes);
    else
        add_real(&json, "total_bytes", -1);
    add_real(&json, "share_done", moment->share);
    add_real(&json, "eta_s", moment->eta_s);
    json_unsigned(&json, "in_bytes", figures->in_bytes);
    json_unsigned(&json, "out_bytes", figures->out_bytes);
    json_unsigned(&json, "in_bytes_per_s", (uint64_t)moment->in_rate);
    json_unsigned(&json, "out_bytes_per_s", (uint64_t)moment->out_rate);
    json_unsigned(&json, "in_flight", moment->in_flight_count);
    json_unsigned(&json, "memory_used_bytes", moment->memory_used_bytes);
    json_unsigned(&json, "memory_bytes", moment->memory_bytes);
    json_object(&json, "busy");
    for (enum job_stage stage = JOB_LOAD; stage < JOB_STAGES; stage++)
        add_real(&json, progress_stage_name(stage), moment->busy[stage]);
    json_object_end(&json);
    json_text(&json, "limited_by", progress_stage_name(moment->limiting));
    json_close(&json);
}

static void show_object(struct progress *progress, const struct moment *moment,
                        const struct job_figures *figures, bool is_last)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return;
    write_object(progress, moment, figures, is_last, out);
    if (fclose(out) == 0)
        message_text(progress->message, text);
    free(text);
}

/* ---- when ---- */

static void show_moment(const struct progress *progress, struct moment *moment)
{
    double share = progress->outer_share;
    moments_show(&progress->moments, &progress->expected, moment);
    if (!progress->title[0])
        return;
    moment->share = share;
    moment->eta_s = -1;
    if (share > 0)
        moment->eta_s = (double)(clock_now_ns() - progress->start_ns) / 1e9 * (1 - share) / share;
}

/* Finds out what there is to do, as soon as it is wanted. */
static void look_ahead(struct progress *progress, const struct job_figures *figures)
{
    if (progress->plan && figures->elapsed_s >= SURVEY_FROM_S && !figures->is_found_all) {
        progress->survey = survey_start(progress->plan);
        progress->plan = NULL;
    }
    if (progress->survey)
        survey_look(progress->survey, &progress->expected);
}

static bool is_due(const struct progress *progress, double elapsed_s)
{
    double interval_s = progress->form == PROGRESS_DRAWN ? DRAWN_S : LINE_S;
    return progress->form != PROGRESS_OFF && elapsed_s - progress->shown_s >= interval_s;
}

void progress_tick(struct progress *progress, struct job *job)
{
    struct job_figures figures;
    job_figures(job, &figures);
    progress_tick_figures(progress, &figures);
}

void progress_tick_figures(struct progress *progress, const struct job_figures *figures)
{
    struct moment moment;
    int asked_count = signals_asked();
    look_ahead(progress, figures);
    moments_add(&progress->moments, figures, &progress->expected);
    bool is_asked = asked_count != progress->answered_count;
    if (!is_asked && !is_due(progress, figures->elapsed_s))
        return;
    show_moment(progress, &moment);
    progress->answered_count = asked_count;
    if (progress->form == PROGRESS_OBJECTS)
        show_object(progress, &moment, figures, false);
    else if (is_asked || progress->form == PROGRESS_LINES)
        show_line(progress, &moment);
    if (progress->form == PROGRESS_DRAWN)
        show_drawn(progress, &moment);
    progress->shown_s = figures->elapsed_s;
}

void progress_end(struct progress *progress, struct job *job)
{
    struct job_figures figures;
    struct moment moment;
    survey_end(progress->survey);
    if (progress->form == PROGRESS_DRAWN)
        message_erase(progress->message);
    if (progress->form != PROGRESS_OBJECTS || !job)
        return;
    job_figures(job, &figures);
    moments_add(&progress->moments, &figures, &progress->expected);
    show_moment(progress, &moment);
    show_object(progress, &moment, &figures, true);
}
