/*
 * fingerprint.h - what must be the same for a run to go on where an earlier one was stopped: names
 * and values, as texts for people too.
 */
#ifndef MR_CLI_FINGERPRINT_H
#define MR_CLI_FINGERPRINT_H

#include "cli/options.h"

struct fingerprint_field {
    char *name, *value; /* owned */
};

struct fingerprint {
    struct fingerprint_field *fields; /* owned array */
    size_t count;
};

/* fingerprint_fini() in every case. MR_OK, MR_E_MEMORY, MR_E_SYSTEM. */
enum mr_status fingerprint_init(struct fingerprint *fingerprint, const struct options *options,
                                struct mr_error *err);
void fingerprint_fini(struct fingerprint *fingerprint);
/* The value of a field, or NULL. */
const char *fingerprint_value(const struct fingerprint *fingerprint, const char *name);

#endif
