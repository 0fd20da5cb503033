/* The records of a ZIP archive, byte by byte; sizes that no test could write are made up. */
#include <time.h>

#include "sink/zip_records.h"
#include "support/support.h"

Suite *zip_records_suite(void);

#define GIB ((uint64_t)1 << 30)

static unsigned char record[1000];
static size_t at_bytes, end_bytes;

/* The next number of that many bytes in the record. */
static uint64_t take(size_t bytes)
{
    uint64_t value = 0;
    ck_assert_uint_le(at_bytes + bytes, end_bytes);
    for (size_t i = bytes; i-- > 0;)
        value = value << 8 | record[at_bytes + i];
    at_bytes += bytes;
    return value;
}

#define ck_assert_next(bytes, value) ck_assert_uint_eq(take(bytes), (uint64_t)(value))
#define ck_assert_text(text)                                                                       \
    do {                                                                                           \
        ck_assert_uint_le(at_bytes + strlen(text), end_bytes);                                     \
        ck_assert_mem_eq(record + at_bytes, text, strlen(text));                                   \
        at_bytes += strlen(text);                                                                  \
    } while (0)
#define ck_assert_end() ck_assert_uint_eq(at_bytes, end_bytes)

static void start(size_t bytes)
{
    at_bytes = 0;
    end_bytes = bytes;
}

static struct zip_member sample(void)
{
    return (struct zip_member){.name = "ab",
                               .name_bytes = 2,
                               .method = ZIP_METHOD_DEFLATE,
                               .dos_time = 0x12345678,
                               .attributes = 0100644u << 16,
                               .crc = 0x89abcdef,
                               .stored_bytes = 5,
                               .plain_bytes = 70,
                               .offset_bytes = 1000};
}

START_TEST(headers_say_everything)
{
    struct zip_member member = sample();
    member.is_utf8 = member.has_slash = member.has_mtime = member.has_owner = true;
    member.mtime_s = -2;
    member.uid = 1000;
    member.gid = 70000;
    for (int is_central = 0; is_central < 2; is_central++) {
        start(is_central ? zip_put_central(&member, record) : zip_put_local(&member, record));
        ck_assert_next(4, is_central ? 0x02014b50 : 0x04034b50);
        if (is_central)
            ck_assert_next(2, 3 << 8 | 20);
        ck_assert_next(2, 20);
        ck_assert_next(2, 0x800);
        ck_assert_next(2, 8);
        ck_assert_next(4, 0x12345678);
        ck_assert_next(4, 0x89abcdef);
        ck_assert_next(4, 5);
        ck_assert_next(4, 70);
        ck_assert_next(2, 3);
        ck_assert_next(2, 9 + 15);
        if (is_central) {
            ck_assert_next(6, 0);
            ck_assert_next(4, 0100644u << 16);
            ck_assert_next(4, 1000);
        }
        ck_assert_text("ab/");
        ck_assert_next(4, 5 << 16 | 0x5455);
        ck_assert_next(1, 1);
        ck_assert_next(4, 0xfffffffe);
        ck_assert_next(4, 11 << 16 | 0x7875);
        ck_assert_next(2, 4 << 8 | 1);
        ck_assert_next(4, 1000);
        ck_assert_next(1, 4);
        ck_assert_next(4, 70000);
        ck_assert_end();
    }
}
END_TEST

START_TEST(a_bare_member_has_no_extra_fields)
{
    struct zip_member member = sample();
    member.has_mtime = member.has_owner = member.is_bare = true;
    ck_assert_uint_eq(zip_put_local(&member, record), 30 + 2);
    ck_assert_uint_eq(zip_put_central(&member, record), 46 + 2);
}
END_TEST

/* In a local header both sizes or none, in the central directory what does not fit alone. */
START_TEST(zip64_is_used_where_it_is_needed)
{
    static const struct {
        uint64_t stored, plain, offset;
        unsigned needed;
    } cases[] = {
        {0xfffffffe, 0xfffffffe, 0xfffffffe, 20},
        {5, 0xffffffff, 0, 45},
        {0xffffffff, 7, 0, 45},
        {5, 7, 0xffffffff, 45},
        {8 * GIB, 9 * GIB, 10 * GIB, 45},
    };
    struct zip_member member = sample();
    uint64_t stored = member.stored_bytes = cases[_i].stored;
    uint64_t plain = member.plain_bytes = cases[_i].plain;
    uint64_t offset = member.offset_bytes = cases[_i].offset;
    bool has_sizes = stored >= 0xffffffff || plain >= 0xffffffff;
    start(zip_put_local(&member, record));
    ck_assert_next(4, 0x04034b50);
    ck_assert_next(2, cases[_i].needed);
    take(12);
    ck_assert_next(4, has_sizes ? 0xffffffff : stored);
    ck_assert_next(4, has_sizes ? 0xffffffff : plain);
    ck_assert_next(2, 2);
    ck_assert_next(2, has_sizes ? 20 : 0);
    ck_assert_text("ab");
    if (has_sizes) {
        ck_assert_next(4, 16 << 16 | 1);
        ck_assert_next(8, plain);
        ck_assert_next(8, stored);
    }
    ck_assert_end();
    size_t count = (plain >= 0xffffffff ? 1u : 0) + (stored >= 0xffffffff ? 1u : 0) +
                   (offset >= 0xffffffff ? 1u : 0);
    start(zip_put_central(&member, record));
    take(4);
    ck_assert_next(2, 3 << 8 | cases[_i].needed);
    ck_assert_next(2, cases[_i].needed);
    take(12);
    ck_assert_next(4, stored < 0xffffffff ? stored : 0xffffffff);
    ck_assert_next(4, plain < 0xffffffff ? plain : 0xffffffff);
    take(2);
    ck_assert_next(2, count > 0 ? 4 + 8 * count : 0);
    take(10);
    ck_assert_next(4, offset < 0xffffffff ? offset : 0xffffffff);
    take(2);
    if (count > 0)
        ck_assert_next(4, 8 * count << 16 | 1);
    if (plain >= 0xffffffff)
        ck_assert_next(8, plain);
    if (stored >= 0xffffffff)
        ck_assert_next(8, stored);
    if (offset >= 0xffffffff)
        ck_assert_next(8, offset);
    ck_assert_end();
}
END_TEST

START_TEST(a_streamed_member_has_a_descriptor)
{
    struct zip_member member = sample();
    bool is_huge = member.may_be_huge = _i == 1;
    member.is_streamed = true;
    start(zip_put_local(&member, record));
    take(4);
    ck_assert_next(2, is_huge ? 45 : 20);
    ck_assert_next(2, 8);
    take(6);
    ck_assert_next(4, 0);
    ck_assert_next(4, is_huge ? 0xffffffff : 0);
    ck_assert_next(4, is_huge ? 0xffffffff : 0);
    take(2);
    ck_assert_next(2, is_huge ? 20 : 0);
    take(2);
    if (is_huge) {
        ck_assert_next(4, 16 << 16 | 1);
        ck_assert_next(8, 0);
        ck_assert_next(8, 0);
    }
    ck_assert_end();
    start(zip_put_descriptor(&member, record));
    ck_assert_next(4, 0x08074b50);
    ck_assert_next(4, 0x89abcdef);
    ck_assert_next(is_huge ? 8 : 4, 5);
    ck_assert_next(is_huge ? 8 : 4, 70);
    ck_assert_end();
    start(zip_put_central(&member, record));
    take(8);
    ck_assert_next(2, 8);
    take(6);
    ck_assert_next(4, 0x89abcdef);
    ck_assert_next(4, 5);
    ck_assert_next(4, 70);
    take(2);
    ck_assert_next(2, 0);
}
END_TEST

START_TEST(zstd_needs_a_newer_version)
{
    struct zip_member member = sample();
    member.method = ZIP_METHOD_ZSTD;
    start(zip_put_local(&member, record));
    take(4);
    ck_assert_next(2, 63);
    take(2);
    ck_assert_next(2, 93);
}
END_TEST

START_TEST(the_end_has_zip64_records_where_they_are_needed)
{
    static const struct {
        struct zip_directory directory;
        bool is_large;
    } cases[] = {
        {{0, 0, 0}, false},          {{65534, 0xfffffffe, 0xfffffffe}, false},
        {{65535, 1000, 2000}, true}, {{70000, 5 * GIB, 6 * GIB}, true},
        {{3, 0xffffffff, 7}, true},  {{3, 7, 0xffffffff}, true},
    };
    const struct zip_directory *directory = &cases[_i].directory;
    uint64_t count = directory->member_count, offset = directory->offset_bytes,
             size = directory->size_bytes;
    start(zip_put_end(directory, record));
    if (cases[_i].is_large) {
        ck_assert_next(4, 0x06064b50);
        ck_assert_next(8, 44);
        ck_assert_next(4, 45 << 16 | 3 << 8 | 45);
        ck_assert_next(8, 0);
        ck_assert_next(8, count);
        ck_assert_next(8, count);
        ck_assert_next(8, size);
        ck_assert_next(8, offset);
        ck_assert_next(4, 0x07064b50);
        ck_assert_next(4, 0);
        ck_assert_next(8, offset + size);
        ck_assert_next(4, 1);
    }
    ck_assert_next(4, 0x06054b50);
    ck_assert_next(4, 0);
    ck_assert_next(2, count < 0xffff ? count : 0xffff);
    ck_assert_next(2, count < 0xffff ? count : 0xffff);
    ck_assert_next(4, size < 0xffffffff ? size : 0xffffffff);
    ck_assert_next(4, offset < 0xffffffff ? offset : 0xffffffff);
    ck_assert_next(2, 0);
    ck_assert_end();
}
END_TEST

START_TEST(times_are_those_of_a_calendar)
{
    static const struct {
        int64_t seconds;
        unsigned year, month, day, hour, minute, second;
    } cases[] = {
        {1700000000, 2023, 11, 14, 22, 13, 20},
        {1700000001, 2023, 11, 14, 22, 13, 20},
        {315532800, 1980, 1, 1, 0, 0, 0},
        {315532799, 1980, 1, 1, 0, 0, 0},
        {0, 1980, 1, 1, 0, 0, 0},
        {-12345, 1980, 1, 1, 0, 0, 0},
        {INT64_MIN, 1980, 1, 1, 0, 0, 0},
        {4354819198, 2107, 12, 31, 23, 59, 58},
        {4354819200, 2107, 12, 31, 23, 59, 58},
        {INT64_MAX, 2107, 12, 31, 23, 59, 58},
    };
    uint32_t time = zip_dos_time(cases[_i].seconds, true);
    ck_assert_uint_eq((time >> 25) + 1980, cases[_i].year);
    ck_assert_uint_eq(time >> 21 & 15, cases[_i].month);
    ck_assert_uint_eq(time >> 16 & 31, cases[_i].day);
    ck_assert_uint_eq(time >> 11 & 31, cases[_i].hour);
    ck_assert_uint_eq(time >> 5 & 63, cases[_i].minute);
    ck_assert_uint_eq((time & 31) * 2, cases[_i].second);
}
END_TEST

START_TEST(local_times_are_those_of_the_zone)
{
    setenv("TZ", "XYZ-5", 1); /* five hours before UTC */
    tzset();
    ck_assert_uint_eq(zip_dos_time(1700000000, false), zip_dos_time(1700000000 + 5 * 3600, true));
}
END_TEST

Suite *zip_records_suite(void)
{
    Suite *suite = suite_create("zip_records");
    TCase *cases = tcase_create("all");
    tcase_add_test(cases, headers_say_everything);
    tcase_add_test(cases, a_bare_member_has_no_extra_fields);
    tcase_add_loop_test(cases, zip64_is_used_where_it_is_needed, 0, 5);
    tcase_add_loop_test(cases, a_streamed_member_has_a_descriptor, 0, 2);
    tcase_add_test(cases, zstd_needs_a_newer_version);
    tcase_add_loop_test(cases, the_end_has_zip64_records_where_they_are_needed, 0, 6);
    tcase_add_loop_test(cases, times_are_those_of_a_calendar, 0, 10);
    tcase_add_test(cases, local_times_are_those_of_the_zone);
    suite_add_tcase(suite, cases);
    return suite;
}
