/* journal_write.c - appends to a journal, from many threads without a lock. */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "policy/journal.h"

#define YIELD_TURNS 64

/* One record; on the stack of the thread that waits for it to be written. */
struct waiting {
    struct waiting *next;
    unsigned char *bytes;
    size_t size_bytes;
    atomic_bool is_over; /* it was written, or could not be */
};

/*
 * Records are put on a stack. Who finds the flag clear writes all that is there in one call; who
 * finds it set waits until it is clear or his record has been written with others. Nobody goes on
 * before: what is stored must not run ahead of the journal, should the one who writes be held up.
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

static void tell_over(struct waiting *first)
{
    while (first) {
        struct waiting *next = first->next; /* it is gone the moment after */
        atomic_store(&first->is_over, true);
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
    if (io_truncate(journal->fd, journal->end_bytes) != 0)
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

/* Writes what waits, unless another thread does. False: it does. */
static bool try_to_write(struct journal *journal)
{
    if (atomic_flag_test_and_set(&journal->is_writing))
        return false;
    struct waiting *list = turn_over(atomic_exchange(&journal->first, NULL));
    if (list && !list->next)
        write_bytes(journal, list->bytes, list->size_bytes);
    else if (list)
        write_list(journal, list);
    tell_over(list);
    atomic_flag_clear(&journal->is_writing);
    return true;
}

/* The other thread is in one call of the system: a short while, mostly. */
static void wait_a_little(unsigned turn)
{
    const struct timespec pause = {.tv_nsec = 50000};
    if (turn < YIELD_TURNS)
        sched_yield();
    else
        nanosleep(&pause, NULL);
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
    struct waiting added = {.next = NULL};
    if (journal_encode(record, &added.bytes, &added.size_bytes) != MR_OK)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    added.next = atomic_load(&journal->first);
    while (!atomic_compare_exchange_weak(&journal->first, &added.next, &added))
        ;
    for (unsigned turn = 0; !atomic_load(&added.is_over); turn++)
        if (!try_to_write(journal))
            wait_a_little(turn);
    free(added.bytes);
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
    free(journal->group);
    free(journal->path);
    close(journal->fd);
    free(journal);
}
