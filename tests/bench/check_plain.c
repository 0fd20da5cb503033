#include "bench/plain.h"

#include <stdio.h>
#include <sys/stat.h>

#include "support/support.h"

Suite *plain_suite(void);

START_TEST(writes_as_much_as_it_is_told)
{
    char *directory = support_temp_directory(), path[400];
    struct mr_error err = {0};
    double seconds = -1;
    ck_assert_ok(plain_write(directory, 7, 1000003, 3, &seconds, &err), err);
    ck_assert(seconds > 0);
    off_t all_bytes = 0;
    for (unsigned i = 0; i < 7; i++) {
        struct stat about;
        snprintf(path, sizeof(path), "%s/plain-%u", directory, i);
        ck_assert_int_eq(stat(path, &about), 0);
        ck_assert(about.st_size == 142857 || about.st_size == 142858);
        all_bytes += about.st_size;
    }
    ck_assert_int_eq(all_bytes, 1000003);
    ck_assert_int_eq(plain_write(directory, 1, 1, 1, &seconds, &err), MR_E_SYSTEM);
    ck_assert_msg(strstr(err.text, "plain-0"), "%s", err.text);
    support_remove(directory);
}
END_TEST

START_TEST(reads_every_file)
{
    char *directory = support_temp_directory(), paths[3][400];
    const char *all[3];
    struct mr_error err = {0};
    double seconds = -1;
    for (unsigned i = 0; i < 3; i++) {
        char name[20];
        snprintf(name, sizeof(name), "f%u", i);
        snprintf(paths[i], sizeof(paths[i]), "%s/%s", directory, name);
        support_write_file(directory, name, "content", i * 7 / 2);
        all[i] = paths[i];
    }
    ck_assert_ok(plain_read(all, 3, 2, &seconds, &err), err);
    ck_assert(seconds > 0);
    strcat(paths[2], "-not");
    ck_assert_int_eq(plain_read(all, 3, 2, &seconds, &err), MR_E_SYSTEM);
    ck_assert_msg(strstr(err.text, "f2-not"), "%s", err.text);
    support_remove(directory);
}
END_TEST

Suite *plain_suite(void)
{
    Suite *suite = suite_create("plain");
    TCase *tests = tcase_create("plain");
    tcase_add_test(tests, writes_as_much_as_it_is_told);
    tcase_add_test(tests, reads_every_file);
    suite_add_tcase(suite, tests);
    return suite;
}
