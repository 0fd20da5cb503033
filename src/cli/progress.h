/*
 * progress.h - what a run shows of itself while it runs: lines at the bottom of a terminal, plain
 * lines or JSON objects, one a second, and an answer to SIGUSR1. All of it by the thread that waits
 * for the job, from its figures. No names in it.
 */
#ifndef MR_CLI_PROGRESS_H
#define MR_CLI_PROGRESS_H

#include "cli/layout.h"
#include "cli/message.h"
#include "cli/moment.h"
#include "cli/survey.h"
#include "flow/job.h"

enum progress_form {
    PROGRESS_OFF,   /* only when it is asked for */
    PROGRESS_DRAWN, /* in place */
    PROGRESS_LINES,
    PROGRESS_OBJECTS
};

struct progress {
    struct message *message;
    enum progress_form form;
    struct layout_style style;
    struct moments moments;
    const struct survey_plan *plan; /* NULL: what there is to do is not to be counted */
    struct survey *survey;          /* owned; NULL: not begun */
    struct expected expected;
    char title[LAYOUT_TITLE_BYTES]; /* what is under way, of several things; "" else */
    double outer_share;             /* of all things, where there are several; below 0: not known */
    int64_t start_ns;
    double shown_s;     /* elapsed_s when it was shown last */
    int answered_count; /* of SIGUSR1 */
};

/* The form is what --progress and the terminal say. */
void progress_init(struct progress *progress, struct message *message,
                   const struct options *options);
/* What there is to do may be counted: done when the run takes long enough for somebody to wait for
 * it. plan must outlive progress_end(). */
void progress_plan(struct progress *progress, const struct survey_plan *plan);
/*
 * The figures that come next are those of another job of several; title as for layout_draw().
 * share: of all of them that is done, which is shown instead of the job's own; below 0: not known.
 */
void progress_restart(struct progress *progress, const char *title, double share);
/* To be called some ten times a second; shows what is due, and answers. */
void progress_tick(struct progress *progress, struct job *job);
/* The same of several jobs that run at once, from the sum of their figures. */
void progress_tick_figures(struct progress *progress, const struct job_figures *figures);
/* After the last job: removes what was drawn; the last JSON object. job: it, or NULL. */
void progress_end(struct progress *progress, struct job *job);
/* The name of a stage for people. */
const char *progress_stage_name(enum job_stage stage);

#endif
