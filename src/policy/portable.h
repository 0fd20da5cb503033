/*
 * portable.h - names that mean the same file wherever a tree is copied to (--portable-names): no
 * names that Windows keeps for itself or cannot have, and no two that differ in case or in how a
 * character is put together, which case-folding and normalising file systems take for one.
 *
 * See "Naming Files, Paths, and Namespaces" (Win32). All functions are thread-safe.
 */
#ifndef MR_POLICY_PORTABLE_H
#define MR_POLICY_PORTABLE_H

#include <stddef.h>

#include "millrace/status.h"

struct portable;

/* MR_OK, MR_E_MEMORY, MR_E_SYSTEM (no UTF-8 character set). */
enum mr_status portable_create(struct portable **portable, struct mr_error *err);
void portable_destroy(struct portable *portable); /* NULL is a no-op */

/*
 * May the output have this name (clean, see path_clean())? MR_OK; MR_E_UNSAFE, and *err says what
 * is wrong with it. A combining character is: with it stands a name for the one of the same look
 * that is written without.
 */
enum mr_status portable_check(const char *name, struct mr_error *err);

/* Writes name to folded, of cap_bytes: the same for names that differ in case alone. What does not
 * fit is cut off; twice the length of a name that portable_check() takes is enough. */
void portable_fold(const struct portable *portable, const char *name, char *folded,
                   size_t cap_bytes);

#endif
