/* One file of the file system by its name: an input of its own. */
#include "base/io.h"
#include "source/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/path.h"
#include "source/local.h"

struct file_source {
    struct mr_source source;
    struct walk_config config;
    char *label; /* the path as it was given */
    bool is_given;
};

static struct file_source *file_of(struct mr_source *source)
{
    return (struct file_source *)source;
}

static int open_file(const struct file_source *file)
{
    return io_open(file->label, LOCAL_READ_FLAGS | (file->config.follows_links ? 0 : O_NOFOLLOW),
                   0);
}

static enum mr_status add_xattrs(const struct file_source *file, struct mr_entry *entry,
                                 struct mr_error *err)
{
    int fd = open_file(file);
    if (fd < 0)
        return MR_OK; /* whoever reads its content is told why */
    enum mr_status status = local_read_xattrs(fd, entry, err);
    close(fd);
    return status;
}

/* Files of /proc say that they are empty and are not. */
static bool is_of_kernel(const char *path)
{
    struct statfs about;
    return statfs(path, &about) == 0 && about.f_type == PROC_SUPER_MAGIC;
}

static enum mr_status file_next(struct mr_source *source, struct mr_entry *entry,
                                struct mr_error *err)
{
    struct file_source *file = file_of(source);
    if (file->is_given)
        return MR_DONE;
    file->is_given = true;
    if (mr_entry_set_path(entry, path_base(file->label)) != MR_OK)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    struct stat st;
    if (fstatat(AT_FDCWD, file->label, &st, file->config.follows_links ? 0 : AT_SYMLINK_NOFOLLOW) !=
        0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot be looked at");
    if (local_is_own(&file->config, &st)) {
        mr_entry_clear(entry);
        return MR_DONE;
    }
    local_describe(entry, &st);
    if (entry->kind == MR_KIND_FILE && st.st_size == 0 && is_of_kernel(file->label))
        entry->size_bytes = MR_SIZE_UNKNOWN;
    if (entry->kind == MR_KIND_SYMLINK)
        return local_read_link(AT_FDCWD, file->label, entry, err);
    if (entry->kind == MR_KIND_FILE && file->config.reads_xattrs)
        return add_xattrs(file, entry, err);
    return MR_OK;
}

static enum mr_status file_open(struct mr_source *source, const struct mr_entry *entry,
                                struct mr_reader **reader, struct mr_error *err)
{
    return local_open(open_file(file_of(source)), entry, reader, err);
}

static void file_destroy(struct mr_source *source)
{
    free(file_of(source)->label);
    free(source);
}

static enum mr_status file_remove(struct mr_source *source, const struct mr_entry *entry,
                                  struct mr_error *err)
{
    const char *name = path_base(file_of(source)->label);
    char *parent = strndup(file_of(source)->label, (size_t)(name - file_of(source)->label));
    if (!parent)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    int fd = io_open(*parent ? parent : ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    int fault = errno;
    free(parent);
    errno = fault;
    return local_remove(fd, name, entry, err);
}

static const struct mr_source_ops file_ops = {
    .kind = "file",
    .next = file_next,
    .open = file_open,
    .read = local_read,
    .open_size = local_open_size,
    .update = local_update,
    .descriptor = local_descriptor,
    .remove = file_remove,
    .close = local_close,
    .destroy = file_destroy,
};

enum mr_status file_source_create(const char *path, const struct walk_config *config,
                                  struct mr_source **source, struct mr_error *err)
{
    struct file_source *file = calloc(1, sizeof(*file));
    char *label = strdup(path);
    if (!file || !label) {
        free(file);
        free(label);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    file->config = *config;
    file->label = label;
    file->source =
        (struct mr_source){.ops = &file_ops, .flags = MR_SOURCE_REOPENABLE, .label = label};
    *source = &file->source;
    return MR_OK;
}
