#include "observe/draft.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/support.h"

Suite *draft_suite(void);

static char *path_in(const char *directory, const char *name)
{
    char *path = NULL;
    ck_assert_int_gt(asprintf(&path, "%s/%s", directory, name), 0);
    return path;
}

static unsigned count_names(const char *directory)
{
    DIR *names = opendir(directory);
    unsigned count = 0;
    ck_assert_ptr_nonnull(names);
    for (struct dirent *name; (name = readdir(names)) != NULL;)
        count += name->d_name[0] != '.';
    closedir(names);
    return count;
}

static void check_content(const char *directory, const char *expected)
{
    size_t size_bytes;
    char *content = support_read_file(directory, "report", &size_bytes);
    ck_assert_str_eq(content, expected);
    free(content);
}

START_TEST(gets_its_name_at_the_end)
{
    char *directory = support_temp_directory(), *path = path_in(directory, "report");
    struct draft draft;
    struct mr_error err = {0};
    uint64_t device, inode;
    support_write_file(directory, "report", "old", 3);
    ck_assert_ok(draft_open(&draft, path, "--report", &err), err);
    ck_assert(draft_file(&draft, &device, &inode));
    ck_assert_int_gt(fprintf(draft_stream(&draft), "new"), 0);
    check_content(directory, "old");
    ck_assert_uint_eq(count_names(directory), 2);
    ck_assert_ok(draft_keep(&draft, "--report", &err), err);
    check_content(directory, "new");
    ck_assert_uint_eq(count_names(directory), 1);
    struct stat about;
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert(about.st_ino == inode && (about.st_mode & 07777) == 0644);
    draft_drop(&draft);
    check_content(directory, "new");
    free(path);
    support_remove(directory);
}
END_TEST

START_TEST(leaves_nothing_when_dropped)
{
    char *directory = support_temp_directory(), *path = path_in(directory, "report");
    struct draft draft;
    struct mr_error err = {0};
    support_write_file(directory, "report", "old", 3);
    for (int has_stream = 0; has_stream < 2; has_stream++) {
        ck_assert_ok(draft_open(&draft, path, "--report", &err), err);
        if (has_stream)
            ck_assert_int_gt(fprintf(draft_stream(&draft), "new"), 0);
        draft_drop(&draft);
        draft_drop(&draft);
        check_content(directory, "old");
        ck_assert_uint_eq(count_names(directory), 1);
    }
    struct draft none = {0};
    draft_drop(&none);
    free(path);
    support_remove(directory);
}
END_TEST

START_TEST(says_why_it_cannot)
{
    char *directory = support_temp_directory(), *path = path_in(directory, "none/report");
    struct draft draft;
    struct mr_error err = {0};
    ck_assert_int_eq(draft_open(&draft, path, "--report", &err), MR_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.text, "--report: cannot write"));
    draft_drop(&draft);
    ck_assert_int_eq(draft_open(&draft, directory, "--report", &err), MR_E_USAGE);
    ck_assert_int_eq(draft_open(&draft, "/dev/null", "--report", &err), MR_E_USAGE);

    /* What took its place meanwhile is not a file. */
    free(path);
    path = path_in(directory, "report");
    ck_assert_ok(draft_open(&draft, path, "--report", &err), err);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(draft_keep(&draft, "--report", &err), MR_E_SYSTEM);
    ck_assert_uint_eq(count_names(directory), 1);
    free(path);
    support_remove(directory);
}
END_TEST

Suite *draft_suite(void)
{
    Suite *suite = suite_create("draft");
    TCase *tests = tcase_create("draft");
    tcase_add_test(tests, gets_its_name_at_the_end);
    tcase_add_test(tests, leaves_nothing_when_dropped);
    tcase_add_test(tests, says_why_it_cannot);
    suite_add_tcase(suite, tests);
    return suite;
}
