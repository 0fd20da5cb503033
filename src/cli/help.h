/* help.h - the texts of --help and `millrace help`, made from the tables of verbs, options and
 * operations. */
#ifndef MR_CLI_HELP_H
#define MR_CLI_HELP_H

#include <stdio.h>

#include "cli/verbs.h"
#include "millrace/operation.h"

/* `millrace`, `millrace help`: usage, verbs, topics. */
void help_overview(FILE *out);
/* The few lines for who typed nothing. The text is constant. */
const char *help_short(void);
/* `millrace VERB --help`. */
void help_verb(FILE *out, const struct verb *verb);
/* `millrace help TOPIC`: a verb, a group of options, an operation or a text. False when there is no
 * such topic. */
bool help_topic(FILE *out, const char *topic);
/* The index-th topic word, for parse_nearest(). */
const char *help_topic_at(const void *ctx, size_t index);
/* `millrace ops NAME`. plugin: the file that it is of, or NULL. */
void help_operation(FILE *out, const char *plugin, const struct mr_operation *operation);
/* Writes text from column on (the cursor is there already), wrapped below 80 columns, with a
 * newline at the end. */
void help_wrap(FILE *out, size_t column, const char *text);

#endif
