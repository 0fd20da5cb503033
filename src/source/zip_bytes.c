#include "source/zip_bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/io.h"

enum mr_status zip_damaged(struct mr_error *err, const char *format, ...)
{
    char reason[MR_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    return mr_error_set(err, MR_E_DATA, 0, "damaged or truncated archive: %s", reason);
}

enum mr_status zip_remark(const struct zip_bytes *bytes, const char *text)
{
    if (bytes->doubts->first.status == MR_OK)
        mr_error_set(&bytes->doubts->first, MR_E_DATA, 0, "%s", text);
    return MR_OK;
}

enum mr_status zip_doubt(const struct zip_bytes *bytes, struct mr_error *err, const char *format,
                         ...)
{
    char reason[MR_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    if (!bytes->doubts->accepts)
        return mr_error_set(
            err, MR_E_DATA, 0,
            "damaged or truncated archive: %s (--lenient-zip reads it all the same)", reason);
    return zip_remark(bytes, reason);
}

enum mr_status zip_bytes_read(const struct zip_bytes *bytes, int64_t at_bytes, void *buffer,
                              size_t size_bytes, struct mr_error *err)
{
    size_t got = 0;
    if (at_bytes < 0 || at_bytes > bytes->size_bytes ||
        (uint64_t)(bytes->size_bytes - at_bytes) < size_bytes)
        return zip_damaged(err, "it ends too early");
    if (io_pread(bytes->fd, buffer, size_bytes, bytes->start_bytes + at_bytes, &got) != 0)
        return mr_error_set(err, MR_E_SYSTEM, errno, "cannot read");
    return got == size_bytes ? MR_OK : zip_damaged(err, "it ends too early");
}
