/*
 * archive_client.h - an archive being read by libarchive in a helper process of its own, which is
 * confined to that (base/sandbox.h). Whatever the archive makes of it, only this archive fails: a
 * helper that ends or does not get on is noticed, and is killed.
 */
#ifndef MR_SOURCE_ARCHIVE_CLIENT_H
#define MR_SOURCE_ARCHIVE_CLIENT_H

#include "base/helper.h"
#include "source/archive_reading.h"
#include "source/archive_server.h"

/* Memory that is shared with the helper, in bytes, besides the blocks of a decoder, which counts
 * them itself; and what it may allocate itself by default. */
#define ARCHIVE_CLIENT_MEMORY_BYTES         ((uint64_t)4 << 20)
#define ARCHIVE_CLIENT_HELPER_DEFAULT_BYTES ((uint64_t)128 << 20)
#define ARCHIVE_CLIENT_STALL_DEFAULT_MS     8000 /* the whole takes less than 10 s */

/* Zero-initialised is the default. */
struct archive_client_config {
    uint64_t memory_bytes; /* that libarchive may allocate */
    unsigned stall_ms;     /* a helper that could get on and does not for so long is killed */
    struct archive_server *server; /* that starts the helper; NULL: one for this archive alone */
    /* For tests: starts something else as the helper. */
    enum mr_status (*start)(struct helper *helper, const int *fds, unsigned fd_count,
                            struct mr_error *err);
};

/*
 * Starts a helper and lets it recognise the archive. input: from where this process hands bytes to
 * it; or, when fd is not -1, the helper reads input->size_bytes of that regular file from
 * start_bytes on by itself (fd stays the caller's). input, which must live as long, and the rest
 * are copied. As archive_reader_create(), and: MR_E_CHILD: the helper is missing, ended or did not
 * get on: the text says which.
 */
enum mr_status archive_client_create(const struct archive_input *input, int fd, int64_t start_bytes,
                                     const struct archive_wanted *wanted,
                                     const struct archive_client_config *config,
                                     struct archive_reading **reading, struct mr_error *err);

#endif
