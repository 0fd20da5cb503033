#include "base/nameset.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "base/io.h"
#include "support/support.h"

Suite *nameset_suite(void);

static struct nameset *create(size_t memory_bytes)
{
    struct nameset *set;
    struct mr_error err = {0};
    ck_assert_ok(nameset_create(memory_bytes, &set, &err), err);
    return set;
}

static bool add(struct nameset *set, const char *name)
{
    struct mr_error err = {0};
    bool was_there;
    ck_assert_ok(nameset_add(set, name, &was_there, &err), err);
    return was_there;
}

static bool has(struct nameset *set, const char *name)
{
    struct mr_error err = {0};
    bool is_there;
    ck_assert_ok(nameset_has(set, name, &is_there, &err), err);
    return is_there;
}

static unsigned descriptor_count(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

START_TEST(knows_what_was_added)
{
    struct nameset *set = create(0);
    ck_assert(!has(set, "a"));
    ck_assert(!add(set, "a"));
    ck_assert(add(set, "a"));
    ck_assert(has(set, "a"));
    ck_assert(!has(set, "A"));
    ck_assert(!has(set, ""));
    ck_assert(!add(set, ""));
    ck_assert(add(set, ""));
    ck_assert(!has(set, "a/"));
    nameset_destroy(set);
    nameset_destroy(NULL);
}
END_TEST

enum place { IN_MEMORY = 0, IN_FILE = 1, IN_EITHER };

/* Name number i is in the set when i was drawn: the reference is a plain array of flags. */
static void compare_with_reference(size_t memory_bytes, unsigned name_count, enum place place)
{
    unsigned before = descriptor_count();
    struct nameset *set = create(memory_bytes);
    bool *reference = calloc(name_count, sizeof(bool));
    ck_assert_ptr_nonnull(reference);
    uint64_t seed = 7;
    char name[64];
    for (unsigned i = 0; i < name_count; i++) {
        unsigned drawn = (unsigned)(support_random(&seed) % name_count);
        snprintf(name, sizeof(name), "directory/%u/file-%u.c", drawn % 100, drawn);
        ck_assert_int_eq(add(set, name), reference[drawn]);
        reference[drawn] = true;
    }
    if (place != IN_EITHER)
        ck_assert_uint_eq(descriptor_count(), before + (place == IN_FILE));
    for (unsigned i = 0; i < name_count; i++) {
        snprintf(name, sizeof(name), "directory/%u/file-%u.c", i % 100, i);
        ck_assert_int_eq(has(set, name), reference[i]);
    }
    free(reference);
    nameset_destroy(set);
    ck_assert_uint_eq(descriptor_count(), before);
}

START_TEST(agrees_with_a_reference_in_memory)
{
    compare_with_reference((size_t)64 << 20, 300000, IN_MEMORY);
}
END_TEST

START_TEST(agrees_with_a_reference_in_a_file)
{
    compare_with_reference(0, 300000, IN_FILE);
}
END_TEST

START_TEST(agrees_with_a_reference_around_the_limit)
{
    for (unsigned count = 700; count < 6000; count += 331)
        compare_with_reference((size_t)64 << 10, count, IN_EITHER);
}
END_TEST

/* Each name has the number that it was given last; with _i = 1 most of them are in a file. */
START_TEST(keeps_numbers)
{
    enum { NAMES = 30000 };
    struct nameset *set = create(_i ? 0 : (size_t)64 << 20);
    struct mr_error err = {0};
    char name[32];
    uint64_t number;
    for (uint64_t i = 0; i < 2 * NAMES; i++) {
        snprintf(name, sizeof(name), "%u", (unsigned)(i % NAMES));
        if (i < NAMES || i % 3 == 0)
            ck_assert_ok(nameset_set_number(set, name, i + 1, &err), err);
    }
    for (uint64_t i = 0; i < NAMES + 1000; i++) {
        uint64_t last = (i + NAMES) % 3 == 0 ? i + NAMES + 1 : i + 1;
        snprintf(name, sizeof(name), "%u", (unsigned)i);
        ck_assert_ok(nameset_number(set, name, &number, &err), err);
        ck_assert_uint_eq(number, i < NAMES ? last : 0);
    }
    nameset_destroy(set);
}
END_TEST

START_TEST(fails_cleanly_without_a_place_for_the_file)
{
    io_set_temp_directory("/nonexistent/place");
    struct nameset *set = create(0);
    struct mr_error err = {0};
    enum mr_status status = MR_OK;
    char name[32];
    unsigned added = 0;
    bool was_there;
    for (; status == MR_OK && added < 10000; added++) {
        snprintf(name, sizeof(name), "%u", added);
        status = nameset_add(set, name, &was_there, &err);
    }
    ck_assert_int_eq(status, MR_E_SYSTEM);
    ck_assert_int_eq(err.sys_errno, ENOENT);
    ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/place"));
    for (unsigned i = 0; i < added - 1; i++) {
        snprintf(name, sizeof(name), "%u", i);
        ck_assert(has(set, name));
    }
    io_set_temp_directory(NULL);
    ck_assert(!add(set, "one more")); /* and it goes on when there is one */
    nameset_destroy(set);
}
END_TEST

Suite *nameset_suite(void)
{
    Suite *suite = suite_create("nameset");
    TCase *tests = tcase_create("nameset");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, knows_what_was_added);
    tcase_add_test(tests, agrees_with_a_reference_in_memory);
    tcase_add_test(tests, agrees_with_a_reference_in_a_file);
    tcase_add_test(tests, agrees_with_a_reference_around_the_limit);
    tcase_add_loop_test(tests, keeps_numbers, 0, 2);
    tcase_add_test(tests, fails_cleanly_without_a_place_for_the_file);
    suite_add_tcase(suite, tests);
    return suite;
}
