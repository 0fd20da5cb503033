/* The directory sink: content and metadata, what exists already, escapes, links, directories, and what is left after a failure. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sink/sinks.h"
#include "sink/tree.h"
#include "support/support.h"

Suite *directory_sink_suite(void);

static char *base; /* "out" below it is the root; all else must stay as it is */

static void set_up(void)
{
    base = support_temp_directory();
}

static void tear_down(void)
{
    support_remove(base);
}

static const char *at(const char *name)
{
    static char paths[4][4400];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", base, name);
    return path;
}

static struct mr_sink *open_sink(enum existing existing, bool is_untrusted)
{
    const struct directory_sink_config config = {
        .existing = existing, .preserve = PRESERVE_DEFAULT | PRESERVE_XATTR, .is_untrusted = is_untrusted};
    struct mr_error err = {0};
    struct mr_sink *sink = NULL;
    ck_assert_ok(directory_sink_create(at("out"), &config, &sink, &err), err);
    return sink;
}

static struct mr_entry file_entry(const char *path)
{
    return (struct mr_entry){.path = (char *)(uintptr_t)path, .kind = MR_KIND_FILE, .link_count = 1};
}

static struct mr_entry directory_entry(const char *path, unsigned mode, int64_t mtime_s)
{
    return (struct mr_entry){.path = (char *)(uintptr_t)path,
                             .kind = MR_KIND_DIRECTORY,
                             .mode = mode,
                             .has_mode = true,
                             .mtime_s = mtime_s,
                             .has_mtime = true};
}

static struct mr_entry link_entry(const char *path, enum mr_kind kind, const char *target)
{
    return (struct mr_entry){.path = (char *)(uintptr_t)path, .kind = kind, .target = (char *)(uintptr_t)target};
}

/* Stores one item through all calls, as a job does. */
static enum mr_status put(struct mr_sink *sink, const struct mr_entry *entry, const char *content,
                          struct mr_error *err)
{
    *err = (struct mr_error){0};
    enum mr_status status = sink->ops->wants(sink, entry, err);
    struct mr_writer *writer = NULL;
    if (status == MR_OK)
        status = sink->ops->begin(sink, entry, content ? (int64_t)strlen(content) : 0, &writer, err);
    if (status != MR_OK)
        return status;
    if (content && *content)
        status = sink->ops->write(sink, writer, content, strlen(content), err);
    if (status == MR_OK)
        return sink->ops->commit(sink, writer, err);
    sink->ops->abort(sink, writer);
    return status;
}

static enum mr_status put_file(struct mr_sink *sink, const char *path, const char *content)
{
    struct mr_entry entry = file_entry(path);
    struct mr_error err;
    enum mr_status status = put(sink, &entry, content, &err);
    if (mr_status_is_error(status))
        ck_assert_str_ne(err.text, "");
    return status;
}

struct seen {
    unsigned count;
    char paths[512], texts[2048];
    enum mr_status last;
};

static void see(void *ctx, const char *path, const struct mr_error *problem)
{
    struct seen *seen = ctx;
    seen->count++;
    seen->last = problem->status;
    size_t used = strlen(seen->paths);
    snprintf(seen->paths + used, sizeof(seen->paths) - used, "%s ", path);
    used = strlen(seen->texts);
    snprintf(seen->texts + used, sizeof(seen->texts) - used, "%s\n", problem->text);
}

/* finish() and destroy(). */
static struct seen end(struct mr_sink *sink)
{
    struct seen seen = {0};
    struct mr_error err = {0};
    ck_assert_ok(sink->ops->finish(sink, see, &seen, &err), err);
    sink->ops->destroy(sink);
    return seen;
}

static void ck_assert_content(const char *name, const char *content)
{
    char *data = support_read_file(base, name, NULL);
    ck_assert_str_eq(data, content);
    free(data);
}

static unsigned count_in(const char *name)
{
    DIR *directory = opendir(at(name));
    ck_assert_ptr_nonnull(directory);
    unsigned count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2;
}

static struct stat stat_of(const char *name)
{
    struct stat st;
    ck_assert_msg(lstat(at(name), &st) == 0, "%s: %s", name, strerror(errno));
    return st;
}

static bool is_there(const char *name)
{
    struct stat st;
    return lstat(at(name), &st) == 0;
}

START_TEST(test_files)
{
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, false);
    ck_assert_int_eq(put_file(sink, "a", "content"), MR_OK);
    ck_assert_int_eq(put_file(sink, "d/e/f/g", ""), MR_OK);
    ck_assert_int_eq(put_file(sink, "d/e/h", "x"), MR_OK);
    ck_assert_int_eq(put_file(sink, "new\nline\xff", "y"), MR_OK);
    ck_assert_uint_eq(end(sink).count, 0);
    ck_assert_content("out/a", "content");
    ck_assert_content("out/d/e/f/g", "");
    ck_assert_content("out/d/e/h", "x");
    ck_assert_content("out/new\nline\xff", "y");
    ck_assert_uint_eq(count_in("out"), 3);
    ck_assert_uint_eq(count_in("out/d/e"), 2);
}
END_TEST

START_TEST(test_root_is_made)
{
    const struct directory_sink_config config = {0};
    struct mr_error err = {0};
    struct mr_sink *sink = NULL;
    ck_assert_ok(directory_sink_create(at("x/y//z/"), &config, &sink, &err), err);
    sink->ops->destroy(sink);
    ck_assert(is_there("x/y/z"));
    support_write_file(base, "file", "", 0);
    ck_assert_int_eq(directory_sink_create(at("file/z"), &config, &sink, &err), MR_E_SYSTEM);
    ck_assert_int_eq(directory_sink_create(at("file"), &config, &sink, &err), MR_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.text, "file"));
}
END_TEST

START_TEST(test_modes_and_times)
{
    umask(027);
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, false);
    struct mr_error err;
    static const unsigned modes[] = {0644, 0777, 0, 0400, 07755, 0666};
    for (unsigned i = 0; i < 6; i++) {
        char name[2] = {(char)('a' + i), 0};
        struct mr_entry entry = file_entry(name);
        entry.mode = modes[i];
        entry.has_mode = entry.has_mtime = true;
        entry.mtime_s = i == 0 ? -5 : 1000000000 + (int)i;
        entry.mtime_ns = 999999999;
        ck_assert_ok(put(sink, &entry, "text", &err), err);
    }
    ck_assert_int_eq(put_file(sink, "none", ""), MR_OK);
    end(sink);
    for (unsigned i = 0; i < 6; i++) {
        char name[8];
        snprintf(name, sizeof(name), "out/%c", 'a' + i);
        struct stat st = stat_of(name);
        ck_assert_uint_eq(st.st_mode & 07777, modes[i] & 0777);
        ck_assert_int_eq(st.st_mtim.tv_sec, i == 0 ? -5 : 1000000000 + (int)i);
        ck_assert_int_eq(st.st_mtim.tv_nsec, 999999999);
    }
    ck_assert_uint_eq(stat_of("out/none").st_mode & 07777, 0640);
}
END_TEST

START_TEST(test_xattrs)
{
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, false);
    struct mr_xattr xattrs[] = {{.name = (char[]){"user.note"}, .value = (char[]){"abc"}, .value_bytes = 3},
                                {.name = (char[]){"nonsense"}, .value = (char[]){"abc"}, .value_bytes = 3}};
    struct mr_entry entry = file_entry("f");
    entry.xattrs = xattrs;
    entry.xattr_count = 2;
    struct mr_error err;
    ck_assert_ok(put(sink, &entry, "text", &err), err);
    char losses[200] = "";
    sink->ops->losses(sink, losses, sizeof(losses));
    ck_assert_str_eq(losses, "extended attributes of 1 items\n");
    end(sink);
    char value[8];
    ssize_t got = getxattr(at("out/f"), "user.note", value, sizeof(value));
    ck_assert(got == 3 || (got < 0 && errno == ENOTSUP));
}
END_TEST

START_TEST(test_existing_is_refused)
{
    support_write_file(base, "out/a", "old", 3);
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, false);
    ck_assert_int_eq(put_file(sink, "a", "new"), MR_E_EXISTS);
    /* Somebody was faster, between begin() and commit(). */
    struct mr_entry entry = file_entry("b");
    struct mr_writer *writer = NULL;
    struct mr_error err = {0};
    ck_assert_ok(sink->ops->begin(sink, &entry, 0, &writer, &err), err);
    support_write_file(base, "out/b", "old", 3);
    ck_assert_int_eq(sink->ops->commit(sink, writer, &err), MR_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(err.text, "out/b exists already"));
    end(sink);
    ck_assert_content("out/a", "old");
    ck_assert_content("out/b", "old");
    ck_assert_uint_eq(count_in("out"), 2);
}
END_TEST

START_TEST(test_existing_is_replaced)
{
    support_write_file(base, "out/a", "old", 3);
    support_write_file(base, "kept", "kept", 4);
    ck_assert_int_eq(link(at("kept"), at("out/hard")), 0);
    ck_assert_int_eq(symlink("../kept", at("out/soft")), 0);
    struct mr_sink *sink = open_sink(EXISTING_OVERWRITE, false);
    ck_assert_int_eq(put_file(sink, "a", "new"), MR_OK);
    ck_assert_int_eq(put_file(sink, "hard", "new"), MR_OK);
    ck_assert_int_eq(put_file(sink, "soft", "new"), MR_OK);
    end(sink);
    ck_assert_content("out/a", "new");
    ck_assert_content("out/hard", "new");
    ck_assert_content("out/soft", "new");
    ck_assert(S_ISREG(stat_of("out/soft").st_mode));
    ck_assert_content("kept", "kept");
    ck_assert_uint_eq(count_in("out"), 3);
}
END_TEST

START_TEST(test_existing_is_skipped)
{
    support_write_file(base, "out/a", "old", 3);
    ck_assert_int_eq(symlink("nowhere", at("out/l")), 0);
    struct mr_sink *sink = open_sink(EXISTING_SKIP, false);
    ck_assert_int_eq(put_file(sink, "a", "new"), MR_SKIPPED);
    ck_assert_int_eq(put_file(sink, "l", "new"), MR_SKIPPED);
    ck_assert_int_eq(put_file(sink, "b", "new"), MR_OK);
    end(sink);
    ck_assert_content("out/a", "old");
    ck_assert_content("out/b", "new");
}
END_TEST

START_TEST(test_existing_is_updated)
{
    support_write_file(base, "out/a", "old", 3);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000, .tv_nsec = 500}};
    ck_assert_int_eq(utimensat(AT_FDCWD, at("out/a"), times, 0), 0);
    struct mr_sink *sink = open_sink(EXISTING_UPDATE, false);
    struct mr_entry entry = file_entry("a");
    struct mr_error err;
    entry.has_mtime = true;
    entry.mtime_s = 1000;
    entry.mtime_ns = 499;
    ck_assert_int_eq(put(sink, &entry, "new", &err), MR_SKIPPED);
    entry.mtime_ns = 500;
    ck_assert_int_eq(put(sink, &entry, "new", &err), MR_SKIPPED);
    entry.mtime_s = 999;
    entry.mtime_ns = 999999999;
    ck_assert_int_eq(put(sink, &entry, "new", &err), MR_SKIPPED);
    entry.mtime_s = 1000;
    entry.mtime_ns = 501;
    ck_assert_int_eq(put(sink, &entry, "new", &err), MR_OK);
    end(sink);
    ck_assert_content("out/a", "new");
}
END_TEST

START_TEST(test_files_and_directories_in_the_way)
{
    mkdir(at("out"), 0755);
    mkdir(at("out/d"), 0755);
    support_write_file(base, "out/f", "old", 3);
    struct mr_sink *sink = open_sink((enum existing)_i, false);
    struct mr_error err;
    struct mr_entry entry = file_entry("d");
    ck_assert_int_eq(put(sink, &entry, "new", &err), MR_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(err.text, "a directory stands there"));
    entry = file_entry("f/x");
    ck_assert_int_eq(put(sink, &entry, "new", &err), MR_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(err.text, "a file stands where a directory is needed"));
    entry = directory_entry("f", 0755, 1);
    ck_assert_int_eq(put(sink, &entry, NULL, &err), MR_E_EXISTS);
    entry = directory_entry("d", 0711, 1);
    ck_assert_ok(put(sink, &entry, NULL, &err), err);
    end(sink);
    ck_assert_uint_eq(stat_of("out/d").st_mode & 07777, 0711);
    ck_assert_content("out/f", "old");
    ck_assert_uint_eq(count_in("out"), 2);
}
END_TEST

/* Links that somebody planted in the output are never followed; nothing outside changes. */
START_TEST(test_planted_links)
{
    mkdir(at("out"), 0755);
    mkdir(at("outside"), 0755);
    support_write_file(base, "outside/victim", "victim", 6);
    ck_assert_int_eq(symlink("../outside", at("out/d")), 0);
    ck_assert_int_eq(symlink(at("outside"), at("out/e")), 0);
    mkdir(at("out/in"), 0755);
    ck_assert_int_eq(symlink("in", at("out/same")), 0);
    struct mr_sink *sink = open_sink(EXISTING_OVERWRITE, true);
    if (_i == 1)
        ((struct tree *)sink)->root.has_openat2 = false;
    ck_assert_int_eq(put_file(sink, "d/victim", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(put_file(sink, "d/sub/x", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(put_file(sink, "e/victim", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(put_file(sink, "same/x", "new"), MR_E_UNSAFE);
    /* These names are refused long before; here the system must do it. */
    ck_assert_int_eq(put_file(sink, "../outside/x", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(put_file(sink, "in/../../outside/x", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(put_file(sink, "missing/../../outside/x", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(put_file(sink, "missing/a/../x", "new"), MR_E_UNSAFE);
    ck_assert_int_eq(put_file(sink, at("outside/x"), "new"), MR_E_UNSAFE);
    struct mr_error err;
    struct mr_entry entry = directory_entry("d", 0, 1);
    ck_assert_int_eq(put(sink, &entry, NULL, &err), MR_E_UNSAFE);
    entry = directory_entry("d/new", 0, 1);
    ck_assert_int_eq(put(sink, &entry, NULL, &err), MR_E_UNSAFE);
    entry = link_entry("hard", MR_KIND_HARDLINK, "d/victim");
    ck_assert_ok(put(sink, &entry, NULL, &err), err);
    entry = link_entry("hard2", MR_KIND_HARDLINK, "same");
    ck_assert_ok(put(sink, &entry, NULL, &err), err);
    entry = link_entry("hard3", MR_KIND_HARDLINK, "../outside/victim");
    ck_assert_ok(put(sink, &entry, NULL, &err), err);
    struct seen seen = end(sink);
    ck_assert_str_eq(seen.paths, "hard hard2 hard3 ");
    ck_assert_uint_eq(count_in("outside"), 1);
    ck_assert_content("outside/victim", "victim");
    ck_assert_uint_eq(stat_of("outside/victim").st_nlink, 1);
    ck_assert_uint_eq(stat_of("outside").st_mode & 07777, 0755);
    ck_assert_uint_eq(count_in("out"), 4);
    ck_assert_uint_eq(count_in("out/in"), 0);
}
END_TEST

/* A directory that was there in begin() is a link in commit(), and one that was stored is a link in finish(). */
START_TEST(test_swapped_directories)
{
    mkdir(at("outside"), 0700);
    struct mr_sink *sink = open_sink(EXISTING_OVERWRITE, true);
    struct mr_error err = {0};
    struct mr_entry entry = directory_entry("d", 0755, 1000);
    ck_assert_ok(put(sink, &entry, NULL, &err), err);
    entry = file_entry("d/f");
    struct mr_writer *writer = NULL;
    ck_assert_ok(sink->ops->begin(sink, &entry, 1, &writer, &err), err);
    ck_assert_int_eq(rename(at("out/d"), at("out/moved")), 0);
    ck_assert_int_eq(symlink("../outside", at("out/d")), 0);
    ck_assert_ok(sink->ops->write(sink, writer, "x", 1, &err), err);
    ck_assert_ok(sink->ops->commit(sink, writer, &err), err);
    struct seen seen = end(sink);
    ck_assert_str_eq(seen.paths, "d ");
    ck_assert_int_eq(seen.last, MR_E_UNSAFE);
    ck_assert_uint_eq(count_in("outside"), 0);
    ck_assert_uint_eq(stat_of("outside").st_mode & 07777, 0700);
    ck_assert_int_ne(stat_of("outside").st_mtim.tv_sec, 1000);
    ck_assert_content("out/moved/f", "x");
}
END_TEST

START_TEST(test_links)
{
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, true);
    struct mr_error err;
    struct mr_entry entry;
    ck_assert_int_eq(put_file(sink, "d/f", "text"), MR_OK);
    entry = link_entry("l", MR_KIND_SYMLINK, "d/f");
    entry.has_mtime = true;
    entry.mtime_s = 77;
    entry.mtime_ns = 5;
    ck_assert_ok(put(sink, &entry, NULL, &err), err);
    entry = link_entry("d/up", MR_KIND_SYMLINK, "../d");
    ck_assert_ok(put(sink, &entry, NULL, &err), err);
    entry = link_entry("new/h", MR_KIND_HARDLINK, "d/f");
    ck_assert_ok(put(sink, &entry, NULL, &err), err);
    entry = link_entry("dangling", MR_KIND_SYMLINK, "later");
    ck_assert_ok(put(sink, &entry, NULL, &err), err);
    ck_assert(!is_there("out/l")); /* nothing is there that could be followed */
    struct seen seen = end(sink);
    ck_assert_msg(seen.count == 0, "%s", seen.texts);
    struct stat st = stat_of("out/l");
    ck_assert(S_ISLNK(st.st_mode));
    ck_assert_int_eq(st.st_mtim.tv_sec, 77);
    ck_assert_int_eq(st.st_mtim.tv_nsec, 5);
    ck_assert(S_ISLNK(stat_of("out/d/up").st_mode));
    ck_assert(S_ISLNK(stat_of("out/dangling").st_mode));
    ck_assert_uint_eq(stat_of("out/new/h").st_ino, stat_of("out/d/f").st_ino);
    ck_assert_content("out/new/h", "text");
}
END_TEST

START_TEST(test_unsafe_links)
{
    static const char *const targets[] = {"/etc/passwd", "..", "../x", "d/../../x", "../../../../etc"};
    struct mr_error err;
    for (unsigned i = 0; i < 5; i++) {
        struct mr_sink *sink = open_sink(EXISTING_OVERWRITE, true);
        struct mr_entry entry = link_entry("l", MR_KIND_SYMLINK, targets[i]);
        ck_assert_int_eq(put(sink, &entry, NULL, &err), MR_E_UNSAFE);
        end(sink);
        ck_assert(!is_there("out/l"));
        /* From a tree of one's own, links are kept as they are. */
        sink = open_sink(EXISTING_OVERWRITE, false);
        ck_assert_ok(put(sink, &entry, NULL, &err), err);
        ck_assert_uint_eq(end(sink).count, 0);
        ck_assert(is_there("out/l"));
        unlink(at("out/l"));
    }
}
END_TEST

/* Each of them is harmless alone. */
START_TEST(test_links_that_escape_together)
{
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, true);
    if (_i == 1)
        ((struct tree *)sink)->root.has_openat2 = false;
    struct mr_error err;
    struct mr_entry entry;
    static const char *const pairs[][2] = {
        {"x/d", "."}, {"e", "x/d/../.."}, {"f", "e/etc"}, {"fine", "x"}, {"nx", "x/d/missing/../../.."}};
    for (unsigned i = 0; i < 5; i++) {
        entry = link_entry(pairs[i][0], MR_KIND_SYMLINK, pairs[i][1]);
        ck_assert_ok(put(sink, &entry, NULL, &err), err);
    }
    struct seen seen = end(sink);
    ck_assert_msg(strstr(seen.paths, "e ") == seen.paths, "%s", seen.paths);
    ck_assert(!is_there("out/e"));
    ck_assert(!is_there("out/nx"));
    ck_assert(is_there("out/x/d"));
    ck_assert(is_there("out/fine"));
    /* f leads outside only through e. */
    ck_assert_int_ne(access(at("out/f"), F_OK), 0);
}
END_TEST

START_TEST(test_existing_links_stay)
{
    mkdir(at("out"), 0755);
    ck_assert_int_eq(symlink("/etc", at("out/a")), 0);
    ck_assert_int_eq(symlink("/etc", at("out/b")), 0);
    struct mr_sink *sink = open_sink(EXISTING_SKIP, true);
    struct mr_error err;
    struct mr_entry entry = link_entry("a", MR_KIND_SYMLINK, "b");
    ck_assert_int_eq(put(sink, &entry, NULL, &err), MR_SKIPPED);
    entry = link_entry("c", MR_KIND_SYMLINK, "b"); /* leads outside by b */
    ck_assert_ok(put(sink, &entry, NULL, &err), err);
    struct seen seen = end(sink);
    ck_assert_str_eq(seen.paths, "c ");
    ck_assert(is_there("out/a") && is_there("out/b") && !is_there("out/c"));
}
END_TEST

START_TEST(test_link_policies)
{
    support_write_file(base, "out/f", "text", 4);
    support_write_file(base, "out/h", "old", 3);
    support_write_file(base, "out/s", "old", 3);
    ck_assert_int_eq(link(at("out/f"), at("out/same")), 0);
    struct mr_error err;
    struct mr_entry hard = link_entry("h", MR_KIND_HARDLINK, "f"), soft = link_entry("s", MR_KIND_SYMLINK, "f"),
                    same = link_entry("same", MR_KIND_HARDLINK, "f");
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, false);
    ck_assert_int_eq(put(sink, &hard, NULL, &err), MR_E_EXISTS);
    ck_assert_int_eq(put(sink, &soft, NULL, &err), MR_E_EXISTS);
    end(sink);
    sink = open_sink(EXISTING_SKIP, false);
    ck_assert_int_eq(put(sink, &hard, NULL, &err), MR_SKIPPED);
    ck_assert_int_eq(put(sink, &soft, NULL, &err), MR_SKIPPED);
    end(sink);
    ck_assert_content("out/h", "old");
    ck_assert_content("out/s", "old");
    sink = open_sink(EXISTING_OVERWRITE, false);
    ck_assert_ok(put(sink, &hard, NULL, &err), err);
    ck_assert_ok(put(sink, &soft, NULL, &err), err);
    ck_assert_ok(put(sink, &same, NULL, &err), err);
    struct mr_entry missing = link_entry("m", MR_KIND_HARDLINK, "missing");
    ck_assert_ok(put(sink, &missing, NULL, &err), err);
    struct mr_entry to_link = link_entry("t", MR_KIND_HARDLINK, "d");
    mkdir(at("out/d"), 0755);
    ck_assert_ok(put(sink, &to_link, NULL, &err), err);
    struct seen seen = end(sink);
    ck_assert_str_eq(seen.paths, "m t ");
    ck_assert_content("out/h", "text");
    ck_assert(S_ISLNK(stat_of("out/s").st_mode));
    ck_assert_uint_eq(stat_of("out/f").st_nlink, 3);
    ck_assert_uint_eq(count_in("out"), 5);
}
END_TEST

START_TEST(test_directories)
{
    umask(022);
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, false);
    struct mr_error err;
    static const struct {
        const char *path;
        unsigned mode;
    } made[] = {{"a/b/c", 0}, {"a/b", 0500}, {"a", 0777}, {"a/b/d", 02755}, {"z", 0100}};
    for (unsigned i = 0; i < 5; i++) {
        struct mr_entry entry = directory_entry(made[i].path, made[i].mode, 1000 + i);
        entry.mtime_ns = 7;
        ck_assert_ok(put(sink, &entry, NULL, &err), err);
    }
    ck_assert_int_eq(put_file(sink, "a/b/c/f", "x"), MR_OK);
    ck_assert_int_eq(put_file(sink, "a/f", "x"), MR_OK);
    ck_assert_int_eq(put_file(sink, "implied/f", "x"), MR_OK);
    struct mr_entry entry = link_entry("z/l", MR_KIND_SYMLINK, "x");
    ck_assert_ok(put(sink, &entry, NULL, &err), err);
    struct seen seen = end(sink);
    ck_assert_msg(seen.count == 0, "%s", seen.texts);
    for (unsigned i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof(name), "out/%s", made[i].path);
        struct stat st = stat_of(name);
        ck_assert_uint_eq(st.st_mode & 07777, made[i].mode & 0777);
        ck_assert_int_eq(st.st_mtim.tv_sec, 1000 + (int)i);
        ck_assert_int_eq(st.st_mtim.tv_nsec, 7);
    }
    ck_assert_uint_eq(stat_of("out/implied").st_mode & 07777, 0755);
    ck_assert_int_gt(stat_of("out/implied").st_mtim.tv_sec, 100000);
}
END_TEST

/* The same as an ordinary user, whom modes stop. */
START_TEST(test_directories_as_nobody)
{
    ck_assert_int_eq(chmod(base, 0777), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(9);
        struct mr_sink *sink = open_sink(EXISTING_REFUSE, false);
        struct mr_error err;
        static const char *const paths[] = {"a", "a/b", "a/b/c"};
        bool is_good = true;
        for (unsigned i = 0; i < 3; i++) {
            struct mr_entry entry = directory_entry(paths[i], i == 1 ? 0 : 0400, 1000);
            is_good = put(sink, &entry, NULL, &err) == MR_OK && is_good;
        }
        is_good = put_file(sink, "a/b/c/f", "x") == MR_OK && is_good;
        is_good = end(sink).count == 0 && is_good;
        _exit(is_good ? 0 : 1);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    ck_assert_uint_eq(stat_of("out/a/b").st_mode & 07777, 0);
    ck_assert_uint_eq(stat_of("out/a/b/c").st_mode & 07777, 0400);
    ck_assert_int_eq(stat_of("out/a/b/c").st_mtim.tv_sec, 1000);
}
END_TEST

START_TEST(test_many_directories)
{
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, false);
    struct mr_error err;
    char path[200];
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(path, sizeof(path), "some_directory_with_a_long_name_to_fill_buffers_%04u", i);
        struct mr_entry entry = directory_entry(path, i % 3 ? 0750 : 0550, i);
        ck_assert_ok(put(sink, &entry, NULL, &err), err);
    }
    ck_assert_uint_eq(end(sink).count, 0);
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(path, sizeof(path), "out/some_directory_with_a_long_name_to_fill_buffers_%04u", i);
        struct stat st = stat_of(path);
        ck_assert_int_eq(st.st_mtim.tv_sec, i);
        ck_assert_uint_eq(st.st_mode & 0777, i % 3 ? 0750 : 0550);
    }
}
END_TEST

START_TEST(test_abort)
{
    support_write_file(base, "out/kept", "kept", 4);
    struct mr_sink *sink = open_sink(EXISTING_OVERWRITE, false);
    struct mr_error err = {0};
    struct mr_writer *writer = NULL;
    static const char *const paths[] = {"a", "kept"};
    for (unsigned i = 0; i < 2; i++) {
        struct mr_entry entry = file_entry(paths[i]);
        ck_assert_ok(sink->ops->begin(sink, &entry, MR_SIZE_UNKNOWN, &writer, &err), err);
        ck_assert_ok(sink->ops->write(sink, writer, "xyz", 3, &err), err);
        sink->ops->abort(sink, writer);
    }
    struct mr_entry entry = directory_entry("d", 0755, 0);
    ck_assert_ok(sink->ops->begin(sink, &entry, 0, &writer, &err), err);
    sink->ops->abort(sink, writer);
    entry = link_entry("l", MR_KIND_SYMLINK, "x");
    ck_assert_ok(sink->ops->begin(sink, &entry, 0, &writer, &err), err);
    sink->ops->abort(sink, writer);
    end(sink);
    ck_assert_uint_eq(count_in("out"), 1);
    ck_assert_content("out/kept", "kept");
}
END_TEST

START_TEST(test_wrong_length)
{
    struct mr_sink *sink = open_sink(EXISTING_OVERWRITE, false);
    struct mr_error err = {0};
    struct mr_writer *writer = NULL;
    struct mr_entry entry = file_entry("a");
    ck_assert_ok(sink->ops->begin(sink, &entry, 4, &writer, &err), err);
    ck_assert_ok(sink->ops->write(sink, writer, "xyz", 3, &err), err);
    ck_assert_int_eq(sink->ops->commit(sink, writer, &err), MR_E_DATA);
    ck_assert_ok(sink->ops->begin(sink, &entry, MR_SIZE_UNKNOWN, &writer, &err), err);
    ck_assert_ok(sink->ops->write(sink, writer, "xyz", 3, &err), err);
    ck_assert_ok(sink->ops->commit(sink, writer, &err), err);
    end(sink);
    ck_assert_uint_eq(count_in("out"), 1);
    ck_assert_content("out/a", "xyz");
}
END_TEST

START_TEST(test_refused_names_and_kinds)
{
    struct mr_sink *sink = open_sink(EXISTING_OVERWRITE, false);
    ck_assert_int_eq(put_file(sink, "d/.millrace-0123456789abcdef", "x"), MR_E_UNSAFE);
    ck_assert_int_eq(put_file(sink, ".millrace-0123456789abcdef/x", "x"), MR_E_UNSAFE);
    ck_assert_int_eq(put_file(sink, ".millrace-0123456789abcdeg", "x"), MR_OK);
    ck_assert_int_eq(put_file(sink, ".millrace", "x"), MR_OK);
    struct mr_entry entry = file_entry("device");
    struct mr_error err;
    entry.kind = MR_KIND_OTHER;
    ck_assert_int_eq(put(sink, &entry, NULL, &err), MR_E_UNSAFE);
    entry = link_entry("l", MR_KIND_SYMLINK, "");
    ck_assert_int_eq(put(sink, &entry, NULL, &err), MR_E_DATA);
    char *name = malloc(257);
    memset(name, 'n', 256);
    name[256] = '\0';
    ck_assert_int_eq(put_file(sink, name, "x"), MR_E_SYSTEM);
    free(name);
    end(sink);
    ck_assert_uint_eq(count_in("out"), 2);
}
END_TEST

/* Needs the right to mount; says nothing otherwise. */
START_TEST(test_full_disk)
{
    mkdir(at("out"), 0755);
    if (mount("tmpfs", at("out"), "tmpfs", 0, "size=256k,nr_inodes=8") != 0)
        return;
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, false);
    struct mr_error err = {0};
    size_t size = _i == 0 ? 300000 : 3000000; /* the larger one is refused before the first byte */
    char *data = calloc(1, size);
    struct mr_entry entry = file_entry("big");
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
    ck_assert_uint_eq(count_in("out"), 0);
    unsigned stored = 0;
    for (; stored < 20; stored++) {
        char name[16];
        snprintf(name, sizeof(name), "f%u", stored);
        entry = file_entry(name);
        if (put(sink, &entry, "x", &err) != MR_OK)
            break;
    }
    ck_assert_uint_eq(stored, 7); /* no more inodes */
    ck_assert_int_eq(err.sys_errno, ENOSPC);
    ck_assert_uint_eq(count_in("out"), 7);
    end(sink);
    umount(at("out"));
}
END_TEST

START_TEST(test_file_size_limit)
{
    signal(SIGXFSZ, SIG_IGN);
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, false);
    const struct rlimit limit = {.rlim_cur = 1000, .rlim_max = 1000};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    char data[2000] = {0};
    struct mr_entry entry = file_entry("f");
    struct mr_error err = {0};
    struct mr_writer *writer = NULL;
    ck_assert_ok(sink->ops->begin(sink, &entry, sizeof(data), &writer, &err), err);
    ck_assert_int_eq(sink->ops->write(sink, writer, data, sizeof(data), &err), MR_E_SYSTEM);
    sink->ops->abort(sink, writer);
    ck_assert_int_eq(err.sys_errno, EFBIG);
    end(sink);
    ck_assert_uint_eq(count_in("out"), 0);
}
END_TEST

START_TEST(test_descriptors)
{
    int before = open("/dev/null", O_RDONLY);
    struct mr_sink *sink = open_sink(EXISTING_REFUSE, true);
    struct mr_error err;
    for (unsigned i = 0; i < 50; i++) {
        char name[32];
        snprintf(name, sizeof(name), "d%u/f", i);
        put_file(sink, name, "x");
        put_file(sink, name, "x");
        snprintf(name, sizeof(name), "l%u", i);
        struct mr_entry entry = link_entry(name, i % 2 ? MR_KIND_SYMLINK : MR_KIND_HARDLINK, i % 3 ? "d1/f" : "none");
        put(sink, &entry, NULL, &err);
        snprintf(name, sizeof(name), "d%u", i);
        entry = directory_entry(name, 0700, 0);
        put(sink, &entry, NULL, &err);
        entry.kind = MR_KIND_FILE;
        ck_assert_int_eq(put(sink, &entry, "x", &err), MR_E_EXISTS);
    }
    end(sink);
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
    tcase_add_checked_fixture(storing, set_up, tear_down);
    tcase_add_test(storing, test_files);
    tcase_add_test(storing, test_root_is_made);
    tcase_add_test(storing, test_modes_and_times);
    tcase_add_test(storing, test_xattrs);
    tcase_add_test(storing, test_existing_is_refused);
    tcase_add_test(storing, test_existing_is_replaced);
    tcase_add_test(storing, test_existing_is_skipped);
    tcase_add_test(storing, test_existing_is_updated);
    tcase_add_loop_test(storing, test_files_and_directories_in_the_way, EXISTING_REFUSE, EXISTING_UPDATE + 1);
    tcase_add_test(storing, test_directories);
    tcase_add_test(storing, test_directories_as_nobody);
    tcase_add_test(storing, test_many_directories);
    tcase_set_timeout(storing, 60); /* a busy disk */
    suite_add_tcase(suite, storing);
    TCase *links = tcase_create("links");
    tcase_add_checked_fixture(links, set_up, tear_down);
    tcase_add_loop_test(links, test_planted_links, 0, 2);
    tcase_add_test(links, test_swapped_directories);
    tcase_add_test(links, test_links);
    tcase_add_test(links, test_unsafe_links);
    tcase_add_loop_test(links, test_links_that_escape_together, 0, 2);
    tcase_add_test(links, test_existing_links_stay);
    tcase_add_test(links, test_link_policies);
    tcase_set_timeout(links, 60);
    suite_add_tcase(suite, links);
    TCase *failing = tcase_create("failing");
    tcase_add_checked_fixture(failing, set_up, tear_down);
    tcase_add_test(failing, test_abort);
    tcase_add_test(failing, test_wrong_length);
    tcase_add_test(failing, test_refused_names_and_kinds);
    tcase_add_loop_test(failing, test_full_disk, 0, 2);
    tcase_add_test(failing, test_file_size_limit);
    tcase_add_test(failing, test_descriptors);
    tcase_set_timeout(failing, 60);
    suite_add_tcase(suite, failing);
    return suite;
}
