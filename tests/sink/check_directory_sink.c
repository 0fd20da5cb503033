/*
 * The directory sink: content and metadata, what exists already, planted links, and what is left
 * after a failure.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <zlib.h>

#include "sink/tree.h"
#include "support/output.h"

Suite *directory_sink_suite(void);

START_TEST(test_files)
{
    struct mr_sink *sink = output_open(EXISTING_REFUSE, false);
    ck_assert_int_eq(output_put_file(sink, "a", "content"), MR_OK);
    ck_assert_int_eq(output_put_file(sink, "d/e/f/g", ""), MR_OK);
    ck_assert_int_eq(output_put_file(sink, "d/e/h", "x"), MR_OK);
    ck_assert_int_eq(output_put_file(sink, "new\nline\xff", "y"), MR_OK);
    ck_assert_uint_eq(output_end(sink).count, 0);
    ck_assert_output("out/a", "content");
    ck_assert_output("out/d/e/f/g", "");
    ck_assert_output("out/d/e/h", "x");
    ck_assert_output("out/new\nline\xff", "y");
    ck_assert_uint_eq(output_count("out"), 3);
    ck_assert_uint_eq(output_count("out/d/e"), 2);
}
END_TEST

START_TEST(test_root_is_made)
{
    const struct directory_sink_config config = {0};
    struct mr_error err = {0};
    struct mr_sink *sink = NULL;
    ck_assert_ok(directory_sink_create(output_at("x/y//z/"), &config, &sink, &err), err);
    sink->ops->destroy(sink);
    ck_assert(output_has("x/y/z"));
    support_write_file(output_base, "file", "", 0);
    ck_assert_int_eq(directory_sink_create(output_at("file/z"), &config, &sink, &err), MR_E_SYSTEM);
    ck_assert_int_eq(directory_sink_create(output_at("file"), &config, &sink, &err), MR_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.text, "file"));
}
END_TEST

START_TEST(test_modes_and_times)
{
    umask(027);
    struct mr_sink *sink = output_open(EXISTING_REFUSE, false);
    struct mr_error err;
    static const unsigned modes[] = {0644, 0777, 0, 0400, 07755, 0666};
    for (unsigned i = 0; i < 6; i++) {
        char name[2] = {(char)('a' + i), 0};
        struct mr_entry entry = output_file(name);
        entry.mode = modes[i];
        entry.has_mode = entry.has_mtime = true;
        entry.mtime_s = i == 0 ? -5 : 1000000000 + (int)i;
        entry.mtime_ns = 999999999;
        ck_assert_ok(output_put(sink, &entry, "text", &err), err);
    }
    ck_assert_int_eq(output_put_file(sink, "none", ""), MR_OK);
    output_end(sink);
    for (unsigned i = 0; i < 6; i++) {
        char name[8];
        snprintf(name, sizeof(name), "out/%c", 'a' + i);
        struct stat st = output_stat(name);
        ck_assert_uint_eq(st.st_mode & 07777, modes[i] & 0777);
        ck_assert_int_eq(st.st_mtim.tv_sec, i == 0 ? -5 : 1000000000 + (int)i);
        ck_assert_int_eq(st.st_mtim.tv_nsec, 999999999);
    }
    ck_assert_uint_eq(output_stat("out/none").st_mode & 07777, 0640);
}
END_TEST

START_TEST(test_xattrs)
{
    struct mr_sink *sink = output_open(EXISTING_REFUSE, false);
    struct mr_xattr xattrs[] = {
        {.name = (char[]){"user.note"}, .value = (char[]){"abc"}, .value_bytes = 3},
        {.name = (char[]){"nonsense"}, .value = (char[]){"abc"}, .value_bytes = 3}};
    struct mr_entry entry = output_file("f");
    entry.xattrs = xattrs;
    entry.xattr_count = 2;
    struct mr_error err;
    ck_assert_ok(output_put(sink, &entry, "text", &err), err);
    char losses[200] = "";
    sink->ops->losses(sink, losses, sizeof(losses));
    ck_assert_str_eq(losses, "extended attributes of 1 items\n");
    output_end(sink);
    char value[8];
    ssize_t got = getxattr(output_at("out/f"), "user.note", value, sizeof(value));
    ck_assert(got == 3 || (got < 0 && errno == ENOTSUP));
}
END_TEST

START_TEST(test_existing_is_refused)
{
    support_write_file(output_base, "out/a", "old", 3);
    struct mr_sink *sink = output_open(EXISTING_REFUSE, false);
    ck_assert_int_eq(output_put_file(sink, "a", "new"), MR_E_EXISTS);
    /* Somebody was faster, between begin() and commit(). */
    struct mr_entry entry = output_file("b");
    struct mr_writer *writer = NULL;
    struct mr_error err = {0};
    ck_assert_ok(sink->ops->begin(sink, &entry, 0, &writer, &err), err);
    support_write_file(output_base, "out/b", "old", 3);
    ck_assert_int_eq(sink->ops->commit(sink, writer, &err), MR_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(err.text, "out/b exists already"));
    output_end(sink);
    ck_assert_output("out/a", "old");
    ck_assert_output("out/b", "old");
    ck_assert_uint_eq(output_count("out"), 2);
}
END_TEST

START_TEST(test_existing_is_replaced)
{
    support_write_file(output_base, "out/a", "old", 3);
    support_write_file(output_base, "kept", "kept", 4);
    ck_assert_int_eq(link(output_at("kept"), output_at("out/hard")), 0);
    ck_assert_int_eq(symlink("../kept", output_at("out/soft")), 0);
    struct mr_sink *sink = output_open(EXISTING_OVERWRITE, false);
    ck_assert_int_eq(output_put_file(sink, "a", "new"), MR_OK);
    ck_assert_int_eq(output_put_file(sink, "hard", "new"), MR_OK);
    ck_assert_int_eq(output_put_file(sink, "soft", "new"), MR_OK);
    output_end(sink);
    ck_assert_output("out/a", "new");
    ck_assert_output("out/hard", "new");
    ck_assert_output("out/soft", "new");
    ck_assert(S_ISREG(output_stat("out/soft").st_mode));
    ck_assert_output("kept", "kept");
    ck_assert_uint_eq(output_count("out"), 3);
}
END_TEST

START_TEST(test_existing_is_skipped)
{
    support_write_file(output_base, "out/a", "old", 3);
    ck_assert_int_eq(symlink("nowhere", output_at("out/l")), 0);
    struct mr_sink *sink = output_open(EXISTING_SKIP, false);
    ck_assert_int_eq(output_put_file(sink, "a", "new"), MR_SKIPPED);
    ck_assert_int_eq(output_put_file(sink, "l", "new"), MR_SKIPPED);
    ck_assert_int_eq(output_put_file(sink, "b", "new"), MR_OK);
    output_end(sink);
    ck_assert_output("out/a", "old");
    ck_assert_output("out/b", "new");
}
END_TEST

START_TEST(test_existing_is_updated)
{
    support_write_file(output_base, "out/a", "old", 3);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000, .tv_nsec = 500}};
    ck_assert_int_eq(utimensat(AT_FDCWD, output_at("out/a"), times, 0), 0);
    struct mr_sink *sink = output_open(EXISTING_UPDATE, false);
    struct mr_entry entry = output_file("a");
    struct mr_error err;
    entry.has_mtime = true;
    entry.mtime_s = 1000;
    entry.mtime_ns = 499;
    ck_assert_int_eq(output_put(sink, &entry, "new", &err), MR_SKIPPED);
    entry.mtime_ns = 500;
    ck_assert_int_eq(output_put(sink, &entry, "new", &err), MR_SKIPPED);
    entry.mtime_s = 999;
    entry.mtime_ns = 999999999;
    ck_assert_int_eq(output_put(sink, &entry, "new", &err), MR_SKIPPED);
    entry.mtime_s = 1000;
    entry.mtime_ns = 501;
    ck_assert_int_eq(output_put(sink, &entry, "new", &err), MR_OK);
    output_end(sink);
    ck_assert_output("out/a", "new");
}
END_TEST

START_TEST(test_files_and_directories_in_the_way)
{
    mkdir(output_at("out"), 0755);
    mkdir(output_at("out/d"), 0755);
    support_write_file(output_base, "out/f", "old", 3);
    struct mr_sink *sink = output_open((enum existing)_i, false);
    struct mr_error err;
    struct mr_entry entry = output_file("d");
    ck_assert_int_eq(output_put(sink, &entry, "new", &err), MR_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(err.text, "a directory stands there"));
    entry = output_file("f/x");
    ck_assert_int_eq(output_put(sink, &entry, "new", &err), MR_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(err.text, "a file stands where a directory is needed"));
    entry = output_directory("f", 0755, 1);
    ck_assert_int_eq(output_put(sink, &entry, NULL, &err), MR_E_EXISTS);
    entry = output_directory("d", 0711, 1);
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    output_end(sink);
    ck_assert_uint_eq(output_stat("out/d").st_mode & 07777, 0711);
    ck_assert_output("out/f", "old");
    ck_assert_uint_eq(output_count("out"), 2);
}
END_TEST

/* Links that somebody planted in the output are never followed; nothing outside changes. */
START_TEST(test_planted_links)
{
    mkdir(output_at("out"), 0755);
    mkdir(output_at("outside"), 0755);
    support_write_file(output_base, "outside/victim", "victim", 6);
    ck_assert_int_eq(symlink("../outside", output_at("out/d")), 0);
    ck_assert_int_eq(symlink(output_at("outside"), output_at("out/e")), 0);
    mkdir(output_at("out/in"), 0755);
    ck_assert_int_eq(symlink("in", output_at("out/same")), 0);
    struct mr_sink *sink = output_open(EXISTING_OVERWRITE, true);
    if (_i == 1)
        ((struct tree *)sink)->root.has_openat2 = false;
    ck_assert_int_eq(output_put_file(sink, "d/victim", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(output_put_file(sink, "d/sub/x", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(output_put_file(sink, "e/victim", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(output_put_file(sink, "same/x", "new"), MR_E_UNSAFE);
    /* These names are refused long before; here the system must do it. */
    ck_assert_int_eq(output_put_file(sink, "../outside/x", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(output_put_file(sink, "in/../../outside/x", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(output_put_file(sink, "missing/../../outside/x", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(output_put_file(sink, "missing/a/../x", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(output_put_file(sink, output_at("outside/x"), "new"), MR_E_UNSAFE);
    struct mr_error err;
    struct mr_entry entry = output_directory("d", 0, 1);
    ck_assert_int_eq(output_put(sink, &entry, NULL, &err), MR_E_UNSAFE);
    entry = output_directory("d/new", 0, 1);
    ck_assert_int_eq(output_put(sink, &entry, NULL, &err), MR_E_UNSAFE);
    entry = output_link("hard", MR_KIND_HARDLINK, "d/victim");
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    entry = output_link("hard2", MR_KIND_HARDLINK, "same");
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    entry = output_link("hard3", MR_KIND_HARDLINK, "../outside/victim");
    ck_assert_ok(output_put(sink, &entry, NULL, &err), err);
    struct output_problems seen = output_end(sink);
    ck_assert_str_eq(seen.paths, "hard hard2 hard3 ");
    ck_assert_uint_eq(output_count("outside"), 1);
    ck_assert_output("outside/victim", "victim");
    ck_assert_uint_eq(output_stat("outside/victim").st_nlink, 1);
    ck_assert_uint_eq(output_stat("outside").st_mode & 07777, 0755);
    ck_assert_uint_eq(output_count("out"), 4);
    ck_assert_uint_eq(output_count("out/in"), 0);
}
END_TEST

START_TEST(test_abort)
{
    support_write_file(output_base, "out/kept", "kept", 4);
    struct mr_sink *sink = output_open(EXISTING_OVERWRITE, false);
    struct mr_error err = {0};
    struct mr_writer *writer = NULL;
    static const char *const paths[] = {"a", "kept"};
    for (unsigned i = 0; i < 2; i++) {
        struct mr_entry entry = output_file(paths[i]);
        ck_assert_ok(sink->ops->begin(sink, &entry, MR_SIZE_UNKNOWN, &writer, &err), err);
        ck_assert_ok(sink->ops->write(sink, writer, "xyz", 3, &err), err);
        sink->ops->abort(sink, writer);
    }
    struct mr_entry entry = output_directory("d", 0755, 0);
    ck_assert_ok(sink->ops->begin(sink, &entry, 0, &writer, &err), err);
    sink->ops->abort(sink, writer);
    entry = output_link("l", MR_KIND_SYMLINK, "x");
    ck_assert_ok(sink->ops->begin(sink, &entry, 0, &writer, &err), err);
    sink->ops->abort(sink, writer);
    output_end(sink);
    ck_assert_uint_eq(output_count("out"), 1);
    ck_assert_output("out/kept", "kept");
}
END_TEST

START_TEST(test_wrong_length)
{
    struct mr_sink *sink = output_open(EXISTING_OVERWRITE, false);
    struct mr_error err = {0};
    struct mr_writer *writer = NULL;
    struct mr_entry entry = output_file("a");
    ck_assert_ok(sink->ops->begin(sink, &entry, 4, &writer, &err), err);
    ck_assert_ok(sink->ops->write(sink, writer, "xyz", 3, &err), err);
    ck_assert_int_eq(sink->ops->commit(sink, writer, &err), MR_E_DATA);
    ck_assert_ok(sink->ops->begin(sink, &entry, MR_SIZE_UNKNOWN, &writer, &err), err);
    ck_assert_ok(sink->ops->write(sink, writer, "xyz", 3, &err), err);
    ck_assert_ok(sink->ops->commit(sink, writer, &err), err);
    output_end(sink);
    ck_assert_uint_eq(output_count("out"), 1);
    ck_assert_output("out/a", "xyz");
}
END_TEST

START_TEST(test_verify)
{
    static const char content[] = "what was written";
    struct mr_error err = {0};
    struct mr_sink *sink = output_open(EXISTING_REFUSE, false);
    ck_assert_int_eq(output_put_file(sink, "a/b/file", content), MR_OK);
    struct mr_entry entry = output_file("a/b/file");
    uint32_t crc = (uint32_t)crc32(0, (const unsigned char *)content, sizeof(content) - 1);
    ck_assert_ok(sink->ops->verify(sink, &entry, sizeof(content) - 1, crc, &err), err);
    ck_assert_int_eq(sink->ops->verify(sink, &entry, sizeof(content) - 1, crc + 1, &err),
                     MR_E_DATA);
    ck_assert_int_eq(sink->ops->verify(sink, &entry, sizeof(content), crc, &err), MR_E_DATA);
    struct mr_entry missing = output_file("a/none");
    ck_assert_int_eq(sink->ops->verify(sink, &missing, 0, 0, &err), MR_E_SYSTEM);
    output_end(sink);
}
END_TEST

START_TEST(test_refused_names_and_kinds)
{
    struct mr_sink *sink = output_open(EXISTING_OVERWRITE, false);
    ck_assert_int_eq(output_put_file(sink, "d/.millrace-0123456789abcdef", "x"), MR_E_UNSAFE);
    ck_assert_int_eq(output_put_file(sink, ".millrace-0123456789abcdef/x", "x"), MR_E_UNSAFE);
    ck_assert_int_eq(output_put_file(sink, ".millrace-0123456789abcdeg", "x"), MR_OK);
    ck_assert_int_eq(output_put_file(sink, ".millrace", "x"), MR_OK);
    struct mr_entry entry = output_file("device");
    struct mr_error err;
    entry.kind = MR_KIND_OTHER;
    ck_assert_int_eq(output_put(sink, &entry, NULL, &err), MR_E_UNSAFE);
    entry = output_link("l", MR_KIND_SYMLINK, "");
    ck_assert_int_eq(output_put(sink, &entry, NULL, &err), MR_E_DATA);
    char *name = malloc(257);
    memset(name, 'n', 256);
    name[256] = '\0';
    ck_assert_int_eq(output_put_file(sink, name, "x"), MR_E_SYSTEM);
    free(name);
    output_end(sink);
    ck_assert_uint_eq(output_count("out"), 2);
}
END_TEST

/* Needs the right to mount; says nothing otherwise. */
START_TEST(test_full_disk)
{
    mkdir(output_at("out"), 0755);
    if (mount("tmpfs", output_at("out"), "tmpfs", 0, "size=256k,nr_inodes=8") != 0)
        return;
    struct mr_sink *sink = output_open(EXISTING_REFUSE, false);
    struct mr_error err = {0};
    size_t size = _i == 0 ? 300000 : 3000000; /* the larger one is refused before the first byte */
    char *data = calloc(1, size);
    struct mr_entry entry = output_file("big");
    struct mr_writer *writer = NULL;
    enum mr_status status = sink->ops->begin(sink, &entry, (int64_t)size, &writer, &err);
    ck_assert_int_eq(status, _i == 0 ? MR_OK : MR_E_SYSTEM);
    if (status == MR_OK) {
        ck_assert_int_eq(sink->ops->write(sink, writer, data, size, &err), MR_E_SYSTEM);
        sink->ops->abort(sink, writer);
    }
    free(data);
    ck_assert_int_eq(err.sys_errno, ENOSPC);
    ck_assert_ptr_nonnull(strstr(err.text, "out/big"));
    /* On the word of an archive nothing is allocated. */
    ((struct tree *)sink)->config.is_untrusted = true;
    ck_assert_ok(sink->ops->begin(sink, &entry, (int64_t)size, &writer, &err), err);
    sink->ops->abort(sink, writer);
    ck_assert_uint_eq(output_count("out"), 0);
    unsigned stored = 0;
    for (; stored < 20; stored++) {
        char name[16];
        snprintf(name, sizeof(name), "f%u", stored);
        entry = output_file(name);
        if (output_put(sink, &entry, "x", &err) != MR_OK)
            break;
    }
    ck_assert_uint_eq(stored, 7); /* no more inodes */
    ck_assert_int_eq(err.sys_errno, ENOSPC);
    ck_assert_uint_eq(output_count("out"), 7);
    output_end(sink);
    umount(output_at("out"));
}
END_TEST

START_TEST(test_file_size_limit)
{
    signal(SIGXFSZ, SIG_IGN);
    struct mr_sink *sink = output_open(EXISTING_REFUSE, false);
    const struct rlimit limit = {.rlim_cur = 1000, .rlim_max = 1000};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    char data[2000] = {0};
    struct mr_entry entry = output_file("f");
    struct mr_error err = {0};
    struct mr_writer *writer = NULL;
    ck_assert_ok(sink->ops->begin(sink, &entry, sizeof(data), &writer, &err), err);
    ck_assert_int_eq(sink->ops->write(sink, writer, data, sizeof(data), &err), MR_E_SYSTEM);
    sink->ops->abort(sink, writer);
    ck_assert_int_eq(err.sys_errno, EFBIG);
    output_end(sink);
    ck_assert_uint_eq(output_count("out"), 0);
}
END_TEST

START_TEST(test_descriptors)
{
    int before = open("/dev/null", O_RDONLY);
    struct mr_sink *sink = output_open(EXISTING_REFUSE, true);
    struct mr_error err;
    for (unsigned i = 0; i < 50; i++) {
        char name[32];
        snprintf(name, sizeof(name), "d%u/f", i);
        output_put_file(sink, name, "x");
        output_put_file(sink, name, "x");
        snprintf(name, sizeof(name), "l%u", i);
        struct mr_entry entry =
            output_link(name, i % 2 ? MR_KIND_SYMLINK : MR_KIND_HARDLINK, i % 3 ? "d1/f" : "none");
        output_put(sink, &entry, NULL, &err);
        snprintf(name, sizeof(name), "d%u", i);
        entry = output_directory(name, 0700, 0);
        output_put(sink, &entry, NULL, &err);
        entry.kind = MR_KIND_FILE;
        ck_assert_int_eq(output_put(sink, &entry, "x", &err), MR_E_EXISTS);
    }
    output_end(sink);
    int after = open("/dev/null", O_RDONLY);
    ck_assert_int_eq(after, before + 1);
    close(before);
    close(after);
}
END_TEST

Suite *directory_sink_suite(void)
{
    Suite *suite = suite_create("directory_sink");
    TCase *storing = tcase_create("storing");
    tcase_add_checked_fixture(storing, output_set_up, output_tear_down);
    tcase_add_test(storing, test_files);
    tcase_add_test(storing, test_root_is_made);
    tcase_add_test(storing, test_modes_and_times);
    tcase_add_test(storing, test_xattrs);
    tcase_add_test(storing, test_existing_is_refused);
    tcase_add_test(storing, test_existing_is_replaced);
    tcase_add_test(storing, test_existing_is_skipped);
    tcase_add_test(storing, test_existing_is_updated);
    tcase_add_loop_test(storing, test_files_and_directories_in_the_way, EXISTING_REFUSE,
                        EXISTING_UPDATE + 1);
    tcase_set_timeout(storing, 60); /* a busy disk */
    suite_add_tcase(suite, storing);
    TCase *links = tcase_create("links");
    tcase_add_checked_fixture(links, output_set_up, output_tear_down);
    tcase_add_loop_test(links, test_planted_links, 0, 2);
    tcase_set_timeout(links, 60);
    suite_add_tcase(suite, links);
    TCase *failing = tcase_create("failing");
    tcase_add_checked_fixture(failing, output_set_up, output_tear_down);
    tcase_add_test(failing, test_abort);
    tcase_add_test(failing, test_wrong_length);
    tcase_add_test(failing, test_verify);
    tcase_add_test(failing, test_refused_names_and_kinds);
    tcase_add_loop_test(failing, test_full_disk, 0, 2);
    tcase_add_test(failing, test_file_size_limit);
    tcase_add_test(failing, test_descriptors);
    tcase_set_timeout(failing, 60);
    suite_add_tcase(suite, failing);
    return suite;
}
