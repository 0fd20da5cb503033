/* journal_write.c - appends to a journal, from many threads without a lock. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "policy/journal.h"

struct waiting {
    struct waiting *next;
    unsigned char *bytes; /* owned */
    size_t size_bytes;
};

/*
 * Records are put on a stack. Who finds the flag clear writes what is there, until nothing is; who
 * finds it set goes on, for the one who has it looks again after it has given it back.
 */
struct journal {
    int fd;
    char *path;
    _Atomic(struct waiting *) first;
    atomic_flag is_writing;
    int64_t end_bytes;      /* is_writing; of what is whole */
    unsigned char *group;   /* is_writing; owned */
    size_t group_cap_bytes; /* is_writing */
    atomic_int fault;       /* an errno: nothing is written any more */
};

static void free_list(struct waiting *first)
{
    while (first) {
        struct waiting *next = first->next;
        free(first->bytes);
        free(first);
        first = next;
    }
}

/* All of one call, or nothing of it. */
static void write_bytes(struct journal *journal, const void *bytes, size_t size_bytes)
{
    if (size_bytes == 0 || atomic_load(&journal->fault))
        return;
    if (io_write(journal->fd, bytes, size_bytes) == 0) {
        journal->end_bytes += (int64_t)size_bytes;
        return;
    }
    atomic_store(&journal->fault, errno);
    if (ftruncate(journal->fd, journal->end_bytes) != 0)
        return; /* a torn end, as after a kill */
}

enum mr_status journal_create(int fd, const char *path, struct journal **journal,
                              struct mr_error *err)
{
    struct stat st;
    struct journal *made = calloc(1, sizeof(*made));
    *journal = made;
    if (!made) {
        close(fd);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    made->fd = fd;
    made->path = strdup(path);
    atomic_flag_clear(&made->is_writing);
    if (fstat(fd, &st) == 0)
        made->end_bytes = st.st_size;
    else
        atomic_store(&made->fault, errno);
    if (made->end_bytes == 0)
        write_bytes(made, JOURNAL_MAGIC, sizeof(JOURNAL_MAGIC) - 1);
    if (made->path)
        return MR_OK;
    journal_destroy(made);
    *journal = NULL;
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

/* The stack is upside down. */
static struct waiting *turn_over(struct waiting *first)
{
    struct waiting *turned = NULL;
    while (first) {
        struct waiting *next = first->next;
        first->next = turned;
        turned = first;
        first = next;
    }
    return turned;
}

static void write_list(struct journal *journal, const struct waiting *first)
{
    size_t all_bytes = 0, used_bytes = 0;
    for (const struct waiting *at = first; at; at = at->next)
        all_bytes += at->size_bytes;
    if (all_bytes > journal->group_cap_bytes) {
        unsigned char *grown = realloc(journal->group, all_bytes);
        if (!grown) {
            atomic_store(&journal->fault, ENOMEM);
            return;
        }
        journal->group = grown;
        journal->group_cap_bytes = all_bytes;
    }
    for (const struct waiting *at = first; at; at = at->next) {
        memcpy(journal->group + used_bytes, at->bytes, at->size_bytes);
        used_bytes += at->size_bytes;
    }
    write_bytes(journal, journal->group, used_bytes);
}

static void write_what_waits(struct journal *journal)
{
    while (atomic_load(&journal->first) && !atomic_flag_test_and_set(&journal->is_writing)) {
        struct waiting *list = turn_over(atomic_exchange(&journal->first, NULL));
        if (list && !list->next)
            write_bytes(journal, list->bytes, list->size_bytes);
        else if (list)
            write_list(journal, list);
        free_list(list);
        atomic_flag_clear(&journal->is_writing);
    }
}

static enum mr_status tell_fault(const struct journal *journal, struct mr_error *err)
{
    char shown[PATH_SHOW_BYTES];
    int fault = atomic_load(&journal->fault);
    if (fault == 0)
        return MR_OK;
    return mr_error_set(err, MR_E_SYSTEM, fault, "cannot write the journal %s",
                        path_show(shown, sizeof(shown), journal->path));
}

enum mr_status journal_put(struct journal *journal, const struct journal_record *record,
                           struct mr_error *err)
{
    enum mr_status status = tell_fault(journal, err);
    if (status != MR_OK)
        return status;
    struct waiting *added = calloc(1, sizeof(*added));
    if (!added || journal_encode(record, &added->bytes, &added->size_bytes) != MR_OK) {
        free(added);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    added->next = atomic_load(&journal->first);
    while (!atomic_compare_exchange_weak(&journal->first, &added->next, added))
        ;
    write_what_waits(journal);
    return tell_fault(journal, err);
}

enum mr_status journal_sync(struct journal *journal, struct mr_error *err)
{
    enum mr_status status = tell_fault(journal, err);
    if (status != MR_OK || fdatasync(journal->fd) == 0 || errno == EINVAL)
        return status;
    atomic_store(&journal->fault, errno);
    return tell_fault(journal, err);
}

void journal_destroy(struct journal *journal)
{
    if (!journal)
        return;
    free_list(atomic_load(&journal->first));
    free(journal->group);
    free(journal->path);
    close(journal->fd);
    free(journal);
}
