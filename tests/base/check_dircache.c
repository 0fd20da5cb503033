/* Directories that are kept open: what is found again, what is not, how many, and by many threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/dircache.h"
#include "support/support.h"

Suite *dircache_suite(void);

static char *base;
static struct below below;
static struct dircache *cache;

static const char *at(const char *name)
{
    static char path[4400];
    snprintf(path, sizeof(path), "%s/%s", base, name);
    return path;
}

static void set_up(void)
{
    base = support_temp_directory();
    support_write_file(base, "out/d/e/f", "f", 1);
    support_write_file(base, "outside/e/f", "f", 1);
    ck_assert_int_eq(symlink("../outside", at("out/leave")), 0);
    int fd = open(at("out"), O_PATH | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    below_init(&below, fd);
    cache = dircache_create(&below, DIRCACHE_OUTPUT);
    ck_assert_ptr_nonnull(cache);
}

static void tear_down(void)
{
    dircache_destroy(cache);
    close(below.fd);
    support_remove(base);
}

/* How many descriptors are open. */
static int count_open(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static struct stat about(int fd)
{
    struct stat st;
    ck_assert_int_eq(fstat(fd, &st), 0);
    return st;
}

START_TEST(test_kept)
{
    struct dirhold first, again;
    ck_assert_int_eq(dircache_hold_parent(cache, "d/e/f", &first), 0);
    ck_assert_int_eq(dircache_hold_parent(cache, "d/e/g", &again), 0);
    ck_assert_int_eq(first.fd, again.fd);
    ck_assert_int_ne(fcntl(first.fd, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert(!first.is_new);
    struct stat st;
    ck_assert_int_eq(stat(at("out/d/e"), &st), 0);
    ck_assert_uint_eq(about(first.fd).st_ino, st.st_ino);
    dircache_let_go(&first);
    dircache_let_go(&first);
    ck_assert_uint_eq(about(again.fd).st_ino, st.st_ino); /* it stays open */
    dircache_let_go(&again);
    ck_assert_int_eq(dircache_hold_parent(cache, "x", &first), 0);
    ck_assert_int_eq(first.fd, below.fd);
    dircache_let_go(&first);
    int fd = dircache_open(cache, "d/e/f", O_RDONLY);
    ck_assert_int_ge(fd, 0);
    close(fd);
}
END_TEST

START_TEST(test_refused)
{
    static const struct {
        const char *path;
        int fault;
    } cases[] = {{"leave/x", ELOOP},   {"leave/e/x", ELOOP}, {"../x", EXDEV},
                 {"d/../../x", EXDEV}, {"/etc/x", EXDEV},    {"/x", EXDEV},
                 {"d/e/f/x", ENOTDIR}};
    int before = count_open();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dirhold hold;
        ck_assert_int_eq(dircache_hold_parent(cache, cases[i].path, &hold), -1);
        ck_assert_msg(errno == cases[i].fault, "%s: %s", cases[i].path, strerror(errno));
        ck_assert_int_eq(dircache_make_parent(cache, cases[i].path, &hold), -1);
        ck_assert_msg(errno == cases[i].fault, "%s: %s", cases[i].path, strerror(errno));
        ck_assert_int_eq(dircache_open(cache, cases[i].path, O_RDONLY), -1);
    }
    ck_assert_int_eq(symlink("f", at("out/d/e/l")), 0);
    ck_assert_int_eq(dircache_open(cache, "d/e/l", O_RDONLY), -1);
    ck_assert_int_eq(errno, ELOOP);
    struct dirhold hold;
    ck_assert_int_eq(dircache_hold_parent(cache, "none/x", &hold), -1);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_int_eq(count_open(), before + 1); /* d/e alone */
}
END_TEST

START_TEST(test_new)
{
    struct dirhold hold;
    ck_assert_int_eq(dircache_make_parent(cache, "d/n/m/x", &hold), 0);
    ck_assert(hold.is_new);
    dircache_let_go(&hold);
    ck_assert_int_eq(dircache_hold_parent(cache, "d/n/m/y", &hold), 0);
    ck_assert(hold.is_new);
    dircache_let_go(&hold);
    ck_assert_int_eq(dircache_make_parent(cache, "d/x", &hold), 0);
    ck_assert(!hold.is_new);
    dircache_let_go(&hold);
    /* Somebody was there before the one who made it says so. */
    ck_assert_int_eq(mkdir(at("out/made"), 0700), 0);
    struct dirhold early;
    ck_assert_int_eq(dircache_hold_parent(cache, "made/x", &early), 0);
    ck_assert(!early.is_new);
    struct dirhold root;
    ck_assert_int_eq(dircache_hold_parent(cache, "made", &root), 0);
    dircache_add_made(cache, "made", &root);
    dircache_let_go(&root);
    ck_assert_int_eq(dircache_hold_parent(cache, "made/x", &hold), 0);
    ck_assert(hold.is_new);
    ck_assert_int_eq(hold.fd, early.fd);
    dircache_let_go(&hold);
    dircache_let_go(&early);
    ck_assert_int_eq(dircache_hold_parent(cache, "x", &hold), 0);
    ck_assert(!hold.is_new);
    struct dircache *of_new_root = dircache_create(&below, DIRCACHE_NEW_ROOT);
    ck_assert_int_eq(dircache_hold_parent(of_new_root, "x", &hold), 0);
    ck_assert(hold.is_new);
    dircache_destroy(of_new_root);
}
END_TEST

/* A default ACL decides on the modes of new files: u::rwx g::--- o::---, in its binary form. */
START_TEST(test_default_acl)
{
    static const unsigned char acl[] = {2,   0,   0, 0, 1,   0,   7,   0,   255, 255,
                                        255, 255, 4, 0, 0,   0,   255, 255, 255, 255,
                                        32,  0,   0, 0, 255, 255, 255, 255};
    struct dirhold hold;
    ck_assert_int_eq(dircache_hold_parent(cache, "d/x", &hold), 0);
    ck_assert(hold.is_plain);
    ck_assert_int_ne(hold.fs_type, 0);
    dircache_let_go(&hold);
    ck_assert_int_eq(mkdir(at("out/acl"), 0700), 0);
    if (setxattr(at("out/acl"), "system.posix_acl_default", acl, sizeof(acl), 0) != 0) {
        ck_assert_int_eq(errno, ENOTSUP);
        return;
    }
    struct dirhold inner;
    ck_assert_int_eq(dircache_hold_parent(cache, "acl/x", &hold), 0);
    ck_assert(!hold.is_plain);
    /* One that is made in it gets the same. */
    ck_assert_int_eq(mkdirat(hold.fd, "made", 0700), 0);
    dircache_add_made(cache, "acl/made", &hold);
    ck_assert_int_eq(dircache_hold_parent(cache, "acl/made/x", &inner), 0);
    ck_assert(inner.is_new && !inner.is_plain);
    dircache_let_go(&inner);
    dircache_let_go(&hold);
}
END_TEST

/* The name is given to a link that leads outside: the descriptor goes on naming the directory. */
START_TEST(test_swapped)
{
    struct dirhold before, after;
    ck_assert_int_eq(dircache_hold_parent(cache, "d/e/f", &before), 0);
    ino_t inode = about(before.fd).st_ino;
    dircache_let_go(&before);
    ck_assert_int_eq(renameat(below.fd, "d", below.fd, "moved"), 0);
    ck_assert_int_eq(symlink("../outside", at("out/d")), 0);
    ck_assert_int_eq(dircache_hold_parent(cache, "d/e/f", &after), 0);
    ck_assert_uint_eq(about(after.fd).st_ino, inode);
    dircache_let_go(&after);
    dircache_forget_parent(cache, "d/e/f");
    ck_assert_int_eq(dircache_hold_parent(cache, "d/e/f", &after), -1);
    ck_assert_int_eq(errno, ELOOP);
}
END_TEST

START_TEST(test_removed)
{
    struct dirhold hold;
    ck_assert_int_eq(dircache_make_parent(cache, "gone/x", &hold), 0);
    dircache_let_go(&hold);
    ck_assert_int_eq(rmdir(at("out/gone")), 0);
    ck_assert_int_eq(dircache_make_parent(cache, "gone/x", &hold), 0);
    ck_assert_int_eq(openat(hold.fd, "x", O_WRONLY | O_CREAT, 0600), -1);
    ck_assert_int_eq(errno, ENOENT);
    dircache_let_go(&hold);
    dircache_forget_parent(cache, "gone/x");
    ck_assert_int_eq(dircache_make_parent(cache, "gone/x", &hold), 0);
    int fd = openat(hold.fd, "x", O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    dircache_let_go(&hold);
}
END_TEST

/* However many directories there are, an eighth of the descriptors is kept, and none when shut. */
START_TEST(test_bounded)
{
    const struct rlimit limit = {.rlim_cur = 64, .rlim_max = 64};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    struct dircache *small = dircache_create(&below, 0);
    int before = count_open();
    char path[32];
    struct dirhold hold, all[20];
    for (int i = 0; i < 200; i++) {
        snprintf(path, sizeof(path), "b%d/x", i % 100);
        ck_assert_int_eq(dircache_make_parent(small, path, &hold), 0);
        dircache_let_go(&hold);
        ck_assert_int_le(count_open(), before + 8);
    }
    /* More than can be kept are held: each by its own descriptor. */
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof(path), "b%d/x", i);
        ck_assert_int_eq(dircache_make_parent(small, path, &all[i]), 0);
        for (int k = 0; k < i; k++)
            ck_assert_int_ne(all[i].fd, all[k].fd);
    }
    for (int i = 0; i < 20; i++)
        dircache_let_go(&all[i]);
    ck_assert_int_le(count_open(), before + 8);
    dircache_shut(small);
    ck_assert_int_eq(count_open(), before);
    ck_assert_int_eq(dircache_hold_parent(small, "b1/x", &hold), 0);
    dircache_let_go(&hold);
    int fd = dircache_open(small, "d/e/f", O_RDONLY);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(count_open(), before);
    dircache_destroy(small);
}
END_TEST

#define THREAD_COUNT    4
#define DIRECTORY_COUNT 40
#define ROUND_COUNT     4000

static ino_t inodes[DIRECTORY_COUNT];
static atomic_uint wrong_count;

static void *hammer(void *ctx)
{
    uint64_t state = (uintptr_t)ctx;
    for (int i = 0; i < ROUND_COUNT; i++) {
        unsigned which = (unsigned)(support_random(&state) % DIRECTORY_COUNT);
        char path[32];
        struct dirhold hold;
        struct stat st;
        snprintf(path, sizeof(path), "h%u/x", which);
        if (dircache_hold_parent(cache, path, &hold) != 0) {
            atomic_fetch_add(&wrong_count, 1);
            continue;
        }
        if (fstat(hold.fd, &st) != 0 || st.st_ino != inodes[which])
            atomic_fetch_add(&wrong_count, 1);
        if (i % 16 == 0)
            dircache_forget_parent(cache, path);
        dircache_let_go(&hold);
    }
    return NULL;
}

/* Few places and many directories: what is held is what was asked for, and nothing is lost. */
START_TEST(test_threads)
{
    for (unsigned i = 0; i < DIRECTORY_COUNT; i++) {
        char name[32];
        struct stat st;
        snprintf(name, sizeof(name), "out/h%u", i);
        ck_assert_int_eq(mkdir(at(name), 0700), 0);
        ck_assert_int_eq(stat(at(name), &st), 0);
        inodes[i] = st.st_ino;
    }
    const struct rlimit limit = {.rlim_cur = 64, .rlim_max = 64};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    dircache_destroy(cache);
    int before = count_open();
    cache = dircache_create(&below, 0);
    pthread_t threads[THREAD_COUNT];
    for (uintptr_t i = 0; i < THREAD_COUNT; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < THREAD_COUNT; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(wrong_count, 0);
    dircache_shut(cache);
    ck_assert_int_eq(count_open(), before);
}
END_TEST

Suite *dircache_suite(void)
{
    Suite *suite = suite_create("dircache");
    TCase *tcase = tcase_create("dircache");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_kept);
    tcase_add_test(tcase, test_refused);
    tcase_add_test(tcase, test_new);
    tcase_add_test(tcase, test_default_acl);
    tcase_add_test(tcase, test_swapped);
    tcase_add_test(tcase, test_removed);
    tcase_add_test(tcase, test_bounded);
    tcase_add_test(tcase, test_threads);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return suite;
}
