/* progress.h - the status line of a run: drawn by the thread that waits for the job, from its
 * figures. No names in it. */
#ifndef MR_CLI_PROGRESS_H
#define MR_CLI_PROGRESS_H

#include "cli/message.h"
#include "flow/job.h"

struct progress {
    struct message *message;
    bool is_on;
    double last_s;              /* elapsed_s of the last drawing */
    uint64_t last_in, last_out; /* bytes then */
    double in_rate, out_rate;   /* bytes a second, smoothed */
};

void progress_init(struct progress *progress, struct message *message,
                   const struct options *options);
/* Draws, at most ten times a second; cheap when it is too early or switched off. */
void progress_tick(struct progress *progress, struct job *job);
/* Removes the line. */
void progress_end(struct progress *progress);
/* The name of a stage for people. */
const char *progress_stage_name(enum job_stage stage);

#endif
