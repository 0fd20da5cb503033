/*
 * glob.h - shell patterns over paths: '*', '?', [a-z], [!a-z], [[:digit:]], '\', and "**". Bytes
 * that are UTF-8 count as characters.
 */
#ifndef MR_POLICY_GLOB_H
#define MR_POLICY_GLOB_H

#include "millrace/status.h"

/* MR_OK, or MR_E_USAGE: a bracket that is not closed, a backslash at the end, an unknown class. */
enum mr_status glob_check(const char *pattern, struct mr_error *err);

/*
 * True when pattern (checked) matches all of text, which ends at its NUL or at a '/'. '*', '?' and
 * brackets do not match '/'; "**" matches anything; "**" + "/" at the beginning or after a '/'
 * matches any number of whole components, also none.
 */
bool glob_match(const char *pattern, const char *text, size_t text_bytes);

#endif
