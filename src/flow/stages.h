/* stages.h - the pools of a job's stages: made, and resized while the job runs. */
#ifndef MR_FLOW_STAGES_H
#define MR_FLOW_STAGES_H

#include "flow/item.h"

struct stages;

/*
 * Makes job->pools as the job's config says, and job->stages where a size may change: NULL is for
 * sizes that stay. MR_OK, MR_E_MEMORY, MR_E_SYSTEM (threads).
 */
enum mr_status stages_create(struct job *job, struct mr_error *err);
/* Ends the threads; the pools stay to be looked at. */
void stages_shut(struct job *job);
void stages_destroy(struct job *job); /* parts that were not made are passed over */

/* When stages_look() is next wanted, on clock_now_ns()'s clock; INT64_MAX: never. */
int64_t stages_next_ns(const struct job *job);
/* Looks at what the stages do, and resizes their pools. The owner of the job, while it runs. */
void stages_look(struct job *job);

/* The least and the most threads that the stage had. The owner of the job. */
void stages_sizes(const struct job *job, enum job_stage stage, unsigned *least, unsigned *most);

#endif
