/* output.h - what OUTPUT means, and the sink that is made for it. */
#ifndef MR_CLI_OUTPUT_H
#define MR_CLI_OUTPUT_H

#include "cli/options.h"
#include "sink/sinks.h"

enum output_kind {
    OUTPUT_TREE,    /* path: the directory */
    OUTPUT_FILE,    /* path: the directory that it is in; name: its name there */
    OUTPUT_ARCHIVE, /* path: the file, or "-"; format, settings */
    OUTPUT_STREAM,  /* stdout */
    OUTPUT_NULL
};

struct output {
    enum output_kind kind;
    char *path, *name, *settings; /* owned */
    const struct archive_output *format;
    char *shown;                 /* as typed, escaped; owned */
    const struct stat *replaced; /* OUTPUT_ARCHIVE in place of what was this; else NULL */
};

/* Decides by -o, --to and the inputs; makes nothing. MR_OK, MR_E_USAGE, MR_E_MEMORY. output_fini()
 * in every case. */
enum mr_status output_choose(struct output *output, const struct options *options,
                             struct mr_error *err);
void output_fini(struct output *output);
/* Is it an SQLite archive, whose table --table names? */
bool output_is_database(const struct output *output);
/* Makes the sink (the caller's). is_untrusted: some entries may come from an archive. is_resumed:
 * an earlier run was stopped while it wrote there. */
enum mr_status output_open(const struct output *output, const struct options *options,
                           bool is_untrusted, bool is_resumed, struct mr_sink **sink,
                           struct mr_error *err);

/* What --to says, or NULL without --to: the format, and what follows the ':' (the caller's to free;
 * NULL: nothing). */
enum mr_status output_read_to(const char *to, const struct archive_output **format, char **settings,
                              struct mr_error *err);
/* Is the regular file an archive, under these options? Also true for a damaged one. */
bool output_is_archive(const char *name, const struct options *options);

#endif
