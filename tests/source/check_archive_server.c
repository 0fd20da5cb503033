/* The program that is started once and forks for every archive: whose children those are, what they
 * have, and what outlives what. */
#include "source/archive_server.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "source/archive_shared.h"
#include "support/support.h"

Suite *archive_server_suite(void);

#define READERS 3

static struct archive_server server;
static struct helper readers[READERS];
static struct mr_error err;

/* A reader that waits for its first byte for ever. */
static void start(struct helper *reader, unsigned fd_count)
{
    int fds[] = {memfd_create("memory", MFD_CLOEXEC), memfd_create("blocks", MFD_CLOEXEC),
                 memfd_create("file", MFD_CLOEXEC)};
    ck_assert_int_eq(ftruncate(fds[0], (off_t)SHARED_BYTES), 0);
    ck_assert_int_eq(ftruncate(fds[1], (off_t)SHARED_BLOCKS_BYTES), 0);
    ck_assert_ok(archive_server_start(&server, reader, fds, fd_count, &err), err);
    close(fds[0]);
    close(fds[1]);
    close(fds[2]);
}

static void start_all(void)
{
    archive_server_init(&server);
    for (unsigned i = 0; i < READERS; i++)
        start(&readers[i], i == 0 ? 3 : 2);
}

static void expect_killed(struct helper *reader)
{
    helper_stop(reader);
    ck_assert_int_eq(reader->end.kind, SPAWN_KILLED);
    ck_assert_int_eq(reader->end.number, SIGKILL);
}

/* Nobody is left: neither running nor as a zombie. */
static void stop_all(void)
{
    for (unsigned i = 0; i < READERS; i++)
        expect_killed(&readers[i]);
    archive_server_fini(&server);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

static unsigned count_fds(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *fds = opendir(path);
    ck_assert_ptr_nonnull(fds);
    unsigned count = 0;
    for (const struct dirent *entry; (entry = readdir(fds)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(fds);
    return count;
}

static bool has_line(pid_t pid, const char *line)
{
    char path[64], text[4096];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    size_t got = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[got] = '\0';
    return strstr(text, line) != NULL;
}

/* Waits until it has confined itself. */
static void wait_for_begin(const struct helper *reader)
{
#if !MR_SANITIZED && (defined(__x86_64__) || defined(__aarch64__))
    for (int i = 0; i < SUPPORT_HANG_MS && !has_line(reader->pid, "Seccomp:\t2"); i++)
        usleep(1000);
    ck_assert(has_line(reader->pid, "Seccomp:\t2"));
#else
    (void)reader;
    usleep(200000);
#endif
}

START_TEST(each_is_a_process_of_its_own)
{
    char parent[32];
    snprintf(parent, sizeof(parent), "PPid:\t%d\n", (int)getpid());
    start_all();
    for (unsigned i = 0; i < READERS; i++) {
        wait_for_begin(&readers[i]);
        ck_assert(has_line(readers[i].pid, parent));
        ck_assert(has_line(readers[i].pid, "NoNewPrivs:\t1\n"));
        ck_assert_int_eq(getpgid(readers[i].pid), readers[i].pid);
        ck_assert_uint_eq(count_fds(readers[i].pid), HELPER_FIRST_FD + (i == 0 ? 3U : 2U));
        ck_assert(!helper_has_ended(&readers[i]));
    }
    ck_assert_uint_eq(count_fds(server.forker.pid), HELPER_FIRST_FD); /* it kept nothing */
    stop_all();
}
END_TEST

START_TEST(the_end_of_one_is_its_own)
{
    start_all();
    ck_assert_int_eq(kill(readers[1].pid, SIGKILL), 0);
    ck_assert(helper_wait(&readers[1], SUPPORT_HANG_MS));
    expect_killed(&readers[1]);
    ck_assert(!helper_has_ended(&server.forker));
    pid_t forker = server.forker.pid;
    start(&readers[1], 2);
    ck_assert_int_eq(server.forker.pid, forker);
    for (unsigned i = 0; i < READERS; i++)
        ck_assert(!helper_has_ended(&readers[i]));
    stop_all();
}
END_TEST

START_TEST(a_server_that_ended_is_started_again)
{
    start_all();
    expect_killed(&readers[2]);
    pid_t forker = server.forker.pid;
    ck_assert_int_eq(kill(forker, SIGKILL), 0);
    ck_assert(helper_wait(&server.forker, SUPPORT_HANG_MS));
    start(&readers[2], 3);
    ck_assert_int_ne(server.forker.pid, forker);
    ck_assert(!helper_has_ended(&readers[0]));
    stop_all();
}
END_TEST

START_TEST(a_silent_server_is_killed)
{
    start_all();
    expect_killed(&readers[2]);
    pid_t forker = server.forker.pid;
    ck_assert_int_eq(kill(forker, SIGSTOP), 0);
    server.answer_ms = 500; /* the new one has to answer in that as well */
    int fds[] = {memfd_create("memory", MFD_CLOEXEC)};
    enum mr_status status = archive_server_start(&server, &readers[2], fds, 1, &err);
    ck_assert_int_eq(kill(forker, 0), -1);
    ck_assert(status == MR_OK || status == MR_E_CHILD);
    server.answer_ms = ARCHIVE_SERVER_ANSWER_MS;
    if (status == MR_E_CHILD)
        start(&readers[2], 2);
    close(fds[0]);
    helper_stop(&readers[2]); /* without its memory it may have ended by itself */
    start(&readers[2], 2);
    stop_all();
}
END_TEST

START_TEST(readers_outlive_their_server)
{
    start_all();
    wait_for_begin(&readers[0]);
    archive_server_fini(&server);
    for (unsigned i = 0; i < READERS; i++)
        ck_assert(!helper_has_ended(&readers[i]));
    stop_all();
}
END_TEST

START_TEST(all_are_killed_when_this_process_ends)
{
    start_all();
    for (unsigned i = 0; i < READERS; i++) {
        wait_for_begin(&readers[i]);
        ck_assert_int_eq(kill(readers[i].pid, SIGSTOP), 0);
        spawn_close_fd(&readers[i].leash_fd); /* as the end of this process would do it */
        ck_assert(helper_wait(&readers[i], SUPPORT_HANG_MS));
    }
    spawn_close_fd(&server.forker.leash_fd);
    ck_assert(helper_wait(&server.forker, SUPPORT_HANG_MS));
    stop_all();
}
END_TEST

Suite *archive_server_suite(void)
{
    Suite *suite = suite_create("archive_server");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, each_is_a_process_of_its_own);
    tcase_add_test(cases, the_end_of_one_is_its_own);
    tcase_add_test(cases, a_server_that_ended_is_started_again);
    tcase_add_test(cases, a_silent_server_is_killed);
    tcase_add_test(cases, readers_outlive_their_server);
    tcase_add_test(cases, all_are_killed_when_this_process_ends);
    suite_add_tcase(suite, cases);
    return suite;
}
