/* What a directory sink does last: hard links, symbolic links, times and modes of directories. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sink/tree.h"
#include "support/output.h"

Suite *tree_finish_suite(void);

static bool exchanges; /* the names "f" and "l", before the next hard link is made */

/* Takes the place of the C library's. */
int linkat(int from, const char *from_path, int to, const char *to_path, int flags)
{
    if (exchanges)
        ck_assert_int_eq(renameat2(from, "f", from, "l", RENAME_EXCHANGE), 0);
    exchanges = false;
    return (int)syscall(SYS_linkat, from, from_path, to, to_path, flags);
}

/* A hard link is one to the file that was looked at, whatever has its name a moment after. */
START_TEST(test_hard_link_while_names_change)
{
    struct mr_sink *sink = output_open(EXISTING_REFUSE, true);
    struct mr_error err;
    ck_assert_int_eq(output_put_file(sink, "f", "text"), MR_OK);
    ck_assert_int_eq(symlink("/etc/passwd", output_at("out/l")), 0);
    struct mr_entry entry = output_link("h", MR_KIND_HARDLINK, "f");
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    exchanges = true;
    struct output_problems seen = output_end(sink);
    ck_assert(!exchanges);
    ck_assert_str_eq(seen.paths, "h ");
    ck_assert_int_eq(seen.last, MR_E_CHANGED);
    ck_assert_uint_eq(output_count("out"), 2);
}
END_TEST

/* Only to files, whatever stands there under the name. */
START_TEST(test_hard_links_to_what_is_no_file)
{
    static const char *const names[] = {"fifo", "link", "directory"};
    struct mr_sink *sink = output_open(EXISTING_REFUSE, true);
    struct mr_error err;
    ck_assert_int_eq(mkfifo(output_at("out/fifo"), 0600), 0);
    ck_assert_int_eq(symlink("fifo", output_at("out/link")), 0);
    ck_assert_int_eq(mkdir(output_at("out/directory"), 0700), 0);
    struct mr_entry entry = output_link("h", MR_KIND_HARDLINK, names[_i]);
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    struct output_problems seen = output_end(sink);
    ck_assert_str_eq(seen.paths, "h ");
    ck_assert_int_eq(seen.last, MR_E_UNSAFE);
    ck_assert_ptr_nonnull(strstr(seen.texts, "no regular file"));
    ck_assert_uint_eq(output_count("out"), 3);
}
END_TEST

/*
 * A directory that was there in begin() is a link in commit(), and one that was stored is a link in
 * finish().
 */
START_TEST(test_swapped_directories)
{
    mkdir(output_at("outside"), 0700);
    struct mr_sink *sink = output_open(EXISTING_OVERWRITE, true);
    struct mr_error err = {0};
    struct mr_entry entry = output_directory("d", 0755, 1000);
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    entry = output_file("d/f");
    struct mr_writer *writer = NULL;
    ck_assert_ok(sink->ops->begin(sink, &entry, 1, &writer, &err), err);
    ck_assert_int_eq(rename(output_at("out/d"), output_at("out/moved")), 0);
    ck_assert_int_eq(symlink("../outside", output_at("out/d")), 0);
    ck_assert_ok(sink->ops->write(sink, writer, "x", 1, &err), err);
    ck_assert_ok(sink->ops->commit(sink, writer, &err), err);
    struct output_problems seen = output_end(sink);
    ck_assert_str_eq(seen.paths, "d ");
    ck_assert_int_eq(seen.last, MR_E_UNSAFE);
    ck_assert_uint_eq(output_count("outside"), 0);
    ck_assert_uint_eq(output_stat("outside").st_mode & 07777, 0700);
    ck_assert_int_ne(output_stat("outside").st_mtim.tv_sec, 1000);
    ck_assert_output("out/moved/f", "x");
}
END_TEST

START_TEST(test_links)
{
    struct mr_sink *sink = output_open(EXISTING_REFUSE, true);
    struct mr_error err;
    struct mr_entry entry;
    ck_assert_int_eq(output_put_file(sink, "d/f", "text"), MR_OK);
    entry = output_link("l", MR_KIND_SYMLINK, "d/f");
    entry.has_mtime = true;
    entry.mtime_s = 77;
    entry.mtime_ns = 5;
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    entry = output_link("d/up", MR_KIND_SYMLINK, "../d");
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    entry = output_link("new/h", MR_KIND_HARDLINK, "d/f");
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    entry = output_link("dangling", MR_KIND_SYMLINK, "later");
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    ck_assert(!output_has("out/l")); /* nothing is there that could be followed */
    struct output_problems seen = output_end(sink);
    ck_assert_msg(seen.count == 0, "%s", seen.texts);
    struct stat st = output_stat("out/l");
    ck_assert(S_ISLNK(st.st_mode));
    ck_assert_int_eq(st.st_mtim.tv_sec, 77);
    ck_assert_int_eq(st.st_mtim.tv_nsec, 5);
    ck_assert(S_ISLNK(output_stat("out/d/up").st_mode));
    ck_assert(S_ISLNK(output_stat("out/dangling").st_mode));
    ck_assert_uint_eq(output_stat("out/new/h").st_ino, output_stat("out/d/f").st_ino);
    ck_assert_output("out/new/h", "text");
}
END_TEST

START_TEST(test_unsafe_links)
{
    static const char *const targets[] = {"/etc/passwd", "..", "../x", "d/../../x",
                                          "../../../../etc"};
    struct mr_error err;
    for (unsigned i = 0; i < 5; i++) {
        struct mr_sink *sink = output_open(EXISTING_OVERWRITE, true);
        struct mr_entry entry = output_link("l", MR_KIND_SYMLINK, targets[i]);
        ck_assert_int_eq(output_put(sink, &entry, NULL, &err), MR_E_UNSAFE);
        output_end(sink);
        ck_assert(!output_has("out/l"));
        /* From a tree of one's own, links are kept as they are. */
        sink = output_open(EXISTING_OVERWRITE, false);
        ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
        ck_assert_uint_eq(output_end(sink).count, 0);
        ck_assert(output_has("out/l"));
        unlink(output_at("out/l"));
    }
}
END_TEST

/* Each of them is harmless alone. */
START_TEST(test_links_that_escape_together)
{
    struct mr_sink *sink = output_open(EXISTING_REFUSE, true);
    if (_i == 1)
        ((struct tree *)sink)->root.has_openat2 = false;
    struct mr_error err;
    struct mr_entry entry;
    static const char *const pairs[][2] = {{"x/d", "."},
                                           {"e", "x/d/../.."},
                                           {"f", "e/etc"},
                                           {"fine", "x"},
                                           {"nx", "x/d/missing/../../.."}};
    for (unsigned i = 0; i < 5; i++) {
        entry = output_link(pairs[i][0], MR_KIND_SYMLINK, pairs[i][1]);
        ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    }
    struct output_problems seen = output_end(sink);
    ck_assert_msg(strstr(seen.paths, "e ") == seen.paths, "%s", seen.paths);
    ck_assert(!output_has("out/e"));
    ck_assert(!output_has("out/nx"));
    ck_assert(output_has("out/x/d"));
    ck_assert(output_has("out/fine"));
    /* f leads outside only through e. */
    ck_assert_int_ne(access(output_at("out/f"), F_OK), 0);
}
END_TEST

START_TEST(test_existing_links_stay)
{
    mkdir(output_at("out"), 0755);
    ck_assert_int_eq(symlink("/etc", output_at("out/a")), 0);
    ck_assert_int_eq(symlink("/etc", output_at("out/b")), 0);
    struct mr_sink *sink = output_open(EXISTING_SKIP, true);
    struct mr_error err;
    struct mr_entry entry = output_link("a", MR_KIND_SYMLINK, "b");
    ck_assert_int_eq(output_put(sink, &entry, NULL, &err), MR_SKIPPED);
    entry = output_link("c", MR_KIND_SYMLINK, "b"); /* leads outside by b */
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    struct output_problems seen = output_end(sink);
    ck_assert_str_eq(seen.paths, "c ");
    ck_assert(output_has("out/a") && output_has("out/b") && !output_has("out/c"));
}
END_TEST

START_TEST(test_link_policies)
{
    support_write_file(output_base, "out/f", "text", 4);
    support_write_file(output_base, "out/h", "old", 3);
    support_write_file(output_base, "out/s", "old", 3);
    ck_assert_int_eq(link(output_at("out/f"), output_at("out/same")), 0);
    struct mr_error err;
    struct mr_entry hard = output_link("h", MR_KIND_HARDLINK, "f"),
                    soft = output_link("s", MR_KIND_SYMLINK, "f"),
                    same = output_link("same", MR_KIND_HARDLINK, "f");
    struct mr_sink *sink = output_open(EXISTING_REFUSE, false);
    ck_assert_int_eq(output_put(sink, &hard, NULL, &err), MR_E_EXISTS);
    ck_assert_int_eq(output_put(sink, &soft, NULL, &err), MR_E_EXISTS);
    output_end(sink);
    sink = output_open(EXISTING_SKIP, false);
    ck_assert_int_eq(output_put(sink, &hard, NULL, &err), MR_SKIPPED);
    ck_assert_int_eq(output_put(sink, &soft, NULL, &err), MR_SKIPPED);
    output_end(sink);
    ck_assert_output("out/h", "old");
    ck_assert_output("out/s", "old");
    sink = output_open(EXISTING_OVERWRITE, false);
    ck_assert_ok(output_put(sink, &hard, NULL, &err), err);
    ck_assert_ok(output_put(sink, &soft, NULL, &err), err);
    ck_assert_ok(output_put(sink, &same, NULL, &err), err);
    struct mr_entry missing = output_link("m", MR_KIND_HARDLINK, "missing");
    ck_assert_ok(output_put(sink, &missing, NULL, &err), err);
    struct mr_entry to_link = output_link("t", MR_KIND_HARDLINK, "d");
    mkdir(output_at("out/d"), 0755);
    ck_assert_ok(output_put(sink, &to_link, NULL, &err), err);
    struct output_problems seen = output_end(sink);
    ck_assert_str_eq(seen.paths, "m t ");
    ck_assert_output("out/h", "text");
    ck_assert(S_ISLNK(output_stat("out/s").st_mode));
    ck_assert_uint_eq(output_stat("out/f").st_nlink, 3);
    ck_assert_uint_eq(output_count("out"), 5);
}
END_TEST

START_TEST(test_directories)
{
    umask(022);
    struct mr_sink *sink = output_open(EXISTING_REFUSE, false);
    struct mr_error err;
    static const struct {
        const char *path;
        unsigned mode;
    } made[] = {{"a/b/c", 0}, {"a/b", 0500}, {"a", 0777}, {"a/b/d", 02755}, {"z", 0100}};
    for (unsigned i = 0; i < 5; i++) {
        struct mr_entry entry = output_directory(made[i].path, made[i].mode, 1000 + i);
        entry.mtime_ns = 7;
        ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    }
    ck_assert_int_eq(output_put_file(sink, "a/b/c/f", "x"), MR_OK);
    ck_assert_int_eq(output_put_file(sink, "a/f", "x"), MR_OK);
    ck_assert_int_eq(output_put_file(sink, "implied/f", "x"), MR_OK);
    struct mr_entry entry = output_link("z/l", MR_KIND_SYMLINK, "x");
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    struct output_problems seen = output_end(sink);
    ck_assert_msg(seen.count == 0, "%s", seen.texts);
    for (unsigned i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof(name), "out/%s", made[i].path);
        struct stat st = output_stat(name);
        ck_assert_uint_eq(st.st_mode & 07777, made[i].mode & 0777);
        ck_assert_int_eq(st.st_mtim.tv_sec, 1000 + (int)i);
        ck_assert_int_eq(st.st_mtim.tv_nsec, 7);
    }
    ck_assert_uint_eq(output_stat("out/implied").st_mode & 07777, 0755);
    ck_assert_int_gt(output_stat("out/implied").st_mtim.tv_sec, 100000);
}
END_TEST

/* The same as an ordinary user, whom modes stop. */
START_TEST(test_directories_as_nobody)
{
    ck_assert_int_eq(chmod(output_base, 0777), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(9);
        struct mr_sink *sink = output_open(EXISTING_REFUSE, false);
        struct mr_error err;
        static const char *const paths[] = {"a", "a/b", "a/b/c"};
        bool is_good = true;
        for (unsigned i = 0; i < 3; i++) {
            struct mr_entry entry = output_directory(paths[i], i == 1 ? 0 : 0400, 1000);
            is_good = output_put(sink, &entry, NULL, &err) == MR_OK && is_good;
        }
        is_good = output_put_file(sink, "a/b/c/f", "x") == MR_OK && is_good;
        is_good = output_end(sink).count == 0 && is_good;
        _exit(is_good ? 0 : 1);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    ck_assert_uint_eq(output_stat("out/a/b").st_mode & 07777, 0);
    ck_assert_uint_eq(output_stat("out/a/b/c").st_mode & 07777, 0400);
    ck_assert_int_eq(output_stat("out/a/b/c").st_mtim.tv_sec, 1000);
}
END_TEST

START_TEST(test_many_directories)
{
    struct mr_sink *sink = output_open(EXISTING_REFUSE, false);
    struct mr_error err;
    char path[200];
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(path, sizeof(path), "some_directory_with_a_long_name_to_fill_buffers_%04u", i);
        struct mr_entry entry = output_directory(path, i % 3 ? 0750 : 0550, i);
        ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    }
    ck_assert_uint_eq(output_end(sink).count, 0);
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(path, sizeof(path), "out/some_directory_with_a_long_name_to_fill_buffers_%04u", i);
        struct stat st = output_stat(path);
        ck_assert_int_eq(st.st_mtim.tv_sec, i);
        ck_assert_uint_eq(st.st_mode & 0777, i % 3 ? 0750 : 0550);
    }
}
END_TEST

/* A directory for a group hands its group on; that is the system's business. */
START_TEST(test_inherited_group)
{
    struct mr_sink *sink = output_open(EXISTING_REFUSE, true);
    ck_assert_int_eq(chmod(output_at("out"), 02755), 0);
    struct mr_error err;
    struct mr_entry entry = output_directory("d", 04700, 1000);
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    ck_assert_uint_eq(output_end(sink).count, 0);
    ck_assert_uint_eq(output_stat("out/d").st_mode & 07777, 02700);
}
END_TEST

/* With --collide last: what came last stands there, whatever kinds they are. */
START_TEST(test_last_one_wins)
{
    static const enum mr_kind kinds[] = {MR_KIND_FILE, MR_KIND_SYMLINK, MR_KIND_HARDLINK};
    struct mr_sink *sink = output_open((enum existing)_i, true);
    struct mr_error err;
    ck_assert_int_eq(output_put_file(sink, "target", "target"), MR_OK);
    for (unsigned i = 0; i < 27; i++) {
        const unsigned turns[] = {i / 9, i / 3 % 3, i % 3};
        char name[8];
        snprintf(name, sizeof(name), "n%u", i);
        for (unsigned j = 0; j < 3; j++) {
            enum mr_kind kind = kinds[turns[j]];
            struct mr_entry entry =
                kind == MR_KIND_FILE ? output_file(name) : output_link(name, kind, "target");
            char content[2] = {(char)('0' + j), 0};
            entry.replaces_earlier = j > 0;
            ck_assert_ok(output_put(sink, &entry, kind == MR_KIND_FILE ? content : NULL, &err),
                         err);
        }
    }
    struct output_problems seen = output_end(sink);
    ck_assert_msg(seen.count == 0, "%s", seen.texts);
    for (unsigned i = 0; i < 27; i++) {
        char name[16];
        snprintf(name, sizeof(name), "out/n%u", i);
        struct stat st = output_stat(name);
        enum mr_kind kind = kinds[i % 3];
        ck_assert_int_eq(S_ISLNK(st.st_mode), kind == MR_KIND_SYMLINK);
        ck_assert_int_eq(st.st_nlink > 1, kind == MR_KIND_HARDLINK);
        ck_assert_output(name, kind == MR_KIND_FILE ? "2" : "target");
    }
    ck_assert_uint_eq(output_count("out"), 28);
}
END_TEST

/* But what was there before the run is not an earlier item. */
START_TEST(test_last_one_spares_what_was_there)
{
    support_write_file(output_base, "out/a", "old", 3);
    support_write_file(output_base, "out/l", "old", 3);
    usleep(20000); /* a step of the clock of file systems */
    struct mr_sink *sink = output_open(EXISTING_REFUSE, true);
    struct mr_error err;
    struct mr_entry entry = output_file("a");
    ck_assert_int_eq(output_put(sink, &entry, "new", &err), MR_E_EXISTS);
    entry.replaces_earlier = true;
    ck_assert_int_eq(output_put(sink, &entry, "new", &err), MR_E_EXISTS);
    entry = output_link("l", MR_KIND_SYMLINK, "a");
    entry.replaces_earlier = true;
    ck_assert_int_eq(output_put(sink, &entry, NULL, &err), MR_E_EXISTS);
    ck_assert_uint_eq(output_end(sink).count, 0);
    ck_assert_output("out/a", "old");
    ck_assert_output("out/l", "old");
    ck_assert_uint_eq(output_count("out"), 2);
}
END_TEST

Suite *tree_finish_suite(void)
{
    Suite *suite = suite_create("tree_finish");
    TCase *tcase = tcase_create("finish");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, output_set_up, output_tear_down);
    tcase_add_test(tcase, test_hard_link_while_names_change);
    tcase_add_loop_test(tcase, test_hard_links_to_what_is_no_file, 0, 3);
    tcase_add_test(tcase, test_swapped_directories);
    tcase_add_test(tcase, test_links);
    tcase_add_test(tcase, test_unsafe_links);
    tcase_add_loop_test(tcase, test_links_that_escape_together, 0, 2);
    tcase_add_test(tcase, test_existing_links_stay);
    tcase_add_test(tcase, test_link_policies);
    tcase_add_test(tcase, test_directories);
    tcase_add_test(tcase, test_directories_as_nobody);
    tcase_add_test(tcase, test_many_directories);
    tcase_add_test(tcase, test_inherited_group);
    tcase_add_loop_test(tcase, test_last_one_wins, EXISTING_REFUSE, EXISTING_OVERWRITE + 1);
    tcase_add_test(tcase, test_last_one_spares_what_was_there);
    suite_add_tcase(suite, tcase);
    return suite;
}
