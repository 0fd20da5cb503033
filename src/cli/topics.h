/* topics.h - the texts of `millrace help TOPIC` that come from no other table. */
#ifndef MR_CLI_TOPICS_H
#define MR_CLI_TOPICS_H

#include <stddef.h>

struct topic {
    const char *name, *summary, *text;
};

/* The index-th, NULL after the last. */
const struct topic *topics_at(size_t index);
const struct topic *topics_find(const char *name);

#endif
