/* selection.h - which items a run is about: the options under "Select". Const after the last set; shared by threads. */
#ifndef MR_POLICY_SELECTION_H
#define MR_POLICY_SELECTION_H

#include <stdint.h>
#include <time.h>

#include "millrace/entry.h"

struct selection;

enum mr_status selection_create(struct selection **selection, struct mr_error *err);
void selection_destroy(struct selection *selection); /* NULL is a no-op */

/*
 * GLOB as in .gitignore's spirit: without '/' it is matched against the last component, with '/' against the whole path; '*' and '?' do not
 * match '/', "**" does. A path is matched by --include/--exclude when it or (exclude) one of its parents is. With "!/" in it
 * the pattern is matched against "outer.zip!/member".
 */
enum mr_status selection_include(struct selection *selection, const char *glob, struct mr_error *err);
enum mr_status selection_exclude(struct selection *selection, const char *glob, struct mr_error *err);
enum mr_status selection_exclude_from(struct selection *selection, const char *file, struct mr_error *err); /* -X */
enum mr_status selection_extensions(struct selection *selection, const char *list, struct mr_error *err);   /* -e a,b */
enum mr_status selection_size(struct selection *selection, const char *text, struct mr_error *err);         /* -S +1M */
enum mr_status selection_newer_than(struct selection *selection, const char *file_or_date, struct mr_error *err);
enum mr_status selection_changed_within(struct selection *selection, const char *duration, struct mr_error *err);
void selection_max_depth(struct selection *selection, unsigned depth); /* 0: none */
void selection_no_hidden(struct selection *selection);

/* No condition at all: everything is selected. */
bool selection_is_empty(const struct selection *selection);
/* shown: "label!/path" or path, unescaped, for patterns with "!/"; path: entry->path. */
bool selection_accepts(const struct selection *selection, const struct mr_entry *entry, const char *label);
/* Could anything below the directory path be accepted? (It is not excluded, not hidden, not too deep.) */
bool selection_descends(const struct selection *selection, const char *path);

#endif
