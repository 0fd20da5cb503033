#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define INTERVAL_S    0.1
#define SMOOTHING_S   1.0 /* a rate forgets what was that long ago */
#define WIDTH_DEFAULT 80

void progress_init(struct progress *progress, struct message *message,
                   const struct options *options)
{
    const char *terminal = getenv("TERM");
    bool can_draw = isatty(message->fd) && terminal && strcmp(terminal, "dumb") != 0;
    *progress = (struct progress){
        .message = message,
        .is_on = options->progress == WHEN_ALWAYS ||
                 (options->progress == WHEN_AUTO && !options->is_quiet && can_draw),
    };
}

const char *progress_stage_name(enum job_stage stage)
{
    static const char *const names[JOB_STAGES] = {
        [JOB_LOAD] = "load", [JOB_PROCESS] = "process", [JOB_STORE] = "store"};
    return stage < JOB_STAGES ? names[stage] : "?";
}

/* Asked every time: the user may change the size. */
static size_t line_width(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return WIDTH_DEFAULT;
}

static double smooth(double rate, double now, double passed_s)
{
    double weight = passed_s < SMOOTHING_S ? passed_s / SMOOTHING_S : 1.0;
    return rate + (now - rate) * weight;
}

static void update_rates(struct progress *progress, const struct job_figures *figures)
{
    double passed_s = figures->elapsed_s - progress->last_s;
    if (passed_s <= 0)
        return;
    double in = (double)(figures->in_bytes - progress->last_in) / passed_s;
    double out = (double)(figures->out_bytes - progress->last_out) / passed_s;
    bool is_first = progress->last_s <= 0;
    progress->in_rate = is_first ? in : smooth(progress->in_rate, in, passed_s);
    progress->out_rate = is_first ? out : smooth(progress->out_rate, out, passed_s);
    progress->last_s = figures->elapsed_s;
    progress->last_in = figures->in_bytes;
    progress->last_out = figures->out_bytes;
}

void progress_tick(struct progress *progress, struct job *job)
{
    if (!progress->is_on)
        return;
    struct job_figures figures;
    job_figures(job, &figures);
    if (figures.elapsed_s - progress->last_s < INTERVAL_S * 0.9)
        return;
    update_rates(progress, &figures);
    uint64_t done = figures.stored_count + figures.skipped_count + figures.failed_count +
                    figures.cancelled_count;
    char total[40] = "";
    char failed[40] = "";
    char text[256];
    if (figures.is_found_all)
        snprintf(total, sizeof(total), "/%" PRIu64, figures.found_count);
    if (figures.failed_count > 0)
        snprintf(failed, sizeof(failed), ", %" PRIu64 " failed", figures.failed_count);
    snprintf(text, sizeof(text),
             "%" PRIu64 "%s items%s  %.1f MB/s in  %.1f MB/s out  %u in flight  limited by %s",
             done, total, failed, progress->in_rate / 1e6, progress->out_rate / 1e6,
             figures.in_flight_count, progress_stage_name(figures.limiting));
    size_t width = line_width(progress->message->fd);
    if (width <= sizeof(text))
        text[width - 1] = '\0'; /* one column stays free: some terminals wrap after the last */
    message_draw(progress->message, text);
}

void progress_end(struct progress *progress)
{
    message_erase(progress->message);
}
