#include "source/archive_probe.h"

#include <errno.h>
#include <unistd.h>

#include "base/path.h"
#include "config.h"
#include "source/sources.h"

/* The database of a user who names a table is to have it. */
static enum mr_status probe_sqlar(int fd, const char *label, const char *table,
                                  struct mr_source **made, struct mr_error *err)
{
#if MR_HAVE_SQLITE
    enum mr_status status = sqlar_source_create(fd, label, table, made, err);
    return status == MR_E_UNSUPPORTED && table ? err->status = MR_E_DATA : status;
#else
    (void)fd;
    (void)label;
    (void)table;
    (void)made;
    (void)err;
    return MR_E_UNSUPPORTED;
#endif
}

enum mr_status archive_probe(struct archive_bytes *bytes, const struct archive_choice *choice,
                             const char *label, const char *table, struct mr_source **made,
                             struct mr_error *err)
{
    const unsigned char *head;
    size_t head_bytes;
    bool is_all;
    char shown[PATH_SHOW_BYTES];
    enum mr_status status =
        archive_bytes_head(bytes, ARCHIVE_HEAD_BYTES, &head, &head_bytes, &is_all, err);
    int fd = status == MR_OK ? archive_bytes_duplicate(bytes) : -1;
    if (status == MR_OK && fd < 0)
        status = mr_error_set(err, MR_E_SYSTEM, errno, "cannot read");
    if (status != MR_OK) {
        mr_error_prefix(err, "%s", path_show(shown, sizeof(shown), label));
        return status;
    }
    status = MR_E_UNSUPPORTED;
    if (archive_formats_may_be_sqlar(choice, head, head_bytes))
        status = probe_sqlar(fd, label, table, made, err);
    else if (archive_formats_may_be_zip(choice, head, head_bytes))
        status = zip_source_create(fd, label, archive_bytes_is_lenient(bytes), made, err);
    if (status != MR_OK)
        close(fd);
    return status;
}
