/*
 * resume.h - the journal of a run: opened and locked, compared with what is asked for now, handed
 * to the job, ended.
 */
#ifndef MR_CLI_RESUME_H
#define MR_CLI_RESUME_H

#include "cli/output.h"
#include "flow/job.h"
#include "policy/journal.h"

/* Zero-initialised: no journal. */
struct resume {
    struct journal *journal;   /* owned */
    struct journal_past *past; /* owned; NULL: nothing was done yet */
    struct walk_own file;      /* the journal */
    bool is_done;              /* the output is an archive that was finished already */
    bool is_synced;            /* --fsync other than none */
};

/* Do --journal and its like fit what is to be done? MR_OK, MR_E_USAGE. */
enum mr_status resume_check(const struct options *options, const struct output *output,
                            const struct chain *chain, struct mr_error *err);
/*
 * Opens the journal of the options, if there is to be one. MR_OK, MR_E_USAGE (it is there already,
 * or is about something else), MR_E_DATA (damaged), MR_E_SYSTEM (also: in use), MR_E_MEMORY.
 * resume_close() in every case.
 */
enum mr_status resume_open(struct resume *resume, const struct options *options,
                           const struct output *output, struct mr_error *err);
/* The journal as something that is no input. False when there is none. */
bool resume_own(const struct resume *resume, struct walk_own *own);
/* Gives the job its part. */
void resume_job(const struct resume *resume, const struct options *options,
                struct job_config *config);
/* Writes down that the run is over. MR_OK, MR_E_SYSTEM, MR_E_MEMORY. */
enum mr_status resume_end(struct resume *resume, const struct output *output, bool is_complete,
                          struct mr_error *err);
void resume_close(struct resume *resume);

#endif
