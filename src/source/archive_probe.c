#include "source/archive_probe.h"

#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/path.h"
#include "source/sources.h"

#define EMPTY_MAX_BYTES                                                                            \
    ((size_t)64 << 10) /* an archive of nothing is smaller, once it is decompressed */

/* Opens the input without looking for an archive in it, so that its one member is what it holds,
 * decompressed. */
static bool open_raw(struct archive_bytes *bytes, struct archive *raw)
{
    static const struct archive_choice any = {NULL, NULL};
    return archive_formats_support_filters(raw, &any) &&
           archive_read_support_format_raw(raw) == ARCHIVE_OK &&
           archive_read_support_format_empty(raw) == ARCHIVE_OK &&
           archive_bytes_open(bytes, raw, &any) == ARCHIVE_OK;
}

static enum archive_probe probe(struct archive_bytes *bytes, struct archive *raw,
                                unsigned char *data)
{
    struct archive_entry *entry;
    la_ssize_t got = 0;
    bool is_read = false;
    if (open_raw(bytes, raw)) {
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

enum archive_probe archive_probe(struct archive_bytes *bytes)
{
    if (!archive_bytes_can_rewind(bytes))
        return ARCHIVE_PROBE_GONE;
    struct archive *raw = archive_read_new();
    unsigned char *data = malloc(EMPTY_MAX_BYTES);
    enum archive_probe found = raw && data ? probe(bytes, raw, data) : ARCHIVE_PROBE_OTHER;
    free(data);
    archive_read_free(raw);
    return found;
}

enum mr_status archive_probe_zip(struct archive_bytes *bytes, const struct archive_choice *choice,
                                 const char *label, bool is_lenient, struct mr_source **zip,
                                 struct mr_error *err)
{
    const unsigned char *head;
    size_t head_bytes;
    bool is_all;
    char shown[PATH_SHOW_BYTES];
    enum mr_status status = archive_bytes_head(bytes, 2, &head, &head_bytes, &is_all, err);
    int fd = status == MR_OK ? archive_bytes_duplicate(bytes) : -1;
    if (status == MR_OK && fd < 0)
        status = mr_error_set(err, MR_E_SYSTEM, errno, "cannot read");
    if (status != MR_OK) {
        mr_error_prefix(err, "%s", path_show(shown, sizeof(shown), label));
        return status;
    }
    status = archive_formats_may_be_zip(choice, head, head_bytes)
                 ? zip_source_create(fd, label, is_lenient, zip, err)
                 : MR_E_UNSUPPORTED;
    if (status != MR_OK)
        close(fd);
    return status;
}
