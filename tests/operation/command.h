/* command.h - runs commands through the exec operation, and looks for what they could leave behind.
 */
#ifndef MR_TESTS_COMMAND_H
#define MR_TESTS_COMMAND_H

#include <dirent.h>
#include <errno.h>
#include <sys/wait.h>

#include "drive.h"
#include "operation/exec.h"

static inline struct drive make_drive(void **config, const char *const *argv)
{
    struct mr_error err = {0};
    struct drive drive = {.drops_input = true, .in_chunk_bytes = 65536, .out_chunk_bytes = 65536};
    ck_assert_ok(exec_create(argv, NULL, &drive.operation, config, &err), err);
    ck_assert_ok(drive.operation->state_create(*config, &drive.state, &err), err);
    return drive;
}

static inline void end_drive(struct drive *drive, void *config)
{
    drive->operation->state_destroy(drive->state);
    drive->operation->config_destroy(config);
}

#define ARGV(...)   ((const char *const[]){__VA_ARGS__, NULL})
#define SHELL(text) ARGV("sh", "-c", text)

static inline size_t count_fds(void)
{
    DIR *fds = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(fds);
    size_t count = 0;
    while (readdir(fds))
        count++;
    closedir(fds);
    return count;
}

static inline void check_no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

/* Runs argv over content; the result is the caller's to free. */
static inline enum mr_status run_once(struct drive *drive, const char *const *argv,
                                      const char *path, const void *content, size_t bytes)
{
    void *config;
    size_t fd_count = count_fds();
    *drive = make_drive(&config, argv);
    struct mr_entry entry = drive_entry(path, bytes);
    enum mr_status status = drive_run(drive, &entry, content, bytes);
    end_drive(drive, config);
    ck_assert_uint_eq(count_fds(), fd_count);
    check_no_children();
    return status;
}

static inline void expect_output(const char *const *argv, const char *path, const char *expected,
                                 size_t expected_bytes)
{
    struct drive drive;
    enum mr_status status = run_once(&drive, argv, path, "in", 2);
    ck_assert_msg(status == MR_DONE, "%s", drive.err.text);
    ck_assert_msg(
        drive.out_bytes == expected_bytes && memcmp(drive.out, expected, expected_bytes) == 0,
        "\"%.*s\" instead of \"%s\"", (int)drive.out_bytes, (const char *)drive.out, expected);
    free(drive.out);
}

static inline void expect_failure(const char *const *argv, const char *text)
{
    struct drive drive;
    ck_assert_int_eq(run_once(&drive, argv, "a", "in", 2), MR_E_CHILD);
    ck_assert_str_eq(drive.err.text, text);
    free(drive.out);
}

#endif
