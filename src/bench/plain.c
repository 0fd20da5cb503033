#include "bench/plain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/path.h"
#include "millrace/pool.h"

#define BUFFER_BYTES ((size_t)256 << 10)
#define THREADS_MAX  64u

/* Files that the threads share among them, each taking the next. */
struct work {
    const char *const *paths; /* to read; NULL: to write */
    const char *directory;    /* to write into */
    uint64_t count, all_bytes;
    atomic_uint_fast64_t next;
};

static enum mr_status file_failed(const char *what, const char *path, struct mr_error *err)
{
    int reason = errno;
    char shown[PATH_SHOW_BYTES];
    return mr_error_set(err, MR_E_SYSTEM, reason, "cannot %s %s", what,
                        path_show(shown, sizeof(shown), path));
}

static enum mr_status read_file(const char *path, unsigned char *buffer, struct mr_error *err)
{
    size_t got_bytes = 0;
    int fd = io_open(path, O_RDONLY | O_CLOEXEC, 0);
    bool is_read = fd >= 0;
    do {
        is_read = is_read && io_read(fd, buffer, BUFFER_BYTES, &got_bytes) == 0;
    } while (is_read && got_bytes == BUFFER_BYTES);
    enum mr_status status = is_read ? MR_OK : file_failed("read", path, err);
    if (fd >= 0)
        close(fd);
    return status;
}

static enum mr_status write_file(const char *directory, uint64_t number, uint64_t bytes,
                                 const unsigned char *buffer, struct mr_error *err)
{
    char path[4200];
    snprintf(path, sizeof(path), "%s/plain-%llu", directory, (unsigned long long)number);
    int fd = io_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool is_written = fd >= 0;
    for (uint64_t left = bytes; is_written && left > 0;) {
        size_t part = left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES;
        is_written = io_write(fd, buffer, part) == 0;
        left -= part;
    }
    enum mr_status status = is_written ? MR_OK : file_failed("write", path, err);
    if (fd >= 0 && close(fd) != 0 && status == MR_OK)
        status = file_failed("write", path, err);
    return status;
}

/* One thread's part of it. */
static enum mr_status take_files(void *arg, void **result, struct mr_error *err)
{
    struct work *work = arg;
    unsigned char *buffer = malloc(BUFFER_BYTES);
    (void)result;
    if (!buffer)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    for (size_t i = 0; i < BUFFER_BYTES; i++) /* nothing that a file system would compress away */
        buffer[i] = (unsigned char)((i * 2654435761u) >> 13);
    enum mr_status status = MR_OK;
    while (status == MR_OK) {
        uint64_t at = atomic_fetch_add(&work->next, 1);
        if (at >= work->count)
            break;
        uint64_t bytes = work->all_bytes / work->count + (at < work->all_bytes % work->count);
        status = work->paths ? read_file(work->paths[at], buffer, err)
                             : write_file(work->directory, at, bytes, buffer, err);
    }
    free(buffer);
    return status;
}

static enum mr_status run(struct work *work, unsigned thread_count, double *seconds,
                          struct mr_error *err)
{
    struct mr_pool *pool;
    void *args[THREADS_MAX], *results[THREADS_MAX];
    if (thread_count > THREADS_MAX)
        thread_count = THREADS_MAX;
    for (unsigned i = 0; i < thread_count; i++)
        args[i] = work;
    const struct mr_pool_config config = {
        .struct_bytes = sizeof(config), .name = "plain", .thread_count = thread_count};
    enum mr_status status = mr_pool_create(&config, &pool, err);
    if (status != MR_OK)
        return status;
    int64_t start_ns = clock_now_ns();
    status = mr_pool_map(pool, take_files, args, thread_count, results, NULL, err);
    *seconds = (double)(clock_now_ns() - start_ns) / 1e9;
    mr_pool_destroy(pool);
    return status;
}

enum mr_status plain_read(const char *const *paths, size_t count, unsigned thread_count,
                          double *seconds, struct mr_error *err)
{
    struct work work = {.paths = paths, .count = count};
    return run(&work, thread_count, seconds, err);
}

enum mr_status plain_write(const char *directory, uint64_t count, uint64_t all_bytes,
                           unsigned thread_count, double *seconds, struct mr_error *err)
{
    struct work work = {.directory = directory, .count = count, .all_bytes = all_bytes};
    return run(&work, thread_count, seconds, err);
}
