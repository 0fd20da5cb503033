/* The inputs of a run: what each is taken for, its prefix, lists, and references. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source/inputs.h"
#include "source/prefix.h"
#include "support/support.h"

Suite *inputs_suite(void);

static char *root;

/* Tests run in the directory, so that names are short and "." means something. */
static void set_up(void)
{
    root = support_temp_directory();
    ck_assert_int_eq(chdir(root), 0);
}

static void tear_down(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    support_remove(root);
}

static void touch(const char *name)
{
    support_write_file(root, name, "plain text\n", 11);
}

/* A tar archive that holds one file, "m", of 3 bytes. */
static size_t make_tar(char tar[2048])
{
    memset(tar, 0, 2048);
    strcpy(tar, "m");
    strcpy(tar + 100, "0000644");
    strcpy(tar + 108, "0000000");
    strcpy(tar + 116, "0000000");
    strcpy(tar + 124, "00000000003");
    strcpy(tar + 136, "00000000000");
    memset(tar + 148, ' ', 8);
    tar[156] = '0';
    memcpy(tar + 257, "ustar\00000", 8);
    unsigned sum = 0;
    for (unsigned i = 0; i < 512; i++)
        sum += (unsigned char)tar[i];
    snprintf(tar + 148, 8, "%06o", sum);
    memcpy(tar + 512, "abc", 3);
    return 2048;
}

static void write_tar(const char *name)
{
    char tar[2048];
    support_write_file(root, name, tar, make_tar(tar));
}

/*
 * All entries as "prefix:path " and errors as "!shown " or, about an input as a whole, "!! "; the
 * last error's text stays in last_error.
 */
static char last_error[MR_ERROR_TEXT_BYTES];

static char *listing_of(const struct inputs_config *config)
{
    struct inputs *inputs = NULL;
    struct mr_error err = {0};
    ck_assert_ok(inputs_create(config, &inputs, &err), err);
    char *text = calloc(1, 1 << 16), shown[PATH_MAX];
    for (;;) {
        struct mr_entry entry = {0};
        struct input *input = NULL;
        enum mr_status status = inputs_next(inputs, &entry, &input, &err);
        if (status == MR_DONE)
            break;
        size_t used = strlen(text);
        ck_assert_uint_lt(used, 60000);
        if (status == MR_OK)
            snprintf(text + used, 65536 - used, "%s:%s ", input->prefix, entry.path);
        else if (input)
            snprintf(text + used, 65536 - used, "!%s ",
                     input_show(input, entry.path, shown, sizeof(shown)));
        else
            snprintf(text + used, 65536 - used, "!! ");
        if (status != MR_OK)
            strcpy(last_error, err.text);
        mr_entry_clear(&entry);
        input_release(input);
    }
    inputs_destroy(inputs);
    return text;
}

#define NAMES(...)                                                                                 \
    .names = (const char *const[]){__VA_ARGS__},                                                   \
    .name_count = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)

#define ck_assert_inputs(expected, ...)                                                            \
    do {                                                                                           \
        char *text_ = listing_of(&(struct inputs_config){__VA_ARGS__});                            \
        ck_assert_str_eq(text_, expected);                                                         \
        free(text_);                                                                               \
    } while (0)

START_TEST(test_one_input)
{
    touch("site/a");
    touch("site/b/c");
    touch("f.txt");
    write_tar("x.tar");
    ck_assert_inputs(":a :b :b/c ", NAMES("site"));
    ck_assert_inputs(":a :b :b/c ", NAMES("./site//"));
    ck_assert_inputs(":f.txt ", NAMES("f.txt"));
    ck_assert_inputs(":m ", NAMES("x.tar"));
    ck_assert_inputs(":x.tar ", NAMES("x.tar"), .no_archives = true);
    ck_assert_inputs(":c ", NAMES("site/b/c"));
}
END_TEST

START_TEST(test_several_inputs)
{
    touch("site/a");
    touch("o/site/b");
    touch("f.txt");
    write_tar("d/x.tar.gz"); /* recognised by content, not by name */
    write_tar("y");
    ck_assert_inputs("site:a site:b :f.txt x:m y:m ",
                     NAMES("site", "o/site/", "f.txt", "d/x.tar.gz", "y"));
    ck_assert_inputs(":a :b :f.txt :m :m ", NAMES("site", "o/site/", "f.txt", "d/x.tar.gz", "y"),
                     .is_merged = true);
    ck_assert_int_eq(chdir("o/site"), 0);
    ck_assert_inputs("site:b o:site o:site/b site:b ", NAMES(".", "..", "../site/."));
}
END_TEST

START_TEST(test_suffixes)
{
    static const char *const pairs[][2] = {{"x.tar.gz", "x"},     {"x.TGZ", "x"},
                                           {"x.zip", "x"},        {"a.b/x.7z", "a.b/x"},
                                           {"x.cpio", "x"},       {"x.txt", "x.txt"},
                                           {".tar.gz", ".tar"},   {"zip", "zip"},
                                           {"x.tar.xz", "x"},     {".zip", ".zip"},
                                           {"x.log.gz", "x.log"}, {"d.tar/x", "d.tar/x"},
                                           {"d/.tar", "d/.tar"},  {"", ""}};
    for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char name[32];
        strcpy(name, pairs[i][0]);
        prefix_cut_suffixes(name);
        ck_assert_str_eq(name, pairs[i][1]);
    }
}
END_TEST

START_TEST(test_missing)
{
    touch("a");
    ck_assert_inputs("!! :a !! ", NAMES("missing", "a", "gone\n"));
    ck_assert_ptr_nonnull(strstr(last_error, "gone\\n"));
    ck_assert_ptr_nonnull(strstr(last_error, "No such file"));
    ck_assert_inputs("!! ", NAMES("a/b"));
}
END_TEST

START_TEST(test_links)
{
    touch("site/a");
    touch("f");
    write_tar("x.tar");
    ck_assert_int_eq(symlink("site", "to_site"), 0);
    ck_assert_int_eq(symlink("f", "to_f"), 0);
    ck_assert_int_eq(symlink("x.tar", "to_x.tar"), 0);
    ck_assert_int_eq(symlink("nowhere", "to_nowhere"), 0);
    ck_assert_inputs("to_site:a :to_f to_x:m :to_nowhere ",
                     NAMES("to_site", "to_f", "to_x.tar", "to_nowhere"));
    ck_assert_inputs("to_site:a :to_f to_x:m !! ",
                     NAMES("to_site", "to_f", "to_x.tar", "to_nowhere"),
                     .walk = {.follows_links = true});
}
END_TEST

START_TEST(test_list)
{
    touch("a/f");
    touch("f");
    touch("t/x/y");
    touch("odd\nname");
    write_tar("p/x.tar");
    char list[1000];
    snprintf(list, sizeof(list), "a/f\n\n./a//f\n%s/f\nt/../f\nt/x\np/x.tar\nmissing\n-\n../%s/f",
             root, strrchr(root, '/') + 1);
    support_write_file(root, "list", list, strlen(list));
    char expected[2000];
    snprintf(expected, sizeof(expected), ":a/f :a/f :%s/f :f t/x:y p/x:m !! !! :f ", root + 1);
    ck_assert_inputs(expected, .list_path = "list");
    /* "-" is a file in a list. */
    touch("-");
    support_write_file(root, "list", "-\n", 2);
    ck_assert_inputs(":- ", .list_path = "list");
    /* One name in a list is not the same as one name on the command line. */
    support_write_file(root, "list", "t", 1);
    ck_assert_inputs("t:x t:x/y ", .list_path = "list");
    ck_assert_inputs(":x :x/y ", .list_path = "list", .is_merged = true);
    ck_assert_inputs("a:f t:x t:x/y ", NAMES("a"), .list_path = "list");
    support_write_file(root, "list", "odd\nname\0\0a/f", 13);
    ck_assert_inputs(":odd\nname :a/f ", .list_path = "list", .list_has_nuls = true);
    support_write_file(root, "list", "a/f\nf\0x\nf\n", 10);
    ck_assert_inputs(":a/f !! :f ", .list_path = "list");
    support_write_file(root, "list", "", 0);
    ck_assert_inputs("", .list_path = "list");
    struct inputs *inputs = NULL;
    struct mr_error err = {0};
    ck_assert_int_eq(inputs_create(&(struct inputs_config){.list_path = "nolist"}, &inputs, &err),
                     MR_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.text, "nolist"));
}
END_TEST

START_TEST(test_long_names_in_list)
{
    touch("f");
    size_t size = 300000;
    char *list = malloc(size + 1);
    memset(list, 'n', size);
    memcpy(list, "f\n", 2);
    list[2 + 4096] = '\n';        /* just fits: the system refuses it */
    list[2 + 4097 + 4097] = '\n'; /* one too many */
    memcpy(list + size - 3, "\nf\n", 3);
    support_write_file(root, "list", list, size);
    ck_assert_inputs(":f !! !! !! :f ", .list_path = "list");
    ck_assert_ptr_nonnull(strstr(last_error, "longer than 4096 bytes"));
    free(list);
}
END_TEST

START_TEST(test_long_list)
{
    touch("f");
    char *list = malloc(200001);
    for (unsigned i = 0; i < 100000; i++)
        memcpy(list + 2 * i, "f\n", 3);
    support_write_file(root, "list", list, 200000);
    free(list);
    struct inputs *inputs = NULL;
    struct mr_error err = {0};
    ck_assert_ok(inputs_create(&(struct inputs_config){.list_path = "list", .no_archives = true},
                               &inputs, &err),
                 err);
    unsigned count = 0;
    for (;; count++) {
        struct mr_entry entry = {0};
        struct input *input = NULL;
        if (inputs_next(inputs, &entry, &input, &err) == MR_DONE)
            break;
        mr_entry_clear(&entry);
        input_release(input);
    }
    ck_assert_uint_eq(count, 100000);
    inputs_destroy(inputs);
}
END_TEST

/* Puts data into a pipe as stdin. */
static void feed_stdin(const void *data, size_t size_bytes)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], data, size_bytes), (ssize_t)size_bytes);
    close(ends[1]);
    ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
}

START_TEST(test_stdin)
{
    char tar[2048];
    size_t tar_bytes = make_tar(tar);
    touch("f");
    feed_stdin("hello", 5);
    ck_assert_inputs(":stdin ", NAMES("-"));
    feed_stdin("", 0);
    ck_assert_inputs(":stdin ", NAMES("-"));
    feed_stdin(tar, tar_bytes);
    ck_assert_inputs(":m ", NAMES("-"));
    feed_stdin(tar, tar_bytes);
    ck_assert_inputs(":f stdin:m ", NAMES("f", "-"));
    feed_stdin(tar, tar_bytes);
    ck_assert_inputs(":stdin ", NAMES("-"), .no_archives = true);
    feed_stdin("f\nf\n", 4);
    ck_assert_inputs(":f :f ", .list_path = "-");
    feed_stdin("hello", 5);
    ck_assert_inputs("!! ", NAMES("-"), .format = "tar");
}
END_TEST

START_TEST(test_stdin_content)
{
    /* Not a byte is lost by looking whether it is an archive. */
    unsigned char *data = support_text(3, 60000);
    feed_stdin(data, 60000);
    struct inputs *inputs = NULL;
    struct mr_error err = {0};
    ck_assert_ok(inputs_create(&(struct inputs_config){NAMES("-")}, &inputs, &err), err);
    struct mr_entry entry = {0};
    struct input *input = NULL;
    ck_assert_ok(inputs_next(inputs, &entry, &input, &err), err);
    struct mr_source *source = input->source;
    struct mr_reader *reader = NULL;
    unsigned char *all = malloc(100000);
    size_t got = 0;
    ck_assert_ok(source->ops->open(source, &entry, &reader, &err), err);
    ck_assert_ok(source->ops->read(source, reader, all, 100000, &got, &err), err);
    ck_assert_uint_eq(got, 60000);
    ck_assert_int_eq(memcmp(all, data, got), 0);
    ck_assert_ok(source->ops->close(source, reader, &err), err);
    mr_entry_clear(&entry);
    input_release(input);
    inputs_destroy(inputs);
    free(all);
    free(data);
}
END_TEST

START_TEST(test_fifo)
{
    char tar[2048];
    size_t tar_bytes = make_tar(tar);
    ck_assert_int_eq(mkfifo("pipe.tar", 0600), 0);
    touch("f");
    for (unsigned i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            int fd = open("pipe.tar", O_WRONLY);
            _exit(fd >= 0 && write(fd, i ? tar : "hello", i ? tar_bytes : 5) > 0 ? 0 : 1);
        }
        /* What is named like an archive has to be one. */
        ck_assert_inputs(i ? ":f pipe:m " : ":f !! ", NAMES("f", "pipe.tar"));
        int status = 0;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
}
END_TEST

START_TEST(test_wrong_use)
{
    struct inputs *inputs = NULL;
    struct mr_error err = {0};
    ck_assert_int_eq(inputs_create(&(struct inputs_config){0}, &inputs, &err), MR_E_USAGE);
    ck_assert_int_eq(inputs_create(&(struct inputs_config){NAMES("-", "-")}, &inputs, &err),
                     MR_E_USAGE);
    ck_assert_int_eq(
        inputs_create(&(struct inputs_config){NAMES("-"), .list_path = "-"}, &inputs, &err),
        MR_E_USAGE);
    ck_assert_int_eq(inputs_create(&(struct inputs_config){NAMES("")}, &inputs, &err), MR_E_USAGE);
    inputs_destroy(NULL);
    input_release(NULL);
}
END_TEST

static bool collides(const struct inputs_config *config)
{
    struct inputs *inputs = NULL;
    struct mr_error err = {0};
    ck_assert_ok(inputs_create(config, &inputs, &err), err);
    bool result = inputs_may_collide(inputs);
    inputs_destroy(inputs);
    return result;
}

START_TEST(test_may_collide)
{
    touch("d/f");
    write_tar("x.tar");
    ck_assert(!collides(&(struct inputs_config){NAMES("d")}));
    ck_assert(!collides(&(struct inputs_config){NAMES("d/f"), .no_archives = true}));
    ck_assert(collides(&(struct inputs_config){NAMES("d", "d")}));
    ck_assert(collides(&(struct inputs_config){NAMES("x.tar")}));
    ck_assert(collides(&(struct inputs_config){NAMES("d"), .list_path = "x.tar"}));
    ck_assert(collides(&(struct inputs_config){NAMES("-")}));
}
END_TEST

/* Items may outlive the turn of their input. */
START_TEST(test_references)
{
    touch("d/a");
    touch("d/b");
    touch("e/c");
    struct inputs *inputs = NULL;
    struct mr_error err = {0};
    ck_assert_ok(inputs_create(&(struct inputs_config){NAMES("d", "e")}, &inputs, &err), err);
    struct mr_entry entries[4] = {0};
    struct input *held[4] = {0};
    for (unsigned i = 0; i < 3; i++)
        ck_assert_ok(inputs_next(inputs, &entries[i], &held[i], &err), err);
    ck_assert_int_eq(inputs_next(inputs, &entries[3], &held[3], &err), MR_DONE);
    ck_assert_int_eq(inputs_next(inputs, &entries[3], &held[3], &err), MR_DONE);
    ck_assert_ptr_eq(held[0], held[1]);
    ck_assert_ptr_ne(held[0], held[2]);
    for (unsigned i = 0; i < 3; i++) {
        struct mr_reader *reader = NULL;
        struct mr_source *source = held[i]->source;
        ck_assert_ok(source->ops->open(source, &entries[i], &reader, &err), err);
        ck_assert_ok(source->ops->close(source, reader, &err), err);
        mr_entry_clear(&entries[i]);
        input_release(held[i]);
    }
    inputs_destroy(inputs);
    /* Given up in the middle. */
    ck_assert_ok(inputs_create(&(struct inputs_config){NAMES("d", "e")}, &inputs, &err), err);
    ck_assert_ok(inputs_next(inputs, &entries[0], &held[0], &err), err);
    mr_entry_clear(&entries[0]);
    input_release(held[0]);
    inputs_destroy(inputs);
}
END_TEST

START_TEST(test_show)
{
    touch("d/a\n");
    touch("f");
    write_tar("x.tar");
    feed_stdin("hello", 5);
    struct inputs *inputs = NULL;
    struct mr_error err = {0};
    ck_assert_ok(
        inputs_create(&(struct inputs_config){NAMES("./d//", "./f", "x.tar", "-")}, &inputs, &err),
        err);
    static const char *const expected[] = {"./d/a\\n", "./f", "x.tar!/m", "stdin"};
    for (unsigned i = 0; i < 4; i++) {
        struct mr_entry entry = {0};
        struct input *input = NULL;
        char shown[100];
        ck_assert_ok(inputs_next(inputs, &entry, &input, &err), err);
        ck_assert_str_eq(input_show(input, entry.path, shown, sizeof(shown)), expected[i]);
        mr_entry_clear(&entry);
        input_release(input);
    }
    inputs_destroy(inputs);
}
END_TEST

START_TEST(test_own)
{
    touch("d/f");
    touch("out");
    struct stat st;
    ck_assert_int_eq(stat("out", &st), 0);
    const struct walk_own own = {st.st_dev, st.st_ino};
    ck_assert_inputs("d:f ", NAMES("d", "out"), .walk = {.own = &own, .own_count = 1});
}
END_TEST

Suite *inputs_suite(void)
{
    Suite *suite = suite_create("inputs");
    TCase *tcase = tcase_create("inputs");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_one_input);
    tcase_add_test(tcase, test_several_inputs);
    tcase_add_test(tcase, test_suffixes);
    tcase_add_test(tcase, test_missing);
    tcase_add_test(tcase, test_links);
    tcase_add_test(tcase, test_list);
    tcase_add_test(tcase, test_long_names_in_list);
    tcase_add_test(tcase, test_long_list);
    tcase_add_test(tcase, test_stdin);
    tcase_add_test(tcase, test_stdin_content);
    tcase_add_test(tcase, test_fifo);
    tcase_add_test(tcase, test_wrong_use);
    tcase_add_test(tcase, test_may_collide);
    tcase_add_test(tcase, test_references);
    tcase_add_test(tcase, test_show);
    tcase_add_test(tcase, test_own);
    suite_add_tcase(suite, tcase);
    return suite;
}
