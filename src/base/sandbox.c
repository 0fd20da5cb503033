#include "base/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"

#if defined(__x86_64__)
#define SANDBOX_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SANDBOX_ARCH AUDIT_ARCH_AARCH64
#endif

#define FD_MAX_COUNT 16

/* ---- Landlock ---- */

/* What later versions of <linux/landlock.h> have, by the numbers of the kernel's interface. */
#define ACCESS_FS_ABI_1     ((1ULL << 13) - 1)
#define ACCESS_FS_REFER     (1ULL << 13) /* ABI 2 */
#define ACCESS_FS_TRUNCATE  (1ULL << 14) /* ABI 3 */
#define ACCESS_FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define ACCESS_NET_TCP      3ULL         /* bind and connect, ABI 4 */
#define SCOPE_ABSTRACT_UNIX 1ULL         /* ABI 6 */
#define SCOPE_SIGNAL        2ULL

/* Handles everything that the kernel knows, and allows none of it. */
static void forbid_files(void)
{
    struct {
        uint64_t access_fs, access_net, scoped;
    } rules = {ACCESS_FS_ABI_1, 0, 0};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    size_t size_bytes = sizeof(rules.access_fs);
    if (abi < 1)
        return;
    if (abi >= 2)
        rules.access_fs |= ACCESS_FS_REFER;
    if (abi >= 3)
        rules.access_fs |= ACCESS_FS_TRUNCATE;
    if (abi >= 4) {
        rules.access_net = ACCESS_NET_TCP;
        size_bytes = offsetof(__typeof__(rules), scoped);
    }
    if (abi >= 5)
        rules.access_fs |= ACCESS_FS_IOCTL_DEV;
    if (abi >= 6) {
        rules.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
        size_bytes = sizeof(rules);
    }
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size_bytes, 0);
    if (fd < 0)
        return;
    syscall(SYS_landlock_restrict_self, fd, 0);
    close(fd);
}

/* ---- limits ---- */

static bool set_limit(__rlimit_resource_t resource, uint64_t value)
{
    const struct rlimit limit = {value, value};
    return setrlimit(resource, &limit) == 0;
}

static bool set_limits(uint64_t memory_bytes)
{
    bool is_limited = MR_SANITIZED || memory_bytes == 0 || set_limit(RLIMIT_DATA, memory_bytes);
    return is_limited && set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_FSIZE, 0) &&
           set_limit(RLIMIT_NOFILE, FD_MAX_COUNT) && set_limit(RLIMIT_NPROC, 0);
}

/* ---- seccomp ---- */

#if defined(SANDBOX_ARCH) && !MR_SANITIZED

#define LOAD(field)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
/* The low half of an argument; all that matter here are ints. */
#define LOAD_ARGUMENT(index)                                                                       \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[index]))
#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), RETURN(SECCOMP_RET_ALLOW)
#define FAIL(call, fault)                                                                          \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), RETURN(SECCOMP_RET_ERRNO | (fault))
/* Only when the argument has this value. */
#define ALLOW_IF(call, index, value)                                                               \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD_ARGUMENT(index),                   \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, 1), RETURN(SECCOMP_RET_ALLOW),   \
        RETURN(SECCOMP_RET_KILL_PROCESS)
/* Only when the argument has none of these bits. */
#define ALLOW_WITHOUT(call, index, bits)                                                           \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD_ARGUMENT(index),                   \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 1, 0), RETURN(SECCOMP_RET_ALLOW),             \
        RETURN(SECCOMP_RET_KILL_PROCESS)

static void filter_calls(int socket_fd)
{
    const pid_t own = getpid();
    const struct sock_filter code[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SANDBOX_ARCH, 1, 0),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr), /* a number of x32 is none of those below */
        ALLOW(pread64),
        ALLOW(read),
        ALLOW(lseek),
        ALLOW_IF(sendto, 0, socket_fd),
        ALLOW_IF(recvfrom, 0, socket_fd),
        ALLOW(brk),
        ALLOW_WITHOUT(mmap, 2, PROT_EXEC),
        ALLOW_WITHOUT(mprotect, 2, PROT_EXEC),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(madvise),
        ALLOW(futex),
        ALLOW(clock_gettime),
        ALLOW(gettimeofday),
        ALLOW(getrandom),
        ALLOW(fstat),
        ALLOW(close),
        ALLOW(rt_sigreturn),
        ALLOW(restart_syscall),
        ALLOW(exit_group),
        ALLOW(exit),
        /* abort() of the C library, so that its signal is the one that is seen. */
        ALLOW(rt_sigprocmask),
        ALLOW(rt_sigaction),
        ALLOW(getpid),
        ALLOW(gettid),
        ALLOW_IF(tgkill, 0, own),
        /* What a library does before it says what went wrong, or goes on without. */
        FAIL(openat, EACCES),
        FAIL(newfstatat, EACCES),
        FAIL(faccessat, EACCES),
        FAIL(readlinkat, EACCES),
        FAIL(write, EPERM),
        FAIL(writev, EPERM),
#ifdef __x86_64__
        FAIL(open, EACCES),
        FAIL(stat, EACCES),
        FAIL(access, EACCES),
        FAIL(readlink, EACCES),
        ALLOW(time),
#endif
        RETURN(SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]),
                                       .filter = (struct sock_filter *)code};
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

#else

static void filter_calls(int socket_fd)
{
    (void)socket_fd;
}

#endif

enum mr_status sandbox_enter(const struct sandbox_config *config)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return MR_E_SYSTEM;
    forbid_files();
    if (!set_limits(config->memory_bytes))
        return MR_E_SYSTEM;
    filter_calls(config->socket_fd);
    return MR_OK;
}
