/*
 * output.h - for the suites of the directory sink: a sink on "out" below a temporary directory,
 * items for it, and looks at what it made. Names are relative to the temporary directory.
 */
#ifndef MR_TESTS_OUTPUT_H
#define MR_TESTS_OUTPUT_H

#include <sys/stat.h>

#include "sink/sinks.h"
#include "support/support.h"

/* The temporary directory: all but "out" in it must stay as it is. */
extern char *output_base;

/* A checked fixture. */
void output_set_up(void);
void output_tear_down(void);

/* The path of name; good until the next but three calls. */
const char *output_at(const char *name);

/* A sink that keeps what can be kept. */
struct mr_sink *output_open(enum existing existing, bool is_untrusted);

/* Entries that own nothing. */
struct mr_entry output_file(const char *path);
struct mr_entry output_directory(const char *path, unsigned mode, int64_t mtime_s);
struct mr_entry output_link(const char *path, enum mr_kind kind, const char *target);

/* Stores one item through all calls, as a job does. */
enum mr_status output_put(struct mr_sink *sink, const struct mr_entry *entry, const char *content,
                          struct mr_error *err);
enum mr_status output_put_file(struct mr_sink *sink, const char *path, const char *content);

/* What finish() told: the paths, each with a space behind it, and the texts, one a line. */
struct output_problems {
    unsigned count;
    char paths[512], texts[2048];
    enum mr_status last;
};

/* finish() and destroy(). */
struct output_problems output_end(struct mr_sink *sink);

/* The file holds just that. */
void ck_assert_output(const char *name, const char *content);
/* How many entries the directory has. */
unsigned output_count(const char *name);
/* lstat(), which must succeed. */
struct stat output_stat(const char *name);
bool output_has(const char *name);

#endif
