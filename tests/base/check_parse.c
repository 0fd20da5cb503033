#include "base/parse.h"

#include <stdlib.h>

#include "support/support.h"

Suite *parse_suite(void);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

START_TEST(reads_sizes)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"123", 123},
        {"7b", 7},
        {"64K", 65536},
        {"64k", 65536},
        {"4kB", 4096},
        {"4KiB", 4096},
        {"10M", 10485760},
        {"2GiB", UINT64_C(2) << 30},
        {"1T", UINT64_C(1) << 40},
        {"3p", UINT64_C(3) << 50},
        {"1.5G", UINT64_C(3) << 29},
        {".5K", 512},
        {"0.001K", 1},
        {"0.99999999999999999999K", 1023},
        {"15.999999999E", UINT64_C(18446744072556630111)},
        {"18446744073709551615", UINT64_MAX},
        {"0000000000000000000000001", 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mr_error err = {0};
        uint64_t bytes;
        ck_assert_ok(parse_size(cases[i].text, &bytes, &err), err);
        ck_assert_msg(bytes == cases[i].bytes, "%s gives %llu", cases[i].text,
                      (unsigned long long)bytes);
    }
}
END_TEST

START_TEST(refuses_sizes)
{
    static const char *const wrong[] = {"",     " 1",   "1 ",    "-1",  "+1",
                                        "K",    "1X",   "1KK",   "1.",  ".",
                                        "1.5",  "1i",   "1KiBx", "16E", "18446744073709551616",
                                        "0x10", "1,5K", "1e3",   "1Ki"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct mr_error err = {0};
        uint64_t bytes;
        ck_assert_msg(parse_size(wrong[i], &bytes, &err) == MR_E_USAGE, "'%s'", wrong[i]);
        ck_assert(err.text[0]);
    }
    ck_assert_int_eq(parse_size("\n", &(uint64_t){0}, NULL), MR_E_USAGE);
}
END_TEST

START_TEST(reads_counts)
{
    uint64_t count = 0;
    struct mr_error err = {0};
    ck_assert_ok(parse_count("1", 1, 64, &count, &err), err);
    ck_assert_uint_eq(count, 1);
    ck_assert_ok(parse_count("64", 1, 64, &count, &err), err);
    ck_assert_uint_eq(count, 64);
    static const char *const wrong[] = {"0",   "65", "",   "-1",
                                        "1.0", "1K", " 1", "99999999999999999999999"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        ck_assert_msg(parse_count(wrong[i], 1, 64, &count, &err) == MR_E_USAGE, "'%s'", wrong[i]);
        ck_assert_ptr_nonnull(strstr(err.text, "from 1 to 64"));
    }
    ck_assert_uint_eq(count, 64);
    ck_assert_ok(parse_count("18446744073709551615", 0, UINT64_MAX, &count, &err), err);
    ck_assert(count == UINT64_MAX);
}
END_TEST

START_TEST(reads_durations)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"0", 0},
        {"500ms", 500000000},
        {"30s", INT64_C(30000000000)},
        {"30", INT64_C(30000000000)},
        {"0.25", 250000000},
        {"1.5s", 1500000000},
        {"5m", INT64_C(300000000000)},
        {"5min", INT64_C(300000000000)},
        {"2h", INT64_C(7200000000000)},
        {"3d", INT64_C(259200000000000)},
        {"1w", INT64_C(604800000000000)},
        {"1h30m", INT64_C(5400000000000)},
        {"7us", 7000},
        {"7ns", 7},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mr_error err = {0};
        int64_t ns;
        ck_assert_ok(parse_duration(cases[i].text, &ns, &err), err);
        ck_assert_msg(ns == cases[i].ns, "%s gives %lld", cases[i].text, (long long)ns);
    }
    static const char *const wrong[] = {"",     "s",    "-1s", "1x",      "1 s",
                                        "1h30", "1ms2", "1sm", "300000w", "1.s"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct mr_error err = {0};
        int64_t ns;
        ck_assert_msg(parse_duration(wrong[i], &ns, &err) == MR_E_USAGE, "'%s'", wrong[i]);
        ck_assert(err.text[0]);
    }
}
END_TEST

static void expect_date(const char *text, int64_t s, long ns)
{
    struct timespec when;
    struct mr_error err = {0};
    ck_assert_ok(parse_date(text, &when, &err), err);
    ck_assert_msg(when.tv_sec == s && when.tv_nsec == ns, "%s gives %lld.%09ld", text,
                  (long long)when.tv_sec, when.tv_nsec);
}

START_TEST(reads_dates)
{
    expect_date("1970-01-01T00:00:00Z", 0, 0);
    expect_date("1969-12-31T23:59:59Z", -1, 0);
    expect_date("2026-11-22T14:30:05Z", 1795357805, 0);
    expect_date("2026-11-22 14:30:05.25Z", 1795357805, 250000000);
    expect_date("2026-11-22Z", 1795305600, 0);
    expect_date("2024-02-29T00:00Z", 1709164800, 0);
    expect_date("2100-01-01T00:00:00Z", 4102444800, 0);
    expect_date("@0", 0, 0);
    expect_date("@1795357805", 1795357805, 0);
    expect_date("@1.5", 1, 500000000);
    expect_date("@-5", -5, 0);
    expect_date("@-1.25", -2, 750000000);
    setenv("TZ", "XYZ-2", 1); /* two hours before UTC */
    tzset();
    expect_date("2026-11-22 14:30:05", 1795357805 - 7200, 0);
    expect_date("2026-11-22 14:30", 1795357800 - 7200, 0);
    expect_date("2026-11-22", 1795305600 - 7200, 0);
    expect_date("1970-01-01 01:59:59", -1, 0); /* the value that also means failure */
    expect_date("2026-11-22T14:30:05Z", 1795357805, 0);
    setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
    tzset();
    expect_date("2026-07-01", 1782878400, 0); /* summer time is found */
}
END_TEST

START_TEST(refuses_dates)
{
    static const char *const wrong[] = {"",
                                        "2026",
                                        "2026-11",
                                        "2026-1-2",
                                        "2026-13-01",
                                        "2026-00-01",
                                        "2026-02-29",
                                        "2100-02-29",
                                        "2026-11-31",
                                        "2026-11-22 ",
                                        "2026-11-22 24:00",
                                        "2026-11-22 12:60",
                                        "2026-11-22 12:00:60",
                                        "2026-11-22 12",
                                        "2026-11-22x",
                                        "2026-11-22 12:00:00.",
                                        "@",
                                        "@x",
                                        "@1x",
                                        "@-",
                                        "@.5",
                                        "@99999999999999999999",
                                        "yesterday",
                                        "2026-11-22T14:30:05ZZ",
                                        " 2026-11-22"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct timespec when;
        struct mr_error err = {0};
        ck_assert_msg(parse_date(wrong[i], &when, &err) == MR_E_USAGE, "'%s'", wrong[i]);
        ck_assert(err.text[0]);
    }
}
END_TEST

static const char *next_word(const void *ctx, size_t i)
{
    const char *const *words = ctx;
    return words[i];
}

static const char *nearest(const char *text)
{
    static const char *const words[] = {"copy",
                                        "gzip",
                                        "gunzip",
                                        "zlib",
                                        "zstd",
                                        "unzstd",
                                        "xz",
                                        "unxz",
                                        "bzip2",
                                        "lz4",
                                        "charset",
                                        "decompress",
                                        "lf",
                                        "crlf",
                                        "--include",
                                        "--exclude",
                                        "--memory",
                                        "--retry-delay",
                                        "--retry-failed",
                                        "--retries",
                                        "--to",
                                        "--color",
                                        NULL};
    const char *found = parse_nearest(text, next_word, words);
    return found ? found : "(none)";
}

START_TEST(finds_the_nearest_word)
{
    ck_assert_str_eq(nearest("gzip"), "gzip");
    ck_assert_str_eq(nearest("GZIP"), "gzip");
    ck_assert_str_eq(nearest("gizp"), "gzip"); /* neighbours swapped: one mistake */
    ck_assert_str_eq(nearest("gzi"), "gzip");
    ck_assert_str_eq(nearest("gzipp"), "gzip");
    ck_assert_str_eq(nearest("zsdt"), "zstd");
    ck_assert_str_eq(nearest("decomp"), "decompress");
    ck_assert_str_eq(nearest("decompres"), "decompress");
    ck_assert_str_eq(nearest("chraset"), "charset");
    ck_assert_str_eq(nearest("--inclde"), "--include");
    ck_assert_str_eq(nearest("--memroy"), "--memory");
    ck_assert_str_eq(nearest("bzip"), "bzip2");
    ck_assert_str_eq(nearest("--retry"), "--retries"); /* another ending */
    ck_assert_str_eq(nearest("--retry-"), "--retry-delay");
    ck_assert_str_eq(nearest("--retrys"), "--retries");
    ck_assert_str_eq(nearest("--co"), "--color"); /* its beginning, not a mistake for --to */
    ck_assert_str_eq(nearest("quite-another"), "(none)");
    ck_assert_str_eq(nearest(""), "(none)");
    ck_assert_str_eq(nearest("qq"), "(none)");
    char wide[1000];
    memset(wide, 'g', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    ck_assert_str_eq(nearest(wide), "(none)");
}
END_TEST

START_TEST(shows_sizes)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {{0, "0 B"},
                 {1023, "1023 B"},
                 {1024, "1.0 KiB"},
                 {1536, "1.5 KiB"},
                 {1048575, "1.0 MiB"},
                 {1048576 - 60, "1023.9 KiB"},
                 {12897485, "12.3 MiB"},
                 {UINT64_C(10) << 30, "10.0 GiB"},
                 {UINT64_MAX, "16.0 EiB"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[16];
        ck_assert_str_eq(parse_show_size(out, sizeof(out), cases[i].bytes), cases[i].text);
    }
}
END_TEST

START_TEST(shows_durations)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {{0, "0 ns"},
                 {-5, "0 ns"},
                 {999, "999 ns"},
                 {20000, "20 us"},
                 {1500000, "1.5 ms"},
                 {350000000, "350 ms"},
                 {999999999, "999.999 ms"},
                 {INT64_C(2000000000), "2 s"},
                 {INT64_C(1050000000), "1.05 s"},
                 {INT64_C(1000999999), "1 s"},
                 {INT64_C(90000000000), "90 s"},
                 {INT64_C(119500000000), "119.5 s"},
                 {INT64_C(120000000000), "2 min"},
                 {INT64_C(121900000000), "121 s"},
                 {INT64_C(7200000000000), "2 h"},
                 {INT64_MAX, "9223372036 s"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[32];
        ck_assert_str_eq(parse_show_duration(out, sizeof(out), cases[i].ns), cases[i].text);
    }
}
END_TEST

Suite *parse_suite(void)
{
    Suite *suite = suite_create("parse");
    TCase *tests = tcase_create("parse");
    tcase_add_test(tests, reads_sizes);
    tcase_add_test(tests, refuses_sizes);
    tcase_add_test(tests, reads_counts);
    tcase_add_test(tests, reads_durations);
    tcase_add_test(tests, reads_dates);
    tcase_add_test(tests, refuses_dates);
    tcase_add_test(tests, finds_the_nearest_word);
    tcase_add_test(tests, shows_sizes);
    tcase_add_test(tests, shows_durations);
    suite_add_tcase(suite, tests);
    return suite;
}
