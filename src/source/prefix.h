/*
 * prefix.h - the name that an input has in the output. All results are the caller's to free; NULL
 * when out of memory.
 */
#ifndef MR_SOURCE_PREFIX_H
#define MR_SOURCE_PREFIX_H

#include <stdbool.h>

/*
 * The base name of a path as it was typed: "a/site/" -> "site"; for ".", ".." and "/" that of the
 * real directory, which may be "".
 */
char *prefix_base(const char *path);
/*
 * A path as it was typed in a list, relative and clean: "./a//b" and "/a/b" -> "a/b"; its base name
 * when it cannot be kept (it has ".." in it, is too long, or nothing is left).
 */
char *prefix_relative(const char *path);
/*
 * Cuts the suffixes of an archive from name: "x.tar.gz", "x.tgz", "x.zip", "x.gz" -> "x". What
 * would leave nothing stays.
 */
void prefix_cut_suffixes(char *name);

#endif
