#include "observe/lanes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "millrace/pool.h"
#include "support/support.h"

Suite *lanes_suite(void);

#define THREADS 4
#define LINES   3000 /* of each: more than its buffer holds */

struct work {
    struct lanes *lanes;
    unsigned number;
};

static enum mr_status put_lines(void *arg, void **result, struct mr_error *err)
{
    const struct work *work = arg;
    (void)result;
    (void)err;
    for (unsigned i = 0; i < LINES; i++) {
        struct lane *lane = lanes_mine(work->lanes);
        char *line = lane_room(lane);
        int length = sprintf(line, ",{\"work\":%u,\"line\":%u,\"text\":\"%0*d\"}\n", work->number,
                             i, (int)(i % 50) + 1, 0);
        lane_put(lane, (size_t)length);
    }
    return MR_OK;
}

static int new_file(void)
{
    int fd = memfd_create("lanes", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_write(fd, "head[\n", 6), 0);
    return fd;
}

static FILE *look_at(int fd, int64_t end_bytes)
{
    ck_assert_int_eq(lseek(fd, 0, SEEK_END), end_bytes);
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    FILE *in = fdopen(fd, "r");
    ck_assert_ptr_nonnull(in);
    return in;
}

START_TEST(keeps_lines_of_threads_whole_and_in_order)
{
    int fd = new_file();
    struct lanes *lanes;
    struct mr_error err = {0};
    struct mr_pool *pool;
    const struct mr_pool_config config = {
        .struct_bytes = sizeof(config), .name = "lanes", .thread_count = THREADS};
    struct work works[THREADS];
    void *args[THREADS], *results[THREADS];
    ck_assert_int_eq(lanes_create(fd, 6, 5000, NULL, NULL, &lanes), MR_OK);
    ck_assert_ok(mr_pool_create(&config, &pool, &err), err);
    for (unsigned i = 0; i < THREADS; i++) {
        works[i] = (struct work){lanes, i};
        args[i] = &works[i];
    }
    ck_assert_ok(mr_pool_map(pool, put_lines, args, THREADS, results, NULL, &err), err);
    mr_pool_destroy(pool);
    int64_t end_bytes;
    ck_assert_ok(lanes_end(lanes, &end_bytes, &err), err);
    lanes_destroy(lanes);

    FILE *in = look_at(fd, end_bytes);
    char line[200];
    unsigned next[THREADS] = {0}, number, index, count = 0;
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), in));
    ck_assert_str_eq(line, "head[\n");
    for (; fgets(line, sizeof(line), in); count++) {
        ck_assert_int_eq(line[0], count == 0 ? ' ' : ',');
        ck_assert_int_eq(sscanf(line + 1, "{\"work\":%u,\"line\":%u,", &number, &index), 2);
        ck_assert_uint_eq(next[number], index);
        next[number]++;
        ck_assert_uint_eq(strspn(strstr(line, "text\":\"") + 7, "0"), index % 50 + 1);
    }
    ck_assert_uint_eq(count, THREADS * LINES);
    fclose(in);
}
END_TEST

static void put_one(struct lanes *lanes, const char *text)
{
    struct lane *lane = lanes_mine(lanes);
    strcpy(lane_room(lane), text);
    lane_put(lane, strlen(text));
}

/* One thread with several, one after the other and at once. */
START_TEST(keeps_lanes_of_one_thread_apart)
{
    int fds[6];
    struct lanes *lanes[6];
    char text[10];
    for (unsigned i = 0; i < 6; i++) {
        fds[i] = new_file();
        ck_assert_int_eq(lanes_create(fds[i], 6, 5000, NULL, NULL, &lanes[i]), MR_OK);
    }
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < 6; i++) {
            sprintf(text, ",%u.%u\n", i, round);
            put_one(lanes[i], text);
        }
    for (unsigned i = 0; i < 6; i++) {
        int64_t end_bytes;
        struct mr_error err = {0};
        char whole[100] = "", expected[100];
        ck_assert_ok(lanes_end(lanes[i], &end_bytes, &err), err);
        lanes_destroy(lanes[i]);
        sprintf(expected, "head[\n %u.0\n,%u.1\n,%u.2\n", i, i, i);
        ck_assert_int_eq(pread(fds[i], whole, sizeof(whole) - 1, 0), end_bytes);
        ck_assert_str_eq(whole, expected);
        close(fds[i]);
    }
}
END_TEST

static void name_lane(void *ctx, struct lane *lane)
{
    int *started_count = ctx;
    ++*started_count;
    ck_assert_int_eq(lane->thread_id, gettid());
    strcpy(lane_room(lane), ",began\n");
    lane_put(lane, 7);
}

START_TEST(tells_of_a_new_lane_once)
{
    int fd = new_file(), started_count = 0;
    struct lanes *lanes;
    int64_t end_bytes;
    struct mr_error err = {0};
    char whole[100] = "";
    ck_assert_int_eq(lanes_create(fd, 0, 5000, name_lane, &started_count, &lanes), MR_OK);
    put_one(lanes, ",a\n");
    put_one(lanes, ",b\n");
    ck_assert_ok(lanes_end(lanes, &end_bytes, &err), err);
    ck_assert_int_eq(started_count, 1);
    ck_assert_int_eq(pread(fd, whole, sizeof(whole) - 1, 0), end_bytes);
    ck_assert_str_eq(whole, " began\n,a\n,b\n");
    lanes_destroy(lanes);
    close(fd);
}
END_TEST

START_TEST(spills_what_it_holds)
{
    int fd = new_file();
    struct lanes *lanes;
    int64_t end_bytes;
    struct mr_error err = {0};
    ck_assert_int_eq(lanes_create(fd, 6, 10, NULL, NULL, &lanes), MR_OK);
    put_one(lanes, ",1234567\n");
    ck_assert_int_eq(lseek(fd, 0, SEEK_END), 6);
    put_one(lanes, ",\n");
    ck_assert_int_eq(lseek(fd, 0, SEEK_END), 6 + 9 + 2);
    ck_assert_ok(lanes_end(lanes, &end_bytes, &err), err);
    ck_assert_int_eq(end_bytes, 6 + 9 + 2);
    lanes_destroy(lanes);
    close(fd);
}
END_TEST

START_TEST(says_what_could_not_be_written)
{
    int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    struct lanes *lanes;
    int64_t end_bytes;
    struct mr_error err = {0};
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(lanes_create(fd, 0, 5000, NULL, NULL, &lanes), MR_OK);
    put_one(lanes, ",a\n");
    ck_assert_int_eq(lanes_end(lanes, &end_bytes, &err), MR_E_SYSTEM);
    ck_assert_int_eq(err.sys_errno, ENOSPC);
    lanes_destroy(lanes);
    lanes_destroy(NULL);
    close(fd);
}
END_TEST

Suite *lanes_suite(void)
{
    Suite *suite = suite_create("lanes");
    TCase *tests = tcase_create("lanes");
    tcase_add_test(tests, keeps_lines_of_threads_whole_and_in_order);
    tcase_add_test(tests, keeps_lanes_of_one_thread_apart);
    tcase_add_test(tests, tells_of_a_new_lane_once);
    tcase_add_test(tests, spills_what_it_holds);
    tcase_add_test(tests, says_what_could_not_be_written);
    suite_add_tcase(suite, tests);
    return suite;
}
