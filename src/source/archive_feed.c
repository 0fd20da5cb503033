#include "source/archive_feed.h"

#include <string.h>

#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

/* An archive of nothing is smaller, once it is decompressed. */
#define EMPTY_MAX_BYTES ((size_t)64 << 10)

/* Where the zeros at the end begin. Much of what is sparse is zeros: they are passed over in pages.
 */
static size_t find_zeros(const unsigned char *data, size_t size_bytes)
{
    static const unsigned char zeros[4096];
    size_t end = size_bytes;
    while (end >= sizeof(zeros) && memcmp(data + end - sizeof(zeros), zeros, sizeof(zeros)) == 0)
        end -= sizeof(zeros);
    while (end > 0 && data[end - 1] == 0)
        end--;
    return end;
}

enum mr_status archive_feed_read(struct archive_feed *feed, const void **data, size_t *size_bytes,
                                 const char **problem)
{
    *size_bytes = 0;
    enum mr_status status = feed->input.read(feed->input.ctx, data, size_bytes, problem);
    if (mr_status_is_error(status))
        return status;
    feed->block = *data;
    feed->block_bytes = *size_bytes;
    size_t end = find_zeros(*data, *size_bytes);
    if (end > 0)
        feed->zeros_at_bytes = feed->at_bytes + (int64_t)end;
    feed->at_bytes += (int64_t)*size_bytes;
    return status;
}

static la_ssize_t read_callback(struct archive *archive, void *ctx, const void **data)
{
    struct archive_feed *feed = ctx;
    const char *problem = NULL;
    size_t size_bytes;
    int64_t at_bytes = feed->at_bytes;
    enum mr_status status = archive_feed_read(feed, data, &size_bytes, &problem);
    if (!mr_status_is_error(status)) {
        pax_check_take(&feed->pax, at_bytes, *data, size_bytes);
        return (la_ssize_t)size_bytes;
    }
    feed->status = status;
    feed->sys_errno = status == MR_E_SYSTEM ? errno : 0;
    if (status == MR_E_SYSTEM)
        archive_set_error(archive, feed->sys_errno, "read error");
    else
        archive_set_error(archive, status == MR_E_MEMORY ? ENOMEM : EILSEQ, "%s",
                          problem ? problem : "it cannot be read");
    return ARCHIVE_FATAL;
}

/* Never beyond the end: libarchive then reads, and notices that the input is too short. */
static la_int64_t skip_callback(struct archive *archive, void *ctx, la_int64_t request)
{
    (void)archive;
    struct archive_feed *feed = ctx;
    if (!feed->input.seek || request <= 0 || feed->at_bytes >= feed->input.size_bytes)
        return 0;
    int64_t left = feed->input.size_bytes - feed->at_bytes;
    int64_t skipped = request < left ? request : left;
    feed->at_bytes += skipped;
    feed->block_bytes = 0;
    feed->input.seek(feed->input.ctx, feed->at_bytes);
    return skipped;
}

static la_int64_t seek_callback(struct archive *archive, void *ctx, la_int64_t offset, int whence)
{
    (void)archive;
    struct archive_feed *feed = ctx;
    int64_t size = feed->input.size_bytes, left_at = feed->at_bytes;
    int64_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? feed->at_bytes : size;
    int64_t to;
    if (__builtin_add_overflow(from, offset, &to) || to < 0)
        return ARCHIVE_FATAL;
    feed->at_bytes = to < size ? to : size;
    feed->leaps_bytes += left_at - feed->at_bytes;
    feed->block_bytes = 0;
    feed->input.seek(feed->input.ctx, feed->at_bytes);
    return feed->at_bytes;
}

int archive_feed_open(struct archive_feed *feed, struct archive *archive)
{
    feed->at_bytes = feed->zeros_at_bytes = 0;
    feed->block_bytes = 0;
    archive_read_set_read_callback(archive, read_callback);
    archive_read_set_skip_callback(archive, skip_callback);
    if (feed->input.seek)
        archive_read_set_seek_callback(archive, seek_callback);
    archive_read_set_callback_data(archive, feed);
    return archive_read_open1(archive);
}

void archive_feed_begin(struct archive_feed *feed, struct archive *archive)
{
    feed->leaps_bytes = -archive_filter_bytes(archive, -1);
}

uint64_t archive_feed_used(const struct archive_feed *feed, struct archive *archive)
{
    int64_t used = archive_filter_bytes(archive, -1) + feed->leaps_bytes;
    return used > 0 ? (uint64_t)used : 0;
}

void archive_feed_look(struct archive_feed *feed, int64_t at_bytes)
{
    pax_check_begin(&feed->pax, at_bytes);
    if (feed->block_bytes > 0)
        pax_check_take(&feed->pax, feed->at_bytes - (int64_t)feed->block_bytes, feed->block,
                       feed->block_bytes);
}

/* Opens the input without looking for an archive in it, so that its one member is what it holds,
 * decompressed. */
static bool open_raw(struct archive_feed *feed, struct archive *raw)
{
    static const struct archive_choice any = {NULL, NULL};
    return (feed->input.is_decoded || archive_formats_support_filters(raw, &any)) &&
           archive_read_support_format_raw(raw) == ARCHIVE_OK &&
           archive_read_support_format_empty(raw) == ARCHIVE_OK &&
           archive_feed_open(feed, raw) == ARCHIVE_OK;
}

static enum archive_probe probe_raw(struct archive_feed *feed, struct archive *raw,
                                    unsigned char *data)
{
    struct archive_entry *entry;
    la_ssize_t got = 0;
    bool is_read = false;
    if (open_raw(feed, raw)) {
        int result = archive_read_next_header(raw, &entry);
        if (result == ARCHIVE_OK)
            got = archive_read_data(raw, data, EMPTY_MAX_BYTES);
        is_read = result == ARCHIVE_EOF || (result == ARCHIVE_OK && got >= 0);
    }
    if (!is_read) /* bytes that are not compressed can always be read like this */
        return ARCHIVE_PROBE_DAMAGED;
    bool is_empty = (size_t)got < EMPTY_MAX_BYTES && archive_formats_is_empty(data, (size_t)got);
    return is_empty ? ARCHIVE_PROBE_EMPTY : ARCHIVE_PROBE_OTHER;
}

enum archive_probe archive_feed_probe(struct archive_feed *feed)
{
    struct archive *raw = archive_read_new();
    unsigned char *data = malloc(EMPTY_MAX_BYTES);
    enum archive_probe found = raw && data ? probe_raw(feed, raw, data) : ARCHIVE_PROBE_OTHER;
    free(data);
    archive_read_free(raw);
    return found;
}
