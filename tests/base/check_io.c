#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/support.h"

Suite *io_suite(void);

enum { DATA_BYTES = 300000 };

static volatile sig_atomic_t alarm_count;

static void on_alarm(int number)
{
    (void)number;
    alarm_count++;
}

/* Interrupts every blocking call of this process each millisecond. */
static void start_interrupting(void)
{
    struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART */
    struct itimerval each = {{0, 1000}, {0, 1000}};
    sigemptyset(&action.sa_mask);
    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &each, NULL), 0);
}

static void stop_interrupting(void)
{
    struct itimerval never = {{0, 0}, {0, 0}};
    ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
    ck_assert_int_gt(alarm_count, 0);
}

/* A child that writes data in small pieces with pauses; returns the end to read from. */
static int start_slow_writer(const unsigned char *data, pid_t *child)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    *child = fork();
    ck_assert_int_ge(*child, 0);
    if (*child == 0) {
        close(ends[0]);
        for (size_t at = 0; at < DATA_BYTES; at += 10000) {
            usleep(2000);
            if (write(ends[1], data + at, 10000) != 10000)
                _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

/* A child that reads all with pauses and exits with 0 when it is data; returns the end to write to.
 */
static int start_slow_reader(const unsigned char *data, pid_t *child)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    *child = fork();
    ck_assert_int_ge(*child, 0);
    if (*child == 0) {
        static unsigned char piece[10000];
        size_t at = 0;
        ssize_t got;
        close(ends[1]);
        while ((got = read(ends[0], piece, sizeof(piece))) > 0) {
            usleep(2000);
            if (at + (size_t)got > DATA_BYTES || memcmp(data + at, piece, (size_t)got) != 0)
                _exit(1);
            at += (size_t)got;
        }
        _exit(at != DATA_BYTES);
    }
    close(ends[0]);
    return ends[1];
}

static void expect_good_end(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void set_nonblocking(int fd, bool is_wanted)
{
    if (is_wanted)
        ck_assert_int_eq(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

/* _i: 0 blocking, 1 non-blocking */
START_TEST(reads_all_from_a_slow_pipe)
{
    unsigned char *data = support_noise(1, DATA_BYTES);
    unsigned char *got = malloc(DATA_BYTES + 1);
    size_t got_bytes;
    pid_t child;
    int fd = start_slow_writer(data, &child);
    set_nonblocking(fd, _i == 1);
    start_interrupting();
    ck_assert_int_eq(io_read(fd, got, 12345, &got_bytes), 0);
    ck_assert_uint_eq(got_bytes, 12345);
    ck_assert_int_eq(io_read(fd, got + 12345, DATA_BYTES + 1 - 12345, &got_bytes), 0);
    ck_assert_uint_eq(got_bytes, DATA_BYTES - 12345);
    stop_interrupting();
    ck_assert(memcmp(got, data, DATA_BYTES) == 0);
    ck_assert_int_eq(io_read(fd, got, 1, &got_bytes), 0);
    ck_assert_uint_eq(got_bytes, 0);
    expect_good_end(child);
    close(fd);
    free(got);
    free(data);
}
END_TEST

START_TEST(writes_all_to_a_slow_pipe)
{
    unsigned char *data = support_noise(2, DATA_BYTES);
    pid_t child;
    int fd = start_slow_reader(data, &child);
    set_nonblocking(fd, _i == 1);
    start_interrupting();
    ck_assert_int_eq(io_write(fd, data, 1), 0);
    ck_assert_int_eq(io_write(fd, data, 0), 0);
    ck_assert_int_eq(io_write(fd, data + 1, DATA_BYTES - 1), 0);
    stop_interrupting();
    close(fd);
    expect_good_end(child);
    free(data);
}
END_TEST

START_TEST(tells_what_fails)
{
    char byte = 0;
    size_t got_bytes = 9;
    int ends[2];
    ck_assert_int_eq(io_read(-1, &byte, 1, &got_bytes), -1);
    ck_assert_int_eq(errno, EBADF);
    ck_assert_uint_eq(got_bytes, 0);
    ck_assert_int_eq(io_write(-1, &byte, 1), -1);
    ck_assert_int_eq(errno, EBADF);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(io_pread(ends[0], &byte, 1, 0, &got_bytes), -1);
    ck_assert_int_eq(errno, ESPIPE);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(io_write(ends[1], &byte, 1), -1);
    ck_assert_int_eq(errno, EPIPE);
    close(ends[1]);
    int full = open("/dev/full", O_WRONLY);
    ck_assert_int_ge(full, 0);
    ck_assert_int_eq(io_write(full, &byte, 1), -1);
    ck_assert_int_eq(errno, ENOSPC);
    close(full);
}
END_TEST

START_TEST(works_at_offsets)
{
    struct mr_error err = {0};
    char text[16] = "";
    size_t got_bytes;
    int fd = io_temp_file(&err);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_pwrite(fd, "world", 5, 6), 0);
    ck_assert_int_eq(io_pwrite(fd, "hello ", 6, 0), 0);
    ck_assert_int_eq(io_pread(fd, text, sizeof(text), 4, &got_bytes), 0);
    ck_assert_uint_eq(got_bytes, 7);
    ck_assert_mem_eq(text, "o world", 7);
    ck_assert_int_eq(io_pread(fd, text, sizeof(text), 11, &got_bytes), 0);
    ck_assert_uint_eq(got_bytes, 0);
    ck_assert_int_eq(io_read(fd, text, 5, &got_bytes), 0); /* the position has not moved */
    ck_assert_mem_eq(text, "hello", 5);
    ck_assert_int_eq(io_pread(fd, text, 1, -1, &got_bytes), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(io_pwrite(fd, text, 1, -1), -1);
    ck_assert_int_eq(errno, EINVAL);
    close(fd);
}
END_TEST

/* Checks that fd is what io_temp_file() promises, made in directory, where nothing is seen of it.
 */
static void expect_temp_file_in(int fd, const char *directory)
{
    struct stat file, place;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &file), 0);
    ck_assert_int_eq(stat(directory, &place), 0);
    ck_assert(S_ISREG(file.st_mode));
    ck_assert_uint_eq(file.st_nlink, 0);
    ck_assert_int_eq(file.st_size, 0);
    ck_assert_uint_eq(file.st_mode & 077, 0);
    ck_assert(file.st_dev == place.st_dev);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    char name[64];
    char target[4200];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, target, sizeof(target) - 1);
    ck_assert_int_gt(length, 0);
    target[length] = '\0';
    ck_assert_msg(strncmp(target, directory, strlen(directory)) == 0, "%s is not in %s", target,
                  directory);
    close(fd);
}

START_TEST(makes_temporary_files_where_told)
{
    struct mr_error err = {0};
    char *directory = support_temp_directory();
    io_set_temp_directory(directory);
    expect_temp_file_in(io_temp_file(&err), directory);
    ck_assert_int_eq(rmdir(directory), 0); /* empty */
    ck_assert_int_eq(io_temp_file(&err), -1);
    ck_assert_int_eq(err.status, MR_E_SYSTEM);
    ck_assert_int_eq(err.sys_errno, ENOENT);
    ck_assert_ptr_nonnull(strstr(err.text, directory));
    ck_assert_int_eq(io_temp_file(NULL), -1);
    free(directory);
}
END_TEST

START_TEST(makes_temporary_files_by_default)
{
    struct mr_error err = {0};
    char *directory = support_temp_directory();
    io_set_temp_directory(NULL);
    setenv("TMPDIR", directory, 1);
    expect_temp_file_in(io_temp_file(&err), directory);
    io_set_temp_directory("/nonexistent");
    ck_assert_int_eq(io_temp_file(&err), -1);
    io_set_temp_directory(NULL);
    expect_temp_file_in(io_temp_file(&err), directory);
    io_set_temp_directory("");
    expect_temp_file_in(io_temp_file(&err), directory);
    setenv("TMPDIR", "relative/is/no/place", 1);
    expect_temp_file_in(io_temp_file(&err), "/var/tmp");
    unsetenv("TMPDIR");
    expect_temp_file_in(io_temp_file(&err), "/var/tmp");
    support_remove(directory);
}
END_TEST

START_TEST(refuses_too_long_a_directory)
{
    struct mr_error err = {0};
    char wide[6000] = "";
    for (size_t i = 0; i + 1 < sizeof(wide); i++)
        wide[i] = i % 2 ? '.' : '/';
    io_set_temp_directory(wide);
    ck_assert_int_eq(io_temp_file(&err), -1);
    ck_assert_int_eq(err.sys_errno, ENAMETOOLONG);
    io_set_temp_directory(NULL);
}
END_TEST

START_TEST(compares_contents)
{
    char *directory = support_temp_directory(), *data = calloc(1, 70000);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    support_write_file(directory, "a", data, 70000);
    support_write_file(directory, "b", data, 70000);
    support_write_file(directory, "shorter", data, 69999);
    data[69999] = 'x';
    support_write_file(directory, "other", data, 70000);
    support_write_file(directory, "empty", "", 0);
    ck_assert(io_is_same_content(fd, "a", "b"));
    ck_assert(io_is_same_content(fd, "empty", "empty"));
    ck_assert(!io_is_same_content(fd, "a", "shorter"));
    ck_assert(!io_is_same_content(fd, "shorter", "a"));
    ck_assert(!io_is_same_content(fd, "a", "other"));
    ck_assert(!io_is_same_content(fd, "a", "none"));
    ck_assert_int_eq(symlinkat("a", fd, "link"), 0);
    ck_assert(!io_is_same_content(fd, "a", "link"));
    ck_assert(!io_is_same_content(fd, ".", "."));
    close(fd);
    free(data);
    support_remove(directory);
}
END_TEST

START_TEST(opens_although_interrupted)
{
    char *directory = support_temp_directory();
    int at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(at, 0);
    ck_assert_int_eq(mkfifoat(at, "fifo", 0600), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        usleep(50000); /* open() of the other end waits meanwhile */
        _exit(openat(at, "fifo", O_WRONLY | O_CLOEXEC) >= 0 ? 0 : 1);
    }
    start_interrupting();
    int fd = io_openat(at, "fifo", O_RDONLY | O_CLOEXEC, 0);
    stop_interrupting();
    ck_assert_int_ge(fd, 0);
    expect_good_end(child);
    ck_assert_int_eq(io_openat(at, "missing", O_RDONLY | O_CLOEXEC, 0), -1);
    ck_assert_int_eq(errno, ENOENT);
    close(fd);
    fd = io_openat(at, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    struct stat st;
    ck_assert_int_eq(io_truncate(fd, 1000), 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(st.st_size, 1000);
    ck_assert_uint_eq(st.st_mode & 07777 & 0740, 0640);
    ck_assert_int_eq(io_truncate(-1, 0), -1);
    close(fd);
    close(at);
    support_remove(directory);
}
END_TEST

static unsigned table_size(void)
{
    char line[256];
    unsigned size = 0;
    FILE *file = fopen("/proc/self/status", "re");
    ck_assert_ptr_nonnull(file);
    while (size == 0 && fgets(line, sizeof(line), file))
        sscanf(line, "FDSize: %u", &size);
    fclose(file);
    ck_assert_uint_gt(size, 0);
    return size;
}

/* Below count. */
static unsigned open_count(int count)
{
    unsigned open = 0;
    for (int fd = 0; fd < count; fd++)
        open += fcntl(fd, F_GETFD) >= 0;
    return open;
}

/* Opens all that the process may have below count, and closes them again. */
static void fill_table(int count)
{
    bool *is_own = calloc((size_t)count, sizeof(*is_own));
    int fd;
    while ((fd = dup(STDIN_FILENO)) >= 0 && fd < count)
        is_own[fd] = true;
    if (fd >= 0)
        close(fd);
    ck_assert_uint_eq(open_count(count), (unsigned)count);
    for (fd = 0; fd < count; fd++)
        if (is_own[fd])
            close(fd);
    free(is_own);
}

/* In a process of its own: so many may be open, and room for so many is asked for. */
static void reserve(unsigned limit, unsigned asked)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct rlimit files;
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
        files.rlim_cur = limit;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
        unsigned least = limit < asked ? limit : asked;
        unsigned before = open_count(4096);
        io_reserve_descriptors(asked);
        unsigned size = table_size();
        ck_assert_uint_eq(open_count(4096), before);
        ck_assert_uint_ge(size, least);
        fill_table((int)(least > before ? least : limit));
        ck_assert_uint_eq(open_count(4096), before);
        if (least > before)
            ck_assert_uint_eq(table_size(), size);
        _exit(0);
    }
    expect_good_end(child);
}

START_TEST(descriptors_have_room_before_they_are_opened)
{
    reserve(1024, 1024);
    reserve(1024, 700);
    reserve(4096, 3000);
    reserve(20, 1024);
    reserve(20, UINT32_MAX);
    reserve(1024, 1);
    reserve(1024, 0);
}
END_TEST

/* A program that has none, or no descriptor 0, is none the worse. */
START_TEST(no_room_for_descriptors_is_no_error)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        unsigned before = open_count(4096);
        close(STDIN_FILENO);
        io_reserve_descriptors(1000);
        ck_assert_uint_eq(open_count(4096), before - 1);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        io_reserve_descriptors(1000);
        ck_assert_uint_eq(open_count(4096), before - 1);
        _exit(0);
    }
    expect_good_end(child);
}
END_TEST

Suite *io_suite(void)
{
    Suite *suite = suite_create("io");
    TCase *tests = tcase_create("io");
    tcase_add_loop_test(tests, reads_all_from_a_slow_pipe, 0, 2);
    tcase_add_loop_test(tests, writes_all_to_a_slow_pipe, 0, 2);
    tcase_add_test(tests, tells_what_fails);
    tcase_add_test(tests, opens_although_interrupted);
    tcase_add_test(tests, works_at_offsets);
    tcase_add_test(tests, makes_temporary_files_where_told);
    tcase_add_test(tests, makes_temporary_files_by_default);
    tcase_add_test(tests, refuses_too_long_a_directory);
    tcase_add_test(tests, compares_contents);
    tcase_add_test(tests, descriptors_have_room_before_they_are_opened);
    tcase_add_test(tests, no_room_for_descriptors_is_no_error);
    suite_add_tcase(suite, tests);
    return suite;
}
