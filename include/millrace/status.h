/*
 * millrace/status.h - how every call of libmillrace says how it went.
 *
 * A fallible function returns an enum mr_status and, where there is more to say, fills a struct
 * mr_error that the caller provides. The lowest function that knows fills it; callers above may put
 * a prefix before the text, never replace it. Nothing here allocates, prints or exits.
 */
#ifndef MILLRACE_STATUS_H
#define MILLRACE_STATUS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MR_API                             __attribute__((visibility("default")))
#define MR_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#else
#define MR_API
#define MR_PRINTF(format_index, first_arg)
#endif

enum mr_status {
    MR_OK = 0,    /* done, or: go on */
    MR_DONE,      /* the end was reached: no more items, no more bytes; not an error */
    MR_AGAIN,     /* a try form could not do it at once */
    MR_TIMEOUT,   /* the time given was over first */
    MR_CLOSED,    /* the object was closed or is shutting down; what was handed in was not taken */
    MR_CANCELLED, /* stopped before it ran, or while it ran, because the caller asked for that */
    MR_SKIPPED,   /* left out on purpose by a policy of the caller (it exists, it is not newer) */
    MR_E_MEMORY,  /* an allocation failed */
    MR_E_SYSTEM,  /* a system call failed: sys_errno says which way */
    MR_E_DATA,    /* the input is damaged or not what it should be */
    MR_E_USAGE,   /* the caller's arguments are wrong */
    MR_E_LIMIT,   /* a limit of the caller was exceeded */
    MR_E_UNSAFE,  /* a name, link or kind of file that is refused for safety */
    MR_E_EXISTS,  /* the output is there already */
    MR_E_UNSUPPORTED, /* this build, format or file system cannot do it */
    MR_E_CHANGED,     /* the input changed while it was read */
    MR_E_CHILD,       /* a child process failed */
    MR_E_TIMEOUT,     /* it took longer than the caller allows */
    MR_E_STEP         /* a caller's own function reported a failure */
};

#define MR_ERROR_TEXT_BYTES 320

/* Fixed size, never on the heap, may be copied with =. Zero-initialised means "no error". */
struct mr_error {
    enum mr_status status;
    int sys_errno;                  /* 0, or the errno of the system call that failed */
    char text[MR_ERROR_TEXT_BYTES]; /* one line, no newline at the end; names in it are escaped */
};

/* A fixed, lower-case English phrase for a status ("done", "out of memory"). Never NULL.
 * Thread-safe. */
MR_API const char *mr_status_text(enum mr_status status);

/* True for the statuses that are failures (MR_E_*). Thread-safe. */
MR_API bool mr_status_is_error(enum mr_status status);

/*
 * Fills *err (which may be NULL: then nothing is written) and returns status, so that a function
 * can end with `return mr_error_set(err, ...)`. Text that does not fit is cut. When sys_errno is
 * not 0, ": " and the system's text for it are added. Thread-safe for different errs.
 */
MR_API enum mr_status mr_error_set(struct mr_error *err, enum mr_status status, int sys_errno,
                                   const char *format, ...) MR_PRINTF(4, 5);

/* Puts "prefix: " before the text of *err; what does not fit is cut. err may be NULL. */
MR_API void mr_error_prefix(struct mr_error *err, const char *format, ...) MR_PRINTF(2, 3);

/* The version of the library, "major.minor.patch". Never NULL. */
MR_API const char *mr_version(void);

#ifdef __cplusplus
}
#endif
#endif
