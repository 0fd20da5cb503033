#include "flow/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"

struct spool {
    int fd;
    int64_t written_bytes, read_bytes;
};

enum mr_status spool_create(struct spool **spool, struct mr_error *err)
{
    struct spool *made = calloc(1, sizeof(*made));
    if (!made)
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    made->fd = io_temp_file(err);
    if (made->fd < 0) {
        free(made);
        return MR_E_SYSTEM;
    }
    *spool = made;
    return MR_OK;
}

void spool_destroy(struct spool *spool)
{
    if (!spool)
        return;
    close(spool->fd);
    free(spool);
}

enum mr_status spool_write(struct spool *spool, const void *data, size_t size_bytes,
                           struct mr_error *err)
{
    if (io_pwrite(spool->fd, data, size_bytes, spool->written_bytes) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot write a temporary file");
    spool->written_bytes += (int64_t)size_bytes;
    return MR_OK;
}

enum mr_status spool_read(struct spool *spool, void *buffer, size_t cap_bytes, size_t *got_bytes,
                          struct mr_error *err)
{
    if (io_pread(spool->fd, buffer, cap_bytes, spool->read_bytes, got_bytes) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read a temporary file");
    spool->read_bytes += (int64_t)*got_bytes;
    return MR_OK;
}

void spool_rewind(struct spool *spool)
{
    spool->read_bytes = 0;
}

int64_t spool_size_bytes(const struct spool *spool)
{
    return spool->written_bytes;
}
