/* selection.h - which items a run is about: the options under "Select". Const after the last set;
 * shared by threads. */
#ifndef MR_POLICY_SELECTION_H
#define MR_POLICY_SELECTION_H

#include <stdint.h>
#include <time.h>

#include "millrace/entry.h"

struct selection;

enum mr_status selection_create(struct selection **selection, struct mr_error *err);
void selection_destroy(struct selection *selection); /* NULL is a no-op */

/*
 * GLOB in .gitignore's spirit: without '/' it is matched against the last component, with '/'
 * (other than at its end) against the whole path; '*', '?' and [...] do not match '/', "**" does,
 * and a whole component "**" also stands for none. A '/' at the end means directories: with
 * include, what is below one. '\' takes the meaning from the next character. A path is matched by
 * --include/--exclude when it or (exclude) one of its parents is. With "!/" in it the pattern is
 * matched against "outer.zip!/member"; when what is before "!/" has no '/', then against the last
 * component of the archive's name. MR_OK, MR_E_USAGE, MR_E_MEMORY; selection_exclude_from() and
 * selection_newer_than() also MR_E_SYSTEM.
 *
 * Several includes: one must match. Excludes win over everything. Several sizes, dates: all must
 * hold.
 */
enum mr_status selection_include(struct selection *selection, const char *glob,
                                 struct mr_error *err);
enum mr_status selection_exclude(struct selection *selection, const char *glob,
                                 struct mr_error *err);
/* -X: a glob on each line; empty lines and those that begin with '#' are left out. */
enum mr_status selection_exclude_from(struct selection *selection, const char *file,
                                      struct mr_error *err);
/* -e a,b: names that end in ".a" or ".b" in any case, with something before it; "tar.gz" is
 * possible. */
enum mr_status selection_extensions(struct selection *selection, const char *list,
                                    struct mr_error *err);
/* -S +1M (at least), -1M (at most), 1M (exactly). */
enum mr_status selection_size(struct selection *selection, const char *text, struct mr_error *err);
/* What can be read as a date is a date ("./2026-11-22" names a file). Newer: not of the same time.
 */
enum mr_status selection_newer_than(struct selection *selection, const char *file_or_date,
                                    struct mr_error *err);
enum mr_status selection_changed_within(struct selection *selection, const char *duration,
                                        struct mr_error *err);
void selection_max_depth(struct selection *selection, unsigned depth); /* 0: none */
void selection_no_hidden(struct selection *selection);

/* No condition at all: everything is selected. */
bool selection_is_empty(const struct selection *selection);
/*
 * label: the name of the archive that the entry is a member of, for patterns with "!/"; NULL when
 * it is none. Conditions on size hold for files of a known size only, on time for what has one. A
 * directory is not accepted by itself when there is any condition that is about files (include,
 * extension, size, time).
 */
bool selection_accepts(const struct selection *selection, const struct mr_entry *entry,
                       const char *label);
/* Could anything below the directory path be accepted? (It is not excluded, not hidden, not too
 * deep.) */
bool selection_descends(const struct selection *selection, const char *path);
/* Is whatever is called path left out, for its name or depth alone? */
bool selection_leaves_out(const struct selection *selection, const char *path);

#endif
