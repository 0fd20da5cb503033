// clang-format off
/*
 * faults.c - an LD_PRELOAD object that lets calls of the C library fail, or a signal come just
 * before one. It counts the calls that the program itself makes (its executable, so the static
 * libmillrace too; not those of other libraries), from main() on, and fails the Nth, the Nth and
 * all after it, or every third. It allocates nothing, and may be called by any thread and from a
 * confined process.
 *
 *   FAULT_REPORT   a file that all processes of one run share: without it nothing happens. The
 *                  caller writes one line of text, padded to TEXT_BYTES, which becomes the name of
 *                  the first call that failed, and where it was made (an offset for
 *                  addr2line -e PROGRAM). Then follow 64-bit counters: of the calls that
 *                  FAULT_CALLS names, one for each kind in the order of `kinds`, and of the calls
 *                  that failed, or before which the signal came.
 *   FAULT_CALLS    what fails: a kind (see `kinds`), or one call by its name
 *   FAULT_AT       N, from 1 on; 0 or missing: only counts
 *   FAULT_MODE     once (default), from (N and all after it), third (N and every third after it,
 *                  but of each call by its name only every second one of these)
 *   FAULT_ERRNO    a number instead of that of the kind
 *   FAULT_SIGNAL   a number: nothing fails, but the process gets this signal before the call is
 *                  made, whatever thread makes it
 *   FAULT_PROGRAM  the name of the program that is meant (default millrace); its helpers are
 *                  programs of their own
 *   FAULT_FROM     all: the calls of libraries count as well
 */
// clang-format on
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PUBLIC       __attribute__((visibility("default")))
#define CALLER       __builtin_return_address(0)
#define TEXT_BYTES   64
#define REPORT_BYTES 256
#define ARENA_BYTES  8192

enum {
    ALLOC = 1,
    IO = 2,
    SPACE = 4,
    FILES = 8,
    START = 16,
    MAP = 32,
    REMOVE = 64,
    INTERRUPT = 128,
    AGAIN = 256,
    SHORT = 512,
    ANY = 1024 /* that asks the system: all but those that are ALLOC alone */
};

static const struct kind {
    const char *name;
    int fault; /* errno; 0: the call is made with one byte */
} kinds[] = {{"alloc", ENOMEM}, {"io", EIO},     {"space", ENOSPC},  {"files", EMFILE},
             {"start", EAGAIN}, {"map", ENOMEM}, {"remove", EACCES}, {"interrupt", EINTR},
             {"again", EAGAIN}, {"short", 0},    {"any", EIO}};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

#define CALLS(X)                                                                                   \
    X(malloc, ALLOC)                                                                               \
    X(calloc, ALLOC)                                                                               \
    X(realloc, ALLOC)                                                                              \
    X(strdup, ALLOC)                                                                               \
    X(strndup, ALLOC)                                                                              \
    X(vasprintf, ALLOC)                                                                            \
    X(open, IO | FILES | INTERRUPT)                                                                \
    X(openat, IO | FILES | INTERRUPT)                                                              \
    X(syscall, IO | FILES | INTERRUPT) /* openat2 */                                               \
    X(fopen, IO | FILES | ALLOC)                                                                   \
    X(fdopendir, IO | ALLOC)                                                                       \
    X(mkostemp, IO | FILES)                                                                        \
    X(pipe2, FILES)                                                                                \
    X(socketpair, FILES)                                                                           \
    X(eventfd, FILES)                                                                              \
    X(memfd_create, FILES)                                                                         \
    X(read, IO | INTERRUPT | AGAIN | SHORT)                                                        \
    X(pread, IO | INTERRUPT | SHORT)                                                               \
    X(write, IO | SPACE | INTERRUPT | AGAIN | SHORT)                                               \
    X(pwrite, IO | SPACE | INTERRUPT | SHORT)                                                      \
    X(fsync, IO | SPACE)                                                                           \
    X(close, IO | SPACE)                                                                           \
    X(ftruncate, IO | SPACE | INTERRUPT)                                                           \
    X(fallocate, IO | SPACE | INTERRUPT)                                                           \
    X(rename, IO | SPACE)                                                                          \
    X(renameat, IO | SPACE)                                                                        \
    X(renameat2, IO | SPACE)                                                                       \
    X(linkat, IO | SPACE)                                                                          \
    X(symlinkat, IO | SPACE)                                                                       \
    X(mkdir, IO | SPACE)                                                                           \
    X(mkdirat, IO | SPACE)                                                                         \
    X(unlink, REMOVE)                                                                              \
    X(unlinkat, REMOVE)                                                                            \
    X(rmdir, REMOVE)                                                                               \
    X(fstat, IO)                                                                                   \
    X(fstatat, IO)                                                                                 \
    X(readlinkat, IO)                                                                              \
    X(getdents64, IO)                                                                              \
    X(readdir, IO)                                                                                 \
    X(getdelim, ALLOC | IO)                                                                        \
    X(open_memstream, ALLOC)                                                                       \
    X(newlocale, ALLOC)                                                                            \
    X(realpath, IO | ALLOC)                                                                        \
    X(stat, IO)                                                                                    \
    X(lstat, IO)                                                                                   \
    X(opendir, IO | FILES | ALLOC)                                                                 \
    X(readlink, IO)                                                                                \
    X(mkdtemp, IO | SPACE)                                                                         \
    X(fcntl, FILES)                                                                                \
    X(dup, FILES)                                                                                  \
    X(dup3, FILES)                                                                                 \
    X(preadv2, IO | INTERRUPT)                                                                     \
    X(send, INTERRUPT)                                                                             \
    X(recv, INTERRUPT)                                                                             \
    X(sendmsg, INTERRUPT)                                                                          \
    X(recvmsg, INTERRUPT)                                                                          \
    X(fflush, IO | SPACE)                                                                          \
    X(fclose, IO | SPACE)                                                                          \
    X(fdatasync, IO | SPACE)                                                                       \
    X(syncfs, IO | SPACE)                                                                          \
    X(fchmod, IO)                                                                                  \
    X(fchownat, IO)                                                                                \
    X(futimens, IO)                                                                                \
    X(utimensat, IO)                                                                               \
    X(fsetxattr, IO | SPACE)                                                                       \
    X(fgetxattr, IO)                                                                               \
    X(flistxattr, IO)                                                                              \
    X(symlink, IO | SPACE)                                                                         \
    X(flock, IO | INTERRUPT)                                                                       \
    X(getrandom, IO | INTERRUPT)                                                                   \
    X(posix_spawnattr_init, ALLOC)                                                                 \
    X(posix_spawn_file_actions_init, ALLOC)                                                        \
    X(posix_spawn_file_actions_adddup2, ALLOC)                                                     \
    X(posix_spawn_file_actions_addclosefrom_np, ALLOC)                                             \
    X(posix_spawnp, START)                                                                         \
    X(pthread_create, START)                                                                       \
    X(mmap, MAP)                                                                                   \
    X(poll, INTERRUPT)                                                                             \
    X(waitid, INTERRUPT)

#define AS_NUMBER(name, bits) CALL_##name,
#define AS_ROW(name, bits)    {#name, (bits)},
#define AS_TYPE(name, bits)   static __typeof__(&name) real_##name;
#define AS_LOOKUP(name, bits) real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name);

enum call { CALLS(AS_NUMBER) CALL_COUNT };
static const struct {
    const char *name;
    unsigned kinds;
} calls[] = {CALLS(AS_ROW)};
CALLS(AS_TYPE)

enum mode { MODE_ONCE, MODE_FROM, MODE_THIRD };

struct report {
    char text[TEXT_BYTES];
    _Atomic uint64_t matched_count;
    _Atomic uint64_t kind_counts[KIND_COUNT];
    _Atomic uint64_t failed_count;
};
_Static_assert(sizeof(struct report) <= REPORT_BYTES, "the report does not fit");

/* Set before main(), only read later. */
static struct report *report;
static unsigned failing_kind; /* a bit, or 0 when it is one call */
static int failing_call = -1;
static uint64_t failing_at;
static enum mode failing_mode;
static int failing_errno;
static int raised_signal; /* 0: calls fail */
static bool counts_libraries;
static uintptr_t code_begin, code_end, code_base;

/* For what the dynamic loader asks for while the functions are looked up. */
static char arena[ARENA_BYTES];
static size_t arena_used;
static bool is_looking_up;
static void (*real_free)(void *);

static void *take_from_arena(size_t size_bytes)
{
    size_t start = arena_used;
    arena_used += (size_bytes + 15) & ~(size_t)15;
    return arena_used <= sizeof(arena) ? arena + start : NULL;
}

static void look_up(void)
{
    if (real_waitid || is_looking_up)
        return;
    is_looking_up = true;
    real_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
    CALLS(AS_LOOKUP)
    is_looking_up = false;
}

/* "write 0x1234", without the C library's help. */
static void note_first(enum call call, const void *caller)
{
    char *to = report->text;
    for (const char *from = calls[call].name; *from; from++)
        *to++ = *from;
    *to++ = ' ';
    *to++ = '0';
    *to++ = 'x';
    for (int shift = 28; shift >= 0; shift -= 4)
        *to++ = "0123456789abcdef"[(((uintptr_t)caller - code_base) >> shift) & 15];
    while (to < report->text + TEXT_BYTES - 1)
        *to++ = ' ';
    *to = '\n';
}

/* No signal comes in every same call of a loop: of those that would fail, each call's every second
 * one goes through. */
static bool goes_through(enum call call)
{
    static atomic_uint due_counts[CALL_COUNT];
    return failing_mode == MODE_THIRD && atomic_fetch_add(&due_counts[call], 1) % 2 == 1;
}

/* To the first thread, which is the one that hears signals; so that a confined process may, too. */
static bool get_signal(void)
{
    int fault = errno;
    pid_t own = getpid();
    real_syscall(SYS_tgkill, own, own, raised_signal);
    errno = fault;
    return false;
}

/* Counts this call; whether it fails, with errno. */
static bool fails(enum call call, const void *caller)
{
    uintptr_t place = (uintptr_t)caller;
    if (!report || (!counts_libraries && (place < code_begin || place >= code_end)))
        return false;
    unsigned bits = calls[call].kinds;
    bits |= bits == ALLOC ? 0 : ANY;
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (bits & (1U << i))
            atomic_fetch_add(&report->kind_counts[i], 1);
    if (!(bits & failing_kind) && (int)call != failing_call)
        return false;
    uint64_t number = atomic_fetch_add(&report->matched_count, 1) + 1;
    if (failing_at == 0 || number < failing_at)
        return false;
    if ((failing_mode == MODE_ONCE && number > failing_at) ||
        (failing_mode == MODE_THIRD && (number - failing_at) % 3 != 0) || goes_through(call))
        return false;
    if (atomic_fetch_add(&report->failed_count, 1) == 0)
        note_first(call, caller);
    if (raised_signal)
        return get_signal();
    errno = failing_errno;
    return true;
}

/* ---- what is wanted ---- */

static int note_code(struct dl_phdr_info *info, size_t size_bytes, void *ctx)
{
    (void)size_bytes;
    (void)ctx;
    code_base = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        code_begin = info->dlpi_addr + part->p_vaddr;
        code_end = code_begin + part->p_memsz;
    }
    return 1; /* the first is the program */
}

static const char *word(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static void choose_calls(const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(name, kinds[i].name) == 0) {
            failing_kind = 1U << i;
            failing_errno = kinds[i].fault;
        }
    for (int i = 0; i < CALL_COUNT; i++)
        if (strcmp(name, calls[i].name) == 0) {
            failing_call = i;
            failing_errno = EIO;
        }
}

static void begin(void)
{
    const char *path = word("FAULT_REPORT", NULL);
    if (!path || strcmp(program_invocation_short_name, word("FAULT_PROGRAM", "millrace")) != 0)
        return;
    dl_iterate_phdr(note_code, NULL);
    choose_calls(word("FAULT_CALLS", ""));
    failing_at = strtoull(word("FAULT_AT", "0"), NULL, 10);
    const char *mode = word("FAULT_MODE", "once");
    failing_mode = strcmp(mode, "from") == 0    ? MODE_FROM
                   : strcmp(mode, "third") == 0 ? MODE_THIRD
                                                : MODE_ONCE;
    if (getenv("FAULT_ERRNO"))
        failing_errno = (int)strtol(getenv("FAULT_ERRNO"), NULL, 10);
    raised_signal = (int)strtol(word("FAULT_SIGNAL", "0"), NULL, 10);
    counts_libraries = strcmp(word("FAULT_FROM", ""), "all") == 0;
    int fd = real_open(path, O_RDWR | O_CLOEXEC);
    void *shared = MAP_FAILED;
    if (fd >= 0 && real_ftruncate(fd, REPORT_BYTES) == 0)
        shared = real_mmap(NULL, REPORT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED)
        _exit(125);
    real_close(fd);
    report = shared;
}

static int (*real_main)(int, char **, char **);

static int main_with_faults(int argc, char **argv, char **envp)
{
    begin();
    return real_main(argc, argv, envp);
}

typedef int start_function(int (*)(int, char **, char **), int, char **, void (*)(void),
                           void (*)(void), void (*)(void), void *);
start_function __libc_start_main;

PUBLIC int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
                             void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
                             void *stack_end)
{
    look_up();
    real_main = main;
    start_function *real = (start_function *)dlsym(RTLD_NEXT, "__libc_start_main");
    return real(main_with_faults, argc, argv, init, fini, rtld_fini, stack_end);
}

/* ---- memory ---- */

PUBLIC void *malloc(size_t size_bytes)
{
    look_up();
    if (!real_malloc)
        return take_from_arena(size_bytes);
    return fails(CALL_malloc, CALLER) ? NULL : real_malloc(size_bytes);
}

PUBLIC void *calloc(size_t count, size_t size_bytes)
{
    look_up();
    if (!real_calloc)
        return take_from_arena(count * size_bytes);
    return fails(CALL_calloc, CALLER) ? NULL : real_calloc(count, size_bytes);
}

PUBLIC void *realloc(void *old, size_t size_bytes)
{
    look_up();
    if (!real_realloc)
        return take_from_arena(size_bytes);
    return fails(CALL_realloc, CALLER) ? NULL : real_realloc(old, size_bytes);
}

PUBLIC void free(void *old)
{
    look_up();
    bool is_ours = (char *)old >= arena && (char *)old < arena + sizeof(arena);
    if (!is_ours && real_free)
        real_free(old);
}

PUBLIC char *strdup(const char *text)
{
    look_up();
    return fails(CALL_strdup, CALLER) ? NULL : real_strdup(text);
}

PUBLIC char *strndup(const char *text, size_t cap_bytes)
{
    look_up();
    return fails(CALL_strndup, CALLER) ? NULL : real_strndup(text, cap_bytes);
}

PUBLIC int asprintf(char **text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = fails(CALL_vasprintf, CALLER) ? -1 : real_vasprintf(text, format, arguments);
    va_end(arguments);
    return length;
}

/* ---- files ---- */

/* The mode is an argument only when something is made. */
#define TAKE_MODE(flags, mode)                                                                     \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                         \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode = va_arg(arguments, mode_t);                                                          \
        va_end(arguments);                                                                         \
    }

PUBLIC int open(const char *path, int flags, ...)
{
    TAKE_MODE(flags, mode)
    look_up();
    return fails(CALL_open, CALLER) ? -1 : real_open(path, flags, mode);
}

PUBLIC int openat(int fd, const char *path, int flags, ...)
{
    TAKE_MODE(flags, mode)
    return fails(CALL_openat, CALLER) ? -1 : real_openat(fd, path, flags, mode);
}

PUBLIC long syscall(long number, ...)
{
    long words[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        words[i] = va_arg(arguments, long);
    va_end(arguments);
    look_up();
    if (number == SYS_openat2 && fails(CALL_syscall, CALLER))
        return -1;
    return real_syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

PUBLIC int close(int fd)
{
    look_up();
    /* As in Linux: it is closed, whatever is said. */
    bool is_failing = fails(CALL_close, CALLER);
    int fault = errno;
    int result = real_close(fd);
    if (!is_failing)
        return result;
    errno = fault;
    return -1;
}

/* What is 8 bytes long may be of an eventfd, which takes all or nothing. */
static bool is_too_short(size_t size_bytes)
{
    return size_bytes <= sizeof(uint64_t) && (failing_errno == 0 || failing_errno == EAGAIN);
}

/* One byte instead of all, or a failure. */
#define TRANSFER(name, parameters, arguments)                                                      \
    PUBLIC ssize_t name parameters                                                                 \
    {                                                                                              \
        look_up();                                                                                 \
        if (size_bytes > 0 && fd != STDERR_FILENO && !is_too_short(size_bytes) &&                  \
            fails(CALL_##name, CALLER)) {                                                          \
            if (failing_errno != 0)                                                                \
                return -1;                                                                         \
            size_bytes = 1;                                                                        \
        }                                                                                          \
        return real_##name arguments;                                                              \
    }
TRANSFER(read, (int fd, void *buffer, size_t size_bytes), (fd, buffer, size_bytes))
TRANSFER(pread, (int fd, void *buffer, size_t size_bytes, off_t offset),
         (fd, buffer, size_bytes, offset))
/* What goes to stderr is how a test sees what went wrong. */
TRANSFER(write, (int fd, const void *buffer, size_t size_bytes), (fd, buffer, size_bytes))
TRANSFER(pwrite, (int fd, const void *buffer, size_t size_bytes, off_t offset),
         (fd, buffer, size_bytes, offset))

/* A call that only fails or is made. */
#define SIMPLE(type, failure, name, parameters, arguments)                                         \
    PUBLIC type name parameters                                                                    \
    {                                                                                              \
        look_up();                                                                                 \
        if (fails(CALL_##name, CALLER))                                                            \
            return failure;                                                                        \
        return real_##name arguments;                                                              \
    }
SIMPLE(FILE *, NULL, fopen, (const char *path, const char *mode), (path, mode))
SIMPLE(DIR *, NULL, fdopendir, (int fd), (fd))
SIMPLE(int, -1, mkostemp, (char *name, int flags), (name, flags))
SIMPLE(int, -1, pipe2, (int fds[2], int flags), (fds, flags))
SIMPLE(int, -1, socketpair, (int domain, int type, int protocol, int fds[2]),
       (domain, type, protocol, fds))
SIMPLE(int, -1, eventfd, (unsigned value, int flags), (value, flags))
SIMPLE(int, -1, memfd_create, (const char *name, unsigned flags), (name, flags))
SIMPLE(int, -1, fsync, (int fd), (fd))
SIMPLE(int, -1, ftruncate, (int fd, off_t size), (fd, size))
SIMPLE(int, -1, fallocate, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size))
SIMPLE(int, -1, rename, (const char *from, const char *to), (from, to))
SIMPLE(int, -1, renameat, (int from_fd, const char *from, int to_fd, const char *to),
       (from_fd, from, to_fd, to))
SIMPLE(int, -1, renameat2,
       (int from_fd, const char *from, int to_fd, const char *to, unsigned flags),
       (from_fd, from, to_fd, to, flags))
SIMPLE(int, -1, linkat, (int from_fd, const char *from, int to_fd, const char *to, int flags),
       (from_fd, from, to_fd, to, flags))
SIMPLE(int, -1, symlinkat, (const char *target, int fd, const char *name), (target, fd, name))
SIMPLE(int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
SIMPLE(int, -1, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
SIMPLE(int, -1, unlink, (const char *path), (path))
SIMPLE(int, -1, unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
SIMPLE(int, -1, rmdir, (const char *path), (path))
SIMPLE(int, -1, fstat, (int fd, struct stat *status), (fd, status))
SIMPLE(int, -1, fstatat, (int fd, const char *path, struct stat *status, int flags),
       (fd, path, status, flags))
SIMPLE(ssize_t, -1, readlinkat, (int fd, const char *path, char *buffer, size_t size_bytes),
       (fd, path, buffer, size_bytes))
SIMPLE(ssize_t, -1, getdents64, (int fd, void *buffer, size_t size_bytes), (fd, buffer, size_bytes))
SIMPLE(struct dirent *, NULL, readdir, (DIR * directory), (directory))
SIMPLE(void *, MAP_FAILED, mmap,
       (void *address, size_t size_bytes, int protection, int flags, int fd, off_t offset),
       (address, size_bytes, protection, flags, fd, offset))
SIMPLE(int, -1, poll, (struct pollfd * fds, nfds_t count, int timeout_ms), (fds, count, timeout_ms))
SIMPLE(int, -1, waitid, (idtype_t type, id_t id, siginfo_t *info, int options),
       (type, id, info, options))

SIMPLE(ssize_t, -1, getdelim, (char **line, size_t *size_bytes, int delimiter, FILE *file),
       (line, size_bytes, delimiter, file))
SIMPLE(FILE *, NULL, open_memstream, (char **text, size_t *size_bytes), (text, size_bytes))
SIMPLE(locale_t, (locale_t)0, newlocale, (int mask, const char *name, locale_t base),
       (mask, name, base))
SIMPLE(char *, NULL, realpath, (const char *path, char *resolved), (path, resolved))
SIMPLE(int, -1, stat, (const char *path, struct stat *status), (path, status))
SIMPLE(int, -1, lstat, (const char *path, struct stat *status), (path, status))
SIMPLE(DIR *, NULL, opendir, (const char *path), (path))
SIMPLE(ssize_t, -1, readlink, (const char *path, char *buffer, size_t size_bytes),
       (path, buffer, size_bytes))
SIMPLE(char *, NULL, mkdtemp, (char *name), (name))
SIMPLE(int, -1, dup, (int fd), (fd))
SIMPLE(int, -1, dup3, (int fd, int to, int flags), (fd, to, flags))
SIMPLE(ssize_t, -1, preadv2,
       (int fd, const struct iovec *parts, int count, off_t offset, int flags),
       (fd, parts, count, offset, flags))
SIMPLE(ssize_t, -1, send, (int fd, const void *data, size_t size_bytes, int flags),
       (fd, data, size_bytes, flags))
SIMPLE(ssize_t, -1, recv, (int fd, void *room, size_t size_bytes, int flags),
       (fd, room, size_bytes, flags))
SIMPLE(ssize_t, -1, sendmsg, (int fd, const struct msghdr *message, int flags),
       (fd, message, flags))
SIMPLE(ssize_t, -1, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
SIMPLE(int, -1, fdatasync, (int fd), (fd))
SIMPLE(int, -1, syncfs, (int fd), (fd))
SIMPLE(int, -1, fchmod, (int fd, mode_t mode), (fd, mode))
SIMPLE(int, -1, fchownat, (int fd, const char *path, uid_t owner, gid_t group, int flags),
       (fd, path, owner, group, flags))
SIMPLE(int, -1, futimens, (int fd, const struct timespec times[2]), (fd, times))
SIMPLE(int, -1, utimensat, (int fd, const char *path, const struct timespec times[2], int flags),
       (fd, path, times, flags))
SIMPLE(int, -1, fsetxattr,
       (int fd, const char *name, const void *value, size_t size_bytes, int flags),
       (fd, name, value, size_bytes, flags))
SIMPLE(ssize_t, -1, fgetxattr, (int fd, const char *name, void *value, size_t size_bytes),
       (fd, name, value, size_bytes))
SIMPLE(ssize_t, -1, flistxattr, (int fd, char *names, size_t size_bytes), (fd, names, size_bytes))
SIMPLE(int, -1, symlink, (const char *target, const char *name), (target, name))
SIMPLE(int, -1, flock, (int fd, int operation), (fd, operation))
SIMPLE(ssize_t, -1, getrandom, (void *room, size_t size_bytes, unsigned flags),
       (room, size_bytes, flags))

/* Of all that it does, the one that takes a descriptor. */
PUBLIC int fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    long word = va_arg(arguments, long);
    va_end(arguments);
    look_up();
    if (command == F_DUPFD_CLOEXEC && fails(CALL_fcntl, CALLER))
        return -1;
    return real_fcntl(fd, command, word);
}

/* As close(): what is to be done is done, whatever is said. */
#define LATE(name)                                                                                 \
    PUBLIC int name(FILE *file)                                                                    \
    {                                                                                              \
        look_up();                                                                                 \
        bool is_failing = file != stderr && fails(CALL_##name, CALLER);                            \
        int fault = errno;                                                                         \
        int result = real_##name(file);                                                            \
        if (!is_failing)                                                                           \
            return result;                                                                         \
        errno = fault;                                                                             \
        return EOF;                                                                                \
    }
LATE(fflush)
LATE(fclose)

/* ---- threads and processes: they return the error number ---- */

SIMPLE(int, failing_errno, posix_spawnattr_init, (posix_spawnattr_t * attributes), (attributes))
SIMPLE(int, failing_errno, posix_spawn_file_actions_init, (posix_spawn_file_actions_t * actions),
       (actions))
SIMPLE(int, failing_errno, posix_spawn_file_actions_adddup2,
       (posix_spawn_file_actions_t * actions, int from, int to), (actions, from, to))
SIMPLE(int, failing_errno, posix_spawn_file_actions_addclosefrom_np,
       (posix_spawn_file_actions_t * actions, int from), (actions, from))

SIMPLE(int, failing_errno, posix_spawnp,
       (pid_t * pid, const char *file, const posix_spawn_file_actions_t *actions,
        const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]),
       (pid, file, actions, attributes, argv, envp))
SIMPLE(int, failing_errno, pthread_create,
       (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *ctx),
       (thread, attributes, run, ctx))
