/*
 * zip_check.h - goes through all local headers of a zip archive before anything of it is read:
 * every member has a place of its own, says there what the directory says, and the members fill the
 * archive. Then all readers find the same in it (see ZipDiff, USENIX Security 2025), and no byte
 * serves two members, as in the bombs of David Fifield.
 */
#ifndef MR_SOURCE_ZIP_CHECK_H
#define MR_SOURCE_ZIP_CHECK_H

#include "source/zip_directory.h"

/*
 * MR_OK: each member can be found by zip_member_find(). MR_E_DATA: not so; the text names the
 * member. MR_E_SYSTEM, MR_E_MEMORY. Frees the table of places of directory, which is not needed any
 * more.
 */
enum mr_status zip_check(struct zip_directory *directory, struct mr_error *err);

#endif
