/* What a confined process can still do, tried in children. */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "support/support.h"

Suite *sandbox_suite(void);

#define MEMORY_BYTES ((uint64_t)64 << 20)

static int sockets[2], file_fd;

/* Runs action in a confined child, which ends with its result. Returns the status of wait(). */
static int confined(int (*action)(void))
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
    file_fd = open("/etc/passwd", O_RDWR);
    if (file_fd < 0)
        file_fd = open("/etc/passwd", O_RDONLY);
    ck_assert_int_ge(file_fd, 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        const struct sandbox_config config = {sockets[1], MEMORY_BYTES};
        _exit(sandbox_enter(&config) == MR_OK ? action() : 100);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    close(sockets[0]);
    close(sockets[1]);
    close(file_fd);
    return status;
}

static void expect_exit(int (*action)(void), int want)
{
    int status = confined(action);
    ck_assert_msg(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
    ck_assert_int_eq(WEXITSTATUS(status), want);
}

/* Gives the errno of a call that fails. */
static int failure(long result)
{
    return result < 0 ? errno : 0;
}

static int work(void)
{
    char bytes[16], message = 'x';
    bool is_read = pread(file_fd, bytes, sizeof(bytes), 0) > 0;
    bool is_sent = send(sockets[1], &message, 1, MSG_NOSIGNAL) == 1;
    char *block = malloc(1 << 20);
    if (!block)
        return 1;
    memset(block, 1, 1 << 20);
    block = realloc(block, 4 << 20);
    bool is_there = block && block[1000] == 1;
    free(block);
    return is_read && is_sent && is_there ? 0 : 2;
}

START_TEST(work_goes_on)
{
    expect_exit(work, 0);
}
END_TEST

static int open_file(void)
{
    return failure(open("/etc/passwd", O_RDONLY));
}

static int make_file(void)
{
    return failure(open("/tmp/millrace-escaped", O_WRONLY | O_CREAT, 0600));
}

START_TEST(no_file_can_be_opened)
{
    expect_exit(open_file, EACCES);
    expect_exit(make_file, EACCES);
    ck_assert_int_ne(access("/tmp/millrace-escaped", F_OK), 0);
}
END_TEST

#if !MR_SANITIZED && (defined(__x86_64__) || defined(__aarch64__))
static void expect_kill(int (*action)(void))
{
    int status = confined(action);
    ck_assert_msg(WIFSIGNALED(status), "ended with status %d", WEXITSTATUS(status));
    ck_assert_int_eq(WTERMSIG(status), SIGSYS);
}

static int open_socket(void)
{
    return failure(socket(AF_INET, SOCK_STREAM, 0));
}

static int run_program(void)
{
    return failure(execl("/bin/true", "true", (char *)NULL));
}

static int start_process(void)
{
    return failure(fork());
}

static int signal_parent(void)
{
    return failure(kill(getppid(), SIGCONT));
}

static int make_executable(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
           MAP_FAILED;
}

static int remove_file(void)
{
    return failure(unlink("/tmp/millrace-none"));
}

static int change_mode(void)
{
    return failure(fchmod(file_fd, 0777));
}

static int talk_elsewhere(void)
{
    return failure(send(sockets[0], "x", 1, MSG_NOSIGNAL));
}

START_TEST(all_else_ends_it)
{
    static int (*const actions[])(void) = {open_socket,   run_program,     start_process,
                                           signal_parent, make_executable, remove_file,
                                           change_mode,   talk_elsewhere};
    expect_kill(actions[_i]);
}
END_TEST

static int write_file(void)
{
    return failure(write(file_fd, "x", 1));
}

START_TEST(descriptors_cannot_be_written)
{
    expect_exit(write_file, EPERM);
}
END_TEST

static int take_memory(void)
{
    size_t taken = 0;
    void *block;
    while ((block = malloc(1 << 20)) && taken < 4 * MEMORY_BYTES) {
        memset(block, 1, 1 << 20);
        taken += 1 << 20;
    }
    return taken >= MEMORY_BYTES / 2 && taken <= MEMORY_BYTES ? 0 : 1;
}

START_TEST(memory_is_limited)
{
    expect_exit(take_memory, 0);
}
END_TEST
#endif

Suite *sandbox_suite(void)
{
    Suite *suite = suite_create("sandbox");
    TCase *cases = tcase_create("all");
    tcase_add_test(cases, work_goes_on);
    tcase_add_test(cases, no_file_can_be_opened);
#if !MR_SANITIZED && (defined(__x86_64__) || defined(__aarch64__))
    tcase_add_loop_test(cases, all_else_ends_it, 0, 8);
    tcase_add_test(cases, descriptors_cannot_be_written);
    tcase_add_test(cases, memory_is_limited);
#endif
    suite_add_tcase(suite, cases);
    return suite;
}
