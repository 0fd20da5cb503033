/* A single file as an input. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/sources.h"
#include "support/support.h"

Suite *file_source_suite(void);

static char *root;

static void set_up(void)
{
    root = support_temp_directory();
}

static void tear_down(void)
{
    support_remove(root);
}

static const char *at(const char *name)
{
    static char paths[4][4400];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
    return path;
}

static struct mr_source *open_source(const char *name, const struct walk_config *config)
{
    const struct walk_config none = {0};
    struct mr_source *source = NULL;
    struct mr_error err = {0};
    ck_assert_ok(file_source_create(at(name), config ? config : &none, &source, &err), err);
    return source;
}

START_TEST(test_file)
{
    support_write_file(root, "d/f.txt", "content", 7);
    struct mr_source *source = open_source("d/f.txt", NULL);
    ck_assert_str_eq(source->label, at("d/f.txt"));
    struct mr_entry entry = {0};
    struct mr_error err = {0};
    ck_assert_ok(source->ops->next(source, &entry, &err), err);
    ck_assert_str_eq(entry.path, "f.txt");
    ck_assert_int_eq(entry.kind, MR_KIND_FILE);
    ck_assert_int_eq(entry.size_bytes, 7);
    struct mr_entry none = {0};
    ck_assert_int_eq(source->ops->next(source, &none, &err), MR_DONE);
    /* What the caller names it does not matter for finding it; it can be read more than once. */
    ck_assert_int_eq(mr_entry_set_path(&entry, "other/name"), MR_OK);
    for (unsigned i = 0; i < 2; i++) {
        struct mr_reader *reader = NULL;
        char buffer[16];
        size_t got = 0;
        ck_assert_ok(source->ops->open(source, &entry, &reader, &err), err);
        ck_assert_ok(source->ops->read(source, reader, buffer, sizeof(buffer), &got, &err), err);
        ck_assert_uint_eq(got, 7);
        ck_assert_mem_eq(buffer, "content", 7);
        ck_assert_ok(source->ops->close(source, reader, &err), err);
    }
    support_write_file(root, "new", "content", 7);
    ck_assert_int_eq(rename(at("new"), at("d/f.txt")), 0);
    struct mr_reader *reader = NULL;
    ck_assert_int_eq(source->ops->open(source, &entry, &reader, &err), MR_E_CHANGED);
    unlink(at("d/f.txt"));
    ck_assert_int_eq(source->ops->open(source, &entry, &reader, &err), MR_E_CHANGED);
    ck_assert_int_eq(source->ops->close(source, NULL, &err), MR_OK);
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

START_TEST(test_link)
{
    support_write_file(root, "f", "content", 7);
    ck_assert_int_eq(symlink("f", at("l")), 0);
    struct mr_entry entry = {0};
    struct mr_error err = {0};
    struct mr_source *source = open_source("l", NULL);
    ck_assert_ok(source->ops->next(source, &entry, &err), err);
    ck_assert_int_eq(entry.kind, MR_KIND_SYMLINK);
    ck_assert_str_eq(entry.target, "f");
    mr_entry_clear(&entry);
    source->ops->destroy(source);
    source = open_source("l", &(struct walk_config){.follows_links = true});
    ck_assert_ok(source->ops->next(source, &entry, &err), err);
    ck_assert_int_eq(entry.kind, MR_KIND_FILE);
    ck_assert_str_eq(entry.path, "l");
    struct mr_reader *reader = NULL;
    ck_assert_ok(source->ops->open(source, &entry, &reader, &err), err);
    ck_assert_ok(source->ops->close(source, reader, &err), err);
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

START_TEST(test_missing_and_own)
{
    struct mr_entry entry = {0};
    struct mr_error err = {0};
    struct mr_source *source = open_source("missing", NULL);
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_E_SYSTEM);
    ck_assert_int_eq(err.sys_errno, ENOENT);
    ck_assert_str_eq(entry.path, "missing");
    mr_entry_clear(&entry);
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_DONE);
    source->ops->destroy(source);
    support_write_file(root, "own", "", 0);
    struct stat st;
    ck_assert_int_eq(stat(at("own"), &st), 0);
    const struct walk_own own = {st.st_dev, st.st_ino};
    source = open_source("own", &(struct walk_config){.own = &own, .own_count = 1});
    ck_assert_int_eq(source->ops->next(source, &entry, &err), MR_DONE);
    ck_assert_ptr_null(entry.path);
    source->ops->destroy(source);
}
END_TEST

Suite *file_source_suite(void)
{
    Suite *suite = suite_create("file_source");
    TCase *tcase = tcase_create("file_source");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_file);
    tcase_add_test(tcase, test_link);
    tcase_add_test(tcase, test_missing_and_own);
    suite_add_tcase(suite, tcase);
    return suite;
}
