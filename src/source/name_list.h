/*
 * name_list.h - names from a file, one a line or NUL-separated, read as they are needed. One thread
 * at a time.
 */
#ifndef MR_SOURCE_NAME_LIST_H
#define MR_SOURCE_NAME_LIST_H

#include "millrace/status.h"

#define NAME_LIST_MAX_BYTES 4096

struct name_list;

/* path "-" is stdin. MR_OK, MR_E_SYSTEM, MR_E_MEMORY. */
enum mr_status name_list_open(const char *path, bool has_nuls, struct name_list **list,
                              struct mr_error *err);
void name_list_close(struct name_list *list); /* NULL is a no-op */
/*
 * The next name that is not empty; valid until the next call. MR_OK, MR_DONE; MR_E_LIMIT and
 * MR_E_DATA (one name is refused, the next call goes on), MR_E_SYSTEM (the list ends here).
 */
enum mr_status name_list_next(struct name_list *list, const char **name, struct mr_error *err);

#endif
