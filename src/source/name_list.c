#include "source/name_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"

#define BUFFER_BYTES 65536

struct name_list {
    int fd;
    char separator;
    bool is_at_end;
    unsigned long long line_count;
    size_t at_bytes, filled_bytes; /* what is left in the buffer */
    char shown[PATH_SHOW_BYTES];
    char name[NAME_LIST_MAX_BYTES + 1];
    char buffer[BUFFER_BYTES];
};

enum mr_status name_list_open(const char *path, bool has_nuls, struct name_list **list,
                              struct mr_error *err)
{
    struct name_list *new = calloc(1, sizeof(*new));
    if (!new)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    bool is_stdin = strcmp(path, "-") == 0;
    path_show(new->shown, sizeof(new->shown), is_stdin ? "stdin" : path);
    new->separator = has_nuls ? '\0' : '\n';
    new->fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                       : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (new->fd < 0) {
        mr_error_set(err, MR_E_SYSTEM, errno, "cannot open the list of names %s", new->shown);
        free(new);
        return MR_E_SYSTEM;
    }
    *list = new;
    return MR_OK;
}

void name_list_close(struct name_list *list)
{
    if (!list)
        return;
    close(list->fd);
    free(list);
}

/* Reads more when the buffer is used up. A single read: who writes the list may do so slowly. */
static enum mr_status fill(struct name_list *list, struct mr_error *err)
{
    if (list->at_bytes < list->filled_bytes || list->is_at_end)
        return MR_OK;
    ssize_t got;
    do {
        got = read(list->fd, list->buffer, sizeof(list->buffer));
    } while (got < 0 && errno == EINTR);
    list->at_bytes = 0;
    list->filled_bytes = got > 0 ? (size_t)got : 0;
    list->is_at_end = got <= 0;
    if (got < 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read the list of names %s",
                            list->shown);
    return MR_OK;
}

/*
 * Takes the next line into name, cut when too long. *length_bytes is how long it is. MR_DONE at the
 * end.
 */
static enum mr_status take_line(struct name_list *list, size_t *length_bytes, struct mr_error *err)
{
    bool has_any = false;
    *length_bytes = 0;
    for (;;) {
        enum mr_status status = fill(list, err);
        if (status != MR_OK)
            return status;
        if (list->at_bytes == list->filled_bytes)
            return has_any ? MR_OK : MR_DONE;
        has_any = true;
        const char *from = list->buffer + list->at_bytes;
        size_t have = list->filled_bytes - list->at_bytes;
        const char *end = memchr(from, list->separator, have);
        size_t part = end ? (size_t)(end - from) : have;
        if (*length_bytes + part <= NAME_LIST_MAX_BYTES)
            memcpy(list->name + *length_bytes, from, part);
        *length_bytes += part;
        list->at_bytes += part + (end ? 1 : 0);
        if (end)
            return MR_OK;
    }
}

enum mr_status name_list_next(struct name_list *list, const char **name, struct mr_error *err)
{
    size_t length;
    do {
        enum mr_status status = take_line(list, &length, err);
        if (status != MR_OK)
            return status;
        list->line_count++;
    } while (length == 0);
    if (length > NAME_LIST_MAX_BYTES)
        return mr_error_set(err, MR_E_LIMIT, 0,
                            "%s: name %llu is longer than %d bytes: is it a list of names?",
                            list->shown, list->line_count, NAME_LIST_MAX_BYTES);
    if (memchr(list->name, '\0', length))
        return mr_error_set(err, MR_E_DATA, 0,
                            "%s: line %llu holds a NUL: for a NUL-separated list use -0",
                            list->shown, list->line_count);
    list->name[length] = '\0';
    *name = list->name;
    return MR_OK;
}
