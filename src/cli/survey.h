/*
 * survey.h - how much a run has to do, found out beside it: the run itself finds no more than it
 * can take on. Directories, zip and SQLite archives and plain files are counted by a walk of its
 * own on a thread of its own; of what is read from front to back (tar and its like, stdin) there is
 * the size of the file. Only for somebody who watches.
 */
#ifndef MR_CLI_SURVEY_H
#define MR_CLI_SURVEY_H

#include "cli/moment.h"
#include "cli/setup.h"

struct survey;

/* What the run reads; all of it must outlive the survey. */
struct survey_plan {
    const struct setup *setup;
    const struct options *options;
    const struct setup_inputs *wanted;
    bool takes_all; /* what is not selected is taken too */
};

/* Begins. NULL: it could not, or there is no telling (a list, a pipe, an input that is missing),
 * which is no reason to say anything. */
struct survey *survey_start(const struct survey_plan *plan);
/* Says what is known so far in *expected: nothing before all is counted. The owner. */
void survey_look(struct survey *survey, struct expected *expected);
/* Ends it, done or not. NULL is a no-op. */
void survey_end(struct survey *survey);

#endif
