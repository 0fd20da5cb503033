#include "source/names.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

#define NAME_MAX_BYTES 4095
/* At least; more than one record: 2 bytes of length, the name, NUL. */
#define RUN_BUFFER_BYTES 8192

/*
 * A sorted run in the temporary file, while it is merged. Its buffer holds whole or cut records:
 * length, bytes, NUL.
 */
struct run {
    int64_t at_bytes, end_bytes; /* what is not in the buffer yet */
    char *buffer;
    size_t from_bytes, filled_bytes; /* the current record begins at from_bytes */
};

struct names {
    size_t memory_bytes;
    bool is_unsorted;
    char *text; /* names with their NULs */
    size_t text_bytes, text_cap_bytes;
    uint32_t *offsets; /* of the names in text; in order after sorting */
    size_t count, cap_count;
    size_t next; /* the next one of offsets to give */
    int fd;      /* the temporary file, -1: none */
    int64_t file_bytes;
    struct run *runs;
    size_t run_count, run_cap_count;
    size_t run_buffer_bytes;
    size_t *heap; /* indices of runs, the smallest name first */
    size_t heap_count;
    bool has_given; /* the record at the top of the heap was given out and has to go */
};

enum mr_status names_create(size_t memory_bytes, bool is_unsorted, struct names **names,
                            struct mr_error *err)
{
    struct names *new = calloc(1, sizeof(*new));
    *names = new;
    if (!new)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    new->memory_bytes = memory_bytes;
    new->is_unsorted = is_unsorted;
    new->fd = -1;
    return MR_OK;
}

void names_destroy(struct names *names)
{
    if (!names)
        return;
    for (size_t i = 0; i < names->run_count; i++)
        free(names->runs[i].buffer);
    free(names->runs);
    free(names->heap);
    free(names->text);
    free(names->offsets);
    if (names->fd >= 0)
        close(names->fd);
    free(names);
}

/* Makes room for one more element in an array. False when out of memory. */
static bool grow(void *array, size_t *cap_count, size_t need_count, size_t element_bytes)
{
    if (need_count <= *cap_count)
        return true;
    size_t cap = *cap_count ? *cap_count * 2 : 32;
    while (cap < need_count)
        cap *= 2;
    void *old;
    memcpy(&old, array, sizeof(old));
    void *new = realloc(old, cap * element_bytes);
    if (!new)
        return false;
    memcpy(array, &new, sizeof(new));
    *cap_count = cap;
    return true;
}

static int compare_offsets(const void *a, const void *b, void *text)
{
    return strcmp((const char *)text + *(const uint32_t *)a,
                  (const char *)text + *(const uint32_t *)b);
}

static void sort(struct names *names)
{
    if (!names->is_unsorted && names->count > 1)
        qsort_r(names->offsets, names->count, sizeof(*names->offsets), compare_offsets,
                names->text);
}

static enum mr_status out_of_memory(struct mr_error *err)
{
    return mr_error_set(err, MR_E_MEMORY, 0, "out of memory for the names of a directory");
}

/* Writes what is in memory as one run and empties the memory. */
static enum mr_status spill(struct names *names, struct mr_error *err)
{
    if (names->fd < 0 && (names->fd = io_temp_file(err)) < 0)
        return MR_E_SYSTEM;
    if (!grow(&names->runs, &names->run_cap_count, names->run_count + 1, sizeof(*names->runs)))
        return out_of_memory(err);
    sort(names);
    char buffer[32768];
    size_t used = 0;
    int64_t start_bytes = names->file_bytes;
    for (size_t i = 0; i <= names->count; i++) {
        const char *name = i < names->count ? names->text + names->offsets[i] : "";
        uint16_t length = (uint16_t)strlen(name);
        size_t need = sizeof(length) + length + 1u;
        if (i == names->count || used + need > sizeof(buffer)) {
            if (used > 0 && io_pwrite(names->fd, buffer, used, names->file_bytes) != 0)
                return mr_error_set(err, MR_E_SYSTEM, errno,
                                    "cannot write the temporary file for the names of a directory");
            names->file_bytes += (int64_t)used;
            used = 0;
        }
        if (i == names->count)
            break;
        memcpy(buffer + used, &length, sizeof(length));
        memcpy(buffer + used + sizeof(length), name, length + 1u);
        used += need;
    }
    names->runs[names->run_count++] =
        (struct run){.at_bytes = start_bytes, .end_bytes = names->file_bytes};
    names->count = 0;
    names->text_bytes = 0;
    return MR_OK;
}

enum mr_status names_add(struct names *names, const char *name, struct mr_error *err)
{
    size_t bytes = strlen(name) + 1;
    if (bytes > NAME_MAX_BYTES + 1)
        return mr_error_set(err, MR_E_LIMIT, 0, "a name of more than %d bytes", NAME_MAX_BYTES);
    size_t used = names->text_bytes + bytes + (names->count + 1) * sizeof(*names->offsets);
    if (names->count > 0 && used > names->memory_bytes) {
        enum mr_status status = spill(names, err);
        if (status != MR_OK)
            return status;
    }
    if (!grow(&names->text, &names->text_cap_bytes, names->text_bytes + bytes, 1) ||
        !grow(&names->offsets, &names->cap_count, names->count + 1, sizeof(*names->offsets)))
        return out_of_memory(err);
    memcpy(names->text + names->text_bytes, name, bytes);
    names->offsets[names->count++] = (uint32_t)names->text_bytes;
    names->text_bytes += bytes;
    return MR_OK;
}

static const char *run_name(const struct run *run)
{
    return run->buffer + run->from_bytes + sizeof(uint16_t);
}

/* Makes sure that a whole record lies at from_bytes. MR_DONE when the run is used up. */
static enum mr_status run_fill(struct names *names, struct run *run, struct mr_error *err)
{
    size_t have = run->filled_bytes - run->from_bytes;
    uint16_t length = 0;
    if (have >= sizeof(length)) {
        memcpy(&length, run->buffer + run->from_bytes, sizeof(length));
        if (have >= sizeof(length) + length + 1u)
            return MR_OK;
    }
    if (have == 0 && run->at_bytes == run->end_bytes)
        return MR_DONE;
    memmove(run->buffer, run->buffer + run->from_bytes, have);
    run->from_bytes = 0;
    size_t want = names->run_buffer_bytes - have;
    if ((int64_t)want > run->end_bytes - run->at_bytes)
        want = (size_t)(run->end_bytes - run->at_bytes);
    size_t got = 0;
    int fault = io_pread(names->fd, run->buffer + have, want, run->at_bytes, &got) != 0 ? errno : 0;
    if (fault != 0 || got < want || want == 0)
        return mr_error_set(err, MR_E_SYSTEM, fault ? fault : EIO,
                            "cannot read the temporary file for the names of a directory");
    run->filled_bytes = have + got;
    run->at_bytes += (int64_t)got;
    return MR_OK;
}

/* Which of two runs comes first: by name when sorted, else by age. */
static bool run_is_before(const struct names *names, size_t a, size_t b)
{
    int order =
        names->is_unsorted ? 0 : strcmp(run_name(&names->runs[a]), run_name(&names->runs[b]));
    return order != 0 ? order < 0 : a < b;
}

static void sift_down(struct names *names, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < names->heap_count; child++)
            if (run_is_before(names, names->heap[child], names->heap[least]))
                least = child;
        if (least == at)
            return;
        size_t other = names->heap[at];
        names->heap[at] = names->heap[least];
        names->heap[least] = other;
        at = least;
    }
}

static enum mr_status start_merge(struct names *names, struct mr_error *err)
{
    free(names->text);
    free(names->offsets);
    names->text = NULL;
    names->offsets = NULL;
    names->heap = calloc(names->run_count, sizeof(*names->heap));
    if (!names->heap)
        return out_of_memory(err);
    names->run_buffer_bytes = names->memory_bytes / names->run_count;
    if (names->run_buffer_bytes < RUN_BUFFER_BYTES)
        names->run_buffer_bytes = RUN_BUFFER_BYTES;
    if (names->run_buffer_bytes > 65536)
        names->run_buffer_bytes = 65536;
    for (size_t i = 0; i < names->run_count; i++) {
        names->runs[i].buffer = malloc(names->run_buffer_bytes);
        if (!names->runs[i].buffer)
            return out_of_memory(err);
        enum mr_status status = run_fill(names, &names->runs[i], err);
        if (status != MR_OK)
            return status;
        names->heap[names->heap_count++] = i;
    }
    for (size_t i = names->heap_count; i-- > 0;)
        sift_down(names, i);
    return MR_OK;
}

enum mr_status names_seal(struct names *names, struct mr_error *err)
{
    if (names->run_count == 0) {
        sort(names);
        return MR_OK;
    }
    enum mr_status status = names->count > 0 ? spill(names, err) : MR_OK;
    return status != MR_OK ? status : start_merge(names, err);
}

/* Steps over the record that was given out last. */
static enum mr_status drop_given(struct names *names, struct mr_error *err)
{
    struct run *run = &names->runs[names->heap[0]];
    run->from_bytes += sizeof(uint16_t) + strlen(run_name(run)) + 1;
    names->has_given = false;
    enum mr_status status = run_fill(names, run, err);
    if (status == MR_DONE) {
        free(run->buffer);
        run->buffer = NULL;
        names->heap[0] = names->heap[--names->heap_count];
    } else if (status != MR_OK) {
        names->heap_count = 0;
        return status;
    }
    sift_down(names, 0);
    return MR_OK;
}

enum mr_status names_next(struct names *names, const char **name, struct mr_error *err)
{
    if (names->run_count == 0) {
        if (names->next == names->count)
            return MR_DONE;
        *name = names->text + names->offsets[names->next++];
        return MR_OK;
    }
    enum mr_status status = names->has_given ? drop_given(names, err) : MR_OK;
    if (status != MR_OK)
        return status;
    if (names->heap_count == 0)
        return MR_DONE;
    *name = run_name(&names->runs[names->heap[0]]);
    names->has_given = true;
    return MR_OK;
}
