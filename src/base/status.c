#include "millrace/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

const char *mr_status_text(enum mr_status status)
{
    switch (status) {
    case MR_OK:
        return "done";
    case MR_DONE:
        return "at the end";
    case MR_AGAIN:
        return "not possible at once";
    case MR_TIMEOUT:
        return "timed out";
    case MR_CLOSED:
        return "closed";
    case MR_CANCELLED:
        return "cancelled";
    case MR_SKIPPED:
        return "skipped";
    case MR_E_MEMORY:
        return "out of memory";
    case MR_E_SYSTEM:
        return "system call failed";
    case MR_E_DATA:
        return "damaged input";
    case MR_E_USAGE:
        return "wrong arguments";
    case MR_E_LIMIT:
        return "over a limit";
    case MR_E_UNSAFE:
        return "unsafe";
    case MR_E_EXISTS:
        return "exists already";
    case MR_E_UNSUPPORTED:
        return "not supported";
    case MR_E_CHANGED:
        return "changed while it was read";
    case MR_E_CHILD:
        return "command failed";
    case MR_E_TIMEOUT:
        return "took too long";
    case MR_E_STEP:
        return "step failed";
    }
    return "unknown status";
}

bool mr_status_is_error(enum mr_status status)
{
    return status >= MR_E_MEMORY;
}

/* The system's text for errno values: a constant, in English whatever the locale is. */
static const char *system_text(int sys_errno)
{
    const char *text = strerrordesc_np(sys_errno);
    return text ? text : "unknown error";
}

enum mr_status mr_error_set(struct mr_error *err, enum mr_status status, int sys_errno,
                            const char *format, ...)
{
    if (!err)
        return status;
    err->status = status;
    err->sys_errno = sys_errno;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    if (sys_errno != 0 && length >= 0 && (size_t)length < sizeof(err->text))
        snprintf(err->text + length, sizeof(err->text) - (size_t)length, ": %s",
                 system_text(sys_errno));
    return status;
}

void mr_error_prefix(struct mr_error *err, const char *format, ...)
{
    if (!err)
        return;
    char prefix[MR_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);
    char whole[2 * MR_ERROR_TEXT_BYTES + 2];
    snprintf(whole, sizeof(whole), "%s: %s", prefix, err->text);
    memcpy(err->text, whole, sizeof(err->text) - 1);
    err->text[sizeof(err->text) - 1] = '\0';
}

const char *mr_version(void)
{
    return MR_VERSION;
}
