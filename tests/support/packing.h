/*
 * packing.h - what the suites of the archive sink share: items packed into a file of a temporary
 * directory and unpacked again. Every function ends the test when it cannot do its work, unless it
 * returns a status.
 */
#ifndef MR_TESTS_PACKING_H
#define MR_TESTS_PACKING_H

#include "sink/sinks.h"
#include "support/archives.h"

/* One for each test; its fixture is packing_set_up() and packing_tear_down(). */
extern struct packing {
    char *directory;
    struct archives_list made, found;
    struct mr_error err;
} packing;

void packing_set_up(void);
void packing_tear_down(void);
int packing_count_outputs(void);
int packing_count_names(void); /* in the directory */
const char *
packing_path(const char *name); /* of a file in the directory; valid until the next call */
void packing_add_usual(void);   /* files of many kinds into made */

/* A sink for name in the directory, or stdout for "-". */
enum mr_status packing_create(const char *name, const char *format, const char *settings, int level,
                              struct mr_sink **sink);
/* The i-th of made, whole, into a sink. */
enum mr_status packing_put(struct mr_sink *sink, size_t i);
enum mr_status packing_finish(struct mr_sink *sink);
const char *packing_losses(struct mr_sink *sink); /* valid until the next call */

/* made into a file, in pieces; a file into found. format NULL: recognised. */
void packing_write(const char *name, const char *format, const char *settings, size_t piece_bytes);
enum mr_status packing_read(const char *name, const char *format, size_t piece_bytes);
/* The i-th of made, or all and nothing else, are in found. */
void packing_check_same(size_t i, bool has_ns);
void packing_check_all(bool has_ns);

#endif
