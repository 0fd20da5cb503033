/* Opening below a root: with openat2 and, by the switch in struct below, component by component. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/below.h"
#include "support/support.h"

Suite *below_suite(void);

static char *base;
static struct below below;

static const char *at(const char *name)
{
    static char path[4400];
    snprintf(path, sizeof(path), "%s/%s", base, name);
    return path;
}

/* out/d/f, links in out to d, to outside and to nowhere. */
static void set_up(void)
{
    base = support_temp_directory();
    support_write_file(base, "out/d/f", "f", 1);
    support_write_file(base, "outside/f", "f", 1);
    ck_assert_int_eq(symlink("d", at("out/in")), 0);
    ck_assert_int_eq(symlink("../outside", at("out/leave")), 0);
    ck_assert_int_eq(symlink("nowhere", at("out/dangling")), 0);
    ck_assert_int_eq(symlink("loop", at("out/loop")), 0);
    ck_assert_int_eq(symlink("f", at("out/d/l")), 0);
    int fd = open(at("out"), O_PATH | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    below_init(&below, fd);
}

static void tear_down(void)
{
    close(below.fd);
    support_remove(base);
}

/* 0 or the errno of opening. */
static int try_open(const char *path, int flags)
{
    int fd = below_open(&below, path, flags, 0600);
    if (fd < 0)
        return errno;
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    close(fd);
    return 0;
}

START_TEST(test_open)
{
    if (_i == 1)
        below.has_openat2 = false;
    static const struct {
        const char *path;
        int flags, fault;
    } cases[] = {
        {"d/f", O_RDONLY, 0},
        {"d", O_RDONLY | O_DIRECTORY, 0},
        {"", O_RDONLY | O_DIRECTORY, 0},
        {"./d//f", O_RDONLY, 0},
        {"d/missing", O_RDONLY, ENOENT},
        {"missing/f", O_RDONLY, ENOENT},
        {"d/f/x", O_RDONLY, ENOTDIR},
        {"d/f", O_RDONLY | O_DIRECTORY, ENOTDIR},
        {"in/f", O_RDONLY, ELOOP},
        {"leave/f", O_RDONLY, ELOOP},
        {"d/l", O_RDONLY, ELOOP},
        {"in", O_RDONLY | O_DIRECTORY, ELOOP},
        {"in", O_PATH | O_DIRECTORY, ELOOP},
        {"in", O_PATH, 0}, /* the link itself */
        {"..", O_RDONLY, EXDEV},
        {"d/../../outside/f", O_RDONLY, EXDEV},
        {"../out/d/f", O_RDONLY, EXDEV},
        {"/etc/passwd", O_RDONLY, EXDEV},
        {"d/new", O_WRONLY | O_CREAT | O_EXCL, 0},
        {"d/new", O_WRONLY | O_CREAT | O_EXCL, EEXIST},
        {"dangling", O_WRONLY | O_CREAT | O_EXCL, EEXIST},
        {"dangling", O_WRONLY | O_CREAT, ELOOP},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fault = try_open(cases[i].path, cases[i].flags);
        ck_assert_msg(fault == cases[i].fault, "case %zu, %s: %s instead of %s", i, cases[i].path,
                      strerrorname_np(fault), strerrorname_np(cases[i].fault));
    }
    struct stat st;
    int fd = below_open(&below, "in", O_PATH, 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert(S_ISLNK(st.st_mode));
    close(fd);
    ck_assert_int_ne(access(at("out/nowhere"), F_OK), 0);
}
END_TEST

START_TEST(test_parents)
{
    if (_i == 1)
        below.has_openat2 = false;
    static const struct {
        const char *path;
        int open_fault, make_fault;
    } cases[] = {{"x", 0, 0},
                 {"d/x", 0, 0},
                 {"new/a/b/x", ENOENT, 0},
                 {"d/f/x", ENOTDIR, ENOTDIR},
                 {"d/f/y/x", ENOTDIR, ENOTDIR},
                 {"in/x", ELOOP, ELOOP},
                 {"in/new/x", ELOOP, ELOOP},
                 {"leave/new/x", ELOOP, ELOOP},
                 {"dangling/x", ELOOP, ELOOP},
                 {"loop/x", ELOOP, ELOOP},
                 {"../new/x", EXDEV, EXDEV},
                 {"/new/x", EXDEV, EXDEV}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = below_open_parent(&below, cases[i].path);
        int fault = fd < 0 ? errno : 0;
        if (fd >= 0)
            close(fd);
        ck_assert_msg(fault == cases[i].open_fault, "opening %zu: %s", i, strerrorname_np(fault));
        fd = below_make_parent(&below, cases[i].path);
        fault = fd < 0 ? errno : 0;
        if (fd >= 0)
            close(fd);
        ck_assert_msg(fault == cases[i].make_fault, "making %zu: %s", i, strerrorname_np(fault));
    }
    ck_assert_int_eq(access(at("out/new/a/b"), F_OK), 0);
    /* Nothing is made for a name that is refused in the end. */
    ck_assert_int_eq(below_make_parent(&below, "fresh/../../x/y"), -1);
    ck_assert_int_eq(errno, EXDEV);
    ck_assert_int_ne(access(at("out/fresh"), F_OK), 0);
    ck_assert_int_ne(access(at("outside/new"), F_OK), 0);
    char *name = malloc(5002);
    for (unsigned i = 0; i < 5000; i += 2)
        memcpy(name + i, "a/", 3);
    ck_assert_int_eq(below_make_parent(&below, name), -1);
    ck_assert_int_eq(errno, ENAMETOOLONG);
    memset(name, 'n', 300);
    ck_assert_int_eq(below_make_parent(&below, name), -1);
    ck_assert_int_eq(errno, ENAMETOOLONG);
    ck_assert_int_ne(access(at("out/a"), F_OK), 0);
    free(name);
}
END_TEST

START_TEST(test_follow)
{
    static const char *const paths[] = {"", "d/f", "in/f", "leave/f", "dangling", "loop"};
    static const int faults[] = {0, 0, 0, 0, ENOENT, ELOOP};
    below.has_openat2 = _i == 0;
    for (size_t i = 0; i < 6; i++) {
        int fd = below_follow(&below, paths[i], O_RDONLY);
        int fault = fd < 0 ? errno : 0;
        ck_assert_int_eq(fault, faults[i]);
        if (fd >= 0)
            close(fd);
    }
}
END_TEST

START_TEST(test_resolve)
{
    ck_assert_int_eq(below_resolve(&below, "in"), 0);
    ck_assert_int_eq(below_resolve(&below, "d/l"), 0);
    ck_assert_int_eq(below_resolve_real(&below, "d/../d"), 0);
    ck_assert_int_eq(below_resolve_real(&below, "in"), -1);
    ck_assert_int_eq(errno, ELOOP);
    ck_assert_int_eq(below_resolve_real(&below, "d/../.."), -1);
    ck_assert_int_eq(errno, EXDEV);
    ck_assert_int_eq(below_resolve(&below, "leave"), -1);
    ck_assert_int_eq(errno, EXDEV);
    ck_assert_int_eq(below_resolve(&below, "dangling"), -1);
    ck_assert_int_eq(errno, ENOENT);
    below.has_openat2 = false;
    ck_assert_int_eq(below_resolve(&below, "in"), -1);
    ck_assert_int_eq(errno, ENOSYS);
}
END_TEST

Suite *below_suite(void)
{
    Suite *suite = suite_create("below");
    TCase *tcase = tcase_create("below");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, test_open, 0, 2);
    tcase_add_loop_test(tcase, test_parents, 0, 2);
    tcase_add_loop_test(tcase, test_follow, 0, 2);
    tcase_add_test(tcase, test_resolve);
    suite_add_tcase(suite, tcase);
    return suite;
}
