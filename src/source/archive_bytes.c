#include "source/archive_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

#define BUFFER_BYTES   ((size_t)256 << 10)
#define AHEAD_BYTES    ((int64_t)256 << 10) /* of compressed input; for less no thread is started */
#define KEPT_MAX_BYTES ((size_t)4 << 20)    /* of a pipe; recognising needs far less */

struct archive_bytes {
    int fd;      /* -1: taken */
    int wake_fd; /* ends a wait for the pipe; -1: none */
    struct decode_limits limits;
    bool can_seek;
    int64_t start_bytes; /* can_seek: where the input begins in the file */
    int64_t size_bytes;  /* can_seek: of the input, when it was opened */
    int64_t at_bytes;    /* of the input, as it is, where it is read next */
    bool is_kept;        /* a pipe: kept holds all that was read */
    bool is_ended;       /* a pipe: it gave its end */
    unsigned char *kept; /* owned; kept_bytes of it */
    size_t kept_bytes, kept_cap_bytes;
    bool is_forgotten; /* archive_bytes_forget() was called by the owner */
    /* Compressed data lies around the archive; NULL: none. Once it was started, what read_pipe()
     * and pull() use belongs to its thread. */
    struct decode_ahead *decoded;
    const struct unwrap_format *format;
    bool is_started;
    atomic_uint_fast64_t piped_bytes; /* read of a pipe */
    bool is_peeked;                   /* the next bytes are peeked, which lie in decoded */
    const unsigned char *peeked;
    size_t peeked_bytes;
    unsigned char buffer[BUFFER_BYTES];
};

enum mr_status archive_bytes_create(int fd, const struct decode_limits *limits,
                                    struct archive_bytes **bytes, struct mr_error *err)
{
    struct archive_bytes *made = malloc(sizeof(*made));
    if (!made) {
        close(fd);
        return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
    }
    memset(made, 0, offsetof(struct archive_bytes, buffer));
    made->fd = fd;
    made->wake_fd = -1;
    if (limits)
        made->limits = *limits;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        int sys_errno = errno;
        archive_bytes_destroy(made);
        return mr_error_set(err, MR_E_SYSTEM, sys_errno, "cannot read");
    }
    off_t start = S_ISREG(st.st_mode) ? lseek(fd, 0, SEEK_CUR) : -1;
    made->can_seek = start >= 0;
    if (made->can_seek) {
        made->start_bytes = start;
        made->size_bytes = st.st_size > start ? st.st_size - start : 0;
    }
    made->is_kept = !made->can_seek;
    *bytes = made;
    return MR_OK;
}

void archive_bytes_destroy(struct archive_bytes *bytes)
{
    if (!bytes)
        return;
    decode_ahead_destroy(bytes->decoded); /* who decodes reads fd */
    if (bytes->fd >= 0)
        close(bytes->fd);
    if (bytes->wake_fd >= 0)
        close(bytes->wake_fd);
    free(bytes->kept);
    free(bytes);
}

/* Room for more_bytes in kept. False when there is none, or when that would be too much. */
static bool grow_kept(struct archive_bytes *bytes, size_t more_bytes)
{
    size_t need = bytes->kept_bytes + more_bytes;
    if (need <= bytes->kept_cap_bytes)
        return true;
    if (need > KEPT_MAX_BYTES)
        return false;
    unsigned char *grown = realloc(bytes->kept, need);
    if (!grown)
        return false;
    bytes->kept = grown;
    bytes->kept_cap_bytes = need;
    return true;
}

enum mr_status archive_bytes_head(struct archive_bytes *bytes, size_t want_bytes,
                                  const unsigned char **data, size_t *got_bytes, bool *is_all,
                                  struct mr_error *err)
{
    if (bytes->can_seek) {
        if (want_bytes > BUFFER_BYTES)
            want_bytes = BUFFER_BYTES;
        if (io_pread(bytes->fd, bytes->buffer, want_bytes, bytes->start_bytes, got_bytes) != 0)
            return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read");
        *data = bytes->buffer;
        *is_all = (int64_t)*got_bytes >= bytes->size_bytes;
        return MR_OK;
    }
    while (bytes->is_kept && !bytes->is_ended && bytes->kept_bytes < want_bytes) {
        size_t more = want_bytes - bytes->kept_bytes, got = 0;
        if (!grow_kept(bytes, more))
            return mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
        if (io_read(bytes->fd, bytes->kept + bytes->kept_bytes, more, &got) != 0)
            return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read");
        bytes->kept_bytes += got;
        bytes->is_ended = got < more;
    }
    *data = bytes->kept;
    *got_bytes = bytes->kept_bytes < want_bytes ? bytes->kept_bytes : want_bytes;
    *is_all = bytes->is_kept && bytes->is_ended && *got_bytes == bytes->kept_bytes;
    return MR_OK;
}

static void free_kept(struct archive_bytes *bytes)
{
    free(bytes->kept);
    bytes->kept = NULL;
    bytes->kept_bytes = bytes->kept_cap_bytes = 0;
}

enum mr_status archive_bytes_spool(struct archive_bytes *bytes, struct mr_error *err)
{
    if (bytes->can_seek)
        return MR_OK;
    int spool = io_temp_file(err);
    if (spool < 0)
        return MR_E_SYSTEM;
    int64_t size = (int64_t)bytes->kept_bytes;
    bool is_written = io_write(spool, bytes->kept, bytes->kept_bytes) == 0;
    while (is_written && !bytes->is_ended) {
        size_t got = 0;
        if (io_read(bytes->fd, bytes->buffer, BUFFER_BYTES, &got) != 0) {
            int sys_errno = errno;
            close(spool);
            return mr_error_set(err, MR_E_SYSTEM, sys_errno, "cannot read");
        }
        is_written = io_write(spool, bytes->buffer, got) == 0;
        bytes->is_ended = got < BUFFER_BYTES;
        size += (int64_t)got;
    }
    if (!is_written) {
        int sys_errno = errno;
        close(spool);
        return mr_error_set(err, MR_E_SYSTEM, sys_errno,
                            "cannot copy the archive to a temporary file, which it needs because "
                            "it begins at its end");
    }
    close(bytes->fd);
    bytes->fd = spool;
    bytes->can_seek = true;
    bytes->start_bytes = 0;
    bytes->size_bytes = size;
    bytes->is_kept = false;
    free_kept(bytes);
    return MR_OK;
}

void archive_bytes_forget(struct archive_bytes *bytes)
{
    bytes->is_forgotten = true;
    bytes->is_kept = false;
    if (bytes->can_seek) /* of a pipe libarchive may still be reading there: read_pipe() frees it */
        free_kept(bytes);
}

bool archive_bytes_take(struct archive_bytes *bytes, int *fd, void **head, size_t *head_bytes)
{
    if (!archive_bytes_can_rewind(bytes) ||
        (bytes->can_seek && lseek(bytes->fd, bytes->start_bytes, SEEK_SET) < 0))
        return false;
    *fd = bytes->fd;
    *head_bytes = bytes->kept_bytes;
    *head = bytes->kept;
    if (bytes->kept_bytes == 0) {
        free(bytes->kept);
        *head = NULL;
    }
    bytes->kept = NULL;
    bytes->kept_bytes = bytes->kept_cap_bytes = 0;
    bytes->fd = -1;
    return true;
}

int archive_bytes_duplicate(const struct archive_bytes *bytes)
{
    if (lseek(bytes->fd, bytes->start_bytes, SEEK_SET) < 0)
        return -1;
    return fcntl(bytes->fd, F_DUPFD_CLOEXEC, 3);
}

bool archive_bytes_is_lenient(const struct archive_bytes *bytes)
{
    return bytes->limits.is_lenient_zip;
}

bool archive_bytes_can_seek(const struct archive_bytes *bytes)
{
    return bytes->can_seek;
}

bool archive_bytes_can_rewind(const struct archive_bytes *bytes)
{
    return bytes->can_seek || bytes->is_kept;
}

uint64_t archive_bytes_stored(const struct archive_bytes *bytes)
{
    return bytes->can_seek ? (uint64_t)bytes->size_bytes : atomic_load(&bytes->piped_bytes);
}

uint64_t archive_bytes_memory(const struct archive_bytes *bytes)
{
    if (!bytes->format)
        return 0;
    return decode_ahead_memory(bytes->format, bytes->can_seek, &bytes->limits);
}

/* One read of a pipe: what there is, as soon as there is something. -1 with errno, also when it was
 * stopped. */
static ssize_t read_some(struct archive_bytes *bytes)
{
    struct pollfd waits[] = {{.fd = bytes->fd, .events = POLLIN},
                             {.fd = bytes->wake_fd, .events = POLLIN}};
    for (;;) {
        if (bytes->wake_fd >= 0 && poll(waits, 2, -1) > 0 && waits[1].revents != 0) {
            errno = ECANCELED;
            return -1;
        }
        ssize_t got = read(bytes->fd, bytes->buffer, BUFFER_BYTES);
        if (got >= 0 || errno != EINTR)
            return got;
    }
}

static ssize_t read_pipe(struct archive_bytes *bytes, const void **data)
{
    if (bytes->at_bytes < (int64_t)bytes->kept_bytes) { /* what archive_bytes_head() read */
        size_t left = bytes->kept_bytes - (size_t)bytes->at_bytes;
        *data = bytes->kept + bytes->at_bytes;
        bytes->at_bytes += (int64_t)left;
        return (ssize_t)left;
    }
    if (!bytes->is_kept) /* whoever reads is past it and has copied what it still needs */
        free_kept(bytes);
    if (bytes->is_ended)
        return 0;
    ssize_t got = read_some(bytes);
    if (got < 0)
        return -1;
    bytes->is_ended = got == 0;
    if (bytes->is_kept && got > 0) {
        if (grow_kept(bytes, (size_t)got)) {
            memcpy(bytes->kept + bytes->kept_bytes, bytes->buffer, (size_t)got);
            bytes->kept_bytes += (size_t)got;
        } else {
            bytes->is_kept = false;
        }
    }
    bytes->at_bytes += got;
    atomic_fetch_add(&bytes->piped_bytes, (uint64_t)got);
    *data = bytes->buffer;
    return got;
}

/* The input as it is. -1 with errno. */
static ssize_t pull(void *ctx, const void **data)
{
    struct archive_bytes *bytes = ctx;
    if (!bytes->can_seek)
        return read_pipe(bytes, data);
    size_t got = 0;
    int64_t offset = bytes->start_bytes + bytes->at_bytes;
    if (io_pread(bytes->fd, bytes->buffer, BUFFER_BYTES, offset, &got) != 0)
        return -1;
    bytes->at_bytes += (int64_t)got;
    *data = bytes->buffer;
    return (ssize_t)got;
}

static ssize_t read_at(void *ctx, void *buffer, size_t size_bytes, int64_t offset_bytes)
{
    const struct archive_bytes *bytes = ctx;
    size_t got = 0;
    if (io_pread(bytes->fd, buffer, size_bytes, bytes->start_bytes + offset_bytes, &got) != 0)
        return -1;
    return (ssize_t)got;
}

static void seek_to(void *ctx, int64_t offset_bytes)
{
    ((struct archive_bytes *)ctx)->at_bytes = offset_bytes;
}

static void stop_waiting(void *ctx)
{
    const struct archive_bytes *bytes = ctx;
    if (bytes->wake_fd >= 0)
        eventfd_write(bytes->wake_fd, 1);
}

/* Decodes ahead from now on when the archive is known to be one and there is enough of it. */
static void start_ahead(struct archive_bytes *bytes)
{
    if (bytes->is_started || !bytes->is_forgotten)
        return;
    int64_t size = bytes->can_seek ? bytes->size_bytes : bytes->at_bytes;
    if (size <= AHEAD_BYTES)
        return;
    bytes->is_started = true;
    if (!bytes->can_seek && (bytes->wake_fd = eventfd(0, EFD_CLOEXEC)) < 0)
        return; /* a wait for the pipe could not be ended */
    decode_ahead_start(bytes->decoded);
}

static enum mr_status read_decoded(struct archive_bytes *bytes, const void **data,
                                   size_t *size_bytes, const char **problem)
{
    start_ahead(bytes);
    return decode_ahead_read(bytes->decoded, data, size_bytes, problem);
}

uint64_t archive_bytes_used(const struct archive_bytes *bytes, uint64_t plain_bytes)
{
    uint64_t all_bytes = archive_bytes_stored(bytes);
    uint64_t used_bytes = plain_bytes;
    if (bytes->format)
        used_bytes = bytes->decoded ? decode_ahead_used(bytes->decoded, plain_bytes) : 0;
    return used_bytes < all_bytes ? used_bytes : all_bytes;
}

/* The bytes without the compression that was taken off. */
static enum mr_status read_input(void *ctx, const void **data, size_t *size_bytes,
                                 const char **problem)
{
    struct archive_bytes *bytes = ctx;
    if (bytes->is_peeked) {
        bytes->is_peeked = false;
        *data = bytes->peeked;
        *size_bytes = bytes->peeked_bytes;
        return MR_OK;
    }
    if (bytes->decoded)
        return read_decoded(bytes, data, size_bytes, problem);
    ssize_t got = pull(bytes, data);
    *size_bytes = got > 0 ? (size_t)got : 0;
    return got < 0 ? MR_E_SYSTEM : got > 0 ? MR_OK : MR_DONE;
}

bool archive_bytes_peek(struct archive_bytes *bytes, const unsigned char **data, size_t *size_bytes)
{
    const void *first = NULL;
    const char *problem;
    if (!bytes->decoded || bytes->is_peeked ||
        decode_ahead_read(bytes->decoded, &first, size_bytes, &problem) != MR_OK)
        return false;
    bytes->is_peeked = true;
    bytes->peeked = *data = first;
    bytes->peeked_bytes = *size_bytes;
    return !mr_status_is_error(decode_ahead_outlook(bytes->decoded));
}

static bool make_decoder(struct archive_bytes *bytes)
{
    const struct decode_input input = {.ctx = bytes,
                                       .pull = pull,
                                       .pread = bytes->can_seek ? read_at : NULL,
                                       .seek = seek_to,
                                       .stop = stop_waiting};
    bytes->is_peeked = false;
    return decode_ahead_create(bytes->format, &input, &bytes->limits, &bytes->decoded) == MR_OK;
}

enum mr_status archive_bytes_unwrap(struct archive_bytes *bytes,
                                    const struct archive_choice *choice, struct mr_error *err)
{
    const unsigned char *head = NULL;
    size_t head_bytes = 0;
    bool is_all;
    if (archive_bytes_head(bytes, UNWRAP_HEAD_BYTES, &head, &head_bytes, &is_all, NULL) != MR_OK ||
        head_bytes == 0)
        return MR_OK;
    const struct unwrap_format *format = unwrap_recognise(head, head_bytes);
    if (!format || !archive_formats_takes(choice, unwrap_format_name(format)))
        return MR_OK;
    bytes->format = format;
    return make_decoder(bytes) ? MR_OK : mr_error_set(err, MR_E_MEMORY, 0, "out of memory");
}

static bool is_input_ready(void *ctx)
{
    const struct archive_bytes *bytes = ctx;
    return bytes->is_peeked || (bytes->decoded && decode_ahead_is_ready(bytes->decoded));
}

static bool rewind_input(void *ctx)
{
    struct archive_bytes *bytes = ctx;
    if (!archive_bytes_can_rewind(bytes))
        return false;
    decode_ahead_destroy(bytes->decoded);
    bytes->decoded = NULL;
    bytes->at_bytes = 0;
    return !bytes->format || make_decoder(bytes);
}

static void place_input(void *ctx, unsigned char *memory, size_t count)
{
    struct archive_bytes *bytes = ctx;
    if (bytes->decoded && memory)
        decode_ahead_place(bytes->decoded, memory, count);
    if (memory)
        return;
    decode_ahead_destroy(bytes->decoded);
    bytes->decoded = NULL;
}

static bool keep_input(void *ctx, const void *data)
{
    const struct archive_bytes *bytes = ctx;
    return bytes->decoded && decode_ahead_keep(bytes->decoded, data);
}

static void let_input_go(void *ctx, const void *data)
{
    const struct archive_bytes *bytes = ctx;
    if (bytes->decoded)
        decode_ahead_let_go(bytes->decoded, data);
}

void archive_bytes_input(struct archive_bytes *bytes, struct archive_input *input)
{
    *input = (struct archive_input){
        .ctx = bytes,
        .read = read_input,
        .is_ready = is_input_ready,
        .rewind = rewind_input,
        .place = place_input,
        .keep = keep_input,
        .let_go = let_input_go,
        .seek = bytes->can_seek && !bytes->format ? seek_to : NULL,
        .size_bytes = bytes->size_bytes,
        .may_wait = !bytes->can_seek,
        .is_decoded = bytes->format != NULL,
    };
}

int archive_bytes_file(const struct archive_bytes *bytes, int64_t *start_bytes)
{
    *start_bytes = bytes->start_bytes;
    return bytes->can_seek && !bytes->format ? bytes->fd : -1;
}
