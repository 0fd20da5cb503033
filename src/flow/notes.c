#include "flow/notes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"

#define BUFFER_BYTES 65536
#define NAME_TRIES   100

struct notes {
    int fd;
    bool is_finished;
    char *path, *temp_path;
    size_t used_bytes;
    char buffer[BUFFER_BYTES];
};

static enum mr_status system_problem(const struct notes *notes, const char *what,
                                     struct mr_error *err)
{
    int sys_errno = errno;
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_SYSTEM, sys_errno, "cannot %s the list '%s'", what,
                        path_show(shown, sizeof(shown), notes->path));
}

static int open_temp(struct notes *notes)
{
    for (int i = 0; i < NAME_TRIES; i++) {
        free(notes->temp_path);
        if (asprintf(&notes->temp_path, "%s.millrace-%d-%d", notes->path, (int)getpid(), i) < 0) {
            notes->temp_path = NULL;
            errno = ENOMEM;
            return -1;
        }
        int fd =
            io_open(notes->temp_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

enum mr_status notes_create(const char *path, struct notes **notes, struct mr_error *err)
{
    struct notes *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->fd = -1;
    made->path = strdup(path);
    if (!made->path) {
        notes_destroy(made);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    made->fd = open_temp(made);
    if (made->fd < 0) {
        enum mr_status status = system_problem(made, "write", err);
        notes_destroy(made);
        return status;
    }
    *notes = made;
    return MR_OK;
}

static enum mr_status flush(struct notes *notes, struct mr_error *err)
{
    if (io_write(notes->fd, notes->buffer, notes->used_bytes) != 0)
        return system_problem(notes, "write", err);
    notes->used_bytes = 0;
    return MR_OK;
}

enum mr_status notes_write(struct notes *notes, const char *line, struct mr_error *err)
{
    size_t left_bytes = strlen(line);
    while (left_bytes > 0) {
        size_t part_bytes = BUFFER_BYTES - notes->used_bytes;
        if (part_bytes > left_bytes)
            part_bytes = left_bytes;
        memcpy(notes->buffer + notes->used_bytes, line, part_bytes);
        notes->used_bytes += part_bytes;
        line += part_bytes;
        left_bytes -= part_bytes;
        if (notes->used_bytes == BUFFER_BYTES && flush(notes, err) != MR_OK)
            return MR_E_SYSTEM;
    }
    return MR_OK;
}

enum mr_status notes_finish(struct notes *notes, struct mr_error *err)
{
    if (flush(notes, err) != MR_OK)
        return MR_E_SYSTEM;
    int fd = notes->fd;
    notes->fd = -1;
    if (close(fd) != 0 || rename(notes->temp_path, notes->path) != 0)
        return system_problem(notes, "write", err);
    notes->is_finished = true;
    return MR_OK;
}

void notes_destroy(struct notes *notes)
{
    if (!notes)
        return;
    if (notes->fd >= 0)
        close(notes->fd);
    if (notes->temp_path && !notes->is_finished)
        unlink(notes->temp_path);
    free(notes->temp_path);
    free(notes->path);
    free(notes);
}
