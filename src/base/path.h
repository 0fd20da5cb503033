/* path.h - names as bytes: cleaning, joining and showing them. Knows no file system. */
#ifndef MR_BASE_PATH_H
#define MR_BASE_PATH_H

#include <stddef.h>
#include <stdint.h>

#include "millrace/status.h"

#define PATH_NAME_MAX_BYTES  255  /* one component */
#define PATH_TOTAL_MAX_BYTES 4095 /* the whole name */
#define PATH_DEPTH_MAX_COUNT 256  /* components */

/*
 * Checks a name that comes from outside (an archive member, a mapped name) and writes its plain
 * form to *clean (the caller's to free): no "." components, single slashes, no slash at the end.
 * Refused with MR_E_UNSAFE: ".." anywhere, a leading '/', nothing left (empty, ".", "/"), a
 * component over PATH_NAME_MAX_BYTES, more than PATH_TOTAL_MAX_BYTES or PATH_DEPTH_MAX_COUNT.
 * Linear in the length. MR_OK, MR_E_UNSAFE, MR_E_MEMORY.
 */
enum mr_status path_clean(const char *name, char **clean, struct mr_error *err);

/* Would a system that separates by backslashes find a ".." in it? Only with a backslash beside it.
 */
bool path_climbs_by_backslash(const char *name);

/*
 * Where a symbolic link at link_path (clean, relative to the root) with the text target leads,
 * taken as text: true when it stays below the root (target relative, and never more ".." than
 * components before it).
 */
bool path_link_stays_inside(const char *link_path, const char *target);

/* a + "/" + b, or b when a is "" (the caller's to free); NULL when out of memory. */
char *path_join(const char *a, const char *b);

/* The part after the last '/'. Never NULL. */
const char *path_base(const char *path);

/*
 * Writes name for people: control characters, escape sequences, backslashes and bytes that are not
 * UTF-8 as \n, \t, \xNN; bidi controls too. Always ends with NUL; what does not fit is cut at the
 * front with "...". Returns out.
 */
char *path_show(char *out, size_t cap_bytes, const char *name);
#define PATH_SHOW_BYTES 200 /* a fitting buffer for messages: char shown[PATH_SHOW_BYTES]; */

/* True when text is valid UTF-8. */
bool path_is_utf8(const char *text);

/*
 * The length of the character that text (not empty) begins with, and its code. A byte that is not
 * UTF-8 is a character of its own, with a code above all others.
 */
size_t path_character(const char *text, uint32_t *code);

#endif
