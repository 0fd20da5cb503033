/*
 * local.h - files of the local file system, for the sources that give them: what the system says of
 * a file as an entry, and reading one so that a change meanwhile is noticed.
 */
#ifndef MR_SOURCE_LOCAL_H
#define MR_SOURCE_LOCAL_H

#include <sys/stat.h>

#include "source/sources.h"

/*
 * For files and directories that may be anything: never blocks, never becomes the controlling
 * terminal.
 */
#define LOCAL_READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* Fills kind, mode, times, size, owner and inode; the rest stays as it is. */
void local_describe(struct mr_entry *entry, const struct stat *st);
/*
 * Fills target with the text of the link name below parent. MR_OK, MR_E_SYSTEM, MR_E_CHANGED,
 * MR_E_MEMORY.
 */
enum mr_status local_read_link(int parent, const char *name, struct mr_entry *entry,
                               struct mr_error *err);
/*
 * Fills xattrs with those of the open file or directory. MR_OK (also when the file system has
 * none), MR_E_SYSTEM, MR_E_MEMORY.
 */
enum mr_status local_read_xattrs(int fd, struct mr_entry *entry, struct mr_error *err);
/* Is it one of what the walk leaves out? */
bool local_is_own(const struct walk_config *config, const struct stat *st);

/*
 * The reader of the sources of files: takes fd (also on failure), which must be the regular file
 * that entry describes. fd < 0: errno says why it could not be opened. MR_OK, MR_E_SYSTEM,
 * MR_E_CHANGED, MR_E_MEMORY.
 */
enum mr_status local_open(int fd, const struct mr_entry *entry, struct mr_reader **reader,
                          struct mr_error *err);
/*
 * Removes the file name of the directory parent (which is closed; < 0: errno says why it could not
 * be opened) when it is what entry describes. MR_OK, MR_E_CHANGED, MR_E_SYSTEM.
 */
enum mr_status local_remove(int parent, const char *name, const struct mr_entry *entry,
                            struct mr_error *err);
/* As mr_source_ops.update, read, open_size, descriptor and close. */
bool local_update(struct mr_source *source, const struct mr_reader *reader, struct mr_entry *entry);
int local_descriptor(struct mr_source *source, struct mr_reader *reader);
int64_t local_open_size(struct mr_source *source, struct mr_reader *reader);
enum mr_status local_read(struct mr_source *source, struct mr_reader *reader, void *buffer,
                          size_t cap_bytes, size_t *got_bytes, struct mr_error *err);
enum mr_status local_close(struct mr_source *source, struct mr_reader *reader,
                           struct mr_error *err);

#endif
