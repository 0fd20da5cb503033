#include "source/archive_gzip.h"

#include <stdlib.h>
#include <zlib.h>

#define BUFFER_BYTES ((size_t)256 << 10)
#define GZIP_MAGIC   0x1f
#define GZIP_WINDOW  (15 + 16) /* the largest window, and the gzip wrapping */

struct archive_gzip {
    ssize_t (*pull)(void *ctx, const void **data);
    void *ctx;
    z_stream stream;
    bool is_in_member, is_ended;
    const char *problem; /* met behind bytes that are given first */
    unsigned char buffer[BUFFER_BYTES];
};

enum mr_status archive_gzip_create(ssize_t (*pull)(void *ctx, const void **data), void *ctx,
                                   struct archive_gzip **gzip)
{
    struct archive_gzip *made = calloc(1, sizeof(*made));
    if (!made)
        return MR_E_MEMORY;
    if (inflateInit2(&made->stream, GZIP_WINDOW) != Z_OK) {
        free(made);
        return MR_E_MEMORY;
    }
    made->pull = pull;
    made->ctx = ctx;
    made->is_in_member = true;
    *gzip = made;
    return MR_OK;
}

void archive_gzip_destroy(struct archive_gzip *gzip)
{
    if (!gzip)
        return;
    inflateEnd(&gzip->stream);
    free(gzip);
}

/* More input when there is none left. False: it cannot be read, or it broke off in a member. */
static bool refill(struct archive_gzip *gzip, const char **problem)
{
    const void *data = NULL;
    if (gzip->stream.avail_in > 0)
        return true;
    ssize_t got = gzip->pull(gzip->ctx, &data);
    if (got < 0)
        return false;
    if (got == 0 && gzip->is_in_member) {
        *problem = "truncated gzip data";
        return false;
    }
    gzip->is_ended = got == 0;
    gzip->stream.next_in = (unsigned char *)data;
    gzip->stream.avail_in = (uInt)got;
    return true;
}

/* Between members: another follows, or the data ends here (with padding perhaps, which is no
 * matter). */
static void begin_member(struct archive_gzip *gzip)
{
    if (*gzip->stream.next_in != GZIP_MAGIC || inflateReset(&gzip->stream) != Z_OK)
        gzip->is_ended = true;
    else
        gzip->is_in_member = true;
}

ssize_t archive_gzip_read(struct archive_gzip *gzip, const void **data, const char **problem)
{
    z_stream *stream = &gzip->stream;
    *problem = gzip->problem;
    if (gzip->problem)
        return -1;
    stream->next_out = gzip->buffer;
    stream->avail_out = (uInt)BUFFER_BYTES;
    while (!gzip->is_ended && stream->avail_out == (uInt)BUFFER_BYTES) {
        if (!refill(gzip, problem))
            return -1;
        if (gzip->is_ended)
            break;
        if (!gzip->is_in_member) {
            begin_member(gzip);
            continue;
        }
        int result = inflate(stream, Z_NO_FLUSH);
        if (result == Z_STREAM_END)
            gzip->is_in_member = false;
        else if (result != Z_OK && result != Z_BUF_ERROR)
            gzip->problem = stream->msg ? stream->msg : "damaged gzip data";
        if (gzip->problem)
            break;
    }
    size_t made = BUFFER_BYTES - stream->avail_out;
    *data = gzip->buffer;
    *problem = gzip->problem;
    return made > 0 || !gzip->problem ? (ssize_t)made : -1;
}
