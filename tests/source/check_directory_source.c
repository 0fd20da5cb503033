/*
 * The directory source: order, selection of names, links, loops, odd names, and files that change.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "source/sources.h"
#include "support/support.h"

Suite *directory_source_suite(void);

static char *root;

static void set_up(void)
{
    root = support_temp_directory();
}

static void tear_down(void)
{
    support_remove(root);
}

/* A path below root; good until the next but three calls. */
static const char *at(const char *name)
{
    static char paths[4][4400];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
    return path;
}

static void touch(const char *name)
{
    support_write_file(root, name, name, strlen(name));
}

static struct mr_source *walk(const struct walk_config *config)
{
    const struct walk_config none = {0};
    struct mr_error err = {0};
    struct mr_source *source = NULL;
    ck_assert_ok(directory_source_create(root, config ? config : &none, &source, &err), err);
    ck_assert_str_eq(source->label, root);
    return source;
}

/*
 * All entries as one text: "path" or "path/" or "path@", errors as "!path", each with a space
 * behind it.
 */
static char *listing(const struct walk_config *config)
{
    struct mr_source *source = walk(config);
    char *text = calloc(1, 1 << 20);
    for (;;) {
        struct mr_entry entry = {0};
        struct mr_error err = {0};
        enum mr_status status = source->ops->next(source, &entry, &err);
        if (status == MR_DONE) {
            ck_assert_ptr_null(entry.path);
            break;
        }
        static const char *const marks[] = {"", "/", "@", "=", "?"};
        ck_assert_uint_lt(strlen(text), 1000000);
        if (status != MR_OK)
            ck_assert_str_ne(err.text, "");
        strcat(strcat(strcat(strcat(text, status == MR_OK ? "" : "!"),
                             entry.path ? entry.path : "(root)"),
                      status == MR_OK ? marks[entry.kind] : ""),
               " ");
        mr_entry_clear(&entry);
    }
    source->ops->destroy(source);
    return text;
}

#define ck_assert_listing(config, expected)                                                        \
    do {                                                                                           \
        char *text_ = listing(config);                                                             \
        ck_assert_str_eq(text_, expected);                                                         \
        free(text_);                                                                               \
    } while (0)

/* The next entry of that name; errors before it are passed over. */
static struct mr_entry find(struct mr_source *source, const char *path)
{
    struct mr_entry entry = {0};
    struct mr_error err = {0};
    for (enum mr_status status; (status = source->ops->next(source, &entry, &err)) != MR_DONE;) {
        if (status == MR_OK && strcmp(entry.path, path) == 0)
            return entry;
        mr_entry_clear(&entry);
    }
    ck_abort_msg("%s does not come", path);
    return entry;
}

START_TEST(test_order)
{
    touch("b");
    touch("a/z");
    touch("a/b/c");
    touch("a.b");
    touch("B");
    touch("a-b/x");
    mkdir(at("empty"), 0755);
    ck_assert_listing(NULL, "B a/ a/b/ a/b/c a/z a-b/ a-b/x a.b b empty/ ");
}
END_TEST

/* Wherever it would stand, and whatever it is; below the root the name is one like others. */
START_TEST(test_first_name)
{
    static const char *const names[] = {"b", "a", "c", "nothing", "a/b"};
    static const char *const expected[] = {
        "b a/ a/b a/c c/ c/x ", "a/ a/b a/c b c/ c/x ", "c/ c/x a/ a/b a/c b ",
        "a/ a/b a/c b c/ c/x ", "a/ a/b a/c b c/ c/x ",
    };
    touch("a/b");
    touch("a/c");
    touch("b");
    touch("c/x");
    ck_assert_listing((&(struct walk_config){.first_name = names[_i]}), expected[_i]);
    struct mr_source *source =
        walk(&(struct walk_config){.first_name = names[_i], .is_unsorted = true});
    struct mr_entry entry = {0};
    struct mr_error err = {0};
    ck_assert_ok(source->ops->next(source, &entry, &err), err);
    if (_i < 3)
        ck_assert_str_eq(entry.path, names[_i]);
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

START_TEST(test_first_name_is_selected_like_others)
{
    touch(".m");
    touch("a");
    ck_assert_listing((&(struct walk_config){.first_name = ".m", .leaves_out_hidden = true}), "a ");
    ck_assert_int_eq(symlink("nowhere", at("link")), 0);
    ck_assert_listing((&(struct walk_config){.first_name = "link", .follows_links = true}),
                      "!link .m a ");
    struct stat st;
    ck_assert_int_eq(stat(at("a"), &st), 0);
    struct walk_own own = {st.st_dev, st.st_ino};
    ck_assert_listing((&(struct walk_config){.first_name = "a", .own = &own, .own_count = 1}),
                      ".m link@ ");
}
END_TEST

START_TEST(test_empty)
{
    ck_assert_listing(NULL, "");
}
END_TEST

START_TEST(test_unsorted)
{
    for (unsigned i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof(name), "d/%u", i);
        touch(name);
    }
    struct mr_source *source = walk(&(struct walk_config){.is_unsorted = true});
    unsigned count = 0;
    struct mr_entry entry = {0};
    struct mr_error err = {0};
    for (; source->ops->next(source, &entry, &err) == MR_OK; count++)
        mr_entry_clear(&entry);
    ck_assert_uint_eq(count, 301);
    source->ops->destroy(source);
}
END_TEST

START_TEST(test_hidden_and_depth)
{
    touch(".h");
    touch(".d/x");
    touch("a/.y");
    touch("a/b/c");
    ck_assert_listing(NULL, ".d/ .d/x .h a/ a/.y a/b/ a/b/c ");
    ck_assert_listing((&(struct walk_config){.leaves_out_hidden = true}), "a/ a/b/ a/b/c ");
    ck_assert_listing((&(struct walk_config){.max_depth = 1}), ".d/ .h a/ ");
    ck_assert_listing((&(struct walk_config){.max_depth = 2}), ".d/ .d/x .h a/ a/.y a/b/ ");
}
END_TEST

static bool is_not_b(void *ctx, const char *path)
{
    ++*(unsigned *)ctx;
    return strcmp(path, "a/b") != 0;
}

START_TEST(test_descends)
{
    touch("a/b/c");
    touch("a/d");
    unsigned count = 0;
    ck_assert_listing((&(struct walk_config){.descends = is_not_b, .ctx = &count}), "a/ a/b/ a/d ");
    ck_assert_uint_eq(count, 2);
}
END_TEST

START_TEST(test_odd_names)
{
    touch("new\nline");
    touch("\xff\xfe");
    touch(" ");
    touch("-rf");
    touch("a\\b");
    ck_assert_listing(NULL, "  -rf a\\b new\nline \xff\xfe ");
    for (unsigned i = 1; i < 256; i++) {
        if (i == '/' || i == '.')
            continue;
        char name[3] = {'n', (char)i, 0};
        touch(name);
    }
    struct mr_source *source = walk(NULL);
    struct mr_entry entry = {0};
    struct mr_error err = {0};
    unsigned count = 0;
    char last[8] = "";
    for (; source->ops->next(source, &entry, &err) == MR_OK; count++) {
        if (entry.path[0] == 'n' && strlen(entry.path) == 2) {
            ck_assert_int_lt(strcmp(last, entry.path), 0);
            strcpy(last, entry.path);
        }
        mr_entry_clear(&entry);
    }
    ck_assert_uint_eq(count, 253 + 5);
    source->ops->destroy(source);
}
END_TEST

START_TEST(test_metadata)
{
    touch("d/f");
    ck_assert_int_eq(chmod(at("d/f"), 04751), 0);
    ck_assert_int_eq(link(at("d/f"), at("d/g")), 0);
    struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = -7, .tv_nsec = 123456789}};
    ck_assert_int_eq(utimensat(AT_FDCWD, at("d/f"), times, 0), 0);
    ck_assert_int_eq(symlink("../nowhere", at("l")), 0);
    struct stat st;
    ck_assert_int_eq(stat(at("d/f"), &st), 0);
    struct mr_source *source = walk(NULL);
    struct mr_entry entry = find(source, "d/f");
    ck_assert_int_eq(entry.kind, MR_KIND_FILE);
    ck_assert_uint_eq(entry.mode, 04751);
    ck_assert(entry.has_mode && entry.has_mtime && entry.has_owner);
    ck_assert_int_eq(entry.mtime_s, -7);
    ck_assert_uint_eq(entry.mtime_ns, 123456789);
    ck_assert_int_eq(entry.size_bytes, 3);
    ck_assert_uint_eq(entry.inode, st.st_ino);
    ck_assert_uint_eq(entry.device, st.st_dev);
    ck_assert_uint_eq(entry.link_count, 2);
    ck_assert_uint_eq(entry.uid, st.st_uid);
    mr_entry_clear(&entry);
    entry = find(source, "l");
    ck_assert_int_eq(entry.kind, MR_KIND_SYMLINK);
    ck_assert_str_eq(entry.target, "../nowhere");
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

/* Needs the right to mount; says nothing otherwise. */
START_TEST(test_another_file_system)
{
    touch("a/f");
    mkdir(at("b"), 0755);
    touch("c/f");
    if (mount("tmpfs", at("b"), "tmpfs", 0, "size=64k") != 0)
        return;
    touch("b/f");
    const struct walk_config config = {.stays_on_device = true};
    char *all = listing(NULL), *some = listing(&config);
    umount(at("b"));
    ck_assert_str_eq(all, "a/ a/f b/ b/f c/ c/f ");
    ck_assert_str_eq(some, "a/ a/f b/ c/ c/f ");
    free(all);
    free(some);
}
END_TEST

START_TEST(test_special_files)
{
    ck_assert_int_eq(mkfifo(at("fifo"), 0644), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock", root);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    touch("z");
    ck_assert_listing(NULL, "fifo? sock? z ");
    ck_assert_listing((&(struct walk_config){.reads_xattrs = true}), "fifo? sock? z ");
    close(fd);
    /* Something that was a file when it was found is not waited for. */
    struct mr_source *source = walk(NULL);
    struct mr_entry entry = find(source, "z");
    unlink(at("z"));
    mkfifo(at("z"), 0644);
    struct mr_reader *reader = NULL;
    struct mr_error err = {0};
    ck_assert_int_eq(source->ops->open(source, &entry, &reader, &err), MR_E_CHANGED);
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

START_TEST(test_links_are_not_followed)
{
    touch("d/f");
    ck_assert_int_eq(symlink("d", at("l")), 0);
    ck_assert_int_eq(symlink(".", at("self")), 0);
    ck_assert_int_eq(symlink("/etc", at("out")), 0);
    ck_assert_listing(NULL, "d/ d/f l@ out@ self@ ");
}
END_TEST

START_TEST(test_links_are_followed)
{
    touch("d/f");
    ck_assert_int_eq(symlink("d", at("l")), 0);
    ck_assert_int_eq(symlink("d/f", at("m")), 0);
    ck_assert_int_eq(symlink("missing", at("n")), 0);
    ck_assert_int_eq(symlink("o", at("o")), 0);
    ck_assert_int_eq(symlink("..", at("d/up")), 0);
    struct walk_config config = {.follows_links = true};
    ck_assert_listing(&config, "d/ d/f !d/up l/ l/f !l/up m !n !o ");
    struct mr_source *source = walk(&config);
    struct mr_entry entry = find(source, "l/f");
    struct mr_error err = {0};
    struct mr_reader *reader = NULL;
    ck_assert_ok(source->ops->open(source, &entry, &reader, &err), err);
    char buffer[8];
    size_t got = 0;
    ck_assert_ok(source->ops->read(source, reader, buffer, sizeof(buffer), &got, &err), err);
    ck_assert_uint_eq(got, 3);
    ck_assert_ok(source->ops->close(source, reader, &err), err);
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

START_TEST(test_chain_of_links)
{
    touch("d/f");
    char name[32], target[32];
    for (unsigned i = 0; i < 45; i++) {
        snprintf(name, sizeof(name), "l%02u", i);
        snprintf(target, sizeof(target), "l%02u", i + 1);
        ck_assert_int_eq(symlink(i == 44 ? "d" : target, at(name)), 0);
    }
    char *text = listing(&(struct walk_config){.follows_links = true});
    ck_assert_ptr_nonnull(strstr(text, "!l00 ")); /* the system follows 40 */
    ck_assert_ptr_nonnull(strstr(text, " l44/ l44/f "));
    free(text);
}
END_TEST

START_TEST(test_deep)
{
    /* Deeper than what stays open, with something behind each directory on the way up. */
    char path[2048] = "";
    char *expected = calloc(1, 1 << 20);
    for (unsigned i = 0; i < 150; i++) {
        strcat(path, i ? "/d" : "d");
        ck_assert_int_eq(mkdir(at(path), 0755), 0);
        strcat(strcat(expected, path), "/ ");
    }
    for (unsigned i = 150; i-- > 0;) {
        path[2 * i] = '\0';
        strcat(path, "z");
        touch(path);
        strcat(strcat(expected, path), " ");
    }
    ck_assert_listing(NULL, expected);
    ck_assert_listing((&(struct walk_config){.follows_links = true}), expected);
    free(expected);
}
END_TEST

START_TEST(test_too_long)
{
    char *name = malloc(251);
    memset(name, 'n', 250);
    name[250] = '\0';
    int fd = open(root, O_PATH | O_DIRECTORY);
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(mkdirat(fd, name, 0755), 0);
        int next = openat(fd, name, O_PATH | O_DIRECTORY);
        close(fd);
        fd = next;
    }
    close(fd);
    struct mr_source *source = walk(NULL);
    struct mr_entry entry = {0};
    struct mr_error err = {0};
    unsigned count = 0, error_count = 0;
    for (enum mr_status status; (status = source->ops->next(source, &entry, &err)) != MR_DONE;) {
        if (status == MR_OK)
            count++;
        else
            error_count++;
        ck_assert(status == MR_OK || status == MR_E_LIMIT);
        ck_assert_ptr_nonnull(entry.path);
        mr_entry_clear(&entry);
    }
    ck_assert_uint_eq(count, 16);
    ck_assert_uint_eq(error_count, 1);
    source->ops->destroy(source);
    free(name);
}
END_TEST

/* root ignores permissions: the walk runs as nobody then. */
START_TEST(test_unreadable)
{
    touch("a/f");
    touch("b/f");
    touch("c");
    ck_assert_int_eq(chmod(at("a"), 0), 0);
    ck_assert_int_eq(chmod(root, 0755), 0);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(9);
        char *text = listing(NULL);
        _exit(strcmp(text, "a/ !a b/ b/f c ") == 0 ? 0 : 1);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    chmod(at("a"), 0755);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

START_TEST(test_own_output)
{
    touch("in");
    touch("out/x");
    touch("out.zip");
    struct stat a, b;
    ck_assert_int_eq(stat(at("out"), &a), 0);
    ck_assert_int_eq(stat(at("out.zip"), &b), 0);
    const struct walk_own own[] = {{a.st_dev, a.st_ino}, {b.st_dev, b.st_ino}};
    ck_assert_listing((&(struct walk_config){.own = own, .own_count = 2}), "in ");
}
END_TEST

START_TEST(test_vanished)
{
    touch("a");
    touch("b");
    mkdir(at("c"), 0755);
    touch("cc/x");
    touch("d/x");
    struct mr_source *source = walk(NULL);
    struct mr_error err = {0};
    struct mr_entry entry = {0};
    unlink(at("a"));
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_E_CHANGED);
    ck_assert_str_eq(entry.path, "a");
    ck_assert_ptr_nonnull(strstr(err.text, "vanished"));
    mr_entry_clear(&entry);
    entry = find(source, "c");
    mr_entry_clear(&entry);
    rmdir(at("c"));
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_E_CHANGED);
    ck_assert_str_eq(entry.path, "c");
    mr_entry_clear(&entry);
    entry = find(source, "cc");
    mr_entry_clear(&entry);
    ck_assert_int_eq(rename(at("cc"), at("moved")), 0);
    touch("cc/y");
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_E_CHANGED);
    ck_assert_str_eq(entry.path, "cc");
    ck_assert_ptr_nonnull(strstr(err.text, "was replaced"));
    mr_entry_clear(&entry);
    entry = find(source, "d");
    mr_entry_clear(&entry);
    /* A directory that became a link is not entered. */
    unlink(at("d/x"));
    rmdir(at("d"));
    ck_assert_int_eq(symlink("/etc", at("d")), 0);
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_E_CHANGED);
    mr_entry_clear(&entry);
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_DONE);
    source->ops->destroy(source);
}
END_TEST

START_TEST(test_xattrs)
{
    touch("f");
    if (setxattr(at("f"), "user.a", "value", 5, 0) != 0)
        return; /* not every file system has them */
    ck_assert_int_eq(setxattr(at("f"), "user.empty", "", 0, 0), 0);
    struct mr_source *source = walk(NULL);
    struct mr_entry entry = find(source, "f");
    ck_assert_uint_eq(entry.xattr_count, 0);
    mr_entry_clear(&entry);
    source->ops->destroy(source);
    source = walk(&(struct walk_config){.reads_xattrs = true});
    entry = find(source, "f");
    ck_assert_uint_eq(entry.xattr_count, 2);
    unsigned a = strcmp(entry.xattrs[0].name, "user.a") == 0 ? 0 : 1;
    ck_assert_str_eq(entry.xattrs[a].name, "user.a");
    ck_assert_uint_eq(entry.xattrs[a].value_bytes, 5);
    ck_assert_mem_eq(entry.xattrs[a].value, "value", 5);
    ck_assert_uint_eq(entry.xattrs[!a].value_bytes, 0);
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

START_TEST(test_cannot_open)
{
    struct mr_source *source = NULL;
    struct mr_error err = {0};
    const struct walk_config none = {0};
    ck_assert_int_eq(directory_source_create(at("missing"), &none, &source, &err), MR_E_SYSTEM);
    ck_assert_int_eq(err.sys_errno, ENOENT);
    ck_assert_ptr_nonnull(strstr(err.text, "missing"));
    touch("file");
    ck_assert_int_eq(directory_source_create(at("file"), &none, &source, &err), MR_E_SYSTEM);
    ck_assert_int_eq(err.sys_errno, ENOTDIR);
}
END_TEST

Suite *directory_source_suite(void)
{
    Suite *suite = suite_create("directory_source");
    TCase *walking = tcase_create("walking");
    tcase_add_checked_fixture(walking, set_up, tear_down);
    tcase_add_test(walking, test_order);
    tcase_add_loop_test(walking, test_first_name, 0, 5);
    tcase_add_test(walking, test_first_name_is_selected_like_others);
    tcase_add_test(walking, test_empty);
    tcase_add_test(walking, test_unsorted);
    tcase_add_test(walking, test_hidden_and_depth);
    tcase_add_test(walking, test_descends);
    tcase_add_test(walking, test_odd_names);
    tcase_add_test(walking, test_metadata);
    tcase_add_test(walking, test_another_file_system);
    tcase_add_test(walking, test_special_files);
    tcase_add_test(walking, test_links_are_not_followed);
    tcase_add_test(walking, test_links_are_followed);
    tcase_add_test(walking, test_chain_of_links);
    tcase_add_test(walking, test_deep);
    tcase_add_test(walking, test_too_long);
    tcase_add_test(walking, test_unreadable);
    tcase_add_test(walking, test_own_output);
    tcase_add_test(walking, test_xattrs);
    tcase_add_test(walking, test_cannot_open);
    suite_add_tcase(suite, walking);
    TCase *changing = tcase_create("changing");
    tcase_add_checked_fixture(changing, set_up, tear_down);
    tcase_add_test(changing, test_vanished);
    suite_add_tcase(suite, changing);
    return suite;
}
