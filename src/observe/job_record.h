/* job_record.h - what a job tells of an item, as reports and logs have it. */
#ifndef MR_OBSERVE_JOB_RECORD_H
#define MR_OBSERVE_JOB_RECORD_H

#include "flow/job.h"
#include "observe/record.h"

#define JOB_RECORD_PATH_BYTES 8300 /* an input, and a name in it */

/* Its texts are item's, constant, or stand in path. */
void job_record(const struct job_item *item, char path[JOB_RECORD_PATH_BYTES],
                struct record *record);

#endif
