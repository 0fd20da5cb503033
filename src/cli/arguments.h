/* arguments.h - the words of the command line become struct options, by the table. */
#ifndef MR_CLI_ARGUMENTS_H
#define MR_CLI_ARGUMENTS_H

#include "cli/options.h"

/*
 * Reads the words after the verb, in the manner of GNU getopt: options and names in any order, "--"
 * ends the options, -j4 and -j 4, --opt=value and --opt value, letters without value bundled.
 * options was initialised with the verb; verb_name is for messages. Stops at --help. MR_OK;
 * MR_E_USAGE with a text that names the word that is wrong; MR_E_MEMORY. The caller calls
 * options_fini() in every case.
 */
enum mr_status arguments_parse(struct options *options, const char *verb_name, int word_count,
                               const char *const *words, struct mr_error *err);

#endif
