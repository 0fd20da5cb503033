/* The bytes for an archive's end: kept in memory, then in a file, given back in order. */
#include <fcntl.h>
#include <unistd.h>

#include "base/io.h"
#include "sink/zip_tail.h"
#include "support/support.h"

Suite *zip_tail_suite(void);

static struct zip_tail tail;
static struct mr_error err;
static uint64_t state; /* of the bytes that are expected next */
static uint64_t given_bytes, fails_after_bytes;

static void set_up(void)
{
    zip_tail_init(&tail);
    fails_after_bytes = UINT64_MAX;
}

static void tear_down(void)
{
    zip_tail_fini(&tail);
    ck_assert_int_eq(tail.fd, -1);
}

/* Records of that many bytes, one less and one less again; they are numbers that follow each other.
 */
static void add(size_t count, size_t max_bytes)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char *room;
        size_t bytes = max_bytes - i % 3;
        ck_assert_ok(zip_tail_reserve(&tail, max_bytes, &room, &err), err);
        for (size_t at = 0; at < bytes; at++)
            room[at] = (unsigned char)(state++ * 31 >> 3);
        zip_tail_add(&tail, bytes);
    }
}

static enum mr_status check(void *ctx, const void *data, size_t size_bytes,
                            struct mr_error *problem)
{
    ck_assert_ptr_eq(ctx, &tail);
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size_bytes; i++)
        if (bytes[i] != (unsigned char)(given_bytes++ * 31 >> 3))
            ck_abort_msg("byte %llu is another", (unsigned long long)given_bytes - 1);
    if (given_bytes > fails_after_bytes)
        return mr_error_set(problem, MR_E_SYSTEM, 28, "full");
    return MR_OK;
}

START_TEST(everything_comes_back_in_order)
{
    static const struct {
        size_t count, max_bytes;
        bool is_spilled;
    } cases[] = {
        {0, 100, false},    {1, 1, false},
        {1000, 60, false},  {50000, 80, false},
        {60000, 80, true},  {200, 65535 + 98, true},
        {200000, 95, true}, {3, ZIP_TAIL_MEMORY_BYTES, true},
    };
    add(cases[_i].count, cases[_i].max_bytes);
    ck_assert_uint_eq(zip_tail_bytes(&tail), state);
    ck_assert_int_eq(tail.fd >= 0, cases[_i].is_spilled);
    ck_assert_uint_le(tail.cap_bytes, ZIP_TAIL_MEMORY_BYTES);
    ck_assert_ok(zip_tail_give(&tail, check, &tail, &err), err);
    ck_assert_uint_eq(given_bytes, state);
}
END_TEST

START_TEST(a_failure_behind_it_ends_the_giving)
{
    add(200000, 95);
    fails_after_bytes = 1;
    ck_assert_int_eq(zip_tail_give(&tail, check, &tail, &err), MR_E_SYSTEM);
    ck_assert_int_eq(err.sys_errno, 28);
    ck_assert_uint_lt(given_bytes, 1 << 20);
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_an_error)
{
    io_set_temp_directory("/nowhere at all");
    add(40, 100000);
    unsigned char *room;
    ck_assert_int_eq(zip_tail_reserve(&tail, ZIP_TAIL_MEMORY_BYTES, &room, &err), MR_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.text, "/nowhere at all"));
    io_set_temp_directory(NULL);
}
END_TEST

START_TEST(a_file_that_is_cut_is_an_error)
{
    add(60000, 80);
    ck_assert_int_eq(ftruncate(tail.fd, 100), 0);
    ck_assert_int_eq(tail.used_bytes > 0, 1);
    tail.file_bytes += tail.used_bytes; /* as if all were in the file */
    tail.used_bytes = 0;
    ck_assert_int_eq(zip_tail_give(&tail, check, &tail, &err), MR_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.text, "temporary file"));
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_an_error)
{
    unsigned char *room;
    add(41, 100000);
    tail.fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(tail.fd, 0);
    ck_assert_int_eq(zip_tail_reserve(&tail, ZIP_TAIL_MEMORY_BYTES, &room, &err), MR_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.text, "temporary file"));
}
END_TEST

Suite *zip_tail_suite(void)
{
    Suite *suite = suite_create("zip_tail");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, everything_comes_back_in_order, 0, 8);
    tcase_add_test(cases, a_failure_behind_it_ends_the_giving);
    tcase_add_test(cases, a_directory_that_is_not_there_is_an_error);
    tcase_add_test(cases, a_file_that_is_cut_is_an_error);
    tcase_add_test(cases, a_file_that_cannot_be_written_is_an_error);
    suite_add_tcase(suite, cases);
    return suite;
}
