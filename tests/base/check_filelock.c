#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/filelock.h"
#include "support/support.h"

#define SHORT_US 300000

Suite *filelock_suite(void);

static char *room;

static void set_up(void)
{
    room = support_temp_directory();
}

static void tear_down(void)
{
    support_remove(room);
}

static int open_lock(void)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/lock", room);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    ck_assert_int_ge(fd, 0);
    return fd;
}

/* A process that has the lock, and one that it has started and that has it for a while longer. */
static pid_t start_holder(useconds_t longer_us)
{
    int ready[2];
    char byte;
    pid_t owner;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t holder = fork();
    if (holder == 0) {
        int fd = open_lock();
        if (filelock_take(fd, false, &owner) != 0)
            _exit(1);
        if (fork() == 0) {
            setpgid(0, 0);
            if (write(ready[1], "", 1) != 1)
                _exit(1);
            usleep(longer_us);
            _exit(0);
        }
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return holder;
}

static void end_holder(pid_t holder)
{
    ck_assert_int_eq(kill(holder, SIGKILL), 0);
    ck_assert_int_eq(waitpid(holder, NULL, 0), holder);
}

START_TEST(is_refused_while_its_owner_lives)
{
    pid_t owner = 0, holder = start_holder(0);
    int fd = open_lock();
    ck_assert_int_eq(filelock_take(fd, false, &owner), -1);
    ck_assert_int_eq(errno, EWOULDBLOCK);
    ck_assert_int_eq(owner, holder);
    end_holder(holder);
    ck_assert_int_eq(filelock_take(fd, false, &owner), 0);
    close(fd);
}
END_TEST

/* As while a process is started: until exec() the new one has what its parent had open. */
START_TEST(goes_on_soon_after_its_owner_was_killed)
{
    pid_t owner = 0, holder = start_holder(SHORT_US);
    int fd = open_lock();
    end_holder(holder);
    ck_assert_int_eq(filelock_take(fd, false, &owner), 0);
    close(fd);
}
END_TEST

Suite *filelock_suite(void)
{
    Suite *suite = suite_create("filelock");
    TCase *tcase = tcase_create("locks");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, is_refused_while_its_owner_lives);
    tcase_add_test(tcase, goes_on_soon_after_its_owner_was_killed);
    suite_add_tcase(suite, tcase);
    return suite;
}
