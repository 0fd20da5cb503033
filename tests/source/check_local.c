/* Reading files: sizes, and what happens to a file before it is opened and while it is read. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/sources.h"
#include "support/support.h"

Suite *local_suite(void);

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

static struct mr_source *walk(void)
{
    const struct walk_config none = {0};
    struct mr_error err = {0};
    struct mr_source *source = NULL;
    ck_assert_ok(directory_source_create(root, &none, &source, &err), err);
    return source;
}

static struct mr_entry find(struct mr_source *source, const char *path)
{
    struct mr_entry entry = {0};
    struct mr_error err = {0};
    while (source->ops->next(source, &entry, &err) == MR_OK) {
        if (strcmp(entry.path, path) == 0)
            return entry;
        mr_entry_clear(&entry);
    }
    ck_abort_msg("%s does not come", path);
    return entry;
}

/* What happens to file f (100,000 bytes) while it is read. */
enum change { NOTHING, APPENDED, CUT, REWRITTEN, REPLACED, PARENT_SWAPPED, REMOVED, CHANGES };

static void change(enum change what)
{
    int fd;
    switch (what) {
    case APPENDED:
    case REWRITTEN:
        fd = open(at("d/f"), O_WRONLY);
        ck_assert_int_eq(pwrite(fd, "x", 1, what == APPENDED ? 100000 : 50), 1);
        close(fd);
        break;
    case CUT:
        ck_assert_int_eq(truncate(at("d/f"), 10), 0);
        break;
    case REPLACED:
        support_write_file(root, "new", "new", 3);
        ck_assert_int_eq(rename(at("new"), at("d/f")), 0);
        break;
    case PARENT_SWAPPED:
        ck_assert_int_eq(rename(at("d"), at("e")), 0);
        ck_assert_int_eq(symlink("e", at("d")), 0);
        break;
    case REMOVED:
        ck_assert_int_eq(unlink(at("d/f")), 0);
        break;
    case NOTHING:
    case CHANGES:
        break;
    }
}

static enum mr_status read_all(struct mr_source *source, struct mr_reader *reader, size_t cap_bytes,
                               size_t *total)
{
    struct mr_error err = {0};
    char *buffer = malloc(cap_bytes);
    size_t got;
    enum mr_status status;
    *total = 0;
    do {
        status = source->ops->read(source, reader, buffer, cap_bytes, &got, &err);
        *total += got;
    } while (status == MR_OK && got == cap_bytes);
    free(buffer);
    return status;
}

START_TEST(test_change_before_open)
{
    unsigned char *data = support_noise(1, 100000);
    support_write_file(root, "d/f", data, 100000);
    free(data);
    struct mr_source *source = walk();
    struct mr_entry entry = find(source, "d/f");
    change((enum change)_i);
    struct mr_reader *reader = NULL;
    struct mr_error err = {0};
    enum mr_status status = source->ops->open(source, &entry, &reader, &err);
    bool is_gone = _i == REPLACED || _i == PARENT_SWAPPED || _i == REMOVED;
    ck_assert_int_eq(status, is_gone ? MR_E_CHANGED : MR_OK);
    if (status == MR_OK) {
        size_t total;
        ck_assert_int_eq(read_all(source, reader, 4096, &total), MR_OK);
        ck_assert_uint_eq(total, _i == APPENDED ? 100001 : _i == CUT ? 10 : 100000);
        ck_assert_ok(source->ops->close(source, reader, &err), err);
    }
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

START_TEST(test_change_while_read)
{
    unsigned char *data = support_noise(1, 100000);
    support_write_file(root, "d/f", data, 100000);
    free(data);
    struct mr_source *source = walk();
    struct mr_entry entry = find(source, "d/f");
    struct mr_reader *reader = NULL;
    struct mr_error err = {0};
    ck_assert_ok(source->ops->open(source, &entry, &reader, &err), err);
    size_t total;
    char buffer[100];
    ck_assert_ok(source->ops->read(source, reader, buffer, sizeof(buffer), &total, &err), err);
    usleep(20000); /* more than the clock of the file system takes for a step */
    change((enum change)_i);
    ck_assert_int_eq(read_all(source, reader, 4096, &total), MR_OK);
    enum mr_status status = source->ops->close(source, reader, &err);
    bool is_same = _i == NOTHING || _i == PARENT_SWAPPED;
    if (_i == REPLACED || _i == REMOVED)
        is_same = status == MR_OK; /* the bytes are whole; that its name went may be reported */
    ck_assert_int_eq(status, is_same ? MR_OK : MR_E_CHANGED);
    mr_entry_clear(&entry);
    source->ops->destroy(source);
}
END_TEST

START_TEST(test_read_sizes)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 10000};
    struct mr_error err = {0};
    for (unsigned i = 0; i < 6; i++) {
        unsigned char *data = support_noise(i, sizes[i]);
        support_write_file(root, "f", data, sizes[i]);
        struct mr_source *source = walk();
        struct mr_entry entry = find(source, "f");
        for (size_t cap = 1; cap <= 16384; cap *= 4) {
            struct mr_reader *reader = NULL;
            ck_assert_ok(source->ops->open(source, &entry, &reader, &err), err);
            unsigned char *all = calloc(1, 32768);
            size_t total = 0, got;
            do {
                ck_assert_ok(source->ops->read(source, reader, all + total, cap, &got, &err), err);
                total += got;
            } while (got == cap);
            ck_assert_uint_eq(total, sizes[i]);
            ck_assert_int_eq(memcmp(all, data, sizes[i]), 0);
            ck_assert_ok(source->ops->close(source, reader, &err), err);
            free(all);
        }
        mr_entry_clear(&entry);
        source->ops->destroy(source);
        free(data);
    }
}
END_TEST

Suite *local_suite(void)
{
    Suite *suite = suite_create("local");
    TCase *tcase = tcase_create("reading");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, test_change_before_open, 0, CHANGES);
    tcase_add_loop_test(tcase, test_change_while_read, 0, CHANGES);
    tcase_add_test(tcase, test_read_sizes);
    suite_add_tcase(suite, tcase);
    return suite;
}
