/* advice.h - what to change about a run so that it goes faster, from its figures. */
#ifndef MR_CLI_ADVICE_H
#define MR_CLI_ADVICE_H

#include <stddef.h>

#include "flow/job.h"

struct advice_facts {
    const struct job_figures *figures; /* of a run that is over */
    double cpu_s;                      /* that it took, of all threads and children */
    unsigned processor_count;
    double load; /* threads of all programs that wanted a processor lately; 0: not known */
};

/* One sentence without a full stop into text (200 bytes are enough). Returns text. */
char *advice_give(const struct advice_facts *facts, char *text, size_t cap_bytes);

#endif
