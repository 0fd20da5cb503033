/*
 * survey.h - how much a run has to do, counted beside it by a walk of its own: the run itself finds
 * no more than it can take on. On a thread of its own; only where that is cheap, and for somebody
 * who watches.
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

/* Is it cheap? Directories, zip archives and plain files that are named, but no archive that must
 * be read as a whole, and no list. */
bool survey_is_cheap(const struct survey_plan *plan);
/* Begins to count. NULL: it could not, which is no reason to say anything. */
struct survey *survey_start(const struct survey_plan *plan);
/* Says what is known so far in *expected: nothing before all is counted. The owner. */
void survey_look(struct survey *survey, struct expected *expected);
/* Ends it, done or not. NULL is a no-op. */
void survey_end(struct survey *survey);

#endif
