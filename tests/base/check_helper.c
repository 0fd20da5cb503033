#include "base/helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "operation/window.h"
#include "support/support.h"

Suite *helper_suite(void);

static size_t count_fds(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *fds = opendir(path);
    ck_assert_ptr_nonnull(fds);
    size_t count = 0;
    for (const struct dirent *entry; (entry = readdir(fds)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(fds);
    return count;
}

static void expect_end(const struct spawn_end *end, const char *text)
{
    char room[100];
    ck_assert_str_eq(spawn_end_text(end, room, sizeof(room)), text);
}

/* What millrace-operate wants to have. */
#define FDS 3

static void open_fds(int fds[FDS])
{
    fds[0] = window_open();
    fds[1] = eventfd(0, 0); /* not close-on-exec: that is seen to */
    fds[2] = eventfd(0, 0);
}

static void close_fds(int fds[FDS])
{
    for (int i = 0; i < FDS; i++)
        close(fds[i]);
}

static void start(struct helper *helper)
{
    struct mr_error err = {0};
    int fds[FDS];
    open_fds(fds);
    ck_assert_ok(helper_start(helper, "operate", fds, FDS, &err), err);
    ck_assert_int_gt(helper->pid, 0);
    close_fds(fds);
}

static void wait_for_end(const struct helper *helper)
{
    struct pollfd fd = {.fd = helper->pidfd, .events = POLLIN};
    ck_assert_int_eq(poll(&fd, 1, SUPPORT_HANG_MS), 1);
    ck_assert(helper_has_ended(helper));
}

/* One that ends by itself, and what is left then: nothing. */
START_TEST(leaves_nothing)
{
    size_t fd_count = count_fds(getpid());
    struct helper helper;
    struct mr_error err = {0};
    ck_assert_ok(helper_start(&helper, "operate", NULL, 0, &err), err); /* without a window */
    ck_assert(helper_wait(&helper, SUPPORT_HANG_MS));
    helper_stop(&helper);
    expect_end(&helper.end, "exited with status 67");
    start(&helper);
    ck_assert(!helper_has_ended(&helper));
    ck_assert(!helper_wait(&helper, 20));
    helper_stop(&helper);
    expect_end(&helper.end, "was killed by signal 9 (KILL)");
    ck_assert_uint_eq(count_fds(getpid()), fd_count);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    helper_stop(&helper);
}
END_TEST

/* Waits until it has set itself up. */
static void wait_for_begin(const struct helper *helper)
{
    char path[64], line[200];
    bool has_begun = false;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)helper->pid);
    for (int i = 0; i < SUPPORT_HANG_MS && !has_begun; i++, usleep(1000)) {
        FILE *file = fopen(path, "r");
        ck_assert_ptr_nonnull(file);
        while (fgets(line, sizeof(line), file))
            has_begun = has_begun || strcmp(line, "NoNewPrivs:\t1\n") == 0;
        fclose(file);
    }
    ck_assert(has_begun);
}

/* It has what it is given, and no other descriptor of this process. */
START_TEST(has_its_own_descriptors_alone)
{
    struct helper helper;
    start(&helper);
    wait_for_begin(&helper);
    ck_assert_uint_eq(count_fds(helper.pid), HELPER_FIRST_FD + FDS);
    for (int i = 0; i < HELPER_FIRST_FD + FDS; i++) {
        char path[64], target[64] = "";
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)helper.pid, i);
        ck_assert_int_gt(readlink(path, target, sizeof(target) - 1), 0);
        const char *expected = i < HELPER_SOCKET_FD    ? "/dev/null"
                               : i == HELPER_SOCKET_FD ? "socket:"
                               : i == HELPER_LEASH_FD  ? "pipe:"
                               : i == HELPER_FIRST_FD  ? "/memfd:millrace-window"
                                                       : "anon_inode:[eventfd]";
        ck_assert_msg(strncmp(target, expected, strlen(expected)) == 0, "%d is %s", i, target);
    }
    helper_stop(&helper);
    expect_end(&helper.end, "was killed by signal 9 (KILL)");
}
END_TEST

/* Whatever it does. */
START_TEST(is_killed_when_this_process_ends)
{
    struct helper helper;
    start(&helper);
    wait_for_begin(&helper);
    ck_assert_int_eq(kill(helper.pid, SIGSTOP), 0);
    /* As the end of this process would do it. */
    spawn_close_fd(&helper.leash_fd);
    wait_for_end(&helper);
    helper_stop(&helper);
    expect_end(&helper.end, "was killed by signal 9 (KILL)");
}
END_TEST

START_TEST(says_where_it_should_be)
{
    struct helper helper;
    struct mr_error err = {0};
    size_t fd_count = count_fds(getpid());
    ck_assert_int_eq(helper_start(&helper, "nothing", NULL, 0, &err), MR_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(
        strstr(err.text, "millrace-nothing is neither beside this program nor at /"));
    ck_assert_int_eq(helper.pid, 0);
    helper_stop(&helper);
    ck_assert_uint_eq(count_fds(getpid()), fd_count);
}
END_TEST

/* A server that does what it is asked for, and does not get to say so. */
static void serve_in_silence(int socket_fd)
{
    char byte;
    if (setpgid(0, 0) == 0 && recv(socket_fd, &byte, 1, 0) == 1)
        syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    for (;;)
        pause();
}

/* Its process is a child of this one. */
START_TEST(what_a_silent_server_made_is_not_left)
{
    struct helper server, helper;
    struct mr_error err = {0};
    int sockets[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
    helper_init(&server);
    server.socket_fd = sockets[0];
    server.pid = fork();
    ck_assert_int_ge(server.pid, 0);
    if (server.pid == 0)
        serve_in_silence(sockets[1]);
    ck_assert_int_eq(helper_fork(&server, 1000, &helper, NULL, 0, &err), MR_E_CHILD);
    ck_assert_int_eq(helper.pid, 0);
    helper_stop(&server);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
    close(sockets[1]);
}
END_TEST

/* A person who starts it is told what it is. */
START_TEST(does_nothing_by_itself)
{
    FILE *output = popen("$(dirname \"$(readlink /proc/$PPID/exe)\")/millrace-operate 2>&1", "r");
    ck_assert_ptr_nonnull(output);
    char line[200] = "";
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), output));
    ck_assert_ptr_nonnull(strstr(line, "started by millrace"));
    ck_assert_int_eq(WEXITSTATUS(pclose(output)), 64);
}
END_TEST

Suite *helper_suite(void)
{
    Suite *suite = suite_create("helper");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, leaves_nothing);
    tcase_add_test(tests, has_its_own_descriptors_alone);
    tcase_add_test(tests, is_killed_when_this_process_ends);
    tcase_add_test(tests, says_where_it_should_be);
    tcase_add_test(tests, what_a_silent_server_made_is_not_left);
    tcase_add_test(tests, does_nothing_by_itself);
    suite_add_tcase(suite, tests);
    return suite;
}
