/* What the process of a command gets at its start and leaves at its end. The rest: check_exec.c. */
#include <signal.h>
#include <unistd.h>

#include "command.h"

Suite *child_suite(void);

/* With the default disposition, and unblocked: nothing dies, nothing stays pending. */
START_TEST(raises_no_sigpipe)
{
    sigset_t pending, all;
    sigfillset(&all);
    for (int is_blocked = 0; is_blocked < 2; is_blocked++) {
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(is_blocked ? SIG_BLOCK : SIG_UNBLOCK, &all, NULL);
        unsigned char *content = support_text(1, 1000000);
        struct drive drive;
        ck_assert_int_eq(run_once(&drive, SHELL("exec <&-; sleep 0.05"), "a", content, 1000000),
                         MR_DONE);
        free(drive.out);
        free(content);
        ck_assert_int_eq(sigpending(&pending), 0);
        ck_assert_int_eq(sigismember(&pending, SIGPIPE), 0);
    }
    sigprocmask(SIG_UNBLOCK, &all, NULL);
}
END_TEST

/* The child: descriptors 0, 1, 2 alone, no signal blocked or ignored, a group of its own. */
START_TEST(gives_a_clean_start)
{
    int leaky = dup(1); /* not close-on-exec */
    ck_assert_int_gt(leaky, 2);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    /* 32 and 33 are the C library's own; it lets posix_spawn() ignore them. */
    expect_output(
        SHELL("sed -n 's/^Sig\\(Blk\\|Ign\\):[[:space:]]*0000000[01][08]/\\1 /p' /proc/self/status"
              " | grep ."),
        "a", "Blk 0000000\nIgn 0000000\n", 24);
    expect_output(SHELL("i=0; while [ $i -lt 60 ]; do [ -e /proc/$$/fd/$i ] && printf '%s ' $i; "
                        "i=$((i + 1)); done; :"),
                  "a", "0 1 2 ", 6);
    expect_output(SHELL("test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo own"), "a", "own\n", 4);
    close(leaky);
}
END_TEST

/* Also where 0, 1 and 2 are free and pipes would get these numbers. */
START_TEST(works_with_closed_standard_descriptors)
{
    int kept[3];
    for (int i = 0; i < 3; i++)
        kept[i] = dup(i);
    for (int i = 0; i < 3; i++)
        close(i);
    struct drive drive;
    enum mr_status good = run_once(&drive, SHELL("cat; echo e >&2"), "a", "in", 2);
    size_t bytes = drive.out_bytes;
    free(drive.out);
    enum mr_status bad = run_once(&drive, SHELL("echo e >&2; exit 1"), "a", "in", 2);
    for (int i = 0; i < 3; i++) {
        if (kept[i] < 0)
            continue;
        dup2(kept[i], i);
        close(kept[i]);
    }
    ck_assert_int_eq(good, MR_DONE);
    ck_assert_uint_eq(bytes, 2);
    ck_assert_int_eq(bad, MR_E_CHILD);
    ck_assert_str_eq(drive.err.text, "sh exited with status 1: e");
    free(drive.out);
}
END_TEST

/* A program that ignores SIGCHLD gets no statuses: said, not guessed. */
START_TEST(says_when_the_status_is_lost)
{
    signal(SIGCHLD, SIG_IGN);
    struct drive drive;
    ck_assert_int_eq(run_once(&drive, SHELL("echo hi"), "a", "", 0), MR_E_CHILD);
    ck_assert_ptr_nonnull(strstr(drive.err.text, "SIGCHLD"));
    free(drive.out);
}
END_TEST

/* Also what holds no pipe is gone when the item is done. */
START_TEST(kills_the_group)
{
    struct drive drive;
    ck_assert_int_eq(run_once(&drive, SHELL("sleep 1000 >/dev/null 2>&1 & echo $!"), "a", "", 0),
                     MR_DONE);
    ck_assert_uint_gt(drive.out_bytes, 0);
    pid_t grandchild = (pid_t)strtol((const char *)drive.out, NULL, 10);
    free(drive.out);
    ck_assert_int_gt(grandchild, 1);
    char name[64], state = 'R';
    snprintf(name, sizeof(name), "/proc/%d/stat", (int)grandchild);
    for (int i = 0; i < SUPPORT_HANG_MS / 10 && state != 'Z';
         i++) { /* gone, or a zombie that init has not taken yet */
        FILE *stat = fopen(name, "r");
        if (!stat)
            return;
        if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
            state = 'Z';
        fclose(stat);
        usleep(10000);
    }
    ck_assert_int_eq(state, 'Z');
}
END_TEST

Suite *child_suite(void)
{
    Suite *suite = suite_create("child");
    TCase *tcase = tcase_create("child");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, gives_a_clean_start);
    tcase_add_test(tcase, works_with_closed_standard_descriptors);
    tcase_add_test(tcase, raises_no_sigpipe);
    tcase_add_test(tcase, kills_the_group);
    tcase_add_test(tcase, says_when_the_status_is_lost);
    suite_add_tcase(suite, tcase);
    return suite;
}
