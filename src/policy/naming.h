/* naming.h - the name of an item in the output: the options under "Names". Const after the last
 * set; shared by threads. */
#ifndef MR_POLICY_NAMING_H
#define MR_POLICY_NAMING_H

#include "millrace/entry.h"

struct naming;

enum mr_status naming_create(struct naming **naming, struct mr_error *err);
void naming_destroy(struct naming *naming); /* NULL is a no-op */

/*
 * The order is: substitutions, strip-components, flat, extension, suffix.
 *
 * sed-like /regex/replacement/flags (any separator; extended regex; & and \1..\9; flags g, i);
 * several are applied in order. An 's' before the first separator is allowed. MR_E_USAGE says what
 * is wrong.
 */
enum mr_status naming_substitute(struct naming *naming, const char *expression,
                                 struct mr_error *err);
void naming_strip_components(struct naming *naming, unsigned count);
/* Added; may be "". */
enum mr_status naming_suffix(struct naming *naming, const char *suffix, struct mr_error *err);
/* Instead of the last one; with or without '.'; "": none. */
enum mr_status naming_extension(struct naming *naming, const char *extension, struct mr_error *err);
void naming_flat(struct naming *naming); /* only the last component is kept */
/* Whatever the item is called, this is its name: for a run that makes one file. Nothing else of the
 * naming counts then. */
enum mr_status naming_fixed(struct naming *naming, const char *name, struct mr_error *err);

/* True when two different names could become one. */
bool naming_may_collide(const struct naming *naming);
/* True when --suffix or --extension was given: they override what the operations would add. */
bool naming_overrides_suffix(const struct naming *naming);

/*
 * *name (heap, clean) becomes the mapped name, cleaned again. is_content: suffix and extension
 * apply (files that the operations run on). MR_OK; MR_SKIPPED when nothing is left
 * (strip-components: the item is left out); MR_E_UNSAFE; MR_E_MEMORY.
 */
enum mr_status naming_map(const struct naming *naming, char **name, bool is_content,
                          struct mr_error *err);
/* "a/b.txt" -> "a/b~2.txt" for --collide rename; n >= 2. The caller's to free; NULL when out of
 * memory. */
char *naming_numbered(const char *name, unsigned n);

#endif
