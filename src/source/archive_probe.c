#include "source/archive_probe.h"

#include <errno.h>
#include <unistd.h>

#include "base/path.h"
#include "source/sources.h"

enum mr_status archive_probe_zip(struct archive_bytes *bytes, const struct archive_choice *choice,
                                 const char *label, struct mr_source **zip, struct mr_error *err)
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
                 ? zip_source_create(fd, label, zip, err)
                 : MR_E_UNSUPPORTED;
    if (status != MR_OK)
        close(fd);
    return status;
}
